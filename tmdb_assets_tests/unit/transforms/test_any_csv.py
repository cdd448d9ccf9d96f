"""Any text as the file of continents: rows, or faults named by line and code; never an error."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tmdb_assets.transforms.continents import HEADER, parse_continents
from tmdb_assets_tests.cases.any_json import HOSTILE_TEXTS

CODES, CONTINENTS = {"DE", "US", "JP"}, ("Asia", "Europe", "North America")
CELLS = st.one_of(
    st.sampled_from(("DE", "US", "Germany", "Europe", "", " ", '"', '""', "a\nb", *HOSTILE_TEXTS)),
    st.text(max_size=10),
    st.just("x" * 140_000),  # longer than a field may be
)
LINES = st.one_of(
    st.lists(CELLS, min_size=3, max_size=5).map(",".join),
    st.sampled_from(("DE,Germany,Europe,", "US,United States,North America,\r", "JP,=1+1,Asia,<script>")),
)


@settings(max_examples=200)
@given(st.one_of(st.just(",".join(HEADER)), CELLS), st.lists(LINES, max_size=5))
def test_any_file_has_rows_or_faults(header, lines):
    rows, faults = parse_continents("\n".join([header, *lines]), CODES, CONTINENTS)
    assert rows or faults
    assert all(row["iso_3166_1"] in CODES and row["continent"] in CONTINENTS and row["name"] for row in rows)
    assert len({row["iso_3166_1"] for row in rows}) == len(rows)
    assert all(fault.line is not None and fault.line >= 1 and fault.fault for fault in faults)

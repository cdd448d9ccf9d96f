"""Whatever TMDb's users write reaches no terminal, message or table as anything but text."""

from __future__ import annotations

import csv
import io
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from tmdb_assets.errors.problem import as_cell, plain, plain_lines, unmarked
from tmdb_assets_tests.cases.any_json import HOSTILE_TEXTS

MANY = settings(max_examples=200)
TEXTS = st.one_of(
    st.sampled_from(HOSTILE_TEXTS), st.text(max_size=30), st.text("=+-@\uff1d;\"\t\r\n '\u200b\u202ea1", max_size=8)
)


@MANY
@given(TEXTS)
def test_plain_text_obeys_nothing(text):
    shown = plain(text)
    assert shown.isprintable()
    assert {unicodedata.category(character) for character in shown}.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})
    assert plain(shown) == shown
    assert "\x1b" not in plain_lines(text)


@MANY
@given(TEXTS)
def test_no_cell_is_a_formula(text):
    file = io.StringIO()
    csv.writer(file).writerow([as_cell(text), "next"])
    ((cell, following),) = csv.reader(io.StringIO(file.getvalue()))
    assert following == "next"
    for part in cell.split(";"):  # as where the decimal mark is a comma
        assert not part.strip(' "').startswith(("=", "+", "-", "@", "\uff1d"))
    assert cell.replace("'", "") == plain(text).replace("'", "")


def test_a_cell_has_its_formulas_marked_and_is_otherwise_as_it_was():
    texts = ("x;=1+1", 'x; "=1"', "\uff1d1+1", "a\t@b", "1-2", "a; b", "-5", "=1;-2")
    marked = ["x;'=1+1", 'x;\' "=1"', "'\uff1d1+1", "a @b", "1-2", "a; b", "'-5", "'=1;'-2"]
    assert [as_cell(text) for text in texts] == marked


def test_a_title_in_a_message_is_one_line_and_calls_nobody():
    title = (
        "X\ntmdb-assets: 3 alerts\n*Run _failed_* @all <!channel> ![i](https://evil.example/i.png) www.evil.example :x:"
    )
    shown = unmarked(f"Also rose: {title}, M: I 2.5 (4.5 to 8.0, +1,234%).")
    assert shown.startswith("Also rose: X tmdb-assets: 3 alerts")
    assert shown.endswith(", M: I 2.5 (4.5 to 8.0, +1,234%).")
    for active in ("\n", "@", "*", "_", "[", "]", "://", "www.", "evil.example", ":x:", "<"):
        assert active not in shown
    for line in ("Films in the week to 2026-07-29", "Next: Film 1 (2026-08-01), Film 2 (4.5)."):
        assert unmarked(line) == line

"""What is not a film: TMDb's own lists, the calendar, and the CSV of continents with its faults."""

from __future__ import annotations

import calendar
import datetime as dt
import json
from typing import Any

import pycountry
import pytest

from tmdb_assets.assets.enrichment import known_codes
from tmdb_assets.settings import DATA_DIR
from tmdb_assets.transforms.calendar import calendar_rows
from tmdb_assets.transforms.conform import conform
from tmdb_assets.transforms.continents import HEADER, CsvFault, parse_continents
from tmdb_assets.transforms.reference import Named, apply_reference, parse_reference, reference_rows
from tmdb_assets.warehouse.columns import frame_columns, key_columns
from tmdb_assets.warehouse.contracts import validate
from tmdb_assets_tests.replay import RECORDINGS
from tmdb_assets_tests.sound import TABLES

DAY = dt.date(2026, 7, 29)
LINE = "iso_3166_1,name,continent,note"


@pytest.mark.parametrize(
    ("kind", "entry", "code", "name"),
    [
        ("genre", {"id": 18, "name": "Drama"}, "18", "Drama"),
        ("genre", {"id": 18, "name": ""}, "18", None),
        ("genre", {"id": 0, "name": "x"}, "0", "x"),
        ("country", {"iso_3166_1": "SU", "english_name": "Soviet Union", "native_name": "СССР"}, "SU", "Soviet Union"),
        ("country", {"iso_3166_1": "XC", "english_name": ""}, "XC", None),
        ("language", {"iso_639_1": "de", "english_name": "German", "name": "Deutsch"}, "de", "German"),
        ("language", {"iso_639_1": "cn", "english_name": "", "name": "粤语"}, "cn", "粤语"),
        ("language", {"iso_639_1": "xx", "english_name": "", "name": ""}, "xx", None),
    ],
)
def test_an_entry_of_a_list_is_read(kind: str, entry: dict[str, Any], code: str, name: str | None) -> None:
    assert parse_reference(kind, [entry], DAY) == [
        {"kind": kind, "code": code, "name": name, "payload": entry, "fetched_date": DAY}
    ]


@pytest.mark.parametrize("kind", ["genre", "country", "language"])
@pytest.mark.parametrize("answer", [[None], [7], ["US"], [[]], [{}], {"genres": []}, "x", None, [{"id": None}]])
def test_a_strange_list_becomes_rejected_rows(kind: str, answer: Any) -> None:
    table = TABLES["raw_reference"]
    rows = parse_reference(kind, answer, DAY)
    valid = validate(table, conform(rows, frame_columns(table), key=tuple(key_columns(table))))
    assert (len(valid.frame), len(valid.rejected)) == (0, 1)
    assert "code not null" in {reason.rule for reason in valid.rejected[0].reasons}


def test_an_empty_list_gives_no_rows() -> None:
    assert parse_reference("genre", [], DAY) == []


def test_the_lists_name_wins_and_confirms_whatever_day_it_is_from() -> None:
    week_ago, week_on = DAY - dt.timedelta(days=7), DAY + dt.timedelta(days=7)
    reference = {18: Named("Drama", week_on), 35: Named("Comedy", week_ago), 99: Named(None, week_on)}
    rows = [{"genre_id": genre_id, "name": "told", "as_of_date": DAY} for genre_id in (18, 35, 99, 7, "18", None)]
    rows.append({"genre_id": [18], "name": "told", "as_of_date": DAY})
    applied = apply_reference(rows, reference, "genre_id")
    assert [(row["name"], row["as_of_date"]) for row in applied] == [
        ("Drama", week_on),
        ("Comedy", DAY),
        *[("told", DAY)] * 5,
    ]
    assert rows[0]["name"] == "told"  # the rows given stay as they were
    assert reference_rows({"SU": Named("Soviet Union", week_ago)}, "iso_3166_1") == [
        {"iso_3166_1": "SU", "name": "Soviet Union", "as_of_date": week_ago}
    ]


def test_the_calendar_has_every_day_once() -> None:
    rows = calendar_rows(2023, 2026)
    assert len(rows) == 365 * 4 + 1
    assert [rows[0]["date_id"], rows[-1]["date_id"]] == [dt.date(2023, 1, 1), dt.date(2026, 12, 31)]
    assert len({row["date_id"] for row in rows}) == len(rows)
    assert calendar_rows(2026, 2025) == []


@pytest.mark.parametrize(
    ("day", "quarter", "iso_week", "iso_day_of_week", "is_weekend"),
    [
        ("2023-01-01", 1, 52, 7, True),
        ("2024-02-29", 1, 9, 4, False),
        ("2024-12-30", 4, 1, 1, False),
        ("2026-03-31", 1, 14, 2, False),
        ("2026-04-01", 2, 14, 3, False),
        ("2026-07-31", 3, 31, 5, False),
        ("2026-08-01", 3, 31, 6, True),
        ("2026-12-31", 4, 53, 4, False),
    ],
)
def test_a_day_of_the_calendar(day: str, quarter: int, iso_week: int, iso_day_of_week: int, is_weekend: bool) -> None:
    date = dt.date.fromisoformat(day)
    row = {row["date_id"]: row for row in calendar_rows(date.year, date.year)}[date]
    assert row == {
        "date_id": date,
        "year": date.year,
        "quarter": quarter,
        "month": date.month,
        "day": date.day,
        "iso_week": iso_week,
        "iso_day_of_week": iso_day_of_week,
        "month_name": date.strftime("%B"),
        "is_weekend": is_weekend,
    }


def test_the_calendar_keeps_its_contract() -> None:
    table = TABLES["dim_date"]
    valid = validate(table, conform(calendar_rows(2023, 2026), frame_columns(table), key=("date_id",)))
    assert valid.rejected == []
    assert valid.frame["month_name"].unique().tolist() == list(calendar.month_name)[1:]


def test_the_committed_csv_is_sound_and_covers_every_code() -> None:
    text = (DATA_DIR / "country_continent.csv").read_text(encoding="utf-8")
    rows, faults = parse_continents(text, known_codes())
    assert faults == []
    continents = {row["iso_3166_1"]: row["continent"] for row in rows}
    assert {country.alpha_2 for country in pycountry.countries} <= set(continents)
    assert {"SU", "YU", "XC", "XG", "XI", "XK", "AN", "CS"} <= set(continents)
    table = TABLES["country_continent"]
    assert validate(table, conform(rows, frame_columns(table))).rejected == []
    some = {code: continents[code] for code in ("US", "BR", "JP", "AQ", "NG", "NZ", "XK")}
    assert list(some.values()) == [
        "North America",
        "South America",
        "Asia",
        "Antarctica",
        "Africa",
        "Oceania",
        "Europe",
    ]


def test_the_committed_csv_covers_tmdbs_recorded_list(recordings: None) -> None:
    listed = json.loads((RECORDINGS / "configuration" / "countries.json").read_bytes())
    rows, _ = parse_continents((DATA_DIR / "country_continent.csv").read_text(encoding="utf-8"), known_codes())
    assert {country["iso_3166_1"] for country in listed} - {row["iso_3166_1"] for row in rows} == set()


def test_lines_become_rows_with_unknowns_as_none() -> None:
    text = f'{LINE}\nUS,United States,North America,\nTR, Turkey ,Asia,"straddles two, mostly Asia"\nXX,,,\n'
    rows, faults = parse_continents(text, {"US", "TR", "XX"})
    assert faults == []
    assert rows == [
        {"iso_3166_1": "US", "name": "United States", "continent": "North America", "note": None, "line": 2},
        {"iso_3166_1": "TR", "name": "Turkey", "continent": "Asia", "note": "straddles two, mostly Asia", "line": 3},
        {"iso_3166_1": "XX", "name": None, "continent": None, "note": None, "line": 4},
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_byte_order_mark_and_either_line_end_are_read(newline: str) -> None:
    rows, faults = parse_continents(f"\ufeff{LINE}{newline}US,United States,North America,{newline}", {"US"})
    assert (len(rows), faults) == (1, [])


@pytest.mark.parametrize("header", ["", "code,name,continent,note", "iso_3166_1,name,continent", f"{LINE},more", "US"])
def test_a_bad_header_is_one_fault_and_no_rows(header: str) -> None:
    rows, faults = parse_continents(f"{header}\nUS,United States,North America,\n", {"US"})
    assert rows == []
    assert [(fault.line, fault.code) for fault in faults] == [(1, "")]
    assert repr(",".join(HEADER)) in faults[0].fault


def test_an_empty_file_has_a_bad_header() -> None:
    assert parse_continents("", {"US"}) == ([], [CsvFault(1, "", f"the header is '', it must be {LINE!r}")])


def test_every_fault_is_named_with_line_and_code() -> None:
    text = f"{LINE}\nUS,United States,North America,\nUS,Again,Asia,\nQQ,Nowhere,Asia,\nFR,France\n\nus,small,Asia,\n"
    rows, faults = parse_continents(text, {"US", "FR"})
    assert faults == [
        CsvFault(3, "US", "stands already on line 2"),
        CsvFault(4, "QQ", "neither ISO 3166-1 nor TMDb's country list has this code"),
        CsvFault(5, "FR", "2 columns, it must be 4"),
        CsvFault(6, "", "0 columns, it must be 4"),
        CsvFault(7, "us", "neither ISO 3166-1 nor TMDb's country list has this code"),
    ]
    assert [row["iso_3166_1"] for row in rows] == ["US", "QQ", "us"]


def test_the_line_of_a_fault_counts_lines_inside_quotes() -> None:
    text = f'{LINE}\nUS,United States,North America,"two\nlines"\nQQ,Nowhere,Asia,\n'
    assert [(fault.line, fault.code) for fault in parse_continents(text, {"US"})[1]] == [(4, "QQ")]


@pytest.mark.parametrize("continent", ["Atlantis", "asia", "America"])
def test_an_unknown_continent_breaks_the_contract(continent: str) -> None:
    rows, faults = parse_continents(f"{LINE}\nUS,United States,{continent},\n", {"US"})
    assert faults == []
    table = TABLES["country_continent"]
    rejected = validate(table, conform(rows, frame_columns(table))).rejected
    assert [(item.row["iso_3166_1"], item.reasons[0].value) for item in rejected] == [("US", continent)]

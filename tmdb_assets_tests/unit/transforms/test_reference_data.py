"""TMDb's own lists, the calendar, and the CSV of continents with its faults."""

from __future__ import annotations

import calendar
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pycountry
import pytest

from tmdb_assets.assets.continents import CONTINENTS, known_codes, read_continents
from tmdb_assets.settings import SHIPPED_DATA_DIR
from tmdb_assets.transforms.calendar import calendar_rows
from tmdb_assets.transforms.conform import Row, conform
from tmdb_assets.transforms.continents import CsvFault, find_missing, parse_continents
from tmdb_assets.transforms.reference import Named, apply_reference, parse_reference, reference_rows
from tmdb_assets.warehouse.loading.contracts import validate
from tmdb_assets.warehouse.schema.vocabulary import frame_columns, key_columns
from tmdb_assets_tests.cases.sound_rows import TABLES
from tmdb_assets_tests.fakes.replay_catalogue import RECORDINGS

DAY = dt.date(2026, 7, 29)
LINE = "iso_3166_1,name,continent,note"
US = "US,United States,North America,"


def parse(text: str, *codes: str) -> tuple[list[Row], list[CsvFault]]:
    """What a file with this text gives when these codes are known."""
    return parse_continents(text, codes, CONTINENTS)


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


def test_the_lists_name_wins_whatever_its_day() -> None:
    week_ago, week_on = DAY - dt.timedelta(days=7), DAY + dt.timedelta(days=7)
    reference = {18: Named("Drama", week_on), 35: Named("Comedy", week_ago), 99: Named(None, week_on)}
    rows = [{"genre_id": genre_id, "name": "given", "as_of_date": DAY} for genre_id in (18, 35, 99, 7, "18", None)]
    rows.append({"genre_id": [18], "name": "given", "as_of_date": DAY})
    applied = apply_reference(rows, reference, "genre_id")
    assert [(row["name"], row["as_of_date"]) for row in applied] == [
        ("Drama", week_on),
        ("Comedy", DAY),
        *[("given", DAY)] * 5,
    ]
    assert rows[0]["name"] == "given"  # the input is not changed
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


def test_the_committed_csv_is_valid_and_covers_every_code() -> None:
    text = (SHIPPED_DATA_DIR / "country_continent.csv").read_text(encoding="utf-8")
    rows, faults = parse(text, *known_codes())
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
    codes = {country["iso_3166_1"] for country in listed}
    assert read_continents(SHIPPED_DATA_DIR / "country_continent.csv", codes)[1] == []


def test_lines_become_rows_with_unknowns_as_none() -> None:
    text = f'{LINE}\n{US}\nTR, Turkey ,Asia,"straddles two, mostly Asia"\n'
    rows, faults = parse(text, "US", "TR")
    assert faults == []
    assert rows == [
        {"iso_3166_1": "US", "name": "United States", "continent": "North America", "note": None, "line": 2},
        {"iso_3166_1": "TR", "name": "Turkey", "continent": "Asia", "note": "straddles two, mostly Asia", "line": 3},
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_any_line_end_are_read(newline: str) -> None:
    rows, faults = parse(f"\ufeff{LINE}{newline}{US}{newline}", "US")
    assert (len(rows), faults) == (1, [])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        *(
            (f"{header}\n{US}\n", f"the header is {header!r}, it must be {LINE!r}")
            for header in ("", "code,name,continent,note", "iso_3166_1,name,continent", f"{LINE},more", "US")
        ),
        *((text, f"the header is '', it must be {LINE!r}") for text in ("", "\ufeff", " \n\n")),
        *((LINE + end, "there is no line after the header") for end in ("", "\n", "\n\n  \n")),
        ('"iso_3166_1,name\nUS,x,Asia,\n', "not valid CSV: unexpected end of data"),
    ],
)
def test_without_a_header_and_a_line_after_it_there_are_no_rows(text: str, fault: str) -> None:
    assert parse(text, "US") == ([], [CsvFault(1, "", fault)])


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n", "\r\n\r\n", "\n  \n\t\n"])
def test_blank_lines_at_the_end_are_no_lines(end: str) -> None:
    rows, faults = parse(f"{LINE}\n{US}{end}", "US")
    assert ([row["iso_3166_1"] for row in rows], faults) == (["US"], [])


def test_every_fault_is_named_with_line_and_code() -> None:
    text = f"{LINE}\n{US}\nUS,Again,Asia,\nQQ,Nowhere,Asia,\nFR,France\n\nus,small,Asia,\nDE, ,Asien,\n,x,Asia,\n"
    rows, faults = parse(text, "US", "FR", "DE")
    seven = "Africa, Antarctica, Asia, Europe, North America, Oceania, South America"
    assert faults == [
        CsvFault(3, "US", "is already on line 2"),
        CsvFault(4, "QQ", "not a code of ISO 3166-1 or TMDb's country list, and no film uses it"),
        CsvFault(5, "FR", "2 columns, it must be 4"),
        CsvFault(6, "", "0 columns, it must be 4"),
        CsvFault(7, "us", "the code must be two capital letters"),
        CsvFault(8, "DE", "the name is missing"),
        CsvFault(8, "DE", f"the continent is 'Asien', it must be one of {seven}"),
        CsvFault(9, "", "the code must be two capital letters"),
    ]
    assert [row["iso_3166_1"] for row in rows] == ["US"]


@pytest.mark.parametrize("code", ["", "U", "USA", "us", "U1", "ÄÖ", "U\nS"])
def test_a_code_of_the_wrong_form_is_a_fault_even_if_tmdb_has_it(code: str) -> None:
    rows, faults = parse(f'{LINE}\n"{code}",Somewhere,Asia,\n', code)
    assert rows == []
    assert [(fault.code, fault.fault) for fault in faults] == [(code, "the code must be two capital letters")]


@pytest.mark.parametrize("continent", ["", "Atlantis", "asia", "America", "Europa"])
def test_an_unknown_continent_is_a_fault(continent: str) -> None:
    rows, faults = parse(f"{LINE}\nFR,France,{continent},\n", "FR")
    assert rows == []
    assert [(fault.line, fault.code) for fault in faults] == [(2, "FR")]
    assert faults[0].fault.startswith(f"the continent is {continent!r}, it must be one of Africa, ")


def test_the_line_of_a_fault_counts_lines_inside_quotes() -> None:
    text = f'{LINE}\nUS,United States,North America,"two\nlines"\nQQ,Nowhere,Asia,\n'
    assert [(fault.line, fault.code) for fault in parse(text, "US")[1]] == [(4, "QQ")]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('FR,France,Europe,"never closed\nDE,Germany,Europe,', "unexpected end of data"),
        ('FR,"France" again,Europe,\nDE,Germany,Europe,', "',' expected after '\"'"),
        (f"FR,{'x' * 140_000},Europe,\nDE,Germany,Europe,", "field larger than field limit (131072)"),
    ],
    ids=["open-quote", "quote-inside", "huge-cell"],
)
def test_invalid_csv_is_a_fault_of_its_first_line(line: str, fault: str) -> None:
    rows, faults = parse(f"{LINE}\n{US}\n{line}\n", "US", "FR", "DE")
    assert [row["iso_3166_1"] for row in rows] == ["US"]
    assert faults == [CsvFault(3, "", f"not valid CSV: {fault}")]


def test_codes_without_a_line_are_named_in_order() -> None:
    text = "has no line, but TMDb's country list or a film has this code"
    rows = ["US", "DE"]
    assert find_missing(rows, ["XK", "US", "FR", "XK"]) == [CsvFault(None, "FR", text), CsvFault(None, "XK", text)]
    assert find_missing(rows, ["US"]) == []


def test_a_missing_file_or_a_folder_is_a_fault(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.csv", "No such file or directory"), (tmp_path, "Is a directory")):
        conformed, faults = read_continents(path, {"US"})
        assert (conformed.received, faults) == (0, [CsvFault(1, "", f"{path} cannot be read: {why}")])
    (fault,) = read_continents(Path("a\0b"), {"US"})[1]
    assert (fault.line, "cannot be read: embedded null" in fault.fault) == (1, True)


@pytest.mark.parametrize(("before", "line"), [("", 1), (f"{LINE}\n{US}\n", 3), (f"{LINE}\r\n", 2)])
def test_a_file_that_is_not_utf_8_is_a_fault_at_its_line(tmp_path: Path, before: str, line: int) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes(before.encode() + "CI,Côte d'Ivoire,Africa,\n".encode("latin-1"))
    assert read_continents(path, set())[1] == [
        CsvFault(line, "", "the file is not UTF-8 (invalid continuation byte); save it as UTF-8")
    ]


def test_what_breaks_the_contract_of_the_table_is_a_fault_of_its_line(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    nul, long = "a\0b", "x" * 501
    path.write_text(f"{LINE}\n{US}\nFR,{long},Europe,\nDE,Germany,Europe,{nul}\n", encoding="utf-8")
    assert sorted(read_continents(path, {"US", "IT"})[1], key=lambda fault: fault.line or 0) == [
        CsvFault(3, "FR", f"breaks the rule name max length 500: {'x' * 100 + '…'!r}"),
        CsvFault(4, "DE", f"breaks the rule note is of kind text: {nul!r}"),
    ]


def test_a_code_that_only_tmdb_has_may_have_a_line(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text(f"{LINE}\n{US}\nQQ,New,Asia,\n", encoding="utf-8")
    conformed, faults = read_continents(path, {"US", "QQ", "FR", "XK"})
    assert (conformed.received, faults) == (2, [])
    assert [(fault.line, fault.code) for fault in read_continents(path, {"US", "FR"})[1]] == [(3, "QQ")]

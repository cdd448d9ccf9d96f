"""Rows to frames: what each kind accepts and rejects, and which of repeated rows is kept."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tmdb_assets.transforms.conform import CASTS, PANDAS_DTYPES, SHOWN_CHARACTERS, Reason, Rejected, conform, shorten

DAY = dt.date(2026, 7, 29)
AT = dt.datetime(2026, 7, 29, 9, tzinfo=dt.UTC)
ACCEPTED: dict[str, list[tuple[Any, Any]]] = {
    "integer": [(0, 0), (-1, -1), (2923706026, 2923706026), (2**63 - 1, 2**63 - 1), (-(2**63), -(2**63)), (18.0, 18)],
    "number": [(0, 0.0), (7, 7.0), (6.5, 6.5), (-0.25, -0.25), (1e308, 1e308)],
    "text": [("", ""), ("Amélie", "Amélie"), ("天空の城", "天空の城"), ("🎬", "🎬"), (" x\n", " x\n")],
    "date": [("2026-07-29", DAY), (DAY, DAY), ("1888-10-14", dt.date(1888, 10, 14))],
    "boolean": [(True, True), (False, False)],
    "timestamp": [(AT, AT)],
    "json": [({"a": [1, None]}, {"a": [1, None]}), ("x", "x"), (3, 3), ([], [])],
    "integers": [([], []), ([18, 35.0], [18, 35])],
    "texts": [([], []), (["FR", ""], ["FR", ""])],
    "dates": [([], []), (["2026-07-29", DAY], [DAY, DAY])],
}
REFUSED: dict[str, list[Any]] = {
    "integer": ["1", 1.5, True, False, 2**63, -(2**63) - 1, 1e30, float("nan"), float("inf"), [], {}, DAY],
    "number": ["1.5", True, False, float("nan"), float("inf"), float("-inf"), 10**400, [], {}],
    "text": [1, 1.5, True, False, [], ["x"], {}, b"x", DAY],
    "date": ["", "29.07.2026", "2026-13-01", "2026-02-30", "0000-00-00", "2026-07-29T09:00:00", 20260729, True, AT, []],
    "boolean": [0, 1, "true", "", [], 1.0],
    "timestamp": ["2026-07-29T09:00:00Z", AT.replace(tzinfo=None), DAY, 0, True],
    "integers": [1, "1", {}, [None], ["1"], [1, True], [[1]], (1,)],
    "texts": ["FR", {}, [None], [1], ["FR", 1], ["\x00"]],
    "dates": [DAY, {}, [None], ["29.07.2026"], [AT]],
}


def rejected_value(value: Any, kind: str) -> list[Rejected]:
    return conform([{"it": value}], {"it": kind}).rejected


def test_every_kind_is_tried() -> None:
    assert set(ACCEPTED) == set(CASTS) == set(PANDAS_DTYPES)
    assert set(REFUSED) == set(CASTS) - {"json"}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_a_kind_takes_its_own_values_and_none(kind: str) -> None:
    made = conform([{"it": value} for value, _ in ACCEPTED[kind]] + [{"it": None}, {}], {"it": kind})
    assert made.rejected == []
    assert made.received == len(made.frame) == len(ACCEPTED[kind]) + 2
    assert str(made.frame["it"].dtype) == PANDAS_DTYPES[kind]
    values = made.frame["it"].tolist()
    assert values[:-2] == [right for _, right in ACCEPTED[kind]]
    assert [type(value) for value in values[:-2]] == [type(right) for _, right in ACCEPTED[kind]]
    assert made.frame["it"].isna().tolist()[-2:] == [True, True]


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in REFUSED for value in REFUSED[kind]])
def test_a_kind_refuses_other_values_and_quotes_them(kind: str, value: Any) -> None:
    row = {"it": value, "other": 1}
    made = conform([row], {"it": kind}, part=lambda refused: f"page {refused['other']}")
    assert len(made.frame) == 0
    assert made.received == 1
    assert made.rejected == [Rejected(row, (Reason(f"it is of kind {kind}", shorten(value)),), "page 1")]
    assert made.rejected[0].row is row


def test_a_row_has_a_reason_for_each_wrong_value_and_the_others_stay() -> None:
    rows = [{"id": 1, "title": "a"}, {"id": "2", "title": 7}, {"id": 3, "title": "c"}]
    made = conform(rows, {"id": "integer", "title": "text"})
    assert made.frame.to_dict("records") == [rows[0], rows[2]]
    assert made.rejected == [
        Rejected(rows[1], (Reason("id is of kind integer", "2"), Reason("title is of kind text", "7")), None)
    ]


def test_missing_columns_are_none_and_unknown_ones_are_left_out() -> None:
    made = conform([{"id": 1, "softcore": True}], {"id": "integer", "title": "text"})
    assert list(made.frame.columns) == ["id", "title"]
    assert made.frame["title"].isna().tolist() == [True]


def test_without_rows_the_frame_still_has_its_columns_and_dtypes() -> None:
    made = conform([], {f"of_{kind}": kind for kind in CASTS}, key=("of_integer",))
    assert {name: str(dtype) for name, dtype in made.frame.dtypes.items()} == {
        f"of_{kind}": PANDAS_DTYPES[kind] for kind in CASTS
    }
    assert (len(made.frame), made.received, made.rejected) == (0, 0, [])


def test_of_repeats_of_a_key_the_last_stays_at_its_place() -> None:
    rows = [{"day": "2026-07-29", "id": number, "n": place} for place, number in enumerate([1, 2, 1, 3, 2])]
    made = conform(rows, {"day": "date", "id": "integer", "n": "integer"}, key=("day", "id"))
    assert list(zip(made.frame["id"], made.frame["n"], strict=True)) == [(1, 2), (3, 3), (2, 4)]
    assert made.received == 5  # the share of rejected rows is of all received


def test_a_refused_repeat_does_not_take_the_good_row_with_it() -> None:
    made = conform([{"id": 1, "n": 1}, {"id": 1, "n": "x"}], {"id": "integer", "n": "integer"}, key=("id",))
    assert made.frame.to_dict("records") == [{"id": 1, "n": 1}]
    assert len(made.rejected) == 1


def test_rows_without_a_key_are_no_repeats_of_each_other() -> None:
    made = conform([{"id": None, "n": 1}, {"n": 2}, {"id": 1, "n": 3}], {"id": "integer", "n": "integer"}, key=("id",))
    assert made.frame["n"].tolist() == [1, 2, 3]


def test_without_a_key_repeats_stay() -> None:
    assert conform([{"id": 1}, {"id": 1}], {"id": "integer"}).frame["id"].tolist() == [1, 1]


def test_rows_may_come_from_an_iterator() -> None:
    assert conform(({"id": number} for number in range(3)), {"id": "integer"}).frame["id"].tolist() == [0, 1, 2]


def test_quoted_values_are_cut() -> None:
    assert shorten("x" * SHOWN_CHARACTERS) == "x" * SHOWN_CHARACTERS
    assert shorten("x" * (SHOWN_CHARACTERS + 1)) == "x" * SHOWN_CHARACTERS + "…"
    assert shorten(["x" * 5_000_000]) == "['" + "x" * (SHOWN_CHARACTERS - 2) + "…"
    assert shorten(None) == "None"


@pytest.mark.parametrize("kind", CASTS)
def test_a_column_cast_at_once_equals_one_cast_row_by_row(kind: str) -> None:
    """A row with a value of another kind makes `conform` judge row by row; the other rows come out the same."""
    sound = [{"id": number, "it": value} for number, (value, _) in enumerate(ACCEPTED[kind])]
    rows = [*sound, {"id": 0, "it": None}, {"id": None}, {"id": None}, sound[-1]]
    columns = {"id": "integer", "it": kind}
    at_once = conform(rows, columns, key=("id",))
    one_by_one = conform([*rows, {"id": "no integer"}], columns, key=("id",))
    assert [item.row for item in one_by_one.rejected] == [{"id": "no integer"}]
    assert at_once.rejected == []
    assert at_once.rows == one_by_one.rows
    assert [list(map(type, cells)) for cells in at_once.rows.cells] == [
        list(map(type, cells)) for cells in one_by_one.rows.cells
    ]

"""Every table's contract on frames: what passes and what is rejected, derived from the declarations."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from tmdb_assets.transforms.conform import SHOWN_CHARACTERS, Columns, Conformed, Reason, Rejected, conform
from tmdb_assets.warehouse.loading import contracts
from tmdb_assets.warehouse.loading.contracts import (
    Emptied,
    StructuralFaultError,
    Validated,
    check_structure,
    empty_broken_cells,
)
from tmdb_assets.warehouse.loading.load import PartOf
from tmdb_assets.warehouse.schema import dimensions, fact, raw
from tmdb_assets.warehouse.schema.vocabulary import Rule, frame_columns, key_columns
from tmdb_assets_tests.cases.sound_rows import (
    DAY,
    TABLES,
    as_frame,
    frame_column_list,
    rules_of,
    sound_row,
    values_beyond,
    values_within,
)

every_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
RULES = [(table, col, rule) for table in TABLES.values() for col, rule in rules_of(table)]
every_rule = pytest.mark.parametrize(
    ("table", "col", "rule"), RULES, ids=[f"{col.table.name}.{col.name}-{rule.name}" for _, col, rule in RULES]
)


def validate(table: sa.Table, made: Conformed, part: PartOf | None = None) -> Validated:
    """The verdicts; where clean columns got theirs without pandera, pandera's own on the same rows are equal."""
    found = contracts.validate(table, made, part)
    if isinstance(found.rows, Columns):
        by_pandera = contracts.validate(table, Conformed(made.frame, made.received, made.rejected), part)
        assert found.rejected == by_pandera.rejected == made.rejected
        assert found.frame.equals(by_pandera.frame)
    return found


def plain(value: Any) -> bool:
    """Whether a value is Python's own, which JSON and the database driver understand."""
    return type(value).__module__ in {"builtins", "datetime"}


def test_the_declarations_were_found() -> None:
    assert {"raw_discover", "dim_movie", "bridge_movie_genre", "fact_movie_daily", "country_continent"} <= set(TABLES)
    assert {rule.name for _, _, rule in RULES} == {"at_least", "at_most", "max_length", "matches", "one_of", "on_day"}


@every_table
def test_a_valid_frame_passes(table: sa.Table) -> None:
    rows = [sound_row(table, number) for number in range(3)]
    valid = validate(table, as_frame(table, rows))
    assert valid.rejected == []
    assert valid.frame.to_dict("records") == rows


@every_table
def test_clean_columns_are_never_made_a_frame(table: sa.Table) -> None:
    sound = [sound_row(table, number) for number in range(3)]
    required = next(col.name for col in frame_column_list(table) if not col.nullable)
    for rows in sound, []:
        assert isinstance(validate(table, as_frame(table, rows)).rows, Columns)
    for rows in [*sound, sound[0]], [sound[0], {**sound[1], required: None}]:
        assert not isinstance(validate(table, as_frame(table, rows)).rows, Columns)


@every_table
def test_everything_that_may_be_unknown_may_be_unknown(table: sa.Table) -> None:
    unknown = {col.name: None for col in frame_column_list(table) if col.nullable}
    valid = validate(table, as_frame(table, [sound_row(table, 0, **unknown), sound_row(table, 1)]))
    assert valid.rejected == []
    assert valid.frame.isna().sum().sum() == len(unknown)


@every_table
def test_an_empty_frame_passes(table: sa.Table) -> None:
    valid = validate(table, as_frame(table, []))
    assert (len(valid.frame), valid.rejected) == (0, [])


def on_day(rule: Rule) -> dict[str, Any]:
    """The day to which the values of such a rule belong."""
    return {rule.argument: DAY} if rule.name == "on_day" else {}


@every_rule
def test_values_at_the_edge_of_a_rule_pass(table: sa.Table, col: sa.Column[Any], rule: Rule) -> None:
    for value in values_within(col, rule):
        rows = [sound_row(table, 0), sound_row(table, 1, **{**on_day(rule), col.name: value})]
        assert validate(table, as_frame(table, rows[1:])).rejected == [], value


@every_rule
def test_a_broken_rule_is_named_and_the_others_load(table: sa.Table, col: sa.Column[Any], rule: Rule) -> None:
    for value in values_beyond(col, rule):
        rows = [sound_row(table, 0), sound_row(table, 1, **{**on_day(rule), col.name: value}), sound_row(table, 2)]
        valid = validate(table, as_frame(table, rows), part=lambda row: f"from {row[col.name]!r}")
        shown = str(value) if len(str(value)) <= SHOWN_CHARACTERS else f"{str(value)[:SHOWN_CHARACTERS]}…"
        reason = Reason(f"{col.name} {rule.text}", shown)
        assert valid.rejected == [Rejected(rows[1], (reason,), f"from {value!r}")]
        assert all(plain(cell) for cell in valid.rejected[0].row.values() if not isinstance(cell, dict))
        assert valid.frame.to_dict("records") == [rows[0], rows[2]]


@every_table
def test_a_missing_value_is_named_where_none_is_allowed(table: sa.Table) -> None:
    required = [col.name for col in frame_column_list(table) if not col.nullable]
    rows = [sound_row(table, number) for number in range(len(required) + 1)]
    rows = [row | {name: None} for row, name in zip(rows, required, strict=False)] + rows[-1:]
    valid = validate(table, as_frame(table, rows))
    assert [(item.row, item.reasons) for item in valid.rejected] == [
        (row, (Reason(f"{name} not null", "None"),)) for row, name in zip(rows, required, strict=False)
    ]
    assert len(valid.frame) == 1


@every_table
def test_of_rows_with_one_key_the_last_is_kept(table: sa.Table) -> None:
    first, other, again = sound_row(table, 0), sound_row(table, 1), sound_row(table, 0)
    valid = validate(table, as_frame(table, [first, other, again]))
    keys = key_columns(table)
    reason = Reason(f"{', '.join(keys)} is unique", ", ".join(str(first[name]) for name in keys))
    assert [(item.row, item.reasons) for item in valid.rejected] == [(first, (reason,))]
    assert list(valid.frame.index) == [1, 2]


@every_table
def test_frames_of_the_wrong_shape_are_refused_whole(table: sa.Table) -> None:
    frame = as_frame(table, [sound_row(table, 0)]).frame
    last = frame.columns[-1]
    wrong = {
        "missing": frame.drop(columns=last),
        "extra": frame.assign(one_too_many=1),
        "renamed": frame.rename(columns={last: "other"}),
    }
    for made in wrong.values():
        with pytest.raises(StructuralFaultError, match=f"^The frame does not fit the table {table.name}: "):
            validate(table, Conformed(made, 1))
    with pytest.raises(StructuralFaultError, match=last):
        check_structure(table, wrong["missing"])
    with pytest.raises(StructuralFaultError, match="one_too_many"):
        check_structure(table, wrong["extra"])


@every_table
def test_a_column_of_the_wrong_dtype_is_refused_and_named(table: sa.Table) -> None:
    frame = as_frame(table, [sound_row(table, 0)]).frame
    for name, kind in frame_columns(table).items():
        wrong = "float64" if kind != "number" else "object"
        made = frame.assign(**{name: pd.Series([1], dtype=wrong)})
        with pytest.raises(StructuralFaultError, match=f'"{name}".*{wrong}'):
            check_structure(table, made)


def test_an_empty_frame_of_the_wrong_shape_is_refused() -> None:
    frame = as_frame(dimensions.dim_genre, []).frame.drop(columns="name")
    with pytest.raises(StructuralFaultError, match="name"):
        validate(dimensions.dim_genre, Conformed(frame, 0))


def test_a_rule_that_cannot_be_applied_is_a_fault_of_the_code_and_named() -> None:
    table = dimensions.dim_genre.to_metadata(sa.MetaData())
    table.c.genre_id.info["rules"] = [Rule("at_least", "text")]
    with pytest.raises(StructuralFaultError, match=r"^dim_genre: .*TypeError"):
        contracts.validate(table, Conformed(as_frame(table, [sound_row(dimensions.dim_genre, 0)]).frame, 1))


def test_a_row_that_breaks_many_rules_has_all_its_reasons() -> None:
    table = fact.fact_movie_daily
    row = {
        "date_id": DAY,
        "movie_id": 7,
        "popularity": -1.5,
        "vote_average": 10.5,
        "vote_count": -1,
        "source": "hearsay",
    }
    valid = validate(table, as_frame(table, [sound_row(table, 0), row]))
    assert [item.row for item in valid.rejected] == [row]
    assert {(reason.rule, reason.value) for reason in valid.rejected[0].reasons} == {
        ("popularity at least 0", "-1.5"),
        ("vote_average at most 10", "10.5"),
        ("vote_count at least 0", "-1"),
        ("source one of ('discover', 'export')", "hearsay"),
    }


def test_reasons_quote_the_original_values() -> None:
    table = fact.fact_movie_daily
    whole, fraction = sound_row(table, 0, vote_count=-1), sound_row(table, 1, popularity=-1.5)
    missing = sound_row(table, 2, movie_id=None)
    valid = validate(table, as_frame(table, [whole, fraction, missing]))
    assert [item.reasons for item in valid.rejected] == [
        (Reason("vote_count at least 0", "-1"),),
        (Reason("popularity at least 0", "-1.5"),),
        (Reason("movie_id not null", "None"),),
    ]


def test_rows_rejected_by_conform_and_by_the_contract_are_both_kept() -> None:
    table = dimensions.dim_genre
    rows = [{"genre_id": "x", "name": "a", "as_of_date": DAY}, {"genre_id": 0, "name": "b", "as_of_date": DAY}]
    valid = validate(table, conform(rows, frame_columns(table), part=lambda row: "film 1"), lambda row: "film 2")
    assert [(item.row, item.part) for item in valid.rejected] == [(rows[0], "film 1"), (rows[1], "film 2")]
    assert [item.reasons for item in valid.rejected] == [
        (Reason("genre_id is of kind integer", "x"),),
        (Reason("genre_id at least 1", "0"),),
    ]


def test_a_rejected_raw_row_keeps_its_payload_and_its_time() -> None:
    table = raw.raw_discover
    at = dt.datetime(2026, 7, 1, 9, 30, tzinfo=dt.UTC)
    row = sound_row(table, 0, rank=0, payload={"id": 1, "list": [1, None, "x"]}, fetched_at=at, vote_count=None)
    valid = validate(table, as_frame(table, [row]))
    assert [item.row for item in valid.rejected] == [row]


def known(made: Columns | pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame without the cells that are NULL."""
    records = Validated(made, []).frame.to_dict("records")
    return [{str(name): value for name, value in row.items() if not pd.isna(value)} for row in records]


def test_broken_cells_are_emptied_where_null_is_allowed_and_their_reasons_say_so() -> None:
    table = dimensions.dim_person
    long = {**sound_row(table, 1), "name": "n" * 1001, "gender": "x"}
    hidden = {**sound_row(table, 2), "name": 5, "gender": "x"}  # the wrong kind hides what the rule of gender says
    no_id, hidden_id = {**long, "person_id": 0}, {**hidden, "person_id": -1}
    rows = [long, hidden, no_id, hidden_id]
    valid = contracts.validate(table, conform(rows, frame_columns(table), part=lambda _: "page 1"), lambda _: "page 2")
    assert [(item.row, item.part) for item in valid.rejected] == [
        (hidden, "page 1"),
        (hidden_id, "page 1"),
        (long, "page 2"),
        (no_id, "page 2"),
    ]
    again = empty_broken_cells(table, valid.rejected)
    broken = ("name", "gender")
    expected = [{name: value for name, value in row.items() if name not in broken} for row in (hidden, long)]
    assert [known(frame) for frame in again.frames] == [[expected[0]], [expected[1]]]
    kind, one_of = "name is of kind text; stored as NULL", "gender one of ('female', 'male', 'non-binary')"
    assert [[reason.rule for reason in item.reasons] for item in again.emptied] == [
        [kind],
        [kind],
        [
            f"{valid.rejected[2].reasons[0].rule}; stored as NULL",
            f"{valid.rejected[2].reasons[1].rule}; stored as NULL",
        ],
        [f"{one_of}; stored as NULL"],
    ]
    assert [(item.row, item.part, item.reasons[0].value) for item in again.emptied[:2]] == [
        (hidden, "page 1", "5"),
        (hidden_id, "page 1", "5"),
    ]
    assert again.rejected[0] == valid.rejected[3]
    assert [(item.row["person_id"], item.row["name"]) for item in again.rejected] == [(0, no_id["name"]), (-1, None)]
    assert len(again.rejected) == 2


def test_a_row_with_a_broken_key_alone_stays_rejected_and_one_without_a_sound_cell_is_emptied() -> None:
    table = dimensions.dim_keyword
    no_id = validate(table, as_frame(table, [sound_row(table, 1, keyword_id=0)])).rejected
    assert empty_broken_cells(table, no_id) == Emptied([], [], no_id)
    long = validate(table, as_frame(table, [sound_row(table, 1, name="n" * 501)])).rejected
    again = empty_broken_cells(table, long)
    assert ([known(frame) for frame in again.frames], again.rejected) == (
        [[{name: value for name, value in sound_row(table, 1).items() if name != "name"}]],
        [],
    )

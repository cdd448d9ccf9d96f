"""What an own table may not be: one with a key of texts without a bound, or one that the project has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from tmdb_assets import tables
from tmdb_assets.warehouse.schema import dimensions  # noqa: F401 - declares dim_person
from tmdb_assets.warehouse.schema.vocabulary import column, table


@pytest.mark.parametrize(
    ("rules", "is_taken"),
    [
        ({}, False),
        ({"max_length": 601}, False),
        ({"max_length": 600}, True),
        ({"one_of": ("a", "b")}, True),
        ({"matches": "^[A-Z]{2}$"}, True),
        ({"references": "dim_language.iso_639_1"}, True),
    ],
)
def test_a_key_of_texts_needs_a_bound(rules: dict[str, Any], is_taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = sa.MetaData()
    sa.Table("dim_language", metadata, sa.Column("iso_639_1", sa.Text))
    made = sa.Table(
        "dim_own", metadata, column("code", "text", "Code.", key=True, **rules), info={"group": "dimensions"}
    )
    module = SimpleNamespace(TABLES=(tables.DetailsTable(made, lambda film, day: []),))
    monkeypatch.setattr(tables, "iter_modules", lambda path: [SimpleNamespace(name="own")])
    monkeypatch.setattr(tables, "import_module", lambda name: module)
    if is_taken:
        assert [own.table for own in tables.own_tables.__wrapped__()] == [made]
    else:
        with pytest.raises(tables.OwnTableError, match=r"dim_own\.code is a key.* max_length of at most 600"):
            tables.own_tables.__wrapped__()


def test_a_table_that_the_project_has_by_now_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def declares_dim_person(name: str) -> None:
        table("dim_person", "One row per person.", column("person_id", "integer", "Id.", key=True), group="dimensions")

    monkeypatch.setattr(tables, "iter_modules", lambda path: [SimpleNamespace(name="directors")])
    monkeypatch.setattr(tables, "import_module", declares_dim_person)
    with pytest.raises(
        tables.OwnTableError, match=r"tables\.directors declares dim_person, which exists already.*Delete"
    ):
        tables.own_tables.__wrapped__()

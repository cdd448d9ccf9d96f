"""A key of texts has a bound: one text that no index holds would fail its table on every day."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from tmdb_assets import tables
from tmdb_assets.warehouse.schema.vocabulary import column


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

"""The data dictionary: fresh, and complete compared with the database."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.data_dictionary import DICTIONARY, dictionary
from tmdb_assets.warehouse.schema.views import FUNCTIONS
from tmdb_assets.warehouse.schema.vocabulary import metadata
from tmdb_assets.warehouse.warehouse import Warehouse

COLUMNS = """
select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum)
from pg_attribute as a
inner join pg_class as c on a.attrelid = c.oid
where
    c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
    and not c.relispartition and a.attnum > 0 and not a.attisdropped
"""


def test_the_dictionary_is_fresh_and_has_every_column_of_the_database(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        text = dictionary(connection)
        columns = connection.execute(sa.text(COLUMNS)).all()
    assert DICTIONARY.read_text(encoding="utf-8") == text, "run `make schema` and commit docs/data_dictionary.md"
    entries = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))
    assert set(entries) == {name for name, *_ in columns} | {function.name for function in FUNCTIONS}
    assert len(columns) > 150
    for name, column, type_, comment in columns:
        assert comment, (name, column)
        line = next(line for line in entries[name].splitlines() if line.startswith(f"| `{column}` |"))
        assert line.split(" | ")[1] == type_, (name, column)
        assert comment.replace("|", r"\|") in line, (name, column)
    for name in entries:
        assert f"[{name}](#{name})" in text


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            "fact_movie_daily",
            ["Key: `date_id`, `movie_id`.", "One partition a month of `date_id`.", "references dim_movie"],
        ),
        ("raw_discover", ["One partition a day of `snapshot_date`."]),
        ("bridge_movie_genre", ["`references dim_movie.movie_id`", "`references dim_genre.genre_id`"]),
        ("dim_movie", ["| `budget_usd` | bigint | yes |", "| `movie_id` | bigint | no |", "`at least 1`"]),
    ],
)
def test_an_entry_has_key_partition_and_rules(table: str, words: list[str]) -> None:
    entry = DICTIONARY.read_text(encoding="utf-8").split(f"\n### {table}\n")[1].split("\n##")[0]
    assert entry.strip().startswith(metadata.tables[table].comment)
    assert [word for word in words if word not in entry] == []

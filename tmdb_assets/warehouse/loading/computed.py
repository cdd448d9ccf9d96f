"""Whether a table that is computed as a whole is still what its inputs give, by hashes of both."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from tmdb_assets.warehouse.schema.derived import computed_table


def hash_rows(connection: sa.Connection, source: str) -> str:
    """A hash of the rows of a table or query (in parentheses), in whatever order they are."""
    hashed = f"select concat_ws(' ', count(*), sum(hashtextextended(r::text, 0))) from {source} as r"  # noqa: S608
    return str(connection.scalar(sa.text(hashed)))


def is_computed(connection: sa.Connection, table: sa.Table, inputs_hash: str) -> bool:
    """Whether the table was computed from these inputs and its rows are those that were stored then."""
    noted = connection.execute(sa.select(computed_table).where(computed_table.c.table_name == table.name)).one_or_none()
    if noted is None or noted.inputs_hash != inputs_hash:
        return False
    return bool(noted.rows_hash == hash_rows(connection, table.name))


def note_computed(connection: sa.Connection, table: sa.Table, inputs_hash: str) -> None:
    """Note that the table's rows are now those of these inputs."""
    values = {"inputs_hash": inputs_hash, "rows_hash": hash_rows(connection, table.name)}
    statement = postgresql.insert(computed_table).values(table_name=table.name, **values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["table_name"], set_={**values, "computed_at": sa.func.now()})
    )

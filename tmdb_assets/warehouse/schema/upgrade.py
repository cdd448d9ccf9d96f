"""A warehouse of an earlier release brought up to this one by the steps in `migrations`, in one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmdb_assets.errors.problem import UNCHANGED, ActionableError
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.schema.vocabulary import column, metadata, table

if TYPE_CHECKING:
    from alembic.config import Config

schema_version = table(
    "schema_version",
    "One row per database, so one: the newest step of tmdb_assets/warehouse/schema/migrations that it has taken.",
    column("version_num", "text", "The step's number.", key=True, max_length=32),
    group="ledger",
)


class SchemaMismatchError(ActionableError):
    """The database holds tables of another version."""

    kept = UNCHANGED


def upgrade(connection: sa.Connection) -> str | None:
    """Take the steps that the database lacks; return the version it had, None for an empty database.

    The caller holds the schema's lock and creates afterwards what no step made. Raises `SchemaMismatchError` for a
    database of a newer release.
    """
    found = find_version(connection)
    if found == HEAD or found is None:
        return found
    from alembic import command

    config, known = _steps(connection)
    if found not in known:
        raise SchemaMismatchError(
            f"This database was made by a newer tmdb-assets: its schema is at {found}, this release knows {HEAD} and "
            "earlier",
            action="Install the newer release, or name another database in WAREHOUSE_URL",
            setting="WAREHOUSE_URL",
        )
    mark(connection, found)
    command.upgrade(config, HEAD)
    return found


def make_earlier(connection: sa.Connection, version: str) -> None:
    """Make the tables in an empty database as they were at that step; raises `LookupError` for an unknown one."""
    from alembic import command

    config, known = _steps(connection)
    if version not in known:
        raise LookupError(version)
    connection.execute(sa.schema.CreateTable(schema_version, if_not_exists=True))
    command.upgrade(config, version)


def _steps(connection: sa.Connection) -> tuple[Config, set[str]]:
    """Alembic's configuration, and the steps that there are."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config, {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def find_version(connection: sa.Connection) -> str | None:
    """The step at which the database is, also of a release that did not note it; None for an empty database."""
    if connection.scalar(sa.text("select to_regclass('schema_version')")):
        return connection.scalar(sa.select(schema_version.c.version_num))
    names = sa.inspect(connection).get_table_names()
    if not {made.name for made in metadata.sorted_tables} & set(names):
        return None
    # The second release left the CHECK of a database of the first as it was.
    kinds = sa.text(
        "select pg_get_constraintdef(oid) from pg_constraint "
        "where conrelid = to_regclass('fetch_log') and conname = 'ck_fetch_log_kind_one_of'"
    )
    return "0002" if "'export'" in (connection.scalar(kinds) or "") else "0001"


def mark(connection: sa.Connection, version: str = HEAD) -> None:
    """Note the step at which the database is."""
    connection.execute(sa.schema.CreateTable(schema_version, if_not_exists=True))
    connection.execute(schema_version.delete())
    connection.execute(schema_version.insert().values(version_num=version))

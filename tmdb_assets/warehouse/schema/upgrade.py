"""Upgrades a warehouse of an earlier release by the steps in `migrations`, in one transaction."""

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
    "One row per database: the newest step of tmdb_assets/warehouse/schema/migrations applied to it.",
    column("version_num", "text", "The step's number.", key=True, max_length=32),
    group="ledger",
)

OLDEST_COMMIT = "57e0d79"
"""The commit whose databases are the oldest that can be upgraded: they are at the first step of `migrations`."""


class SchemaMismatchError(ActionableError):
    """The database holds tables of another version."""

    kept = UNCHANGED


def upgrade(connection: sa.Connection) -> None:
    """Apply the steps that the database lacks.

    The caller holds the schema's lock and then creates missing tables. Raises `SchemaMismatchError` for a database of a
    newer release, and for one older than the first step.
    """
    found = find_version(connection)
    if found == HEAD or found is None:
        return
    from alembic import command

    config, known = _steps(connection)
    if found > HEAD:  # the steps' numbers have four digits
        raise SchemaMismatchError(
            f"This database was made by a newer tmdb-assets: its schema is at {found}, this release knows {HEAD} and "
            "earlier",
            action="Install the newer release, or name another database in WAREHOUSE_URL",
            setting="WAREHOUSE_URL",
        )
    if found not in known:
        raise SchemaMismatchError(
            f"This database was made by a tmdb-assets older than {OLDEST_COMMIT}: its schema is at step "
            f"{found or 'none'}, and this release upgrades databases from step {min(known)} on",
            action=f"Run tmdb-assets migrate of commit {OLDEST_COMMIT} first, or name a new database in WAREHOUSE_URL "
            "and load the days again",
            setting="WAREHOUSE_URL",
        )
    command.upgrade(config, HEAD)


def take_back(connection: sa.Connection, version: str) -> None:
    """Give the tables of a new, empty database the columns of an earlier step.

    Raises `LookupError` for a step that this release does not know.
    """
    from alembic import command

    config, known = _steps(connection)
    if version not in known:
        raise LookupError(version)
    command.downgrade(config, version)


def _steps(connection: sa.Connection) -> tuple[Config, set[str]]:
    """Alembic's configuration, and the known steps."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config, {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def find_version(connection: sa.Connection) -> str | None:
    """The database's step: None for an empty database, "" for one that does not record it."""
    if connection.scalar(sa.text("select to_regclass('schema_version')")):
        return connection.scalar(sa.select(schema_version.c.version_num)) or ""
    names = sa.inspect(connection).get_table_names()
    return "" if {made.name for made in metadata.sorted_tables} & set(names) else None


def mark(connection: sa.Connection, version: str = HEAD) -> None:
    """Record the database's step."""
    connection.execute(sa.schema.CreateTable(schema_version, if_not_exists=True))
    connection.execute(schema_version.delete())
    connection.execute(schema_version.insert().values(version_num=version))

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

OLDEST_COMMIT = "57e0d79"
"""The commit whose databases are the oldest that can be brought up: they are at the first step of `migrations`."""


class SchemaMismatchError(ActionableError):
    """The database holds tables of another version."""

    kept = UNCHANGED


def upgrade(connection: sa.Connection) -> str | None:
    """Take the steps that the database lacks; return the version it had, None for an empty database.

    The caller holds the schema's lock and creates afterwards what no step made. Raises `SchemaMismatchError` for a
    database of a newer release, and for one that is older than the first step.
    """
    found = find_version(connection)
    if found == HEAD or found is None:
        return found
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
            f"This database was made by a tmdb-assets that is older than {OLDEST_COMMIT}: its schema is at step "
            f"{found or 'none'}, and this release brings up databases from step {min(known)} on",
            action=f"Run tmdb-assets migrate of commit {OLDEST_COMMIT} first, or name a new database in WAREHOUSE_URL "
            "and load the days again",
            setting="WAREHOUSE_URL",
        )
    command.upgrade(config, HEAD)
    return found


def take_back(connection: sa.Connection, version: str) -> None:
    """Give the tables of a new, empty database the columns they had at an earlier step.

    Raises `LookupError` for a step that this release does not know.
    """
    from alembic import command

    config, known = _steps(connection)
    if version not in known:
        raise LookupError(version)
    command.downgrade(config, version)


def _steps(connection: sa.Connection) -> tuple[Config, set[str]]:
    """Alembic's configuration, and the steps that there are."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config, {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def find_version(connection: sa.Connection) -> str | None:
    """The step at which the database is: None for an empty one, "" for one that does not note it."""
    if connection.scalar(sa.text("select to_regclass('schema_version')")):
        return connection.scalar(sa.select(schema_version.c.version_num))
    names = sa.inspect(connection).get_table_names()
    return "" if {made.name for made in metadata.sorted_tables} & set(names) else None


def mark(connection: sa.Connection, version: str = HEAD) -> None:
    """Note the step at which the database is."""
    connection.execute(sa.schema.CreateTable(schema_version, if_not_exists=True))
    connection.execute(schema_version.delete())
    connection.execute(schema_version.insert().values(version_num=version))

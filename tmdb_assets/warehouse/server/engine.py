"""How every engine is made, so that a superuser's session runs no function of another role.

Who may create objects in schema public can create a function or operator that fits a call better than Postgres's own,
and the owner of a database can have schema public searched first. So nothing unqualified is called in a session that
may be a superuser's before `SYSTEM_PATH_ONLY`.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

SYSTEM_PATH_ONLY = "set local search_path = pg_catalog, pg_temp"
"""Until the transaction ends, only Postgres's own functions, operators and tables are found by a bare name."""

SCHEMA_LOCK = 7_308_332_001  # advisory lock; sql/functions/ensure_partition.sql takes it too


def lock_schema(connection: sa.Connection) -> None:
    """Until the transaction ends, no other process makes or changes tables, views or rights in this database."""
    connection.exec_driver_sql(f"select pg_catalog.pg_advisory_xact_lock({SCHEMA_LOCK})")


def make_engine(url: sa.URL, **options: Any) -> sa.Engine:
    """Make an engine whose connections call nothing by a bare name when they are opened; `options` are SQLAlchemy's."""
    engine = sa.create_engine(url, use_native_hstore=False, **options)  # else it looks up the type hstore
    setattr(engine.dialect, "_get_default_schema_name", lambda _: "public")  # noqa: B010  # else: select current_schema()
    return engine

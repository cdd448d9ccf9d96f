"""A backup is foreign input: nothing that its writer put into it runs, then or later."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tmdb_assets.settings import Settings
from tmdb_assets.warehouse.backup import fill
from tmdb_assets.warehouse.backup import restore as restoring
from tmdb_assets.warehouse.backup.dump import back_up
from tmdb_assets.warehouse.backup.programs import RefusedError, run_program
from tmdb_assets.warehouse.backup.restore import restore
from tmdb_assets.warehouse.schema.roles import apply_roles
from tmdb_assets.warehouse.server.libpq import libpq_environment
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.integration.warehouse.backup.state import assert_one_line, everything, execute, on
from tmdb_assets_tests.oracle.compare import fresh_database
from tmdb_assets_tests.stage.postgres import connect

# Makes `evil_was_here` a role, if run with enough rights.
EVIL = """
create function {name} returns {result} language plpgsql {security} as $$
begin
    create role evil_was_here superuser;
    return {value};
end
$$
"""
FUNCTIONS = (
    ("owners()", "int", "security definer", "1"),
    ("of_trigger()", "trigger", "", "new"),
    ("of_default()", "timestamptz", "", "now()"),
    ("of_check(bigint)", "boolean", "", "true"),
    ("of_index(bigint)", "bigint", "immutable", "1"),
    ("of_view()", "int", "", "1"),
    ("of_policy()", "boolean", "", "true"),
)
TRAPS = (
    *(
        EVIL.format(name=name, result=result, security=security, value=value)
        for name, result, security, value in FUNCTIONS
    ),
    "create function of_event() returns event_trigger language plpgsql as 'begin create role evil_was_here; end'",
    "create event trigger trap on ddl_command_end execute function of_event()",
    "alter event trigger trap disable",
    "create trigger trap before insert on dim_genre for each row execute function of_trigger()",
    "alter table dim_genre alter inserted_at set default of_default()",
    "alter table dim_genre add check (of_check(genre_id)) not valid",
    "create index on dim_genre (of_index(genre_id)) where genre_id < 0",
    "create view fine_films as select of_view()",
    "create rule trap as on insert to dim_language do also select of_view()",
    "alter table dim_genre enable row level security",
    "create policy trap on dim_genre using (of_policy())",
)


def evil_was_here(server: Server) -> bool:
    with connect(server.url) as connection:
        return connection.execute("select to_regrole('evil_was_here') is not null").fetchone() == (True,)


def test_only_rows_come_back_and_no_trap_is_left(
    server: Server, copy: Warehouse, loaded_database: str, tmp_path: Path
) -> None:
    before = everything(copy.url)
    file = tmp_path / "hostile.dump"
    with fresh_database(server, loaded_database) as source:
        execute(source, *TRAPS)
        run_program([server.bin_dir / "pg_dump", "--format=custom", f"--file={file}"], libpq_environment(source))
    restore(on(server, copy.url), file, replace=True)
    assert everything(copy.url) == before
    apply_roles(copy.engine, Settings.load(), is_embedded=server.is_embedded)
    execute(copy.url, "insert into dim_genre (genre_id, name, as_of_date) values (99999, 'x', '2026-07-01')")
    execute(copy.url, "create table a_change_of_the_schema ()")
    assert not evil_was_here(server)


@pytest.mark.parametrize(
    "statement",
    [
        "create role evil_was_here superuser;",
        "COPY public.dim_genre FROM PROGRAM 'id';",
    ],
)
def test_statements_in_place_of_a_tables_rows_are_not_executed(
    server: Server, saved: Path, copy: Warehouse, tmp_path: Path, statement: str
) -> None:
    """pg_restore would run them as the role that restores: it takes the text from the file."""
    whole = saved.read_bytes()
    start = whole.index(b"COPY public.dim_genre (")
    end = whole.index(b"FROM stdin;\n", start) + len(b"FROM stdin;\n")
    assert end - start > len(statement)
    file = tmp_path / "hostile.dump"
    file.write_bytes(whole[:start] + statement.encode().ljust(end - start, b" ") + whole[end:])
    assert statement.encode() in run_program([server.bin_dir / "pg_restore", "--file=-", file])
    before = everything(copy.url)
    with pytest.raises(RefusedError) as raised:
        restore(on(server, copy.url), file, replace=True)
    assert_one_line(raised, "is not complete: it has 0 of", "rows of dim_genre", "Nothing was changed")
    assert everything(copy.url) == before
    assert not evil_was_here(server)


def test_a_restore_calls_no_function_of_the_warehouses_owner(server: Server, saved: Path, copy: Warehouse) -> None:
    """A table that its owner made a view, with a function in it, is not read by a superuser's session."""
    copy.close()
    execute(
        copy.url,
        EVIL.format(name="trap()", result="bigint", security="", value="1"),
        "drop table fetch_turn cascade",
        "create view fetch_turn as select trap() as turn",
        EVIL.format(name="starts_with(text, text)", result="boolean", security="", value="true"),
    )
    with pytest.raises(RefusedError, match="holds rows"):
        restore(on(server, copy.url), saved)
    back_up(on(server, copy.url), saved.with_name("trapped.dump"))
    former = restore(on(server, copy.url), saved, replace=True).former
    assert not evil_was_here(server)
    execute(server.url, f"drop database {former}")


def test_a_database_with_a_difficult_name_is_restored(server: Server, saved: Path, database: sa.URL) -> None:
    """A name with quotes and of full length."""
    name = 'it\'s "ours" ' + "é" * 25
    with connect(server.url) as connection:
        connection.execute(f"""create database "{name.replace('"', '""')}" """)
    try:
        restore(on(server, database.set(database=name)), saved)
        restore(on(server, database.set(database=name)), saved, replace=True)
    finally:
        with connect(server.url) as connection:
            connection.execute(f"""drop database "{name.replace('"', '""')}" """)


def test_nobody_else_enters_the_database_that_a_superuser_fills(
    server: Server, saved: Path, copy: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply_roles(copy.engine, Settings.load(), is_embedded=True)
    copy.close()
    name = f"owner_in_{copy.url.database}"
    login = copy.url.set(username=name, password="x")
    refusals: list[str] = []

    def enter(url: sa.URL, *filling: object) -> object:
        with connect(login) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(f"alter database {url.database} connection limit -1")
        with pytest.raises(psycopg.OperationalError) as refused:
            connect(login.set(database=url.database))
        refusals.append(str(refused.value))
        return fill.fill(url, *filling)

    monkeypatch.setattr(restoring, "fill", enter)
    execute(copy.url, f"create role {name} login password 'x' in role tmdb_owner")
    execute(copy.url, f"alter database {copy.url.database} owner to {name}")
    try:
        restore(on(server, copy.url), saved, replace=True)
        with connect(login) as session:  # as before, once it has the warehouse's name
            session.execute(f"alter database {copy.url.database} connection limit -1")
    finally:
        execute(copy.url, f"reassign owned by {name} to current_user", f"drop owned by {name}", f"drop role {name}")
    assert len(refusals) == 1
    assert "too many connections for database" in refusals[0]

"""The commands that keep a set-up in order: `doctor`, `migrate`, `backup`, `restore`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click

from tmdb_assets.cli.exits import FAILED, UNUSABLE, plain_errors, stop
from tmdb_assets.settings import get_settings

STATES = {"ok": ("ok   ", "green"), "note": ("note ", "yellow"), "wrong": ("wrong", "red")}


@click.command()
@plain_errors
def doctor() -> None:
    """Say what is set up, what can be reached and what is wrong, with what to do; exit code 1 if anything is."""
    from tmdb_assets.cli.doctor import examine

    wrong = 0
    for finding in examine(get_settings()):
        word, colour = STATES[finding.state]
        click.echo(f"{click.style(word, fg=colour)}  {finding.what:<10}  {finding.text}")
        wrong += finding.state == "wrong"
    if wrong:
        click.echo(f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong.", err=True)
        raise SystemExit(FAILED)


@click.command()
@click.option("--roles", is_flag=True, help="Also make the roles of sql/roles.sql and grant them what they need.")
@plain_errors
def migrate(roles: bool) -> None:
    """Bring the warehouse's schema and views up to this release; any other command does so as well, but for the roles.

    On an external server run it as the owner of the tables, or as a superuser: the schema is then changed by a log-in
    that acts as the owner and lives for these minutes only. With --roles the roles tmdb_loader and tmdb_reader may log
    in afterwards if WAREHOUSE_LOADER_PASSWORD and WAREHOUSE_READER_PASSWORD are set; Dagster's storage is then the
    loader's.
    """
    import sqlalchemy as sa

    from tmdb_assets.warehouse.schema.ddl import apply_view, view_names
    from tmdb_assets.warehouse.schema.migrations import HEAD
    from tmdb_assets.warehouse.schema.roles import apply_roles, are_made, owner_login
    from tmdb_assets.warehouse.server.engine import make_engine
    from tmdb_assets.warehouse.server.open import open_server
    from tmdb_assets.warehouse.server.urls import describe
    from tmdb_assets.warehouse.warehouse import Warehouse

    settings = get_settings()
    server = open_server(settings)
    with nullcontext(server.url) if server.is_embedded else owner_login(server.url) as url:
        warehouse = Warehouse(url=url, settings=settings)
        try:
            with warehouse.begin() as connection:
                applied = [name for name in view_names() if apply_view(connection, name)]
        finally:
            warehouse.close()
    views = "1 view" if len(applied) == 1 else f"{len(applied)} views"
    click.echo(f"{describe(server.url)}: schema at step {HEAD}, {views} brought up to date.")
    engine = make_engine(server.url, poolclass=sa.NullPool)
    if roles or (server.is_embedded and not are_made(engine)):
        storage = server.storage_url.database
        apply_roles(engine, settings, is_embedded=server.is_embedded, storage_database=storage)
        click.echo("Roles tmdb_owner, tmdb_loader and tmdb_reader have what they need (sql/roles.sql).")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, resolve_path=True))
@click.option("--overwrite", is_flag=True, help="Replace FILE when it exists.")
@plain_errors
def backup(file: Path, overwrite: bool) -> None:
    """Save the warehouse database to FILE, while loads and readers go on.

    FILE holds one consistent state of schema public, compressed, in pg_dump's custom format, and is readable by you
    alone. Not in it: roles and passwords, other schemas, and Dagster's own storage (the history of runs).
    """
    from tmdb_assets.warehouse.backup.dump import back_up
    from tmdb_assets.warehouse.server.open import open_server
    from tmdb_assets.warehouse.server.urls import describe

    server = open_server()
    with _stop_if_refused():
        counts = back_up(server, file, overwrite=overwrite)
    click.echo(f"Saved {describe(server.url)} ({counts}) to {file}: {file.stat().st_size / 1e6:,.1f} MB")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, resolve_path=True))
@click.option("--replace", is_flag=True, help="Replace the rows that the warehouse holds.")
@plain_errors
def restore(file: Path, replace: bool) -> None:
    """Restore the warehouse database from FILE, which tmdb-assets backup has made.

    Rows alone are taken from FILE; tables and views are made from this release. They are loaded into a new database,
    which takes the warehouse's name when it is complete: if anything fails, nothing changes. No run may be at
    work; readers go on until the end, and reconnect. The role of WAREHOUSE_URL must own the database and be allowed to
    create databases. Not restored: roles (tmdb-assets migrate --roles makes them), and Dagster's own storage.
    """
    from tmdb_assets.warehouse.backup import restore as warehouse_restore
    from tmdb_assets.warehouse.server.open import open_server
    from tmdb_assets.warehouse.server.urls import describe

    server = open_server()
    with _stop_if_refused():
        restored = warehouse_restore.restore(server, file, replace=replace)
    click.echo(f"Restored {describe(server.url)} ({restored.counts}) from {file}")
    if restored.former:
        what = f"it holds {', '.join(restored.others)}" if restored.others else "it could not be dropped"
        click.echo(
            f"The database as it was before is kept as {restored.former}: {what}. Copy what you need, then run: "
            f"""tmdb-assets psql -d postgres -c 'drop database "{restored.former}"'""",
            err=True,
        )


@contextmanager
def _stop_if_refused() -> Iterator[None]:
    from tmdb_assets.warehouse.backup.programs import RefusedError

    try:
        yield
    except RefusedError as error:
        stop(str(error), UNUSABLE)

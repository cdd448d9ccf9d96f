"""The commands that maintain an installation: `doctor`, `migrate`, `backup`, `restore`."""

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
    """Report what is set up, what is reachable, and what is wrong and how to fix it; exit code 1 if anything is."""
    from tmdb_assets.cli.doctor import examine

    wrong = 0
    for finding in examine(get_settings()):
        word, colour = STATES[finding.state]
        click.echo(f"{click.style(word, fg=colour)}  {finding.what:<10}  {finding.text}")
        wrong += finding.state == "wrong"
    if wrong:
        click.echo(f"Problems: {wrong}", err=True)
        raise SystemExit(FAILED)


@click.command()
@click.option("--roles", is_flag=True, help="Also create the roles of sql/roles.sql and grant their rights.")
@plain_errors
def migrate(roles: bool) -> None:
    """Migrate the warehouse's schema and views to this release; every other command does so too, except for the roles.

    On an external server run it as the owner of the tables or as a superuser; a superuser's changes are made by a
    temporary log-in that acts as the owner. With --roles, tmdb_loader and tmdb_reader can log in if
    WAREHOUSE_LOADER_PASSWORD and WAREHOUSE_READER_PASSWORD are set, and tmdb_loader owns Dagster's storage.
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
    click.echo(f"{describe(server.url)}: schema at step {HEAD}, {views} updated.")
    engine = make_engine(server.url, poolclass=sa.NullPool)
    if roles or (server.is_embedded and not are_made(engine)):
        storage = server.storage_url.database
        apply_roles(engine, settings, is_embedded=server.is_embedded, storage_database=storage)
        click.echo("The roles tmdb_owner, tmdb_loader and tmdb_reader have their rights (sql/roles.sql).")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, resolve_path=True))
@click.option("--overwrite", is_flag=True, help="Replace FILE when it exists.")
@plain_errors
def backup(file: Path, overwrite: bool) -> None:
    """Save the warehouse database to FILE; loads and readers may continue.

    FILE holds one consistent state of schema public, compressed, in pg_dump's custom format, and is readable only by
    you. It does not contain roles and passwords, other schemas, or Dagster's own storage (the history of runs).
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
@click.option("--replace", is_flag=True, help="Replace the rows of the warehouse.")
@plain_errors
def restore(file: Path, replace: bool) -> None:
    """Restore the warehouse database from FILE, made by tmdb-assets backup.

    Only the rows are taken from FILE; tables and views are those of this release. The rows are loaded into a new
    database, which takes the warehouse's name when it is complete: if anything fails, the warehouse is unchanged. No
    run may be in progress; readers can continue until the end, and then have to reconnect. The role of WAREHOUSE_URL
    must own the database and be allowed to create databases. Not restored: roles (run tmdb-assets migrate --roles),
    grants to other roles, your own tables, views and functions, and Dagster's own storage.
    """
    from tmdb_assets.warehouse.backup import restore as warehouse_restore
    from tmdb_assets.warehouse.server.open import open_server
    from tmdb_assets.warehouse.server.urls import describe

    server = open_server()
    with _stop_if_refused():
        restored = warehouse_restore.restore(server, file, replace=replace)
    click.echo(f"Restored {describe(server.url)} ({restored.counts}) from {file}")
    if restored.left_out:
        click.echo(f"Not restored, as tmdb-assets does not make them: {', '.join(restored.left_out)}", err=True)
    if restored.former:
        what = f"it holds {', '.join(restored.others)}" if restored.others else "it could not be dropped"
        click.echo(
            f"The former database is kept as {restored.former}: {what}. Copy what you need, then run: "
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

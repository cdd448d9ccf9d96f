"""The command `tmdb-assets export`: the star schema as Parquet files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from tmdb_assets.cli.exits import FAILED, UNUSABLE, parse_day, plain_errors, stop
from tmdb_assets.settings import ATTRIBUTION, SAMPLE_LINE, get_settings


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, resolve_path=True))
@click.option("--from", "first", callback=parse_day, metavar="YYYY-MM-DD", help="First day. Default: the first loaded.")
@click.option("--to", "last", callback=parse_day, metavar="YYYY-MM-DD", help="Last day. Default: the last loaded.")
@click.option(
    "--features/--no-features",
    default=None,
    help="With movie_features by month, ready for models. Default: if DIR already holds them.",
)
@plain_errors
def export(folder: Path, first: dt.date | None, last: dt.date | None, features: bool | None) -> None:
    """Export the tables that readers may read to DIR, as Parquet files; loads may continue.

    DIR gets a file for each month of the fact (fact_movie_daily/2026-11.parquet), a file for each other table,
    and manifest.json with the rows, size and SHA-256 of each. All hold one state of the warehouse. --from and
    --to limit fact and features; files of other months are deleted. Only files that changed are written.
    """
    import sqlalchemy as sa

    from tmdb_assets.warehouse.export.export import export as export_tables
    from tmdb_assets.warehouse.export.folder import ExportRefusedError
    from tmdb_assets.warehouse.reading import explain, reading_engine
    from tmdb_assets.warehouse.server.open import reading_url
    from tmdb_assets.warehouse.server.urls import describe

    if first and last and first > last:
        stop(f"--from {first} is after --to {last}.", UNUSABLE)
    settings = get_settings()
    url = reading_url(settings)
    try:
        engine = reading_engine(url, "export")
        made = export_tables(engine, folder, is_sample=settings.is_sandbox, first=first, last=last, features=features)
    except ExportRefusedError as error:
        stop(str(error), UNUSABLE)
    except sa.exc.DBAPIError as error:
        stop(str(explain(error, url, is_embedded=settings.reading_url is None)), FAILED)
    click.echo(
        f"Exported {describe(url)} ({made.first_day} to {made.last_day}, {made.rows:,} rows) to {folder}: "
        f"{len(made.files)} files, {made.bytes / 1e6:,.1f} MB; {made.written} written, {made.removed} deleted"
    )
    if settings.is_sandbox:
        click.echo(SAMPLE_LINE)
    click.echo(ATTRIBUTION)

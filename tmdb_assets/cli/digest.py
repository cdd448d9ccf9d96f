"""The command `tmdb-assets digest`: the week in ten lines and one picture, to mail or post."""

from __future__ import annotations

from pathlib import Path

import click

from tmdb_assets.cli.exits import FAILED, UNUSABLE, plain_errors, stop
from tmdb_assets.errors.problem import plain, unmarked
from tmdb_assets.language import LANGUAGES, Language, use
from tmdb_assets.settings import get_settings


@click.command()
@click.option(
    "--picture",
    type=click.Path(path_type=Path, resolve_path=True, dir_okay=False),
    help="Write the movers of the week to this PNG. Default: digest_DATABASE.png in REPORTS_DIR.",
)
@click.option(
    "--language",
    type=click.Choice(LANGUAGES),
    help="Language of the lines and the picture. Default: REPORT_LANGUAGE.",
)
@click.option("--send", is_flag=True, help="Send the lines to ALERT_WEBHOOK_URL too (Slack and the like).")
@plain_errors
def digest(picture: Path | None, language: Language | None, send: bool) -> None:
    """Print the week in ten lines, and write one picture of it; read-only."""
    import sqlalchemy as sa

    from tmdb_assets.assets.dashboard import replace_file
    from tmdb_assets.assets.optional.digest import make_digest
    from tmdb_assets.orchestration.webhook import post
    from tmdb_assets.warehouse.reading import become_reader, explain, is_undefined, no_data_yet, reading_engine
    from tmdb_assets.warehouse.server.open import reading_url

    settings = get_settings()
    if send and settings.alert_webhook_url is None:
        stop("--send needs ALERT_WEBHOOK_URL: the address of an incoming webhook.", UNUSABLE)
    url = reading_url(settings)
    try:
        with reading_engine(url, "digest").connect() as connection, connection.begin():
            become_reader(connection)
            with use(language or settings.report_language):
                lines, png = make_digest(connection, is_sample=settings.is_sandbox)
    except sa.exc.DBAPIError as error:
        problem = (
            no_data_yet() if is_undefined(error) else explain(error, url, is_embedded=settings.external_url is None)
        )
        stop(str(problem), FAILED)
    path = picture or settings.reports_folder / f"digest_{url.database}.png"
    try:
        replace_file(path, png)
    except OSError as error:
        stop(f"{path} cannot be written: {error.strerror}. Choose another file: --picture FILE", UNUSABLE)
    click.echo("\n".join(map(plain, lines)))
    click.echo(f"Picture: {path}", err=True)
    if send and settings.alert_webhook_url is not None:
        post(settings.alert_webhook_url, "\n".join(map(unmarked, lines)))
        click.echo("Sent to ALERT_WEBHOOK_URL.", err=True)

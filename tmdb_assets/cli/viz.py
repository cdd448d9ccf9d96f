"""The command `tmdb-assets viz`: runs the app's server in this process."""

from __future__ import annotations

import signal
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click

from tmdb_assets.cli.exits import UNUSABLE, plain_errors, stop
from tmdb_assets.settings import SAMPLE_LINE, get_settings

APP = Path(__file__).parents[1] / "viz" / "app.py"
PRIMARY_COLOUR = "#0072B2"  # the charts' blue
PRIMARY_COLOUR_IN_THE_DARK = "#56B4E9"  # their light blue, for contrast
NOT_INSTALLED = (
    "The app needs Streamlit, which is not installed. Install it with: pip install 'tmdb-assets[viz]' "
    "(in a checkout: make viz)."
)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; the app has no log-in.")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port to listen on.")
@plain_errors
def viz(host: str, port: int) -> None:
    """Open the Streamlit app on the warehouse's figures, read-only, until Ctrl-C."""
    from tmdb_assets.cli.dev_server import port_fault
    from tmdb_assets.warehouse.server.open import reading_url
    from tmdb_assets.warehouse.server.urls import describe

    if find_spec("streamlit") is None:
        stop(NOT_INSTALLED, UNUSABLE)
    if fault := port_fault(host, port):
        stop(fault, UNUSABLE)
    click.echo(f"Warehouse: {describe(reading_url())}")
    if get_settings().is_sandbox:
        click.echo(SAMPLE_LINE)
    click.echo(f"App: http://{shown_host(host)}:{port}  (Ctrl-C stops it)")
    serve(host, port)


def shown_host(host: str) -> str:
    """The host under which a browser on this machine reaches a server that listens on `host`."""
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not listened on
        return "localhost"
    return f"[{host}]" if ":" in host else host


def options(host: str, port: int) -> dict[str, str | int | bool]:
    """Streamlit's options: no usage statistics, no browser, no watched files, no stack traces on the page."""
    return {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "browser.serverAddress": shown_host(host),
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "none",
        "theme.light.primaryColor": PRIMARY_COLOUR,
        "theme.dark.primaryColor": PRIMARY_COLOUR_IN_THE_DARK,
        "logger.hideWelcomeMessage": True,
    }


def serve(host: str, port: int) -> None:
    """Run Streamlit's server, for its own pages alone, in this process: signals stop it like any other command."""
    from starlette.middleware import Middleware
    from streamlit import net_util
    from streamlit.starlette import App

    from tmdb_assets.charts.registry import PICTURES
    from tmdb_assets.instance.same_origin import SameOriginOnly

    for module in {picture.module for picture in PICTURES.values()}:  # before the first reader waits for pandas
        import_module(f"tmdb_assets.charts.{module}")

    # To check a page's origin, Streamlit would request this machine's address from a host on the internet; without it,
    # an unknown origin is refused.
    net_util.get_external_ip = lambda: None
    # Streamlit lets pages of every port of this machine in.
    allowed = {*get_settings().allowed_hosts, f"{host}:{port}"}
    app = App(APP, middleware=[Middleware(SameOriginOnly, allowed=allowed)])
    try:
        app.run(config=options(host, port))
    except KeyboardInterrupt:
        pass
    except SystemExit as end:  # stopped: the server has ended, and raised the signal again
        if end.code != 128 + signal.SIGTERM:
            raise

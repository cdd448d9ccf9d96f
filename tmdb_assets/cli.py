"""The command `tmdb-assets`.

Exit codes: 0 done, 1 the run or a blocking check failed, 2 the command or a setting cannot be used, 130 interrupted.
"""

from __future__ import annotations

import datetime as dt
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click
import psutil

from tmdb_assets.settings import ATTRIBUTION, DATA_DIR, PROJECT_ROOT, SAMPLE_LINE, SettingsError, get_settings

SHUTDOWN_SECONDS = 90  # Dagster's own services get 60 to end their runs
FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130


def _stop(message: str, code: int) -> NoReturn:
    click.echo(message, err=True)
    raise SystemExit(code)


def _dagster_home() -> Path:
    """The folder where Dagster keeps logs of steps; its `dagster.yaml` is the project's."""
    home = DATA_DIR / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    link = home / "dagster.yaml"
    if not link.exists():
        link.unlink(missing_ok=True)  # a link to a project that was moved
        link.symlink_to(os.path.relpath(PROJECT_ROOT / "dagster.yaml", home))
    return home


def _plain_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Settings and warehouse problems end a command with one line and no stack trace."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            get_settings()
        except SettingsError as error:
            _stop(str(error), UNUSABLE)
        from tmdb_assets.warehouse.ddl import SchemaMismatchError
        from tmdb_assets.warehouse.server import WarehouseUnavailableError, stop_on_signals

        stop_on_signals()
        os.chdir(PROJECT_ROOT)
        os.environ["DAGSTER_HOME"] = str(_dagster_home())
        try:
            return command(*args, **kwargs)
        except (WarehouseUnavailableError, SchemaMismatchError) as error:
            _stop(str(error), FAILED)
        except KeyboardInterrupt:
            _stop("Interrupted. What was stored is kept; run again to go on.", INTERRUPTED)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tmdb-assets")
def main() -> None:
    """TMDb as a daily star schema in Postgres."""


def _parse_day(_context: click.Context, _parameter: click.Parameter, value: str | None) -> dt.date | None:
    if value is None:
        return None
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no date; write YYYY-MM-DD.") from None


@main.command()
@click.option("--date", "day", callback=_parse_day, metavar="YYYY-MM-DD", help="The UTC date to load. Default: today.")
@click.option("--refresh", is_flag=True, help="Ask TMDb again for what is stored already (today only).")
@_plain_errors
def run(day: dt.date | None, refresh: bool) -> None:
    """Load a whole day: fetch, star schema, checks, views and charts.

    A past day is rebuilt from what was stored on it: TMDb itself answers for today only.
    """
    from rich.console import Console

    from tmdb_assets import partitions

    settings, today = get_settings(), partitions.today()
    day = day or today
    if day > today:
        _stop(f"{day} is in the future; today is {today} (UTC).", UNUSABLE)
    if day < settings.tmdb_first_day:
        _stop(f"{day} is before the first day, {settings.tmdb_first_day} (TMDB_FIRST_DAY).", UNUSABLE)
    if refresh and day != today:
        _stop(f"--refresh asks TMDb again, which answers for today ({today}) only, not for {day}.", UNUSABLE)
    # A run is one burst of allocations and then ends: collecting garbage less often, and not once more at the exit,
    # saves a tenth to a quarter of its time (docs/performance.md).
    gc.set_threshold(50_000, 20, 100)
    code = _run(Console(), day, refresh=refresh, is_past=day != today)
    gc.freeze()
    raise SystemExit(code)


def _run(console: Any, day: dt.date, *, refresh: bool, is_past: bool) -> int:
    from tmdb_assets.warehouse.resource import Warehouse
    from tmdb_assets.warehouse.server import describe

    warehouse = Warehouse()
    if is_past and not _is_stored(warehouse, day):
        click.echo(
            f"{day} is past and nothing was stored on that day; TMDb's API answers for today only. "
            "Nothing was changed.",
            err=True,
        )
        return FAILED

    from dagster import DagsterInstance

    from tmdb_assets.assets.source import TmdbSource
    from tmdb_assets.console import ConsoleProgress, print_summary
    from tmdb_assets.day_run import run_day

    source = TmdbSource()
    console.print(f"Loading {day} into {describe(warehouse.url)}", highlight=False, soft_wrap=True)
    if source.is_sandbox:
        console.print(f"[yellow]{SAMPLE_LINE}[/]", highlight=False)
    try:
        with DagsterInstance.get() as instance:
            outcome = run_day(
                day,
                refresh=refresh,
                instance=instance,
                warehouse=warehouse,
                tmdb=source,
                progress=ConsoleProgress(console),
            )
    finally:
        source.close()
        warehouse.close()
    print_summary(console, outcome)
    console.print(ATTRIBUTION, style="dim", highlight=False)
    if outcome.interrupted:
        return INTERRUPTED
    return 0 if outcome.ok else FAILED


def _is_stored(warehouse: Any, day: dt.date) -> bool:
    from tmdb_assets.warehouse import books
    from tmdb_assets.warehouse.raw import raw_discover

    with warehouse.begin() as connection:
        return books.count_rows(connection, raw_discover, day) > 0


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; the UI has no log-in.")
@click.option("--port", default=3000, show_default=True, help="Port to listen on.")
@_plain_errors
def dev(host: str, port: int) -> None:
    """Open the Dagster UI, with the daemon that runs the schedule, until Ctrl-C."""
    from tmdb_assets.warehouse.server import describe, open_server

    server = open_server()
    click.echo(f"Warehouse: {describe(server.url)}")
    if get_settings().is_sandbox:
        click.echo(SAMPLE_LINE)
    click.echo(f"Dagster UI: http://{host}:{port}  (Ctrl-C stops it)")
    workspace = str(PROJECT_ROOT / "workspace.yaml")
    command = [sys.executable, "-m", "dagster", "dev", "-w", workspace, "-h", host, "-p", str(port)]
    # A shell starts background jobs with SIGINT ignored; Dagster would then ignore SIGTERM as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = {**os.environ, "PYTHONWARNINGS": "ignore:Function `dev_command` is superseded"}
    child = subprocess.Popen(command, cwd=os.environ["DAGSTER_HOME"], env=environment)  # noqa: S603 - our own interpreter
    raise SystemExit(_wait(child))


def _wait(child: subprocess.Popen[bytes]) -> int:
    """Wait for the child to end; when this process is told to stop, so is the child, and it is waited for."""
    try:
        return child.wait()
    except KeyboardInterrupt:
        pass  # Ctrl-C reaches the child as well: it shares the terminal
    except SystemExit:
        child.send_signal(signal.SIGTERM)
    services = psutil.Process(child.pid).children(recursive=True)
    try:
        child.wait(timeout=SHUTDOWN_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        for service in services:
            if service.is_running():
                service.kill()
    return 0


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@_plain_errors
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the warehouse; ARGUMENTS go to psql, like -c 'select count(*) from dim_movie'."""
    from tmdb_assets.warehouse.server import open_server, render_url

    server = open_server()
    environment = dict(os.environ)
    if server.url.password:
        environment["PGPASSWORD"] = str(server.url.password)  # not on the command line, where others could read it
    address = render_url(server.url.set(password=None))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is psql's
    program = server.bin_dir / "psql"
    raise SystemExit(subprocess.run([program, address, *arguments], env=environment, check=False).returncode)  # noqa: S603


@main.command()
@_plain_errors
def url() -> None:
    """Print the warehouse's URL, password included, for psql and other tools."""
    from tmdb_assets.warehouse.server import leave_running, open_server, render_url

    server = open_server()
    click.echo(render_url(server.url))
    if server.is_embedded:
        leave_running()
        click.echo("The embedded server is left running; the next tmdb-assets command that ends stops it.", err=True)


if __name__ == "__main__":
    main()

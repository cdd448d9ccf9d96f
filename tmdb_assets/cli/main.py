"""The command `tmdb-assets`.

Exit codes: 0 done, 1 the run or a blocking check failed, 2 the command or a setting cannot be used, 130 interrupted.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import TYPE_CHECKING

import click

from tmdb_assets.cli.digest import digest
from tmdb_assets.cli.exits import FAILED, INTERRUPTED, UNUSABLE, parse_day, plain_errors, stop
from tmdb_assets.cli.export import export
from tmdb_assets.cli.maintenance import backup, doctor, migrate, restore
from tmdb_assets.cli.rejected import rejected
from tmdb_assets.cli.viz import viz
from tmdb_assets.errors.problem import ActionableError
from tmdb_assets.settings import ATTRIBUTION, SAMPLE_LINE, get_settings

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from tmdb_assets.cli.day_run import DayRun
    from tmdb_assets.cli.in_process import Platform
    from tmdb_assets.fetch.progress import Progress


class _Commands(click.Group):
    """A group whose help shows each command's whole first sentence, on as many lines as it needs."""

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(limit=500)) for name, command in sorted(self.commands.items())]
            )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="tmdb-assets")
def main() -> None:
    """TMDb as a daily star schema in Postgres.

    Begin with `tmdb-assets run`: it loads today, with sample figures where TMDB_TOKEN is not set. Each command has
    its own --help.
    """
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1":
        # As in a Latin-1 locale: names of folders and films would be neither read nor printed correctly.
        os.environ["PYTHONUTF8"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this command again


for _command in (backup, digest, doctor, export, migrate, rejected, restore, viz):
    main.add_command(_command)


@main.command()
@click.option("--date", "day", callback=parse_day, metavar="YYYY-MM-DD", help="The UTC date to load. Default: today.")
@click.option("--refresh", is_flag=True, help="Request again what is already stored (today only).")
@click.option("--open", "open_page", is_flag=True, help="Open the dashboard in the browser when the day is loaded.")
@click.option("--verbose", "-v", is_flag=True, help="Show the rows of each table.")
@plain_errors
def run(day: dt.date | None, refresh: bool, open_page: bool, verbose: bool) -> None:
    """Load a whole day: fetch, star schema, checks, views, charts and dashboard.

    A past day is rebuilt from what was stored on it, or loaded from its id export: TMDb's API has no history.
    """
    from rich.console import Console

    from tmdb_assets import partitions

    settings, today = get_settings(), partitions.today()
    day = day or today
    if day > today:
        stop(f"{day} is in the future; today is {today} (UTC).", UNUSABLE)
    if day < settings.tmdb_first_day:
        stop(f"{day} is before the first day, {settings.tmdb_first_day} (TMDB_FIRST_DAY).", UNUSABLE)
    if refresh and day != today:
        stop(f"--refresh works only for today ({today}), not for {day}: TMDb's API has no history.", UNUSABLE)
    raise SystemExit(_run(Console(), day, today, refresh=refresh, open_page=open_page, verbose=verbose))


def _run(
    console: Console, day: dt.date, today: dt.date, *, refresh: bool, open_page: bool = False, verbose: bool = False
) -> int:
    from tmdb_assets.charts.apart import prepare
    from tmdb_assets.cli.console import ConsoleProgress, print_end, print_summary
    from tmdb_assets.cli.in_process import FETCHING_STEPS, run_day
    from tmdb_assets.cli.sample_history import before_history, fill_sample_history

    progress = ConsoleProgress(console)
    with _open_platform(console, progress) as platform:
        console.print(f"Loading {day} into {platform.address}", highlight=False, soft_wrap=True)
        if day == today and not platform.is_loaded(day):
            prepare("tmdb_assets.charts.drawing:warm_up")  # while the requests are under way
        fetching = FETCHING_STEPS if refresh else ()
        has_history = platform.source.is_sandbox and day == today
        assets = before_history(platform, day) if has_history else ()
        outcome = run_day(platform, day, today=today, refresh=fetching, assets=assets, steps=progress.steps)
        print_summary(console, outcome, verbose=verbose)
        outcomes = [outcome]
        _keep_house(platform, outcome)
        if outcome.ok and has_history:
            outcomes += fill_sample_history(console, platform, day, progress.steps)
        days = platform.count_days()
    code = _exit_code(outcomes)
    if code == 0:
        print_end(console, outcome, outcomes, days)
    console.print(ATTRIBUTION, style="dim", highlight=False)
    page = outcomes[-1].dashboard
    if open_page and code == 0 and page:
        _open_page(page)
    return code


def _open_page(page: Path) -> None:
    """Open a page in the browser, or print its path."""
    import webbrowser

    try:
        is_open = webbrowser.open(page.as_uri())
    except webbrowser.Error:
        is_open = False
    if not is_open:
        click.echo(f"No browser could be opened here. The dashboard is {page}; any browser opens it.")


def _keep_house(platform: Platform, outcome: DayRun) -> None:
    """Do what the daemon does, for those who run none: send alerts, drop raw answers and events that are too old."""
    from sqlalchemy.exc import OperationalError

    from tmdb_assets import partitions
    from tmdb_assets.instance.events import drop_old_events
    from tmdb_assets.orchestration.automation import EVENTS_KEPT
    from tmdb_assets.warehouse.retention import drop_old_raw
    from tmdb_assets.warehouse.server.databases import is_outage

    if not outcome.interrupted:
        _send_alerts(platform)
    drop_old_events(platform.instance, partitions.now() - EVENTS_KEPT)
    try:
        drop_old_raw(platform.warehouse, partitions.today())
    except OperationalError as error:
        if is_outage(error):
            raise
        click.echo("Raw answers older than 180 days are in use and were not dropped; the next run tries again.")


def _send_alerts(platform: Platform) -> None:
    """Send failures to the receiver of alerts, if there is one; the console shows them in any case."""
    from tmdb_assets import partitions
    from tmdb_assets.orchestration.alerts import send_pending

    settings = get_settings()
    if settings.alert_webhook_url is not None:
        with platform.warehouse.begin() as connection:
            send_pending(platform.instance, connection, settings, partitions.now())


def _exit_code(outcomes: list[DayRun]) -> int:
    if any(outcome.interrupted for outcome in outcomes):
        return INTERRUPTED
    return 0 if all(outcome.ok for outcome in outcomes) else FAILED


@main.command()
@click.option("--from", "first", callback=parse_day, required=True, metavar="YYYY-MM-DD", help="First day.")
@click.option("--to", "last", callback=parse_day, required=True, metavar="YYYY-MM-DD", help="Last day.")
@click.option("--refresh", is_flag=True, help="Request today again, and the exports of the days before.")
@plain_errors
def backfill(first: dt.date, last: dt.date, refresh: bool) -> None:
    """Load every day of a range: from what was stored on it, else from its id export.

    Days that cannot be loaded are listed at the end, and the exit code is then 1. A day that was loaded before its
    export was published gets it with --refresh.
    """
    from rich.console import Console

    from tmdb_assets import partitions

    today, earliest = partitions.today(), get_settings().tmdb_first_day
    if first > last:
        stop(f"--from {first} is after --to {last}.", UNUSABLE)
    if last > today or first < earliest:
        stop(f"Days from {earliest} (TMDB_FIRST_DAY) to {today} (today, UTC) can be loaded.", UNUSABLE)
    days = [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
    raise SystemExit(_backfill(Console(), days, refresh=refresh))


def _backfill(console: Console, days: list[dt.date], *, refresh: bool) -> int:
    from tmdb_assets.cli.console import ConsoleProgress, print_days, track_days
    from tmdb_assets.cli.in_process import run_backfill

    with _open_platform(console, ConsoleProgress(console)) as platform:
        console.print(f"Loading {len(days)} days into {platform.address}", highlight=False, soft_wrap=True)
        with closing(run_backfill(platform, days, refresh=refresh)) as runs:
            outcomes = list(track_days(console, runs, len(days)))
        if not outcomes[-1].interrupted:
            _send_alerts(platform)
    print_days(console, outcomes, len(days))
    console.print(ATTRIBUTION, style="dim", highlight=False)
    return _exit_code(outcomes)


@contextmanager
def _open_platform(console: Console, progress: Progress) -> Iterator[Platform]:
    with ExitStack() as opened:
        with console.status("Starting Postgres and Dagster"):  # only a terminal shows it
            from tmdb_assets.cli.in_process import Platform

            platform = opened.enter_context(Platform.open(progress))
        if platform.source.is_sandbox:
            console.print(f"[yellow]{SAMPLE_LINE}[/]", highlight=False)
        yield platform


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; the UI has no log-in.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port to listen on.")
@plain_errors
def dev(host: str, port: int) -> None:
    """Run the Dagster UI, and the daemon that fires the schedule, until Ctrl-C."""
    from sqlalchemy.exc import SQLAlchemyError

    from tmdb_assets.cli.dev_server import KILLED_SETTLE_S, port_fault, start_ui, wait_for_end
    from tmdb_assets.instance.launcher import close_dead_runs
    from tmdb_assets.instance.opening import open_instance
    from tmdb_assets.warehouse.server.open import open_server
    from tmdb_assets.warehouse.server.urls import describe

    if fault := port_fault(host, port):
        stop(fault, UNUSABLE)
    server = open_server()
    with open_instance() as instance:
        closed = close_dead_runs(instance)  # they would count towards the limit of concurrent runs
    if closed:
        click.echo(f"Runs whose process died, now marked as failed: {len(closed)}")
    of = "sample figures" if get_settings().is_sandbox else describe(server.url)
    click.echo(f"Dagster UI: http://{host}:{port} on {of}; it opens within half a minute, Ctrl-C stops it")
    child, is_muted = start_ui(host, port)
    if wait_for_end(child, is_muted):
        with suppress(ActionableError, SQLAlchemyError), open_instance() as instance:
            close_dead_runs(
                instance, settle_s=KILLED_SETTLE_S
            )  # those killed; without Postgres, the next start does so
    else:
        stop(f"The Dagster UI ended unexpectedly (exit code {child.returncode}); see its output above.", FAILED)


# All flags are psql's, even -h and --help.
@main.command(add_help_option=False, context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@plain_errors
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the warehouse; ARGUMENTS go to psql, like -c 'select count(*) from dim_movie'."""
    from tmdb_assets.warehouse.server.libpq import libpq_environment
    from tmdb_assets.warehouse.server.open import open_server

    server = open_server()
    # Not as an argument: others could read the password there, and -d or -h would replace the whole address.
    environment = libpq_environment(server.url)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is psql's
    # The bundled psql has no TLS, which an external server may demand.
    program = (not server.is_embedded and shutil.which("psql")) or server.bin_dir / "psql"
    raise SystemExit(subprocess.run([program, *arguments], env=environment, check=False).returncode)  # noqa: S603


@main.command()
@plain_errors
def url() -> None:
    """Print the warehouse's URL, password included, for psql and other tools."""
    from tmdb_assets.warehouse.server.open import leave_running, open_server
    from tmdb_assets.warehouse.server.urls import render_url

    server = open_server()
    click.echo(render_url(server.url))
    if server.is_embedded:
        leave_running()
        click.echo(
            "Postgres keeps running for this URL. The next tmdb-assets command stops it when it ends; "
            "`tmdb-assets doctor` is one that changes nothing.",
            err=True,
        )


if __name__ == "__main__":
    main()

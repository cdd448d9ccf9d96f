"""What the command prints: progress of a run, and the summary of a run or a backfill."""

from __future__ import annotations

import datetime as dt
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial

from dagster import DagsterEvent
from rich.console import Console
from rich.markup import escape as escape_markup
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from tmdb_assets.charts.labels import ABOUT_TODAY
from tmdb_assets.cli.day_run import FACT, ROW_COUNTS, DayRun, is_failed
from tmdb_assets.errors.problem import plain
from tmdb_assets.fetch.progress import (
    INTERRUPTED_LINE,
    LOG_EVERY_SECONDS,
    Advance,
    LogProgress,
    Say,
    progress_line,
    rate_text,
)
from tmdb_assets.settings import PROJECT_ROOT

STEPS = "steps"


def escape(text: str) -> str:
    """Text of others for Rich: plain, and not read as its markup."""
    return escape_markup(plain(text))


class ConsoleProgress:
    """Progress bars on a terminal; where the output is not a terminal, a line every ten seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines = LogProgress()
        self._tracks = False
        self._open: Bars | None = None

    @contextmanager
    def track(self, label: str, total: int, say: Say) -> Iterator[Advance]:
        """Show done/total, rate and time left of one step; the run's log gets its lines as well."""

        def print_line(line: str) -> None:
            say(line)
            if not self._console.is_terminal:
                self._print(line)

        self._tracks = True
        try:
            shared = nullcontext(self._open) if self._open else self._bars()
            with self._lines.track(label, total, print_line) as advance, shared as bars:
                task = bars.add_task(label, total=total, now="")

                def both(count: int) -> None:
                    advance(count)
                    bars.advance(task, count)

                yield both
        finally:
            self._tracks = False

    @contextmanager
    def steps(self, total: int) -> Iterator[Callable[[DagsterEvent], None]]:
        """Show which step of a run is at work, and how many of `total` are done; give a function for its events.

        What the steps themselves track is shown below it.
        """
        with self._bars() as bars:
            task, done, started = bars.add_task(STEPS, total=total, now=""), 0, time.monotonic()
            told, self._open = started, bars

            def watch(event: DagsterEvent) -> None:
                nonlocal done, told
                if event.is_step_start:
                    bars.update(task, now=event.step_key)
                elif event.is_step_success or event.is_step_failure or event.is_step_skipped:
                    done += 1
                    bars.update(task, completed=done)
                    now = time.monotonic()
                    if not self._console.is_terminal and now - told >= LOG_EVERY_SECONDS:
                        told = now
                        self._print(progress_line(STEPS, done, total, now - started))

            try:
                yield watch
                bars.update(task, now="", total=max(done, 1))
            finally:
                self._open = None

    def note(self, line: str, say: Say) -> None:
        """Log the line and print it, except during `track`, which prints what is logged."""
        say(line)
        if not self._tracks:
            self._print(line)

    def _print(self, line: str) -> None:
        self._console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)

    def _bars(self) -> Bars:
        return Bars(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            _Speed(),
            TimeElapsedColumn(),
            _Left(),
            TextColumn("{task.fields[now]}", style="dim"),
            console=self._console,
            disable=not self._console.is_terminal,
        )


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        """The rate of a step: items a second, or seconds an item."""
        rate = 0 if task.description == STEPS else task.finished_speed or task.speed or 0
        return Text(rate_text(rate, task.description), style="cyan")


class _Left(TimeRemainingColumn):
    def render(self, task: Task) -> Text:
        """The time left, once it can be estimated and while there is some."""
        return Text("") if task.finished or task.time_remaining is None else super().render(task)


def print_summary(console: Console, run: DayRun, *, verbose: bool = False) -> None:
    """What went wrong in a run, and how much it did; with `verbose`, first the rows of each table."""
    if run.tables and verbose:
        console.print(_tables(run.tables))
    say = partial(console.print, highlight=False, soft_wrap=True)
    failed = [check for check in run.checks if not check.passed]
    if not run.ok:
        checked = f"{_passed(run)} checks passed, {len(failed)} failed"
        say(f"{run.day}: {run.requests} requests, {run.seconds:.1f} s, {checked}")
    for check in failed:
        mark = "[red]failed[/]" if is_failed(check) else "[yellow]warning[/]"
        say(f"  {mark} {check.asset_key.to_user_string()}.{check.check_name}: {escape(check.description or '')}")
    for problem in run.problems:
        say(f"[red]Failed.[/] {escape(str(problem))}")
    if run.interrupted:
        say(_interrupted(run.waiting))
    elif not run.ok:
        say("The log of the run: tmdb-assets dev, page Runs.")


def print_end(console: Console, run: DayRun, outcomes: Sequence[DayRun], days: int) -> None:
    """After a run without failures: what is loaded, the page and how to open it, and what to do next.

    `outcomes` are this run's and those of the days it filled; `days` counts the days that are loaded by now.
    """
    say = partial(console.print, highlight=False, soft_wrap=True)
    seconds = f"{sum(outcome.seconds for outcome in outcomes):.0f} s"
    requests = sum(outcome.requests for outcome in outcomes)
    asked = "1 request" if requests == 1 else f"{requests:,} requests"
    page = next((outcome.dashboard for outcome in reversed(outcomes) if outcome.dashboard), None)
    if len(outcomes) == 1 and not run.requests and not run.has_changed:
        say(f"{run.day} was already loaded: 0 requests, no row changed, {_passed(run)} checks passed ({seconds}).")
    else:
        films = (run.tables.get(FACT) or [None])[0]
        shown = "the day" if films is None else "1 film" if films == 1 else f"{films:,} films"
        loaded = "1 day" if days == 1 else f"{days} days"
        say(f"Loaded     {shown}, {loaded}, {_passed(run)} checks passed ({asked}, {seconds})")
    if page:
        say(f"Dashboard  {escape(str(page))}")
        say(f"Open it    {escape(_open_command(str(page)))}")
    say(f"Next       {_here('dev')}  the Dagster UI: graph, checks and pictures on http://127.0.0.1:3000")


def _open_command(path: str) -> str:
    """What opens a file on this machine, as one types it."""
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    quoted = shlex.quote(path)
    return f"{opener} {quoted}" if shutil.which(opener) else f"in any browser, as file://{path}"


def _here(command: str) -> str:
    """A command as one types it: in a checkout the target of make, which needs no path."""
    return f"make {command}" if (PROJECT_ROOT / "Makefile").exists() else f"tmdb-assets {command}"


def _passed(run: DayRun) -> int:
    """How many checks of the day passed, as the page of quality counts them."""
    return sum(check.passed for check in run.checks if check.check_name not in ABOUT_TODAY)


def _tables(tables: dict[str, list[int | None]]) -> Table:
    shown = Table(box=None, padding=(0, 2, 0, 0))
    shown.add_column("table")
    for heading in ROW_COUNTS:
        shown.add_column(heading, justify="right")
    for name, counts in tables.items():
        shown.add_row(name, *("" if count is None else f"{count:,}" for count in counts))
    return shown


def track_days(console: Console, outcomes: Iterable[DayRun], total: int) -> Iterator[DayRun]:
    """Yield the days as they are loaded, and show each: a bar on a terminal, elsewhere a line per day."""
    with ConsoleProgress(console).track("days", total, lambda _: None) as advance:
        for outcome in outcomes:
            advance(1)
            if not console.is_terminal:
                console.print(f"  {outcome.day}: {outcome.state}", highlight=False)
            yield outcome


def print_days(console: Console, outcomes: Sequence[DayRun], total: int) -> None:
    """The days of a backfill: how many of `total` are loaded, and those that could not be loaded, by cause."""
    say = partial(console.print, highlight=False, soft_wrap=True)
    loaded = sum(outcome.ok for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    say(f"{loaded} of {total} days loaded in {seconds:.1f} s")
    by_cause: dict[str, list[dt.date]] = {}
    for outcome in outcomes:
        if not outcome.ok and not outcome.interrupted:
            by_cause.setdefault("; ".join(outcome.causes), []).append(outcome.day)
    for cause, days in by_cause.items():
        say(f"  [red]{spans(days)}[/]: {escape(cause)}")
    if any(outcome.interrupted for outcome in outcomes):
        say(_interrupted([day for outcome in outcomes for day in outcome.waiting]))


def _interrupted(waiting: Sequence[dt.date]) -> str:
    return f"{INTERRUPTED_LINE} Until then the daemon does not load {spans(waiting)}." if waiting else INTERRUPTED_LINE


def spans(days: Sequence[dt.date]) -> str:
    """Days in order; consecutive ones as `first to last`."""
    spans: list[list[dt.date]] = []
    for day in days:
        if spans and day - spans[-1][-1] == dt.timedelta(days=1):
            spans[-1][1:] = [day]
        else:
            spans.append([day])
    return ", ".join(" to ".join(map(str, span)) for span in spans)

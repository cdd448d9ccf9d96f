"""What the command prints: progress while fetching, and the summary of a run or a backfill."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

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

from tmdb_assets.cli.in_process import ROW_COUNTS, DayRun, is_failed
from tmdb_assets.errors.problem import plain
from tmdb_assets.fetch.progress import INTERRUPTED_LINE, Advance, LogProgress, Say


def escape(text: str) -> str:
    """Text of others for Rich: plain, and not read as its markup."""
    return escape_markup(plain(text))


class ConsoleProgress:
    """Progress bars on a terminal; where the output is not a terminal, a line every ten seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines = LogProgress()
        self._tracks = False

    @contextmanager
    def track(self, label: str, total: int, say: Say) -> Iterator[Advance]:
        """Show done/total, rate and time left of one step; the run's log gets its lines as well."""

        def print_line(line: str) -> None:
            say(line)
            if not self._console.is_terminal:
                self._print(line)

        self._tracks = True
        try:
            with self._lines.track(label, total, print_line) as advance, self._bars() as bars:
                task = bars.add_task(label, total=total)

                def both(count: int) -> None:
                    advance(count)
                    bars.advance(task, count)

                yield both
        finally:
            self._tracks = False

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
            BarColumn(),
            MofNCompleteColumn(),
            _Speed(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        """The rate of a step, per second."""
        return Text(f"{task.speed:.0f}/s" if task.speed else "", style="cyan")


def print_summary(console: Console, run: DayRun) -> None:
    """The run in one screen: rows per table, rejected rows, requests, seconds, checks, the dashboard."""
    if run.tables:
        console.print(_tables(run.tables))
    say = partial(console.print, highlight=False, soft_wrap=True)
    passed = sum(check.passed for check in run.checks)
    failed = [check for check in run.checks if not check.passed]
    say(f"{run.day}: {run.requests} requests, {run.seconds:.1f} s, {passed} checks passed, {len(failed)} failed")
    for check in failed:
        mark = "[red]failed[/]" if is_failed(check) else "[yellow]warning[/]"
        say(f"  {mark} {check.asset_key.to_user_string()}.{check.check_name}: {escape(check.description or '')}")
    for problem in run.problems:
        say(f"[red]Failed.[/] {escape(str(problem))}")
    if run.interrupted:
        say(_interrupted(run.waiting))
    elif run.ok and run.dashboard:
        say(f"Dashboard: {escape(str(run.dashboard))}")
    elif not run.ok:
        say("The log of the run: tmdb-assets dev, page Runs.")


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
        say(f"  [red]{_spans(days)}[/]: {escape(cause)}")
    if any(outcome.interrupted for outcome in outcomes):
        say(_interrupted([day for outcome in outcomes for day in outcome.waiting]))


def _interrupted(waiting: Sequence[dt.date]) -> str:
    return f"{INTERRUPTED_LINE} Until then the daemon does not load {_spans(waiting)}." if waiting else INTERRUPTED_LINE


def _spans(days: Sequence[dt.date]) -> str:
    """Days in order; consecutive ones as `first to last`."""
    spans: list[list[dt.date]] = []
    for day in days:
        if spans and day - spans[-1][-1] == dt.timedelta(days=1):
            spans[-1][1:] = [day]
        else:
            spans.append([day])
    return ", ".join(" to ".join(map(str, span)) for span in spans)

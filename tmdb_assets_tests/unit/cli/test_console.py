"""What the console shows: every note, progress line and piece of advice once."""

from __future__ import annotations

import datetime as dt
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from tmdb_assets.cli.console import ConsoleProgress, print_days, print_end, print_summary, track_days
from tmdb_assets.cli.day_run import FACT, DayRun
from tmdb_assets.errors.problem import KEPT, Problem, Retry
from tmdb_assets.fetch.progress import LogProgress, rate_text


def console():
    return Console(file=io.StringIO(), width=200)


def shown(made):
    return [line.strip() for line in made.file.getvalue().splitlines()]


def test_a_note_is_logged_and_printed():
    made, logged = console(), []
    ConsoleProgress(made).note("Waiting for [another] run.", logged.append)
    assert (shown(made), logged) == (["Waiting for [another] run."], ["Waiting for [another] run."])


def test_text_of_others_cannot_change_the_console():
    made = console()
    ConsoleProgress(made).note("\x1b[2JTitle \u202e[red]x\x07\nnext", print)
    assert made.file.getvalue() == "  [2JTitle [red]x next\n"


def test_progress_that_is_logged_by_notes_is_printed_once():
    made, logged = console(), []
    progress = ConsoleProgress(made)
    with progress.track("pages", 2, lambda line: progress.note(line, logged.append)) as advance:
        advance(2)
    assert [line.split(" in ")[0] for line in shown(made)] == ["pages: 2 to go", "pages: 2/2"]
    assert len(logged) == 2
    progress.note("next", logged.append)
    assert shown(made)[2:] == ["next"]


def test_without_a_console_a_note_is_logged():
    logged = []
    LogProgress().note("Waiting.", logged.append)
    assert logged == ["Waiting."]


def test_a_failed_run_ends_with_its_problems_and_where_its_log_is():
    made = console()
    problem = Problem("The [host] cannot be reached", kept=KEPT, retry=Retry.LATER)
    print_summary(made, DayRun(dt.date(2026, 7, 29), ok=False, seconds=1, requests=0, problems=[problem]))
    assert shown(made)[1:] == [
        "Failed. The [host] cannot be reached. What is already stored is kept. Run again later to resume.",
        "The log of the run: tmdb-assets dev, page Runs.",
    ]


DAY = dt.date(2026, 8, 20)
GONE = "no longer published (404): TMDb keeps exports for about 3 months"


def day_run(number, **given):
    """The run of the day `number` days after DAY; failed unless `ok` is given."""
    return DayRun(DAY + dt.timedelta(days=number), **{"ok": False, "seconds": 1, "requests": 1, **given})


def test_a_loaded_day_ends_with_what_is_loaded_its_page_and_what_comes_next(monkeypatch):
    made = console()
    monkeypatch.setattr("shutil.which", lambda name: f"/bin/{name}")
    run = day_run(0, ok=True, dashboard=Path("/pages/[new] one.html"), tables={FACT: [1420, 1420, 0, 0, 0]})
    print_end(made, run, [run, day_run(-1, ok=True, requests=1999)], 2)
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    assert shown(made) == [
        "Loaded     1,420 films, 2 days, 0 checks passed (2,000 requests, 2 s)",
        "Dashboard  /pages/[new] one.html",
        f"Open it    {opener} '/pages/[new] one.html'",
        "Next       make dev  the Dagster UI: graph, checks and pictures on http://127.0.0.1:3000",
    ]


@pytest.mark.parametrize(
    ("counts", "requests", "is_idle"),
    [([9, 0, 0, 9, 0], 0, True), ([9, 0, 1, 8, 0], 0, False), ([9, 0, 0, 9, 0], 1, False)],
)
def test_a_run_with_nothing_to_do_says_so_in_one_line(counts, requests, is_idle):
    made = console()
    run = day_run(0, ok=True, requests=requests, tables={FACT: counts})
    print_end(made, run, [run], 1)
    line = "2026-08-20 was already loaded: 0 requests, no row changed, 0 checks passed (1 s)."
    assert (shown(made)[0] == line) is is_idle


@pytest.mark.parametrize(("rate", "shown_rate"), [(0, ""), (0.4, "2.5 s/day"), (1, "1/s"), (612.3, "612/s")])
def test_a_rate_below_one_a_second_is_seconds_an_item(rate, shown_rate):
    assert rate_text(rate, "days") == shown_rate


def test_the_steps_of_a_run_move_in_a_terminal_and_are_lines_elsewhere():
    terminal = Console(file=io.StringIO(), width=100, force_terminal=True)
    with ConsoleProgress(terminal).steps(2) as watch:
        watch(event("start"))
        watch(event("success"))
    assert "steps" in terminal.file.getvalue()
    assert "0/s" not in terminal.file.getvalue()
    made = console()
    with ConsoleProgress(made).steps(2) as watch:
        watch(event("success"))
    assert shown(made) == []  # nothing before ten seconds


def event(kind):
    flags = dict.fromkeys(["is_step_start", "is_step_success", "is_step_failure", "is_step_skipped"], False)
    return SimpleNamespace(**{**flags, f"is_step_{kind}": True}, step_key="dim_movie")


def test_days_of_one_cause_share_a_line():
    made = console()
    slow = Problem("The export is slow", action="Check the network", cause="files.tmdb.org is too slow")
    failed = [
        day_run(number, problems=[Problem(f"No export of day {number}", cause=GONE, retry=Retry.NEVER)])
        for number in (0, 1, 2, 4, 6, 7)
    ]
    outcomes = sorted([*failed, day_run(3, ok=True), day_run(5, problems=[slow])], key=lambda run: run.day)
    print_days(made, outcomes, len(outcomes))
    assert shown(made) == [
        "1 of 8 days loaded in 8.0 s",
        f"2026-08-20 to 2026-08-22, 2026-08-24, 2026-08-26 to 2026-08-27: {GONE}.",
        "2026-08-25: files.tmdb.org is too slow. Check the network. Then run again.",
    ]


WAITING = [DAY + dt.timedelta(days=number) for number in range(1, 30)]


def test_an_interrupted_day_did_not_fail():
    made = console()
    outcomes = list(track_days(made, [day_run(0, ok=True), day_run(1, interrupted=True, waiting=WAITING)], 30))
    print_days(made, outcomes, 30)
    assert [line for line in shown(made) if not line.startswith("days: ")] == [
        "2026-08-20: loaded",
        "2026-08-21: interrupted",
        "1 of 30 days loaded in 2.0 s",
        "Interrupted. What is already stored is kept. Run again to resume. Until then the daemon does not load "
        "2026-08-21 to 2026-09-18.",
    ]


@pytest.mark.parametrize(("waiting", "rest"), [([DAY], " Until then the daemon does not load 2026-08-20."), ([], "")])
def test_only_a_day_without_facts_that_was_cancelled_waits_for_a_person(waiting, rest):
    made = console()
    print_summary(made, day_run(0, interrupted=True, waiting=waiting))
    assert shown(made)[1:] == [f"Interrupted. What is already stored is kept. Run again to resume.{rest}"]

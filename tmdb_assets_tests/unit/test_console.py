"""What the console shows: notes and progress once each, and the advice at the end once."""

from __future__ import annotations

import datetime as dt
import io

import pytest
from rich.console import Console

from tmdb_assets.console import ConsoleProgress, print_summary
from tmdb_assets.day_run import DayRun
from tmdb_assets.progress import LogProgress

ADVICE = "What was stored is kept; run again to go on."


def console():
    return Console(file=io.StringIO(), width=200)


def shown(made):
    return [line.strip() for line in made.file.getvalue().splitlines()]


def test_a_note_is_logged_and_printed():
    made, logged = console(), []
    ConsoleProgress(made).note("Waiting for [another] run.", logged.append)
    assert (shown(made), logged) == (["Waiting for [another] run."], ["Waiting for [another] run."])


def test_progress_that_says_by_notes_is_printed_once_all_the_same():
    made, logged = console(), []
    progress = ConsoleProgress(made)
    with progress.track("pages", 2, lambda line: progress.note(line, logged.append)) as advance:
        advance(2)
    assert [line.split(" in ")[0] for line in shown(made)] == ["pages: 2 to fetch", "pages: 2/2"]
    assert len(logged) == 2
    progress.note("next", logged.append)
    assert shown(made)[2:] == ["next"]


def test_without_a_console_a_note_is_logged():
    logged = []
    LogProgress().note("Waiting.", logged.append)
    assert logged == ["Waiting."]


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        ("raw_details: ValueError", 1),
        ("The host cannot be reached. What is already stored is kept; check the network and run again.", 0),
    ],
)
def test_the_advice_is_not_given_twice(problem, told):
    made = console()
    print_summary(made, DayRun(dt.date(2026, 7, 29), "id", ok=False, seconds=1, requests=0, problems=[problem]))
    lines = shown(made)
    assert lines[1] == f"Failed. {problem}"
    assert lines[2].endswith("The log of the run: tmdb-assets dev, page Runs.")
    assert "\n".join(lines).count("run again") == 1
    assert sum(ADVICE in line for line in lines) == told

"""The command `run` on the sandbox: exit code and charts when filling the history is interrupted or fails."""

from __future__ import annotations

import datetime as dt
import io
import webbrowser
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from tmdb_assets.assets.declare import REPORTS_GROUP
from tmdb_assets.cli import in_process, main, sample_history
from tmdb_assets.cli.day_run import DayRun
from tmdb_assets.errors.problem import Problem
from tmdb_assets.instance import events
from tmdb_assets.warehouse import retention

TODAY = dt.date(2026, 8, 20)
REPORTS = ["a report", "another"]


def outcome(day, ok=True, **more):
    return DayRun(day, ok=ok, seconds=1, requests=1, **more)


@pytest.fixture
def run(monkeypatch):
    """Runs the command's body: every day loads except those in `history`; `drawn` lists the days with drawn charts."""
    made = SimpleNamespace(history={}, charts={}, drawn=[], assets=[], console=Console(file=io.StringIO(), width=200))
    platform = SimpleNamespace(
        address="here",
        source=SimpleNamespace(is_sandbox=True),
        is_loaded=lambda _: False,
        count_days=lambda: 31,
        assets_of=lambda group=None: {None: ["a table", *REPORTS], REPORTS_GROUP: REPORTS}.get(group, []),
    )

    def run_one(_platform, day, *, assets=(), **_):
        if assets != REPORTS:
            assert not {*assets} & {*REPORTS}  # they are drawn once, when all days are there
            made.assets.append(assets)
            return outcome(day, **made.history.get(day, {}))
        made.drawn.append(day)
        return outcome(day, **made.charts)

    def run_all(_platform, days, **_):
        for day in days:
            yield (done := run_one(None, day))
            if done.interrupted:
                return

    for module in (in_process, sample_history):
        monkeypatch.setattr(module, "run_day", run_one)
        monkeypatch.setattr(module, "run_backfill", run_all)
    monkeypatch.setattr(main, "_open_platform", lambda *_: nullcontext(platform))
    monkeypatch.setattr(main, "_keep_house", lambda *_: None)

    def command(**options):
        code = main._run(made.console, TODAY, TODAY, refresh=False, **options)
        return code, [line.strip() for line in made.console.file.getvalue().splitlines()]

    made.command = command
    return made


def test_earlier_days_are_loaded_and_charts_show_them(run):
    code, shown = run.command()
    assert (code, run.drawn) == (0, [TODAY])
    assert run.assets[0] == ["a table"]
    assert "Loaded     the day, 31 days, 0 checks passed (32 requests, 32 s)" in shown


def test_ctrl_c_while_earlier_days_are_loaded_ends_the_command(run):
    day = TODAY - dt.timedelta(days=17)
    left = [TODAY - dt.timedelta(days=back) for back in range(17, 0, -1)]
    run.history[day] = {"ok": False, "interrupted": True, "waiting": left}
    code, shown = run.command()
    assert (code, run.drawn) == (130, [])
    assert f"{day}: interrupted" in shown
    assert "13 of 30 days loaded in 14.0 s" in shown
    assert [line for line in shown if line.startswith("Interrupted")] == [
        "Interrupted. What is already stored is kept. Run again to resume. Until then the daemon does not load "
        f"{left[0]} to {left[-1]}."
    ]
    assert not any("failed" in line for line in shown if str(day) in line)


def test_an_earlier_day_that_fails_changes_the_exit_code(run):
    day = TODAY - dt.timedelta(days=17)
    run.history[day] = {"ok": False, "problems": [Problem(f"{day} is broken", cause="broken")]}
    code, shown = run.command()
    assert (code, run.drawn) == (1, [TODAY])
    assert f"{day}: broken." in shown


def test_a_day_that_failed_has_no_history_filled(run):
    run.history[TODAY] = {"ok": False, "problems": [Problem("No luck")]}
    code, shown = run.command()
    assert (code, run.drawn) == (1, [])
    assert not any("Filling" in line for line in shown)


@pytest.mark.parametrize(("interrupted", "sent"), [(True, []), (False, ["alerts"])])
def test_a_person_who_interrupts_is_not_alerted_and_what_is_too_old_is_dropped(run, monkeypatch, interrupted, sent):
    found, dropped = [], []
    monkeypatch.undo()
    monkeypatch.setattr(main, "_send_alerts", lambda _: found.append("alerts"))
    monkeypatch.setattr(retention, "drop_old_raw", lambda *_: dropped.append("answers"))
    monkeypatch.setattr(events, "drop_old_events", lambda *_: dropped.append("events"))
    last = outcome(TODAY, ok=False, interrupted=interrupted)
    made = SimpleNamespace(address="here", warehouse=None, instance=None)
    main._keep_house(made, last)
    assert (found, sorted(dropped)) == (sent, ["answers", "events"])
    found.clear()
    monkeypatch.setattr(main, "_open_platform", lambda *_: nullcontext(made))
    monkeypatch.setattr(in_process, "run_backfill", lambda *_, **__: (each for each in [last]))
    assert main._backfill(run.console, [TODAY], refresh=False) == (130 if interrupted else 1)
    assert found == sent


@pytest.mark.parametrize(("charts", "code"), [({"interrupted": True}, 130), ({"problems": [Problem("No disk")]}, 1)])
def test_charts_that_were_not_drawn_are_reported(run, charts, code):
    run.charts = {"ok": False, **charts}
    found, shown = run.command()
    assert found == code
    assert any("Interrupted." in line or "No disk." in line for line in shown)


@pytest.fixture
def opened(monkeypatch):
    """The pages opened in a browser; `fault` is what the browser does instead."""
    made = SimpleNamespace(pages=[], fault=None)

    def show(page):
        if isinstance(made.fault, Exception):
            raise made.fault
        made.pages.append(page)
        return made.fault is None

    monkeypatch.setattr(webbrowser, "open", show)
    return made


PAGE = Path("/pages/dashboard of%2Ffilms.html")


def test_the_dashboard_with_its_history_is_opened_with_the_option(run, opened):
    run.charts = {"dashboard": PAGE}
    assert run.command()[0] == 0
    assert opened.pages == []
    assert run.command(open_page=True)[0] == 0
    assert opened.pages == ["file:///pages/dashboard%20of%252Ffilms.html"]


def test_a_failed_run_opens_nothing(run, opened):
    run.history[TODAY] = {"ok": False, "dashboard": PAGE}
    assert run.command(open_page=True)[0] == 1
    assert opened.pages == []


@pytest.mark.parametrize("fault", [False, webbrowser.Error("no browser")], ids=["none", "error"])
def test_without_a_browser_the_path_is_printed(run, opened, fault, capsys):
    run.charts, opened.fault = {"dashboard": PAGE}, fault
    assert run.command(open_page=True)[0] == 0
    assert f"No browser could be opened here. The dashboard is {PAGE}" in capsys.readouterr().out

"""Days loaded from exports hold the same films whenever they were first loaded; Ctrl-C ends a backfill."""

from __future__ import annotations

import signal

import pytest

from tmdb_assets import partitions
from tmdb_assets.cli.in_process import is_failed
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.fakes.replay import TRUNCATED
from tmdb_assets_tests.stage.many_days import MISSING, ONE_DAY, asked_exports, change_lists, exports
from tmdb_assets_tests.stage.past import CATALOGUE, DAY, backfill, days_from, past_platform  # noqa: F401 - `loaded_database`
from tmdb_assets_tests.stage.platform import failures_of

LATER = catalogue(sound_films(40))  # ten films more
FILMS_A_DAY = "select date_id, count(*) from fact_movie_daily where date_id = any(:days) group by 1 order by 1"


@pytest.fixture
def made(server, loaded_database, monkeypatch):
    with past_platform(server, loaded_database, monkeypatch) as ready:
        yield ready


def learn_more_films(made, monkeypatch):
    """Ten films become known on the day after DAY, which is requested completely."""
    now = partitions.today
    made.replay.faults = change_lists({})
    assert failures_of(made.fetch_day(DAY + ONE_DAY, LATER, charts=False)) == []
    monkeypatch.setattr(partitions, "today", now)
    made.replay.faults = None
    made.replay.reset()


def test_a_days_films_do_not_depend_on_when_it_was_first_loaded(made, monkeypatch):
    days = days_from(DAY - 4 * ONE_DAY, 4)
    made.replay.catalogue = LATER
    backfill(made, days[1:])
    assert made.rows(FILMS_A_DAY, days=days) == [(day, 30) for day in days[1:]]
    learn_more_films(made, monkeypatch)
    outcomes = backfill(made, days)
    assert all(outcome.ok for outcome in outcomes.values())
    assert asked_exports(made.replay) == days
    assert made.rows(FILMS_A_DAY, days=days) == [(day, 40) for day in days]
    # Now they are complete.
    made.replay.reset()
    backfill(made, days)
    assert made.replay.asked == []


def test_films_that_became_known_later_are_reported_where_the_export_is_gone(made, monkeypatch):
    day = DAY - ONE_DAY
    backfill(made, [day])
    learn_more_films(made, monkeypatch)
    made.replay.faults = exports({}, otherwise=MISSING)
    outcome = backfill(made, [day])[day]
    assert outcome.ok, outcome.problems
    assert made.rows(FILMS_A_DAY, days=[day]) == [(day, 30)]
    (check,) = [check for check in outcome.checks if check.check_name == "export_stored"]
    assert check.passed  # nothing can be done
    assert check.description == (
        f"The export of {day} is stored. 10 films became known since it was read and are not in it; it is no longer "
        "published."
    )


def test_films_that_became_known_later_wait_while_the_export_cannot_be_read(made, monkeypatch):
    day = DAY - ONE_DAY
    backfill(made, [day])
    learn_more_films(made, monkeypatch)
    made.replay.catalogue = LATER
    made.replay.faults = exports({}, otherwise=TRUNCATED)
    outcome = backfill(made, [day])[day]
    (check,) = [check for check in outcome.checks if check.check_name == "export_stored"]
    assert (outcome.ok, check.passed, is_failed(check)) == (True, False, False)
    assert "is damaged" in check.description
    assert "10 films became known since it was read" in check.description
    made.replay.faults = None
    assert backfill(made, [day])[day].ok
    assert made.rows(FILMS_A_DAY, days=[day]) == [(day, 40)]


def test_a_complete_day_requests_nothing_for_films_that_became_known_later(made, monkeypatch):
    learn_more_films(made, monkeypatch)
    outcome = backfill(made, [DAY])[DAY]
    assert (outcome.ok, made.replay.asked) == (True, [])
    (check,) = [check for check in outcome.checks if check.check_name == "export_stored"]
    assert check.passed
    assert check.description.endswith(
        f"10 films became known since it was read and are not in it. To add them: tmdb-assets backfill --from {DAY} "
        f"--to {DAY} --refresh."
    )
    made.replay.catalogue = LATER
    assert backfill(made, [DAY], refresh=True)[DAY].ok
    assert made.rows(FILMS_A_DAY, days=[DAY]) == [(DAY, 40)]


def interrupt_at(made, monkeypatch, where):
    """Ctrl-C during the download of an export, or between two steps."""
    if where == "in a step":
        made.source.export = lambda *_: signal.raise_signal(signal.SIGINT)
        return
    store = made.instance.handle_new_event

    def interrupted(event, **options):
        store(event, **options)
        if event.is_dagster_event and event.dagster_event.is_step_success:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(made.instance, "handle_new_event", interrupted)


@pytest.mark.parametrize("where", ["in a step", "between steps"])
def test_ctrl_c_ends_a_backfill(made, monkeypatch, where):
    interrupt_at(made, monkeypatch, where)
    days = days_from(DAY - 3 * ONE_DAY, 3)
    (outcome,) = backfill(made, days).values()
    assert (outcome.day, outcome.ok, outcome.interrupted, outcome.state) == (days[0], False, True, "interrupted")
    assert outcome.problems == []

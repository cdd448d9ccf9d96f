"""Days loaded from exports hold the same films whenever they were first loaded; Ctrl-C ends a backfill."""

from __future__ import annotations

import signal
from contextlib import closing

import pytest
from dagster import DagsterRunStatus

from tmdb_assets import partitions
from tmdb_assets.cli.in_process import Platform as OpenPlatform
from tmdb_assets.cli.in_process import is_failed, run_backfill
from tmdb_assets.instance.tags import PARTITION_NAME_TAG
from tmdb_assets.warehouse.server.open import stop_on_signals
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.fakes.replay import TRUNCATED
from tmdb_assets_tests.stage.gap_ticks import HOUR, days_of, tick
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
    """Ctrl-C before the run's first event or between two steps, or a signal during the download of an export."""
    if isinstance(where, signal.Signals):
        made.source.export = lambda *_: signal.raise_signal(where)
        return
    if where == "before the start":
        create = made.instance.create_run_for_job
        stopped = lambda **options: (create(**options), signal.raise_signal(signal.SIGINT))  # noqa: E731
        monkeypatch.setattr(made.instance, "create_run_for_job", stopped)
        return
    store = made.instance.handle_new_event

    def interrupted(event, **options):
        store(event, **options)
        if event.is_dagster_event and event.dagster_event.is_step_success:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(made.instance, "handle_new_event", interrupted)


@pytest.fixture
def like_a_command():
    """SIGTERM and SIGHUP as the command handles them."""
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    stop_on_signals()
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    "where", ["before the start", "between steps", signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=str
)
@pytest.mark.usefixtures("like_a_command")
def test_an_interrupted_backfill_leaves_its_days_to_a_person(made, monkeypatch, where):
    today, days = partitions.today(), days_from(DAY + ONE_DAY, 3)
    with monkeypatch.context() as patched:
        interrupt_at(made, patched, where)
        (outcome,) = backfill(made, days).values()
    assert (outcome.day, outcome.ok, outcome.interrupted, outcome.state) == (days[0], False, True, "interrupted")
    assert outcome.problems == []
    # The day's run and those of the days that had not begun end as cancelled.
    runs = made.instance.get_runs()
    assert {run.tags[PARTITION_NAME_TAG]: run.status for run in runs} == {
        str(day): DagsterRunStatus.CANCELED for day in days
    }
    assert len(runs) == 3
    assert not days_of(tick(made, monkeypatch, days[-1] + ONE_DAY, 500 * HOUR)[0])
    # Days that were not part of it are requested as ever.
    assert days_of(tick(made, monkeypatch, days[-1] + 3 * ONE_DAY)[0]) == [days[-1] + ONE_DAY, days[-1] + 2 * ONE_DAY]
    # The same command loads them.
    monkeypatch.setattr(partitions, "today", lambda: today)
    made.source.export = type(made.source).export.__get__(made.source)
    assert [outcome.ok for outcome in backfill(made, days).values()] == [True] * 3
    assert tick(made, monkeypatch, days[-1] + ONE_DAY) == ([], "No day is missing.")


def test_a_backfill_that_is_closed_between_two_days_leaves_the_rest_to_a_person(made, monkeypatch):
    days = days_from(DAY + ONE_DAY, 3)
    opened = OpenPlatform(made.instance, made.definitions, made.source, made.warehouse)
    with closing(run_backfill(opened, days)) as outcomes:
        assert next(outcomes).ok
    requests, reason = tick(made, monkeypatch, days[-1] + ONE_DAY)
    assert (requests, "their newest runs were cancelled" in reason) == ([], True)

"""Days loaded from exports hold the same films whenever they were first loaded; Ctrl-C ends a backfill."""

from __future__ import annotations

import signal
from contextlib import closing

import pytest
from dagster import DagsterEventType, DagsterRunStatus

from tmdb_assets import partitions
from tmdb_assets.cli.day_run import is_failed
from tmdb_assets.cli.in_process import Platform as OpenPlatform
from tmdb_assets.cli.in_process import run_backfill
from tmdb_assets.instance.tags import PARTITION_NAME_TAG
from tmdb_assets.orchestration import gaps
from tmdb_assets.warehouse.server.open import stop_on_signals
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.fakes.replay import GARBAGE, TRUNCATED
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.gap_ticks import HOUR, days_of, run_requests, tick
from tmdb_assets_tests.stage.many_days import MISSING, ONE_DAY, asked_exports, both, change_lists, exports
from tmdb_assets_tests.stage.past import CATALOGUE, DAY, backfill, days_from, past_platform
from tmdb_assets_tests.stage.platform import failures_of, platform

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


def test_an_export_whose_films_did_not_reach_the_fact_is_loaded(made, monkeypatch):
    day = DAY - ONE_DAY
    backfill(made, [day])
    learn_more_films(made, monkeypatch)
    made.replay.catalogue = LATER
    assert failures_of(made.run(day, today=DAY + ONE_DAY, job="backfill", only=["raw_export"])) == []
    made.replay.reset()
    (request,) = tick(made, monkeypatch, DAY + ONE_DAY, 500 * HOUR)[0]
    assert {key.to_user_string() for key in request.asset_selection} == {"raw_export", "fact_movie_daily"}
    assert list(run_requests(made, monkeypatch, DAY + ONE_DAY, 500 * HOUR)) == [day]
    assert (made.replay.asked, made.rows(FILMS_A_DAY, days=[day])) == ([], [(day, 40)])
    assert tick(made, monkeypatch, DAY + ONE_DAY, 500 * HOUR) == ([], "No day is missing.")


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


NEXT, PARTLY, TODAY = (DAY + number * ONE_DAY for number in (1, 2, 3))
FACTS = "select date_id, movie_id, popularity, vote_count, source from fact_movie_daily where date_id = any(:days)"


def page_two_fails(path, params):
    return GARBAGE if path == "/discover/movie" and params["page"] == "2" else None


@pytest.fixture(scope="module")
def partly_fetched(server, loaded_database):
    """A database with DAY, and with the first page of PARTLY: 20 of 30 films."""
    with copied_warehouse(server, loaded_database) as warehouse:
        with pytest.MonkeyPatch.context() as patched, platform(warehouse, CATALOGUE, patched) as made:
            made.replay.faults = both(page_two_fails, exports({}, otherwise=MISSING), change_lists({}))
            made.run(PARTLY, charts=False)
        warehouse.close()
        yield str(warehouse.url.database)


def known_today(made, _):
    """Ten films become known by today's run, as do the others' figures of today."""
    made.replay.faults = change_lists({})
    assert failures_of(made.run(TODAY, charts=False)) == []


def backfilled(made, _):
    assert all(outcome.ok for outcome in backfill(made, [NEXT, PARTLY]).values())


def by_the_daemon(made, monkeypatch):
    monkeypatch.setattr(gaps, "FILMS_EVERY_DAYS", 1)  # days that lack only films are spread over the week
    for result in run_requests(made, monkeypatch, TODAY, 24 * HOUR).values():
        assert failures_of(result) == []


ORDERS = {
    "films first": [known_today, backfilled],
    "days first": [backfilled, known_today, by_the_daemon],
    "by the daemon": [by_the_daemon, known_today, by_the_daemon],
}


@pytest.mark.long
def test_a_day_ends_with_the_same_films_in_whatever_order_runs_and_days_come(server, partly_fetched, monkeypatch):
    found = {}
    for name, steps in ORDERS.items():
        with monkeypatch.context() as patched, past_platform(server, partly_fetched, patched) as made:
            made.replay.catalogue = LATER
            for step in steps:
                patched.setattr(partitions, "today", lambda: TODAY)
                step(made, patched)
            found[name] = sorted(made.rows(FACTS, days=[NEXT, PARTLY]))
            counts = made.rows(
                "select date_id, discover_count, export_count from load_day where date_id > :day", day=DAY
            )
            assert sorted(counts) == [(NEXT, 0, 40), (PARTLY, 20, 20), (TODAY, 40, 0)], name
            # Nothing is left to do.
            assert tick(made, patched, TODAY, 500 * HOUR) == ([], "No day is missing."), name
    assert len(found["films first"]) == 80
    for name, facts in found.items():
        assert facts == found["films first"], name


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


def ends_of(instance, run_id):
    types = {DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED}
    return [entry.dagster_event_type for entry in instance.all_logs(run_id, of_type=types)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.usefixtures("like_a_command")
def test_a_stopped_backfill_is_resumed_by_the_daemon(made, monkeypatch, number):
    handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    days = days_from(DAY + ONE_DAY, 3)
    interrupt_at(made, monkeypatch, number)
    (outcome,) = backfill(made, days).values()
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    assert (outcome.ok, outcome.interrupted, outcome.problems, outcome.waiting) == (False, True, [], [])
    (run,) = made.instance.get_runs()
    assert (run.status, ends_of(made.instance, run.run_id)) == (
        DagsterRunStatus.FAILURE,
        [DagsterEventType.RUN_FAILURE],
    )
    assert days_of(tick(made, monkeypatch, days[-1] + ONE_DAY)[0]) == days


@pytest.mark.parametrize("where", ["before the start", "between steps", signal.SIGINT], ids=str)
@pytest.mark.usefixtures("like_a_command")
def test_an_interrupted_backfill_leaves_its_days_to_a_person(made, monkeypatch, where):
    today, days = partitions.today(), days_from(DAY + ONE_DAY, 3)
    with monkeypatch.context() as patched:
        interrupt_at(made, patched, where)
        (outcome,) = backfill(made, days).values()
    assert (outcome.day, outcome.ok, outcome.interrupted, outcome.state) == (days[0], False, True, "interrupted")
    assert (outcome.problems, outcome.waiting) == ([], days)
    # The day's run and those of the days that had not begun end as cancelled.
    runs = made.instance.get_runs()
    assert {run.tags[PARTITION_NAME_TAG]: run.status for run in runs} == {
        str(day): DagsterRunStatus.CANCELED for day in days
    }
    assert len(runs) == 3
    ends = [ends_of(made.instance, run.run_id) for run in runs]
    assert sorted(ends) == [[], [], [DagsterEventType.RUN_CANCELED]]  # of two days only the state is stored
    assert not days_of(tick(made, monkeypatch, days[-1] + ONE_DAY, 500 * HOUR)[0])
    # Days that were not part of it are requested as ever.
    assert days_of(tick(made, monkeypatch, days[-1] + 3 * ONE_DAY)[0]) == [days[-1] + ONE_DAY, days[-1] + 2 * ONE_DAY]
    # The same command loads them.
    monkeypatch.setattr(partitions, "today", lambda: today)
    made.source.export = type(made.source).export.__get__(made.source)
    assert [outcome.ok for outcome in backfill(made, days).values()] == [True] * 3
    assert tick(made, monkeypatch, days[-1] + ONE_DAY) == ([], "No day is missing.")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_backfill_that_is_stopped_between_two_days_cancels_none(made, number):
    opened = OpenPlatform(made.instance, made.definitions, made.source, made.warehouse)
    outcomes = run_backfill(opened, days_from(DAY + ONE_DAY, 3))
    with closing(outcomes):
        assert next(outcomes).ok
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert [run.status for run in made.instance.get_runs()] == [DagsterRunStatus.SUCCESS]


def test_a_backfill_that_is_closed_between_two_days_leaves_the_rest_to_a_person(made, monkeypatch):
    days = days_from(DAY + ONE_DAY, 3)
    opened = OpenPlatform(made.instance, made.definitions, made.source, made.warehouse)
    with closing(run_backfill(opened, days)) as outcomes:
        assert next(outcomes).ok
    requests, reason = tick(made, monkeypatch, days[-1] + ONE_DAY)
    assert (requests, "their newest runs were cancelled" in reason) == ([], True)
    # Days that are loaded have nothing to wait for.
    assert all(outcome.ok for outcome in backfill(made, days).values())
    with closing(run_backfill(opened, days)) as outcomes:
        assert next(outcomes).ok
    assert sum(run.status is DagsterRunStatus.CANCELED for run in made.instance.get_runs()) == 2

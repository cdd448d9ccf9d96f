"""An export that can be read but not be that of its day: nothing of it is believed, and it is requested again."""

from __future__ import annotations

import gzip
import json

import pytest

from tmdb_assets import partitions
from tmdb_assets.cli.day_run import is_failed
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.fakes.replay import TRUNCATED, Fault
from tmdb_assets_tests.stage.many_days import MISSING, ONE_DAY, both, change_lists, export_of, exports
from tmdb_assets_tests.stage.past import DAY, backfill, days_from, past_platform
from tmdb_assets_tests.stage.platform import evaluations_of, failures_of, platform

PAST = DAY - ONE_DAY
CATALOGUE = catalogue(sound_films(90))
MANY = sorted(CATALOGUE.films)
TRUE = {film: 1 + film % 7 / 8 for film in MANY}
FACTS = "select movie_id, popularity from fact_movie_daily where date_id = :day order by 1"


@pytest.fixture
def made(server, loaded_database, monkeypatch):
    """DAY is loaded with 90 films."""
    with past_platform(server, loaded_database, monkeypatch) as ready:
        ready.replay.catalogue = CATALOGUE
        yield ready


def text_of(*lines):
    return Fault(body=gzip.compress("\n".join(map(json.dumps, lines)).encode()))


def with_texts(popularity):
    """Two sound lines, and the others with the popularity in quotes."""
    return text_of(
        *({"id": film, "popularity": value if n < 2 else str(value)} for n, (film, value) in enumerate(popularity))
    )


def without(first, last):
    return export_of({film: value for n, (film, value) in enumerate(TRUE.items()) if not first <= n < last})


DOUBTFUL = {
    "texts for numbers": (with_texts(list(TRUE.items())), "has no usable film in 88 of its 90 lines"),
    "6% broken lines": (
        text_of(*({"id": film, "popularity": None if n < 6 else 1.0} for n, film in enumerate(MANY))),
        "has no usable film in 6 of its 90 lines",
    ),
    "two lines": (export_of(dict.fromkeys(MANY[:2], 1.5)), "has 2 of the 90 known films released by then"),
    "half": (export_of(dict.fromkeys(MANY[45:], 1.5)), "has 45 of the 90 known films released by then"),
    "unknown films": (
        export_of(dict.fromkeys(range(1_000, 9_000), 1.5)),
        "has 0 of the 90 known films released by then",
    ),
    "zeros": (export_of(dict.fromkeys(MANY, 0.0)), "has 0 of the 90 known films released by then"),
    "7% less": (without(20, 26), f"lacks 6 of the 90 films of {DAY}"),
    "7% zeros": (
        export_of(TRUE | dict.fromkeys(MANY[20:26], 0)),
        f"lacks 6 of the 90 films of {DAY}",
    ),
}


def test_a_doubtful_export_makes_no_loaded_day_and_is_requested_again(made):
    for answer, doubt in DOUBTFUL.values():
        made.replay.faults = exports({PAST: answer})
        outcome = backfill(made, [PAST])[PAST]
        (problem,) = outcome.problems
        assert not outcome.ok
        assert f"The id export of {PAST} is doubtful: it {doubt}. Nothing of it was used." in str(problem)
        assert "\n" not in str(problem)
        (check,) = [check for check in outcome.checks if check.check_name == "export_stored"]
        assert (check.passed, doubt in check.description) == (False, True)
        assert made.rows("select date_id from load_day where date_id = :day", day=PAST) == []
        assert made.value("select count(*) from raw_export where snapshot_date = :day", day=PAST) == 0
    # Whole again, a plain backfill loads it.
    made.replay.faults = exports({PAST: export_of(TRUE)})
    assert backfill(made, [PAST])[PAST].ok
    assert made.rows(FACTS, day=PAST) == list(TRUE.items())


@pytest.mark.parametrize(
    ("answer", "films"),
    [
        (without(20, 25), 85),  # few films may have been removed since
        (without(0, 0), 90),
        (text_of(*({"id": film, "popularity": None if n < 4 else 1.0} for n, film in enumerate(MANY))), 86),
    ],
    ids=["5 films less", "whole", "4% broken lines"],
)
def test_an_export_with_few_faults_is_believed(made, answer, films):
    made.replay.faults = exports({PAST: answer})
    outcome = backfill(made, [PAST])[PAST]
    failed = [check.check_name for check in outcome.checks if not check.passed]
    assert (outcome.ok, failed) == (True, ["today_is_there"])  # 40 days later
    assert len(made.rows(FACTS, day=PAST)) == films
    (text,) = [check.description for check in outcome.checks if check.check_name == "export_stored"]
    assert ("4 of its 90 lines have no usable film and are left out" in text) == (films == 86)


def test_removed_films_are_not_missed(made):
    made.execute("update dim_movie set removed_date = :day where movie_id = any(:ids)", day=DAY, ids=MANY[20:65])
    made.execute("select renew_totals()")
    made.replay.faults = exports({PAST: without(20, 65)})
    assert backfill(made, [PAST])[PAST].ok
    assert len(made.rows(FACTS, day=PAST)) == 45


def test_another_days_figures_are_doubted_for_two_days(made, monkeypatch):
    _, second, third, _ = days = days_from(DAY - 5 * ONE_DAY, 4)
    figures = [{film: film / number for film in MANY} for number in (2, 3, 5, 7)]
    answers = [export_of(figures[number]) for number in (0, 1, 1, 2)]
    made.replay.faults = exports(dict(zip(days, answers, strict=True)))
    later = partitions.today()
    monkeypatch.setattr(partitions, "today", lambda: third + 2 * ONE_DAY)
    outcomes = backfill(made, days)
    assert [outcomes[day].ok for day in days] == [True, True, False, True]
    assert f"The id export of {third} is doubtful: it has the figures of {second}" in str(outcomes[third].problems[0])
    # What TMDb still publishes days later is the day's export.
    monkeypatch.setattr(partitions, "today", lambda: third + 3 * ONE_DAY)
    outcome = backfill(made, [third])[third]
    (check,) = [check for check in outcome.checks if check.check_name == "export_stored"]
    assert (outcome.ok, check.passed, is_failed(check)) == (True, False, False)
    assert check.description.endswith(
        f"It has the figures of {second}, as it did days later: they may be those of that day."
    )
    assert made.rows(FACTS, day=third) == list(figures[1].items())
    # Where nothing ever changes, the same figures are no reason for doubt.
    monkeypatch.setattr(partitions, "today", lambda: later)
    made.replay.faults = exports({}, otherwise=export_of(figures[0]))
    for outcome in backfill(made, days_from(DAY - 20 * ONE_DAY, 3)).values():
        assert (outcome.ok, [check.passed for check in outcome.checks if check.check_name == "export_stored"]) == (
            True,
            [True],
        )


LITTLE = {
    # Known films, days before (-) or after DAY, films in the export, and why it is doubtful.
    "41 of 60": (60, -1, 41, "has 41 of the 60 known films released by then"),
    "54 of 60": (60, 1, 54, f"lacks 6 of the 60 films of {DAY}"),
    "55 of 60": (60, 1, 55, None),
    "7 of 10 films that existed": (10, 1, 7, f"lacks 3 of the 10 films of {DAY}"),
    "one film is not there yet": (3, -1, 2, None),
    "two films are not there yet": (3, -1, 1, None),
    "two films are not there yet, long before": (3, -30, 1, None),
    "none of three": (3, -30, 0, "has 0 of the 3 known films released by then"),
    "53 of 60 without a neighbour": (60, -30, 53, "has 53 of the 60 known films released by then"),
    "54 of 60 without a neighbour": (60, -30, 54, None),
}


@pytest.mark.parametrize(("known", "number", "there", "doubt"), LITTLE.values(), ids=LITTLE)
def test_a_small_catalogue_may_lack_few_films(made, known, number, there, doubt):
    day = DAY + number * ONE_DAY
    made.execute("update dim_movie set removed_date = :day where movie_id > :last", day=DAY, last=MANY[known - 1])
    made.execute("select renew_totals()")
    made.replay.faults = exports({day: export_of({film: TRUE[film] for film in MANY[:there]} | {5: 1.0})})
    outcome = backfill(made, [day])[day]
    assert [problem.cause for problem in outcome.problems] == ([f"it {doubt}"] if doubt else [])
    assert len(made.rows(FACTS, day=day)) == (0 if doubt else there)


def test_films_released_after_the_day_are_not_missed(made):
    day = DAY - 30 * ONE_DAY
    made.execute("update dim_movie set release_date = :day where movie_id > :last", day=DAY, last=MANY[44])
    made.replay.faults = exports({day: without(45, 90), DAY - ONE_DAY: without(45, 90)})
    assert all(outcome.ok for outcome in backfill(made, [day, DAY - ONE_DAY]).values())
    assert len(made.rows(FACTS, day=day)) == 45


def test_a_doubtful_export_leaves_what_is_stored(made):
    made.replay.faults = exports({PAST: export_of(TRUE)})
    backfill(made, [PAST])
    made.replay.faults = exports({PAST: DOUBTFUL["half"][0]})
    outcome = backfill(made, [PAST], refresh=True)[PAST]
    (check,) = [check for check in outcome.checks if check.check_name == "export_stored"]
    assert (outcome.ok, check.passed, is_failed(check)) == (True, False, False)
    assert "it has 45 of the 90 known films" in check.description
    assert made.rows(FACTS, day=PAST) == list(TRUE.items())


@pytest.mark.parametrize("answer", [DOUBTFUL["two lines"][0], DOUBTFUL["zeros"][0], TRUNCATED, MISSING])
def test_today_keeps_its_discover_facts_when_its_export_is_doubtful(made, answer):
    today = DAY + ONE_DAY
    made.replay.faults = both(change_lists({}), exports({today: answer}))
    result = made.run(today, charts=False)
    assert failures_of(result) == []
    assert not evaluations_of(result)["raw_export.export_stored"].passed
    listed = [(film, CATALOGUE.films[film]["popularity"]) for film in MANY]
    assert made.rows(FACTS, day=today) == listed
    # The next run requests it again.
    made.replay.faults = both(change_lists({}), exports({today: export_of(TRUE)}))
    result = made.run(today, charts=False)
    assert evaluations_of(result)["raw_export.export_stored"].passed
    assert made.rows("select * from raw_export where snapshot_date = :day", day=today)[0] == (
        today,
        MANY[0],
        TRUE[MANY[0]],
    )


def test_the_first_day_of_all_judges_its_export_by_its_discover_rows(warehouse, monkeypatch):
    with platform(warehouse, CATALOGUE, monkeypatch) as empty:
        empty.replay.faults = exports({DAY: export_of(dict.fromkeys(MANY[:3], 1.0))})
        result = empty.run(DAY, only=("raw_discover", "raw_export"))
        assert not evaluations_of(result)["raw_export.export_stored"].passed
        assert empty.value("select count(*) from raw_export") == 0
        assert empty.column("select kind from fetch_log where finished_at is not null") == ["discover"]


def test_of_a_film_with_two_figures_the_highest_counts_in_any_order_of_lines(made):
    first, second = days_from(DAY - 3 * ONE_DAY, 2)
    lines = [{"id": film, "popularity": figure} for film, figure in TRUE.items()]
    others = [{"id": film, "popularity": TRUE[film] * 2} for film in MANY[:21]]
    made.replay.faults = exports({first: text_of(*lines, *others), second: text_of(*others[1:], *lines, *lines)})
    outcomes = backfill(made, [first, second])
    doubled = dict(zip(MANY[:21], [TRUE[film] * 2 for film in MANY[:21]], strict=True))
    assert made.rows(FACTS, day=first) == list((TRUE | doubled).items())
    assert made.rows(FACTS, day=second) == list((TRUE | doubled | {MANY[0]: TRUE[MANY[0]]}).items())
    for day, films, passed in ((first, 21, False), (second, 20, True)):
        (check,) = [check for check in outcomes[day].checks if check.check_name == "export_stored"]
        example = MANY[21 - films]
        named = f"{films} films are in it with different figures, such as {example} ({TRUE[example]:g} and "
        assert (outcomes[day].ok, check.passed, is_failed(check)) == (True, passed, False)
        assert named in check.description, check.description

"""What the sandbox generates: daily figures that look like TMDb's, and facts that change."""

import datetime as dt
import itertools
import json
import math
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from tmdb_assets.tmdb.sandbox.catalogue import SAMPLE_DIR, WITHHELD, daily_figures, film_on, is_withheld
from tmdb_assets_tests.cases.sandbox_sample import BARE, DAY, FILM, FILMS

REPO = Path(__file__).resolve().parents[4]
TWO_YEARS = [dt.date(2025, 8, 11) + dt.timedelta(days=i) for i in range(730)]


def test_figures_are_the_same_in_a_process_that_has_only_the_sandbox():
    code = (
        "import datetime, json, sys, tmdb_assets.tmdb.sandbox.server;"
        "from tmdb_assets.tmdb.sandbox.catalogue import daily_figures, film_on;"
        "film, day = json.loads(sys.argv[1]), datetime.date(2026, 3, 15);"
        "days = [day + datetime.timedelta(days=n) for n in range(60)];"
        "print(json.dumps([daily_figures(film, day), [film_on(film, day) for day in days]]));"
        "heavy = {'dagster', 'sqlalchemy', 'pandas', 'requests'} & set(sys.modules); assert not heavy, heavy"
    )
    command = [sys.executable, "-c", code, json.dumps(FILM)]
    done = subprocess.run(command, cwd=REPO, env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True)
    figures, facts = json.loads(done.stdout)
    assert tuple(figures) == daily_figures(FILM, DAY)
    assert facts == [film_on(FILM, DAY + dt.timedelta(days=n)) for n in range(60)]


@pytest.mark.parametrize("release_date", ["1979-05-25", "2026-02-01", ""])
def test_votes_never_fall_and_averages_drift_little(release_date):
    figures = [daily_figures(FILM | {"release_date": release_date}, day) for day in TWO_YEARS]
    counts = [votes for _, _, votes in figures]
    assert counts == sorted(counts)
    assert counts[0] < 3000 < counts[-1] < 4500
    averages = [average for _, average, votes in figures if votes]
    assert all(8.05 <= average <= 8.15 for average in averages)
    assert max(abs(b - a) for a, b in itertools.pairwise(averages)) <= 0.01
    assert len(set(averages)) > 20


def test_popularity_moves_every_day_but_smoothly():
    figures = [daily_figures(FILM, day)[0] for day in TWO_YEARS]
    steps = [abs(math.log(b / a)) for a, b in itertools.pairwise(figures)]
    assert (min(steps) > 0, statistics.median(steps) > 0.005, max(steps) < 0.25) == (True, True, True)
    assert 15 < statistics.mean(figures) < 25


def test_a_new_film_peaks_at_its_release_and_fades():
    film, release = FILM | {"release_date": "2026-02-01"}, dt.date(2026, 2, 1)
    before, eve, day, month, year = (daily_figures(film, release + dt.timedelta(days=n)) for n in (-90, -1, 0, 30, 200))
    assert before[0] < eve[0] < 1.3 * day[0]
    assert day[0] > month[0] > year[0]
    assert day[0] > 2 * year[0]
    assert (before[1:], eve[1:]) == ((0.0, 0), (0.0, 0))
    assert 0 < day[2] < month[2] < year[2]


def test_more_popular_films_gain_more_votes():
    def gain(popularity):
        film = FILM | {"popularity": popularity}
        return daily_figures(film, dt.date(2026, 12, 31))[2] - daily_figures(film, dt.date(2026, 1, 1))[2]

    assert gain(2.0) < gain(20.0) < gain(200.0)
    assert gain(20.0) == pytest.approx(728, rel=0.02)  # a tenth of the popularity in each of 364 days


@pytest.mark.parametrize("popularity", [0, 0.001, 5_000.0])
def test_extreme_seeds_stay_on_the_scale(popularity):
    for day in TWO_YEARS[::10]:
        loved = BARE | {"popularity": popularity, "vote_average": 10, "vote_count": 10_000}
        figures = daily_figures(loved, day)
        assert (0 < figures[0] <= 1000, 9.9 < figures[1] <= 10, figures[2] > 0) == (True, True, True)
        assert daily_figures(loved | {"vote_count": 0}, day)[1:] == (0.0, 0)


def lost(film, day):
    """Return the facts that are withheld on a day."""
    facts = film_on(film, day)
    assert facts.keys() == film.keys()
    return [name for name in film if facts[name] != film[name]]


def test_a_fact_is_lost_for_some_days_and_returns():
    known = FILM | {"homepage": "https://rivers.example"}
    gaps = [(names, len(list(days))) for names, days in itertools.groupby(lost(known, day) for day in TWO_YEARS)]
    assert {len(names) for names, _ in gaps} == {0, 1}
    between = [names for names, _ in gaps]
    assert all(bool(a) != bool(b) for a, b in itertools.pairwise(between))  # between gaps, all is known
    lengths = [days for names, days in gaps[1:-1] if names]  # the first and last may be cut off
    assert 10 <= len(lengths) <= 13
    assert (min(lengths) >= 1, max(lengths) <= 14, len(set(lengths)) > 3) == (True, True, True)


def test_lost_facts_are_written_as_tmdb_writes_unknown_ones():
    known = FILM | {"homepage": "https://rivers.example"}
    seen = {}
    for film_id, day in itertools.product(range(20), TWO_YEARS[::5]):
        film = known | {"id": film_id}
        seen |= {name: film_on(film, day)[name] for name in lost(film, day)}
    assert seen == {"budget": 0, "revenue": 0, "runtime": 0, "homepage": "", "genres": [878]}


def test_unknown_facts_cannot_be_lost():
    assert [day for day in TWO_YEARS if film_on(BARE, day) != BARE] == []
    only = BARE | {"genres": [18]}
    assert [lost(only, day) for day in TWO_YEARS].count(["genres"]) > 0
    assert {tuple(lost(only, day)) for day in TWO_YEARS} == {(), ("genres",)}


def test_the_argument_is_not_changed():
    before = json.dumps(FILMS)
    for day in TWO_YEARS[:60]:
        for film in FILMS:
            film_on(film, day)["genres"] = "mine"
    assert json.dumps(FILMS) == before


def test_in_any_month_three_films_go_and_three_return_one_at_a_time():
    sample = {json.loads(line)["id"] for line in (SAMPLE_DIR / "films.jsonl").read_text("utf-8").splitlines()}
    assert sample.issuperset(WITHHELD)
    first = dt.date(2026, 1, 1)
    days = [first + dt.timedelta(days=number) for number in range(150)]
    missing = [{film for film in sample if is_withheld(film, day)} for day in days]
    assert {len(films) for films in missing} == {0, 1}
    pairs = list(itertools.pairwise(missing))
    gone, back = ([len(after - before) for before, after in pairs], [len(before - after) for before, after in pairs])
    assert {sum(gone[start : start + 30]) for start in range(120)} == {3}
    assert {sum(back[start : start + 30]) for start in range(120)} == {3}

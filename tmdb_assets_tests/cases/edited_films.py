"""Fifty films that editors change from one day to the next, and days loaded with the matching change lists."""

from __future__ import annotations

import datetime as dt

from tmdb_assets_tests.cases.awkward import catalogue, company, countries, film, genres, languages, sound_films
from tmdb_assets_tests.fakes.replay import Fault
from tmdb_assets_tests.stage.many_days import ONE_DAY, change_lists
from tmdb_assets_tests.stage.platform import failures_of, metadata_of

DAY = dt.date(2026, 7, 29)
NEXT = DAY + ONE_DAY
THIRD = NEXT + ONE_DAY
FOURTH = THIRD + ONE_DAY
FILMS = sound_films(50)
CATALOGUE = catalogue(FILMS)
IDS = sorted(CATALOGUE.films)
MOVIE_CHAIN = ("raw_discover", "raw_details", "dim_language", "dim_movie")
# The editors' changes by the second day.
EDITS = {
    IDS[0]: {"title": "Another title", "overview": "", "tagline": "new"},
    IDS[1]: {"genres": genres(35, 27)},
    IDS[2]: {"production_companies": [company(1, "One", "FR")]},
    IDS[3]: {"release_date": "2027-01-31"},
    IDS[4]: {"budget": 0, "revenue": 2**33, "runtime": 61},
    IDS[5]: {"production_countries": countries("DE", "XK"), "spoken_languages": languages("fr", "sh")},
    IDS[6]: {"production_companies": [company(79_007, "Studio 9007, renamed")]},
    IDS[7]: {"belongs_to_collection": {"id": 7, "name": "Saga"}, "original_language": "de"},
}
NEW, GONE, UNLISTED, UNLISTED_EDITED = 9101, IDS[8], IDS[9], IDS[7]
DOWN = Fault(status=500)


def second_day():
    """The next day's catalogue: edits, a new film, one gone, two no longer in discover, all figures moved."""
    films = [
        {**made, **EDITS.get(made["id"], {}), "popularity": made["popularity"] + 1, "vote_count": 101}
        for made in (*FILMS, film(NEW))
    ]
    shown = [made["id"] for made in films if made["id"] not in {UNLISTED, UNLISTED_EDITED}]
    return catalogue(films, gone={GONE}, discover_ids=shown)


def load(made, day, known, listed, **options):
    """Run a day, as on that day, with these change lists; return the run, whose steps all succeeded."""
    made.replay.reset()
    made.replay.faults = change_lists(listed)
    result = made.fetch_day(day, known, charts=False, **options)
    assert failures_of(result) == []
    return result


def due_of(result):
    """The number of requested films by reason, from the run's metadata."""
    figures = metadata_of(result, "raw_details")
    return {name.removeprefix("due_"): value for name, value in figures.items() if name.startswith("due_")}


def without_lists(fault):
    """A hook that answers every change list with a fault."""
    return lambda path, params: fault if path == "/movie/changes" else None


def at_films(films, fault):
    """A hook that answers these films' details with a fault."""
    paths = {f"/movie/{movie_id}" for movie_id in films}
    return lambda path, params: fault if path in paths else None


def title_of(made, movie_id):
    return made.value("select title from dim_movie where movie_id = :film", film=movie_id)

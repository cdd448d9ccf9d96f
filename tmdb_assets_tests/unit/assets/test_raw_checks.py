"""What the check of details says of parts and jobs that do not come."""

from __future__ import annotations

from collections import Counter

from tmdb_assets.assets.raw_checks import what_is_lacking
from tmdb_assets.fetch.step import Fetched
from tmdb_assets.warehouse.loading.load import Loaded
from tmdb_assets.warehouse.schema.raw import raw_details


def fetched(answered: int, without: int = 0, crew: int = 1, left_out: int = 9) -> Fetched:
    found = Counter({"keywords": without}), Counter({"crew": left_out})
    return Fetched(Loaded(raw_details), answered=answered, crew=crew, without=found[0], left_out=found[1])


def test_more_than_a_few_films_without_a_part_are_a_warning() -> None:
    (told,) = what_is_lacking(fetched(100, without=6))
    assert told.startswith("6 of the 100 films requested by this run came without keywords: what is known")
    assert list(what_is_lacking(fetched(100, without=5))) == []


def test_no_crew_at_all_is_a_warning_that_names_the_setting() -> None:
    (told,) = what_is_lacking(fetched(20, crew=0))
    assert told == (
        "No member of the crew of the 20 films requested by this run has a job in TMDB_CREW_JOBS: "
        "check that these are TMDb's names."
    )
    assert list(what_is_lacking(fetched(19, crew=0))) == []
    assert list(what_is_lacking(fetched(20, crew=0, left_out=0))) == []  # no crew was sent
    assert list(what_is_lacking(fetched(0, crew=0, left_out=0))) == []

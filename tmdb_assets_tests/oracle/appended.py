"""What a correct load holds of credits, keywords and releases, computed in plain Python; a part of `expected`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from typing import Any

from tmdb_assets_tests.oracle.texts import text

# What is stored of a film's credits unless set otherwise, TMDb's codes, and the date of each appended part.
CAST_LIMIT = 20
CREW_JOBS = {"Director", "Co-Director", "Writer", "Screenplay", "Story", "Producer", "Executive Producer"}
CREW_JOBS |= {"Director of Photography", "Editor", "Original Music Composer", "Music"}
CREW_JOBS |= {"Co-Writer", "Author", "Teleplay", "Screenstory", "Adaptation"}
GENDERS = {0: None, 1: "female", 2: "male", 3: "non-binary"}
RELEASE_TYPES = {1: "Premiere", 2: "Theatrical (limited)", 3: "Theatrical", 4: "Digital", 5: "Physical", 6: "TV"}
PART_DATES = {"credits": "credits_date", "keywords": "keywords_date", "release_dates": "releases_date"}


def _forget(rows: set[tuple[Any, ...]], films: Collection[int]) -> None:
    rows.difference_update({row for row in rows if row[0] in films})


def _add_people(result: Any, credits_of: Mapping[int, Mapping[str, Any]]) -> None:
    _forget(result.bridge_movie_cast, credits_of)
    _forget(result.bridge_movie_crew, credits_of)
    for movie_id, both in credits_of.items():
        cast = sorted(both["cast"], key=lambda one: one["order"])[:CAST_LIMIT]
        crew = [one for one in both["crew"] if one["job"] in CREW_JOBS]
        for one in (*cast, *crew):
            result.dim_person[one["id"]] = (
                text(one["name"]),
                text(one["original_name"]),
                GENDERS[one["gender"]],
                text(one["known_for_department"]),
                text(one["profile_path"]),
            )
        result.bridge_movie_cast |= {
            (movie_id, one["credit_id"], one["id"], text(one["character"]), one["order"]) for one in cast
        }
        result.bridge_movie_crew |= {
            (movie_id, one["credit_id"], one["id"], text(one["department"]), text(one["job"])) for one in crew
        }


def _add_keywords(result: Any, keywords_of: Mapping[int, Mapping[str, Any]]) -> None:
    _forget(result.bridge_movie_keyword, keywords_of)
    for movie_id, keywords in keywords_of.items():
        for keyword in keywords["keywords"]:
            result.dim_keyword[keyword["id"]] = text(keyword["name"])
            result.bridge_movie_keyword.add((movie_id, keyword["id"]))


def _add_releases(result: Any, releases_of: Mapping[int, Mapping[str, Any]]) -> None:
    _forget(result.movie_release, releases_of)
    for movie_id, releases in releases_of.items():
        for country in releases["results"]:
            for release in country["release_dates"]:
                date = dt.date.fromisoformat(release["release_date"][:10])
                rest = (text(release["certification"]), text(release["note"]))
                result.movie_release.add((movie_id, country["iso_3166_1"], RELEASE_TYPES[release["type"]], date, *rest))


PARTS: dict[str, Callable[[Any, Mapping[int, Mapping[str, Any]]], None]] = {
    "credits": _add_people,
    "keywords": _add_keywords,
    "release_dates": _add_releases,
}

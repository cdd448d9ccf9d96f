"""The files in `data/`: complete lists, films from the whole world and a century, facts that agree with recordings."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pycountry
import pytest

from tmdb_assets.tmdb.sandbox.appended import DEPARTMENTS, RELEASE_TYPES
from tmdb_assets_tests.cases.recorded_facts import RECORDINGS, recorded_details, recorded_pages, recorded_tables

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "data"
SAMPLE = DATA / "sample"
needs_recordings = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=f"no recordings of TMDb in {RECORDINGS}")

ISO_3166_1 = {country.alpha_2 for country in pycountry.countries}
CONTINENTS = {"Africa", "Antarctica", "Asia", "Europe", "North America", "Oceania", "South America"}
FORMER_COUNTRIES = {"SU", "XC", "XG", "YU"}
KEYS = {
    "id": int, "imdb_id": str | None, "title": str, "original_title": str, "original_language": str,
    "release_date": str, "runtime": int, "budget": int, "revenue": int, "genres": list,
    "production_countries": list, "spoken_languages": list, "production_companies": list,
    "collection": dict | None, "homepage": str, "status": str,
    "vote_average": float, "vote_count": int, "popularity": float,
}  # fmt: skip
STATUSES = {"Rumored", "Planned", "In Production", "Post Production", "Released", "Canceled"}
# (film, field) where the data deliberately differs: the recording calls a Soviet film of 1972 Russian.
EXCEPTIONS = {(593, "production_countries")}


@cache
def films() -> list[dict[str, Any]]:
    with (SAMPLE / "films.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@cache
def people() -> dict[int, dict[str, Any]]:
    with (SAMPLE / "credits.jsonl").open(encoding="utf-8") as lines:
        return {line["id"]: line for line in map(json.loads, lines)}


@cache
def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@cache
def continents() -> dict[str, str]:
    return {row["iso_3166_1"]: row["continent"] for row in rows("country_continent.csv")}


def used(field: str) -> set[Any]:
    return {value for film in films() for value in film[field]}


def test_country_continent_has_every_iso_code_once_in_order_with_a_known_continent() -> None:
    codes = [row["iso_3166_1"] for row in rows("country_continent.csv")]
    assert codes == sorted(set(codes))
    assert set(codes) >= ISO_3166_1
    assert set(continents().values()) == CONTINENTS
    assert all(row["name"] == row["name"].strip() != "" for row in rows("country_continent.csv"))


def test_debatable_continents_have_a_note() -> None:
    decided = {
        "RU": "Europe", "SU": "Europe", "XC": "Europe", "XG": "Europe", "YU": "Europe", "XK": "Europe",
        "TR": "Asia", "CY": "Asia", "KZ": "Asia", "GE": "Asia", "AM": "Asia", "AZ": "Asia", "ID": "Asia",
        "EG": "Africa", "IO": "Africa", "ZR": "Africa", "UM": "Oceania", "CX": "Oceania",
        "AN": "North America", "PA": "North America", "GL": "North America", "FK": "South America",
        "GT": "North America", "CU": "North America", "AW": "North America", "TT": "North America",
        "BV": "Antarctica", "GS": "Antarctica", "HM": "Antarctica", "TF": "Antarctica",
    }  # fmt: skip
    notes = {row["iso_3166_1"]: row["note"] for row in rows("country_continent.csv")}
    assert {code: continents()[code] for code in decided} == decided
    assert [code for code in decided if not notes[code]] == ["GT", "CU"]  # Central America and the Caribbean are clear
    assert [code for code in ("FR", "JP", "BR", "NG", "MX") if notes[code]] == []


@needs_recordings
def test_lists_agree_with_the_recorded_configuration() -> None:
    def recorded(name: str) -> Any:
        return json.loads((RECORDINGS / name).read_text(encoding="utf-8"))

    countries = {item["iso_3166_1"] for item in recorded("configuration/countries.json")}
    languages = {item["iso_639_1"]: item["english_name"] for item in recorded("configuration/languages.json")}
    genres = {item["id"]: item["name"] for item in recorded("genre/movie_list.json")["genres"]}
    assert len(countries) == 251
    assert countries | ISO_3166_1 == set(continents())
    assert {row["iso_639_1"]: row["english_name"] for row in rows("sample/languages.csv")} == languages
    assert {int(row["id"]): row["name"] for row in rows("sample/genres.csv")} == genres


def test_films_are_many_unique_and_sorted() -> None:
    ids = [film["id"] for film in films()]
    imdb_ids = [film["imdb_id"] for film in films() if film["imdb_id"] is not None]
    assert len(ids) >= 260
    assert ids == sorted(set(ids))
    assert len(imdb_ids) == len(set(imdb_ids)) > len(ids) * 0.95


def test_films_have_the_declared_keys_and_types() -> None:
    for film in films():
        assert list(film) == list(KEYS), film["id"]
        wrong = [key for key, kind in KEYS.items() if not isinstance(film[key], kind) or isinstance(film[key], bool)]
        assert wrong == [], film["id"]
        assert film["collection"] is None or set(film["collection"]) == {"id", "name"}, film["id"]
        for company in film["production_companies"]:
            assert set(company) == {"id", "name", "origin_country"}, film["id"]
            assert isinstance(company["id"], int), film["id"]
            assert company["name"], film["id"]


def test_values_are_in_their_range() -> None:
    for film in films():
        context = (film["id"], film["title"])
        assert film["title"].strip(), context
        assert film["original_title"].strip(), context
        assert film["imdb_id"] is None or re.fullmatch(r"tt\d{7,8}", film["imdb_id"]), context
        assert film["release_date"] == "" or dt.date.fromisoformat(film["release_date"]).year >= 1902, context
        assert film["status"] in STATUSES, context
        assert min(film["runtime"], film["budget"], film["revenue"], film["vote_count"]) >= 0, context
        assert 0 <= film["vote_average"] <= 10, context
        assert (film["vote_average"] == 0) == (film["vote_count"] == 0), context
        assert film["popularity"] > 0, context
        assert film["homepage"] == "" or film["homepage"].startswith(("http://", "https://")), context
        for key in ("genres", "production_countries", "spoken_languages"):
            assert len(film[key]) == len(set(film[key])), (*context, key)


def test_every_film_has_one_line_of_people_keywords_and_releases() -> None:
    assert list(people()) == [film["id"] for film in films()]
    for film_id, one in people().items():
        assert set(one) == {"id", "cast", "crew", "keywords", "releases"}, film_id
        assert all(name.strip() and isinstance(character, str) for name, character in one["cast"]), film_id
        assert set(one["crew"]) <= set(DEPARTMENTS), film_id
        cast = {(name, character) for name, character in one["cast"]}
        assert len(cast) == len(one["cast"]), film_id
        for names in (*one["crew"].values(), one["keywords"]):
            assert len(names) == len(set(names)), film_id
            assert all(name.strip() == name != "" for name in names), film_id
        for code, kind, day, certification in one["releases"]:
            assert code in continents(), film_id
            assert kind in RELEASE_TYPES, film_id
            assert dt.date.fromisoformat(day).year >= 1895, film_id
            assert isinstance(certification, str), film_id


def test_well_known_people_have_a_gender_and_someone_plays_twice() -> None:
    named = {name for one in people().values() for name, _ in one["cast"]}
    named |= {name for one in people().values() for names in one["crew"].values() for name in names}
    genders = {row["name"]: row["gender"] for row in rows("sample/people.csv")}
    assert set(genders) <= named
    assert len(genders) == len(rows("sample/people.csv")) > 80
    assert set(genders.values()) == {"1", "2"}
    assert any(len(one["cast"]) > len({name for name, _ in one["cast"]}) for one in people().values())


def test_every_code_is_in_its_list() -> None:
    genres = {int(row["id"]) for row in rows("sample/genres.csv")}
    languages = {row["iso_639_1"] for row in rows("sample/languages.csv")}
    origins = {company["origin_country"] for company in used_companies()} - {""}
    assert used("genres") == genres  # all 19 are used
    assert used("production_countries") - set(continents()) == set()
    assert origins - set(continents()) == set()
    assert (used("spoken_languages") | {film["original_language"] for film in films()}) - languages == set()


def used_companies() -> list[dict[str, Any]]:
    return [company for film in films() for company in film["production_companies"]]


def test_a_company_has_one_name_and_one_origin() -> None:
    facts = defaultdict(set)
    for company in used_companies():
        facts[company["id"]].add((company["name"], company["origin_country"]))
    assert {key: value for key, value in facts.items() if len(value) > 1} == {}


def test_films_span_a_century_and_the_world_with_the_edges_of_the_real_api() -> None:
    years = [int(film["release_date"][:4]) for film in films() if film["release_date"]]
    countries = used("production_countries")
    assert min(years) == 1902
    assert max(years) >= 2026
    assert set(range(190, 203)) <= {year // 10 for year in years}  # every decade
    assert len(countries) >= 35
    assert len(countries & FORMER_COUNTRIES) >= 2
    assert {continents()[code] for code in countries} >= CONTINENTS - {"Antarctica"}
    assert len({film["original_language"] for film in films()}) >= 25
    assert sum(not film["original_title"].isascii() for film in films()) >= 60
    for key in ("release_date", "runtime", "production_companies", "genres", "vote_count", "imdb_id"):
        assert any(not film[key] for film in films()), key


def test_money_is_often_unknown_and_some_needs_64_bits() -> None:
    assert sum(film["revenue"] > 2**31 for film in films()) >= 2
    assert sum(film["revenue"] == 0 for film in films()) >= 50
    assert sum(film["revenue"] > 0 and film["budget"] > 0 for film in films()) >= 150


@needs_recordings
def test_cast_and_crew_agree_with_recorded_credits() -> None:
    compared = 0
    for path in (RECORDINGS / "movie_with_credits").glob("*.json"):
        film, one = int(path.stem), people().get(int(path.stem))
        if one is None:
            continue
        compared += 1
        recorded = json.loads(path.read_bytes())["credits"]
        ordered = sorted(recorded["cast"], key=lambda each: each["order"])
        cast = list(dict.fromkeys(each["name"] for each in ordered))
        names = [name for name, _ in one["cast"]]
        assert names[:3] == cast[: min(3, len(names))], film
        assert set(names) <= set(cast), film
        by_job = defaultdict(set)
        for each in recorded["crew"]:
            by_job[each["job"]].add(each["name"])
        assert {
            (job, name) for job, made in one["crew"].items() for name in made if name not in by_job[job]
        } == set(), film
        assert set(one["crew"].get("Director", [])) == by_job["Director"], film
    assert compared >= 25


@needs_recordings
def test_films_agree_with_the_newest_recording_that_has_them() -> None:
    wanted = {film["id"] for film in films()}
    details = recorded_details(wanted)
    rest = wanted - set(details)
    genre_ids = {row["name"]: int(row["id"]) for row in rows("sample/genres.csv")}
    codes = {row["name"]: row["iso_3166_1"] for row in rows("country_continent.csv")}
    pages, tables = recorded_pages(rest), recorded_tables(rest, genre_ids, codes)
    known = {film_id: details.get(film_id) or (tables.get(film_id, {}) | pages.get(film_id, {})) for film_id in wanted}
    differences = [
        (film["id"], key, film[key], fact)
        for film in films()
        for key, fact in known[film["id"]].items()
        if (sorted(film[key]) if isinstance(fact, list) else film[key]) != fact
    ]
    assert [item for item in differences if item[:2] not in EXCEPTIONS] == []
    assert {item[:2] for item in differences} == EXCEPTIONS  # no exception is out of date
    assert sum(bool(facts) for facts in known.values()) >= 0.9 * len(wanted)

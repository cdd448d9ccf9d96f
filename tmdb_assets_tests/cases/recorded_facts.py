"""Facts of films in TMDb's recorded answers, in the shape of `data/sample/films.jsonl`."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "tmdb"
TEXT_KEYS = ("title", "original_title", "original_language", "release_date")


def detail_facts(movie: dict[str, Any]) -> dict[str, Any]:
    return {key: movie[key] or "" for key in TEXT_KEYS} | {
        "genres": sorted(genre["id"] for genre in movie["genres"]),
        "production_countries": sorted(country["iso_3166_1"] for country in movie["production_countries"]),
    }


def recorded_details(wanted: set[int]) -> dict[int, dict[str, Any]]:
    """Facts of the newest recorded detail answer of each wanted film."""
    found = {}
    for path in (RECORDINGS / "movie").glob("*.json"):  # of several dates: the dated recordings below take precedence
        if int(path.stem) in wanted:
            found[int(path.stem)] = detail_facts(json.loads(path.read_bytes()))
    dated = [*(RECORDINGS / "datasets").glob("*.jsonl.gz"), *(RECORDINGS / "datasets" / "daily").glob("*.jsonl.gz")]
    for path in sorted(dated, key=lambda path: path.name):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                movie = json.loads(line)
                if movie["id"] in wanted:
                    found[movie["id"]] = detail_facts(movie)
    return found


def recorded_pages(wanted: set[int]) -> dict[int, dict[str, Any]]:
    """Facts of the newest recorded list entry of each wanted film; lists have no countries."""
    found = {}
    for path in sorted((RECORDINGS / "discover").glob("*/*.json"), key=lambda path: path.parent.name[-10:]):
        for movie in json.loads(path.read_bytes())["results"]:
            if movie["id"] in wanted:
                found[movie["id"]] = {key: movie[key] for key in TEXT_KEYS} | {"genres": sorted(movie["genre_ids"])}
    return found


def recorded_tables(
    wanted: set[int], genre_ids: Mapping[str, int], codes: Mapping[str, str]
) -> dict[int, dict[str, Any]]:
    """Facts of the recorded tables of 2017 and 2024; the genre 10769 of 2017 no longer exists.

    The table of 2024 has names of genres and countries: `genre_ids` and `codes` map them to ids.
    """
    found: dict[int, dict[str, Any]] = {}
    for name in ("tmdb_5000_movies_2017.csv.gz", "tmdb_v11_top2631_2024.csv.gz"):
        with gzip.open(RECORDINGS / "datasets" / name) as packed:
            for movie in csv.DictReader(io.TextIOWrapper(packed, encoding="utf-8")):
                if int(movie["id"]) not in wanted:
                    continue
                genres, countries = movie["genres"], movie["production_countries"]
                facts: dict[str, Any] = {key: movie[key] for key in TEXT_KEYS}
                if genres.startswith("["):
                    facts["genres"] = sorted({genre["id"] for genre in json.loads(genres)} - {10769})
                    facts["production_countries"] = sorted(item["iso_3166_1"] for item in json.loads(countries))
                else:
                    facts["genres"] = sorted(genre_ids[genre] for genre in genres.split(", "))
                    facts["production_countries"] = sorted(codes[country] for country in countries.split(", "))
                found[int(movie["id"])] = facts
    return found

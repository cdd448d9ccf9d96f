"""The sandbox's data: the films of `data/sample`, their facts and their figures on any day.

The facts are real, the daily figures are generated. Occasionally one of a film's facts is withheld for some days, so
that details change as they do when TMDb's editors work, without stating anything untrue. A few films are
withheld as a whole for some days, as if TMDb had deleted and restored them. Everything is a pure function of film and
day, in every process.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import math
from contextlib import contextmanager
from functools import cached_property, lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tmdb_assets.errors.problem import ActionableError
from tmdb_assets.settings import SHIPPED_DATA_DIR
from tmdb_assets.tmdb.sandbox.appended import Appended

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SAMPLE_DIR, COUNTRIES_CSV = SHIPPED_DATA_DIR / "sample", SHIPPED_DATA_DIR / "country_continent.csv"
SEED_DAY = dt.date(2026, 1, 1)  # the day of the sample's own vote counts
POPULARITY_CEILING, VOTES_PER_POPULARITY = 1_000.0, 0.1  # new votes a day per point of popularity, roughly as on TMDb
FIGURES = ("popularity", "vote_average", "vote_count")
TEXTS = ("title", "original_title", "original_language")
FACTS = ("id", "imdb_id", *TEXTS, "release_date", "runtime", "budget", "revenue", "homepage", "status")
UNKNOWN = {"budget": 0, "revenue": 0, "runtime": 0, "homepage": ""}  # how TMDb writes unknown values
EDIT_CYCLE_DAYS, LONGEST_GAP_DAYS = 60, 14  # a film loses a fact once a cycle: two changes in 60 days, 3% a day
WITHHELD = (27329, 1004096, 13898, 3060, 14757, 7973)  # little known films of the shipped sample
WITHHELD_EVERY_DAYS, WITHHELD_DAYS = 60, 8  # in turns: on most days one is, and in any month three go and three return
EXPORT_DAYS = 90  # how long an export is kept, roughly as at TMDb


class SandboxError(ActionableError):
    """The sample data cannot be used; the problem names the file and the remedy."""


def _hash(*key: object) -> int:
    # A 64-bit hash of a key: the same in every process, unlike hash().
    return int.from_bytes(blake2b(repr(key).encode(), digest_size=8).digest(), "big")


def _noise(*key: object) -> float:
    # A fixed number from -1 to 1 for a key.
    return _hash(*key) / 2**63 - 1


def _drift(name: str, film_id: int, ordinal: int, step_days: int) -> float:
    # From -1 to 1: new noise every step_days, eased in between; films change on different days.
    knot, rest = divmod(ordinal + film_id % step_days, step_days)
    before, after, part = _noise(name, film_id, knot), _noise(name, film_id, knot + 1), rest / step_days
    return before + (after - before) * part * part * (3 - 2 * part)


def daily_figures(film: Mapping[str, Any], day: dt.date) -> tuple[float, float, int]:
    """Generate the figures of a film on a day: the same for the same film and day, in every process.

    `film` is an object of `films.jsonl`; its figures are the seeds. Returns `(popularity, vote_average,
    vote_count)`: popularity above 0 and at most 1,000, highest around the release, fading in the weeks after it;
    average from 0 (no votes) to 10; votes that never fall, none before the release or where the seed is 0.
    """
    film_id, ordinal, release_date = film["id"], day.toordinal(), film["release_date"]
    age = ordinal - dt.date.fromisoformat(release_date).toordinal() if release_date else None
    level = max(float(film["popularity"]), 0.05)
    attention = 1.0 if age is None else 1 + 3 * math.exp(-age / 30 if age >= 0 else age / 20)
    mood = math.exp(0.25 * _drift("popularity", film_id, ordinal, 7) + 0.03 * _noise("popularity", film_id, ordinal))
    popularity = -POPULARITY_CEILING * math.expm1(-level * attention * mood / POPULARITY_CEILING)

    votes = _vote_count(film, ordinal, age, VOTES_PER_POPULARITY * level)
    average = float(film["vote_average"]) if votes else 0.0
    if average:
        # TMDb accepts votes from 0.5 to 10.
        average = min(max(average + 0.05 * _drift("vote_average", film_id, ordinal, 30), 0.5), 10.0)
    return round(popularity, 4), round(average, 3), votes


def _vote_count(film: Mapping[str, Any], ordinal: int, age: int | None, votes_a_day: float) -> int:
    seed = int(film["vote_count"])
    if seed == 0 or (age is not None and age < 0):
        return 0
    # Shifting the clock by less than half a day makes the gains uneven but never lets the count fall.
    shift = 0.4 * _noise("vote_count", film["id"], ordinal)
    gained = votes_a_day * (ordinal + shift - SEED_DAY.toordinal())
    votes = seed + gained if gained >= 0 else seed * seed / (seed - gained)
    return int(votes if age is None else -votes * math.expm1(-(age + shift + 1) / 30))


def film_on(film: Mapping[str, Any], day: dt.date) -> dict[str, Any]:
    """Return the facts of a film on a day: the same for the same film and day, in every process.

    `film` is an object of `films.jsonl`, and so is the result. Once in 60 days, for 1 to 14 days, one fact is
    unknown: budget, revenue or runtime is 0, the homepage "", or the last genre is missing. A film with none of these
    never changes.
    """
    facts, film_id = dict(film), film["id"]
    known = [name for name in (*UNKNOWN, "genres") if film[name]]
    cycle, rest = divmod(day.toordinal() + film_id % EDIT_CYCLE_DAYS, EDIT_CYCLE_DAYS)
    length = 1 + _hash("gap length", film_id, cycle) % LONGEST_GAP_DAYS
    # Each cycle begins and ends with everything known, so that gaps never touch and the end of each is a change.
    begin = 1 + _hash("gap begin", film_id, cycle) % (EDIT_CYCLE_DAYS - LONGEST_GAP_DAYS - 1)
    if known and begin <= rest < begin + length:
        name = known[_hash("gap", film_id, cycle) % len(known)]
        facts[name] = film["genres"][:-1] if name == "genres" else UNKNOWN[name]
    return facts


def is_withheld(film_id: int, day: dt.date) -> bool:
    """Whether a film is missing on a day, as if TMDb had deleted it: for 8 days in 60, one film at a time."""
    if film_id not in WITHHELD:
        return False
    turn = WITHHELD_EVERY_DAYS // len(WITHHELD) * WITHHELD.index(film_id)
    return (day.toordinal() - turn) % WITHHELD_EVERY_DAYS < WITHHELD_DAYS


@contextmanager
def _reading(what: object) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SandboxError(
            f"{what} cannot be used ({error!r})", action="Restore the sample, or set TMDB_TOKEN", setting="TMDB_TOKEN"
        ) from error


def _rows(path: Path, *columns: str) -> list[dict[str, str]]:
    with _reading(path), path.open(encoding="utf-8", newline="") as file:
        return [{name: row[name] for name in columns} for row in csv.DictReader(file)]


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    # Each line's place and object.
    with _reading(path):
        text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.rstrip("\n").split("\n"), start=1):
        where = f"{path}, line {number}"
        with _reading(where):
            found = json.loads(line)
        yield where, found


class _Sample:
    """The files, which are the same on every day: films, the lists of their codes, and what is appended to details."""

    def __init__(self, sample_dir: Path, countries_csv: Path) -> None:
        genres = _rows(sample_dir / "genres.csv", "id", "name")
        languages = _rows(sample_dir / "languages.csv", "iso_639_1", "english_name", "name")
        with _reading(sample_dir / "genres.csv"):
            self.genres = {int(row["id"]): {"id": int(row["id"]), "name": row["name"]} for row in genres}
        self.languages = {row["iso_639_1"]: row for row in languages}
        self.countries = {row["iso_3166_1"]: row["name"] for row in _rows(countries_csv, "iso_3166_1", "name")}
        self.films = list(_lines(sample_dir / "films.jsonl"))
        self._folder = sample_dir

    @cached_property
    def appended(self) -> dict[int, Appended]:
        """What is appended to each film's details."""
        facts, made = {film["id"]: film for _, film in self.films}, dict[int, Appended]()
        people = _rows(self._folder / "people.csv", "name", "gender")
        with _reading(self._folder / "people.csv"):
            genders = {row["name"]: int(row["gender"]) for row in people}
        for where, line in _lines(self._folder / "credits.jsonl"):
            with _reading(where):
                made[line["id"]] = Appended(line, facts[line["id"]], genders)
        return made


@lru_cache(maxsize=1)
def _read_sample(sample_dir: Path, countries_csv: Path, _changed: tuple[int, ...]) -> _Sample:
    return _Sample(sample_dir, countries_csv)


def _changed_at(*paths: Path) -> tuple[int, ...]:
    """When each file was last changed, and of folders each of their files; 0 where there is none."""
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)


class Catalogue:
    """The sample as the API serves it on `day`: `films` (details by id) and `reference` (lists by path).

    Its files are read again only when they changed: the days before today are requested one after the other.
    Raises `SandboxError`, naming file and line, when the sample cannot be used.
    """

    def __init__(self, day: dt.date, sample_dir: Path, countries_csv: Path) -> None:
        self.day = day
        sample = _read_sample(sample_dir, countries_csv, _changed_at(sample_dir, countries_csv))
        self._genres, self._languages, self._countries = sample.genres, sample.languages, sample.countries
        countries = [{"iso_3166_1": k, "english_name": n, "native_name": n} for k, n in self._countries.items()]
        self.reference: dict[str, object] = {
            "configuration/countries": countries,
            "configuration/languages": list(self._languages.values()),
            "genre/movie/list": {"genres": list(self._genres.values())},
        }
        self.films: dict[int, dict[str, Any]] = {}
        for where, film in sample.films:
            with _reading(where):
                detail = self._detail(film, day)
                if not is_withheld(film["id"], day):
                    self.films[film["id"]] = detail
        self._appended = sample.appended
        # Like TMDb's, in no reliable order.
        self._sample = sorted((film for _, film in sample.films), key=lambda film: _hash("export", film["id"]))

    def _detail(self, film: Mapping[str, Any], day: dt.date) -> dict[str, Any]:
        # All genres are looked up, so that an unknown one is found on every day.
        genres = {genre_id: self._genres[genre_id] for genre_id in film["genres"]}
        facts = film_on(film, day)
        no_images = {"poster_path": None, "backdrop_path": None}
        countries, collection = facts["production_countries"], facts["collection"]
        detail = {key: facts[key] for key in FACTS} | no_images | dict.fromkeys(("adult", "softcore", "video"), False)
        detail |= zip(FIGURES, daily_figures(film, day), strict=True)
        return detail | {
            "belongs_to_collection": collection and collection | no_images,
            "genres": [genres[genre_id] for genre_id in facts["genres"]],
            "origin_country": countries[:1],
            "overview": "",
            "production_companies": [company | {"logo_path": None} for company in facts["production_companies"]],
            "production_countries": [{"iso_3166_1": code, "name": self._countries[code]} for code in countries],
            "spoken_languages": [self._languages[code] for code in facts["spoken_languages"]],
            "tagline": "",
        }

    def appended(self, film_id: int, names: list[str]) -> dict[str, Any]:
        """Return the parts of a film that a request for its details names in append_to_response."""
        return self._appended[film_id].parts(names)

    def changes(self, first: dt.date, last: dt.date) -> list[dict[str, Any]]:
        """Return the films whose facts changed from `first` to `last`, each once, as entries of the change list.

        A film is listed on a day when `film_on` or `is_withheld` differs from the day before; days after the
        catalogue's own are unknown. As on TMDb, an entry may lack its id or its `adult` flag.
        """
        days = [first + dt.timedelta(days=n) for n in range((min(last, self.day) - first).days + 1)]
        ids = [film["id"] for film in self._sample if any(_is_changed(film, day) for day in days)]
        # An entry without an id is on every list, so that clients have to handle it.
        found = sorted([*ids, None], key=lambda film_id: _hash("changes", film_id)) if days else []
        unsure = {film_id for film_id in ids if _hash("adult", film_id) % 10 == 0} | {None}
        return [{"id": film_id, "adult": None if film_id in unsure else False} for film_id in found]

    def export(self, day: dt.date) -> bytes | None:
        """Return the id export of a day (gzipped JSON lines, the same bytes each time), or None if there is none.

        There is one for the catalogue's day and for each of the 90 days before it.
        """
        if not self.day - dt.timedelta(days=EXPORT_DAYS) <= day <= self.day:
            return None
        lines = (
            {
                "adult": False,
                "id": film["id"],
                "original_title": film["original_title"],
                "popularity": daily_figures(film, day)[0],
                "video": False,
            }
            for film in self._sample
            if not is_withheld(film["id"], day)
        )
        text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
        return gzip.compress(text.encode(), mtime=0)


def _is_changed(film: Mapping[str, Any], day: dt.date) -> bool:
    eve = day - dt.timedelta(days=1)
    return film_on(film, day) != film_on(film, eve) or is_withheld(film["id"], day) != is_withheld(film["id"], eve)

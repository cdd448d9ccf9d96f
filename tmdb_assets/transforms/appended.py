"""What a request for details brings in addition (append_to_response): credits, keywords and release dates.

Each part is trimmed before it is stored, and turned into the rows of its own tables. A part that is missing or broken
does not affect the film's details. Shapes: https://developer.themoviedb.org/docs/append-to-response
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

Film: TypeAlias = dict[str, Any]  # a film's details as TMDb sent them, or some fields of them


class Part(NamedTuple):
    """A part that can be appended: the lists that it consists of, and the column of `dim_movie` with its last day."""

    lists: tuple[str, ...]
    date_column: str


PARTS: dict[str, Part] = {
    "credits": Part(("cast", "crew"), "credits_date"),
    "keywords": Part(("keywords",), "keywords_date"),
    "release_dates": Part(("results",), "releases_date"),
}

# Directors, writers, producers, director of photography, editor, composer, by TMDb's names of the jobs.
CREW_JOBS = (
    "Director",
    "Co-Director",
    "Writer",
    "Co-Writer",
    "Author",
    "Screenplay",
    "Teleplay",
    "Story",
    "Screenstory",
    "Adaptation",
    "Producer",
    "Executive Producer",
    "Director of Photography",
    "Editor",
    "Original Music Composer",
    "Music",
)
PERSON = ("id", "name", "original_name", "gender", "known_for_department", "profile_path")
CAST, CREW = (*PERSON, "credit_id", "character", "order"), (*PERSON, "credit_id", "department", "job")
CERTIFICATION_LENGTH, NOTE_LENGTH = 100, 2000  # in characters
RELEASE = ("certification", "note", "release_date", "type")
GENDERS = {0: None, 1: "female", 2: "male", 3: "non-binary"}
RELEASE_TYPES = {
    1: "Premiere",
    2: "Theatrical (limited)",
    3: "Theatrical",
    4: "Digital",
    5: "Physical",
    6: "TV",
}  # https://developer.themoviedb.org/reference/movie-release-dates
# What datetime.fromisoformat reads beyond TMDb's form, such as a week, is no release date.
_TIME_OF_A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*", re.ASCII)


@dataclass(frozen=True)
class Wanted:
    """The parts requested with details (keys of `PARTS`), and how much of the credits is stored.

    That is `cast_limit` members of the cast by their order, and the crew with one of `crew_jobs` in upper or lower case
    (None: all).
    """

    parts: tuple[str, ...] = tuple(PARTS)
    cast_limit: int = 20
    crew_jobs: frozenset[str] | None = frozenset(CREW_JOBS)


def is_readable(film: Mapping[str, Any], part: str) -> bool:
    """Whether the film came with that part, in the shape that TMDb documents: an object with its lists."""
    value = film.get(part)
    return isinstance(value, dict) and all(isinstance(value.get(name), list) for name in PARTS[part].lists)


def trim(film: Film, rule: Wanted) -> tuple[Film, Counter[str]]:
    """The film with its parts cut down to what the tables need, and how many entries of each list were left out.

    A part of another shape stays unchanged: its tables reject it.
    """
    found = [part for part in PARTS if is_readable(film, part)]
    trimmed = {part: _TRIM[part](film[part], rule) for part in found}
    left_out = Counter[str]()
    for part in found:
        for name in PARTS[part].lists:
            left_out[name] += len(film[part][name]) - len(trimmed[part][name])
    return film | trimmed, +left_out


def _trim_credits(found: Mapping[str, Any], rule: Wanted) -> dict[str, Any]:
    cast = sorted(found["cast"], key=cast_order)[: rule.cast_limit]
    jobs = None if rule.crew_jobs is None else {job.casefold() for job in rule.crew_jobs}
    crew = [entry for entry in found["crew"] if jobs is None or not _is_other_job(entry, jobs)]
    return {"cast": [_only(entry, CAST) for entry in cast], "crew": [_only(entry, CREW) for entry in crew]}


def cast_order(entry: Any) -> tuple[bool, int]:
    """Sorts a cast; entries without a usable order come last, in the order of the answer."""
    order = whole(entry.get("order")) if isinstance(entry, dict) else None
    return (False, order) if type(order) is int and order >= 0 else (True, 0)


def _is_other_job(entry: Any, jobs: set[str]) -> bool:
    # What is no object, or has no job, is kept: its table rejects it.
    job = entry.get("job") if isinstance(entry, dict) else None
    return isinstance(job, str) and job.casefold() not in jobs


def _trim_keywords(keywords: Mapping[str, Any], _: Wanted) -> dict[str, Any]:
    return {"keywords": [_only(entry, ("id", "name")) for entry in keywords["keywords"]]}


def _trim_releases(releases: Mapping[str, Any], _: Wanted) -> dict[str, Any]:
    def country(entry: Any) -> Any:
        dates = entry.get("release_dates") if isinstance(entry, dict) else None
        if not isinstance(dates, list):
            return entry
        return {"iso_3166_1": entry.get("iso_3166_1"), "release_dates": [_only(each, RELEASE) for each in dates]}

    return {"results": [country(entry) for entry in releases["results"]]}


_TRIM: dict[str, Callable[[Mapping[str, Any], Wanted], dict[str, Any]]] = {
    "credits": _trim_credits,
    "keywords": _trim_keywords,
    "release_dates": _trim_releases,
}


def _only(entry: Any, fields: Sequence[str]) -> Any:
    return {name: entry[name] for name in fields if name in entry} if isinstance(entry, dict) else entry


def entries(film: Mapping[str, Any], part: str, name: str) -> Iterator[Any]:
    """The entries of one list of a part; none where the part is missing.

    Anything but an object with all its lists becomes one entry that will be rejected: nothing of it is used.
    """
    value = film.get(part)
    if value is not None:
        yield from value[name] if is_readable(film, part) else [[value]]


def releases(film: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """The film's releases, each with its country's code; a country without a list of dates becomes one broken entry."""
    for country in entries(film, "release_dates", "results"):
        if not isinstance(country, dict):
            yield None, [country]
            continue
        dates = country.get("release_dates")
        for release in dates if isinstance(dates, list) else [[dates]]:
            yield country.get("iso_3166_1"), release


LONGEST_TIME = 40  # of texts that are kept; a longer one is no time


def release_day(value: Any) -> Any:
    """The date of a release in UTC, which TMDb sends as midnight of that date; any other value unchanged."""
    return _day_of_time(value) if isinstance(value, str) and len(value) < LONGEST_TIME else value


@lru_cache(maxsize=10_000)  # most releases of a day's films are on few dates
def _day_of_time(value: str) -> str | dt.date:
    if not _TIME_OF_A_DAY.fullmatch(value):
        return value
    try:
        time = dt.datetime.fromisoformat(value)
        return (time.astimezone(dt.UTC) if time.tzinfo else time).date()
    except (ValueError, OverflowError):
        return value


def whole(value: Any) -> Any:
    """A whole number that came as 3.0 as an integer; any other value unchanged, also one that no integer can hold."""
    is_whole = isinstance(value, float) and abs(value) < 2**63 and value.is_integer()
    return int(value) if is_whole else value


def _named(names: Mapping[int, str | None], code: Any) -> Any:
    # Only integers are codes; any other value becomes a list, which fits no text: its contract reports it.
    code = whole(code)
    is_code = code is None or (type(code) is int and code in names)
    return names.get(code) if is_code else [code]


def release_type(value: Any) -> Any:
    """The name of a release's type; any value but a known code as a list, so that it is rejected."""
    return _named(RELEASE_TYPES, value)


def gender(value: Any) -> Any:
    """A person's gender in words, None where it is not set; any value but a known code as a list, to be reported."""
    return _named(GENDERS, value)


def join_repeated(releases: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of releases; those of one film, country, type and date become one.

    It has a certification and the notes of each, as far as they fit their columns.
    """
    joined: dict[Any, dict[str, Any]] = {}
    for number, row in enumerate(releases):
        *key, certification, note = row.values()
        is_sound = all(value is None or isinstance(value, str) for value in (certification, note))
        former = joined.setdefault(repr(key) if is_sound else number, row)
        if former is not row:
            former["note"] = _joined_notes(former["note"], note)
            if not 0 < len(former["certification"] or "") <= CERTIFICATION_LENGTH:
                former["certification"] = certification or former["certification"]
    return list(joined.values())


def _joined_notes(former: str | None, more: str | None) -> str | None:
    """Both notes, each once; the longer text is not made where no note would hold it."""
    joined = "; ".join(filter(None, dict.fromkeys([*(former or "").split("; "), more or ""])))
    return (joined if len(joined) <= NOTE_LENGTH else former or more) or None


def part_dates(film: Mapping[str, Any], day: Any) -> dict[str, Any]:
    """For `dim_movie`: the day for each part that came with the film's details, None for the others."""
    return {part.date_column: day if is_readable(film, name) else None for name, part in PARTS.items()}


def missing_parts(film: Mapping[str, Any], wanted: Wanted) -> tuple[str, ...]:
    """The requested parts that a film came without, or in another shape."""
    return tuple(part for part in wanted.parts if not is_readable(film, part))

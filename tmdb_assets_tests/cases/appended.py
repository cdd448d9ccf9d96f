"""Credits and releases as TMDb appends them to details, by hand."""

from __future__ import annotations

from typing import Any


def credit(person_id: int, credit_id: str, **changes: Any) -> dict[str, Any]:
    """A member of a cast or crew as TMDb sends it, without what only one of them has."""
    name = f"Person {person_id}"
    known = {"adult": False, "gender": person_id % 4, "id": person_id, "known_for_department": "Acting", "name": name}
    return {**known, "original_name": name, "popularity": 1.0, "profile_path": None, "credit_id": credit_id, **changes}


def actor(person_id: int, credit_id: str, order: int, character: str = "", **changes: Any) -> dict[str, Any]:
    """A member of a cast."""
    return credit(person_id, credit_id, cast_id=order, character=character, order=order, **changes)


def worker(person_id: int, credit_id: str, job: str, department: str = "Crew", **changes: Any) -> dict[str, Any]:
    """A member of a crew."""
    return credit(person_id, credit_id, department=department, job=job, **changes)


def release(day: str, kind: int, certification: str = "", note: str = "") -> dict[str, Any]:
    """One release in a country."""
    rest = {"descriptors": [], "iso_639_1": "", "note": note, "release_date": f"{day}T00:00:00.000Z", "type": kind}
    return {"certification": certification, **rest}


def in_country(code: str, *releases: dict[str, Any]) -> dict[str, Any]:
    """The releases of one country."""
    return {"iso_3166_1": code, "release_dates": [*releases]}


# A person plays twice and directs, a credit moves to another person, ids exceed 32 bits, a large cast is cut.
_CAST = [actor(1, "a1", 0, "Twin"), actor(1, "a2", 1), actor(2**40, "a3", 2, "The\0 Voice")]
_CREW = [worker(1, "b1", "Director", "Directing"), worker(3, "b2", "Stunts"), worker(3, "b3", "Editor", "Editing")]
_WORDS = [{"id": 818, "name": "based on novel"}, {"id": 2**33, "name": ""}]
_RELEASES = [
    in_country("US", release("2026-07-01", 3, "R"), release("2026-06-20", 1, note="Venice")),
    in_country("DE"),
]
FULL = {
    "credits": {"cast": _CAST, "crew": _CREW},
    "keywords": {"keywords": _WORDS},
    "release_dates": {"results": _RELEASES},
}
LESS = {
    "credits": {"cast": [actor(1, "a1", 0, "Twins", name="New name"), actor(4, "a2", 1)], "crew": _CREW[:1]},
    "keywords": {"keywords": _WORDS[:1]},
    "release_dates": {"results": [in_country("US", release("2026-07-01", 3, "PG-13"))]},
}
NONE = {"credits": {"cast": [], "crew": []}, "keywords": {"keywords": []}, "release_dates": {"results": []}}
LARGE = {"credits": {"cast": [actor(100 + n, f"x{n}", 24 - n) for n in range(25)], "crew": []}}

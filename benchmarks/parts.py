"""Credits, keywords and release dates as large as TMDb's, for the load server: a film has one of 2,000 made sets.

Counted over 300 recorded films: 27 of a cast and 49 of a crew on average, up to 241 and 990, together 22 kB a film. Of
the crew 19% have a job that is stored by default.
"""

from __future__ import annotations

import json
import random
from functools import cache
from typing import Any

SETS, SEED = 2_000, 20260102
JOBS = ("Director", "Writer", "Screenplay", "Producer", "Executive Producer", "Editor", "Director of Photography")
OTHER_JOBS, STORED_SHARE = ("Stunts", "Animation", "Art Direction", "Makeup Artist", "Casting", "Electrician"), 0.19
COUNTRIES = ("US", "FR", "GB", "JP", "DE", "KR", "IT", "BR", "IN", "CN", "MX", "AU", "ES", "NL", "SE", "PL")
PEOPLE, KEYWORDS = 200_000, 8_000


@cache
def appended_json(number: int) -> bytes:
    """The three parts of film `number` as the inside of a JSON object."""
    chance = random.Random(SEED + number % SETS)
    parts = {"credits": _credits(chance), "keywords": _keywords(chance), "release_dates": _releases(chance)}
    return json.dumps(parts, separators=(",", ":")).encode()[1:-1]


def _credits(chance: random.Random) -> dict[str, Any]:
    cast = [
        _person(chance) | {"cast_id": place, "character": f"Character {place}", "order": place}
        for place in range(min(240, round(chance.expovariate(1 / 27))))
    ]
    crew = [
        _person(chance)
        | {"department": "Crew", "job": chance.choice(JOBS if chance.random() < STORED_SHARE else OTHER_JOBS)}
        for _ in range(min(990, 1 + round(chance.expovariate(1 / 48))))
    ]
    return {"cast": cast, "crew": crew}


def _person(chance: random.Random) -> dict[str, Any]:
    number = 1 + int(PEOPLE * chance.random() ** 2)  # a few are in many films
    return {
        "adult": False,
        "gender": number % 4,
        "id": number,
        "known_for_department": "Acting",
        "name": f"Person {number}",
        "original_name": f"Person {number}",
        "popularity": 1.5,
        "profile_path": f"/{number:027d}.jpg",
        "credit_id": f"{chance.getrandbits(96):024x}",
    }


def _keywords(chance: random.Random) -> dict[str, Any]:
    found = {int(KEYWORDS * chance.random() ** 2) for _ in range(chance.randrange(24))}
    return {"keywords": [{"id": 1 + number, "name": f"keyword {number}"} for number in sorted(found)]}


def _releases(chance: random.Random) -> dict[str, Any]:
    countries = chance.sample(COUNTRIES, chance.randrange(1, len(COUNTRIES)))
    return {
        "results": [
            {
                "iso_3166_1": code,
                "release_dates": [
                    {
                        "certification": chance.choice(("", "12", "PG-13")),
                        "descriptors": [],
                        "iso_639_1": "",
                        "note": "",
                        "release_date": f"20{chance.randrange(10, 28)}-{chance.randrange(1, 13):02d}-15T00:00:00.000Z",
                        "type": kind,
                    }
                    for kind in chance.sample(range(1, 7), chance.randrange(1, 3))
                ],
            }
            for code in countries
        ]
    }

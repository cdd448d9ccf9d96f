"""Hand-made awkward catalogues; the docstring of each says why it is here. All films are invented.

`GALLERY` maps a name to a function that makes an `Awkward`: the catalogue of each day, for a replay server and for
`expected.star(case.days, without=case.broken)`. Films whose rows may be rejected are in `broken`, among enough valid
ones to stay far below the share of rejected rows at which a load stops.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tmdb_assets_tests.cases.appended import FULL, LARGE, LESS, NONE
from tmdb_assets_tests.fakes.replay_catalogue import Catalogue, discover_item

DAYS = (dt.date(2026, 7, 29), dt.date(2026, 7, 30), dt.date(2026, 7, 31))
SOUND_FILMS = 200
FIRST_SOUND_ID = 9001

GENRE_NAMES = {28: "Action", 12: "Adventure", 16: "Animation", 35: "Comedy", 80: "Crime", 99: "Documentary"}
GENRE_NAMES |= {18: "Drama", 10751: "Family", 14: "Fantasy", 36: "History", 27: "Horror", 10402: "Music"}
GENRE_NAMES |= {9648: "Mystery", 10749: "Romance", 878: "Science Fiction", 10770: "TV Movie", 53: "Thriller"}
GENRE_NAMES |= {10752: "War", 37: "Western"}
COUNTRY_NAMES = {"DE": "Germany", "FR": "France", "JP": "Japan", "US": "United States of America"}
COUNTRY_NAMES |= {"SU": "Soviet Union", "XC": "Czechoslovakia", "XK": "Kosovo"}
LANGUAGE_NAMES = {
    "cn": ("Cantonese", "粤语"),
    "de": ("German", "Deutsch"),
    "en": ("English", "English"),
    "fr": ("French", "Français"),
    "sh": ("Serbo-Croatian", ""),
    "xx": ("No Language", "No Language"),
}
# In no reference list: only details have them.
UNLISTED = {"XK", "sh"}


@dataclass(frozen=True)
class Awkward:
    """A case: what is served on each day, and the films that may be rejected (id -> what is wrong)."""

    name: str
    days: Mapping[dt.date, Catalogue]
    broken: Mapping[int, str] = field(default_factory=dict)


def genres(*ids: int) -> list[dict[str, Any]]:
    """Genres as a details payload holds them."""
    return [{"id": genre_id, "name": GENRE_NAMES[genre_id]} for genre_id in ids]


def countries(*codes: str) -> list[dict[str, Any]]:
    """Production countries as a details payload holds them."""
    return [{"iso_3166_1": code, "name": COUNTRY_NAMES[code]} for code in codes]


def languages(*codes: str) -> list[dict[str, Any]]:
    """Spoken languages as a details payload holds them."""
    return [
        {"english_name": LANGUAGE_NAMES[code][0], "iso_639_1": code, "name": LANGUAGE_NAMES[code][1]} for code in codes
    ]


def company(company_id: int, name: str, origin_country: str = "") -> dict[str, Any]:
    """A production company as a details payload holds it; TMDb writes an unknown country as ""."""
    return {"id": company_id, "logo_path": None, "name": name, "origin_country": origin_country}


def film(movie_id: int, **changes: Any) -> dict[str, Any]:
    """The details of a valid invented film, with all keys of a real answer in their order, and `changes` to them."""
    title = f"Film {movie_id}"
    payload = {
        "adult": False,
        "backdrop_path": None,
        "belongs_to_collection": None,
        "budget": 1_000_000,
        "genres": genres(18),
        "homepage": "",
        "id": movie_id,
        "imdb_id": f"tt{movie_id:07d}",
        "origin_country": ["US"],
        "original_language": "en",
        "original_title": title,
        "overview": f"The story of film {movie_id}.",
        "popularity": 10 + movie_id / 1000,
        "poster_path": f"/poster{movie_id}.jpg",
        "production_companies": [company(70_000 + movie_id, f"Studio {movie_id}", "US")],
        "production_countries": countries("US"),
        "release_date": "2020-02-29",
        "revenue": 2_000_000,
        "runtime": 100,
        "softcore": False,
        "spoken_languages": languages("en"),
        "status": "Released",
        "tagline": "",
        "title": title,
        "video": False,
        "vote_average": 6.5,
        "vote_count": 100,
    }
    return {**payload, **changes}


def sound_films(count: int = SOUND_FILMS) -> list[dict[str, Any]]:
    """Valid films, each with its own company, to surround the broken ones."""
    return [film(FIRST_SOUND_ID + n, genres=genres([*GENRE_NAMES][n % 19])) for n in range(count)]


def catalogue(films: Iterable[dict[str, Any]] | Mapping[int, Any], **options: Any) -> Catalogue:
    """A catalogue of these films with the small reference lists of this module."""
    reference = {
        "genres": genres(*GENRE_NAMES),
        "countries": [
            {"iso_3166_1": code, "english_name": name, "native_name": name}
            for code, name in COUNTRY_NAMES.items()
            if code not in UNLISTED
        ],
        "languages": languages(*(code for code in LANGUAGE_NAMES if code not in UNLISTED)),
    }
    return Catalogue(films, **{**reference, **options})


def _details_only(name: str, wrong: Mapping[int, Any], broken: Mapping[int, str]) -> Awkward:
    """A case with `wrong` details of films whose discover items are valid."""
    sound = sound_films()
    good = Catalogue([*sound, *(film(movie_id) for movie_id in wrong)])
    bad = {**{payload["id"]: payload for payload in sound}, **wrong}
    return Awkward(name, {DAYS[0]: catalogue(bad, listing=good.listing)}, broken)


def a_b_a() -> Awkward:
    """Attributes that go A, B, A over three days, one per film and all at once: the loading order must not matter."""
    changes: list[dict[str, tuple[Any, Any]]] = [
        {"title": ("First title", "Second title")},
        {"genres": (genres(18, 35), genres(35, 27))},
        {"production_companies": ([company(1, "One"), company(2, "Two", "US")], [company(2, "Two", "US")])},
        {"production_countries": (countries("US", "FR"), countries("DE"))},
        {"spoken_languages": (languages("en"), languages("en", "fr", "de"))},
        {"budget": (5_000_000, 0)},
        {"release_date": ("2026-08-01", "")},
        {"belongs_to_collection": ({"id": 7, "name": "Saga"}, None)},
        {"production_companies": ([company(3, "Old name")], [company(3, "New name", "FR")])},
        {"popularity": (900.5, 1.25), "vote_count": (10, 0), "vote_average": (8.0, 0.0)},
        {"original_language": ("fr", "xx")},
    ]
    everything = {name: pair for change in changes for name, pair in change.items()}
    films = list(enumerate([*changes, everything], start=101))

    def state(which: int) -> list[dict[str, Any]]:
        return [
            film(movie_id, **{name: pair[which] for name, pair in change.items()}) for movie_id, change in films
        ] + sound_films(5)

    # The last film is listed only on the first day: later days must not change it.
    days = {
        DAYS[0]: catalogue([*state(0), film(150, title="Seen once")]),
        DAYS[1]: catalogue(state(1)),
        DAYS[2]: catalogue(state(0)),
    }
    return Awkward("a_b_a", days)


def nul_in_title() -> Awkward:
    """NUL characters, in discover and details: Postgres stores none, so the text loses them and the film loads."""
    changes = {"title": "Before\0after", "original_title": "\0", "overview": "\0\0Overview"}
    films = [film(101, **changes), film(102, production_companies=[company(4, "Nul\0 Pictures")])]
    return Awkward("nul_in_title", {DAYS[0]: catalogue([*films, *sound_films(5)])})


def huge_overview() -> Awkward:
    """An overview of 5,000,000 characters (the longest real one has 1,000): it must not hurt other films or memory."""
    wrong = {101: film(101, overview="0123456789" * 500_000)}
    return _details_only("huge_overview", wrong, {101: "overview"})


def details_without_id() -> Awkward:
    """Details whose `id` is missing or another film's: nothing says which film the answer is about."""
    nameless = {key: value for key, value in film(101).items() if key != "id"}
    broken = {101: "id missing", 102: "id of another film"}
    return _details_only("details_without_id", {101: nameless, 102: film(FIRST_SOUND_ID)}, broken)


def wrong_types() -> Awkward:
    """One wrong value per film in the details; measures and one date are wrong in discover too. The rest loads."""
    wrong: dict[int, dict[str, Any]] = {
        101: {"runtime": "ninety"},
        102: {"budget": -5},
        103: {"genres": "Drama"},
        104: {"production_companies": [None, {"id": "x"}]},
        105: {"release_date": "2026-02-30"},
        106: {"popularity": "high"},
        107: {"vote_count": None},
        108: {"release_date": "2026-02-30"},
    }
    films = {payload["id"]: payload for payload in [*sound_films(), *(film(i, **bad) for i, bad in wrong.items())]}
    in_discover = {106, 107, 108}
    items = [discover_item(i, payload if i in in_discover else film(i)) for i, payload in films.items()]
    broken = {movie_id: ", ".join(bad) for movie_id, bad in wrong.items()}
    return Awkward("wrong_types", {DAYS[0]: catalogue(films, listing=items)}, broken)


def company_twice() -> Awkward:
    """The same company twice in one film, and under two names in two films: the name of the higher film id counts."""
    films = [
        film(101, production_companies=[company(5, "Twice", "US"), company(5, "Twice", "US")], popularity=50.0),
        film(102, production_companies=[company(6, "Lower id", "US")], popularity=1.0),
        film(103, production_companies=[company(6, "Higher id")], popularity=99.0),
    ]
    return Awkward("company_twice", {DAYS[0]: catalogue(films)})


def former_countries() -> Awkward:
    """Former and private country codes; XK is in no reference list, and one name differs from the reference."""
    odd = [{"iso_3166_1": "SU", "name": "USSR"}, *countries("XC", "XK")]
    films = [film(101, production_countries=odd), film(102, production_countries=countries("XK", "US", "FR", "DE"))]
    return Awkward("former_countries", {DAYS[0]: catalogue(films)})


def odd_languages() -> Awkward:
    """TMDb's codes outside ISO 639-1, missing names; the last film's original language occurs nowhere else."""
    nameless = [{"english_name": "", "iso_639_1": "mo", "name": ""}, {"iso_639_1": "zz", "name": "Only native"}]
    films = [
        film(101, spoken_languages=languages("xx", "cn", "sh"), original_language="cn"),
        film(102, spoken_languages=nameless, original_language="sh"),
        film(103, spoken_languages=[], original_language="qq"),
    ]
    return Awkward("odd_languages", {DAYS[0]: catalogue(films)})


def big_money() -> Awkward:
    """Money above 32 bits, such as the recorded maximum, and above what a double holds exactly."""
    films = [film(101, revenue=2_923_706_026), film(102, budget=2**31), film(103, revenue=2**53 + 1)]
    return Awkward("big_money", {DAYS[0]: catalogue(films)})


def listed_twice() -> Awkward:
    """Two films on page 1 and, because ranks moved, on page 2 with other values: each counts once, with the later."""
    films = [*sound_films(39), film(101), film(102)]
    items = {payload["id"]: discover_item(payload["id"], payload) for payload in films}
    others = [items[payload["id"]] for payload in films[:39]]
    later = {101: {"popularity": 77.5, "vote_count": 101, "vote_average": 6.6}, 102: {"popularity": 3.0}}
    items_102 = (items[102], {**items[102], **later[102]})
    listing = [items_102[0], *others[:18], items[101], {**items[101], **later[101]}, items_102[1], *others[18:]]
    return Awkward("listed_twice", {DAYS[0]: catalogue(films, listing=listing)})


def gone() -> Awkward:
    """Listed films whose details answer 404: 101 on all three days, 102 on the third, 103 only on the second."""
    films = [*sound_films(30), film(101), film(102), film(103)]
    missing = ({101}, {101, 103}, {101, 102})
    days = {day: catalogue(films, gone=ids) for day, ids in zip(DAYS, missing, strict=True)}
    return Awkward("gone", days)


def empty_film() -> Awkward:
    """A film with empty lists, empty texts, zeros and no votes: unknown is NULL, not zero and not an empty text."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("release_date", "homepage", "imdb_id", "overview", "tagline", "status"), ""
    )
    lists = ("genres", "production_companies", "production_countries", "spoken_languages", "origin_country")
    nothing |= {name: [] for name in lists}
    nothing |= dict.fromkeys(("runtime", "budget", "revenue", "vote_count", "vote_average"), 0) | {"poster_path": None}
    films = [film(101, **nothing), film(102, vote_count=0, vote_average=7.0), film(103, vote_count=3, vote_average=0)]
    return Awkward("empty_film", {DAYS[0]: catalogue(films)})


def appended_parts() -> Awkward:
    """Credits, keywords and releases that change and go back, go and come, or do not come with a film's details."""
    # One film a column: changed and back; gone and back; not sent later; first sent on the third day; a large cast.
    parts = ((FULL, FULL, FULL, {}, LARGE), (LESS, NONE, {}, {}, LARGE), (FULL, FULL, {}, FULL, LARGE))
    days = {
        day: catalogue([*(film(101 + n, **each) for n, each in enumerate(sent)), *sound_films(5)])
        for day, sent in zip(DAYS, parts, strict=True)
    }
    return Awkward("appended_parts", days)


GALLERY: dict[str, Callable[[], Awkward]] = {
    make.__name__: make
    for make in (
        a_b_a,
        nul_in_title,
        huge_overview,
        details_without_id,
        wrong_types,
        company_twice,
        former_countries,
        odd_languages,
        big_money,
        listed_twice,
        gone,
        empty_film,
        appended_parts,
    )
}

"""Hand-made awkward catalogues, each with the reason why it is here. All films are invented.

`GALLERY` maps a name to a function that makes an `Awkward`: the catalogue of each day, ready for a replay server
and for `expected.star(case.days, without=case.broken)`. Films whose rows may be rejected stand in `broken`, among
so many sound ones that they stay far below the share of rejected rows at which a load has to stop.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

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
# Two codes stay out of the reference lists, so that only the details know them.
UNLISTED = {"XK", "sh"}


@dataclass(frozen=True)
class Awkward:
    """A case: what is served on each day, why it is here, and the films that may be rejected (id -> what is wrong)."""

    name: str
    why: str
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
    """The details of a sound invented film, all keys of a real answer in their order, with `changes` on top."""
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
    """Films with nothing wrong, each with a company of its own, as the neighbours of broken ones."""
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


def _details_only(name: str, why: str, wrong: Mapping[int, Any], broken: Mapping[int, str]) -> Awkward:
    """A case whose `wrong` details stand behind sound discover items."""
    sound = sound_films()
    good = Catalogue([*sound, *(film(movie_id) for movie_id in wrong)])
    bad = {**{payload["id"]: payload for payload in sound}, **wrong}
    return Awkward(name, why, {DAYS[0]: catalogue(bad, listing=good.listing)}, broken)


def a_b_a() -> Awkward:
    """Attributes that go A, B, A over three days, one a film and all at once: whatever the order of loading."""
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

    # The last film is listed on the first day alone: later days must leave it as it was.
    days = {
        DAYS[0]: catalogue([*state(0), film(150, title="Seen once")]),
        DAYS[1]: catalogue(state(1)),
        DAYS[2]: catalogue(state(0)),
    }
    return Awkward("a_b_a", "attributes of films go A, B, A over three days", days)


def nul_in_title() -> Awkward:
    """A NUL in texts, in discover and details alike: Postgres can store none, neither in text nor in jsonb."""
    changes = {"title": "Before\0after", "original_title": "\0", "overview": "\0\0Overview"}
    films = [film(101, **changes), film(102, production_companies=[company(4, "Nul\0 Pictures")])]
    why = "Postgres stores no NUL, so the text has to lose it and the rest of the film to stay"
    return Awkward("nul_in_title", why, {DAYS[0]: catalogue([*films, *sound_films(5)])})


def huge_overview() -> Awkward:
    """An overview of 5,000,000 characters in the details (the longest real one has 1,000)."""
    wrong = {101: film(101, overview="0123456789" * 500_000)}
    why = "a single absurd text may be rejected but must not hurt its neighbours or the memory"
    return _details_only("huge_overview", why, wrong, {101: "overview"})


def details_without_id() -> Awkward:
    """Details whose `id` is missing or another film's, behind sound discover items."""
    nameless = {key: value for key, value in film(101).items() if key != "id"}
    broken = {101: "id missing", 102: "id of another film"}
    why = "an answer that does not say which film it is about cannot be believed"
    return _details_only("details_without_id", why, {101: nameless, 102: film(FIRST_SOUND_ID)}, broken)


def wrong_types() -> Awkward:
    """One wrong value a film in the details; measures and one date are wrong in discover as well."""
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
    why = "values of the wrong type or outside their range go to quarantine with a reason, the rest loads"
    return Awkward("wrong_types", why, {DAYS[0]: catalogue(films, listing=items)}, broken)


def company_twice() -> Awkward:
    """The same company twice in one film, and under two names in two films: the higher film id has the last word."""
    films = [
        film(101, production_companies=[company(5, "Twice", "US"), company(5, "Twice", "US")], popularity=50.0),
        film(102, production_companies=[company(6, "Lower id", "US")], popularity=1.0),
        film(103, production_companies=[company(6, "Higher id")], popularity=99.0),
    ]
    why = "one link and one company, however often and however named it comes"
    return Awkward("company_twice", why, {DAYS[0]: catalogue(films)})


def former_countries() -> Awkward:
    """Former and private country codes; XK is in no reference list here, and one name differs from the reference."""
    odd = [{"iso_3166_1": "SU", "name": "USSR"}, *countries("XC", "XK")]
    films = [film(101, production_countries=odd), film(102, production_countries=countries("XK", "US", "FR", "DE"))]
    why = "former codes are real ones, and a code unknown to the reference is still a country"
    return Awkward("former_countries", why, {DAYS[0]: catalogue(films)})


def odd_languages() -> Awkward:
    """Codes outside ISO 639-1, names missing; the last film's original language occurs nowhere else."""
    nameless = [{"english_name": "", "iso_639_1": "mo", "name": ""}, {"iso_639_1": "zz", "name": "Only native"}]
    films = [
        film(101, spoken_languages=languages("xx", "cn", "sh"), original_language="cn"),
        film(102, spoken_languages=nameless, original_language="sh"),
        film(103, spoken_languages=[], original_language="qq"),
    ]
    why = "TMDb's own codes beside ISO 639-1, and languages without a name"
    return Awkward("odd_languages", why, {DAYS[0]: catalogue(films)})


def big_money() -> Awkward:
    """Money above 32 bits, the recorded maximum among it, and above what a double holds exactly."""
    films = [film(101, revenue=2_923_706_026), film(102, budget=2**31), film(103, revenue=2**53 + 1)]
    return Awkward("big_money", "revenues above 2^31 are real", {DAYS[0]: catalogue(films)})


def listed_twice() -> Awkward:
    """Two films on page 1 and again on page 2 with other values, one of them last on the one and first on the other."""
    films = [*sound_films(39), film(101), film(102)]
    items = {payload["id"]: discover_item(payload["id"], payload) for payload in films}
    others = [items[payload["id"]] for payload in films[:39]]
    later = {101: {"popularity": 77.5, "vote_count": 101, "vote_average": 6.6}, 102: {"popularity": 3.0}}
    items_102 = (items[102], {**items[102], **later[102]})
    listing = [items_102[0], *others[:18], items[101], {**items[101], **later[101]}, items_102[1], *others[18:]]
    why = "ranks move while one pages: the film counts once, with the later answer"
    return Awkward("listed_twice", why, {DAYS[0]: catalogue(films, listing=listing)})


def gone() -> Awkward:
    """Films that discover lists and details deny: 101 on all three days, 102 on the third, 103 on the second only."""
    films = [*sound_films(30), film(101), film(102), film(103)]
    missing = ({101}, {101, 103}, {101, 102})
    days = {day: catalogue(films, gone=ids) for day, ids in zip(DAYS, missing, strict=True)}
    return Awkward("gone", "a 404 marks a film as removed and never deletes it; it may come back", days)


def empty_film() -> Awkward:
    """A film of which nothing is known: empty lists, empty texts, zeros, no votes."""
    nothing: dict[str, Any] = dict.fromkeys(
        ("release_date", "homepage", "imdb_id", "overview", "tagline", "status"), ""
    )
    lists = ("genres", "production_companies", "production_countries", "spoken_languages", "origin_country")
    nothing |= {name: [] for name in lists}
    nothing |= dict.fromkeys(("runtime", "budget", "revenue", "vote_count", "vote_average"), 0) | {"poster_path": None}
    films = [film(101, **nothing), film(102, vote_count=0, vote_average=7.0), film(103, vote_count=3, vote_average=0)]
    return Awkward("empty_film", "unknown is NULL, not zero and not an empty text", {DAYS[0]: catalogue(films)})


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
    )
}

"""Names without a code of ISO (genres, continents, kinds of releases, pictures), shown by `tr`; and those with one."""

from __future__ import annotations

from functools import cache

from tmdb_assets.language import country_name, language, language_name, mark

GENRES = (
    mark("Action"),
    mark("Adventure"),
    mark("Animation"),
    mark("Comedy"),
    mark("Crime"),
    mark("Documentary"),
    mark("Drama"),
    mark("Family"),
    mark("Fantasy"),
    mark("History"),
    mark("Horror"),
    mark("Music"),
    mark("Mystery"),
    mark("Romance"),
    mark("Science Fiction"),
    mark("TV Movie"),
    mark("Thriller"),
    mark("War"),
    mark("Western"),
)
CONTINENTS = (
    mark("Africa"),
    mark("Antarctica"),
    mark("Asia"),
    mark("Europe"),
    mark("North America"),
    mark("Oceania"),
    mark("South America"),
)
RELEASES = (
    mark("Premiere"),
    mark("Theatrical (limited)"),
    mark("Theatrical"),
    mark("Digital"),
    mark("Physical"),
    mark("TV"),
)
PICTURES = (
    mark("Key figures"),
    mark("Top films"),
    mark("Genre popularity"),
    mark("Continent popularity"),
    mark("Popularity over time"),
    mark("Movers of the week"),
    mark("Genre shares"),
    mark("Forecast record"),
    mark("Release calendar"),
    mark("Original languages"),
    mark("Production countries"),
    mark("Rating distribution"),
    mark("Runtime distribution"),
    mark("Budget and revenue"),
    mark("Top people"),
    mark("Directors by rating"),
    mark("Films of a person"),
    mark("Releases by country"),
    mark("Rising keywords"),
)
PARTS = (mark("Director"), mark("Writer"), mark("Screenplay"), mark("cast"))


def country_named(name: str) -> str:
    """A country by its English name, in the chosen language."""
    return name if language() == "en" else country_name(_codes("territories").get(name) or _code(name), name) or name


def language_named(name: str) -> str:
    """A language by its English name, in the chosen language."""
    return name if language() == "en" else language_name(_codes("languages").get(name), name) or name


@cache
def _codes(what: str) -> dict[str, str]:
    from babel import Locale

    return {name: code for code, name in getattr(Locale("en"), what).items()}


@cache
def _code(country: str) -> str | None:
    import pycountry

    try:
        return str(pycountry.countries.lookup(country).alpha_2)
    except LookupError:
        return None

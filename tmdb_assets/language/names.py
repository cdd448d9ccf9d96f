"""Names in the data that have no code of ISO: genres, continents, kinds of releases, shown by `tr`."""

from __future__ import annotations

from tmdb_assets.language import mark

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

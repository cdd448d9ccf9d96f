"""Days on which something goes wrong with one film, as on TMDb: the answers of the load server's `--trouble`."""

from __future__ import annotations

from benchmarks.answers import FilmAnswers, Traffic, message
from tmdb_assets.tmdb.sandbox.catalogue import Catalogue
from tmdb_assets.tmdb.sandbox.routes import fault

IMPOSSIBLE_RATING = 42.0  # mean ratings go to 10
NO_NUMBER = "many"
TROUBLES = ("genre", "rating", "text", "missing")


def troubled_film(catalogue: Catalogue) -> int:
    """The affected film: the one with the lowest id among those with a genre."""
    return min(film["id"] for film in catalogue.films.values() if film["genres"])


class TroubledAnswers(FilmAnswers):
    """The answers with one fault; the film is on the day's change list.

    `genre`: it has lost its first genre. `rating`: its mean rating is 42. `text`: its number of votes is a word.
    `missing`: discover lists it, its details answer 404.
    """

    def __init__(self, catalogue: Catalogue, traffic: Traffic, trouble: str) -> None:
        self._trouble, number = trouble, troubled_film(catalogue)
        self._path = f"/3/movie/{number}"
        film = catalogue.films[number]
        if trouble == "genre":
            film["genres"] = film["genres"][1:]
        elif trouble == "rating":
            film["vote_average"] = IMPOSSIBLE_RATING
        elif trouble == "text":
            film["vote_count"] = NO_NUMBER
        super().__init__(catalogue, traffic, {catalogue.day: [number]})

    def _make(self, path: str, page: str) -> bytes:
        if self._trouble == "missing" and path == self._path:
            return message(fault(34))
        return super()._make(path, page)

"""The sandbox's endpoints: the status and body that answer a request. The HTTP server is in `server`.

Shapes and status codes are the API's own: https://developer.themoviedb.org/reference. A new endpoint is one function
and one line in `ROUTES`.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tmdb_assets.tmdb.sandbox.catalogue import FIGURES, TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tmdb_assets.tmdb.sandbox.catalogue import Catalogue

TOKEN = "sandbox"  # noqa: S105 - the only token it takes, and no secret
EXPORTS_PATH = "/p/exports"
PAGE_SIZE, CHANGES_PAGE_SIZE, MAX_PAGE = 20, 100, 500
MAX_CHANGES_DAYS = 14
FAULTS = {  # status_code -> HTTP status and status_message: https://developer.themoviedb.org/docs/errors
    5: (422, "Invalid parameters: Your request parameters are incorrect."),
    7: (401, "Invalid API key: You must be granted a valid key."),
    20: (422, "Invalid date range: Should be a range no longer than 14 days."),
    22: (400, "Invalid page: Pages start at 1 and max at 500. They are expected to be an integer."),
    25: (429, "Your request count (#) is over the allowed limit of (40)."),
    34: (404, "The resource you requested could not be found."),
    42: (405, "This request method is not supported for this resource."),
}
LISTED_KEYS = ("adult", "backdrop_path", "id", *TEXTS, "overview", "poster_path", "release_date", "video", *FIGURES)

Reply = tuple[int, object]  # the HTTP status, and the body: bytes are sent unchanged, anything else as JSON


class _RefusedError(Exception):
    """The query cannot be answered; `args` holds the status_code."""


def fault(status_code: int) -> Reply:
    """Return the reply for one of TMDb's error codes (a key of `FAULTS`)."""
    status, message = FAULTS[status_code]
    return status, {"success": False, "status_code": status_code, "status_message": message}


def _page(query: Mapping[str, str]) -> int:
    page = query.get("page", "1")
    if not re.fullmatch("[0-9]{1,9}", page) or not 1 <= int(page) <= MAX_PAGE:
        raise _RefusedError(22)
    return int(page)


def _date(query: Mapping[str, str], name: str) -> dt.date | None:
    # None if it is not requested.
    text = query.get(name)
    if not text:
        return None
    if not re.fullmatch("[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}", text):
        raise _RefusedError(5)
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise _RefusedError(5) from None


def _paged(found: list[dict[str, Any]], page: int, size: int) -> dict[str, Any]:
    results = found[size * (page - 1) : size * page]
    return {
        "page": page,
        "results": results,
        "total_pages": math.ceil(len(found) / size),
        "total_results": len(found),
    }


def discover_movies(catalogue: Catalogue, _: str, query: Mapping[str, str]) -> Reply:
    """`/3/discover/movie`: 20 films a page by the day's popularity, then id; any other `sort_by` is refused.

    `primary_release_date.gte` and `.lte` are inclusive filters; a film without a date is in no slice.
    Raises `_RefusedError`, which `respond` turns into TMDb's fault.
    """
    page = _page(query)
    if query.get("sort_by", "popularity.desc") != "popularity.desc":
        raise _RefusedError(5)
    first, last = (_date(query, f"primary_release_date.{end}") for end in ("gte", "lte"))
    films = list(catalogue.films.values())
    if first or last:
        # ISO dates sort as text.
        low, high = (first or dt.date.min).isoformat(), (last or dt.date.max).isoformat()
        films = [film for film in films if film["release_date"] and low <= film["release_date"] <= high]
    films.sort(key=lambda film: (-film["popularity"], film["id"]))
    body = _paged(films, page, PAGE_SIZE)
    body["results"] = [
        {key: film[key] for key in LISTED_KEYS} | {"genre_ids": [genre["id"] for genre in film["genres"]]}
        for film in body["results"]
    ]
    return 200, body


def movie_details(catalogue: Catalogue, movie_id: str, query: Mapping[str, str]) -> Reply:
    """`/3/movie/{id}`: one film; its texts are the same in every `language`.

    `append_to_response` supports `credits`, `keywords` and `release_dates`; other names are ignored.
    https://developer.themoviedb.org/docs/append-to-response
    """
    film = catalogue.films.get(int(movie_id))
    if film is None:
        return fault(34)
    return 200, film | catalogue.appended(film["id"], query.get("append_to_response", "").split(","))


def movie_changes(catalogue: Catalogue, _: str, query: Mapping[str, str]) -> Reply:
    """`/3/movie/changes`: films changed from `start_date` to `end_date`, inclusive, 100 a page.

    The default is the last 24 hours: the catalogue's day and the day before it. The range is 14 days at most.
    Raises `_RefusedError`. https://developer.themoviedb.org/reference/changes-movie-list
    """
    page, start, end = _page(query), _date(query, "start_date"), _date(query, "end_date")
    if end is None:
        end = catalogue.day
    if start is None:
        start = end - dt.timedelta(days=1)
    if not 0 <= (end - start).days <= MAX_CHANGES_DAYS:
        raise _RefusedError(20)
    return 200, _paged(catalogue.changes(start, end), page, CHANGES_PAGE_SIZE)


def movie_ids_export(catalogue: Catalogue, name: str, _: Mapping[str, str]) -> Reply:
    """`/p/exports/movie_ids_MM_DD_YYYY.json.gz`: https://developer.themoviedb.org/docs/daily-id-exports."""
    month, day, year = (int(part) for part in name.split("_"))
    try:
        export = catalogue.export(dt.date(year, month, day))
    except ValueError:
        export = None  # no such day
    return fault(34) if export is None else (200, export)


def reference_list(catalogue: Catalogue, path: str, _: Mapping[str, str]) -> Reply:
    """`/3/configuration/countries` and `/languages`: bare lists; `/3/genre/movie/list`: under the key `genres`."""
    return 200, catalogue.reference[path]


# Pattern of the path -> endpoint, which takes the matched group and the query.
ROUTES: dict[str, Callable[[Catalogue, str, Mapping[str, str]], Reply]] = {
    "/3/discover/movie()": discover_movies,
    "/3/movie/([0-9]{1,18})": movie_details,
    "/3/movie/changes()": movie_changes,
    "/3/(configuration/countries|configuration/languages|genre/movie/list)": reference_list,
    EXPORTS_PATH + r"/movie_ids_([0-9]{2}_[0-9]{2}_[0-9]{4})\.json\.gz": movie_ids_export,
}


def respond(catalogue: Catalogue, target: str, headers: Mapping[str, str]) -> Reply:
    """Answer a GET request; `headers` has lower-case names. As at TMDb, only exports need no token."""
    if not target.startswith(EXPORTS_PATH + "/") and headers.get("authorization") != f"Bearer {TOKEN}":
        return fault(7)
    path, _, query = target.partition("?")
    for pattern, endpoint in ROUTES.items():
        if found := re.fullmatch(pattern, path):
            try:
                return endpoint(catalogue, found[1], dict(parse_qsl(query, keep_blank_values=True)))
            except _RefusedError as refused:
                return fault(refused.args[0])
    return fault(34)

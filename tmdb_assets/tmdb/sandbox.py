"""A small look-alike of the TMDb v3 API over `data/sample`, served on loopback HTTP when no token is set.

The films' facts are real, their daily figures are generated. Shapes, status codes and quirks ("" for an unknown date,
0 for unknown money) are the API's own: https://developer.themoviedb.org/reference, so that the same client code runs.
A new endpoint is one function and one line in `ROUTES`.
"""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import json
import math
import re
import socket
import threading
from contextlib import closing, contextmanager, suppress
from hashlib import blake2b
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

DATA_DIR = Path(__file__).resolve().parents[2] / "data"
SAMPLE_DIR, COUNTRIES_CSV = DATA_DIR / "sample", DATA_DIR / "country_continent.csv"
PAGE_SIZE, MAX_PAGE = 20, 500
MAX_REQUEST_BYTES, BACKLOG = 65_536, 128  # the backlog: a client's whole pool connects at once
SEED_DAY = dt.date(2026, 1, 1)  # the day on which the sample's own vote counts hold
POPULARITY_CEILING, VOTES_PER_POPULARITY = 1_000.0, 0.1  # new votes a day for each point, about what TMDb shows
FIGURES = ("popularity", "vote_average", "vote_count")
TEXTS = ("title", "original_title", "original_language")
FACTS = ("id", "imdb_id", *TEXTS, "release_date", "runtime", "budget", "revenue", "homepage", "status")
FAULTS = {  # status_code -> HTTP status and status_message: https://developer.themoviedb.org/docs/errors
    5: (422, "Invalid parameters: Your request parameters are incorrect."),
    7: (401, "Invalid API key: You must be granted a valid key."),
    22: (400, "Invalid page: Pages start at 1 and max at 500. They are expected to be an integer."),
    34: (404, "The resource you requested could not be found."),
    42: (405, "This request method is not supported for this resource."),
    47: (400, "The input is not valid."),
}


class SandboxError(Exception):
    """The sample data cannot be used; the text says which file and what to do."""


def _noise(*key: object) -> float:
    # A fixed number from -1 to 1 for a key: the same in every process, unlike hash().
    return int.from_bytes(blake2b(repr(key).encode(), digest_size=8).digest(), "big") / 2**63 - 1


def _drift(name: str, film_id: int, ordinal: int, step_days: int) -> float:
    # From -1 to 1: noise every step_days, eased in between; films take their turns on different days.
    knot, rest = divmod(ordinal + film_id % step_days, step_days)
    before, after, part = _noise(name, film_id, knot), _noise(name, film_id, knot + 1), rest / step_days
    return before + (after - before) * part * part * (3 - 2 * part)


def daily_figures(film: Mapping[str, Any], day: dt.date) -> tuple[float, float, int]:
    """Generate the figures of a film on a day: the same for the same film and day, in every process.

    `film` is an object of `films.jsonl`, its own figures are the seeds. Returns `(popularity, vote_average,
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
        # The lowest vote that TMDb takes is 0.5, the highest 10.
        average = min(max(average + 0.05 * _drift("vote_average", film_id, ordinal, 30), 0.5), 10.0)
    return round(popularity, 4), round(average, 3), votes


def _vote_count(film: Mapping[str, Any], ordinal: int, age: int | None, votes_a_day: float) -> int:
    seed = int(film["vote_count"])
    if seed == 0 or (age is not None and age < 0):
        return 0
    # Moving the clock by less than half a day makes the gains uneven and can never make the count fall.
    shift = 0.4 * _noise("vote_count", film["id"], ordinal)
    gained = votes_a_day * (ordinal + shift - SEED_DAY.toordinal())
    votes = seed + gained if gained >= 0 else seed * seed / (seed - gained)
    return int(votes if age is None else -votes * math.expm1(-(age + shift + 1) / 30))


@contextmanager
def _reading(what: object) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SandboxError(f"{what} cannot be used ({error!r}): restore the sample or set TMDB_TOKEN.") from error


def _rows(path: Path, *columns: str) -> list[dict[str, str]]:
    with _reading(path), path.open(encoding="utf-8", newline="") as file:
        return [{name: row[name] for name in columns} for row in csv.DictReader(file)]


class Catalogue:
    """The sample as the API tells it on one day: `films` (details by id) and `reference` (lists by path).

    Raises `SandboxError`, naming file and line, when the sample cannot be used.
    """

    def __init__(self, day: dt.date, sample_dir: Path, countries_csv: Path) -> None:
        genres = _rows(sample_dir / "genres.csv", "id", "name")
        languages = _rows(sample_dir / "languages.csv", "iso_639_1", "english_name", "name")
        with _reading(sample_dir / "genres.csv"):
            self._genres = {int(row["id"]): {"id": int(row["id"]), "name": row["name"]} for row in genres}
        self._languages = {row["iso_639_1"]: row for row in languages}
        self._countries = {row["iso_3166_1"]: row["name"] for row in _rows(countries_csv, "iso_3166_1", "name")}
        countries = [{"iso_3166_1": k, "english_name": n, "native_name": n} for k, n in self._countries.items()]
        self.reference: dict[str, object] = {
            "configuration/countries": countries,
            "configuration/languages": list(self._languages.values()),
            "genre/movie/list": {"genres": list(self._genres.values())},
        }
        self.films: dict[int, dict[str, Any]] = {}
        path = sample_dir / "films.jsonl"
        with _reading(path):
            text = path.read_text(encoding="utf-8")
        for number, line in enumerate(text.rstrip("\n").split("\n"), start=1):
            with _reading(f"{path}, line {number}"):
                film = json.loads(line)
                self.films[film["id"]] = self._detail(film, day)

    def _detail(self, film: Mapping[str, Any], day: dt.date) -> dict[str, Any]:
        no_images = {"poster_path": None, "backdrop_path": None}
        countries, collection = film["production_countries"], film["collection"]
        detail = {key: film[key] for key in FACTS} | no_images | dict.fromkeys(("adult", "softcore", "video"), False)
        detail |= zip(FIGURES, daily_figures(film, day), strict=True)
        return detail | {
            "belongs_to_collection": collection and collection | no_images,
            "genres": [self._genres[genre_id] for genre_id in film["genres"]],
            "origin_country": countries[:1],
            "overview": "",
            "production_companies": [company | {"logo_path": None} for company in film["production_companies"]],
            "production_countries": [{"iso_3166_1": code, "name": self._countries[code]} for code in countries],
            "spoken_languages": [self._languages[code] for code in film["spoken_languages"]],
            "tagline": "",
        }


Reply = tuple[int, object]  # the HTTP status, and what becomes the JSON body


def fault(status_code: int) -> Reply:
    """Build the reply for one of TMDb's error codes (a key of `FAULTS`)."""
    status, message = FAULTS[status_code]
    return status, {"success": False, "status_code": status_code, "status_message": message}


LISTED_KEYS = ("adult", "backdrop_path", "id", *TEXTS, "overview", "poster_path", "release_date", "video", *FIGURES)


def discover_movies(catalogue: Catalogue, _: str, query: Mapping[str, str]) -> Reply:
    """`/3/discover/movie`: 20 films a page by the day's popularity, then id; another `sort_by` is refused."""
    page = query.get("page", "1")
    if not re.fullmatch("[0-9]{1,9}", page) or not 1 <= int(page) <= MAX_PAGE:
        return fault(22)
    if query.get("sort_by", "popularity.desc") != "popularity.desc":
        return fault(5)
    films = sorted(catalogue.films.values(), key=lambda film: (-film["popularity"], film["id"]))
    shown = films[PAGE_SIZE * (int(page) - 1) : PAGE_SIZE * int(page)]
    results = [{k: f[k] for k in LISTED_KEYS} | {"genre_ids": [genre["id"] for genre in f["genres"]]} for f in shown]
    total_pages = math.ceil(len(films) / PAGE_SIZE)
    return 200, {"page": int(page), "results": results, "total_pages": total_pages, "total_results": len(films)}


def movie_details(catalogue: Catalogue, movie_id: str, _: Mapping[str, str]) -> Reply:
    """`/3/movie/{id}`: one film; its texts are the same in every `language`."""
    film = catalogue.films.get(int(movie_id))
    return fault(34) if film is None else (200, film)


def reference_list(catalogue: Catalogue, path: str, _: Mapping[str, str]) -> Reply:
    """`/3/configuration/countries` and `/languages`: bare lists; `/3/genre/movie/list`: under the key `genres`."""
    return 200, catalogue.reference[path]


# Pattern of the path -> endpoint, which gets what the group matched and the query.
ROUTES: dict[str, Callable[[Catalogue, str, Mapping[str, str]], Reply]] = {
    "/3/discover/movie()": discover_movies,
    "/3/movie/([0-9]{1,18})": movie_details,
    "/3/(configuration/countries|configuration/languages|genre/movie/list)": reference_list,
}


def respond(catalogue: Catalogue, method: str, target: str, headers: Mapping[str, str]) -> Reply:
    """Answer one request; `headers` has lower-case names. The token is asked for first, as TMDb does."""
    if headers.get("authorization") != f"Bearer {Sandbox.token}":
        return fault(7)
    if method not in ("GET", "HEAD"):
        return fault(42)
    path, _, query = target.partition("?")
    for pattern, endpoint in ROUTES.items():
        if found := re.fullmatch(pattern, path):
            return endpoint(catalogue, found[1], dict(parse_qsl(query, keep_blank_values=True)))
    return fault(34)


def _parse(head: str) -> tuple[str, str, str, dict[str, str]]:
    line, *fields = head.split("\r\n")
    method, target, version = line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    if not version.startswith("HTTP/1.") or int(headers.get("content-length", 0)) > MAX_REQUEST_BYTES:
        raise ValueError("not a request that this server reads")
    return method, target, version, headers


def _message(method: str, status: int, payload: object, *, keep_alive: bool) -> bytes:
    # Without a Date, so that for one day every answer is the same to the byte.
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Content-Type: application/json;charset=utf-8"]
    lines += ["Allow: GET, HEAD"] if status == HTTPStatus.METHOD_NOT_ALLOWED else []
    lines += [f"Content-Length: {len(body)}", f"Connection: {'keep-alive' if keep_alive else 'close'}", "", ""]
    return "\r\n".join(lines).encode() + (b"" if method == "HEAD" else body)


class Sandbox:
    """The API as of `today` (UTC) on a free loopback port, answered by a daemon thread; a context manager."""

    token = "sandbox"  # noqa: S105 - the only token it takes, and no secret

    def __init__(self, today: dt.date, sample_dir: Path = SAMPLE_DIR, countries_csv: Path = COUNTRIES_CSV) -> None:
        self._source = (today, sample_dir, countries_csv)
        self._url = ""
        self._open: WeakSet[asyncio.StreamWriter] = WeakSet()

    def start(self) -> str:
        """Start, unless it runs already, and return the base URL; raise `SandboxError` without a usable sample."""
        if not self._url:
            self._catalogue = Catalogue(*self._source)
            listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
            self._loop, self._stopping = asyncio.new_event_loop(), asyncio.Event()
            self._thread = threading.Thread(target=self._run, args=(listener,), name="tmdb-sandbox", daemon=True)
            self._thread.start()
            self._url = f"http://127.0.0.1:{listener.getsockname()[1]}/3"
        return self._url

    def stop(self) -> None:
        """Close all connections and wait for the thread to end; do nothing when it does not run."""
        if self._url:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, listener: socket.socket) -> None:
        with closing(self._loop):
            self._loop.run_until_complete(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        server = await asyncio.start_server(self._talk, sock=listener, backlog=BACKLOG, limit=MAX_REQUEST_BYTES)
        await self._stopping.wait()
        server.close()
        for writer in self._open:
            writer.transport.abort()  # its conversation then ends as if the client had hung up
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        # A client may hang up at any point: that ends its connection and concerns nobody else.
        with closing(writer), suppress(OSError, asyncio.IncompleteReadError):
            while not self._stopping.is_set() and await self._exchange(reader, writer):
                pass

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        # One request and its answer; returns whether the connection stays open.
        try:
            method, target, version, headers = _parse((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
            # Left unread, a body would pass for the next request.
            await reader.readexactly(int(headers.get("content-length", 0)))
        except (ValueError, asyncio.LimitOverrunError):
            writer.write(_message("", *fault(47), keep_alive=False))
            return False
        keep_alive = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        reply = respond(self._catalogue, method, target, headers)
        writer.write(_message(method, *reply, keep_alive=keep_alive))
        await writer.drain()
        return keep_alive

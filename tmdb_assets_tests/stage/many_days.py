"""Several days against one replay server: its change lists and id exports on each, and what was requested."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import re
from collections.abc import Collection, Mapping

from tmdb_assets.warehouse.schema.history import STATE as FILM_STATE
from tmdb_assets_tests.fakes.replay import Fault, FaultHook, ReplayServer
from tmdb_assets_tests.fakes.replay_catalogue import Catalogue
from tmdb_assets_tests.oracle.compare import STATE, Tables

ONE_DAY = dt.timedelta(days=1)
MISSING = Fault(status=404)


def export_of(popularity: Mapping[int, float]) -> Fault:
    """An id export of these films, in place of the catalogue's."""
    lines = [{"adult": False, "id": film, "popularity": value, "video": False} for film, value in popularity.items()]
    return Fault(body=gzip.compress("\n".join(json.dumps(line) for line in lines).encode(), compresslevel=1, mtime=0))


def change_lists(listed: Mapping[dt.date, Collection[int]]) -> FaultHook:
    """A hook for a replay server: each day's change list holds these films, that of any other day none."""

    def hook(path: str, params: Mapping[str, str]) -> Fault | None:
        if path != "/movie/changes":
            return None
        assert params["start_date"] == params["end_date"], "one day per request: TMDb omits entries from longer spans"
        page = Catalogue(changed=listed.get(dt.date.fromisoformat(params["start_date"]), ())).changes(1)
        return Fault(body=json.dumps(page).encode())

    return hook


def exports(answers: Mapping[dt.date, Fault], *, otherwise: Fault | None = None) -> FaultHook:
    """A hook for a replay server: answers for the id exports of these days; other exports hold the catalogue."""

    def hook(path: str, params: Mapping[str, str]) -> Fault | None:
        day = export_day(path)
        return None if day is None else answers.get(day, otherwise)

    return hook


def both(*hooks: FaultHook) -> FaultHook:
    """The answer of the first of several hooks that has one."""
    return lambda path, params: next((fault for hook in hooks if (fault := hook(path, params))), None)


def export_day(path: str) -> dt.date | None:
    """The day of the id export at a path."""
    found = re.search(r"/movie_ids_(\d\d)_(\d\d)_(\d{4})\.json\.gz$", path)
    return dt.date(int(found[3]), int(found[1]), int(found[2])) if found else None


def export_path(day: dt.date) -> str:
    """The path of a day's id export."""
    return f"/p/exports/movie_ids_{day:%m_%d_%Y}.json.gz"


def asked_films(replay: ReplayServer) -> list[int]:
    """The ids of the films whose details were requested, sorted, repeats included."""
    return sorted(int(asked.path.removeprefix("/movie/")) for asked in replay.asked if asked.kind == "details")


def asked_pages(replay: ReplayServer) -> list[int]:
    """The requested discover pages, sorted."""
    return sorted(int(asked.params["page"]) for asked in replay.asked if asked.kind == "discover")


def asked_changes(replay: ReplayServer) -> list[dt.date]:
    """The days whose change lists were requested, in order."""
    return [dt.date.fromisoformat(asked.params["start_date"]) for asked in replay.asked if asked.kind == "changes"]


def asked_exports(replay: ReplayServer) -> list[dt.date | None]:
    """The days whose id exports were requested, in order."""
    return [export_day(asked.path) for asked in replay.asked if asked.kind == "export"]


def content_of(tables: Tables) -> dict[str, list[tuple[object, ...]]]:
    """Every table's rows, sorted, without the dates on which they were last requested or confirmed."""
    queries = {
        name: query.replace(", as_of_date", "").replace(", details_date", "")
        for name, query in STATE.items()
        if name != "rejected_row"
    }
    queries["movie_history"] = f"select movie_id, valid_from, valid_to, {', '.join(FILM_STATE)} from movie_history"
    return {name: sorted(tables.rows(query), key=repr) for name, query in queries.items()}

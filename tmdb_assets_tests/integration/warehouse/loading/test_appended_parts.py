"""What details are requested with: a part that does not come, or comes broken, loses nothing that is known."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

from tmdb_assets.transforms.details import parse_details
from tmdb_assets.warehouse.loading.merge import MergeCounts, replace_links
from tmdb_assets.warehouse.schema.bridges import bridge_movie_keyword
from tmdb_assets.warehouse.schema.dimensions import dim_keyword, dim_movie
from tmdb_assets.warehouse.schema.raw import raw_details
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.sound_rows import load_rows, rows_of

DAYS = [dt.date(2026, 7, 30), dt.date(2026, 7, 31)]


def load_keywords(warehouse: Warehouse, place: int, keywords: Any) -> MergeCounts:
    """Load what a day's details of film 1 say of its keywords; what will be rejected is left out."""
    day, film = DAYS[place], {"id": 1, "title": "x", "keywords": keywords}
    fetched_at = dt.datetime.combine(day, dt.time(9), dt.UTC)
    answer = {"snapshot_date": day, "movie_id": 1, "status_code": 200, "fetched_at": fetched_at, "payload": film}
    load_rows(warehouse, raw_details, [answer], day=day)
    made = parse_details([film], day)
    load_rows(warehouse, dim_movie, made["dim_movie"], day=day)
    made = {name: [row for row in rows if row.get("keyword_id") in (7, 8)] for name, rows in made.items()}
    load_rows(warehouse, dim_keyword, made["dim_keyword"], day=day)
    links, merge = made["bridge_movie_keyword"], partial(replace_links, bridge=bridge_movie_keyword, day=day)
    return load_rows(warehouse, bridge_movie_keyword, links, day=day, merge=merge).counts


def test_a_part_that_a_second_answer_of_the_same_day_lacks_stays_as_it_was(warehouse: Warehouse) -> None:
    storm, sea = {"id": 7, "name": "storm"}, {"id": 8, "name": "sea"}
    stored = "select k.keyword_id, m.keywords_date from bridge_movie_keyword k join dim_movie m using (movie_id)"
    load_keywords(warehouse, 0, {"keywords": [sea]})
    load_keywords(warehouse, 1, {"keywords": [storm]})
    for broken in (None, 7, [], {}, {"keywords": {}}, [{"keywords": [sea]}]):
        assert load_keywords(warehouse, 1, broken) == MergeCounts()
        assert rows_of(warehouse, stored) == [(7, DAYS[1])]
    load_keywords(warehouse, 0, {"keywords": [sea]})  # the older day again
    assert rows_of(warehouse, stored) == [(7, DAYS[1])]
    assert load_keywords(warehouse, 1, {"keywords": []}) == MergeCounts(deleted=1)

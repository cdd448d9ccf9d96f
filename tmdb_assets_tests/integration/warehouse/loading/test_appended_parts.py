"""What details are requested with: a part that does not come, or comes broken, loses nothing that is known."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

from tmdb_assets.transforms.details import parse_details
from tmdb_assets.warehouse.loading.merge import MergeCounts, replace_links
from tmdb_assets.warehouse.schema.bridges import bridge_movie_cast, bridge_movie_keyword
from tmdb_assets.warehouse.schema.dimensions import dim_keyword, dim_movie, dim_person
from tmdb_assets.warehouse.schema.raw import raw_details
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.appended import actor
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


def load_credits(warehouse: Warehouse, place: int, *cast: dict[str, Any]) -> None:
    """Load what a day's details of film 1 say of its cast."""
    day, film = DAYS[place], {"id": 1, "title": "x", "credits": {"cast": [*cast], "crew": []}}
    made = parse_details([film], day)
    for table in (dim_movie, dim_person):
        load_rows(warehouse, table, made[table.name], day=day)
    load_rows(warehouse, bridge_movie_cast, made["bridge_movie_cast"], day=day)


def test_a_broken_cell_of_a_person_loses_no_credit_in_any_order_of_days(warehouse: Warehouse) -> None:
    sound = [actor(1, "a", 0, gender=1), actor(2, "b", 1, gender=2)]
    broken = [actor(1, "a", 0, gender=9, name="N" * 1001), actor(2, "b", 1, gender=2, profile_path=7)]
    for order in ((0, 1), (1, 0)):
        for place in order:
            load_credits(warehouse, place, *(broken if place else sound))
        found = "select person_id, name, gender, profile_path from dim_person order by 1"
        assert rows_of(warehouse, found) == [(1, None, None, None), (2, "Person 2", "male", None)]
        assert rows_of(warehouse, "select person_id from bridge_movie_cast order by 1") == [(1,), (2,)]
        with warehouse.begin() as connection:
            connection.exec_driver_sql("delete from bridge_movie_cast; delete from dim_person")
    told = "select payload ->> 'person_id', r ->> 'rule' from rejected_row, jsonb_array_elements(reasons) as r"
    assert set(rows_of(warehouse, told)) == {
        ("1", "gender is of kind text; stored as NULL"),
        ("1", "name max length 1000; stored as NULL"),
        ("2", "profile_path is of kind text; stored as NULL"),
    }


def test_of_a_persons_rows_of_one_day_a_sound_one_wins(warehouse: Warehouse) -> None:
    day, people = DAYS[0], [actor(1, "a", 0, gender=1), actor(1, "b", 1, gender=9), actor(0, "c", 2)]
    rows = parse_details([{"id": 1, "title": "x", "credits": {"cast": people, "crew": []}}], day)["dim_person"]
    others = [row | {"person_id": number} for number in range(2, 22) for row in rows[:1]]
    loaded = load_rows(warehouse, dim_person, [*rows, *others], day=day)
    assert rows_of(warehouse, "select gender from dim_person where person_id = 1") == [("female",)]
    assert [[reason.rule for reason in item.reasons] for item in loaded.rejected] == [["person_id at least 1"]]
    assert (loaded.received, loaded.kept, len(loaded.emptied)) == (23, 22, 1)

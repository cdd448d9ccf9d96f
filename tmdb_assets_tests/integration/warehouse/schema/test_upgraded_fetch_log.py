"""The text in an earlier warehouse's fetch log becomes columns and slices."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from tmdb_assets.warehouse.ledger import fetch_log
from tmdb_assets.warehouse.schema.ddl import ensure_schema
from tmdb_assets_tests.cases.former_schema import make_former
from tmdb_assets_tests.integration.warehouse.schema.test_upgrade import engine

__all__ = ["engine"]

NOTED = """
insert into fetch_log
select '2026-07-01', kind, part, '2026-07-01 08:00', date '2026-07-01' + finished_at, request_count, row_count
from (
    values
    ('discover', 'all', null::time, 9, 70),
    ('discover', 'told', '08:01', 0, 4),
    ('discover', 'page 10', '08:01', 0, 20),
    ('discover', 'page 2', '08:01', 0, 20),
    ('discover', 'slice 1874-01-01..1950-12-31', '08:02', 0, 0),
    ('discover', 'slice 1951-01-01..1960-12-31 page 12', '08:03', 0, 20),
    ('discover', 'slice 1951-01-01..1960-12-31 page 3', '08:03', 0, 20),
    ('discover', 'pages of slice 1951-01-01..1960-12-31', '08:03', 0, 40),
    ('discover', 'slice 2024-01-01..2024-01-01', '08:04', 0, 0),
    ('discover', 'unseen of slice 2024-01-01..2024-01-01', '08:04', 0, 77),
    ('due', 'all', '08:05', 0, 0),
    ('due', 'changes', null, 0, 0),
    ('details', 'all', '08:06', 30, 25),
    ('export', 'all', '08:07', 1, 0),
    ('export', 'known films', '08:07', 0, 1000),
    ('reference', 'genre', '08:08', 1, 19),
    ('reference', 'language', '08:08', 1, 180)
) as noted (kind, part, finished_at, request_count, row_count);
insert into fetch_log values
('2026-07-02', 'discover', 'all', now(), now(), 9, 70), ('2026-07-02', 'discover', 'catalogue', now(), now(), 0, 0),
('2026-07-02', 'due', 'all', now(), now(), 0, 0), ('2026-07-02', 'export', 'all', now(), now(), 1, 0);
insert into raw_export values ('2026-07-02', 1, 1.5), ('2026-07-02', 2, 1.5);
"""


def test_what_the_fetch_log_held_as_text_becomes_columns(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        make_former(connection)
        connection.exec_driver_sql("create table raw_export_2026_07_02 partition of raw_export default")
        connection.exec_driver_sql(NOTED)
    ensure_schema(engine)
    day, later = dt.date(2026, 7, 1), dt.date(2026, 7, 2)
    with engine.begin() as connection:
        noted = connection.exec_driver_sql(
            "select snapshot_date, kind, to_char(finished_at, 'HH24:MI'), request_count, row_count, page_count, "
            "stored_pages, is_whole_catalogue, known_film_count from fetch_log where snapshot_date = '2026-07-01' "
            "union all select snapshot_date, kind, null, request_count, row_count, page_count, stored_pages, "
            "is_whole_catalogue, known_film_count from fetch_log where snapshot_date = '2026-07-02' order by 1, 2"
        )
        assert [tuple(row) for row in noted] == [
            (day, "changes", None, 0, 0, None, [], False, None),
            (day, "details", "08:06", 30, 25, None, [], False, None),
            (day, "discover", None, 9, 70, 4, [2, 10], False, None),
            (day, "export", "08:07", 1, 0, None, [], False, 1000),
            (day, "genre", "08:08", 1, 19, None, [], False, None),
            (day, "language", "08:08", 1, 180, None, [], False, None),
            (later, "changes", None, 0, 0, None, [], False, None),
            (later, "discover", None, 9, 70, None, [], True, None),
            (later, "export", None, 1, 0, None, [], False, 2),
        ]
        # A list older than the part 'changes' counts as complete.
        assert fetch_log.changes_known_until(connection, day) is None
        assert fetch_log.changes_known_until(connection, later) == later
        old, begun, crowded = (
            (dt.date(1874, 1, 1), dt.date(1950, 12, 31)),
            (dt.date(1951, 1, 1), dt.date(1960, 12, 31)),
            (dt.date(2024, 1, 1), dt.date(2024, 1, 1)),
        )
        assert fetch_log.finished_slices(connection, day) == {old, crowded}
        assert fetch_log.begun_slices(connection, day) == {begun: (40, {3, 12})}
        assert fetch_log.unseen_films(connection, day) == 77

"""What the doctor says of missing days: who loads them, the daemon or a person."""

from __future__ import annotations

import datetime as dt

import pytest

from tmdb_assets import partitions
from tmdb_assets.cli import doctor
from tmdb_assets.cli.doctor import Finding
from tmdb_assets.instance.cancelled import note_cancelled
from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse
from tmdb_assets_tests.stage.memory_instance import memory_instance

DAY = dt.date(2026, 7, 29)
TODAY = DAY + dt.timedelta(days=1)
CATALOGUE = catalogue(sound_films(20))


@pytest.fixture
def tables(server, loaded_database, monkeypatch):
    monkeypatch.setattr(partitions, "today", lambda: TODAY)
    with copied_warehouse(server, loaded_database) as made:
        yield Tables(made)


def gaps(tables, *, daemon_runs=False, cancelled=()):
    first_day = tables.warehouse.settings.tmdb_first_day
    with tables.warehouse.begin() as connection, memory_instance() as instance:
        note_cancelled(instance, "backfill", cancelled)
        return list(doctor.gaps(connection, instance, first_day, daemon_runs=daemon_runs))


@pytest.mark.parametrize(
    ("days_later", "newest", "state", "text"),
    [
        (1, "ok", "ok", f"no day is missing since {DAY}"),
        (2, "wrong", "wrong", "2026-07-30 is missing: tmdb-assets backfill --from 2026-07-30 --to 2026-07-30"),
        (
            4,
            "wrong",
            "wrong",
            "3 days are missing, the first 2026-07-30, the last 2026-08-01: "
            "tmdb-assets backfill --from 2026-07-30 --to 2026-08-01",
        ),
    ],
    ids=["none", "one", "three"],
)
def test_gaps(days_later, newest, state, text, tables, monkeypatch):
    monkeypatch.setattr(partitions, "today", lambda: DAY + dt.timedelta(days=days_later))
    with tables.warehouse.begin() as connection:
        assert doctor.newest_day(connection).state == newest
    assert gaps(tables) == [Finding(state, "Gaps", text)]
    # Where the daemon runs, a gap is no fault: the daemon fills it.
    if state == "wrong":
        text = text.replace(": ", "; the daemon loads what is published, or at once: ")
    assert gaps(tables, daemon_runs=True) == [Finding("ok" if state == "ok" else "note", "Gaps", text)]


def test_gaps_that_were_cancelled_wait_for_a_person(tables, monkeypatch):
    monkeypatch.setattr(partitions, "today", lambda: DAY + dt.timedelta(days=4))
    first, second, third = (DAY + dt.timedelta(days=number) for number in (1, 2, 3))
    waiting = (
        f"the daemon does not load 2 days from {first} to {second}: their newest runs were cancelled, so a person "
        f"decides when to run again (tmdb-assets backfill --from {first} --to {second})"
    )
    missing = f"{third} is missing; the daemon loads what is published, or at once: "
    assert gaps(tables, daemon_runs=True, cancelled=[first, second]) == [
        Finding("note", "Gaps", waiting),
        Finding("note", "Gaps", f"{missing}tmdb-assets backfill --from {third} --to {third}"),
    ]


def test_a_day_without_its_export(tables):
    tables.execute("delete from fetch_log where kind = 'export'")
    text = f"no day is missing since {DAY}; 1 without the export, the first {DAY}: "
    text += f"tmdb-assets backfill --refresh --from {DAY} --to {DAY}"
    assert gaps(tables) == [Finding("note", "Gaps", text)]


def test_an_empty_database_has_no_gaps(warehouse):
    assert gaps(Tables(warehouse)) == [Finding("note", "Gaps", "no day is loaded yet")]

"""The commands `export` and `digest`: exit codes and lines; what the files hold is tested with the export itself."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from tmdb_assets.warehouse.export.parts import exported_tables
from tmdb_assets.warehouse.server.urls import describe
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.small_star import BEFORE, DAY, make_star
from tmdb_assets_tests.stage.command import Refusal, command_environment, refusals


class NoApi:
    """An export requests nothing."""

    token, url = "a-token", "http://127.0.0.1:9/3"


def test_a_warehouse_is_exported_and_again_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "films"
    make_star(warehouse)
    found = refusals(
        {
            "first": ["export", str(folder)],
            "again": ["export", str(folder), "--from", str(BEFORE)],
            "order": ["export", str(folder), "--from", "2026-07-30", "--to", "2026-07-29"],
            "days": ["export", str(folder), "--to", "2026-01-01"],
            "date": ["export", str(folder), "--from", "July"],
            "file": ["export", str(folder / "manifest.json")],
            "none": ["export"],
            "digest": ["digest", "--picture", str(tmp_path / "week.png")],
            "unsent": ["digest", "--send"],
        },
        command_environment(warehouse.url, NoApi()),
    )
    assert {name: done.returncode for name, done in found.items() if done.returncode != 2} == {
        "first": 0,
        "again": 0,
        "digest": 0,
    }
    (first, *attribution), (again, *_) = (found[name].stdout.splitlines() for name in ("first", "again"))
    assert first.startswith(f"Exported {describe(warehouse.url)} ({BEFORE} to {DAY}, ")
    assert [line.split(" MB; ")[1] for line in (first, again)] == [
        f"{len(exported_tables())} written, 0 deleted",
        "0 written, 0 deleted",
    ]
    assert attribution == ["This product uses the TMDB API but is not endorsed or certified by TMDB."]
    assert pq.read_table(folder / "fact_movie_daily").num_rows == 8
    week = found["digest"].stdout.splitlines()
    assert (week[0], week[-1][-len(attribution[0]) :]) == (f"Films on TMDB in the week to {DAY}", attribution[0])
    assert "On top: Film 3 (8.0), Film 1 (4.0), Film 2 (2.0)." in week
    assert (tmp_path / "week.png").read_bytes().startswith(b"\x89PNG")
    assert found["unsent"].stderr == "--send needs ALERT_WEBHOOK_URL: the address of an incoming webhook.\n"
    assert found["order"] == Refusal(2, "", "--from 2026-07-30 is after --to 2026-07-29.\n")
    assert found["days"].stderr.startswith("No day to 2026-01-01 is loaded. Nothing was written.")
    assert found["file"].stderr.startswith(f"{folder}/manifest.json is not a folder. Nothing was written.")
    assert len(list(folder.rglob("*.parquet"))) == len(exported_tables())

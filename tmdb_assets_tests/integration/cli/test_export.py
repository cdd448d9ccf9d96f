"""The command `export`: exit codes and lines; what the files hold is tested with the export itself."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow.parquet as pq

from tmdb_assets_tests.cases.awkward import catalogue, sound_films
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.command import Refusal, command_environment, refusals, run

DAY = dt.date(2026, 7, 29)
CATALOGUE = catalogue(sound_films(20))


class NoApi:
    """An export requests nothing."""

    token, url = "a-token", "http://127.0.0.1:9/3"


def test_a_day_is_exported_and_again_nothing(server, loaded_database: str, tmp_path: Path) -> None:
    with copied_warehouse(server, loaded_database) as warehouse:
        environment = command_environment(warehouse.url, NoApi())
        first, again = (run(environment, "export", str(tmp_path / "new" / "films")) for _ in range(2))
        refused = refusals(
            {
                "order": ["export", str(tmp_path), "--from", "2026-07-30", "--to", "2026-07-29"],
                "days": ["export", str(tmp_path / "new" / "films"), "--to", "2026-01-01"],
                "date": ["export", str(tmp_path), "--from", "July"],
                "none": ["export"],
            },
            environment,
        )
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert first.stdout.startswith(f"Exported {warehouse.url.query['host']}")
    assert f"({DAY} to {DAY}, " in first.stdout
    assert first.stdout.splitlines()[0].endswith(" MB; 17 written, 0 deleted")
    assert again.stdout.splitlines()[0].endswith(" MB; 0 written, 0 deleted")
    assert first.stdout.splitlines()[1:] == ["This product uses the TMDB API but is not endorsed or certified by TMDB."]
    assert pq.read_table(tmp_path / "new" / "films" / "fact_movie_daily").num_rows == 20
    assert {name: done.returncode for name, done in refused.items()} == dict.fromkeys(refused, 2)
    assert refused["order"] == Refusal(2, "", "--from 2026-07-30 is after --to 2026-07-29.\n")
    assert refused["days"].stderr.startswith("No day to 2026-01-01 is loaded. Nothing was written.")

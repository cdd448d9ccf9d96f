"""Exports: every value as it is stored, only what changed is written, and a folder is whole or says that it is not."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from tmdb_assets.settings import ATTRIBUTION, SAMPLE_LINE
from tmdb_assets.warehouse.export import export as export_module
from tmdb_assets.warehouse.export.folder import ExportRefusedError
from tmdb_assets.warehouse.export.parts import exported_tables
from tmdb_assets.warehouse.schema.migrations import HEAD
from tmdb_assets.warehouse.server.urls import render_url
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.small_star import AFTER, BEFORE, DAY, load_day
from tmdb_assets_tests.integration.warehouse.export.conftest import JUNE, Export, content_of
from tmdb_assets_tests.oracle.compare import Tables

JUNE_FILE, JULY_FILE = (f"fact_movie_daily/2026-{month}.parquet" for month in ("06", "07"))
# An export whose process is killed after it wrote a part of the fact.
KILLED = """
import os, signal, sys
from pathlib import Path
import sqlalchemy as sa
from tmdb_assets.warehouse.export import export as export_module

def read_one(connection, query, schema, real=export_module.read_rows):
    for table in real(connection, query, schema):
        yield table.slice(0, 1)
        if "fact_movie_daily" in query:
            os.kill(os.getpid(), signal.SIGKILL)

export_module.read_rows = read_one
engine = sa.create_engine(sys.argv[1].replace("postgresql:", "postgresql+psycopg:", 1))
export_module.export(engine, Path(sys.argv[2]), is_sample=True)
"""


def changed(before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def manifest_of(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def test_every_value_type_and_comment_is_exported(star: Warehouse, export_star: Export, tmp_path: Path) -> None:
    made = export_star(tmp_path)
    assert (made.first_day, made.last_day) == (JUNE, DAY)
    for table in exported_tables():
        place = tmp_path / table.name
        path = place if place.is_dir() else place.with_suffix(".parquet")
        found = pq.read_table(path)
        order = ", ".join(
            f'{col.name} collate "C"' if isinstance(col.type, sa.Text) else col.name
            for col in table.primary_key.columns
        )
        stored = Tables(star).rows(f"select {', '.join(table.columns.keys())} from {table.name} order by {order}")
        assert list(zip(*(column.to_pylist() for column in found.columns), strict=True)) == stored, table.name
        assert {field.name: (field.nullable, field.metadata[b"comment"].decode()) for field in found.schema} == {
            col.name: (col.nullable, col.comment) for col in table.columns
        }
        assert found.schema.metadata[b"comment"].decode() == table.comment
        assert found.schema.metadata[b"attribution"].decode() == ATTRIBUTION
    assert {*Tables(star).column("select popularity from fact_movie_daily")} >= {0.1 + 0.2, 1e-300}
    facts = pq.read_schema(tmp_path / JULY_FILE)
    assert [str(kind) for kind in facts.types] == [
        "date32[day]", "int64", "double", "double", "int32", "string", "timestamp[us, tz=UTC]"
    ]  # fmt: skip
    assert {pq.read_metadata(tmp_path / JULY_FILE).row_group(0).column(0).compression} == {"ZSTD"}


def test_the_manifest_describes_every_file(export_star: Export, tmp_path: Path) -> None:
    made = export_star(tmp_path)
    manifest = manifest_of(tmp_path)
    listed = {file["path"]: file for file in manifest["files"]}
    assert listed.keys() == content_of(tmp_path).keys() - {"manifest.json"}
    for name, file in listed.items():
        content = (tmp_path / name).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert file["rows"] == pq.read_metadata(tmp_path / name).num_rows
        assert (file["first_day"] is None) == (file["table"] != "fact_movie_daily")
    days = [(listed[name]["first_day"], listed[name]["last_day"]) for name in (JUNE_FILE, JULY_FILE)]
    assert days == [(str(JUNE), str(JUNE)), (str(BEFORE), str(DAY))]
    assert (made.rows, made.bytes) == tuple(sum(file[of] for file in listed.values()) for of in ("rows", "bytes"))
    assert {name: manifest[name] for name in ("source", "note", "attribution", "schema_step", "first_day")} == {
        "source": "sandbox",
        "note": SAMPLE_LINE,
        "attribution": ATTRIBUTION,
        "schema_step": HEAD,
        "first_day": str(JUNE),
    }
    assert "terms of use" in manifest["licence"]
    assert manifest["tables"].keys() == {table.name for table in exported_tables()}
    assert manifest["tables"]["fact_movie_daily"]["key"] == ["date_id", "movie_id"]


def test_only_what_changed_is_written(star: Warehouse, export_star: Export, tmp_path: Path) -> None:
    first = export_star(tmp_path)
    before = content_of(tmp_path)
    assert first.written == len(first.files) == len(before) - 1
    again = export_star(tmp_path)
    assert (again.written, again.removed, content_of(tmp_path)) == (0, 0, before)

    # By hand, which no time of a load tells; then rows written again with what they held.
    Tables(star).execute("update fact_movie_daily set vote_count = 7 where date_id = :day and movie_id = 1", day=BEFORE)
    assert export_star(tmp_path).written == 1
    after = content_of(tmp_path)
    assert changed(before, after) == {JULY_FILE, "manifest.json"}
    Tables(star).execute("update fact_movie_daily set vote_count = vote_count")
    assert export_star(tmp_path).written == 0
    assert changed(after, content_of(tmp_path)) == {"manifest.json"}

    (tmp_path / JUNE_FILE).unlink()
    damaged = bytearray((tmp_path / "dim_movie.parquet").read_bytes())
    damaged[100] ^= 1
    (tmp_path / "dim_movie.parquet").write_bytes(damaged)
    assert export_star(tmp_path).written == 2
    assert {name: digest for name, (_, digest) in content_of(tmp_path).items() if name != "manifest.json"} == {
        name: digest for name, (_, digest) in after.items() if name != "manifest.json"
    }


def test_the_folder_holds_the_days_that_were_asked_for(export_star: Export, tmp_path: Path) -> None:
    export_star(tmp_path)
    (tmp_path / "fact_movie_daily" / "mine.parquet").write_text("my own")
    (tmp_path / "notes.parquet").write_text("my own")
    made = export_star(tmp_path, first=DAY, last=dt.date(2026, 8, 31))
    assert (made.first_day, made.last_day, made.written, made.removed) == (DAY, DAY, 1, 1)
    facts = pq.read_table(tmp_path / JULY_FILE)
    assert {*facts["date_id"].to_pylist()} == {DAY}
    assert {path.name for path in (tmp_path / "fact_movie_daily").iterdir()} == {"2026-07.parquet", "mine.parquet"}
    assert (tmp_path / "notes.parquet").is_file()

    kept = content_of(tmp_path)
    with pytest.raises(ExportRefusedError) as refused:
        export_star(tmp_path, first=dt.date(2025, 1, 1), last=dt.date(2025, 12, 31))
    assert str(refused.value) == (
        "No day from 2025-01-01 to 2025-12-31 is loaded. Nothing was written. "
        f"Choose days from {JUNE} to {DAY}. Then run again."
    )
    assert content_of(tmp_path) == kept


@pytest.mark.long
def test_a_killed_export_leaves_whole_files_and_the_next_one_removes_the_rest(
    star: Warehouse, export_star: Export, tmp_path: Path
) -> None:
    folder, right = tmp_path / "killed", tmp_path / "right"
    done = subprocess.run([sys.executable, "-c", KILLED, render_url(star.url), str(folder)], capture_output=True)
    assert done.returncode == -9, done.stderr
    left = content_of(folder)
    assert {name for name in left if name.endswith(".partial")} == {"fact_movie_daily/.2026-06.parquet.partial"}
    assert "manifest.json" not in left
    for name in left:
        if name.endswith(".parquet"):
            assert pq.read_table(folder / name).num_rows <= 1
    export_star(folder)
    export_star(right)
    digests = [{name: digest for name, (_, digest) in content_of(each).items()} for each in (folder, right)]
    assert digests[0] == digests[1]


def test_a_day_that_is_loaded_meanwhile_is_in_none_of_the_files(
    star: Warehouse, export_star: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = export_module.read_rows

    def load_then_read(*arguments: Any) -> Any:
        monkeypatch.setattr(export_module, "read_rows", real)
        load_day(star, AFTER, {1: (5.0, None, 0)})
        Tables(star).execute("update dim_movie set title = 'Later'")
        yield from real(*arguments)

    monkeypatch.setattr(export_module, "read_rows", load_then_read)
    assert export_star(tmp_path).last_day == DAY
    assert "Later" not in pq.read_table(tmp_path / "dim_movie.parquet")["title"].to_pylist()
    assert export_star(tmp_path).last_day == AFTER
    assert {*pq.read_table(tmp_path / "dim_movie.parquet")["title"].to_pylist()} == {"Later"}


def features_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("movie_features/*.parquet")}


def test_features_are_exported_by_month_until_they_are_not_wanted(
    star: Warehouse, export_star: Export, tmp_path: Path
) -> None:
    assert export_star(tmp_path).written == len(exported_tables()) + 1
    assert features_of(tmp_path) == set()
    export_star(tmp_path, features=True)
    june, july = "movie_features/2026-06.parquet", "movie_features/2026-07.parquet"
    assert features_of(tmp_path) == {june, july}
    query = f"select * from movie_features('{BEFORE}', '{DAY}') order by date_id, movie_id"
    found = pq.read_table(tmp_path / july)
    assert list(zip(*(column.to_pylist() for column in found.columns), strict=True)) == Tables(star).rows(query)
    first = found.slice(0, 1).to_pylist()[0]
    assert [first[name] for name in ("movie_id", "popularity_1d_ago", "status", "genre_ids", "company_ids")] == [
        1, 0.1 + 0.2, "Planned", [18, 35], []
    ]  # fmt: skip
    assert found.schema.field("popularity_1d_ago").metadata[b"comment"].startswith(b"Popularity on the day before")
    assert manifest_of(tmp_path)["tables"]["movie_features"]["key"] == ["date_id", "movie_id"]

    # A later day that confirms and ends a state changes the months before in nothing; a state of June does.
    before = content_of(tmp_path)
    ends = "update movie_history set valid_to = '2026-07-03', confirmed_dates = '{2026-07-02}' where valid_to is null"
    begins = (
        "insert into movie_history (movie_id, valid_from, confirmed_dates) values (1, '2026-07-03', '{2026-07-03}')"
    )
    Tables(star).execute(f"{ends}; {begins}")
    assert export_star(tmp_path).written == 1
    assert changed(before, content_of(tmp_path)) == {"movie_history.parquet", "manifest.json"}
    Tables(star).execute("update movie_history set status = 'Rumored' where valid_from = '2026-06-30'")
    assert export_star(tmp_path).written == 3
    assert changed(before, content_of(tmp_path)) == {"movie_history.parquet", june, july, "manifest.json"}

    assert export_star(tmp_path, features=False).removed == 2
    assert features_of(tmp_path) == set()
    assert export_star(tmp_path).removed == 0

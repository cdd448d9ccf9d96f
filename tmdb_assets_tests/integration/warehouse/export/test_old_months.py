"""Old months as docs/scaling.md has them: to another tablespace, to Parquet and out of Postgres, and back."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.small_star import load_day
from tmdb_assets_tests.integration.warehouse.export.conftest import JUNE, Export
from tmdb_assets_tests.oracle.compare import Tables, run_as_admin
from tmdb_assets_tests.stage.postgres import needs_embedded

PAGE = (PROJECT_ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
CHAPTER = PAGE.split("\n## Old months\n")[1].split("\n## ")[0]
MOVE, LEAVE, RETURN = re.findall(r"^```sql\n(.*?)^```", CHAPTER, re.DOTALL | re.MULTILINE)
(AS_CSV,) = re.findall(r"^```python\n(.*?)^```", CHAPTER, re.DOTALL | re.MULTILINE)
MONTH = f"fact_movie_daily_{JUNE:%Y_%m}"
FACTS = "select * from fact_movie_daily order by date_id, movie_id"
VIEWS = {
    "vw_top_movies": "rank",
    "vw_genre_popularity": "genre_id",
    "vw_continent_popularity": "continent",
    "vw_trending_movies": "movie_id",
    "vw_movie_latest": "movie_id",
    "vw_load_status": "date_id",
}
LIES_IN = """
select c.relname, t.spcname from pg_class as c inner join pg_tablespace as t on c.reltablespace = t.oid
where c.relname ~ '^fact_movie_daily' order by 1
"""


def execute(warehouse: Warehouse, block: str) -> None:
    """Each statement of the page by itself: one of them refuses to run in a transaction."""
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in filter(None, map(str.strip, block.split(";\n"))):
            if copied := re.fullmatch(r"\\copy (\w+) from '(.+)' (.+)", statement):
                table, file, options = copied.groups()
                with connection.connection.cursor().copy(f"copy {table} from stdin {options}") as copy:
                    copy.write(Path(file).read_bytes())
            else:
                connection.exec_driver_sql(statement)


def shown(tables: Tables) -> dict[str, list[tuple[object, ...]]]:
    return {name: tables.rows(f"select * from {name} order by {key}") for name, key in VIEWS.items()}


@needs_embedded
def test_a_month_moves_leaves_and_returns(
    server: Server, star: Warehouse, export_star: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tables = Tables(star)
    facts, views = tables.rows(FACTS), shown(tables)
    old = [row for row in facts if row[0] == JUNE]
    assert 0 < len(old) < len(facts)

    data = Path(str(tables.value("show data_directory")))
    slow = data.with_name(f"{data.name}-slow")
    slow.mkdir()
    shutil.chown(slow, data.stat().st_uid)
    try:
        execute(star, MOVE.replace("/mnt/slow/films", str(slow)))
        assert tables.rows(LIES_IN) == [(MONTH, "slow"), (f"{MONTH}_pkey", "slow")]
        assert (tables.rows(FACTS), shown(tables)) == (facts, views)
        load_day(star, JUNE, {1: (4.0, None, 0)})  # a day of it can be loaded there
        load_day(star, JUNE, {1: (3.0, None, 0)})
        facts = tables.rows(FACTS)
        old = [row for row in facts if row[0] == JUNE]
        views = shown(tables)

        first, last = JUNE.replace(day=1), JUNE
        assert f"--from {first} --to {last}" in CHAPTER
        files = export_star(tmp_path / "archive" / f"{JUNE:%Y-%m}", first=first, last=last).files
        assert [file.rows for file in files if file.table == "fact_movie_daily"] == [len(old)]

        detach, drop = LEAVE.strip().splitlines()
        execute(star, detach)
        with pytest.raises(sa.exc.DBAPIError, match=rf"{MONTH} was detached .* attach it again, or drop it"):
            load_day(star, JUNE, {1: (3.0, None, 0)})
        execute(star, drop)
        assert (tables.rows(FACTS), shown(tables)) == ([row for row in facts if row[0] != JUNE], views)

        exec(compile(AS_CSV, "docs/scaling.md", "exec"), {})
        execute(star, RETURN)
        assert (tables.rows(FACTS), shown(tables)) == (facts, views)
    finally:
        tables.execute(f"drop table if exists {MONTH}")
        run_as_admin(server, "drop tablespace if exists slow")
        shutil.rmtree(slow)

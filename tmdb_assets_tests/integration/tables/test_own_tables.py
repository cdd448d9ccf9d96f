"""The how-to's table, copied into a checkout as printed there, and loaded."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from tmdb_assets.settings import PROJECT_ROOT, SHIPPED_DATA_DIR

HOWTO = PROJECT_ROOT / "docs" / "howto" / "add_a_table.md"
COLLECTIONS = """
select b.movie_id, c.name
from bridge_movie_collection as b
inner join dim_collection as c using (collection_id)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout without the embedded server's data, with the how-to's file."""
    text = HOWTO.read_text(encoding="utf-8")
    name, code = re.findall(r"`(tmdb_assets/tables/\w+\.py)`:\n\n```python\n(.*?)```", text, re.DOTALL)[0]
    for folder in ("tmdb_assets", "sql"):
        shutil.copytree(PROJECT_ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(SHIPPED_DATA_DIR / "sample", tmp_path / "data" / "sample")
    for file in ("data/country_continent.csv", "dagster.yaml", "workspace.yaml", "pyproject.toml"):
        shutil.copy(PROJECT_ROOT / file, tmp_path / file)
    (tmp_path / name).write_text(code, encoding="utf-8")
    return tmp_path


def run(project: Path, database: sa.URL, code: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("TMDB_", "DAGSTER_"))}
    environment |= {
        "PYTHONPATH": str(project),
        "WAREHOUSE_URL": database.render_as_string(hide_password=False),
        "TMDB_PAGES": "2",
    }
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=project, env=environment, capture_output=True, text=True
    )


DAY = """
import datetime as dt, json, os
import sqlalchemy as sa
from dagster import AssetSelection, materialize
from tmdb_assets.definitions import build_definitions
from tmdb_assets.partitions import today
from tmdb_assets.warehouse.schema.ddl import schema_sql
from tmdb_assets.warehouse.warehouse import Warehouse
definitions = build_definitions(warehouse=Warehouse(url=sa.make_url(os.environ["WAREHOUSE_URL"])))
wanted = ["raw_discover", "raw_details", "raw_reference", "dim_language", "dim_movie"]
wanted += ["dim_collection", "bridge_movie_collection"]
done = materialize(
    [made for made in definitions.assets if made.key.to_user_string() in wanted],
    partition_key=str(today()), resources=definitions.resources,
)
contracts = [check for check in done.get_asset_check_evaluations() if check.check_name == "contract"]
checks = {check.asset_key.to_user_string(): check.passed for check in contracts}
made = {made.key.to_user_string(): made for made in definitions.assets}["bridge_movie_collection"]
upstream = sorted(key.to_user_string() for key in made.dependency_keys)
print(json.dumps([checks, upstream, "dim_collection" in schema_sql()]))
"""


def test_the_howtos_file_is_all_that_a_table_needs(project: Path, database: sa.URL) -> None:
    done = run(project, database, DAY)
    assert done.returncode == 0, done.stderr[-2000:]
    checks, upstream, is_in_schema = json.loads(done.stdout.splitlines()[-1])
    assert [checks["dim_collection"], checks["bridge_movie_collection"]] == [True, True]
    assert upstream == ["dim_collection", "dim_movie", "raw_details"]
    assert is_in_schema
    with (SHIPPED_DATA_DIR / "sample" / "films.jsonl").open(encoding="utf-8") as lines:
        sample = {film["id"]: film["collection"] for film in map(json.loads, lines)}
    engine = sa.create_engine(database.set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        stored = connection.scalars(sa.text("select movie_id from raw_details")).all()
        found = {row.movie_id: row.name for row in connection.execute(sa.text(COLLECTIONS))}
        assert found == {movie_id: sample[movie_id]["name"] for movie_id in stored if sample[movie_id]}
        assert len(found) > 5
        comment = "select obj_description('dim_collection'::regclass), col_description('dim_collection'::regclass, 1)"
        assert tuple(connection.execute(sa.text(comment)).one()) == (
            "One row per collection of films. Source: the films' details.",
            "TMDb's id of the collection.",
        )
    engine.dispose()


FILM = {"id": 603, "belongs_to_collection": {"id": 2344, "name": "The Matrix Collection"}}
ROWS = f"from tmdb_assets.tables import own_rows; import datetime; own_rows([{FILM!r}], datetime.date(2026, 1, 1))"


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("TABLES = (", "MINE = (", "tmdb_assets.tables.collections lists no tables. Give it TABLES"),
        (
            'group="bridges"',
            'group="facts"',
            "bridge_movie_collection is in the group 'facts'. Put a table made from d",
        ),
        (
            'collection.get("name")',
            'collection["nom"]',
            "rows of dim_collection could not be made from film 603: KeyError('nom').",
        ),
    ],
)
def test_a_mistake_in_the_file_is_reported(
    project: Path, database: sa.URL, right: str, wrong: str, message: str
) -> None:
    path = project / "tmdb_assets" / "tables" / "collections.py"
    text = path.read_text(encoding="utf-8")
    assert text.count(right) == 1
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    done = run(project, database, ROWS)
    assert done.returncode == 1
    assert f"OwnTableError: {message}" in done.stderr.replace("OwnTableError: The rows", "OwnTableError: rows")

"""The data dictionary: every table and view with its grain, columns, types, keys and rules, as Markdown.

`python -m tmdb_assets.warehouse.data_dictionary` writes `docs/data_dictionary.md`; a test keeps it fresh. Tables come
from their declarations; views from an empty database, as only Postgres knows their columns' types.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import sqlalchemy as sa

from tmdb_assets.settings import PROJECT_ROOT, Settings
from tmdb_assets.warehouse.retention import RAW_KEPT_DAYS
from tmdb_assets.warehouse.schema.ddl import apply_view
from tmdb_assets.warehouse.schema.views import (
    FUNCTIONS,
    VIEWS,
    Function,
    View,
    function_columns,
    function_grain,
    grain_of,
    view_columns,
)
from tmdb_assets.warehouse.schema.vocabulary import key_columns, metadata, rule_texts, sql_type

DICTIONARY = PROJECT_ROOT / "docs" / "data_dictionary.md"
INTRODUCTION = """\
<!-- Generated from the declarations in tmdb_assets/warehouse and sql/views (make schema). Do not edit. -->
# Data dictionary

Unknown is NULL. Names end in what they hold: `_id`, `_date` (UTC), `_at` (time, UTC), `_count`, a unit (`_minutes`,
`_usd`); `is_` begins a yes or no. Readers (`tmdb_reader`) see the dimensions, bridges, the history
of films, the fact, the forecasts, similar films and the views.
"""
GROUPS = {
    "marts": "Views for reading: start here",
    "facts": "Facts, and the latest state computed from them",
    "derived": "Computed once a day: forecasts, how good they are, and similar films",
    "dimensions": "Dimensions: the latest state of films and of what films have in common",
    "bridges": "Bridges: which films have what",
    "history": "History: what was known of a film on a day",
    "quality": "Quality: what the checks of a day said, and the figures that they judged",
    "reference": "Reference data",
    "raw": f"Raw answers, as they arrived; dropped after {RAW_KEPT_DAYS} days",
    "ledger": "Ledger: what was requested, rejected and applied",
}


def dictionary(connection: sa.Connection) -> str:
    """The dictionary of a database with the declared schema; applies the views that it lacks."""
    chapters: dict[str, dict[str, str]] = {group: {} for group in GROUPS}
    for view in VIEWS:
        apply_view(connection, view.name)
        chapters["marts"][view.name] = _view_entry(connection, view)
    for function in FUNCTIONS:
        chapters["marts"][function.name] = _function_entry(function)
    for table in sorted(metadata.tables.values(), key=lambda table: table.name):
        chapters[table.info["group"]][table.name] = _table_entry(table)
    contents = [
        f"- {title}: {', '.join(f'[{name}](#{name})' for name in chapters[group])}" for group, title in GROUPS.items()
    ]
    text = [INTRODUCTION, "\n".join(contents) + "\n"]
    for group, title in GROUPS.items():
        text += [f"## {title}\n", *chapters[group].values()]
    return "\n".join(text)


def _table_entry(table: sa.Table) -> str:
    facts = [f"Key: {_codes(key_columns(table))}."]
    if table.info["partition_unit"]:
        by = table.dialect_options["postgresql"]["partition_by"].removeprefix("RANGE ").strip("()")
        facts.append(f"One partition a {table.info['partition_unit']} of `{by}`.")
    rows = [
        (
            f"`{col.name}`",
            sql_type(col),
            "yes" if col.nullable else "no",
            col.comment or "",
            "; ".join(f"`{rule}`" for rule in rule_texts(col)),
        )
        for col in table.columns
    ]
    header = ("column", "type", "NULL", "meaning", "rules")
    return f"### {table.name}\n\n{table.comment} {' '.join(facts)}\n\n{_markdown_table(header, rows)}"


def _view_entry(connection: sa.Connection, view: View) -> str:
    rows = [(f"`{col.name}`", col.type, col.comment or "") for col in view_columns(connection, view.name)]
    facts = f"Key: `{view.key}`. Made of {_codes(view.made_of)}."
    table = _markdown_table(("column", "type", "meaning"), rows)
    return f"### {view.name}\n\n{grain_of(view.name)} {facts}\n\n{table}"


def _function_entry(function: Function) -> str:
    rows = [(f"`{col.name}`", col.type, col.comment or "") for col in function_columns(function)]
    call = f"A function of two days: `select * from {function.name}({function.arguments})`."
    facts = f"{call} Key: `{function.key}`. Made of {_codes(function.made_of)}."
    table = _markdown_table(("column", "type", "meaning"), rows)
    return f"### {function.name}\n\n{function_grain(function)} {facts}\n\n{table}"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(path: Path = DICTIONARY) -> None:
    """Write the file, from an empty database on an embedded server of its own."""
    from tmdb_assets.warehouse.server.open import open_server
    from tmdb_assets.warehouse.warehouse import Warehouse

    with tempfile.TemporaryDirectory(prefix="tmdb-assets-", ignore_cleanup_errors=True) as folder:
        settings = Settings.load(tmdb_token=None, warehouse_url=None)
        warehouse = Warehouse(url=open_server(settings, data_dir=Path(folder) / "postgres").url)
        with warehouse.begin() as connection:
            text = dictionary(connection)
        warehouse.close()
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit("usage: python -m tmdb_assets.warehouse.data_dictionary  (writes docs/data_dictionary.md)")
    write()

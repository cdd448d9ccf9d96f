"""Measure the merge loader: a day of facts, compared with SQLAlchemy's batched INSERT ... ON CONFLICT.

    python -m benchmarks.load_rows [--rows 1000000] [--rounds 1] [--batch 1000] [--json FILE]

Both fill the real `fact_movie_daily` (its month's partition, primary key, foreign keys and checks) from the same rows,
each in one transaction: first an empty table, then the same rows again, then every row with a new popularity.
`load` is all that the platform does: contract, binary COPY, rows without parents, merge; its rows are columns before
the clock starts, as the fact's asset passes them. `batched` is psycopg 3's `executemany`, which is faster here than
SQLAlchemy's multi-row VALUES; its rows are dicts before the clock starts.
Exit code 0, or 1 when the table then holds wrong rows, when equal rows were rewritten, or when a bound is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from benchmarks.bench import BenchmarkError, bench_folder, machine, private_server
from tmdb_assets.transforms.calendar import calendar_rows
from tmdb_assets.transforms.conform import Columns, Conformed
from tmdb_assets.warehouse.loading.load import load
from tmdb_assets.warehouse.loading.merge import MergeCounts
from tmdb_assets.warehouse.schema.dimensions import dim_date
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.schema.vocabulary import frame_columns
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError
from tmdb_assets.warehouse.server.urls import normalise
from tmdb_assets.warehouse.warehouse import Warehouse

DAY = dt.date(2026, 7, 31)
CHUNK_ROWS = 50_000  # of a frame, as the fact's asset makes them
MEASURES = ("popularity", "vote_average", "vote_count", "source")
STEPS = ("insert", "again", "update")
# How many times as fast as the batched way each step must be, judged from this number of rows.
BOUNDS = {"insert": 2.5, "again": 3.0}
JUDGED_FROM = 500_000
FIGURES = (
    "select count(*), count(vote_count), sum(vote_count)::float8, round(sum(popularity)::numeric, 0)::float8 "
    "from fact_movie_daily"
)
# Changes when any stored row is written again.
VERSIONS = "select sum(hashtextextended(xmin::text || ctid::text, 0)) from fact_movie_daily"


def make_frame(rows: int, *, added: float = 0.0) -> pd.DataFrame:
    """A day's facts of `rows` films, every seventh from the export; `added` is added to each popularity."""
    random = np.random.default_rng(20260731)
    is_exported = np.arange(rows) % 7 == 0
    votes = pd.array(random.integers(0, 40_000, rows), dtype="Int64")
    average = pd.array(random.integers(0, 10_001, rows) / 1000, dtype="Float64")
    votes[is_exported] = average[is_exported] = pd.NA
    return pd.DataFrame(
        {
            "date_id": pd.Series([DAY] * rows, dtype="object"),
            "movie_id": pd.array(np.arange(1, rows + 1), dtype="Int64"),
            "popularity": pd.array(random.integers(1, 1_000_000, rows) / 1000 + added, dtype="Float64"),
            "vote_average": average,
            "vote_count": votes,
            "source": pd.Series(np.where(is_exported, "export", "discover"), dtype="string"),
        }
    )


def figures_of(frame: pd.DataFrame) -> tuple[float, ...]:
    """The values of `FIGURES` after the frame is loaded."""
    votes = frame["vote_count"]
    return len(frame), int(votes.notna().sum()), float(votes.sum()), float(round(frame["popularity"].sum()))


def make_cells(frame: pd.DataFrame) -> list[list[Any]]:
    """The frame's values by column, None for missing ones."""
    return [
        [None if gone else value for value, gone in zip(frame[name].tolist(), frame[name].isna(), strict=True)]
        for name in frame
    ]


def make_chunks(frame: pd.DataFrame) -> list[Conformed]:
    """The frame's rows as the platform's loader takes them."""
    kinds, cells = frame_columns(fact_movie_daily), make_cells(frame)
    chunks = ([made[start : start + CHUNK_ROWS] for made in cells] for start in range(0, len(frame), CHUNK_ROWS))
    return [Conformed(Columns(kinds, chunk), len(chunk[0])) for chunk in chunks]


def make_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The frame's rows as SQLAlchemy takes them."""
    return [dict(zip(frame.columns, row, strict=True)) for row in zip(*make_cells(frame), strict=True)]


def upsert() -> postgresql.Insert:
    """The batched statement: like the loader, it rewrites a stored row only where something changed."""
    statement = postgresql.insert(fact_movie_daily)
    stored, given = fact_movie_daily.c, statement.excluded
    is_other = sa.tuple_(*(stored[name] for name in MEASURES)).is_distinct_from(
        sa.tuple_(*(given[name] for name in MEASURES))
    )
    new = {name: given[name] for name in MEASURES} | {"loaded_at": sa.func.now()}
    return statement.on_conflict_do_update(index_elements=[stored.date_id, stored.movie_id], set_=new, where=is_other)


def make_batched_engine(url: sa.URL) -> sa.Engine:
    """A default engine: the platform's prepares no statements, which would slow the batches."""
    return sa.create_engine(url)


@dataclass
class Lab:
    """A warehouse with the films and the calendar; the seconds measured, by way and step."""

    warehouse: Warehouse
    rows: int
    batch: int
    batched: sa.Engine
    seconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def seed(self) -> None:
        """Store the calendar and the films, and load one fact, which creates its month."""
        films = (
            "insert into dim_movie (movie_id, title, overview, as_of_date) "
            "select n, 'Film ' || n, repeat('Words ', 40), :day from generate_series(1, :rows) as n"
        )
        with self.warehouse.begin() as connection:
            connection.execute(dim_date.insert(), list(calendar_rows(DAY.year - 1, DAY.year + 1)))
            connection.execute(sa.text(films), {"day": DAY, "rows": self.rows})
        with self.warehouse.begin() as connection:  # creating a month waits for writers of films
            load(connection, fact_movie_daily, make_chunks(make_frame(1)), day=DAY)  # does the imports of a load
        self._autocommit("vacuum analyze")

    def _autocommit(self, *statements: str) -> None:
        with self.warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def measure(self, way: str, works: dict[str, tuple[Callable[[], Any], pd.DataFrame]]) -> None:
        """Time each step of a way, from an empty table; raises `BenchmarkError` for wrong or rewritten rows."""
        # What the way before wrote must not be flushed during this one.
        self._autocommit("truncate fact_movie_daily", "vacuum dim_movie", "checkpoint")
        for step, (work, frame) in works.items():
            before = self._query(VERSIONS)
            started = time.perf_counter()
            work()
            seconds = time.perf_counter() - started
            self.seconds.setdefault(way, {}).setdefault(step, []).append(seconds)
            print(f"  {way}, {step}: {seconds:.2f} s, {self.rows / seconds:,.0f} rows/s", flush=True)
            found, right = self._query(FIGURES), figures_of(frame)
            if found != right:
                raise BenchmarkError(f"After the {way} {step} the table holds {found}, not {right}.")
            if step == "again" and self._query(VERSIONS) != before:
                raise BenchmarkError(f"The {way} load of equal rows rewrote stored rows.")

    def _query(self, query: str) -> tuple[Any, ...]:
        with self.warehouse.begin() as connection:
            return tuple(connection.execute(sa.text(query)).one())

    def load(self, chunks: list[Conformed], expected: MergeCounts) -> None:
        """Load chunks as the platform does; raises `BenchmarkError` when its counts are not the expected ones."""
        with self.warehouse.begin() as connection:
            counts = load(connection, fact_movie_daily, chunks, day=DAY).counts
        if counts != expected:
            raise BenchmarkError(f"The load counted {counts}, not {expected}.")

    def load_batched(self, rows: list[dict[str, Any]]) -> None:
        """Load rows batch by batch, in one transaction."""
        statement = upsert()
        with self.batched.begin() as connection:
            for start in range(0, len(rows), self.batch):
                connection.execute(statement, rows[start : start + self.batch])

    def run_round(self) -> None:
        """Measure both ways once."""
        frame, changed = make_frame(self.rows), make_frame(self.rows, added=1.0)
        n, chunks, changed_chunks = self.rows, make_chunks(frame), make_chunks(changed)
        self.measure(
            "load",
            {
                "insert": (lambda: self.load(chunks, MergeCounts(inserted=n)), frame),
                "again": (lambda: self.load(chunks, MergeCounts(unchanged=n)), frame),
                "update": (lambda: self.load(changed_chunks, MergeCounts(updated=n)), changed),
            },
        )
        rows, changed_rows = make_rows(frame), make_rows(changed)
        self.measure(
            "batched",
            {
                "insert": (lambda: self.load_batched(rows), frame),
                "again": (lambda: self.load_batched(rows), frame),
                "update": (lambda: self.load_batched(changed_rows), changed),
            },
        )

    def ratios(self) -> dict[str, float]:
        """How many times as fast as the batched way the loader was, by step: the median of the rounds."""
        pairs = {step: zip(self.seconds["batched"][step], self.seconds["load"][step], strict=True) for step in STEPS}
        return {step: statistics.median(slow / fast for slow, fast in both) for step, both in pairs.items()}


def judge(ratios: dict[str, float]) -> bool:
    """Print each ratio with its bound; return whether all are within."""
    for step, ratio in ratios.items():
        bound = BOUNDS.get(step)
        verdict = "" if bound is None else f", {'within' if ratio >= bound else 'UNDER'} the bound of {bound:g}"
        print(f"{step}: {ratio:.2f} times as fast as batched{verdict}")
    return all(ratios[step] >= bound for step, bound in BOUNDS.items())


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load_rows", description="Measure the merge loader.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="facts of the day; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--batch", type=int, default=1000, help="rows per batch; default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    found = parser.parse_args(given)
    if min(found.rows, found.rounds, found.batch) < 1:
        parser.error("--rows, --rounds and --batch must be at least 1")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return the exit code."""
    given = _arguments(arguments)
    try:
        with bench_folder() as folder, private_server(folder / "postgres") as server:
            about = machine(server)
            print(f"Loading {given.rows:,} facts of a day; {about}", flush=True)
            url = normalise(sa.make_url(server))
            lab = Lab(Warehouse(url=url), given.rows, given.batch, make_batched_engine(url))
            lab.seed()
            for _ in range(given.rounds):
                lab.run_round()
            lab.batched.dispose()
            lab.warehouse.close()
    except (BenchmarkError, WarehouseUnavailableError) as error:
        print(error, file=sys.stderr)
        return 1
    ratios = lab.ratios()
    is_kept = judge(ratios)
    if given.json:
        written = {"machine": about, "rows": given.rows, "seconds": lab.seconds, "ratio": ratios}
        given.json.write_text(json.dumps(written, indent=2))
    return 0 if is_kept or given.rows < JUDGED_FROM else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""The contenders of `benchmarks.peers`: how each loads a day, and which tables hold its rows."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import FLOOR, BenchmarkError
from benchmarks.fake_api import ROOT
from benchmarks.films import FIGURES

DLT = "dlt[postgres]==1.31.0"
# `films.FIGURES` over the tables that dlt makes.
DLT_FIGURES = {
    "films": "select count(*) from tmdb.movie",
    "title_characters": "select coalesce(sum(length(title)), 0) from tmdb.movie",
    "revenue_usd": "select coalesce(sum(revenue), 0)::bigint from tmdb.movie",
    "companies": "select count(distinct id) from tmdb.movie__production_companies",
    "genre_links": "select count(*) from tmdb.movie__genres",
    "company_links": "select count(*) from tmdb.movie__production_companies",
    "country_links": "select count(*) from tmdb.movie__production_countries",
    "language_links": "select count(*) from tmdb.movie__spoken_languages",
    "facts": "select count(*) from tmdb.fact_movie_daily",
    "votes": "select coalesce(sum(vote_count), 0)::bigint from tmdb.fact_movie_daily",
    "popularity": "select round(sum(popularity)::numeric, 1)::float8 from tmdb.fact_movie_daily",
}
DLT_GENRES = """
select count(*) from tmdb.movie__genres as genre join tmdb.movie on movie._dlt_id = genre._dlt_parent_id
where movie.id = %(film)s
"""

# Rejected rows with the rule they broke, and removals.
REPORTED = """
select string_agg(distinct reason, '; ')
from (
    select table_name || ': ' || (jsonb_array_elements(reasons) ->> 'rule') as reason
    from rejected_row where snapshot_date = %(day)s
    union all
    select 'removed_date ' || removed_date from dim_movie where movie_id = %(film)s and removed_date = %(day)s
) as report
"""
# The columns that dlt adds for values of another type.
DLT_REPORTED = """
select string_agg('new column ' || table_name || '.' || column_name, ', ' order by table_name)
from information_schema.columns
where table_schema = 'tmdb' and column_name like '%%\\_\\_v\\_%%'
having %(film)s::int > 0 and %(day)s::date is not null
"""


@dataclass(frozen=True)
class Contender:
    """One way to load a day: its command and, in SQL, what its tables hold.

    `genres` counts the genres of %(film)s, `facts` the rows of %(day)s, `ratings` those of %(film)s on %(day)s with a
    mean rating over 10. `reported` is what the contender recorded about %(film)s on %(day)s.
    """

    name: str
    command: Callable[[str], list[str]]
    figures: Mapping[str, str]
    genres: str
    facts: str
    ratings: str
    reported: str

    @property
    def database(self) -> str:
        """Its database on the private server."""
        return self.name.replace("-", "_")


def contenders(dlt_python: Path) -> list[Contender]:
    """The hand-written script, dlt and the platform, in the order in which they run."""
    star = {
        "genres": "select count(*) from bridge_movie_genre where movie_id = %(film)s",
        "facts": "select count(*) from fact_movie_daily where date_id = %(day)s",
        "ratings": "select count(*) from fact_movie_daily where date_id = %(day)s and movie_id = %(film)s "
        "and vote_average > 10",
    }
    nothing = "select null where %(film)s::int is null and %(day)s is null"
    return [
        Contender("script", lambda day: [*FLOOR, "--day", day], FIGURES, reported=nothing, **star),
        Contender(
            "dlt",
            lambda day: [str(dlt_python), str(ROOT / "benchmarks" / "peers" / "dlt_pipeline.py"), "--day", day],
            DLT_FIGURES,
            genres=DLT_GENRES,
            facts=star["facts"].replace("from ", "from tmdb."),
            ratings=star["ratings"].replace("from ", "from tmdb."),
            reported=DLT_REPORTED,
        ),
        Contender(
            "tmdb-assets",
            lambda day: [sys.executable, "-m", "benchmarks.launch", "--today", day, "run"],
            FIGURES,
            reported=REPORTED,
            **star,
        ),
    ]


def make_dlt(folder: Path) -> Path:
    """Make an environment with dlt; return its Python. Raises `BenchmarkError` when dlt cannot be installed."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", DLT]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, env=os.environ, check=False)
    if done.returncode:
        raise BenchmarkError(f"dlt could not be installed; nothing was measured:\n{done.stderr[-2000:]}")
    return python

"""Run `tmdb-assets` as if today were another day, or only for some assets, as only a benchmark needs.

    python -m benchmarks.launch [--today 2026-01-31] [--assets raw_discover,raw_export] run

Everything else is as in the real command.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from functools import partial

from tmdb_assets import partitions
from tmdb_assets.cli.main import main as tmdb_assets


def main() -> None:
    """Change what "today" means and what a day's run materializes, then run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.launch", description="Run tmdb-assets on another day.")
    parser.add_argument("--today", type=dt.date.fromisoformat, help="the UTC date to use as today")
    parser.add_argument("--assets", default="", help="comma-separated names; default: all")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of tmdb-assets")
    given = parser.parse_args()
    if given.today:
        partitions.now = lambda: dt.datetime.combine(given.today, dt.datetime.now(dt.UTC).time(), dt.UTC)
    if given.assets:
        from tmdb_assets.cli import in_process

        in_process.run_day = partial(in_process.run_day, assets=given.assets.split(","))
    sys.argv = ["tmdb-assets", *given.arguments]
    tmdb_assets()


if __name__ == "__main__":
    main()

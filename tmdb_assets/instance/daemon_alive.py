"""Whether the daemon lives: `python -m tmdb_assets.instance.daemon_alive`, for health checks.

Exit code 1 if it does not. Dagster's own command, `dagster-daemon liveness-check`, imports Dagster, which costs
seconds, and takes a daemon for alive until 30 minutes after its last sign.
"""

from __future__ import annotations

import sys

import psycopg

from tmdb_assets.settings import get_settings
from tmdb_assets.warehouse.server.open import find_storage_url
from tmdb_assets.warehouse.server.urls import render_url

TOLERANCE_S = 300
"""Each of its threads gives a sign every 30 seconds; the daemon itself ends when one of them gives none."""
# Dagster's table, in UTC. The newest sign counts: a kind of thread that a former release had keeps its row.
AGE = "select extract(epoch from now() at time zone 'UTC' - max(timestamp)) from daemon_heartbeats"


def seconds_since_sign() -> float | None:
    """The seconds since the daemon's last heartbeat, None if there was none.

    Raises `psycopg.Error` if Dagster's database does not answer within 20 s, or is not made yet.
    """
    url = render_url(find_storage_url(get_settings()))
    with psycopg.connect(url, connect_timeout=20, options="-c statement_timeout=20s") as connection:
        row = connection.execute(AGE).fetchone()
    return None if row is None or row[0] is None else float(row[0])


def main() -> int:
    """Print what is wrong; return the exit code."""
    try:
        seconds = seconds_since_sign()
    except psycopg.Error as error:
        sys.stderr.write(f"The daemon's heartbeat cannot be read ({type(error).__name__})\n")
        return 1
    if seconds is None or seconds > TOLERANCE_S:
        last = "gave no heartbeat yet" if seconds is None else f"gave its last heartbeat {seconds:.0f} s ago"
        sys.stderr.write(f"The daemon {last}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

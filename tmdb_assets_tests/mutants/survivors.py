"""Mutants that may live, and why: each changes nothing that a test could see, or nothing that is promised."""

from __future__ import annotations

_SAME_ROWS = "Foreign keys, or a condition on the joined columns, leave the same rows."
REASONS: dict[str, str] = {
    "sql/views/vw_costars.sql: inner join -> left join": _SAME_ROWS,
    "sql/views/vw_director_ranking.sql: inner join -> left join in `inner join dim_person": _SAME_ROWS,
    "sql/views/vw_genre_popularity.sql: inner join -> left join": _SAME_ROWS,
    "tmdb_assets/warehouse/loading/merge.py: Gt -> GtE in `if bound.number > ANALYZE_FROM": "Only the plan differs.",
    "sql/functions/renew_totals.sql: > -> >= in `case when l.vote_count > 0": "Without votes there is no mean rating.",
    "sql/functions/renew_totals.sql: 100 -> 101 in `round(": "A hundred places are as good as one more.",
}
"""The name of a mutant, or its beginning -> the reason."""


def reason_for(name: str) -> str | None:
    """Why a mutant may live; None if it is to be killed."""
    return next((reason for start, reason in REASONS.items() if name.startswith(start)), None)

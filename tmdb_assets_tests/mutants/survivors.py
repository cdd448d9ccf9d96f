"""Mutants that may live, and why: each changes nothing that a test could see, or nothing that is promised."""

from __future__ import annotations

from tmdb_assets_tests.mutants.sql_survivors import SQL_REASONS

REASONS: dict[str, str] = {
    **SQL_REASONS,
    "tmdb_assets/warehouse/loading/merge.py: Gt -> GtE in `if bound.number > ANALYZE_FROM": "Only the plan differs.",
}
"""The name of a mutant, or its beginning -> the reason."""


def reason_for(name: str) -> str | None:
    """Why a mutant may live; None if it is to be killed."""
    return next((reason for start, reason in REASONS.items() if name.startswith(start)), None)

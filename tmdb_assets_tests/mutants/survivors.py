"""Mutants that may live, and why: each changes nothing that a test could see, or nothing that is promised."""

from __future__ import annotations

from tmdb_assets_tests.mutants.sql_survivors import SQL_REASONS

_CHECK = "tmdb_assets/checks/latest_state.py"
_CONTRACTS = "tmdb_assets/warehouse/loading/contracts.py"
_DUE = "tmdb_assets/warehouse/ledger/details_due.py"
_GAPS = "tmdb_assets/orchestration/gaps.py"
_LOAD = "tmdb_assets/warehouse/loading/load.py"
_MERGE = "tmdb_assets/warehouse/loading/merge.py"
_ONLY_THE_PLAN = "Whether a table is analyzed changes only the plan, not the rows."
_NEVER_NULL = "A count is never NULL, so the other number is never taken."
REASONS: dict[str, str] = {
    **SQL_REASONS,
    f"{_CHECK}: 1000 -> 1001 in `SAMPLED_FILMS": "A sample of 1,001 films is as good.",
    f"{_CHECK}: line 4: union all -> union": "A total's kind and code, and a rank, come once: no two rows are equal.",
    f"{_CHECK}: line 10: union all -> union": "A total's kind and code, and a rank, come once: no two rows are equal.",
    f"{_CHECK}: line 15: union all -> union": "The names are made distinct by the select around it.",
    f"{_CONTRACTS}: True -> False in `pairs = zip(": "Two columns of one frame have the same length.",
    f"{_DUE}: line 17: union all -> union": "The second part leaves out the films of the first: no row comes twice.",
    f"{_DUE}: line 2: distinct -> nothing in `select distinct u.movie_id": "The films are put into a set.",
    f"{_DUE}: 0 -> 1 in `return Removals(": _NEVER_NULL,
    f"{_DUE}: 0 -> 1 in `return int(connection.scalar(counted": _NEVER_NULL,
    f"{_GAPS}: return value -> None in `return False`": "None is as false as False to those who ask.",
    f"{_LOAD}: False -> True in `same = sa.literal(": "The driver sends a UUID and its text alike.",
    f"{_LOAD}: 1 -> 2 in `repeats[content] += 1": "Identical rows still get a number of their own each.",
    f"{_MERGE}: 10000 -> 10001 in `ANALYZE_FROM": _ONLY_THE_PLAN,
    f"{_MERGE}: 500 -> 501 in `ANALYZE_DAY_FROM": _ONLY_THE_PLAN,
    f"{_MERGE}: line 1: < -> <= in `select reltuples": _ONLY_THE_PLAN,
    f"{_MERGE}: line 1: 0 -> 1 in `select reltuples": _ONLY_THE_PLAN,
    f"{_MERGE}: Gt -> GtE in `if bound.number > ANALYZE_FROM": _ONLY_THE_PLAN,
    f"{_MERGE}: condition -> its opposite in `if bound.number > ANALYZE_FROM": _ONLY_THE_PLAN,
    f'{_MERGE}: statement -> pass in `connection.exec_driver_sql(f"analyze': _ONLY_THE_PLAN,
    f"{_MERGE}: 0 -> 1 in `number = day.toordinal()": "Any number that is no day's keeps two such loads apart.",
    f"{_MERGE}: return value -> None in `return int(connection.execute(sa.text(statement)).rowcount)": (
        "Without the plain insert the general merge, which follows, writes the same rows at a higher cost."
    ),
}
"""The name of a mutant, or its beginning -> the reason."""


def reason_for(name: str) -> str | None:
    """Why a mutant may live; None if it is to be killed."""
    return next((reason for start, reason in REASONS.items() if name.startswith(start)), None)

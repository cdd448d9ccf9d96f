"""The bounds of ingestion's figures with the default sizes."""

from __future__ import annotations

from collections.abc import Mapping

# Part, figure, and its bound with the default sizes on two cores.
LEAST = (("pace", "share_of_limit_percent", 97),)
MOST = (
    ("first-day", "wall_s", 32),
    ("first-day", "peak_mb", 500),
    ("pace", "refused", 0),
    ("people", "wall_ratio", 1.5),
    ("people", "peak_mb", 500),
    ("second-day", "wall_s", 45),
    ("second-day", "requests", 1350),
    ("history", "s_a_day", 120 / 90),
    ("history", "peak_mb", 500),
    ("catalogue", "overhead_percent", 2),
    ("catalogue", "peak_mb", 600),
)


def print_bounds(measured: Mapping[str, Mapping[str, float]]) -> bool:
    """Print whether each figure is within its bound for the default sizes; return whether all are."""
    verdicts = []
    for (part, name, bound), beyond in [*((each, "UNDER") for each in LEAST), *((each, "OVER") for each in MOST)]:
        if part in measured:
            found = measured[part][name]
            verdicts.append(found >= bound if beyond == "UNDER" else found <= bound)
            print(f"{part}, {name}: {found:.2f}, {'within' if verdicts[-1] else beyond} the bound of {bound:.4g}")
    return all(verdicts)

"""Verdicts on a day: pure functions from its measures to what is wrong, or None.

A day is compared with the median of the days before it, once there are `LEAST_DAYS` of them. Few films say nothing
about TMDb: shares of less than `LEAST_FILMS` are not judged.
"""

from __future__ import annotations

from tmdb_assets.settings.thresholds import Thresholds
from tmdb_assets.warehouse.loading.measures import LEAST_FILMS, LONG_DAYS, SHORT_DAYS, Measures

LEAST_DAYS = 3
SHOWN = 5  # subjects named in a text
SAME_ORDER = 0.8  # correlation of the logarithms from which on the films are still in the same order


def film_count(measures: Measures, limits: Thresholds) -> str | None:
    """The sources whose number of films is unusual."""
    found = []
    for source, usual in measures.short.get("films", {}).items():
        films = measures.get("films", source)
        # A past day has only its export; today's may not be published yet, which export_stored says.
        if usual.days < LEAST_DAYS or not films or usual.median < LEAST_FILMS:
            continue
        if abs(films / usual.median - 1) > limits.quality_film_count_change:
            found.append(
                f"{films:,.0f} films from {source}, {films / usual.median - 1:+.0%} against the median of "
                f"{usual.median:,.0f} on {usual.days} of the {SHORT_DAYS} days before"
            )
    return "; ".join(found) or None


def nulls(measures: Measures, limits: Thresholds) -> str | None:
    """The columns and bridges that lack more than usual."""
    if _films(measures) < LEAST_FILMS:
        return None
    risen = []
    for measure in ("null_share", "without_share"):
        usual = measures.long.get(measure, {})
        for subject, share in measures.of(measure).items():
            before = usual.get(subject)
            if before and before.days >= LEAST_DAYS and share - before.median > limits.quality_null_change:
                risen.append((share - before.median, f"{subject} {share:.0%} (usual {before.median:.0%})"))
    return _listed("the share of films without a value has risen: ", [text for _, text in sorted(risen, reverse=True)])


def empty(measures: Measures, limits: Thresholds) -> str | None:
    """The bridges that too many films have no row of."""
    if _films(measures) < LEAST_FILMS:
        return None
    needed = ("genre", "country", "company", "language", "cast", "crew")
    found = {name: measures.get("without_share", f"bridge_movie_{name}") for name in needed}
    many = [f"{name} {share:.0%}" for name, share in found.items() if share > limits.quality_empty_share]
    return _listed("films of which the details came have none of these: ", many)


def popularity(measures: Measures, limits: Thresholds) -> str | None:
    """A change of scale, or a drift of the quantiles."""
    ratio, factor = measures.get("change", "median ratio"), limits.quality_popularity_change
    if measures.get("change", "films") >= LEAST_FILMS and ratio > 0 and not 1 / factor <= ratio <= factor:
        if measures.get("change", "correlation") >= SAME_ORDER:
            return (
                f"TMDb has changed the scale of popularity: the films have kept their order, and the figures are "
                f"{ratio:.3g} times those of the loaded day before. Values "
                "before and after cannot be compared, ranks and shares can"
            )
        return (
            f"popularity is {ratio:.3g} times that of the loaded day before at the median, and the films have another "
            "order: it may measure something else"
        )
    moved = []
    for subject, value in measures.of("popularity").items():
        usual = measures.short.get("popularity", {}).get(subject)
        source, _, level = subject.partition(" ")
        if not usual or usual.days < LEAST_DAYS or not usual.median or measures.get("films", source) < LEAST_FILMS:
            continue
        if level in {"p50", "p90"} and not 1 / factor <= value / usual.median <= factor:
            moved.append(f"{subject} {value:.3g} (usual {usual.median:.3g})")
    return _listed("the distribution of popularity has drifted: ", moved)


def votes(measures: Measures, limits: Thresholds) -> str | None:
    """How many films lost votes, where they are too many."""
    return _too_many(
        measures.get("votes", "fallen"),
        measures.get("votes", "films"),
        limits.quality_fallen_votes_share,
        "{:,.0f} of {:,.0f} films have fewer votes than on the loaded day before",
    )


def export(measures: Measures, limits: Thresholds) -> str | None:
    """How many of discover's films the export lacks, where they are too many."""
    return _too_many(
        measures.get("export", "missing"),
        measures.get("export", "films"),
        limits.quality_export_share,
        "{:,.0f} of the {:,.0f} films that discover lists are not in the day's id export",
    )


def days(measures: Measures, _limits: Thresholds) -> str | None:
    """The days that are not loaded."""
    return _listed(f"of the {LONG_DAYS} days before, not loaded: ", sorted(measures.of("missing_day")))


def doubles(measures: Measures, limits: Thresholds) -> str | None:
    """How many films are like another, where they are too many."""
    return _too_many(
        measures.get("duplicates", "double"),
        measures.get("duplicates", "films"),
        limits.quality_duplicate_share,
        "{:,.0f} of {:,.0f} films have title and release date of another film",
    )


def money(measures: Measures, limits: Thresholds) -> str | None:
    """How many amounts are implausible, where they are too many."""
    return _too_many(
        measures.get("money", "implausible"),
        measures.get("money", "amounts"),
        limits.quality_money_share,
        "{:,.0f} of {:,.0f} budgets and revenues are below 1,000 US dollars, or above a billion (revenues: five)",
    )


def history(measures: Measures, _limits: Thresholds) -> str | None:
    """The films whose history is broken."""
    wrong = {
        "broken": "whose states overlap or have a hole between them",
        "without": "that have details and no state",
        "differing": "whose newest state is not what dim_movie says",
    }
    found = [
        f"{films:,.0f} films {wrong[name]}" for name, films in measures.of("history").items() if name in wrong and films
    ]
    return "; ".join(found) or None


def answers(measures: Measures, _limits: Thresholds) -> str | None:
    """The keys and codes that are new or have vanished."""
    return "; ".join(f"{what}: {', '.join(names[:SHOWN])}" for what, names in measures.drift() if names) or None


def _films(measures: Measures) -> float:
    return sum(measures.of("films").values())


def _too_many(found: float, whole: float, share: float, sentence: str) -> str | None:
    """The sentence with both numbers, where more than this share was found of a whole that is large enough."""
    return None if whole < LEAST_FILMS or found <= share * whole else sentence.format(found, whole)


def _listed(heading: str, names: list[str]) -> str | None:
    if not names:
        return None
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{heading}{', '.join(names[:SHOWN])}{more}"

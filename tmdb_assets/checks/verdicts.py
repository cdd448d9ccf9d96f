"""Verdicts on a day: pure functions from its measures to what is wrong, or None.

A day is compared with the median of the days before it, once there are `LEAST_DAYS` of them. Few films say nothing
about TMDb: shares of less than `LEAST_FILMS` are not judged.
"""

from __future__ import annotations

from tmdb_assets.settings.thresholds import Thresholds
from tmdb_assets.warehouse.loading.measures import LEAST_DAYS, LEAST_FILMS, LONG_DAYS, SHORT_DAYS, Answered, Measures

SHOWN = 5  # subjects named in a text
SAME_ORDER = 0.8  # correlation of the logarithms from which on the films are still in the same order
LEAST_ANSWERED = 10  # films that were answered, over one day or several
LEAST_SHARE = 0.05  # below which a share that few films have is not known
DEVIATIONS = 3  # standard deviations by which a share of few films differs by chance


def film_count(measures: Measures, limits: Thresholds) -> str | None:
    """The sources whose number of films is unusual.

    The export brings the known films that discover does not list. Their number grows with each day, so that their share
    is judged, where it falls. A past day has only its export; today's may be still to come, which export_stored says.
    """
    found = []
    films, usual = measures.get("films", "discover"), measures.short.get("films", {}).get("discover")
    if films and usual and usual.days >= LEAST_DAYS and usual.median >= LEAST_FILMS:
        change = films / usual.median - 1
        if abs(change) > limits.quality_film_count_change:
            found.append(
                f"{films:,.0f} films from discover, {change:+.0%} against the median of {usual.median:,.0f} on "
                f"{usual.days} of the {SHORT_DAYS} days before"
            )
    share, usual = measures.get("export", "share"), measures.short.get("export", {}).get("share")
    if share and usual and usual.days >= LEAST_DAYS and usual.median - share > limits.quality_film_count_change:
        found.append(
            f"{measures.get('films', 'export'):,.0f} films from export, {share:.0%} of the known films that discover "
            f"does not list (usual {usual.median:.0%})"
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
                risen.append((share - before.median, subject, f"{subject} {share:.0%} (usual {before.median:.0%})"))
    of_all = _listed(RISEN, [text for *_, text in sorted(risen, reverse=True)])
    known = {subject for _, subject, _ in risen}
    newest = [
        (rise, f"{subject} {text}")
        for subject, days in measures.answered.items()
        if subject not in known and days[0].day == measures.day
        for rise, text in _newly_lacking(days, limits.quality_null_change)
    ]
    of_newest = _listed(RISEN_OF_NEWEST, [text for _, text in sorted(newest, reverse=True)])
    return "; ".join(filter(None, (of_all, of_newest))) or None


RISEN = "the share of films without a value has risen: "
RISEN_OF_NEWEST = "of the films whose details came last, more than usual have no value: "


def _newly_lacking(days: list[Answered], allowed: float) -> list[tuple[float, str]]:
    """How much more often the films answered last lack a value than those before, if by more than chance.

    The day itself is judged, and with the days before it, until there are `LEAST_FILMS` films: of few films a share
    says little where many always lacked it. A day of many films, such as the first, counts as `LEAST_FILMS`.
    """
    films = lacking = 0.0
    for place, day in enumerate(days, start=1):
        if films >= LEAST_FILMS or len(days) - place < LEAST_DAYS:
            break
        films, lacking = films + day.films, lacking + day.lacking
        before = sum(min(each.films, LEAST_FILMS) for each in days[place:])
        usual = sum(min(each.films, LEAST_FILMS) * each.lacking / each.films for each in days[place:]) / before
        share, likely = lacking / films, min(max(usual, LEAST_SHARE), 1 - LEAST_SHARE)
        chance = DEVIATIONS * (likely * (1 - likely) * (1 / films + 1 / before)) ** 0.5
        if films >= LEAST_ANSWERED and share - usual > allowed + chance:
            return [(share - usual, f"{share:.0%} of {films:,.0f} (usual {usual:.0%})")]
    return []


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
    films, moving = measures.get("change", "popular"), measures.get("change", "moved")
    if films >= LEAST_FILMS and moving < limits.quality_moved_share * films:
        return (
            f"{films - moving:,.0f} of the {films:,.0f} most popular films have exactly the popularity of the loaded "
            "day before: TMDb has not computed it since, or an old answer was sent"
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
    """How many films lost votes, where they are too many for the days since they were counted."""
    return _too_many(
        measures.get("votes", "fallen"),
        measures.get("votes", "films"),
        limits.quality_fallen_votes_share * max(1, measures.get("change", "days")),
        "{:,.0f} of {:,.0f} films have fewer votes than on the loaded day before, by more than 1 and by more than 0.1%",
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

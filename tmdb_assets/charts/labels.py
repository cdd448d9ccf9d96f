"""Titles cut to a width, numbers as text, and sentences made of them. Imports neither pandas nor Altair."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tmdb_assets.language import day_text, localised, mark, percent, tr, trn

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

MISSING = "–"
JOINERS = "\u200c\u200d"
"""Devanagari and Persian need them; `to_text` drops every other format character."""
PERCENT_FLOOR = 5.0
"""A change is given in percent too where the figure before was at least this, the floor of `vw_trending_movies`."""
POPULARITY_MEANING = mark(
    "Popularity is TMDb's daily score of how much attention a film gets there, without unit; compare films and days by "
    "it, not with other sources."
)
_ELLIPSIS = "…"
_RIGHT_TO_LEFT = "\u202b"


def ellipsize(text: str, width: int) -> str:
    """Return `text`, cut to `width` columns with an ellipsis when it is wider.

    A column is the width of a Latin letter; a wide East Asian character takes two (Unicode Standard Annex 11).
    A character keeps its combining marks.
    """
    clusters = [(cluster, 2 if unicodedata.east_asian_width(cluster[0]) in "WF" else 1) for cluster in _clusters(text)]
    if sum(columns for _, columns in clusters) <= width:
        return text
    kept, used = "", 1
    for cluster, columns in clusters:
        used += columns
        if used > width:
            break
        kept += cluster
    return kept.rstrip() + _ELLIPSIS


def label_text(text: str, width: int) -> str:
    """Return `text` as a label of at most `width` columns that reads in its own direction."""
    directions = (unicodedata.bidirectional(char) for char in text)
    first = next((direction for direction in directions if direction in {"L", "R", "AL"}), "L")
    # A picture is drawn left to right: without this mark, a right-to-left text would begin with its ellipsis or full
    # stop. The mark comes first, so that a cut does not lose it.
    return ("" if first == "L" else _RIGHT_TO_LEFT) + ellipsize(text, width)


def name_labels(kind: str, number: float | None, name: str | None, width: int) -> dict[str, str]:
    """Return the `label` of a film or genre, and `label_without_font` for when no font can draw its script.

    `kind` ("Film", "Genre") and number replace a name that is missing or cannot be drawn.
    """
    shown = tr(kind)
    numbered = shown if number is None else f"{shown} {number:.0f}"  # in a column with unknown ids an id is a float
    nameless = tr("{film} (no title)", film=numbered) if kind == "Film" else tr("{one} (no name)", one=numbered)
    return {
        "label": label_text(name or nameless, width),
        "label_without_font": tr("{one} (no font)", one=numbered),
    }


def _clusters(text: str) -> Iterator[str]:
    cluster = ""
    for char in text:
        joins = unicodedata.category(char).startswith("M") or char in JOINERS or cluster.endswith("\u200d")
        if cluster and not joins:
            yield cluster
            cluster = ""
        cluster += char
    if cluster:
        yield cluster


def format_measure(value: float | None) -> str:
    """Return a measure like a popularity with one decimal ("1,234.5", "<0.1"), `MISSING` when unknown."""
    if value is None:
        return MISSING
    if 0 < value < 0.05:
        return localised("<0.1")
    return localised(f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.1f}")


def format_rating(value: float | None) -> str:
    """Return a rating from 0 to 10 with one decimal, `MISSING` when unknown."""
    return MISSING if value is None else localised(f"{value:.1f}")


def format_count(value: float | None, full_below: int = 1_000_000) -> str:
    """Return a count in full below a bound, then in short ("36.3K", "155K", "4.0B"), `MISSING` when unknown."""
    if value is None:
        return MISSING
    if abs(value) < full_below:
        return localised(f"{value:,.0f}")
    for unit, suffix in _UNITS:
        scaled = value / unit
        if abs(scaled) < 99.95:
            return tr(suffix, number=localised(f"{scaled:.1f}"))
        if abs(scaled) < 999.5:
            return tr(suffix, number=f"{scaled:.0f}")
    return f"{value:.1e}"


_UNITS = ((1e3, mark("{number}K")), (1e6, mark("{number}M")), (1e9, mark("{number}B")), (1e12, mark("{number}T")))


@dataclass(frozen=True)
class Moved:
    """A film's popularity a week before and now."""

    title: str
    before: float
    now: float


def percent_text(before: float, now: float) -> str:
    """A change in percent with its sign, "" where the figure before is below the floor."""
    if before < PERCENT_FLOOR:
        return ""
    return percent(f"{100 * (now - before) / before:+,.0f}".replace("-", "\N{MINUS SIGN}"))


def riser_sentence(film: Moved | None) -> str:
    """The film that rose most this week, in one sentence; "" where none did."""
    if film is None or film.now <= film.before:
        return ""
    return tr("{title} rose most this week: {change}.", title=film.title, change=change_text(film))


def change_text(film: Moved) -> str:
    """From what to what, and by how many percent where the figure before is above the floor."""
    change = tr("{before} to {now}", before=format_measure(film.before), now=format_measure(film.now))
    by = percent_text(film.before, film.now)
    return f"{change}, {by}" if by else change


ABOUT_TODAY = frozenset({"today_is_there"})
"""Checks that are about the day on which they run, not about the day that a run loads."""
CONTRACT = "contract"
"""The name of each table's check of its rows; as an error it says that a whole load was refused."""
ADVICE = " What to do: "
"""What stands before the remedy in the text of a failed check."""


OWN_WORDS = mark("What the checks found, in their own words:")
"""What stands before the texts of checks: they are stored in English, and the French of this says so."""


@dataclass(frozen=True)
class Verdict:
    """Whether a day can be trusted: `level` is good, care, bad or none."""

    level: str
    text: str


def quality_verdict(
    day: dt.date,
    checks: int,
    errors: Sequence[str],
    warnings: Sequence[str],
    *,
    is_loaded: bool,
    has_votes: bool = True,
) -> Verdict:
    """Whether a day can be trusted, in a sentence, and why not.

    `checks` is how many ran; `errors` and `warnings` are the texts of those that failed, the first reason first.
    `has_votes`: whether TMDb itself was requested that day, and not only its export.
    """
    about = {"day": day_text(day), "checks": checks}
    if errors:
        failed = trn(
            "Do not rely on {day}: {number} of {checks} checks found figures missing or wrong.",
            "Do not rely on {day}: {number} of {checks} checks found figures missing or wrong.",
            len(errors),
            **about,
            number=len(errors),
        )
        return Verdict("bad", f"{failed} {_first_sentence(errors[0])}")
    if not is_loaded:
        return Verdict("bad" if checks else "none", tr("{day} is not loaded: there are no figures of it.", **about))
    if not checks:
        return Verdict("none", tr("Nothing is known of the quality of {day}: no check has run.", **about))
    if warnings:
        votes = "" if has_votes else " " + tr("Popularity only: TMDb was not requested that day, so votes are missing.")
        warns = trn(
            "{day} can be used with care: {number} of {checks} checks warns.",
            "{day} can be used with care: {number} of {checks} checks warn.",
            len(warnings),
            **about,
            number=len(warnings),
        )
        return Verdict("care", f"{warns} {_first_sentence(warnings[0])}{votes}")
    return _all_passed(checks, about, has_votes=has_votes)


def _all_passed(checks: int, about: Mapping[str, object], *, has_votes: bool) -> Verdict:
    if has_votes:
        text = trn(
            "{day} can be trusted: all {checks} checks passed.",
            "{day} can be trusted: all {checks} checks passed.",
            checks,
            **about,
        )
        return Verdict("good", text)
    text = trn(
        "{day} can be used with care: popularity only. TMDb was not requested that day, so votes are missing. "
        "All {checks} checks passed.",
        "{day} can be used with care: popularity only. TMDb was not requested that day, so votes are missing. "
        "All {checks} checks passed.",
        checks,
        **about,
    )
    return Verdict("care", text)


def quality_in_short(checks: int, errors: int, warnings: int) -> str:
    """Whether a day can be trusted, in a few words without reasons; "" where no check has run."""
    if errors:
        return trn(
            "Do not rely on them: {number} of {checks} checks found figures missing or wrong.",
            "Do not rely on them: {number} of {checks} checks found figures missing or wrong.",
            errors,
            number=errors,
            checks=checks,
        )
    if warnings:
        return trn(
            "To be used with care: {number} of {checks} checks warns.",
            "To be used with care: {number} of {checks} checks warn.",
            warnings,
            number=warnings,
            checks=checks,
        )
    if not checks:
        return ""
    return trn(
        "All {checks} checks of the day passed.", "All {checks} checks of the day passed.", checks, checks=checks
    )


def _first_sentence(text: str) -> str:
    """The first sentence of what a check found; a full stop within a figure or a name ends none."""
    return f"{text.split('. ')[0].rstrip('.')}."

"""The parts of a page of quality, each as HTML. What comes from TMDb is untrusted: every text is escaped.

Bars are drawn with attributes of SVG, because the page's policy allows no style in an element.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape
from statistics import median

from tmdb_assets.charts.labels import ABOUT_TODAY, ADVICE, OWN_WORDS, Verdict, quality_verdict
from tmdb_assets.dashboard.quality_rows import DayDetails, DayInShort, Outcome, QualityRows
from tmdb_assets.dashboard.quality_tables import scrolling, table
from tmdb_assets.language import day_text, localised, mark, percent, tr, trn

CELLS = {"good": "✓", "care": "!", "bad": "✕", "none": "·"}
NAMES = {
    "good": mark("can be trusted"),
    "care": mark("with care"),
    "bad": mark("do not rely on it"),
    "none": mark("unknown"),
}
MOST_DAYS = 31
STEP, OF_THE_DAY = "run", "quality_measure"
AGES = (
    mark("0 to 6 days"),
    mark("7 to 13 days"),
    mark("14 to 29 days"),
    mark("30 to 59 days"),
    mark("60 days or more"),
)


def outcomes_of(rows: QualityRows, day: dt.date) -> list[Outcome]:
    """The results of a day's checks and steps, without those about today."""
    return [one for one in rows.outcomes.get(day, ()) if one.check not in ABOUT_TODAY]


def verdict_of(rows: QualityRows, day: dt.date) -> Verdict:
    """Whether a day can be trusted."""
    found = outcomes_of(rows, day)
    failed = [one for one in found if not one.is_passed]
    errors, warnings = ([_reason(one) for one in failed if one.severity == level] for level in ("error", "warn"))
    films = rows.films.get(day, (0, 0))
    return verdict_in_short(day, DayInShort(sum(map(is_judged, found)), errors, warnings, *films))


def verdict_in_short(day: dt.date, found: DayInShort) -> Verdict:
    """The same of a day of which no more than this is known."""
    return quality_verdict(
        day,
        found.checks,
        found.errors,
        found.warnings,
        is_loaded=found.discover + found.export > 0,
        has_votes=found.discover > 0,
    )


def is_judged(one: Outcome) -> bool:
    """Whether it counts as a check: a step that ended well is none."""
    return one.check != STEP or not one.is_passed


def _reason(one: Outcome) -> str:
    """What failed, with its table unless the check is about the whole day."""
    return one.text if one.asset == OF_THE_DAY else f"{one.asset}: {one.text}"


def findings(rows: QualityRows, day: dt.date) -> str:
    """What failed, the errors first: what was found, and what to do."""
    failed = [one for one in outcomes_of(rows, day) if not one.is_passed]
    if not failed:
        return f"<p>{escape(tr('Every check passed.'))}</p>"
    items = []
    for one in sorted(failed, key=lambda one: (one.severity, one.asset, one.check)):
        found, _, advice = one.text.partition(ADVICE)
        level = "bad" if one.severity == "error" else "care"
        items.append(
            f'<li class="{level}"><strong>{CELLS[level]} {escape(one.asset)}: {escape(_words(one.check))}</strong> '
            f"<span>{escape(found)}</span>"
            f"{f'<span><em>{escape(tr(_WHAT_TO_DO))}</em> {escape(advice)}</span>' if advice else ''}</li>"
        )
    return f'<p class="hint">{escape(tr(OWN_WORDS))}</p><ul class="findings">{"".join(items)}</ul>'


_WHAT_TO_DO = mark("What to do:")


def said_and_stored(details: DayDetails, films: tuple[int, int] | None) -> str:
    """What TMDb said there is, and what is stored."""
    lines: list[tuple[str, str, str, bool]] = []
    for kind, _, rows, pages, stored_pages, listed, known, complete in details.requests:
        if kind == "discover":
            if pages:
                lines.append((tr("Discover: pages"), _count(pages), _count(stored_pages), complete))
            stored = films[0] if films else 0
            said = _count(listed) if listed else tr("unknown")
            lines.append((tr("Discover: films"), said, _count(stored), complete))
        elif kind == "export":
            said = tr("unknown") if known is None else tr("{films} known films", films=_count(known))
            lines.append((tr("Id export: films"), said, tr("{films} in it", films=_count(rows)), complete))
        elif kind == "changes":
            lines.append((tr("List of changes"), tr("one"), tr("read") if complete else tr("not read"), complete))
        elif kind in {"genre", "country", "language"}:
            lines.append((tr("List: {kind}", kind=tr(kind)), _count(rows), _count(rows), complete))
    due, answered, missing = details.details
    if due:
        gone = tr(", {films} not found (404)", films=_count(missing)) if missing else ""
        said = tr("{films} answered", films=_count(answered)) + gone
        lines.append((tr("Details: films due"), _count(due), said, answered + missing >= due))
    if not lines:
        return f"<p>{escape(tr(_NOT_REQUESTED))}</p>"
    body = "".join(
        f'<tr><th scope="row">{escape(what)}</th><td>{escape(said)}</td><td>{escape(stored)}</td>'
        f'<td class="{"good" if ok else "care"}">{tr("✓ complete") if ok else tr("! not complete")}</td></tr>'
        for what, said, stored, ok in lines
    )
    return table(tr("What TMDb said and what is stored"), ("", mark("TMDb said"), mark("stored"), ""), body)


_NOT_REQUESTED = mark("TMDb was not requested for this day, or the record of it is gone.")


def heat_map(rows: QualityRows, days: Sequence[dt.date], linked: Iterable[dt.date]) -> str:
    """Checks by day: those that failed on a day of these, then all others, folded."""
    pages, by_check = set(linked), dict[tuple[str, str], dict[dt.date, Outcome]]()
    for day in days:
        for one in outcomes_of(rows, day):
            by_check.setdefault((one.asset, one.check), {})[day] = one
    failed = {key for key, found in by_check.items() if not all(one.is_passed for one in found.values())}
    head = "".join(f'<th scope="col"><abbr title="{day_text(day)}">{day.day}</abbr></th>' for day in days)
    whole = "".join(_day_cell(rows, day, is_linked=day in pages) for day in days)
    first = f'<tr class="whole"><th scope="row">{escape(tr("The day"))}</th>{whole}</tr>'
    shown = first + "".join(_check_row(key, by_check[key], days) for key in sorted(failed))
    rest = "".join(_check_row(key, found, days) for key, found in sorted(by_check.items()) if key not in failed)
    span = day_text(days[-1])
    if len(days) > 1:
        span = tr("{first} to {last}", first=day_text(days[0]), last=day_text(days[-1]))
    hint = tr("{days}, UTC. A mark in the first row opens the page of its day.", days=span)
    made = f'<p class="hint">{escape(hint)}</p>'
    made += scrolling(
        tr("Checks by day, {days}", days=span), f"<thead><tr><th></th>{head}</tr></thead><tbody>{shown}</tbody>"
    )
    others = len(by_check) - len(failed)
    if others:
        passed = trn(
            "{number} check or step that passed whenever it ran",
            "{number} checks and steps that passed whenever they ran",
            others,
            number=others,
        )
        made += (
            f"<details><summary>{escape(passed)}</summary>"
            + scrolling(tr("Passed"), f"<thead><tr><th></th>{head}</tr></thead><tbody>{rest}</tbody>")
            + "</details>"
        )
    return made


def _day_cell(rows: QualityRows, day: dt.date, *, is_linked: bool) -> str:
    verdict = verdict_of(rows, day)
    cell = CELLS[verdict.level]
    name = escape(tr("{day}: {verdict}", day=day_text(day), verdict=tr(NAMES[verdict.level])))
    text = f'<a href="{day}.html" aria-label="{name}">{cell}</a>' if is_linked else cell
    return f'<td class="{verdict.level}" title="{escape(verdict.text)}">{text}</td>'


def _check_row(key: tuple[str, str], found: dict[dt.date, Outcome], days: Sequence[dt.date]) -> str:
    cells = []
    for day in days:
        one = found.get(day)
        level = "none" if one is None else "good" if one.is_passed else "bad" if one.severity == "error" else "care"
        cells.append(f'<td class="{level}">{CELLS[level]}</td>')
    name = f"{key[0]}: {_words(key[1])}"
    return f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>'


def completeness(rows: QualityRows, day: dt.date) -> str:
    """The share of films with a value by column, next to what was usual on the days before."""
    today = rows.measures.get(day, {})
    before = [measures for other, measures in rows.measures.items() if day - dt.timedelta(days=30) <= other < day]
    body: list[str] = []
    full: list[str] = []
    for measure in ("null_share", "without_share"):
        for subject, share in sorted(today.get(measure, {}).items(), key=lambda item: (item[1], item[0])):
            usual = [1 - found[measure][subject] for found in before if subject in found.get(measure, {})]
            filled = 1 - share
            middle = _share(median(usual)) if usual else "–"
            low_to_high = {"low": _share(min(usual)), "high": _share(max(usual))} if usual else {}
            spread = tr("{low} to {high}", **low_to_high) if usual else "–"
            change = localised(f"{100 * (filled - median(usual)):+.1f}".replace("-", "−")) if usual else "–"
            (full if not share and not (usual and min(usual) < 1) else body).append(
                f'<tr><th scope="row">{escape(subject)}</th><td class="bars">{_bar(filled, usual)}</td>'
                f"<td>{_share(filled)}</td><td>{middle}</td><td>{spread}</td><td>{change}</td></tr>"
            )
    if not body and not full:
        return f"<p>{escape(tr(_NOT_MEASURED))}</p>"
    header = (mark("column or bridge"), "", mark("filled"), mark("usual"), mark("30 days"), mark("points"))
    hint = tr("Share of films with a value, against the median of the 30 days before (the mark).")
    made = f'<p class="hint">{escape(hint)}</p>'
    made += table(tr("Share of films with a value"), header, "".join(body)) if body else ""
    if full:
        folded = table(tr("Filled for every film"), header, "".join(full))
        summary = tr("{number} that every film has, on each of these days", number=len(full))
        made += f"<details><summary>{escape(summary)}</summary>{folded}</details>"
    return made


_NOT_MEASURED = mark("Not measured on this day.")


def _count(number: float) -> str:
    return localised(f"{number:,}")


def _share(share: float) -> str:
    return percent(f"{100 * share:.1f}")


def _bar(share: float, usual: Sequence[float]) -> str:
    """A bar for the share, and a mark at the median of the days before."""
    mark = f'<rect class="mark" x="{98 * median(usual):.1f}" y="0" width="2" height="14"/>' if usual else ""
    return (
        '<svg viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="all" width="100" height="14"/>'
        f'<rect class="share" y="2" width="{100 * share:.1f}" height="10"/>{mark}</svg>'
    )


def ages(rows: QualityRows, day: dt.date) -> str:
    """How old the details of the day's films are."""
    found = rows.measures.get(day, {}).get("details_age", {})
    if not found:
        return f"<p>{escape(tr(_NOT_MEASURED))}</p>"
    never = rows.measures[day].get("null_share", {}).get("dim_movie.details_date", 0.0)
    shares = [(name, found.get(name, 0.0)) for name in AGES] + [(mark("no details yet"), never)]
    body = "".join(
        f'<tr><th scope="row">{escape(tr(name))}</th><td class="bars">{_bar(share, ())}</td>'
        f"<td>{_share(share)}</td></tr>"
        for name, share in shares
    )
    return table(tr("Films by the age of their details"), (mark("age"), "", mark("films")), body)


def bounds(rows: QualityRows, day: dt.date) -> str:
    """Popularity's quantiles by source, against the median of the days before."""
    today = rows.measures.get(day, {}).get("popularity", {})
    before = [found for other, found in rows.measures.items() if day - dt.timedelta(days=14) <= other < day]
    body = []
    for subject, value in today.items():
        usual = [found["popularity"][subject] for found in before if subject in found.get("popularity", {})]
        middle = localised(f"{median(usual):,.2f}") if usual else "–"
        body.append(
            f'<tr><th scope="row">{escape(subject)}</th><td>{localised(f"{value:,.2f}")}</td><td>{middle}</td></tr>'
        )
    if not body:
        return f"<p>{escape(tr(_NOT_MEASURED))}</p>"
    header = ("", mark("that day"), mark("usual, 14 days"))
    return table(tr("Popularity: quantiles and the highest"), header, "".join(body))


def drifted(found: Sequence[tuple[str, list[str]]]) -> str:
    """New and vanished keys and codes."""
    lines = [(heading, names) for heading, names in found if names]
    if not lines:
        return f"<p>{escape(tr(_SAME_FORM))}</p>"
    body = "".join(
        f'<tr><th scope="row">{escape(heading.capitalize())}</th>'
        f'<td class="text">{escape(", ".join(names[:30]))}</td></tr>'
        for heading, names in lines
    )
    return table(tr("What changed in the form of TMDb's answers"), ("", mark("against the 30 days before")), body)


_SAME_FORM = mark("The answers have the keys and codes of the days before, or there is no day before to compare with.")


def _words(name: str) -> str:
    return name.replace("_", " ")

"""The parts of a page of quality, each as HTML. What comes from TMDb is untrusted: every text is escaped.

Bars are drawn with attributes of SVG, because the page's policy allows no style in an element.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape
from statistics import median

from tmdb_assets.charts.labels import Verdict, quality_verdict
from tmdb_assets.dashboard.quality_rows import ABOUT_TODAY, DayDetails, Outcome, QualityRows

CELLS = {"good": "✓", "care": "!", "bad": "✕", "none": "·"}
NAMES = {"good": "can be trusted", "care": "with care", "bad": "do not rely on it", "none": "unknown"}
MOST_DAYS = 31
TEXT, TEXTS = ' class="text"', {"rule", "examples", "against the 30 days before"}
ADVICE = " What to do: "
STEP, OF_THE_DAY = "run", "quality_measure"
AGES = ("0 to 6 days", "7 to 13 days", "14 to 29 days", "30 to 59 days", "60 days or more")


def outcomes_of(rows: QualityRows, day: dt.date) -> list[Outcome]:
    """The results of a day's checks and steps, without those about today."""
    return [one for one in rows.outcomes.get(day, ()) if one.check not in ABOUT_TODAY]


def verdict_of(rows: QualityRows, day: dt.date) -> Verdict:
    """Whether a day can be trusted."""
    found = outcomes_of(rows, day)
    failed = [one for one in found if not one.is_passed]
    texts = {level: [_reason(one) for one in failed if one.severity == level] for level in ("error", "warn")}
    checks = sum(map(is_judged, found))
    films = rows.films.get(day)
    return quality_verdict(
        day, checks, texts["error"], texts["warn"], is_loaded=films is not None, has_votes=bool(films and films[0])
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
        return "<p>Every check passed.</p>"
    items = []
    for one in sorted(failed, key=lambda one: (one.severity, one.asset, one.check)):
        found, _, advice = one.text.partition(ADVICE)
        level = "bad" if one.severity == "error" else "care"
        items.append(
            f'<li class="{level}"><strong>{CELLS[level]} {escape(one.asset)}: {escape(_words(one.check))}</strong> '
            f"<span>{escape(found)}</span>"
            f"{f'<span><em>What to do:</em> {escape(advice)}</span>' if advice else ''}</li>"
        )
    return f'<ul class="findings">{"".join(items)}</ul>'


def said_and_stored(details: DayDetails, films: tuple[int, int] | None) -> str:
    """What TMDb said there is, and what is stored."""
    lines: list[tuple[str, str, str, bool]] = []
    for kind, _, rows, pages, stored_pages, listed, known, complete in details.requests:
        if kind == "discover":
            if pages:
                lines.append(("Discover: pages", f"{pages:,}", f"{stored_pages:,}", complete))
            stored = films[0] if films else 0
            lines.append(("Discover: films", f"{listed:,}" if listed else "unknown", f"{stored:,}", complete))
        elif kind == "export":
            said = f"{known:,} known films" if known is not None else "unknown"
            lines.append(("Id export: films", said, f"{rows:,} in it", complete))
        elif kind == "changes":
            lines.append(("List of changes", "one", "read" if complete else "not read", complete))
        elif kind in {"genre", "country", "language"}:
            lines.append((f"List: {kind}", f"{rows:,}", f"{rows:,}", complete))
    due, answered, missing = details.details
    if due:
        gone = f", {missing:,} not found (404)" if missing else ""
        lines.append(("Details: films due", f"{due:,}", f"{answered:,} answered{gone}", answered + missing >= due))
    if not lines:
        return "<p>TMDb was not requested for this day, or the record of it is gone.</p>"
    body = "".join(
        f'<tr><th scope="row">{escape(what)}</th><td>{escape(said)}</td><td>{escape(stored)}</td>'
        f'<td class="{"good" if ok else "care"}">{"✓ complete" if ok else "! not complete"}</td></tr>'
        for what, said, stored, ok in lines
    )
    return _table("What TMDb said and what is stored", ("", "TMDb said", "stored", ""), body)


def heat_map(rows: QualityRows, days: Sequence[dt.date], linked: Iterable[dt.date]) -> str:
    """Checks by day: those that failed on a day of these, then all others, folded."""
    pages, by_check = set(linked), dict[tuple[str, str], dict[dt.date, Outcome]]()
    for day in days:
        for one in outcomes_of(rows, day):
            by_check.setdefault((one.asset, one.check), {})[day] = one
    failed = {key for key, found in by_check.items() if not all(one.is_passed for one in found.values())}
    head = "".join(f'<th scope="col"><abbr title="{day}">{day.day}</abbr></th>' for day in days)
    whole = "".join(_day_cell(rows, day, is_linked=day in pages) for day in days)
    first = f'<tr class="whole"><th scope="row">The day</th>{whole}</tr>'
    shown = first + "".join(_check_row(key, by_check[key], days) for key in sorted(failed))
    rest = "".join(_check_row(key, found, days) for key, found in sorted(by_check.items()) if key not in failed)
    span = f"{days[0]} to {days[-1]}" if len(days) > 1 else f"{days[0]}"
    made = f'<p class="hint">{span}, UTC. A mark in the first row opens the page of its day.</p>'
    made += _scrolling(f"Checks by day, {span}", f"<thead><tr><th></th>{head}</tr></thead><tbody>{shown}</tbody>")
    others = len(by_check) - len(failed)
    if others:
        made += (
            f"<details><summary>{others} checks and steps that passed whenever they ran</summary>"
            + _scrolling("Passed", f"<thead><tr><th></th>{head}</tr></thead><tbody>{rest}</tbody>")
            + "</details>"
        )
    return made


def _day_cell(rows: QualityRows, day: dt.date, *, is_linked: bool) -> str:
    verdict = verdict_of(rows, day)
    mark = CELLS[verdict.level]
    text = f'<a href="{day}.html" aria-label="{day}: {NAMES[verdict.level]}">{mark}</a>' if is_linked else mark
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
            middle = f"{median(usual):.1%}" if usual else "–"
            spread = f"{min(usual):.1%} to {max(usual):.1%}" if usual else "–"
            change = f"{100 * (filled - median(usual)):+.1f}".replace("-", "−") if usual else "–"
            (full if not share and not (usual and min(usual) < 1) else body).append(
                f'<tr><th scope="row">{escape(subject)}</th><td class="bars">{_bar(filled, usual)}</td>'
                f"<td>{filled:.1%}</td><td>{middle}</td><td>{spread}</td><td>{change}</td></tr>"
            )
    if not body and not full:
        return "<p>Not measured on this day.</p>"
    header = ("column or bridge", "", "filled", "usual", "30 days", "points")
    made = '<p class="hint">Share of films with a value, against the median of the 30 days before (the mark).</p>'
    made += _table("Share of films with a value", header, "".join(body)) if body else ""
    if full:
        folded = _table("Filled for every film", header, "".join(full))
        made += f"<details><summary>{len(full)} that every film has, on each of these days</summary>{folded}</details>"
    return made


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
        return "<p>Not measured on this day.</p>"
    never = rows.measures[day].get("null_share", {}).get("dim_movie.details_date", 0.0)
    shares = [(name, found.get(name, 0.0)) for name in AGES] + [("no details yet", never)]
    body = "".join(
        f'<tr><th scope="row">{name}</th><td class="bars">{_bar(share, ())}</td><td>{share:.1%}</td></tr>'
        for name, share in shares
    )
    return _table("Films by the age of their details", ("age", "", "films"), body)


def bounds(rows: QualityRows, day: dt.date) -> str:
    """Popularity's quantiles by source, against the median of the days before."""
    today = rows.measures.get(day, {}).get("popularity", {})
    before = [found for other, found in rows.measures.items() if day - dt.timedelta(days=14) <= other < day]
    body = []
    for subject, value in today.items():
        usual = [found["popularity"][subject] for found in before if subject in found.get("popularity", {})]
        middle = f"{median(usual):,.2f}" if usual else "–"
        body.append(f'<tr><th scope="row">{escape(subject)}</th><td>{value:,.2f}</td><td>{middle}</td></tr>')
    if not body:
        return "<p>Not measured on this day.</p>"
    return _table("Popularity: quantiles and the highest", ("", "that day", "usual, 14 days"), "".join(body))


def drifted(found: Sequence[tuple[str, list[str]]]) -> str:
    """New and vanished keys and codes."""
    lines = [(heading, names) for heading, names in found if names]
    if not lines:
        return (
            "<p>The answers have the keys and codes of the days before, or there is no day before to compare with.</p>"
        )
    body = "".join(
        f'<tr><th scope="row">{escape(heading.capitalize())}</th>'
        f'<td class="text">{escape(", ".join(names[:30]))}</td></tr>'
        for heading, names in lines
    )
    return _table("What changed in the form of TMDb's answers", ("", "against the 30 days before"), body)


def rejected(details: DayDetails) -> str:
    """Rejected rows by table and rule, with examples."""
    if not details.rejected:
        return "<p>No row was rejected.</p>"
    body = "".join(
        f'<tr><th scope="row">{escape(table)}</th><td class="text">{escape(rule)}</td><td>{number:,}</td>'
        f'<td class="text">{escape("; ".join(examples))}</td></tr>'
        for table, rule, number, examples in details.rejected
    )
    return _table("Rows that broke their contract", ("table", "rule", "rows", "examples"), body) + (
        "<p class='hint'>To list them and, after a fix, to load them again: <code>tmdb-assets rejected</code></p>"
    )


def _words(name: str) -> str:
    return name.replace("_", " ")


def _table(caption: str, header: Sequence[str], body: str) -> str:
    head = "".join(
        f'<th scope="col"{TEXT if name in TEXTS or not place else ""}>{escape(name)}</th>' if name else "<td></td>"
        for place, name in enumerate(header)
    )
    return _scrolling(caption, f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>")


def _scrolling(caption: str, content: str) -> str:
    """A table that scrolls sideways where it is wider than the page, also by keyboard."""
    name = escape(caption)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{name}">'
        f'<table><caption class="unseen">{name}</caption>{content}</table></div>'
    )

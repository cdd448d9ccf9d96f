"""The pages of quality: one self-contained HTML file a day, and an index of the days that have one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from html import escape
from string import Template

import orjson

from tmdb_assets.charts.labels import quality_verdict
from tmdb_assets.charts.theme import NO_DATA, NO_DATA_ADVICE, SAMPLE_MARK
from tmdb_assets.dashboard import quality_parts as parts
from tmdb_assets.dashboard.build import policy, read_part
from tmdb_assets.dashboard.colours import DARK, LIGHT, css_variables
from tmdb_assets.dashboard.quality_pictures import draw_pictures
from tmdb_assets.dashboard.quality_rows import DayDetails, QualityRows
from tmdb_assets.settings import ATTRIBUTION

COMPARED = (
    *("null_share", "without_share", "popularity", "change", "votes", "export", "duplicates", "money"),
    *("details_age", "status", "missing_day"),
)
SHARES = {"null_share", "without_share", "details_age"}


def build_pages(
    rows: QualityRows, days: Sequence[dt.date], linked: Sequence[dt.date], *, source: str, is_sample: bool
) -> dict[str, bytes]:
    """The files of these days and the index, by name. `linked` are all days that will have a page."""
    window = _window(rows, max(days, default=None))
    pictures = draw_pictures(rows, window, is_sample=is_sample) if window else ""
    made = {f"{day}.html": _page(rows, day, linked, pictures, source, is_sample=is_sample) for day in days}
    return made | {"index.html": _index(rows, linked, source, is_sample=is_sample)}


def _window(rows: QualityRows, last: dt.date | None) -> list[dt.date]:
    """The days that a page of `last` shows: up to 31, from the first of which anything is known."""
    if last is None:
        return []
    days = [last - dt.timedelta(days=ago) for ago in reversed(range(parts.MOST_DAYS))]
    known = [day for day in days if day in rows.films or day in rows.outcomes]
    return [day for day in days if day >= known[0]] if known else []


def _page(
    rows: QualityRows, day: dt.date, linked: Sequence[dt.date], pictures: str, source: str, *, is_sample: bool
) -> bytes:
    verdict, details = parts.verdict_of(rows, day), rows.details.get(day, DayDetails())
    films, checks = rows.films.get(day), [one for one in parts.outcomes_of(rows, day) if parts.is_judged(one)]
    others = [other for other in linked if other != day]
    earlier, later = (
        max((d for d in others if d < day), default=None),
        min((d for d in others if d > day), default=None),
    )
    sections = [
        ("What was found, and what to do", parts.findings(rows, day)),
        ("What TMDb said and what is stored", parts.said_and_stored(details, films)),
        ("Checks by day", parts.heat_map(rows, _window(rows, day) or [day], linked)),
        ("Completeness", parts.completeness(rows, day)),
        ("Compared with another day", Template(read_part("compare.html")).substitute(data=_compared(rows, day))),
        ("Distributions", parts.bounds(rows, day) + f'<div class="pictures">{pictures}</div>'),
        ("Freshness of details", parts.ages(rows, day)),
        ("Form of TMDb's answers", parts.drifted(rows.drift.get(day, ()))),
        ("Rejected rows", parts.rejected(details)),
    ]
    failed = [one for one in checks if not one.is_passed]
    tiles = [
        ("Films", f"{sum(films):,}" if films else "none"),
        ("From discover", f"{films[0]:,}" if films else "none"),
        ("Checks passed", f"{len(checks) - len(failed)} of {len(checks)}"),
        ("Requests", f"{sum(line[1] for line in details.requests):,}"),
        ("Rows rejected", f"{sum(line[2] for line in details.rejected):,}"),
    ]
    main = f'<p class="verdict {verdict.level}"><span aria-hidden="true">{parts.CELLS[verdict.level]}</span> '
    main += f'<strong dir="auto">{escape(verdict.text)}</strong></p>'
    links = f'<a href="index.html">All days</a>{_link(earlier, "before")}{_link(later, "after")}'
    main += f'<nav aria-label="Days">{links}</nav>'
    figures = "".join(f"<div><dt>{name}</dt><dd>{shown}</dd></div>" for name, shown in tiles)
    main += f'<dl id="key-figures">{figures}</dl>'
    main += "".join(
        f'<section class="panel" aria-labelledby="part-{number}"><h2 id="part-{number}">{title}</h2>{content}</section>'
        for number, (title, content) in enumerate(sections)
    )
    script, version = read_part("quality.js"), rows.versions.get(day, "")
    return _file(f"Quality of {day}", main, source, is_sample=is_sample, script=script, version=version)


def _link(day: dt.date | None, which: str) -> str:
    return f'<a href="{day}.html">{day}, the day {which}</a>' if day else ""


def _index(rows: QualityRows, linked: Sequence[dt.date], source: str, *, is_sample: bool) -> bytes:
    body = []
    for day in sorted(linked, reverse=True):
        checks, errors, warnings = rows.past.get(day, (0, 0, 0))
        films = rows.films.get(day)
        if day in rows.outcomes:
            verdict = parts.verdict_of(rows, day)
        else:
            verdict = quality_verdict(
                day, checks, ["Open it to see them."] * errors, ["Open it."] * warnings, is_loaded=True
            )
        number = f"{sum(films):,}" if films else "–"
        body.append(
            f'<tr><th scope="row"><a href="{day}.html">{day}</a></th><td class="{verdict.level}">'
            f"{parts.CELLS[verdict.level]} {parts.NAMES[verdict.level]}</td><td>{number}</td>"
            f'<td class="text" dir="auto">{escape(verdict.text)}</td></tr>'
        )
    if not body:
        main = f'<div class="no-data"><h2>{escape(NO_DATA)}</h2><p>{escape(NO_DATA_ADVICE)}</p></div>'
    else:
        head = '<th scope="col" class="text">day</th><th scope="col">verdict</th><th scope="col">films</th>'
        head += '<th scope="col" class="text">why</th>'
        main = (
            '<section class="panel days"><div class="wide" tabindex="0" role="region" aria-label="Days"><table>'
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div></section>"
        )
    return _file("Quality of each day", main, source, is_sample=is_sample)


def _file(title: str, main: str, source: str, *, is_sample: bool, script: str = "", version: str = "") -> bytes:
    style = Template(read_part("page.css") + read_part("quality.css")).substitute(
        light=css_variables(LIGHT), dark=css_variables(DARK)
    )
    page = Template(read_part("quality.html")).substitute(
        title=escape(title),
        policy=policy(script, style),
        style=style,
        version=version,
        sample_mark=f'<p class="sample-mark">{escape(SAMPLE_MARK)}</p>' if is_sample else "",
        main=main,
        source=escape(source),
        attribution=escape(ATTRIBUTION),
        script=f'<script type="module">{script}</script>' if script else "",
    )
    return page.encode()


def _compared(rows: QualityRows, day: dt.date) -> str:
    """The measures of the day and of the others, for the page's script, as JSON that cannot end its element."""
    days = sorted((other for other in rows.measures if abs((other - day).days) < parts.MOST_DAYS), reverse=True)
    subjects = sorted({(m, s) for other in days for m in COMPARED for s in rows.measures[other].get(m, {})})
    lines = [
        [
            f"{measure.replace('_', ' ')}: {subject}",
            measure in SHARES,
            [_rounded(rows.measures[other].get(measure, {}).get(subject)) for other in days],
        ]
        for measure, subject in subjects
    ]
    data = {"day": str(day), "days": list(map(str, days)), "lines": lines}
    return orjson.dumps(data).decode().replace("<", "\\u003c")


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")

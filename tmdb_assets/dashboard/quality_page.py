"""The pages of quality: one self-contained HTML file a day, and an index of the days that have one."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from string import Template
from typing import Any

import orjson

from tmdb_assets.charts.labels import CONTRACT, format_count
from tmdb_assets.charts.theme import NO_DATA, NO_DATA_ADVICE, SAMPLE_MARK
from tmdb_assets.dashboard import quality_parts as parts
from tmdb_assets.dashboard.build import head, policy, read_part, scripts
from tmdb_assets.dashboard.colours import DARK, LIGHT, css_variables
from tmdb_assets.dashboard.quality_pictures import draw_pictures
from tmdb_assets.dashboard.quality_rows import DayDetails, DayInShort, QualityRows
from tmdb_assets.dashboard.quality_tables import rejected
from tmdb_assets.dashboard.texts import Texts
from tmdb_assets.language import Language, day_text, tr, use
from tmdb_assets.language.extract import translate_html
from tmdb_assets.settings import ATTRIBUTION

COMPARED = (
    *("null_share", "without_share", "popularity", "change", "votes", "export", "duplicates", "money"),
    *("details_age", "status", "missing_day"),
)
MOST_SUBJECTS = 200  # of a measure, those of most days: each day may have other ones, where answers are hostile
SHARES = {"null_share", "without_share", "details_age"}


def build_pages(
    rows: QualityRows,
    days: Sequence[dt.date],
    linked: Sequence[dt.date],
    *,
    source: str,
    is_sample: bool,
    language: Language = "en",
) -> dict[str, bytes]:
    """The files of these days and the index, by name. `linked` are all days that will have a page.

    They are written in `language`, and their reader can switch to the other one; pictures are drawn once.
    """
    window = _window(rows, max(days, default=None))
    with use(language):
        pictures = draw_pictures(rows, window, is_sample=is_sample) if window else ""
    about: dict[str, Any] = {"source": source, "is_sample": is_sample, "language": language}
    made = {
        f"{day}.html": _file(
            partial(_title, day),
            partial(_page, rows, day, linked, pictures),
            script=read_part("quality.js"),
            version=rows.versions.get(day, ""),
            **about,
        )
        for day in days
    }
    index = _file(lambda: tr("Quality of each day"), lambda: _index(rows, linked), script="", version="", **about)
    return made | {"index.html": index}


def _title(day: dt.date) -> str:
    return tr("Quality of {day}", day=day_text(day))


def _window(rows: QualityRows, last: dt.date | None) -> list[dt.date]:
    """The days that a page of `last` shows: up to 31, from the first of which anything is known."""
    if last is None:
        return []
    days = [last - dt.timedelta(days=ago) for ago in reversed(range(parts.MOST_DAYS))]
    known = [day for day in days if day in rows.films or day in rows.outcomes]
    return [day for day in days if day >= known[0]] if known else []


def _page(rows: QualityRows, day: dt.date, linked: Sequence[dt.date], pictures: str) -> str:
    verdict, details = parts.verdict_of(rows, day), rows.details.get(day, DayDetails())
    films, checks = rows.films.get(day), [one for one in parts.outcomes_of(rows, day) if parts.is_judged(one)]
    others = [other for other in linked if other != day]
    earlier, later = (
        max((d for d in others if d < day), default=None),
        min((d for d in others if d > day), default=None),
    )
    failed = [one for one in checks if not one.is_passed]
    # A view whose key is not unique fails a check of that name too; it refuses no load.
    refused = [one for one in failed if one.check == CONTRACT and one.severity == "error"]
    is_refused = any(not one.asset.startswith("vw_") for one in refused)
    rejected_rows = format_count(details.rejected_rows)
    if is_refused and not details.rejected_rows:
        rejected_rows = tr("a whole load")
    sections = [
        (tr("What was found, and what to do"), parts.findings(rows, day)),
        (tr("What TMDb said and what is stored"), parts.said_and_stored(details, films)),
        (tr("Checks by day"), parts.heat_map(rows, _window(rows, day) or [day], linked)),
        (tr("Completeness"), parts.completeness(rows, day)),
        (tr("Compared with another day"), _comparison(rows, day)),
        (tr("Distributions"), parts.bounds(rows, day) + f'<div class="pictures">{pictures}</div>'),
        (tr("Freshness of details"), parts.ages(rows, day)),
        (tr("Form of TMDb's answers"), parts.drifted(rows.drift.get(day, ()))),
        (tr("Rejected rows"), rejected(details, is_refused=is_refused)),
    ]
    tiles = [
        (tr("Films"), format_count(sum(films)) if films else tr("none")),
        (tr("From discover"), format_count(films[0]) if films else tr("none")),
        (tr("Checks passed"), tr("{number} of {all}", number=len(checks) - len(failed), all=len(checks))),
        (tr("Requests"), format_count(sum(line[1] for line in details.requests))),
        (tr("Rows rejected"), rejected_rows),
    ]
    main = f'<p class="verdict {verdict.level}"><span aria-hidden="true">{parts.CELLS[verdict.level]}</span> '
    main += f'<strong dir="auto">{escape(verdict.text)}</strong></p>'
    links = _link(earlier, tr("the day before")) + _link(later, tr("the day after"))
    main += f'<nav aria-label="{tr("Days")}"><a href="index.html">{tr("All days")}</a>{links}</nav>'
    figures = "".join(f"<div><dt>{escape(name)}</dt><dd>{shown}</dd></div>" for name, shown in tiles)
    main += f'<dl id="key-figures">{figures}</dl>'
    return main + "".join(
        f'<section class="panel" aria-labelledby="part-{number}">'
        f'<h2 id="part-{number}">{escape(title)}</h2>{content}</section>'
        for number, (title, content) in enumerate(sections)
    )


def _comparison(rows: QualityRows, day: dt.date) -> str:
    page = translate_html(read_part("compare.html"), lambda text: escape(tr(text)))
    return Template(page).substitute(data=_compared(rows, day))


def _link(day: dt.date | None, which: str) -> str:
    return f'<a href="{day}.html">{day_text(day)}, {which}</a>' if day else ""


def _index(rows: QualityRows, linked: Sequence[dt.date]) -> str:
    body = []
    for day in sorted(linked, reverse=True):
        found = rows.past.get(day, DayInShort(0, [], [], 0, 0))
        verdict = parts.verdict_in_short(day, found)
        films = found.discover + found.export
        number = format_count(films) if films else "–"
        body.append(
            f'<tr><th scope="row"><a href="{day}.html">{day_text(day)}</a></th><td class="{verdict.level}">'
            f"{parts.CELLS[verdict.level]} {escape(tr(parts.NAMES[verdict.level]))}</td><td>{number}</td>"
            f'<td class="text" dir="auto">{escape(verdict.text)}</td></tr>'
        )
    if not body:
        return f'<div class="no-data"><h2>{escape(tr(NO_DATA))}</h2><p>{escape(tr(NO_DATA_ADVICE))}</p></div>'
    head = f'<th scope="col" class="text">{tr("day")}</th><th scope="col">{tr("verdict")}</th>'
    head += f'<th scope="col">{tr("films")}</th><th scope="col" class="text">{tr("why")}</th>'
    return (
        f'<section class="panel days"><div class="wide" tabindex="0" role="region" aria-label="{tr("Days")}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div></section>"
    )


def _file(
    title: Callable[[], str],
    main: Callable[[], str],
    *,
    source: str,
    is_sample: bool,
    language: Language,
    script: str,
    version: str,
) -> bytes:
    texts = Texts(language)
    script = f"{read_part('language.js')}\n{script}"
    shown = texts.made(lambda: {"title": title(), "source": tr("Source: {source}", source=tr(source))})
    style = Template(read_part("page.css") + read_part("quality.css")).substitute(
        light=css_variables(LIGHT), dark=css_variables(DARK)
    )
    page = Template(texts.translated(read_part("quality.html"))).substitute(
        shown,
        head=head(shown["title"], language, policy(script, style), style, version),
        sample_mark=f'<p class="sample-mark">{texts(SAMPLE_MARK)}</p>' if is_sample else "",
        main=texts.rendered(main),
        attribution=escape(ATTRIBUTION),
        script=scripts(script, texts),
    )
    return page.encode()


def _compared(rows: QualityRows, day: dt.date) -> str:
    """The measures of the day and of the others, for the page's script, as JSON that cannot end its element."""
    days = sorted((other for other in rows.measures if abs((other - day).days) < parts.MOST_DAYS), reverse=True)
    subjects: list[tuple[str, str]] = []
    for measure in COMPARED:
        counted = Counter(subject for other in days for subject in rows.measures[other].get(measure, {}))
        subjects += sorted((measure, subject) for subject, _ in counted.most_common(MOST_SUBJECTS))
    lines = [
        [
            f"{measure.replace('_', ' ')}: {subject}",
            measure in SHARES,
            [_rounded(rows.measures[other].get(measure, {}).get(subject)) for other in days],
        ]
        for measure, subject in sorted(subjects)
    ]
    data = {"day": str(day), "days": list(map(str, days)), "lines": lines}
    return orjson.dumps(data).decode().replace("<", "\\u003c")


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.5g}")

"""The page itself: data, script and style in one file that loads nothing from the network."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

import orjson

from tmdb_assets.charts.labels import POPULARITY_MEANING, format_count, riser_sentence
from tmdb_assets.charts.theme import NO_DATA, NO_DATA_ADVICE, SAMPLE_MARK, Page
from tmdb_assets.dashboard.colours import DARK, LIGHT, MAX_CURVES, css_variables
from tmdb_assets.dashboard.history import FLOOR, STEP, encode, pack, quantise
from tmdb_assets.dashboard.page_data import PLACES, WEEK, Figures, details_data, figures_of, matrix, page_data, riser_of
from tmdb_assets.dashboard.texts import Texts
from tmdb_assets.language import Language, day_text, localised, mark, percent, tr, trn
from tmdb_assets.settings import ATTRIBUTION

if TYPE_CHECKING:
    import datetime as dt

    from tmdb_assets.dashboard.page_rows import PageRows

TITLE = mark("Films by popularity")
FILM_ADDRESS = "https://www.themoviedb.org/movie/"
# Concatenated in this order into one script: each file uses what earlier ones define.
SCRIPTS = (
    "language.js",
    "data.js",
    "state.js",
    "selection.js",
    "elements.js",
    "curves.js",
    "tools.js",
    "panels.js",
    "film.js",
    "dialog.js",
    "page.js",
)
POSTER_HOST = "https://image.tmdb.org"


def build_page_of(
    rows: PageRows, *, source: str, is_sample: bool, quality: str | None = None, language: Language = "en"
) -> tuple[bytes, dict[str, int]]:
    """The page of these rows as the content of its file, and its numbers of films and days."""
    figures = figures_of(rows)
    page = build_page(figures, source=source, is_sample=is_sample, quality=quality, language=language).encode()
    return page, {"films": len(figures.films), "days": len(figures.days)}


def build_page(
    figures: Figures, *, source: str, is_sample: bool, quality: str | None = None, language: Language = "en"
) -> str:
    """Return the page as HTML. `source` says where the figures come from; `is_sample` puts the SAMPLE mark on top.

    `quality` is the address of the pages on the quality of each day, relative to this one. The page is written in
    `language`, and holds the texts of the other one, to which its reader can switch.

    Titles and names are untrusted: they are embedded compressed, in base64, and set as text, never as HTML.
    """
    style = Template(read_part("page.css")).substitute(light=css_variables(LIGHT), dark=css_variables(DARK))
    script = "\n".join(read_part(name) for name in SCRIPTS)
    has_data = len(figures.films) > 0
    texts = Texts(language)
    shown = texts.made(lambda: _texts(figures, source, is_sample))
    mark_on_top = f'<aside class="sample-mark" aria-label="{texts(_NOTICE)}">{shown["sample_mark"]}</aside>'
    main = _main(figures, texts) if has_data else _no_data(texts)
    return Template(texts.translated(read_part("page.html"))).substitute(
        shown,
        # Posters, where the reader switches them on.
        head=head(shown["title"], language, policy(script, style, images=f"data: {POSTER_HOST}"), style),
        sample_mark=mark_on_top if is_sample else "",
        main=main,
        quality=f'<p><a href="{escape(quality)}">{shown["quality"]}</a></p>' if quality else "",
        attribution=escape(ATTRIBUTION),
        script=scripts(script, texts) if has_data else "",
    )


_NOTICE = mark("Notice")


def scripts(script: str, texts: Texts) -> str:
    """A page's script, with the texts that it needs."""
    embedded = texts.embedded(script)
    return f'<script type="text/plain" id="texts">{embedded}</script>\n<script type="module">{script}</script>'


def _texts(figures: Figures, source: str, is_sample: bool) -> dict[str, str]:
    """The texts of the page that are made of its figures, by their place."""
    return {
        "title": tr(TITLE),
        "sample_mark": tr(SAMPLE_MARK) if is_sample else "",
        "date_line": Page(TITLE, "", figures.snapshot_date, is_sample).date_line,
        "scope": _scope(figures),
        "meaning": tr(POPULARITY_MEANING),
        "quality": tr("Can these figures be trusted? Quality of each day"),
        "source": tr("Source: {source}", source=tr(source)),
        "precision": _precision(),
    }


def read_part(name: str) -> str:
    """A file of the page."""
    return (files("tmdb_assets.dashboard") / "page" / name).read_text(encoding="utf-8")


def head(title: str, language: Language, policy: str, style: str, version: str = "") -> str:
    """What stands before the body of a page; the title is safe for HTML, `version` of what the page is made of."""
    named = f'\n<meta name="version" content="{version}">' if version else ""
    return (
        Template(read_part("head.html"))
        .substitute(title=title, language=language, policy=policy, style=style, version=named)
        .rstrip()
    )


def policy(script: str, style: str, *, images: str = "data:") -> str:
    """The content security policy (CSP level 3): only the page's own script and style apply, and nothing is loaded.

    `images` is where pictures may come from.
    """
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src {images}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _main(figures: Figures, texts: Texts) -> str:
    popularity = matrix(figures)
    constants = {"film_address": FILM_ADDRESS, "max_curves": MAX_CURVES, "week": WEEK}
    riser = riser_of(figures, popularity)
    sentence = texts.made(lambda: {"headline": riser_sentence(riser)})["headline"]
    return Template(texts.translated(read_part("main.html"))).substitute(
        headline=f'<p class="headline" dir="auto">{sentence}</p>' if sentence else "",
        details=pack(orjson.dumps(details_data(figures))),
        data=pack(orjson.dumps(page_data(figures, popularity) | constants)),
        history=encode(quantise(popularity)),
    )


def _no_data(texts: Texts) -> str:
    return f'<main class="no-data"><h2>{texts(NO_DATA)}</h2><p>{texts(NO_DATA_ADVICE)}</p></main>'


def _scope(figures: Figures) -> str:
    """Which films and days the page contains."""
    days: list[dt.date] = figures.days
    if not days:
        return ""
    shown = len(figures.films)
    of = trn("one film", "{films} films", shown, films=format_count(shown))
    if shown < figures.n_films:
        of = tr("the {films} most popular of {all} films", films=format_count(shown), all=format_count(figures.n_films))
    if len(days) == 1:
        return tr("{films}, one day", films=of)
    return tr("{films}, {days} days from {first}", films=of, days=len(days), first=day_text(days[0]))


def _precision() -> str:
    return tr(
        "Popularity on earlier days is rounded to within {percent} of its value, and below {floor} counts as 0; on the "
        "newest day and a week before it, it is exact to {places} places. Ratings are the last known.",
        percent=percent(f"{50 * STEP:.2f}"),
        floor=localised(f"{FLOOR:g}"),
        places=PLACES,
    )

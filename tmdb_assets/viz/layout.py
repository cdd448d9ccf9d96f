"""What every page has: sample mark, attribution, charts that fit a phone, and notices in place of error traces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from tmdb_assets.charts.labels import MISSING
from tmdb_assets.charts.registry import PICTURES
from tmdb_assets.errors.problem import as_cell
from tmdb_assets.language import day_text, localised, mark, tr
from tmdb_assets.settings import ATTRIBUTION, SAMPLE_LINE, get_settings
from tmdb_assets.viz.address import whole_address
from tmdb_assets.viz.cached import draw_picture, render_picture
from tmdb_assets.viz.checked import day_in_short
from tmdb_assets.viz.filters import show_scope
from tmdb_assets.viz.languages import days_format
from tmdb_assets.viz.matching import Filters, chosen_filters
from tmdb_assets.viz.navigation import go, link
from tmdb_assets.viz.reader import Edition, read_edition, seconds_behind
from tmdb_assets.warehouse.reading import NothingToReadError

if TYPE_CHECKING:
    from tmdb_assets.viz.cached import Drawn

NO_MATCH = mark("No film matches the filters in the sidebar. Remove one of them, or widen the years.")
# What `warehouse.reading` says; actions that name an address or an error are in English.
NOTHING_TO_READ = (
    mark("No data yet"),
    mark("Load a day first: `tmdb-assets run`"),
    mark("The database cannot be used"),
    mark("The database cannot be reached"),
    mark("The database is of another release"),
    mark("This log-in may not read the figures"),
    mark("The figures took too long"),
)
TMDB_PAGE = "https://www.themoviedb.org/movie/"
# A chart wider than its container is scaled down as a whole; on a phone only until its smallest text is still legible,
# and then it scrolls sideways.
STYLE = """<style>
[data-testid="stMainBlockContainer"] { padding-top: 3.5rem; }
/* Streamlit's own grey has a contrast of 3.9 to 1 on white. */
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p { color: inherit; opacity: 0.95; }
[data-testid="stVegaLiteChart"] svg.marks { max-width: 100%; height: auto; border-radius: 8px; }
[data-testid="stVegaLiteChart"] { max-width: 100%; }
@media (max-width: 640px) {
[data-testid="stVegaLiteChart"] { overflow-x: auto; }
[data-testid="stVegaLiteChart"] svg.marks { max-width: none; width: 640px; }
}
</style>"""


def show_page(title: str, meaning: str, body: Callable[[Edition], None], scope: str = "") -> None:
    """A whole page: heading, what `body` shows of the newest edition, attribution.

    `scope` says to what the filters do not apply, "" if to all that the page shows. When there is nothing to read, the
    page says so and what to do.
    """
    st.html(STYLE)
    st.title(tr(title))
    if get_settings().is_sandbox:
        st.warning(tr(SAMPLE_LINE), icon=":material/science:")
    st.markdown(tr(meaning))
    try:
        edition = read_edition()
        behind = seconds_behind()
        lag = "" if behind is None else tr(", from a replica that is {seconds} s behind", seconds=f"{behind:.0f}")
        at = {"day": day_text(edition.newest_day), "date": day_text(edition.loaded_at.date())}
        loaded = (
            tr("Figures up to {day} (UTC), loaded {date} {time} UTC", **at, time=f"{edition.loaded_at:%H:%M}") + lag
        )
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(loaded, width="content")
            if short := day_in_short(edition, edition.newest_day):
                link("quality", short)
            address = st.container(width="content")
        show_scope(edition, scope)
        body(edition)
        with address:
            _offer_address()
    except NothingToReadError as error:
        problem = error.problem
        action = tr(problem.action or "")
        text = f"**{tr(problem.what)}.** {action}. {tr('Then try again.')}"
        st.info(text, icon=":material/info:")
        st.button(tr("Try again"), icon=":material/refresh:")
    st.caption(ATTRIBUTION)


def _offer_address() -> None:
    """The link to what is shown, to copy."""
    with st.popover(tr("Copy link"), icon=":material/link:"):
        st.caption(tr("This link holds what is shown: the page, what is chosen on it, filters and language."))
        st.code(whole_address(), language=None, wrap_lines=True)


def show_picture(
    edition: Edition,
    name: str,
    parameters: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    filters: Filters | None = None,
) -> pd.DataFrame:
    """A picture of the films that match `filters` (None: the sidebar's), or that none does; returns its table."""
    drawn = draw_picture(edition, name, parameters, options, filters)
    if not len(drawn.table) and (chosen_filters() if filters is None else filters).words:
        st.info(tr(NO_MATCH))
    else:
        show_chart(drawn, name=name)
    return drawn.table


def show_chart(drawn: Drawn, *, name: str) -> None:
    """A chart with its figures as a table and CSV, as a PNG, and its query; `name` is the picture's."""
    st.vega_lite_chart(spec=drawn.spec, theme=None, width="content")
    if not len(drawn.table):
        return
    with st.expander(tr("Data, picture, query")):
        show_table(drawn.table, alt=tr("Figures of {part}", part=tr(PICTURES[name].title)))
        png = partial(render_picture, drawn.spec)
        st.download_button("PNG", png, f"{name}.png", "image/png", key=f"png_{name}", on_click="ignore")
        st.caption(tr("The table's own menu saves it as CSV. The query with its values, for `tmdb-assets psql`:"))
        st.code(drawn.query, language="sql")


def show_table(table: pd.DataFrame, figures: Mapping[str, str] | None = None, **options: Any) -> Any:
    """A table without its index; its texts are safe in the CSV file that the reader can download.

    Streamlit writes that file in the browser and leaves formulas in it: TMDb's titles are written by anyone. Numbers
    are shown in the chosen language, where Streamlit's own formats follow the browser; `figures` are the formats of
    columns that have another than the usual one. `options` are those of `st.dataframe`; returns what it returns.
    """
    texts = table.select_dtypes(["object", "string", "category"]).columns
    safe = {name: table[name].map(_safe) for name in texts}
    forms = {tr("year"): ".0f", **(figures or {})}
    formats: dict[Any, Any] = {
        _safe(name): partial(_figure, forms.get(str(name))) for name in table.select_dtypes("number")
    }
    shown = table.reset_index(drop=True).assign(**safe).rename(columns=_safe)
    return st.dataframe(shown.style.format(formats), hide_index=True, placeholder=MISSING, **options)


def _figure(form: str | None, value: float) -> str:
    if pd.isna(value):
        return MISSING
    return localised(f"{value:{form}}" if form else f"{value:,.4f}".rstrip("0").rstrip("."))


def _safe(cell: Any) -> Any:
    return as_cell(cell) if isinstance(cell, str) else cell


def show_films(films: pd.DataFrame, *, key: str = "films_table") -> None:
    """A table of films with the columns of vw_top_movies; a click on a title opens the film's page."""
    column = st.column_config
    films = films.reset_index(drop=True)
    figures = {"popularity": ",.1f", "change_7d": "+,.1f", "vote_average": ".1f"}
    links = films.round({name: 1 for name in figures if name in films}).assign(
        page=TMDB_PAGE + films["movie_id"].astype(str)
    )
    st.caption(tr("Click a title to open the film."))
    event = show_table(
        links,
        figures,
        key=key,
        on_select="rerun",
        selection_mode="single-cell",
        alt=tr("Films by popularity"),
        column_order=[
            *("rank", "title", "release_date", "popularity"),
            *(name for name in ("change_7d",) if name in links.columns),
            *("vote_average", "vote_count", "page"),
        ],
        column_config={
            "rank": column.NumberColumn(tr("Rank"), width="small"),
            "title": column.TextColumn(tr("Film"), width="medium"),
            "release_date": column.DateColumn(tr("Released"), format=days_format()),
            "popularity": column.NumberColumn(tr("Popularity"), help=tr("TMDb's score, without unit.")),
            "change_7d": column.NumberColumn(tr("7 days"), help=tr("Change within 7 days.")),
            "vote_average": column.NumberColumn(tr("Rating"), help=tr("Mean vote, 0 to 10.")),
            "vote_count": column.NumberColumn(tr("Votes")),
            "page": column.LinkColumn(tr("At TMDb"), display_text=tr("Open")),
        },
    )
    cells = event["selection"]["cells"]
    if cells and cells[0][1] == "title":
        go("film", film=films["movie_id"].iloc[cells[0][0]])

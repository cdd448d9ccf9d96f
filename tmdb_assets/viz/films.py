"""The pages of today, of top films, and of one film."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from tmdb_assets.charts.labels import (
    MISSING,
    POPULARITY_MEANING,
    Moved,
    format_count,
    format_measure,
    format_rating,
    percent_text,
    riser_sentence,
)
from tmdb_assets.language import day_text, localised, tr, trn
from tmdb_assets.language.names import country_named, language_named
from tmdb_assets.settings import ATTRIBUTION
from tmdb_assets.viz.cached import draw_picture, read_figures, read_rows
from tmdb_assets.viz.choosing import FILM as CHOSEN_FILM
from tmdb_assets.viz.choosing import choose
from tmdb_assets.viz.filters import chosen_days
from tmdb_assets.viz.layout import (
    NO_MATCH,
    TMDB_PAGE,
    show_chart,
    show_films,
    show_picture,
    show_table,
)
from tmdb_assets.viz.matching import ALL_FILMS, chosen_filters
from tmdb_assets.viz.navigation import link, plain_markdown
from tmdb_assets.viz.queries import CHANGED_FILMS, FILM, FILM_PEOPLE, FILM_RANKS, FILM_RELEASES
from tmdb_assets.viz.reader import Edition
from tmdb_assets.viz.similar import show_similar

POSTERS = "https://image.tmdb.org/t/p/w342"


def show_today(edition: Edition) -> None:
    """The day's sentence, key figures, top films and movers."""
    figures = read_figures(edition, "key_figures").iloc[0]
    if not figures["n_movies"]:
        st.info(tr(NO_MATCH))
        return
    movers = read_figures(edition, "movers_of_the_week")
    risen = movers.dropna(subset=["title", "change_7d"]).head(1)[["title", "popularity_7d_ago", "popularity"]]
    if sentence := riser_sentence(Moved(*risen.iloc[0])) if len(risen) else "":
        st.subheader(plain_markdown(sentence))
    with st.container(horizontal=True):
        which = tr("that match") if chosen_filters().words else tr("loaded")
        _metric(tr("Films"), format_count(figures["n_movies"]), which)
        _metric(tr("Median popularity"), format_measure(figures["top_200_median"]), tr("of the top 200"), True)
        _metric(tr("Weighted rating"), format_rating(figures["votes_weighted_vote"]), tr("of 10, by votes"))
        _metric(tr("Votes"), format_count(figures["total_votes"]), tr("of all these films"))
    left, right = st.columns(2)
    with left:
        show_picture(edition, "top_films")
    with right:
        show_picture(edition, "movers_of_the_week")
    with st.expander(tr("The key figures of all these films, as a picture")):
        show_picture(edition, "key_figures")


def show_top_films(edition: Edition) -> None:
    """The films that match, as a picture and as a table that opens them."""
    show_picture(edition, "top_films")
    films = read_rows(edition, CHANGED_FILMS, None, chosen_filters())
    if len(films):
        st.subheader(tr("The top 200") if len(films) == 200 else tr("Films: {number}", number=len(films)))
        show_films(films)


def show_film(edition: Edition) -> None:
    """One film: figures, curve, what it is, who made it, where it opens, what is similar."""
    chosen = choose(edition, CHOSEN_FILM)
    if chosen is None:
        return
    movie_id, title = chosen
    known = read_rows(edition, FILM, {"movie_id": movie_id})
    if not len(known):
        st.info(tr("This film is not known here. Search for another one."))
        return
    film = {str(name): value for name, value in known.iloc[0].items()}
    original = film["original_title"]
    st.subheader(plain_markdown(title), divider="gray")
    if original and original != title:
        st.caption(plain_markdown(str(original)))
    if film["removed_date"]:
        st.warning(tr("TMDb removed this film; last noticed on {day}.", day=day_text(film["removed_date"])))
    _show_figures(edition, film)
    parameters = {"movie_ids": [movie_id], "days": chosen_days()}
    drawn = draw_picture(edition, "popularity_over_time", parameters, {"is_chosen": True}, ALL_FILMS)
    facts, curve = st.columns([2, 3])
    with curve:
        if len(drawn.table):
            show_chart(drawn, name="popularity_over_time")
        else:
            st.info(tr("This film has no figures in this period. Choose more days in the sidebar."))
    with facts:
        _show_facts(edition, film)
    st.subheader(tr("Similar films"))
    show_similar(edition, movie_id)
    releases = read_rows(edition, FILM_RELEASES, {"movie_id": movie_id})
    if len(releases):
        st.subheader(tr("Releases by country"))
        headings = {
            "country": tr("Country"),
            "release_type": tr("Type"),
            "release_date": tr("Date"),
            "certification": tr("Certificate"),
        }
        releases = releases.assign(
            country=releases["country"].map(country_named, na_action="ignore"),
            release_type=releases["release_type"].map(tr, na_action="ignore"),
        )
        show_table(releases.rename(columns=headings), alt=tr("Releases by country"))
    st.link_button(tr("This film at TMDb"), f"{TMDB_PAGE}{movie_id}")


def _show_figures(edition: Edition, film: dict[str, Any]) -> None:
    ranks = read_rows(edition, FILM_RANKS, {"movie_id": int(film["movie_id"]), "day": edition.newest_day})
    by_days = {int(row["days"]): row for row in ranks.to_dict("records")}
    now = by_days.get(0)
    path = ", ".join(
        tr("{days} d ago {rank}", days=days, rank=format_count(by_days[days]["rank"]))
        for days in (7, 30)
        if days in by_days
    )
    rating = None if pd.isna(film["vote_average"]) else float(film["vote_average"])
    number = 0 if pd.isna(film["vote_count"]) else int(film["vote_count"])
    votes = trn("{votes} vote", "{votes} votes", number, votes=localised(f"{number:,}"))
    votes = tr("no votes") if pd.isna(film["vote_count"]) else votes
    with st.container(horizontal=True):
        on = tr("on {day}", day=day_text(edition.newest_day))
        _metric(tr("Popularity"), format_measure(now["popularity"] if now else None), on, True)
        _metric(tr("Rank"), format_count(now["rank"]) if now else MISSING, path)
        for days in (7, 30):
            _metric(tr("{days} days", days=days), *_change(now, by_days.get(days)))
        _metric(tr("Rating"), format_rating(rating), votes)


def _change(now: dict[Any, Any] | None, before: dict[Any, Any] | None) -> tuple[str, str]:
    """A change in popularity, and where it began."""
    if not now or not before:
        return MISSING, tr("no figure then")
    change = localised(f"{now['popularity'] - before['popularity']:+,.1f}".replace("-", "\N{MINUS SIGN}"))
    percent = percent_text(before["popularity"], now["popularity"])
    return change, ", ".join(filter(None, (percent, tr("from {value}", value=format_measure(before["popularity"])))))


def _metric(label: str, value: str, note: str, is_explained: bool = False) -> None:
    """A tile; `note` is the line below the value."""
    help_text = tr(POPULARITY_MEANING) if is_explained else None
    off: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off"}
    st.metric(label, value, note or None, border=True, help=help_text, width="stretch", height="stretch", **off)


def _parts(names: str) -> str:
    return ", ".join(map(tr, names.split(", ")))


def _minutes(film: dict[str, Any]) -> str:
    return tr("{minutes} min", minutes=int(film["runtime_minutes"]))


def _dollars(amount: float) -> str:
    return tr("${amount}", amount=localised(f"{int(amount):,}"))


def _show_facts(edition: Edition, film: dict[str, Any]) -> None:
    if film["poster_path"] and st.toggle(tr("Poster, loaded from TMDb"), key="posters", bind="query-params"):
        st.image(POSTERS + str(film["poster_path"]), caption=f"{tr('Image: TMDB')}. {ATTRIBUTION}", width=240)
    if film["overview"]:
        st.write(plain_markdown(str(film["overview"])))
    rows = {
        tr("Released"): None if pd.isna(film["release_date"]) else day_text(film["release_date"]),
        tr("Runtime"): None if pd.isna(film["runtime_minutes"]) else _minutes(film),
        tr("Genres"): ", ".join(map(tr, film["genres"])),
        tr("Produced in"): ", ".join(map(country_named, film["countries"])),
        tr("Language"): film["language"] and language_named(film["language"]),
        tr("Budget"): None if pd.isna(film["budget_usd"]) else _dollars(film["budget_usd"]),
        tr("Revenue"): None if pd.isna(film["revenue_usd"]) else _dollars(film["revenue_usd"]),
        tr("Keywords"): ", ".join(film["keywords"]),
    }
    shown = {name: str(value) for name, value in rows.items() if value is not None and str(value) not in {"", "NaT"}}
    st.table(pd.Series(shown, name="").map(plain_markdown), border="horizontal", hide_header=True)
    people = read_rows(edition, FILM_PEOPLE, {"movie_id": int(film["movie_id"])})
    if len(people):
        st.caption(tr("People"))
        with st.container(horizontal=True, gap="small"):
            for person in people.to_dict("records"):
                name = person["name"] or f"{tr('Person')} {person['person_id']}"
                link("person", f"{name} ({_parts(person['part'])})", person=person["person_id"])

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
from tmdb_assets.settings import ATTRIBUTION
from tmdb_assets.viz.cached import draw_picture, draw_rows, read_rows
from tmdb_assets.viz.filters import chosen_days, chosen_filters, show_scope
from tmdb_assets.viz.layout import TMDB_PAGE, plain_markdown, show_chart, show_films, show_table
from tmdb_assets.viz.matching import MATCHING_FIGURES, MATCHING_FILMS, MATCHING_RISER
from tmdb_assets.viz.navigation import link, named_id
from tmdb_assets.viz.queries import (
    FILM,
    FILM_PEOPLE,
    FILM_RANKS,
    FILM_RELEASES,
    FIND_FILMS,
    TOP_FILMS,
    like_pattern,
)
from tmdb_assets.viz.reader import Edition
from tmdb_assets.viz.similar import show_similar

POSTERS = "https://image.tmdb.org/t/p/w342"
NO_MATCH = "No film matches the filters in the sidebar. Remove one of them, or widen the years."
TILE_WIDTH = 172
SHOWN = 20  # films in the picture of the top films


def show_today(edition: Edition) -> None:
    """The day's sentence, key figures, top films and movers."""
    figures = _figures(edition)
    if not figures["n_movies"]:
        st.info(NO_MATCH)
        return
    riser = read_rows(edition, MATCHING_RISER, _parameters(edition))
    sentence = riser_sentence(Moved(*riser.iloc[0])) if len(riser) and riser["title"].iloc[0] else ""
    if sentence:
        st.subheader(plain_markdown(sentence))
    show_scope(edition, applies=True)
    with st.container(horizontal=True):
        _metric("Films", format_count(figures["n_movies"]), "that match" if chosen_filters().words else "loaded")
        _metric("Median popularity", format_measure(figures["top_200_median"]), "of the 200 most popular", True)
        _metric("Weighted rating", format_rating(figures["votes_weighted_vote"]), "of 10, by votes")
        _metric("Votes", format_count(figures["total_votes"]), "of all these films")
    left, right = st.columns(2)
    with left:
        _show_top(edition)
    with right:
        show_chart(*draw_picture(edition, "movers_of_the_week"), name="movers_of_the_week")
    with st.expander("The key figures of all films, as a picture"):
        show_chart(*draw_picture(edition, "key_figures"), name="key_figures")


def show_top_films(edition: Edition) -> None:
    """The films that match, as a picture and as a table that opens them."""
    show_scope(edition, applies=True)
    _show_top(edition)
    films = read_rows(edition, MATCHING_FILMS, _parameters(edition))
    if len(films):
        st.subheader("The top 200" if len(films) == 200 else f"Films: {len(films)}")
        show_films(films)


def _show_top(edition: Edition) -> None:
    words = chosen_filters().words
    if not words:
        spec, table = draw_picture(edition, "top_films")
    else:
        rows = read_rows(edition, MATCHING_FILMS, _parameters(edition))
        if not len(rows):
            st.info(NO_MATCH)
            return
        options = {"group": f"({words})"}
        spec, table = draw_rows(edition, "top_films", MATCHING_FILMS, _parameters(edition), options, SHOWN)
    show_chart(spec, table, name="top_films")


def _parameters(edition: Edition) -> dict[str, Any]:
    return {"day": edition.newest_day, **chosen_filters().parameters}


def _figures(edition: Edition) -> dict[str, Any]:
    row = read_rows(edition, MATCHING_FIGURES, _parameters(edition)).iloc[0]
    return {str(name): None if pd.isna(value) else value for name, value in row.items()}


def choose_film(edition: Edition) -> int | None:
    """The film that the address names, or that the reader picks from the search or the top 200."""
    given = named_id("film")
    search, choice = st.columns(2)
    title = search.text_input("Find a film", placeholder="Part of the title", key="find_film").strip()
    found = read_rows(edition, FIND_FILMS, {"pattern": like_pattern(title)}) if title else None
    if found is not None and not len(found):
        st.caption("No film has this in its title. Try a shorter part of it.")
    films = found if found is not None and len(found) else read_rows(edition, TOP_FILMS)
    names = {int(key): name or f"Film {key}" for key, name in zip(films["movie_id"], films["title"], strict=True)}
    if given is not None and found is None and given not in names:
        known = read_rows(edition, FILM, {"movie_id": given})
        names = {given: str(known["title"].iloc[0] if len(known) else f"Film {given}"), **names}
    options = list(names)
    if not options:
        return None
    index = options.index(given) if given in names and found is None else 0
    film: int = choice.selectbox("Film", options, index=index, format_func=names.__getitem__, key=f"film_of_{given}")
    return film


def show_film(edition: Edition) -> None:
    """One film: figures, curve, what it is, who made it, where it opens, what is similar."""
    movie_id = choose_film(edition)
    known = read_rows(edition, FILM, {"movie_id": movie_id})
    if not len(known):
        st.info("This film is not known here. Search for another one.")
        return
    film = {str(name): value for name, value in known.iloc[0].items()}
    title = film["title"] or f"Film {movie_id}"
    original = film["original_title"]
    st.subheader(plain_markdown(str(title)), divider="gray")
    if original and original != title:
        st.caption(plain_markdown(str(original)))
    if film["removed_date"]:
        st.warning(f"TMDb removed this film; last noticed on {film['removed_date']}.")
    _show_figures(edition, film)
    parameters = {"movie_ids": [movie_id], "days": chosen_days()}
    spec, table = draw_picture(edition, "popularity_over_time", parameters, {"is_chosen": True})
    facts, curve = st.columns([2, 3])
    with curve:
        if len(table):
            show_chart(spec, table, name="popularity_over_time")
        else:
            st.info("This film has no figures in this period. Choose more days in the sidebar.")
    with facts:
        _show_facts(edition, film)
    st.subheader("Similar films")
    show_similar(edition, movie_id)
    releases = read_rows(edition, FILM_RELEASES, {"movie_id": movie_id})
    if len(releases):
        st.subheader("Releases by country")
        headings = {
            "country": "Country",
            "release_type": "Type",
            "release_date": "Date",
            "certification": "Certificate",
        }
        show_table(releases.rename(columns=headings), alt="Releases by country")
    st.link_button("This film at TMDb", f"{TMDB_PAGE}{movie_id}")


def _show_figures(edition: Edition, film: dict[str, Any]) -> None:
    ranks = read_rows(edition, FILM_RANKS, {"movie_id": int(film["movie_id"]), "day": edition.newest_day})
    by_days = {int(row["days"]): row for row in ranks.to_dict("records")}
    now = by_days.get(0)
    path = ", ".join(f"{days} d ago {by_days[days]['rank']:,}" for days in (7, 30) if days in by_days)
    rating = None if pd.isna(film["vote_average"]) else float(film["vote_average"])
    votes = "no votes" if pd.isna(film["vote_count"]) else f"{int(film['vote_count']):,} votes"
    with st.container(horizontal=True):
        _metric("Popularity", format_measure(now["popularity"] if now else None), f"on {edition.newest_day}", True)
        _metric("Rank", f"{now['rank']:,}" if now else MISSING, path)
        for days in (7, 30):
            _metric(f"{days} days", *_change(now, by_days.get(days)))
        _metric("Rating", format_rating(rating), votes)


def _change(now: dict[Any, Any] | None, before: dict[Any, Any] | None) -> tuple[str, str]:
    """A change in popularity, and where it began."""
    if not now or not before:
        return MISSING, "no figure then"
    change = f"{now['popularity'] - before['popularity']:+,.1f}".replace("-", "\N{MINUS SIGN}")
    percent = percent_text(before["popularity"], now["popularity"])
    return change, ", ".join(filter(None, (percent, f"from {format_measure(before['popularity'])}")))


def _metric(label: str, value: str, note: str, is_explained: bool = False) -> None:
    """A tile; `note` is the line below the value."""
    help_text = POPULARITY_MEANING if is_explained else None
    off: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off"}
    st.metric(label, value, note or None, border=True, help=help_text, width=TILE_WIDTH, **off)


def _show_facts(edition: Edition, film: dict[str, Any]) -> None:
    if film["poster_path"] and st.toggle("Poster, loaded from TMDb", key="posters", bind="query-params"):
        st.image(POSTERS + str(film["poster_path"]), caption=f"Image: TMDB. {ATTRIBUTION}", width=240)
    if film["overview"]:
        st.write(plain_markdown(str(film["overview"])))
    rows = {
        "Released": film["release_date"],
        "Runtime": None if pd.isna(film["runtime_minutes"]) else f"{int(film['runtime_minutes'])} min",
        "Genres": ", ".join(film["genres"]),
        "Produced in": ", ".join(film["countries"]),
        "Language": film["language"],
        "Budget": None if pd.isna(film["budget_usd"]) else f"${int(film['budget_usd']):,}",
        "Revenue": None if pd.isna(film["revenue_usd"]) else f"${int(film['revenue_usd']):,}",
        "Keywords": ", ".join(film["keywords"]),
    }
    shown = {name: str(value) for name, value in rows.items() if value is not None and str(value) not in {"", "NaT"}}
    st.table(pd.Series(shown, name="").map(plain_markdown), border="horizontal", hide_header=True)
    people = read_rows(edition, FILM_PEOPLE, {"movie_id": int(film["movie_id"])})
    if len(people):
        st.caption("People")
        with st.container(horizontal=True, gap="small"):
            for person in people.to_dict("records"):
                name = person["name"] or f"Person {person['person_id']}"
                link("person", f"{name} ({person['part']})", person=person["person_id"])

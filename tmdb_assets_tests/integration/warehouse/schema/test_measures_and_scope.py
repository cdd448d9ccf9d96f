"""What pictures rank by is the same after a wide day as if only narrow days had ever been loaded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from tmdb_assets.assets.views import VIEWS
from tmdb_assets.charts.registry import PICTURES
from tmdb_assets.warehouse.read_pictures import read_picture
from tmdb_assets.warehouse.schema.bridges import bridge_movie_country, bridge_movie_genre
from tmdb_assets.warehouse.schema.ddl import apply_view
from tmdb_assets.warehouse.schema.dimensions import dim_country, dim_genre, dim_movie
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.small_star import Votes, load_day
from tmdb_assets_tests.fakes.replay_catalogue import catalogue_of, recordings_missing
from tmdb_assets_tests.oracle.compare import Tables, copied_warehouse
from tmdb_assets_tests.oracle.expected import read_continents

NARROW = 200  # films: 10 discover pages
WIDE_DAY, MIXED_DAY, NARROW_DAY = (dt.date(2026, 7, number) for number in (29, 30, 31))
RANKED = {"genre_popularity": "genre_id", "continent_popularity": "continent"}


class Film(NamedTuple):
    """What is loaded of a film."""

    votes: Votes
    genres: set[int]
    countries: set[str]


def recorded_films() -> dict[int, Film]:
    """The 823 films of a recorded day."""
    if reason := recordings_missing():
        pytest.skip(reason)
    catalogue = catalogue_of(NARROW_DAY)
    return {
        item["id"]: Film(
            (item["popularity"], item["vote_average"] if item["vote_count"] else None, item["vote_count"]),
            {genre["id"] for genre in details["genres"]},
            {country["iso_3166_1"] for country in details["production_countries"]},
        )
        for item in catalogue.listing
        if (details := catalogue.details(item["id"]))
    }


def made_films() -> dict[int, Film]:
    """One blockbuster makes its genre and continent the first by mean, until their long tail is loaded too."""
    western = {1: Film((500.0, 8.0, 1000), {37}, {"AU"})}
    dramas = {n: Film((400.0 - n, 7.0, 100), {18}, {"FR"} if n % 2 else {"US"}) for n in range(2, NARROW + 1)}
    tail = {1000 + n: Film((1.0 + n / 1000, 5.0, 1), {37}, {"AU", "NZ"}) for n in range(800)}
    return western | dramas | tail


@pytest.fixture(scope="module", params=[made_films, recorded_films], ids=["made", "recorded"])
def ranks(request: pytest.FixtureRequest, server: Server) -> Iterator[dict[dt.date, dict[str, Any]]]:
    """What each day's views and pictures show: a wide day, one whose tail is from the export, one without the tail."""
    films: dict[int, Film] = request.param()
    ordered = sorted(films, key=lambda film: -films[film].votes[0])
    every = {film: films[film].votes for film in films}
    narrow = {film: every[film] for film in ordered[:NARROW]}
    days = {
        WIDE_DAY: every,
        MIXED_DAY: {film: narrow.get(film, (votes[0], None, None)) for film, votes in every.items()},
        NARROW_DAY: narrow,
    }
    with copied_warehouse(server) as warehouse:
        make_links(warehouse, films)
        found = {}
        for day, votes in days.items():
            load_day(warehouse, day, votes)
            found[day] = shown(warehouse)
        yield found


def make_links(warehouse: Warehouse, films: dict[int, Film]) -> None:
    """Dimensions, bridges and views."""
    of, continents = {"as_of_date": WIDE_DAY}, read_continents()
    genres = {code for film in films.values() for code in film.genres}
    countries = {code for film in films.values() for code in film.countries}
    rows: dict[sa.Table, list[dict[str, Any]]] = {
        dim_genre: [{"genre_id": code, "name": f"Genre {code}", **of} for code in genres],
        dim_country: [{"iso_3166_1": code, "continent": continents.get(code), **of} for code in countries],
        dim_movie: [{"movie_id": number, "title": f"Film {number}", **of} for number in films],
        bridge_movie_genre: [{"movie_id": n, "genre_id": code} for n, film in films.items() for code in film.genres],
        bridge_movie_country: [
            {"movie_id": n, "iso_3166_1": code} for n, film in films.items() for code in film.countries
        ],
    }
    with warehouse.begin() as connection:
        for table, values in rows.items():
            connection.execute(table.insert(), values)
        for view in VIEWS:
            apply_view(connection, view.name)


def shown(warehouse: Warehouse) -> dict[str, Any]:
    """The order of groups by mean and in each picture, with its shares; the key figure of popularity; votes' age."""
    tables, found = Tables(warehouse), {}
    with warehouse.engine.connect() as connection:
        for name, key in RANKED.items():
            frame = read_picture(connection, name, PICTURES[name].parameters)
            found[name] = list(zip(frame[key], frame["top_200_percent"], strict=True))
            found[f"{name} by mean"] = tables.column(f"select {key} from vw_{name} order by avg_popularity desc")
        found["median"] = read_picture(connection, "key_figures", {})["top_200_median"].item()
    found["oldest"] = tables.value("select min(oldest_votes_date) from vw_genre_popularity")
    found["films"] = tables.value("select count(*) from vw_trending_movies")
    return found


def test_a_scope_that_was_wide_before_changes_no_order_and_no_share(ranks: dict[dt.date, dict[str, Any]]) -> None:
    wide, mixed, narrow = (ranks[day] for day in (WIDE_DAY, MIXED_DAY, NARROW_DAY))
    assert (mixed["films"], narrow["films"]) == (wide["films"], NARROW)
    for name in RANKED:
        here = {group for group, _ in narrow[name]}
        assert [row for row in mixed[name] if row[0] in here] == narrow[name]
        assert {share for group, share in mixed[name] if group not in here} <= {0.0}
        assert mixed[name] == wide[name]
    assert wide["median"] == mixed["median"] == narrow["median"]
    assert (wide["oldest"], mixed["oldest"], narrow["oldest"]) == (WIDE_DAY, WIDE_DAY, NARROW_DAY)


def test_the_plain_mean_would_change_the_order(ranks: dict[dt.date, dict[str, Any]]) -> None:
    """Why pictures do not rank by it."""
    genres = "genre_popularity by mean"
    here = set(ranks[NARROW_DAY][genres])
    assert [group for group in ranks[MIXED_DAY][genres] if group in here] != ranks[NARROW_DAY][genres]

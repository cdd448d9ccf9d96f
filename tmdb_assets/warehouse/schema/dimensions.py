"""The dimensions: the latest state of films, genres, companies, countries and languages; and the calendar."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from tmdb_assets.transforms.conform import Kind
from tmdb_assets.warehouse.schema.vocabulary import Merge, as_of_date, column, inserted_at, table, updated_at

# An older day never overwrites a newer one; `updated_at` moves only when the content changes.
LATEST_STATE = Merge(
    wins="excluded.as_of_date >= t.as_of_date",
    advance=("as_of_date",),
    changed_at="updated_at",
)


def shared_dimension(name: str, comment: str, *columns: sa.schema.SchemaItem, merge: Merge = LATEST_STATE) -> sa.Table:
    """A dimension of what films share, in its latest state, with the dates of its rows.

    A broken cell is emptied, so that whether films, credits and links have a row there does not depend on the order of
    days.
    """
    dates = (as_of_date(), inserted_at(), updated_at())
    return table(name, comment, *columns, *dates, group="dimensions", merge=merge, empties_broken=True)


dim_genre = shared_dimension(
    "dim_genre",
    "One row per genre. Source: TMDb's genre list and the films' details; the list's name wins.",
    column("genre_id", "integer", "TMDb's id of the genre.", key=True, at_least=1),
    column("name", "text", "Name, in TMDB_LANGUAGE.", nullable=True, max_length=500),
)

dim_company = shared_dimension(
    "dim_company",
    "One row per production company. Source: the films' details; several ids may share a name.",
    column("company_id", "integer", "TMDb's id of the company.", key=True, at_least=1),
    column("name", "text", "Name.", nullable=True, max_length=1000),
    column(
        "origin_country", "text", "ISO 3166-1 code as TMDb writes it; NULL where unknown.", nullable=True, max_length=2
    ),
)

country_continent = table(
    "country_continent",
    "One row per country code with its continent. Source: data/country_continent.csv.",
    column(
        "iso_3166_1",
        "text",
        "ISO 3166-1 code, or the former or private code TMDb uses.",
        key=True,
        matches="^[A-Z]{2}$",
    ),
    column("name", "text", "English name.", max_length=500),
    column(
        "continent",
        "text",
        "One of seven continents.",
        one_of=("Africa", "Antarctica", "Asia", "Europe", "North America", "Oceania", "South America"),
    ),
    column("note", "text", "Why this continent, where it is disputable.", nullable=True, max_length=1000),
    group="reference",
)

dim_country = shared_dimension(
    "dim_country",
    "One row per country of production. Source: TMDb's country list and the films' details; the list's name wins.",
    column(
        "iso_3166_1",
        "text",
        "ISO 3166-1 code, or the former or private code TMDb uses.",
        key=True,
        matches="^[A-Z]{2}$",
    ),
    column("name", "text", "English name.", nullable=True, max_length=500),
    column("continent", "text", "Continent by country_continent; NULL where that lacks the code.", nullable=True),
    # The continent always comes from country_continent, not from the staged row.
    merge=Merge(
        wins="excluded.as_of_date >= t.as_of_date",
        content=("name",),
        advance=("as_of_date",),
        computed=(
            (
                "continent",
                "(select c.continent from country_continent as c where c.iso_3166_1 = t.iso_3166_1)",
            ),
        ),
        changed_at="updated_at",
    ),
)

dim_language = shared_dimension(
    "dim_language",
    "One row per language, spoken or original. "
    "Source: TMDb's language list and the films' details; the list's name wins.",
    column(
        "iso_639_1", "text", "ISO 639-1 code, or the code TMDb uses (cn, xx, sh, mo).", key=True, matches="^[a-z]{2,3}$"
    ),
    column("name", "text", "English name; NULL where unknown.", nullable=True, max_length=500),
    merge=replace(LATEST_STATE, prefer="name is null"),
)

dim_person = shared_dimension(
    "dim_person",
    "One row per person ever stored in the cast or crew of a film. Source: the credits in the films' details.",
    column("person_id", "integer", "TMDb's id of the person.", key=True, at_least=1),
    column("name", "text", "Name, in TMDB_LANGUAGE.", nullable=True, max_length=1000),
    column("original_name", "text", "Name in the person's own language.", nullable=True, max_length=1000),
    column(
        "gender",
        "text",
        "As TMDb states it; NULL where unknown.",
        nullable=True,
        one_of=("female", "male", "non-binary"),
    ),
    column(
        "known_for_department",
        "text",
        "The department the person is known for: Acting, Directing, ...",
        nullable=True,
        max_length=100,
    ),
    column("profile_path", "text", "Path of the portrait on TMDb's image host.", nullable=True, max_length=500),
)

dim_keyword = shared_dimension(
    "dim_keyword",
    "One row per keyword. Source: the keywords in the films' details.",
    column("keyword_id", "integer", "TMDb's id of the keyword.", key=True, at_least=1),
    column("name", "text", "The keyword, in English.", nullable=True, max_length=500),
)

_FILM_ATTRIBUTES: dict[str, tuple[Kind, str, dict[str, Any]]] = {
    "release_date": ("date", "First release; NULL where unknown.", {}),
    "runtime_minutes": ("integer", "Length in minutes; NULL where unknown.", {"at_least": 1, "at_most": 100000}),
    "budget_usd": ("integer", "Budget in US dollars; NULL where unknown.", {"at_least": 1}),
    "revenue_usd": ("integer", "Worldwide revenue in US dollars; NULL where unknown.", {"at_least": 1}),
    "original_language": ("text", "ISO 639-1 code.", {"references": "dim_language.iso_639_1"}),
    "collection_id": ("integer", "TMDb's id of the collection it belongs to.", {"at_least": 1}),
}


def film_attribute(name: str) -> sa.Column[Any]:
    """A column that holds what is known of a film, in its latest state and in its history."""
    kind, comment, rules = _FILM_ATTRIBUTES[name]
    return column(name, kind, comment, nullable=True, **rules)


dim_movie = table(
    "dim_movie",
    "One row per film, its latest state. First filled from discover, enriched by details. "
    "A film that TMDb deleted keeps its row and gets a removed_date.",
    column("movie_id", "integer", "TMDb's id of the film.", key=True, at_least=1),
    column("title", "text", "Title in TMDB_LANGUAGE.", max_length=2000),
    column("original_title", "text", "Title in the original language.", nullable=True, max_length=2000),
    film_attribute("release_date"),
    column("status", "text", "Released, Post Production, ...; NULL before details.", nullable=True, max_length=100),
    film_attribute("original_language"),
    film_attribute("runtime_minutes"),
    film_attribute("budget_usd"),
    film_attribute("revenue_usd"),
    column("is_adult", "boolean", "Whether TMDb marks the film as adult.", nullable=True),
    column("homepage", "text", "The film's own page.", nullable=True, max_length=5000),
    column("imdb_id", "text", "IMDb's id.", nullable=True, max_length=20),
    column("overview", "text", "Summary.", nullable=True, max_length=10000),
    column("poster_path", "text", "Path of the poster on TMDb's image host.", nullable=True, max_length=500),
    film_attribute("collection_id"),
    column("collection_name", "text", "Name of that collection.", nullable=True, max_length=1000),
    as_of_date(),
    column("details_date", "date", "Last day whose details were loaded; NULL before the first.", nullable=True),
    column("credits_date", "date", "Last day whose details came with cast and crew.", nullable=True),
    column("keywords_date", "date", "Last day whose details came with keywords.", nullable=True),
    column("releases_date", "date", "Last day whose details came with release dates.", nullable=True),
    column("removed_date", "date", "Last day on which TMDb answered 404, unless it came back.", nullable=True),
    inserted_at(),
    updated_at(),
    # Few rows: the films that rankings and totals exclude.
    sa.Index("ix_dim_movie_removed", "movie_id", postgresql_where=sa.text("removed_date is not null")),
    group="dimensions",
    # Details win over discover; of two days with details, or two without, the newer wins. Every part of the rule is
    # a maximum, so days may be loaded in any order.
    merge=Merge(
        prefer="details_date is null",
        wins="case when excluded.details_date is null and t.details_date is null "
        "then excluded.as_of_date >= t.as_of_date "
        "else coalesce(excluded.details_date >= t.details_date, excluded.details_date is not null) end",
        advance=("as_of_date", "details_date", "credits_date", "keywords_date", "releases_date"),
        computed=(
            (
                "removed_date",
                # A film that discover or details confirmed since is back.
                "case when greatest(t.removed_date, excluded.removed_date) > "
                "greatest(t.as_of_date, excluded.as_of_date) "
                "then greatest(t.removed_date, excluded.removed_date) end",
            ),
        ),
        changed_at="updated_at",
    ),
)

dim_date = table(
    "dim_date",
    "One row per calendar day, from the first year of the partitions to the end of next year.",
    column("date_id", "date", "The day.", key=True),
    column("year", "integer", "Calendar year.", sql_type=sa.SmallInteger),
    column("quarter", "integer", "1 to 4.", at_least=1, at_most=4, sql_type=sa.SmallInteger),
    column("month", "integer", "1 to 12.", at_least=1, at_most=12, sql_type=sa.SmallInteger),
    column("day", "integer", "Day of the month.", at_least=1, at_most=31, sql_type=sa.SmallInteger),
    column("iso_week", "integer", "Week by ISO 8601, 1 to 53.", at_least=1, at_most=53, sql_type=sa.SmallInteger),
    column("iso_day_of_week", "integer", "1 (Monday) to 7 (Sunday).", at_least=1, at_most=7, sql_type=sa.SmallInteger),
    column("month_name", "text", "English name of the month.", max_length=20),
    column("is_weekend", "boolean", "Saturday or Sunday."),
    group="dimensions",
)

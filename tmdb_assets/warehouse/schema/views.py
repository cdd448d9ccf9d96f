"""The views that people read: declared here, with SQL and comments in `sql/views/`."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlalchemy as sa

from tmdb_assets.warehouse.schema.ddl import function_file, view_file


@dataclass(frozen=True)
class View:
    """A view: its name, the columns that identify its rows ("a, b"), and the tables and views it is made of.

    `columns`: name, SQL type, and the columns of tables that the value comes from, as `table.column`.
    `may_be_empty` is for views that can be empty although days are loaded.
    """

    name: str
    key: str
    made_of: tuple[str, ...]
    columns: tuple[tuple[str, str, tuple[str, ...]], ...]
    may_be_empty: bool = False


@dataclass(frozen=True)
class ViewColumn:
    """A column of a view as the database has it: name, SQL type and comment."""

    name: str
    type: str
    comment: str | None


def _columns(text: str) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Lines of `name: type < table.column, ...`."""
    lines = [line.strip() for line in text.strip().splitlines()]
    parts = [re.split(r": | < ", line) for line in lines]
    return tuple((name, kind, tuple(sources.split(", "))) for name, kind, sources in parts)


FILM = """
    movie_id: bigint < dim_movie.movie_id
    title: text < dim_movie.title
    release_date: date < dim_movie.release_date
    popularity: double precision < fact_movie_daily.popularity
"""
VOTES = """
    vote_average: double precision < fact_movie_daily.vote_average
    vote_count: integer < fact_movie_daily.vote_count
    snapshot_date: date < fact_movie_daily.date_id
    votes_date: date < fact_movie_daily.date_id
"""
RANK = "rank: bigint < fact_movie_daily.popularity"
VIEWS = (
    View("vw_movie_latest", "movie_id", ("fact_movie_daily", "dim_movie"), _columns(FILM.rstrip() + VOTES)),
    View("vw_top_movies", "rank", ("fact_movie_daily", "dim_movie"), _columns(RANK + FILM.rstrip() + VOTES)),
    View(
        "vw_genre_popularity",
        "genre_id",
        ("fact_movie_daily", "dim_genre", "bridge_movie_genre"),
        _columns("""
            genre_id: bigint < dim_genre.genre_id
            name: text < dim_genre.name
            avg_popularity: double precision < fact_movie_daily.popularity, bridge_movie_genre.genre_id
            total_votes: bigint < fact_movie_daily.vote_count, bridge_movie_genre.genre_id
            nb_movies: bigint < bridge_movie_genre.movie_id
            median_popularity: double precision < fact_movie_daily.popularity, bridge_movie_genre.genre_id
            popularity_share: double precision < fact_movie_daily.popularity, bridge_movie_genre.genre_id
            top_200_share: double precision < fact_movie_daily.popularity, bridge_movie_genre.genre_id
            n_movies_with_votes: bigint < fact_movie_daily.vote_count, bridge_movie_genre.genre_id
            oldest_votes_date: date < fact_movie_daily.date_id, bridge_movie_genre.genre_id
            avg_rating: double precision < fact_movie_daily.vote_average, bridge_movie_genre.genre_id
            votes_weighted_rating: double precision < fact_movie_daily.vote_average, fact_movie_daily.vote_count
        """),
    ),
    View(
        "vw_continent_popularity",
        "continent",
        ("fact_movie_daily", "dim_country", "bridge_movie_country"),
        _columns("""
            continent: text < dim_country.continent
            avg_popularity: double precision < fact_movie_daily.popularity, bridge_movie_country.iso_3166_1
            n_movies: bigint < bridge_movie_country.movie_id
            total_votes: bigint < fact_movie_daily.vote_count, bridge_movie_country.iso_3166_1
            median_popularity: double precision < fact_movie_daily.popularity, bridge_movie_country.iso_3166_1
            popularity_share: double precision < fact_movie_daily.popularity, bridge_movie_country.iso_3166_1
            top_200_share: double precision < fact_movie_daily.popularity, bridge_movie_country.iso_3166_1
            n_movies_with_votes: bigint < fact_movie_daily.vote_count, bridge_movie_country.iso_3166_1
            oldest_votes_date: date < fact_movie_daily.date_id, bridge_movie_country.iso_3166_1
            avg_rating: double precision < fact_movie_daily.vote_average, bridge_movie_country.iso_3166_1
            votes_weighted_rating: double precision < fact_movie_daily.vote_average, fact_movie_daily.vote_count
        """),
    ),
    View(
        "vw_trending_movies",
        "movie_id",
        ("fact_movie_daily", "dim_movie"),
        _columns(
            FILM.rstrip()
            + """
            popularity_1d_ago: double precision < fact_movie_daily.popularity
            popularity_7d_ago: double precision < fact_movie_daily.popularity
            popularity_30d_ago: double precision < fact_movie_daily.popularity
            change_1d: double precision < fact_movie_daily.popularity
            change_7d: double precision < fact_movie_daily.popularity
            change_30d: double precision < fact_movie_daily.popularity
            rank: bigint < fact_movie_daily.popularity
            snapshot_date: date < fact_movie_daily.date_id
            change_percent_1d: double precision < fact_movie_daily.popularity
            change_percent_7d: double precision < fact_movie_daily.popularity
            change_percent_30d: double precision < fact_movie_daily.popularity
            rank_by_percent: bigint < fact_movie_daily.popularity
        """
        ),
    ),
    View(
        "vw_person_popularity",
        "person_id",
        ("fact_movie_daily", "dim_movie", "dim_person", "bridge_movie_cast", "bridge_movie_crew"),
        _columns("""
            person_id: bigint < dim_person.person_id
            name: text < dim_person.name
            known_for_department: text < dim_person.known_for_department
            n_movies: bigint < bridge_movie_cast.movie_id, bridge_movie_crew.movie_id
            n_movies_as_cast: bigint < bridge_movie_cast.movie_id
            n_movies_as_crew: bigint < bridge_movie_crew.movie_id
            popularity: double precision < fact_movie_daily.popularity
            median_popularity: double precision < fact_movie_daily.popularity
            best_movie_id: bigint < fact_movie_daily.movie_id
            best_title: text < dim_movie.title
            snapshot_date: date < fact_movie_daily.date_id
        """),
        may_be_empty=True,
    ),
    View(
        "vw_director_ranking",
        "rank",
        ("fact_movie_daily", "dim_movie", "dim_person", "bridge_movie_crew"),
        _columns("""
            rank: bigint < fact_movie_daily.vote_average, fact_movie_daily.vote_count
            person_id: bigint < dim_person.person_id
            name: text < dim_person.name
            n_movies: bigint < bridge_movie_crew.movie_id
            total_votes: bigint < fact_movie_daily.vote_count
            votes_weighted_rating: double precision < fact_movie_daily.vote_average, fact_movie_daily.vote_count
            weighted_rating: double precision < fact_movie_daily.vote_average, fact_movie_daily.vote_count
        """),
        may_be_empty=True,
    ),
    View(
        "vw_costars",
        "person_id, costar_id",
        ("fact_movie_daily", "dim_movie", "dim_person", "bridge_movie_cast"),
        _columns("""
            person_id: bigint < dim_person.person_id
            name: text < dim_person.name
            costar_id: bigint < dim_person.person_id
            costar_name: text < dim_person.name
            n_movies: bigint < bridge_movie_cast.movie_id
        """),
        may_be_empty=True,
    ),
    View(
        "vw_upcoming_releases",
        "iso_3166_1, release_date, release_type, movie_id",
        ("fact_movie_daily", "dim_movie", "dim_country", "movie_release"),
        _columns("""
            iso_3166_1: text < movie_release.iso_3166_1
            country: text < dim_country.name
            release_date: date < movie_release.release_date
            release_type: text < movie_release.release_type
            movie_id: bigint < movie_release.movie_id
            title: text < dim_movie.title
            certification: text < movie_release.certification
            note: text < movie_release.note
            popularity: double precision < fact_movie_daily.popularity
            change_7d: double precision < fact_movie_daily.popularity
            change_30d: double precision < fact_movie_daily.popularity
            snapshot_date: date < fact_movie_daily.date_id
        """),
        may_be_empty=True,
    ),
    View(
        "vw_keyword_popularity",
        "keyword_id",
        ("fact_movie_daily", "dim_movie", "dim_keyword", "bridge_movie_keyword"),
        _columns("""
            keyword_id: bigint < dim_keyword.keyword_id
            name: text < dim_keyword.name
            n_movies: bigint < bridge_movie_keyword.movie_id
            avg_popularity: double precision < fact_movie_daily.popularity
            median_popularity: double precision < fact_movie_daily.popularity
            n_movies_7d_ago: bigint < fact_movie_daily.movie_id
            change_percent_7d: double precision < fact_movie_daily.popularity
            snapshot_date: date < fact_movie_daily.date_id
        """),
        may_be_empty=True,
    ),
    View(
        "vw_load_status",
        "date_id",
        ("fact_movie_daily",),
        _columns("""
            date_id: date < fact_movie_daily.date_id
            loaded_at: timestamp with time zone < fact_movie_daily.loaded_at
            n_movies: bigint < fact_movie_daily.movie_id
            discover_share: numeric < fact_movie_daily.source
            export_share: numeric < fact_movie_daily.source
            n_rejected_rows: bigint < rejected_row.snapshot_date
            n_requests: bigint < fetch_log.request_count
        """),
    ),
)


@dataclass(frozen=True)
class Function:
    """A function that people read like a view, in `sql/functions/`: its arguments, key, and the tables it reads."""

    name: str
    arguments: str
    key: str
    made_of: tuple[str, ...]


FUNCTIONS = (
    Function("movie_features", "first_day, last_day", "date_id, movie_id", ("fact_movie_daily", "movie_history")),
)

COLUMNS = """
select a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum)
from pg_attribute as a
where a.attrelid = to_regclass(:name) and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""


def grain_of(name: str) -> str:
    """The comment of a view in its SQL file."""
    return _comment(view_file(name).read_text(encoding="utf-8"), f"view {name}")


def declared_columns(view: View) -> list[ViewColumn]:
    """The columns of a view before the database has it: as declared, with the comments of its SQL file."""
    text = view_file(view.name).read_text(encoding="utf-8")
    return [ViewColumn(name, kind, _comment(text, f"column {view.name}.{name}")) for name, kind, _ in view.columns]


def function_grain(function: Function) -> str:
    """The comment of a function in its SQL file."""
    text = function_file(function.name).read_text(encoding="utf-8")
    types = ", ".join("date" for _ in function.arguments.split(", "))
    return _comment(text, f"function {function.name}({types})")


def function_columns(function: Function) -> list[ViewColumn]:
    """The columns that a function returns, in order: those of its SQL file, each with the comment on its line."""
    text = function_file(function.name).read_text(encoding="utf-8")
    lines = text.split("returns table (\n", 1)[1].split("\n)\n", 1)[0].splitlines()
    found = (re.fullmatch(r" +(\w+) ([\w \[\]]+?),? -- (.+)", line) for line in lines)
    return [ViewColumn(*match.groups()) for match in found if match]


def _comment(text: str, of: str) -> str:
    literal = text.split(f"comment on {of} is", 1)[1].split(";\n", 1)[0].rstrip(";\n")
    return "".join(part.strip("' ") + " " for part in literal.strip().splitlines()).replace("''", "'").strip()


def view_columns(connection: sa.Connection, name: str) -> list[ViewColumn]:
    """The columns of a view that was applied to this database, in order."""
    return [ViewColumn(*row) for row in connection.execute(sa.text(COLUMNS), {"name": name})]

"""Every picture, and which of them share an asset."""

from __future__ import annotations

from dataclasses import dataclass

from tmdb_assets.charts.picture import Picture
from tmdb_assets.charts.side_tables import (
    columns,
    films_beside_days,
    films_by_rank,
    films_then_and_now,
    forecasts_then_and_now,
    genres_beside_days,
    genres_then_and_now,
    groups_with_shares,
    largest_revenue,
    moved_only,
)
from tmdb_assets.language import mark

_PICTURES = (
    Picture(
        "key_figures",
        "figures",
        mark(
            "The number of films of the newest day, their mean rating (weighted by votes, and plain) and votes, and "
            "the median popularity of the 200 most popular."
        ),
        ("vw_movie_latest", "vw_top_movies", "dim_movie"),
        columns(
            n_movies=mark("films"),
            votes_weighted_vote=mark("rating by votes"),
            avg_vote=mark("plain mean"),
            total_votes=mark("votes"),
            top_200_median=mark("median"),
        ),
    ),
    Picture(
        "top_films",
        "figures",
        mark("The 20 most popular films of the newest day, with release year and rating."),
        ("vw_top_movies",),
        films_by_rank,
    ),
    Picture(
        "genre_popularity",
        "figures",
        mark("Each genre's share of the popularity of the 200 most popular films, with the median of all its films."),
        ("vw_genre_popularity",),
        columns(
            name=mark("genre"),
            top_200_percent=mark("top 200 %"),
            median_popularity=mark("median"),
            nb_movies=mark("films"),
        ),
    ),
    Picture(
        "continent_popularity",
        "figures",
        mark(
            "Each continent of production's share of the popularity of the 200 most popular films, with the median of "
            "all its films."
        ),
        ("vw_continent_popularity",),
        columns(
            continent=mark("produced in"),
            top_200_percent=mark("top 200 %"),
            median_popularity=mark("median"),
            n_movies=mark("films"),
        ),
    ),
    Picture(
        "popularity_over_time",
        "trends",
        mark("The popularity of chosen films day by day, of the top 8 where none are chosen."),
        ("vw_top_movies", "dim_movie", "fact_movie_daily"),
        films_beside_days,
        {"movie_ids": None, "days": 30},
        films_then_and_now,
    ),
    Picture(
        "movers_of_the_week",
        "trends",
        mark("The films whose popularity rose and fell most within 7 days, 10 of each, also in percent."),
        ("vw_movie_latest", "dim_movie", "fact_movie_daily"),
        moved_only,
    ),
    Picture(
        "genre_shares",
        "trends",
        mark("Which part of each day's 200 most popular films has a genre."),
        ("fact_movie_daily", "dim_movie", "bridge_movie_genre", "dim_genre"),
        genres_beside_days,
        {"days": 182},
        genres_then_and_now,
    ),
    Picture(
        "forecast_record",
        "forecasts",
        mark(
            "What was forecast on each of the last 7 days against what came, and the next 7 days, of the 6 top films."
        ),
        ("vw_top_movies", "fact_movie_daily", "forecast_movie_daily"),
        forecasts_then_and_now,
    ),
    Picture(
        "release_calendar",
        "catalogue",
        mark(
            "The 20 most popular films that came out in the past 30 days or come out within a year, by day of release."
        ),
        ("fact_movie_daily", "dim_movie"),
        columns(release_date=mark("release_date"), title=mark("title"), popularity=mark("popularity")),
    ),
    Picture(
        "original_languages",
        "catalogue",
        mark("The number of films by original language, with share and median popularity: the 20 with the most films."),
        ("fact_movie_daily", "dim_movie", "dim_language"),
        groups_with_shares,
    ),
    Picture(
        "production_countries",
        "catalogue",
        mark(
            "The number of films by country of production, with share and median popularity: the 20 with the most "
            "films."
        ),
        ("fact_movie_daily", "dim_movie", "bridge_movie_country", "dim_country"),
        groups_with_shares,
    ),
    Picture(
        "rating_distribution",
        "histograms",
        mark("The number of films by mean rating, in steps of half a point."),
        ("vw_movie_latest", "dim_movie"),
        columns(at_least=mark("at least"), n_movies=mark("films")),
    ),
    Picture(
        "runtime_distribution",
        "histograms",
        mark("The number of films by runtime, in steps of ten minutes."),
        ("fact_movie_daily", "dim_movie"),
        columns(at_least=mark("at least"), n_movies=mark("films")),
    ),
    Picture(
        "budget_and_revenue",
        "money",
        mark(
            "Budget against revenue of the 300 most popular films of which both are known; the table has the 20 "
            "largest."
        ),
        ("fact_movie_daily", "dim_movie"),
        largest_revenue,
    ),
    Picture(
        "top_people",
        "people",
        mark("The 20 people whose films have the most popularity together, with the best film of each."),
        ("vw_person_popularity",),
        columns(
            name=mark("person"), popularity=mark("popularity"), n_movies=mark("films"), best_title=mark("best film")
        ),
    ),
    Picture(
        "directors_by_rating",
        "people",
        mark("The 20 directors with the best rated films, of three films or more with votes."),
        ("vw_director_ranking",),
        columns(
            name=mark("director"),
            weighted_rating=mark("weighted rating"),
            n_movies=mark("films"),
            total_votes=mark("votes"),
        ),
    ),
    Picture(
        "films_of_a_person",
        "people",
        mark(
            "The popularity of a person's films day by day, of the first of the people by popularity where none is "
            "chosen."
        ),
        (
            "vw_person_popularity",
            "vw_movie_latest",
            "dim_movie",
            "dim_person",
            "bridge_movie_cast",
            "bridge_movie_crew",
            "fact_movie_daily",
        ),
        films_beside_days,
        {"person_id": None, "days": 30},
        films_then_and_now,
    ),
    Picture(
        "releases_by_country",
        "people",
        mark(
            "What opens in a country within 60 days, with type and certificate; the United States where none is chosen."
        ),
        ("vw_upcoming_releases",),
        columns(
            release_date=mark("release"), title=mark("title"), release_type=mark("type"), certification=mark("rated")
        ),
        {"country": "US"},
    ),
    Picture(
        "rising_keywords",
        "people",
        mark("The 20 keywords whose films gained the largest part of popularity within 7 days."),
        ("vw_keyword_popularity",),
        columns(
            name=mark("keyword"),
            change_percent_7d=mark("change %"),
            n_movies=mark("films"),
            median_popularity=mark("median"),
        ),
    ),
)
PICTURES = {picture.name: picture for picture in _PICTURES}


@dataclass(frozen=True)
class Report:
    """An asset of pictures that belong together: each asset costs a run about 0.1 s."""

    name: str
    shows: str
    pictures: tuple[Picture, ...]

    @property
    def reads(self) -> list[str]:
        """What its pictures read, each once; the snapshot date is read from vw_load_status."""
        names = [name for picture in self.pictures for name in picture.reads]
        return list(dict.fromkeys([*names, "vw_load_status"]))


REPORTS = (
    Report(
        "report_films",
        "The newest day at a glance",
        (PICTURES["key_figures"], PICTURES["top_films"], PICTURES["release_calendar"]),
    ),
    Report(
        "report_popularity",
        "Popularity of the newest day by group",
        (PICTURES["genre_popularity"], PICTURES["continent_popularity"]),
    ),
    Report(
        "report_catalogue",
        "What the films of the newest day are, by group and by measure",
        (
            PICTURES["original_languages"],
            PICTURES["production_countries"],
            PICTURES["rating_distribution"],
            PICTURES["runtime_distribution"],
            PICTURES["budget_and_revenue"],
        ),
    ),
    Report(
        "report_trends",
        "The days before the newest one; more than one loaded day is needed",
        (
            PICTURES["popularity_over_time"],
            PICTURES["movers_of_the_week"],
            PICTURES["genre_shares"],
            PICTURES["forecast_record"],
        ),
    ),
    Report(
        "report_people",
        "Who makes the films, what opens where, and which themes rise",
        (
            PICTURES["top_people"],
            PICTURES["directors_by_rating"],
            PICTURES["films_of_a_person"],
            PICTURES["releases_by_country"],
            PICTURES["rising_keywords"],
        ),
    ),
)

DIGEST = (
    "key_figures",
    "movers_of_the_week",
    "top_films",
    "genre_popularity",
    "rising_keywords",
    "top_people",
    "release_calendar",
)
"""The pictures of whose figures the lines of the digest are made; `charts/digest.py` imports pandas."""

"""Every picture, and which of them share an asset."""

from __future__ import annotations

from dataclasses import dataclass

from tmdb_assets.pictures.picture import Picture
from tmdb_assets.pictures.tables import films_beside_days, moved_only

_PICTURES = (
    Picture(
        "key_figures",
        "figures",
        "The number of films of the newest day, their mean rating, votes and mean popularity.",
        ("vw_movie_latest", "dim_movie"),
    ),
    Picture(
        "top_films",
        "figures",
        "The 20 most popular films of the newest day, with release year and rating.",
        ("vw_top_movies",),
    ),
    Picture(
        "genre_popularity",
        "figures",
        "Mean popularity by genre, with films and votes.",
        ("vw_genre_popularity",),
    ),
    Picture(
        "continent_popularity",
        "figures",
        "Mean popularity by continent of production, with films and votes.",
        ("vw_continent_popularity",),
    ),
    Picture(
        "popularity_over_time",
        "trends",
        "The popularity of chosen films day by day, of the top 8 where none are chosen.",
        ("vw_top_movies", "dim_movie", "fact_movie_daily"),
        {"movie_ids": None, "days": 30},
        films_beside_days,
    ),
    Picture(
        "movers_of_the_week",
        "trends",
        "The films whose popularity rose and fell most within 7 days, 10 of each.",
        ("vw_trending_movies",),
        arrange=moved_only,
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
        (PICTURES["key_figures"], PICTURES["top_films"]),
    ),
    Report(
        "report_popularity",
        "Popularity of the newest day by group",
        (PICTURES["genre_popularity"], PICTURES["continent_popularity"]),
    ),
    Report(
        "report_trends",
        "The days before the newest one; more than one loaded day is needed",
        (PICTURES["popularity_over_time"], PICTURES["movers_of_the_week"]),
    ),
)

"""The checks that know the domain: each with what it says, what to do, and films to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tmdb_assets.checks import verdicts
from tmdb_assets.settings.thresholds import Thresholds
from tmdb_assets.warehouse.loading.measures import LEAST_ANSWERS, LONG_DAYS, NEWS_DAYS, SHORT_DAYS, Measures

Judge = Callable[[Measures, Thresholds], str | None]

# Films to look at, where a check has failed: its first rows are shown with the check.
FALLEN_FILMS = """
select f.movie_id from fact_movie_daily as f
inner join fact_movie_daily as e on e.movie_id = f.movie_id and e.date_id = (
    select max(d.date_id) from load_day as d
    where d.date_id < :day and d.date_id >= :day - 14 and d.discover_count > 0
)
where f.date_id = :day and e.vote_count - f.vote_count > greatest(1, 0.001 * e.vote_count)
order by e.vote_count - f.vote_count desc, f.movie_id limit :shown
"""
DOUBLE_FILMS = """
select d.movie_id from (
    select m.movie_id, m.title, m.release_date, count(*) over (partition by lower(m.title), m.release_date) as films
    from fact_movie_daily as f inner join dim_movie as m on m.movie_id = f.movie_id
    where f.date_id = :day and m.removed_date is null and m.release_date is not null
) as d where d.films > 1 order by lower(d.title), d.release_date, d.movie_id limit :shown
"""
ODD_MONEY = """
select m.movie_id from fact_movie_daily as f inner join dim_movie as m on m.movie_id = f.movie_id
where f.date_id = :day and m.removed_date is null
and (m.budget_usd < 1000 or m.budget_usd > 1000000000 or m.revenue_usd < 1000 or m.revenue_usd > 5000000000)
order by f.popularity desc, m.movie_id limit :shown
"""
NOT_EXPORTED = """
select f.movie_id from fact_movie_daily as f
where f.date_id = :day and f.source = 'discover'
and not exists (select 1 from raw_export as r where r.snapshot_date = :day and r.movie_id = f.movie_id)
order by f.popularity desc, f.movie_id limit :shown
"""
BROKEN_HISTORIES = """
select distinct h.movie_id from (
    select c.movie_id, c.valid_to, lead(c.valid_from) over (partition by c.movie_id order by c.valid_from) as next_from
    from movie_history as c
    where c.movie_id in (select d.movie_id from raw_details as d where d.snapshot_date = :day)
) as h where h.valid_to is distinct from h.next_from order by h.movie_id limit :shown
"""


@dataclass(frozen=True)
class DomainCheck:
    """A check of `quality_measure`: `says` is what is true when it passes, `advice` what to do otherwise.

    `judge` returns what is wrong, or None. `films` is the query of films to look at. `is_error`: the day's figures are
    wrong, not only to be read with care.
    """

    name: str
    says: str
    advice: str
    judge: Judge
    films: str | None = None
    is_error: bool = False

    @property
    def description(self) -> str:
        """What Dagster and the runbook show."""
        return f"{self.says} If not: {self.advice}"


LOOK_AT_TMDB = "look at the films on themoviedb.org; if TMDb has them so,"
CHECKS = (
    DomainCheck(
        "film_count_is_usual",
        "The day has as many films from discover as usual, and of the other known films no smaller share from the "
        f"export: the medians of the {SHORT_DAYS} days before.",
        "if TMDB_PAGES was changed, nothing; otherwise read pages_complete and export_stored, and run the day again "
        "before midnight UTC. The share allowed is QUALITY_FILM_COUNT_CHANGE.",
        verdicts.film_count,
    ),
    DomainCheck(
        "columns_are_filled",
        f"No column lacks a value, and no bridge a row, for many more films than usual: the median of {LONG_DAYS} "
        "days, for all films of the day, and the mean for those whose details came last.",
        "open a film of the day at TMDb: if it has the value there, TMDb has renamed or moved the field (see "
        "answers_keep_their_form), so change transforms/details.py; if not, TMDb has emptied it. The share allowed is "
        "QUALITY_NULL_CHANGE.",
        verdicts.nulls,
    ),
    DomainCheck(
        "films_have_their_links",
        "Most films have genres, countries, companies, languages and people, of those whose details came.",
        "read details_complete and the contracts of the bridges. With unpopular films (TMDB_PAGES=all) more "
        "of them have none: then raise QUALITY_EMPTY_SHARE.",
        verdicts.empty,
    ),
    DomainCheck(
        "popularity_is_usual",
        "Popularity moves as it does from day to day: of most films, at its median and quantiles, and in the films' "
        "order.",
        "tell the readers the day. A change of scale is TMDb's: nothing can be corrected; compare ranks and shares "
        "over it, and forecasts and trends from the day on. Where it has not moved, run the day again with --refresh "
        "before midnight UTC. The factor allowed is QUALITY_POPULARITY_CHANGE, the share that has to move "
        "QUALITY_MOVED_SHARE.",
        verdicts.popularity,
    ),
    DomainCheck(
        "votes_do_not_fall",
        "Hardly any film has fewer votes than on the loaded day before, by more than 1 and by more than 0.1%.",
        f"{LOOK_AT_TMDB} it has removed ratings: nothing has to be done. If not, an old answer was sent: "
        "run the day again with --refresh. The share allowed is QUALITY_FALLEN_VOTES_SHARE for each day since.",
        verdicts.votes,
        FALLEN_FILMS,
    ),
    DomainCheck(
        "export_has_the_films",
        "The day's id export has the films that discover lists.",
        "load the export again: tmdb-assets backfill --refresh with --from and --to the day. If they are still "
        "missing, the export is not complete: it lacks the popularity of other films too. The share allowed is "
        "QUALITY_EXPORT_SHARE.",
        verdicts.export,
        NOT_EXPORTED,
    ),
    DomainCheck(
        "days_have_no_gap",
        f"Each of the {LONG_DAYS} days before is loaded, from the first loaded day on.",
        "tmdb-assets backfill with --from and --to the days: their exports have the popularity, for about three "
        "months. The gap filler of tmdb-assets dev does so automatically.",
        verdicts.days,
    ),
    DomainCheck(
        "films_are_distinct",
        "Hardly any film has title and release date of another.",
        f"{LOOK_AT_TMDB} count them once in your own figures: TMDb merges such films in time. The share allowed is "
        "QUALITY_DUPLICATE_SHARE.",
        verdicts.doubles,
        DOUBLE_FILMS,
    ),
    DomainCheck(
        "money_is_plausible",
        "Budgets and revenues are hardly ever below 1,000 US dollars, or above a billion (revenues: five).",
        f"{LOOK_AT_TMDB} leave these films out of figures on money, or correct them at TMDb. The share allowed is "
        "QUALITY_MONEY_SHARE.",
        verdicts.money,
        ODD_MONEY,
    ),
    DomainCheck(
        "history_has_no_hole",
        "The states of a film follow each other without overlap or hole, and the newest has the status, runtime, "
        "budget, revenue and collection of dim_movie, for the films whose details came that day.",
        "run the day again (tmdb-assets run --date and the day): its load makes the states again from the stored "
        "answers. If it still fails, somebody changed movie_history by hand: delete the rows of these films and run "
        "the days again.",
        verdicts.history,
        BROKEN_HISTORIES,
        is_error=True,
    ),
    DomainCheck(
        "answers_keep_their_form",
        f"TMDb's answers, where {LEAST_ANSWERS} or more came, have the keys and codes of the {LONG_DAYS} days before.",
        "a new key or code needs nothing: the raw answers have it, for when it is wanted. For one that has vanished "
        "read columns_are_filled, and change transforms/details.py where it has another name now. It is reported on "
        f"{NEWS_DAYS} days.",
        verdicts.answers,
    ),
)

"""Mutants of SQL that may live, and why; a part of `survivors`."""

from __future__ import annotations

_KEY = "A foreign key: each row on the left has exactly one on the right."
_BOTH = "The condition under `where` on the joined columns leaves the same rows of either join."
_LATER = "The inner join that follows drops the rows that this one would add."
_ONE_DAY = "All rows joined are of one day, the newest."
_PLACES = "Only figures below 1e-100 differ: no rating and no share of a top film is so small."
_WIDER = "More days are read, and the same ones are joined."
_ONE = "A film has at most one row of a day; the order and the limit are for the planner."
_APART = "The rows of both parts are never the same."
_NULLS = "The shares of a day are all NULL or none is."
_MORE = "Sums are made for more people or keywords, and the same 20 are shown."
_OF_FACT = {
    "inner join -> left join in `inner join dim_movie as m on f.movie_id": _KEY,
    "inner join -> right join in `inner join dim_movie as m on f.movie_id": _BOTH,
}
_OF_LATEST = {
    "inner join -> left join in `inner join dim_movie as m on l.movie_id": _KEY,
    "inner join -> right join in `inner join dim_movie as m on l.movie_id": _BOTH,
}
_REASONS: dict[str, dict[str, str]] = {
    "sql/functions/movie_features.sql": {
        "7 -> 8 in `where f.date_id between": "One more day is read before the week, and no figure is of it.",
        "is null -> is not null in `with_votes": "The same two groups.",
        "1 -> 2 in `and d.date_id between": _WIDER,
        "- -> + in `and d.date_id between": _WIDER,
        "7 -> 8 in `and w.date_id between": _WIDER,
        "- -> + in `and w.date_id between": _WIDER,
        "28 -> 29 in `and l.date_id between": _WIDER,
        "- -> + in `and l.date_id between": _WIDER,
    },
    "sql/functions/renew_totals.sql": {
        "union all -> union": "The rows of both parts differ in their kind, and are unique.",
        "inner join -> left join in `inner join dim_country": _BOTH,
        "inner join -> right join in `inner join dim_country": _LATER,
        "100 -> 101 in `round(t.": _PLACES,
    },
    "sql/pictures/budget_and_revenue.sql": _OF_FACT,
    "sql/pictures/continent_popularity.sql": {"nulls last -> nulls first": _NULLS},
    "sql/pictures/films_of_a_person.sql": _OF_LATEST
    | {
        "union all -> union": _APART,
        "asc -> desc in `order by f.date_id asc": _ONE,
        "1 -> 2 in `limit 1": _ONE,
        "inner join -> left join in `inner join dim_person as n": "The person asked for is one of dim_person.",
        "inner join -> right join in `inner join dim_person as n": "The rows that it adds have no day.",
    },
    "sql/pictures/forecast_record.sql": {
        "inner join -> right join in `inner join fact_movie_daily as p": _LATER,
        "inner join -> right join in `inner join forecast_movie_daily as p": _LATER,
        "inner join -> left join in `inner join film as t": "The figures are of these films.",
        "inner join -> right join in `inner join film as t": "Each of these films has a figure.",
        "union all -> union": _APART,
        "7 -> 8 in `cross join generate_series(1, 7) as ahead": "No forecast reaches further than 7 days.",
    },
    "sql/pictures/genre_popularity.sql": {"nulls last -> nulls first": _NULLS},
    "sql/pictures/genre_shares.sql": {
        "inner join -> right join in `inner join bridge_movie_genre as b": _LATER,
        "inner join -> right join in `inner join days as d": "The days are those of the links.",
        "inner join -> left join in `inner join days as d": "The days are those of the links.",
        "inner join -> left join in `inner join dim_genre as g": _KEY,
    },
    "sql/pictures/key_figures.sql": _OF_LATEST,
    "sql/pictures/movers_of_the_week.sql": _OF_LATEST
    | {"inner join -> left join in `inner join dim_movie as m on b.movie_id": _KEY},
    "sql/pictures/original_languages.sql": _OF_FACT,
    "sql/pictures/popularity_over_time.sql": {
        "union all -> union": _APART,
        "inner join -> left join in `inner join dim_movie as m on c": "A film that is not in dim_movie has no fact.",
        "inner join -> right join in `inner join dim_movie as m on c": "A film that is not chosen finds no fact.",
        "asc -> desc in `order by f.date_id asc": _ONE,
        "1 -> 2 in `limit 1": _ONE,
    },
    "sql/pictures/production_countries.sql": _OF_FACT,
    "sql/pictures/rating_distribution.sql": _OF_LATEST,
    "sql/pictures/release_calendar.sql": _OF_FACT,
    "sql/pictures/rising_keywords.sql": {
        "inner join -> left join in `inner join fact_movie_daily as w": _BOTH,
        "inner join -> right join in `inner join fact_movie_daily as w": _BOTH,
        "inner join -> right join in `inner join film as f": "It adds a group without a keyword, which no view shows.",
        "is not null -> is null in `where s.growth": _MORE,
        "19 -> 20 in `limit 1 offset 19": _MORE,
        "0 -> 1 in `0`": "Keywords that rose are shown, and these have grown to more than 1 times.",
        ">= -> > in `where s.growth": "The bound is a millionth below the last of the 20.",
        "= -> <> in `and v.keyword_id": _MORE,
    },
    "sql/pictures/runtime_distribution.sql": _OF_FACT,
    "sql/pictures/top_people.sql": {
        "asc -> desc in `order by n.popularity": "Of films that are alike, any are first ones.",
        "4000 -> 4001": "Bounds are made of any number of first films.",
        ">= -> > in `where p.n_movies >= 2": _MORE,
        "2 -> 3 in `where p.n_movies": _MORE,
        "desc -> asc in `order by p.popularity": _MORE,
        "19 -> 20 in `limit 1 offset 19": _MORE,
        "> -> >= in `when (select count(*)": _MORE,
        "min( -> max( in `then (select min(": _MORE,
        "and -> or in `and p.popularity": _MORE,
        "0 -> 1 in `and p.popularity": _MORE,
        "= -> <> in `where c.person_id = p.person_id": "The credits of all others are more: " + _MORE.lower(),
        "= -> <> in `where v.n_movies": _MORE,
    },
    "sql/views/vw_costars.sql": {
        "inner join -> left join in `inner join movie_latest as l": _BOTH,
        "inner join -> right join in `inner join movie_latest as l": _BOTH,
        "inner join -> right join in `inner join dim_movie as m": _BOTH,
        "inner join -> left join in `inner join bridge_movie_cast as b": _LATER,
        "inner join -> right join in `inner join bridge_movie_cast as b": _LATER,
        "inner join -> right join in `inner join dim_person as a": _LATER,
        "inner join -> left join in `inner join dim_movie as m": _KEY,
        "inner join -> left join in `inner join dim_person as a": _KEY,
        "inner join -> left join in `inner join dim_person as b": _KEY,
    },
    "sql/views/vw_director_ranking.sql": {
        "inner join -> right join in `inner join rated as r": _LATER,
        "inner join -> left join in `inner join dim_person as p": _KEY,
    },
    "sql/views/vw_genre_popularity.sql": {
        "inner join -> left join": "Totals are counted of bridge_movie_genre, which has a foreign key.",
        "inner join -> right join in `inner join dim_genre as g": _BOTH,
    },
    "sql/views/vw_keyword_popularity.sql": {
        "max( -> min( in `max(l.snapshot_date)": _ONE_DAY,
        "inner join -> left join in `inner join movie_latest as l": _LATER,
        "inner join -> right join in `inner join movie_latest as l": _LATER,
        "inner join -> right join in `inner join dim_movie as m": _LATER,
        "inner join -> left join in `inner join dim_movie as m": _KEY,
        "inner join -> left join in `inner join dim_keyword as k": _KEY,
    },
    "sql/views/vw_movie_latest.sql": {
        "inner join -> left join in `inner join dim_movie as m": _KEY,
    },
    "sql/views/vw_person_popularity.sql": {
        "inner join -> right join in `inner join dim_movie as m": _BOTH,
        "union all -> union": "Repeats of a credit are grouped into one row in any case.",
        "desc -> asc in `array_agg(f.popularity": "The middle is the same from both ends.",
        "max( -> min( in `max(f.snapshot_date)": _ONE_DAY,
        "inner join -> right join in `inner join newest_film as f": _LATER,
        "inner join -> right join in `inner join dim_person as p": _LATER,
        "inner join -> left join in `inner join newest_film as m": "The best film of a person is one of these films.",
        "inner join -> left join in `inner join dim_movie as m": _KEY,
        "inner join -> left join in `inner join dim_person as p": _KEY,
    },
    "sql/views/vw_top_movies.sql": {
        "inner join -> left join": "The top films are taken from movie_latest, which has a foreign key.",
        "inner join -> right join in `inner join movie_latest as l": _LATER,
    },
    "sql/views/vw_trending_movies.sql": {
        "inner join -> right join in `inner join dim_movie as m": _BOTH,
        "inner join -> left join in `inner join dim_movie as m": _KEY,
    },
    "sql/views/vw_upcoming_releases.sql": {
        "inner join -> left join": _BOTH,
        "inner join -> right join": _BOTH,
    },
}
SQL_REASONS = {f"{file}: {start}": reason for file, starts in _REASONS.items() for start, reason in starts.items()}
"""The name of a mutant, or its beginning -> the reason."""

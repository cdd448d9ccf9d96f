"""Queries of the pages in addition to those of the pictures; `tmdb_reader` may run them all."""

LOADED_DAYS = """
select
    date_id as day,
    n_movies,
    100 * discover_share as discover_percent,
    n_rejected_rows,
    loaded_at
from vw_load_status
order by date_id desc
limit 90
"""

TOP_FILMS = "select * from vw_top_movies order by rank"

# The columns of vw_top_movies, ranked within one continent the way that view ranks all films.
TOP_OF_CONTINENT = """
with first_films as (
    select l.*
    from vw_movie_latest as l
    inner join dim_movie as m on l.movie_id = m.movie_id
    where
        l.snapshot_date = :day
        and m.removed_date is null
        and exists (
            select
            from bridge_movie_country as b
            inner join dim_country as c on b.iso_3166_1 = c.iso_3166_1
            where b.movie_id = l.movie_id and c.continent = :continent
        )
    order by l.popularity desc, l.vote_average desc nulls last, l.vote_count desc nulls last, l.movie_id asc
    limit 10
)

select
    row_number() over (
        order by f.popularity desc, f.vote_average desc nulls last, f.vote_count desc nulls last, f.movie_id asc
    ) as rank,
    f.*
from first_films as f
order by rank
"""

# `pattern` is a LIKE pattern.
FIND_FILMS = """
select movie_id, title, release_date
from vw_movie_latest
where title ilike :pattern
order by popularity desc nulls last, movie_id asc
limit 20
"""

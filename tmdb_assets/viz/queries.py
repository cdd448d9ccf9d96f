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

SIMILAR_FILMS = """
select
    s.rank,
    m.title,
    m.release_date,
    s.score,
    s.because,
    s.similar_id as movie_id
from movie_similar as s
inner join dim_movie as m on s.similar_id = m.movie_id
where s.movie_id = :movie_id
order by s.rank
"""

TOP_PEOPLE = """
select person_id, name
from vw_person_popularity
where n_movies >= 2
order by popularity desc, person_id asc
limit 50
"""

# `pattern` is a LIKE pattern.
FIND_PEOPLE = """
select person_id, name
from vw_person_popularity
where name ilike :pattern
order by popularity desc, person_id asc
limit 20
"""

COSTARS = """
select costar_name, n_movies
from vw_costars
where person_id = :person_id
order by n_movies desc, costar_name asc
limit 10
"""

# The countries with releases to come, those with the most first.
RELEASE_COUNTRIES = """
select
    iso_3166_1,
    coalesce(country, iso_3166_1) as country
from vw_upcoming_releases
where release_date <= snapshot_date + 60
group by iso_3166_1, country
order by count(*) desc, iso_3166_1 asc
"""


def like_pattern(part: str) -> str:
    """A LIKE pattern for texts that contain `part`."""
    escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"

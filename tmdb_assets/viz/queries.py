"""Queries of the pages in addition to those of the pictures; `tmdb_reader` may run them all."""

LOADED_DAYS = """
select
    date_id as day,
    n_movies,
    100 * discover_share as discover_percent,
    n_rejected_rows,
    loaded_at
from vw_load_status
where date_id > (select max(s.date_id) - :days from vw_load_status as s)
order by date_id desc
"""

# A step that ended well is no check, and some checks are about today, not about the day that was loaded.
CHECKS_OF_A_DAY = """
select asset_name, check_name, is_passed, severity, description
from check_result
where
    date_id = :day
    and check_name <> all(:about_today)
    and (check_name <> 'run' or not is_passed)
order by is_passed, severity, asset_name, check_name
"""

TOP_FILMS = "select * from vw_top_movies order by rank"

TITLE = "select movie_id, title from dim_movie where movie_id = :movie_id"

TITLES = "select movie_id, title, release_date from dim_movie where movie_id = any(:movie_ids)"

# The first films, with their change within a week.
CHANGED_FILMS = """
select
    t.*,
    t.popularity - f.popularity as change_7d
from vw_top_movies as t
left join fact_movie_daily as f
    on
        t.movie_id = f.movie_id
        and f.date_id = (select max(s.date_id) - 7 from vw_load_status as s)
order by t.rank
"""

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

# One film: its attributes, and its popularity and rank on the newest day, a week and 30 days before.
FILM = """
select
    d.movie_id,
    d.title,
    d.original_title,
    d.release_date,
    d.runtime_minutes,
    d.overview,
    d.poster_path,
    d.budget_usd,
    d.revenue_usd,
    d.removed_date,
    l.vote_average,
    l.vote_count,
    coalesce(n.name, d.original_language) as language,
    array(
        select g.name
        from bridge_movie_genre as b inner join dim_genre as g on b.genre_id = g.genre_id
        where b.movie_id = d.movie_id
        order by g.name
    ) as genres,
    array(
        select coalesce(c.name, b.iso_3166_1)
        from bridge_movie_country as b left join dim_country as c on b.iso_3166_1 = c.iso_3166_1
        where b.movie_id = d.movie_id
        order by 1
    ) as countries,
    array(
        select k.name
        from bridge_movie_keyword as b inner join dim_keyword as k on b.keyword_id = k.keyword_id
        where b.movie_id = d.movie_id
        order by k.name
        limit 15
    ) as keywords
from dim_movie as d
left join vw_movie_latest as l on d.movie_id = l.movie_id
left join dim_language as n on d.original_language = n.iso_639_1
where d.movie_id = :movie_id
"""

FILM_RANKS = """
select
    a.days,
    f.popularity,
    (
        select count(*) + 1
        from fact_movie_daily as o
        where o.date_id = cast(:day as date) - a.days and o.popularity > f.popularity
    ) as rank
from (values (0), (7), (30)) as a (days)
inner join fact_movie_daily as f on f.movie_id = :movie_id and f.date_id = cast(:day as date) - a.days
order by a.days
"""

FILM_PEOPLE = """
select p.person_id, p.name, string_agg(distinct r.part, ', ') as part, min(r.place) as place
from (
    select b.person_id, b.job as part, -1 as place
    from bridge_movie_crew as b
    where b.movie_id = :movie_id and b.job in ('Director', 'Writer', 'Screenplay')
    union all
    select b.person_id, 'cast' as part, b.cast_order as place
    from bridge_movie_cast as b
    where b.movie_id = :movie_id and b.cast_order < 8
) as r
inner join dim_person as p on r.person_id = p.person_id
group by p.person_id, p.name
order by place, p.person_id
limit 12
"""

FILM_RELEASES = """
select
    coalesce(c.name, r.iso_3166_1) as country,
    r.release_type,
    r.release_date,
    r.certification
from movie_release as r
left join dim_country as c on r.iso_3166_1 = c.iso_3166_1
where r.movie_id = :movie_id
order by r.release_date, country, r.release_type
"""

# A person's films of the newest day.
PERSON_FILMS = """
select
    row_number() over (order by l.popularity desc, l.movie_id asc) as rank,
    l.*
from vw_movie_latest as l
inner join dim_movie as m on l.movie_id = m.movie_id
where
    m.removed_date is null
    and l.snapshot_date = :day
    and l.movie_id in (
        select b.movie_id from bridge_movie_cast as b where b.person_id = :person_id
        union
        select b.movie_id from bridge_movie_crew as b where b.person_id = :person_id
    )
order by rank
limit 100
"""

PERSON_NAME = "select person_id, name from dim_person where person_id = :person_id"

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

# `pattern` is a LIKE pattern.
FIND_PEOPLE = """
select person_id, name
from vw_person_popularity
where person_id = any(array(select p.person_id from dim_person as p where p.name ilike :pattern))
order by popularity desc, person_id asc
limit 20
"""

COSTARS = """
select costar_name, n_movies
from vw_costars
where person_id = :person_id
order by n_movies desc, costar_name asc, costar_id asc
limit 10
"""

# The countries with releases to come, those with the most first.
RELEASE_COUNTRIES = """
select
    iso_3166_1,
    coalesce(country, iso_3166_1) as country
from vw_upcoming_releases
where release_date <= (select max(s.date_id) + 60 from vw_load_status as s)
group by iso_3166_1, country
order by count(*) desc, iso_3166_1 asc
"""


def like_pattern(part: str) -> str:
    """A LIKE pattern for texts that contain `part`."""
    escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"

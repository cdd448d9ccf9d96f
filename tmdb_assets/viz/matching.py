"""Queries of the films that match the filters; `tmdb_reader` may run them all."""

# Names to filter by, those with the most films first.
FILTER_CHOICES = """
select 'genre' as kind, g.name, count(*) as n_movies
from bridge_movie_genre as b inner join dim_genre as g on b.genre_id = g.genre_id
where g.name is not null
group by g.name
union all
select 'country' as kind, c.name, count(*) as n_movies
from bridge_movie_country as b inner join dim_country as c on b.iso_3166_1 = c.iso_3166_1
where c.name is not null
group by c.name
union all
select 'language' as kind, l.name, count(*) as n_movies
from dim_movie as m inner join dim_language as l on m.original_language = l.iso_639_1
where l.name is not null
group by l.name
order by kind, n_movies desc, name
"""

# The films of the newest day that match the filters.
_MATCHING = """
with matching as materialized (
    select l.*
    from vw_movie_latest as l
    inner join dim_movie as m on l.movie_id = m.movie_id
    where
        l.snapshot_date = :day
        and m.removed_date is null
        and (cast(:from_year as integer) is null or l.release_date >= make_date(cast(:from_year as integer), 1, 1))
        and (cast(:to_year as integer) is null or l.release_date <= make_date(cast(:to_year as integer), 12, 31))
        and (
            cast(:language as text) is null
            or m.original_language in (select d.iso_639_1 from dim_language as d where d.name = :language)
        )
        and (
            cast(:genre as text) is null
            or l.movie_id in (
                select b.movie_id
                from bridge_movie_genre as b
                inner join dim_genre as g on b.genre_id = g.genre_id
                where g.name = :genre
            )
        )
        and (
            cast(:country as text) is null
            or l.movie_id in (
                select b.movie_id
                from bridge_movie_country as b
                inner join dim_country as c on b.iso_3166_1 = c.iso_3166_1
                where c.name = :country
            )
        )
)
"""

# The columns of vw_top_movies, ranked as that view ranks all films.
MATCHING_FILMS = (
    _MATCHING
    + """
select
    row_number() over (
        order by m.popularity desc, m.vote_average desc nulls last, m.vote_count desc nulls last, m.movie_id asc
    ) as rank,
    m.*,
    m.popularity - f.popularity as change_7d
from matching as m
left join fact_movie_daily as f on m.movie_id = f.movie_id and f.date_id = cast(:day as date) - 7
order by rank
limit 200
"""
)

_FIGURES = """
select
    count(*) as n_movies,
    coalesce(sum(m.vote_count), 0)::bigint as total_votes,
    (
        sum(m.vote_average::numeric * m.vote_count)
        / nullif(sum(m.vote_count) filter (where m.vote_average is not null), 0)
    )::double precision as votes_weighted_vote,
    (
        select percentile_cont(0.5) within group (order by t.popularity)
        from (select n.popularity from matching as n order by n.popularity desc limit 200) as t
    ) as top_200_median
from matching as m
"""
MATCHING_FIGURES = _MATCHING + _FIGURES

MATCHING_RISER = (
    _MATCHING
    + """
select m.title, f.popularity as before, m.popularity as now
from matching as m
inner join fact_movie_daily as f on m.movie_id = f.movie_id and f.date_id = cast(:day as date) - 7
order by m.popularity - f.popularity desc, m.movie_id asc
limit 1
"""
)

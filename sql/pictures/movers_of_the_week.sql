-- Both ends of the week, ten films each. A film whose change is unknown tells the chart that there is no history. The
-- view's rank is left alone: so ten rows from either end are found without sorting a million films.
with changes as not materialized (
    select
        movie_id,
        title,
        popularity,
        popularity_7d_ago,
        change_7d
    from vw_trending_movies
),

risers as (
    select
        movie_id,
        title,
        popularity,
        popularity_7d_ago,
        change_7d
    from changes
    order by change_7d desc nulls last, popularity desc, movie_id asc
    limit 10
),

fallers as (
    select
        movie_id,
        title,
        popularity,
        popularity_7d_ago,
        change_7d
    from changes
    order by change_7d asc nulls last, popularity desc, movie_id asc
    limit 10
)

select
    movie_id,
    title,
    popularity,
    popularity_7d_ago,
    change_7d
from risers
union
select
    movie_id,
    title,
    popularity,
    popularity_7d_ago,
    change_7d
from fallers
order by change_7d desc nulls last, popularity desc, movie_id asc

create or replace view vw_trending_movies as
with newest_films as (
    select
        l.movie_id,
        m.title,
        m.release_date,
        l.popularity,
        l.snapshot_date
    from movie_latest as l
    inner join dim_movie as m on l.movie_id = m.movie_id
    where
        l.snapshot_date = (select max(d.date_id) from load_day as d)
        and m.removed_date is null
),

-- Each day comes from a separate subquery, not a join, so that Postgres reads only the month that contains it.
day_ago as (
    select
        f.movie_id,
        f.popularity
    from fact_movie_daily as f
    where f.date_id = (select max(d.date_id) - 1 from load_day as d)
),

week_ago as (
    select
        f.movie_id,
        f.popularity
    from fact_movie_daily as f
    where f.date_id = (select max(d.date_id) - 7 from load_day as d)
),

month_ago as (
    select
        f.movie_id,
        f.popularity
    from fact_movie_daily as f
    where f.date_id = (select max(d.date_id) - 30 from load_day as d)
),

changed as (
    select
        n.movie_id,
        n.title,
        n.release_date,
        n.popularity,
        d.popularity as popularity_1d_ago,
        w.popularity as popularity_7d_ago,
        m.popularity as popularity_30d_ago,
        n.popularity - d.popularity as change_1d,
        n.popularity - w.popularity as change_7d,
        n.popularity - m.popularity as change_30d,
        n.snapshot_date,
        case
            when d.popularity >= 0.001
                then 100 * ((n.popularity - d.popularity) / d.popularity)
        end as change_percent_1d,
        case
            when w.popularity >= 0.001
                then 100 * ((n.popularity - w.popularity) / w.popularity)
        end as change_percent_7d,
        case
            when m.popularity >= 0.001
                then 100 * ((n.popularity - m.popularity) / m.popularity)
        end as change_percent_30d,
        w.popularity >= 5 as has_percent_rank -- the floor; the comment of rank_by_percent names it
    from newest_films as n
    left join day_ago as d on n.movie_id = d.movie_id
    left join week_ago as w on n.movie_id = w.movie_id
    left join month_ago as m on n.movie_id = m.movie_id
)

select
    c.movie_id,
    c.title,
    c.release_date,
    c.popularity,
    c.popularity_1d_ago,
    c.popularity_7d_ago,
    c.popularity_30d_ago,
    c.change_1d,
    c.change_7d,
    c.change_30d,
    row_number() over (
        order by
            c.change_7d desc nulls last,
            c.popularity desc,
            c.movie_id asc
    ) as rank,
    c.snapshot_date,
    c.change_percent_1d,
    c.change_percent_7d,
    c.change_percent_30d,
    case
        when c.has_percent_rank
            then row_number() over (
                partition by c.has_percent_rank
                order by
                    c.change_percent_7d desc,
                    c.popularity desc,
                    c.movie_id asc
            )
    end as rank_by_percent
from changed as c;

comment on view vw_trending_movies is
'One row per film of the newest loaded day: its popularity now and 1, 7 and 30 days ago, and the change. '
'Excludes removed films.';
comment on column vw_trending_movies.movie_id is 'TMDb''s id of the film.';
comment on column vw_trending_movies.title is 'Title in TMDB_LANGUAGE.';
comment on column vw_trending_movies.release_date is 'First release; NULL where unknown.';
comment on column vw_trending_movies.popularity is 'TMDb''s popularity score on snapshot_date, without unit.';
comment on column vw_trending_movies.popularity_1d_ago is
'Popularity on the day before snapshot_date; NULL where the film has no fact for that day.';
comment on column vw_trending_movies.popularity_7d_ago is
'Popularity 7 days before snapshot_date; NULL where the film has no fact for that day.';
comment on column vw_trending_movies.popularity_30d_ago is
'Popularity 30 days before snapshot_date; NULL where the film has no fact for that day.';
comment on column vw_trending_movies.change_1d is 'popularity minus popularity_1d_ago.';
comment on column vw_trending_movies.change_7d is 'popularity minus popularity_7d_ago.';
comment on column vw_trending_movies.change_30d is 'popularity minus popularity_30d_ago.';
comment on column vw_trending_movies.rank is
'Rank by change_7d, from 1: the biggest rise first, unknown changes last; then by popularity and id.';
comment on column vw_trending_movies.snapshot_date is 'The newest loaded day (UTC).';
comment on column vw_trending_movies.change_percent_1d is
'change_1d in percent of popularity_1d_ago; NULL where that is unknown or less than 0.001.';
comment on column vw_trending_movies.change_percent_7d is
'change_7d in percent of popularity_7d_ago; NULL where that is unknown or less than 0.001.';
comment on column vw_trending_movies.change_percent_30d is
'change_30d in percent of popularity_30d_ago; NULL where that is unknown or less than 0.001.';
comment on column vw_trending_movies.rank_by_percent is
'Rank by change_percent_7d, from 1: the biggest rise first; then by popularity and id. NULL for films whose '
'popularity_7d_ago is unknown or less than 5: a percentage of a small figure says little.';

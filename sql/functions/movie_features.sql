-- What was known of each film on each day, ready for models: a row never depends on a later day than its own. Runs with
-- the rights of its caller. Measures of days before the first are read for lags and means, so that a day's row does not
-- depend on the range either.
-- `begin atomic` fixes the names when the function is created: it needs no search_path of its own. With one, Postgres
-- would not merge it into the caller's query, and a filter on one film would compute the whole range.
-- Arguments have the name of the function before them, which the linter takes for a table.
-- noqa: disable=RF01
create or replace function movie_features(first_day date, last_day date)
returns table (
    date_id date, -- The day (UTC).
    movie_id bigint, -- TMDb's id of the film.
    popularity double precision, -- TMDb's popularity score on that day, without unit.
    popularity_1d_ago double precision, -- Popularity on the day before; NULL without a fact for that day.
    popularity_7d_ago double precision, -- Popularity 7 days before; NULL without a fact for that day.
    popularity_28d_ago double precision, -- Popularity 28 days before; NULL without a fact for that day.
    popularity_mean_7d double precision, -- Mean over the last 7 days, this one included, without those missing.
    popularity_stddev_7d double precision, -- Sample standard deviation over these days; NULL with only one.
    n_days_7d bigint, -- Number of these days with a fact, 1 to 7.
    vote_average double precision, -- Mean user rating, 0 to 10; NULL without votes and from the export.
    vote_count integer, -- Number of user ratings; NULL from the export.
    votes_per_day double precision, -- Gain per day since the last day with votes, up to 7 days before.
    days_since_release integer, -- Since release_date; negative before it.
    status text, -- As known on that day; NULL before the first details, as all below.
    release_date date, -- First release as known on that day.
    runtime_minutes bigint, -- Length as known on that day.
    budget_usd bigint, -- Budget as known on that day.
    revenue_usd bigint, -- Worldwide revenue as known on that day.
    original_language text, -- ISO 639-1 code as known on that day.
    collection_id bigint, -- Collection as known on that day.
    genre_ids bigint[], -- Genres as known on that day.
    company_ids bigint[], -- Production companies as known on that day.
    country_codes text[], -- Countries of production as known on that day.
    language_codes text[], -- Spoken languages as known on that day.
    is_removed boolean, -- Whether TMDb had deleted the film by that day; NULL: it was not known yet.
    source text -- discover, or export (popularity only).
)
language sql
stable
begin atomic
    with measured as (
        select
            f.date_id,
            f.movie_id,
            f.popularity,
            f.vote_average,
            f.vote_count,
            f.source,
            avg(f.popularity) over week as popularity_mean_7d,
            stddev_samp(f.popularity) over week as popularity_stddev_7d,
            count(*) over week as n_days_7d,
            -- The film's last day before with votes: days from the export have none.
            lag(f.date_id) over with_votes as votes_date_before,
            lag(f.vote_count) over with_votes as vote_count_before
        from fact_movie_daily as f
        where f.date_id between movie_features.first_day - 7 and movie_features.last_day
        window
            week as (
                partition by f.movie_id order by f.date_id range between interval '6 days' preceding and current row
            ),
            with_votes as (partition by f.movie_id, f.vote_count is null order by f.date_id)
    )

    select
        m.date_id,
        m.movie_id,
        m.popularity,
        d.popularity as popularity_1d_ago,
        w.popularity as popularity_7d_ago,
        l.popularity as popularity_28d_ago,
        m.popularity_mean_7d,
        m.popularity_stddev_7d,
        m.n_days_7d,
        m.vote_average,
        m.vote_count,
        case
            when m.votes_date_before >= m.date_id - 7
                then (m.vote_count - m.vote_count_before)::double precision / (m.date_id - m.votes_date_before)
        end as votes_per_day,
        m.date_id - h.release_date as days_since_release,
        h.status,
        h.release_date,
        h.runtime_minutes,
        h.budget_usd,
        h.revenue_usd,
        h.original_language,
        h.collection_id,
        h.genre_ids,
        h.company_ids,
        h.country_codes,
        h.language_codes,
        h.is_removed,
        m.source
    from measured as m
    -- The days of each are bounded, so that Postgres reads only the months that contain them.
    left join fact_movie_daily as d
        on
            m.movie_id = d.movie_id
            and m.date_id - 1 = d.date_id
            and d.date_id between movie_features.first_day - 1 and movie_features.last_day - 1
    left join fact_movie_daily as w
        on
            m.movie_id = w.movie_id
            and m.date_id - 7 = w.date_id
            and w.date_id between movie_features.first_day - 7 and movie_features.last_day - 7
    left join fact_movie_daily as l
        on
            m.movie_id = l.movie_id
            and m.date_id - 28 = l.date_id
            and l.date_id between movie_features.first_day - 28 and movie_features.last_day - 28
    left join movie_history as h
        on
            m.movie_id = h.movie_id
            and m.date_id >= h.valid_from
            and (h.valid_to is null or m.date_id < h.valid_to)
    where m.date_id >= movie_features.first_day;
end;

comment on function movie_features(date, date) is
'One row per film and day of fact_movie_daily from the first day to the last, with what was known on that day and no '
'later. Films that became known later have rows too: where is_removed is not null leaves only films that were known.';

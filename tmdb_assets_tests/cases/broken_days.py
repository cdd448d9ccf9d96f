"""Statements that make a day unlike the days before it, and what its check then says."""

# As if the three days before had brought the same answers.
DAYS_BEFORE = """
insert into load_day (date_id, discover_count, export_count)
select day, discover_count, export_count from load_day, unnest(cast(:before as date[])) as day where date_id = :day;
insert into fact_movie_daily (date_id, movie_id, popularity, vote_average, vote_count, source)
select day, movie_id, popularity * 1.01, vote_average, vote_count, source
from fact_movie_daily, unnest(cast(:before as date[])) as day where date_id = :day;
insert into quality_measure (date_id, measure, subject, figure)
select day, measure, subject, figure
from quality_measure, unnest(cast(:before as date[])) as day where date_id = :day
"""
# A statement that breaks the day, and what its check then says, up to the advice.
BROKEN = {
    "film_count_is_usual": (
        "update load_day set discover_count = 60 where date_id = :day",
        r"60 films from discover, -50% against the median of 120 on 3 of the 14 days before\.",
    ),
    "columns_are_filled": (
        "update dim_movie set overview = null, runtime_minutes = nullif(runtime_minutes, case when movie_id % 5 = 0 "
        "then runtime_minutes end); "
        "update movie_history set runtime_minutes = null where movie_id % 5 = 0; "
        "delete from bridge_movie_language where movie_id % 3 = 0",
        r"The share of films without a value has risen: dim_movie\.overview 100% \(usual 0%\), "
        r"bridge_movie_language 33% \(usual 0%\), dim_movie\.runtime_minutes 20% \(usual 0%\)\.",
    ),
    "films_have_their_links": (
        "update quality_measure set figure = 1 where measure = 'without_share'; "
        "delete from quality_measure where measure = 'answered'; "
        "delete from bridge_movie_genre where movie_id % 2 = 0",
        r"Films of which the details came have none of these: genre 50%\.",
    ),
    "popularity_is_usual": (
        "update fact_movie_daily set popularity = popularity * 0.2 where date_id = :day",
        r"TMDb has changed the scale of popularity: the films have kept their order, and the figures are 0\.198 times "
        r"those of the loaded day before\. Values before and after cannot be compared, ranks and shares can\.",
    ),
    "votes_do_not_fall": (
        "update fact_movie_daily set vote_count = vote_count - 2 where date_id = :day and movie_id <= 9003",
        r"3 of 120 films have fewer votes than on the loaded day before, by more than 1 and by more than 0\.1%\.",
    ),
    "export_has_the_films": (
        "delete from raw_export where movie_id <= 9010",
        r"10 of the 120 films that discover lists are not in the day's id export\.",
    ),
    "days_have_no_gap": (
        "delete from load_day where date_id = :day - 2",
        r"Of the 30 days before, not loaded: 2026-07-27\.",
    ),
    "films_are_distinct": (
        "update dim_movie set title = 'Twin', release_date = '2020-01-01' where movie_id <= 9003",
        r"3 of 120 films have title and release date of another film\.",
    ),
    "money_is_plausible": (
        "update dim_movie set budget_usd = 7, revenue_usd = 6e9 where movie_id <= 9010; "
        "update movie_history set budget_usd = 7, revenue_usd = 6e9 where movie_id <= 9010",
        r"20 of 240 budgets and revenues are below 1,000 US dollars, or above a billion \(revenues: five\)\.",
    ),
    "history_has_no_hole": (
        "set local session_replication_role = replica; "
        "update movie_history set valid_to = :day + 9 where movie_id <= 9002; "
        "delete from movie_history where movie_id = 9003; "
        "update movie_history set collection_id = 7 where movie_id = 9004",
        r"2 films whose states overlap or have a hole between them; 1 films whose newest state is not what dim_movie "
        r"says; 1 films that have details and no state\.",
    ),
    "answers_keep_their_form": (
        "update raw_discover set payload = payload - 'original_title' || '{\"brand_new\": false}'; "
        "update dim_movie set status = 'Shelved' where movie_id = 9001; "
        "update movie_history set status = 'Shelved' where movie_id = 9001; "
        "insert into dim_country (iso_3166_1, name, as_of_date) values ('QQ', 'New', :day)",
        r"New keys: raw_discover\.brand_new; vanished keys: raw_discover\.original_title; new codes that TMDb's "
        r"lists lack: country QQ; new statuses: Shelved\.",
    ),
}
FILMS_SHOWN = {"votes_do_not_fall": 3, "export_has_the_films": 10, "films_are_distinct": 3, "money_is_plausible": 10}
FILMS_SHOWN |= {"history_has_no_hole": 2}


# As many films known outside discover as on a new install, and how many of them each day's export brought.
GROWTH = """
insert into fetch_log (snapshot_date, kind, started_at, finished_at, request_count, row_count, known_film_count)
select date_id, 'export', now(), now(), 1, 1, 0 from load_day on conflict do nothing;
update fetch_log set known_film_count = 620 + 100 * (snapshot_date - :day) where kind = 'export';
update load_day set export_count = 490 + 100 * (date_id - :day)
"""

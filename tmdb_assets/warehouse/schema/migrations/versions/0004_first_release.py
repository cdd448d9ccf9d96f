"""The schema of 0.1.0: the fetch log in columns, and totals without triggers.

The text `fetch_log.part` becomes columns, and slices of release dates get a table. Functions that ran with their
owner's rights are dropped, with the triggers and the table of notes that used them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

FETCH_LOG = (
    """
    create table fetch_slice (
        snapshot_date date not null,
        first_release_date date not null,
        last_release_date date not null,
        page_count bigint not null,
        stored_pages jsonb not null,
        unseen_film_count bigint not null,
        finished_at timestamp with time zone,
        constraint pk_fetch_slice primary key (snapshot_date, first_release_date, last_release_date),
        constraint ck_fetch_slice_page_count_at_least check (page_count >= 0),
        constraint ck_fetch_slice_unseen_film_count_at_least check (unseen_film_count >= 0)
    )
    """,
    # 'slice A..B' was a finished slice, 'slice A..B page N' a stored page of an unfinished one. As their row_count
    # 'pages of slice A..B' had its pages, and 'unseen of slice A..B' its films beyond page 500.
    r"""
    insert into fetch_slice
    select
        s.snapshot_date,
        s.first_release_date,
        s.last_release_date,
        coalesce(max(s.row_count) filter (where s.what = 'pages of '), 0),
        coalesce(jsonb_agg(s.page order by s.page) filter (where s.page is not null), '[]'),
        coalesce(max(s.row_count) filter (where s.what = 'unseen of '), 0),
        max(s.finished_at) filter (where s.what = '' and s.page is null)
    from (
        select
            f.snapshot_date,
            f.row_count,
            f.finished_at,
            m.found[1] as what,
            m.found[2]::date as first_release_date,
            m.found[3]::date as last_release_date,
            m.found[4]::integer as page
        from fetch_log as f
        cross join lateral regexp_match(f.part, '^(|pages of |unseen of )slice ([\d-]+)\.\.([\d-]+)(?: page (\d+))?$')
            as m (found)
        where f.kind = 'discover' and m.found is not null
    ) as s
    group by s.snapshot_date, s.first_release_date, s.last_release_date
    having bool_or(s.what = '')
    """,
    """
    alter table fetch_log
    add column page_count bigint,
    add column stored_pages jsonb not null default '[]',
    add column is_whole_catalogue boolean not null default false,
    add column known_film_count bigint,
    add constraint ck_fetch_log_page_count_at_least check (page_count >= 0),
    add constraint ck_fetch_log_known_film_count_at_least check (known_film_count >= 0),
    drop constraint ck_fetch_log_kind_one_of
    """,
    r"""
    update fetch_log as f
    set page_count = p.page_count, stored_pages = p.stored_pages, is_whole_catalogue = p.is_whole_catalogue
    from (
        select
            snapshot_date,
            max(row_count) filter (where part = 'told') as page_count,
            coalesce(
                jsonb_agg(substr(part, 6)::integer order by substr(part, 6)::integer)
                filter (where part ~ '^page \d+$'),
                '[]'
            ) as stored_pages,
            bool_or(part = 'catalogue') as is_whole_catalogue
        from fetch_log
        where kind = 'discover'
        group by snapshot_date
    ) as p
    where f.kind = 'discover' and f.part = 'all' and f.snapshot_date = p.snapshot_date
    """,
    # Where it was not recorded, the films in the export are those that were known.
    """
    update fetch_log as f
    set known_film_count = coalesce(
        (
            select k.row_count from fetch_log as k
            where k.snapshot_date = f.snapshot_date and k.kind = 'export' and k.part = 'known films'
        ),
        (select count(*) from raw_export as e where e.snapshot_date = f.snapshot_date)
    )
    where f.kind = 'export' and f.part = 'all'
    """,
    """
    update fetch_log set kind = part, part = 'all'
    where kind = 'reference' and part in ('country', 'genre', 'language')
    """,
    # A list without the part 'changes' is older than that part: its changes were known.
    """
    delete from fetch_log as f
    where f.kind = 'due' and f.part = 'all' and exists (
        select from fetch_log as c
        where c.snapshot_date = f.snapshot_date and c.kind = 'due' and c.part = 'changes'
    )
    """,
    "update fetch_log set kind = 'changes', part = 'all' where kind = 'due' and part in ('all', 'changes')",
    "delete from fetch_log where part <> 'all' or kind in ('due', 'reference')",
    "alter table fetch_log drop column part, add constraint pk_fetch_log primary key (snapshot_date, kind)",
    """
    alter table fetch_log add constraint ck_fetch_log_kind_one_of
    check (kind in ('changes', 'country', 'details', 'discover', 'export', 'genre', 'language'))
    """,
)

# The views now read stored totals; replaced, not dropped, so that grants and views made from them stay.
VIEWS = {
    "vw_continent_popularity": """
        select t.code as continent, t.avg_popularity, t.n_movies, t.total_votes
        from popularity_total as t
        where t.kind = 'continent'
    """,
    "vw_genre_popularity": """
        select g.genre_id, g.name, t.avg_popularity, t.total_votes, t.n_movies as nb_movies
        from popularity_total as t
        inner join dim_genre as g on t.code = g.genre_id::text
        where t.kind = 'genre'
    """,
    "vw_top_movies": """
        select
            t.rank, t.movie_id, m.title, m.release_date, l.popularity, l.vote_average, l.vote_count, l.snapshot_date,
            l.votes_date
        from top_movie as t
        inner join movie_latest as l on t.movie_id = l.movie_id
        inner join dim_movie as m on t.movie_id = m.movie_id
        order by t.rank asc
    """,
}
FUNCTIONS = ("popularity_totals(text)", "top_movies()", "newest_films()", "grant_privileges()")
TRIGGER_FUNCTIONS = ("note_latest_change()", "note_changed_rows()", "note_newest_day()", "renew_totals()")

FORMER_TABLES = (
    "drop table fetch_slice, fetch_log",
    """
    create table fetch_log (
        snapshot_date date not null,
        kind text not null,
        part text not null,
        started_at timestamp with time zone not null,
        finished_at timestamp with time zone,
        request_count bigint not null,
        row_count bigint not null,
        constraint pk_fetch_log primary key (snapshot_date, kind, part),
        constraint ck_fetch_log_kind_one_of check (kind in ('details', 'discover', 'due', 'export', 'reference')),
        constraint ck_fetch_log_part_max_length check (char_length(part) <= 100),
        constraint ck_fetch_log_request_count_at_least check (request_count >= 0),
        constraint ck_fetch_log_row_count_at_least check (row_count >= 0)
    )
    """,
    """
    create table latest_change (
        change_id text not null,
        table_name text not null,
        changed_at timestamp with time zone default now() not null,
        constraint pk_latest_change primary key (change_id)
    )
    """,
)


def upgrade() -> None:
    """Move `fetch_log.part` into columns; drop triggers, their table of notes, and functions with owner's rights."""
    for statement in FETCH_LOG:
        op.execute(statement)
    for name, query in VIEWS.items():
        if op.get_bind().scalar(sa.text("select to_regclass(:name)"), {"name": name}):
            op.execute(f"create or replace view {name} as {query}")
    for signature in FUNCTIONS:
        op.execute(f"drop function if exists {signature}")
    for signature in TRIGGER_FUNCTIONS:
        op.execute(f"drop function if exists {signature} cascade")  # with the triggers that call it
    op.execute("drop table latest_change")


def downgrade() -> None:
    """Give the tables of a new, empty database their former columns, for the rows of a backup of that step."""
    for statement in FORMER_TABLES:
        op.execute(statement)

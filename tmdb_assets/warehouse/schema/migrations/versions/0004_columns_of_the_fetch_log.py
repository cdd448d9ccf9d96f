"""What the text `fetch_log.part` held becomes columns, and slices of release dates a table of their own."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
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
    # Where it was not noted, the films in the export are those that were known.
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
    # A list without the part 'changes' was made before it was noted whether changes were known: they were.
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


def upgrade() -> None:
    """Add the columns and the table, move what was noted into them, and drop `part`."""
    for statement in STATEMENTS:
        op.execute(statement)

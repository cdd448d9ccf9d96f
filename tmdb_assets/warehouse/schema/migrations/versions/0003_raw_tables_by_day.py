"""Raw answers lie in a partition a day, so that a day older than TMDb's terms allow goes by dropping its partition.

And the latest state of films is updated in place.
"""

import datetime as dt

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

RAW = {
    "raw_discover": """
        snapshot_date date not null,
        movie_id bigint not null,
        popularity double precision not null,
        vote_average double precision,
        vote_count bigint,
        rank bigint not null,
        payload jsonb not null,
        fetched_at timestamp with time zone not null,
        constraint pk_raw_discover primary key (snapshot_date, movie_id),
        constraint ck_raw_discover_movie_id_at_least check (movie_id >= 1),
        constraint ck_raw_discover_popularity_at_least check (popularity >= 0),
        constraint ck_raw_discover_vote_average_at_least check (vote_average >= 0),
        constraint ck_raw_discover_vote_average_at_most check (vote_average <= 10),
        constraint ck_raw_discover_vote_count_at_least check (vote_count >= 0),
        constraint ck_raw_discover_rank_at_least check (rank >= 1)
    """,
    "raw_details": """
        snapshot_date date not null,
        movie_id bigint not null,
        status_code smallint not null,
        payload jsonb,
        fetched_at timestamp with time zone not null,
        constraint pk_raw_details primary key (snapshot_date, movie_id),
        constraint ck_raw_details_movie_id_at_least check (movie_id >= 1)
    """,
    "raw_export": """
        snapshot_date date not null,
        movie_id bigint not null,
        popularity double precision not null,
        constraint pk_raw_export primary key (snapshot_date, movie_id),
        constraint ck_raw_export_movie_id_at_least check (movie_id >= 1),
        constraint ck_raw_export_popularity_at_least check (popularity >= 0)
    """,
}

# The grants that stand on a table and on its columns, as the statements that give them.
GRANTS = """
select format(
    'grant %s%s on %I to %s%s',
    g.privilege_type,
    g.of_column,
    :name,
    case g.grantee when 0 then 'public' else g.grantee::regrole::text end,
    case when g.is_grantable then ' with grant option' else '' end
)
from (
    select a.grantee, a.privilege_type, a.is_grantable, '' as of_column
    from pg_class as c
    cross join lateral aclexplode(c.relacl) as a
    where c.oid = to_regclass(:name) and a.grantee <> c.relowner
    union all
    select a.grantee, a.privilege_type, a.is_grantable, format(' (%I)', t.attname)
    from pg_attribute as t
    cross join lateral aclexplode(t.attacl) as a
    where t.attrelid = to_regclass(:name)
) as g
"""


def upgrade() -> None:
    """Move the rows of each raw table into a table of the same name, with a partition a day and the same grants."""
    connection = op.get_bind()
    for name, columns in RAW.items():
        grants = connection.scalars(sa.text(GRANTS), {"name": name}).all()
        op.execute(f"alter table {name} rename to unpartitioned")
        op.execute(f"alter table unpartitioned rename constraint pk_{name} to pk_unpartitioned")
        op.execute(f"create table {name} ({columns}) partition by range (snapshot_date)")
        days = connection.scalars(sa.text("select distinct snapshot_date from unpartitioned order by 1")).all()
        for day in days:
            op.execute(
                f"create table {name}_{day:%Y_%m_%d} partition of {name} "
                f"for values from ('{day}') to ('{day + dt.timedelta(days=1)}')"
            )
        op.execute(f"insert into {name} select * from unpartitioned")  # noqa: S608 - names written above
        op.execute("drop table unpartitioned")
        for grant in grants:
            op.execute(grant)
    op.execute("create index ix_raw_details_not_found on raw_details (movie_id) where status_code = 404")
    # Without the index, and with room on each page, a day's update of every film's row stays on its page.
    op.execute("drop index if exists ix_movie_latest_snapshot_date")
    op.execute("alter table movie_latest set (fillfactor = 50)")
    op.execute("create index ix_dim_movie_removed on dim_movie (movie_id) where removed_date is not null")

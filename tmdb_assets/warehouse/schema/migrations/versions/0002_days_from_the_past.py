"""Days from the past: the id export, and the list of films whose details a day asks for."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """
    create table if not exists details_due (
        snapshot_date date not null,
        movie_id bigint not null,
        reason text not null,
        constraint pk_details_due primary key (snapshot_date, movie_id),
        constraint ck_details_due_movie_id_at_least check (movie_id >= 1),
        constraint ck_details_due_reason_one_of
        check (reason in ('changed', 'new', 'refresh', 'returned', 'stale', 'unlisted'))
    )
    """,
    """
    create table if not exists raw_export (
        snapshot_date date not null,
        movie_id bigint not null,
        popularity double precision not null,
        constraint pk_raw_export primary key (snapshot_date, movie_id),
        constraint ck_raw_export_movie_id_at_least check (movie_id >= 1),
        constraint ck_raw_export_popularity_at_least check (popularity >= 0)
    )
    """,
    "alter table fetch_log drop constraint ck_fetch_log_kind_one_of",
    """
    alter table fetch_log add constraint ck_fetch_log_kind_one_of
    check (kind in ('details', 'discover', 'due', 'export', 'reference'))
    """,
)


def upgrade() -> None:
    """Add the tables; the second release added them by itself, but left the CHECK of fetch_log as it was."""
    for statement in STATEMENTS:
        op.execute(statement)

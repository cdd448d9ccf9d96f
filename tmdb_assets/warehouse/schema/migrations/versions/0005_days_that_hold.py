"""Raw rows are of their own day, and of a numbered crawl.

Earlier releases went on after midnight UTC and stored the next day's figures under the old date. Such raw rows are
moved to `rejected_row`; the facts made of them stay. A crawl was told from the one before a refresh by its start; a
number does not depend on the clock. How many films discover lists is kept, so that a later look can compare.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

KINDS = ("discover", "details")
MOVE_ROWS_OF_ANOTHER_DAY = """
with moved as (
    delete from raw_{kind} where (fetched_at at time zone 'UTC')::date <> snapshot_date returning *
)
insert into rejected_row (id, table_name, snapshot_date, payload, reasons)
select
    gen_random_uuid(),
    'raw_{kind}',
    snapshot_date,
    jsonb_build_object('movie_id', movie_id, 'fetched_at', fetched_at, 'payload', payload),
    jsonb_build_array(jsonb_build_object('rule', 'fetched_at on day snapshot_date', 'value', fetched_at))
from moved
"""
ADD = """
alter table raw_{kind}
add column crawl_number bigint not null default 1,
add constraint ck_raw_{kind}_fetched_at_on_day check ((fetched_at at time zone 'UTC')::date = snapshot_date),
add constraint ck_raw_{kind}_crawl_number_at_least check (crawl_number >= 0)
"""
NUMBER_CRAWLS = """
alter table fetch_log
add column crawl_number bigint not null default 1,
add column listed_film_count bigint,
add constraint ck_fetch_log_listed_film_count_at_least check (listed_film_count >= 0)
"""
# What is older than a crawl that a refresh began: its resumption requests these again.
NUMBER_OLDER = """
update raw_{kind} as r set crawl_number = 0 from fetch_log as f
where f.snapshot_date = r.snapshot_date and f.kind = '{kind}' and r.fetched_at < f.started_at
"""
TAKE_BACK = "alter table raw_{kind} drop column crawl_number, drop constraint ck_raw_{kind}_fetched_at_on_day"


def upgrade() -> None:
    """Move rows fetched on another day, add the rule against them, and number the crawls."""
    op.execute(NUMBER_CRAWLS)
    for kind in KINDS:
        for statement in (MOVE_ROWS_OF_ANOTHER_DAY, ADD, NUMBER_OLDER):
            op.execute(statement.format(kind=kind))


def downgrade() -> None:
    """Give the tables of a new, empty database their former columns, for the rows of a backup of that step."""
    for kind in KINDS:
        op.execute(TAKE_BACK.format(kind=kind))
    op.execute("alter table fetch_log drop column crawl_number, drop column listed_film_count")

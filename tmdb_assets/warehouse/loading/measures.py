"""Measures the quality of a day in the database: `sql/quality`, and the completeness of each declared column.

No row leaves the database, so that a day of a million films costs its reading once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import sqlalchemy as sa

from tmdb_assets.settings import SQL_DIR
from tmdb_assets.warehouse.loading.merge import MergeCounts, take_turn
from tmdb_assets.warehouse.schema.dimensions import dim_movie
from tmdb_assets.warehouse.schema.quality import quality_measure
from tmdb_assets.warehouse.schema.vocabulary import metadata

SAMPLED_FILMS = 20_000  # whose columns are counted; the same each day, by a hash of the id
SHORT_DAYS, LONG_DAYS = 14, 30
"""Days before a day with which it is compared."""
LEAST_DAYS = 3
"""Days with which a day is compared at least."""
LEAST_FILMS = 100
"""Fewer films say nothing about TMDb."""
LEAST_ANSWERS = 5
"""Answers of a day by which it is known whether a key has vanished that always came."""
NEWS_DAYS = 3
"""Measured days on which a key that has vanished is reported."""
ALWAYS, HARDLY_EVER = 0.99, 0.5  # shares of the answers that have a key: before, and after it vanished
WITHOUT_VALUE = {"removed_date", "collection_id", "collection_name", "homepage"}
"""Nullable columns of dim_movie that most films rightly lack."""
AGES = (7, 14, 30, 60)
"""Days at which the groups of ages of details end."""

# What differs is rewritten, so that a run that finds the same changes nothing.
STORE = """
with found as materialized (
    select measure, subject, figure from ({measures}) as m where figure is not null
),
gone as (
    delete from quality_measure as q
    where q.date_id = :day
    and not exists (select 1 from found as f where f.measure = q.measure and f.subject = q.subject)
    returning 1
),
put as (
    insert into quality_measure as q (date_id, measure, subject, figure)
    select :day, f.measure, f.subject, f.figure from found as f order by f.measure, f.subject
    on conflict (date_id, measure, subject) do update set figure = excluded.figure
    where q.figure is distinct from excluded.figure
    returning q.xmax = 0 as is_new
)
select
    (select count(*) from put where is_new) as inserted,
    (select count(*) from put where not is_new) as updated,
    (select count(*) from gone) as deleted,
    (select count(*) from found) as found
"""

# The number of films comes from load_day, which has it for every day, also for those loaded by an earlier release.
COMPARED = f"""
with measured as (
    select q.date_id, q.measure, q.subject, q.figure
    from quality_measure as q
    where q.date_id between :day - {LONG_DAYS} and :day
    union all
    select d.date_id, 'films', n.source, n.films
    from load_day as d
    cross join lateral (values ('discover', d.discover_count), ('export', d.export_count)) as n (source, films)
    where d.date_id between :day - {LONG_DAYS} and :day and n.films > 0
    union all
    -- Of the known films that discover does not list, how many the export brought.
    select d.date_id, 'export', 'share', d.export_count::float / (l.known_film_count - d.discover_count)
    from load_day as d
    inner join fetch_log as l on l.snapshot_date = d.date_id and l.kind = 'export'
    where d.date_id between :day - {LONG_DAYS} and :day and d.export_count > 0
        and l.known_film_count - d.discover_count >= {LEAST_FILMS}
),
numbered as (
    select
        measured.*,
        dense_rank() over (
            partition by measure, split_part(subject, '.', 1), date_id < :day order by date_id desc
        ) as ago
    from measured
)
select
    m.measure,
    m.subject,
    max(m.figure) filter (where m.date_id = :day) as figure,
    percentile_cont(0.5) within group (order by m.figure) filter (
        where m.date_id < :day and m.date_id >= :day - {SHORT_DAYS}
    ) as usual_short,
    count(*) filter (where m.date_id < :day and m.date_id >= :day - {SHORT_DAYS}) as days_short,
    percentile_cont(0.5) within group (order by m.figure) filter (where m.date_id < :day) as usual_long,
    count(*) filter (where m.date_id < :day) as days_long,
    coalesce(min(m.ago) filter (where m.date_id < :day and m.figure >= {HARDLY_EVER}), {LONG_DAYS} + 1) as ago
from numbered as m
group by m.measure, m.subject
order by m.measure, m.subject
"""

# Of the films that were answered on each day, how many lack a value.
ANSWERED = f"""
select q.subject, q.date_id, q.figure as films, coalesce(w.figure, 0) as lacking
from quality_measure as q
left join quality_measure as w
    on w.date_id = q.date_id and w.measure = 'answered_without' and w.subject = q.subject
where q.measure = 'answered' and q.date_id between :day - {LONG_DAYS} and :day
order by q.subject, q.date_id desc
"""


@dataclass(frozen=True)
class Usual:
    """The median of the days before, and on how many of them there was a figure.

    `ago`: of the days measured before, on which a share was last one half or more, the newest being 1.
    """

    median: float
    days: int
    ago: int = 1


class Answered(NamedTuple):
    """The films whose details came on a day, and how many of them lack a value."""

    day: dt.date
    films: float
    lacking: float


@dataclass
class Measures:
    """A day's figures by measure and subject, and what is usual: over 14 days (`short`) and 30 (`long`).

    `answered`: by column or bridge, the films that were answered on each day, the newest first.
    """

    day: dt.date
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    short: dict[str, dict[str, Usual]] = field(default_factory=dict)
    long: dict[str, dict[str, Usual]] = field(default_factory=dict)
    answered: dict[str, list[Answered]] = field(default_factory=dict)

    def of(self, measure: str) -> dict[str, float]:
        """The day's figures of a measure by subject."""
        return self.values.get(measure, {})

    def get(self, measure: str, subject: str) -> float:
        """One figure; 0 where there is none."""
        return self.of(measure).get(subject, 0.0)

    def drift(self) -> list[tuple[str, list[str]]]:
        """What has changed in the form of TMDb's answers against the days before: headings, with keys or codes."""
        usual, keys = self.long.get("key_share", {}), self.of("key_share")
        origins = {key.partition(".")[0] for key in usual} & {
            name for name, answers in self.of("answers").items() if answers >= LEAST_ANSWERS
        }
        judged = {key: before for key, before in usual.items() if key.partition(".")[0] in origins}
        new = [key for key in keys.keys() - usual.keys() if key.partition(".")[0] in origins]
        always = {key for key, was in judged.items() if was.median >= ALWAYS and was.days >= LEAST_DAYS}
        gone = [key for key in always if keys.get(key, 0) < HARDLY_EVER and usual[key].ago <= NEWS_DAYS]
        found = [("new keys", sorted(new)), ("vanished keys", sorted(gone))]
        for measure, heading in (("unlisted_code", "new codes that TMDb's lists lack"), ("status", "new statuses")):
            known = self.long.get(measure, {})
            has_past = bool(usual or known)  # on the first day everything is new
            found.append((heading, sorted(self.of(measure).keys() - known.keys()) if has_past else []))
        return found


def measure_day(connection: sa.Connection, day: dt.date) -> tuple[MergeCounts, int]:
    """Replace the measures of a day by what the tables say now; what changed, and how many measures there are."""
    take_turn(connection, quality_measure, day)
    done = connection.execute(sa.text(STORE.format(measures=_measures_sql())), {"day": day}).one()
    counts = MergeCounts(
        inserted=done.inserted,
        updated=done.updated,
        unchanged=done.found - done.inserted - done.updated,
        deleted=done.deleted,
    )
    return counts, done.found


def read_measures(connection: sa.Connection, day: dt.date) -> Measures:
    """The measures of a day, with what was usual on the days before it."""
    read = Measures(day)
    for row in connection.execute(sa.text(COMPARED), {"day": day}):
        if row.figure is not None:
            read.values.setdefault(row.measure, {})[row.subject] = row.figure
        for kept, median, days in (
            (read.short, row.usual_short, row.days_short),
            (read.long, row.usual_long, row.days_long),
        ):
            if median is not None:
                kept.setdefault(row.measure, {})[row.subject] = Usual(median, days, row.ago)
    for subject, *answered in connection.execute(sa.text(ANSWERED), {"day": day}):
        read.answered.setdefault(subject, []).append(Answered(*answered))
    return read


@cache
def _measures_sql() -> str:
    """All measures as one query of `measure`, `subject`, `figure`."""
    files = sorted((SQL_DIR / "quality").glob("*.sql"))
    parts = [path.read_text(encoding="utf-8") for path in files] + [completeness_sql()]
    return "\nunion all\n".join(f"(select * from (\n{part}\n) as part)" for part in parts)


def completeness_sql() -> str:
    """How many of the day's films lack a column, or any row of a bridge; and how old their details are.

    The columns and bridges are those declared. Removed films do not count. A bridge counts films of which that part was
    answered. The films that were answered on the day are counted once more: they are few of all.
    """
    columns = [column.name for column in dim_movie.columns if column.nullable and column.name not in WITHOUT_VALUE]
    nulls = {f"dim_movie.{name}": f"avg((f.{name} is null)::int)" for name in columns}
    nulls["fact_movie_daily.vote_average"] = "avg((f.vote_average is null)::int) filter (where f.source = 'discover')"
    links = {
        table.name: f"avg((not exists (select 1 from {table.name} as b where b.movie_id = f.movie_id))::int) "
        f"filter (where f.{table.info['links_date']} is not null)"
        for table in metadata.sorted_tables
        if table.info["group"] == "bridges"
    }
    groups = zip((0, *AGES), (*AGES, None), strict=True)
    ages = {
        f"{first} to {end - 1} days" if end else f"{first} days or more": f"avg((:day - f.details_date >= {first}"
        f"{f' and :day - f.details_date < {end}' if end else ''})::int)"
        for first, end in groups
    }
    measured = [
        ("null_share", nulls),
        ("without_share", links),
        ("details_age", ages),
        *_answered(columns, links),
    ]
    rows = [(measure, subject, sql) for measure, subjects in measured for subject, sql in subjects.items()]
    names, subjects = (", ".join(f"'{row[place]}'" for row in rows) for place in (0, 1))
    values = ",\n    ".join(row[2] for row in rows)
    return f"""
with film as materialized (
    select m.*, d.vote_average, d.source
    from fact_movie_daily as d
    inner join dim_movie as m on m.movie_id = d.movie_id
    where d.date_id = :day and m.removed_date is null
    order by hashint8extended(m.movie_id, 0), m.movie_id
    limit {SAMPLED_FILMS}
)
select v.measure, v.subject, v.figure
from (select array[
    {values}
]::double precision[] as shares from film as f) as s
cross join unnest(array[{names}], array[{subjects}], s.shares) as v (measure, subject, figure)
"""


def _answered(columns: Iterable[str], bridges: Iterable[str]) -> list[tuple[str, dict[str, str]]]:
    """How many films were answered on the day, and how many of them lack a column, or any row of a bridge."""
    day = {f"dim_movie.{name}": "f.details_date = :day" for name in columns}
    day |= {name: f"f.{metadata.tables[name].info['links_date']} = :day" for name in bridges}
    lacks = {f"dim_movie.{name}": f"f.{name} is null" for name in columns}
    lacks |= {name: f"not exists (select 1 from {name} as b where b.movie_id = f.movie_id)" for name in bridges}
    return [
        ("answered", {name: f"nullif(count(*) filter (where {day[name]}), 0)" for name in day}),
        (
            "answered_without",
            {name: f"nullif(count(*) filter (where {day[name]} and {lacks[name]}), 0)" for name in day},
        ),
    ]

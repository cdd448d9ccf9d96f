"""Which films a day requests details of: new, returned, changed and stale ones; with a refresh, every film of the day.

A film is stale at 50 to 100% of the greatest age allowed, by a hash of its id, so that the requests spread over days.
A film that was due and not answered is owed: it counts as changed on the lists of later days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from tmdb_assets.warehouse.schema.raw import raw_details, raw_discover

PLAN = """
insert into details_due (snapshot_date, movie_id, reason)
select :day, movie_id, reason
from (
    select d.movie_id,
        case
            when :refresh then 'refresh'
            when m.movie_id is null or (m.details_date is null and m.removed_date is null) then 'new'
            when m.removed_date <= :day then 'returned'
            when d.movie_id = any(:changed) then 'changed'
            when not :is_listed then 'unlisted'
            when :day - m.details_date >= {threshold} then 'stale'
        end as reason
    from raw_discover as d
    left join dim_movie as m on m.movie_id = d.movie_id
    where d.snapshot_date = :day
    union all
    select m.movie_id,
        case
            when m.movie_id = any(:changed) then 'changed'
            when :day - greatest(m.details_date, m.removed_date, m.as_of_date - :max_age) >= {threshold} then 'stale'
        end as reason
    from dim_movie as m
    where not exists (select 1 from raw_discover as d where d.snapshot_date = :day and d.movie_id = m.movie_id)
) as due
where reason is not null
order by movie_id
on conflict (snapshot_date, movie_id) do update set reason = excluded.reason
"""
# Films that were due on earlier days and not answered, then or later. A 404 is no answer where it is not believed.
OWED = """
select distinct u.movie_id
from details_due as u
left join dim_movie as m on m.movie_id = u.movie_id
where u.snapshot_date >= :first and u.snapshot_date < :day
and (u.reason <> 'unlisted' or u.snapshot_date <= :since)
and coalesce(greatest(m.details_date, m.removed_date), '-infinity') < u.snapshot_date
and not exists (
    select 1
    from raw_details as r
    where r.movie_id = u.movie_id
    and r.snapshot_date >= :first and r.snapshot_date < :day and r.snapshot_date >= u.snapshot_date
    and (
        r.status_code = 200
        or (
            r.snapshot_date <> all(cast(:disbelieved as date[]))
            and not exists (
                select 1 from raw_discover as d where d.snapshot_date = r.snapshot_date and d.movie_id = r.movie_id
            )
        )
    )
)
"""
# Films on the day's list without an answer in its crawl; a 404 is one where it is plausible.
UNANSWERED = """
from details_due as u
left join raw_discover as d on d.snapshot_date = u.snapshot_date and d.movie_id = u.movie_id
where u.snapshot_date = :day and not exists (
    select 1
    from raw_details as r
    where r.snapshot_date = :day and r.movie_id = u.movie_id and r.crawl_number >= :crawl
    and (r.status_code = 200 or :believed)
)
"""
NO_LONGER_BELIEVED = """
with locked as (
    select m.movie_id
    from dim_movie as m
    where m.removed_date = :day and m.movie_id <> all(:gone)
    and exists (
        select 1
        from raw_details as r
        where r.snapshot_date = :day and r.movie_id = m.movie_id and r.status_code = 404
    )
    order by m.movie_id
    for no key update
)

update dim_movie as m set removed_date = null, updated_at = now() from locked where m.movie_id = locked.movie_id
returning m.movie_id
"""
NOT_FOUND = """
select r.snapshot_date, array_agg(r.movie_id)
from raw_details as r
join dim_movie as m using (movie_id)
where r.status_code = 404 and {condition}
group by r.snapshot_date
"""
MOST_REMOVED = 20  # more 404 answers than this and than the share below are treated as a fault of TMDb
MOST_REMOVED_SHARE = 0.01

# In days, from half of the greatest age to all of it; Knuth's multiplicative hash spreads the ids evenly. It uses only
# the last 31 bits of an id, so that the product fits 64 bits.
THRESHOLD = "ceil(:max_age * (0.5 + 0.5 * ((m.movie_id % 2147483648) * 2654435761 % 4294967296) / 4294967296.0))"


@dataclass(frozen=True)
class Removals:
    """The films that answered 404 on a day: those that discover `listed` that day, and the others, which are `gone`.

    `requested` counts all films whose details were requested.
    """

    requested: int
    gone: frozenset[int]
    listed: frozenset[int] = frozenset()

    @property
    def not_found(self) -> int:
        """The number of 404 answers."""
        return len(self.gone) + len(self.listed)

    @property
    def are_plausible(self) -> bool:
        """Whether TMDb can have deleted that many films: at most 20, or 1% of those requested."""
        return self.not_found <= MOST_REMOVED or self.not_found <= MOST_REMOVED_SHARE * self.requested


def removals(connection: sa.Connection, day: dt.date) -> Removals:
    """The day's 404 answers."""
    requested = sa.select(sa.func.count()).where(raw_details.c.snapshot_date == day)
    of_day = (raw_discover.c.snapshot_date == day) & (raw_discover.c.movie_id == raw_details.c.movie_id)
    not_found = sa.select(raw_details.c.movie_id, sa.exists().where(of_day)).where(
        raw_details.c.snapshot_date == day, raw_details.c.status_code == 404
    )
    films: dict[bool, set[int]] = {True: set(), False: set()}
    for movie_id, is_listed in connection.execute(not_found):
        films[is_listed].add(movie_id)
    return Removals(int(connection.scalar(requested) or 0), frozenset(films[False]), frozenset(films[True]))


def plan_details(
    connection: sa.Connection,
    day: dt.date,
    changed: Collection[int] | None,
    max_age: int,
    *,
    owed: Collection[int] = (),
    refresh: bool = False,
) -> dict[str, int]:
    """Make the day's list of due films, or add to it; return the number of films by reason.

    `changed` is None where the list of changes could not be read: then every film of the day is due (`unlisted`).
    `owed` films count as changed; `max_age` is in days.
    """
    if refresh:
        connection.execute(sa.text("delete from details_due where snapshot_date = :day"), {"day": day})
    statement = sa.text(PLAN.format(threshold=THRESHOLD))
    values = {
        "day": day,
        "changed": sorted({*(changed or ()), *owed}),
        "is_listed": changed is not None,
        "max_age": max_age,
        "refresh": refresh,
    }
    connection.execute(statement, values)
    return count_due(connection, day)


def forget_unlisted(connection: sa.Connection, day: dt.date) -> None:
    """Remove `unlisted` films that are not answered yet from the day's list."""
    statement = sa.text(
        "delete from details_due as u where u.snapshot_date = :day and u.reason = 'unlisted' and not exists (select 1 "
        "from raw_details as r where r.snapshot_date = u.snapshot_date and r.movie_id = u.movie_id)"
    )
    connection.execute(statement, {"day": day})


def count_due(connection: sa.Connection, day: dt.date) -> dict[str, int]:
    """The number of films on the day's list, by reason."""
    counted = connection.execute(
        sa.text("select reason, count(*) from details_due where snapshot_date = :day group by reason order by reason"),
        {"day": day},
    )
    return {reason: count for reason, count in counted}  # noqa: C416 - mypy does not take rows for pairs


def unanswered(connection: sa.Connection, day: dt.date, since: dt.date, max_age: int) -> set[int]:
    """Films that were due before `day` and not answered, or answered with a 404 that was not believed.

    That is one of an implausible number, or of a film that discover listed the same day.

    Changes are requested again from `since` on, so films that were only `unlisted` after it are not included; nor are
    those due more than `max_age` days ago, which are stale.
    """
    first = day - dt.timedelta(days=max_age)
    values = {"day": day, "since": since, "first": first, "disbelieved": _disbelieved_days(connection, first, day)}
    return set(connection.scalars(sa.text(OWED), values))


def _disbelieved_days(connection: sa.Connection, first: dt.date, before: dt.date) -> list[dt.date]:
    """The days with implausibly many 404 answers."""
    many = sa.text(
        "select snapshot_date from raw_details where status_code = 404 and snapshot_date >= :first "
        "and snapshot_date < :before group by snapshot_date having count(*) > :most order by snapshot_date"
    )
    days = connection.scalars(many, {"first": first, "before": before, "most": MOST_REMOVED}).all()
    return [day for day in days if not removals(connection, day).are_plausible]


def has_details(connection: sa.Connection, before: dt.date) -> bool:
    """Whether any film has details of a day before `before`."""
    known = sa.text("select exists (select 1 from dim_movie where details_date < :before)")
    return bool(connection.scalar(known, {"before": before}))


def mark_removed(connection: sa.Connection, day: dt.date, gone: Collection[int]) -> int:
    """Set `removed_date` of these films to `day` unless TMDb confirmed them since; return the number changed."""
    statement = sa.text(
        "with locked as (select movie_id from dim_movie where movie_id = any(:gone) order by movie_id "
        "for no key update) update dim_movie as m "
        "set removed_date = greatest(m.removed_date, :day), updated_at = now() from locked "
        "where m.movie_id = locked.movie_id and m.removed_date is distinct from greatest(m.removed_date, :day) "
        "and greatest(m.removed_date, :day) > m.as_of_date"
    )
    return connection.execute(statement, {"gone": sorted(gone), "day": day}).rowcount


def mark_removed_later(connection: sa.Connection, day: dt.date) -> int:
    """Mark films that this load inserted and that answered 404 on a later day, loaded before; return how many."""
    return _mark_by_other_days(connection, "r.snapshot_date > :day and m.inserted_at = now()", day=day)


def take_back_removals(connection: sa.Connection, day: dt.date, gone: Collection[int]) -> int:
    """Clear `removed_date` of films removed by a 404 of `day` that is not believed any more, as it is not in `gone`.

    So it is where the day was requested again and too many films answered 404. The 404s of other days count again.
    Returns the number changed.
    """
    values = {"day": day, "gone": sorted(gone)}
    films = sorted(connection.scalars(sa.text(NO_LONGER_BELIEVED), values))
    if films:
        _mark_by_other_days(connection, "r.snapshot_date <> :day and r.movie_id = any(:films)", day=day, films=films)
    return len(films)


def _mark_by_other_days(connection: sa.Connection, condition: str, **values: Any) -> int:
    """Mark films of 404s by a condition on raw_details `r` and dim_movie `m`, where the day's number is plausible."""
    found = connection.execute(sa.text(NOT_FOUND.format(condition=condition)), values)
    return sum(
        mark_removed(connection, other, gone)
        for other, gone in found.all()
        if removals(connection, other).are_plausible
    )


def films_due(connection: sa.Connection, day: dt.date, crawl: int) -> list[int]:
    """Films on the day's list without an answer in the crawl of this number; those of discover first, by rank.

    A 404 counts as an answer where the day's number of them is plausible.
    """
    values = {"day": day, "crawl": crawl, "believed": removals(connection, day).are_plausible}
    ordered = sa.text(f"select u.movie_id {UNANSWERED} order by d.rank nulls last, u.movie_id")
    return list(connection.scalars(ordered, values))


def count_missing(connection: sa.Connection, day: dt.date, crawl: int) -> int:
    """The number of films on the day's list without any answer in the crawl of this number, 404 included."""
    counted = sa.text(f"select count(*) {UNANSWERED}")
    return int(connection.scalar(counted, {"day": day, "crawl": crawl, "believed": True}) or 0)

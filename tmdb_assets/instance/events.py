"""Dagster's events in Postgres: those that follow at once are stored together, and old ones are dropped."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from dagster import AssetRecordsFilter, DagsterEventType, DagsterInstance, EventLogEntry, EventLogRecord
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS
from dagster._core.storage.event_log.schema import AssetKeyTable
from dagster_postgres import PostgresEventLogStorage
from sqlalchemy.dialects import postgresql

from tmdb_assets.instance.own_run import OwnRun
from tmdb_assets.instance.planned import keep_planned, planned_checks
from tmdb_assets.instance.pooled import OnSharedEngine
from tmdb_assets.warehouse.server import reconnect
from tmdb_assets.warehouse.server.databases import is_outage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from dagster import AssetKey, EventRecordsResult
    from dagster._core.storage.event_log.base import AssetRecord

# Of an asset without partitions only the newest materialization counts, and those of reports hold pictures.
DROP_EVENTS = """
delete from event_logs as e
where
    e.timestamp < cast(:before as timestamptz) at time zone 'UTC'
    and (
        e.dagster_event_type is null
        or e.dagster_event_type ~ '^(STEP|RESOURCE_INIT|HOOK)_'
        or e.dagster_event_type in ('ENGINE_EVENT', 'LOGS_CAPTURED', 'HANDLED_OUTPUT', 'LOADED_INPUT')
        or e.dagster_event_type = 'ASSET_MATERIALIZATION' and e.partition is null and exists (
            select from event_logs as n
            where n.asset_key = e.asset_key and n.dagster_event_type = e.dagster_event_type and n.id > e.id
        )
    )
"""
# What a step says while it ends, and a run before it starts, is stored with the event that follows at once. A kill in
# between loses what a kill a moment earlier would.
FOLLOWED = {
    DagsterEventType.RESOURCE_INIT_STARTED,
    DagsterEventType.RESOURCE_INIT_SUCCESS,
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    DagsterEventType.LOADED_INPUT,
    DagsterEventType.STEP_INPUT,
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.HANDLED_OUTPUT,
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_CHECK_EVALUATION,
}
ABOUT_ASSET = ("id", "asset_key", "last_run_id", "asset_details", "cached_status_data")
# All said at once before a run starts.
PLANNED = {DagsterEventType.ASSET_MATERIALIZATION_PLANNED, DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED}

_storages: weakref.WeakSet[PooledEventLogStorage] = weakref.WeakSet()


class PooledEventLogStorage(OnSharedEngine, PostgresEventLogStorage):
    """Events, of which those that follow at once are stored together; what this process asks for has them all.

    What its tables have is looked up once, not at every event: they lose no table and no column.
    """

    def __init__(self, url: str, engine: sa.Engine) -> None:
        self._seen: set[str] = set()
        self._own = OwnRun()
        self._kept_back: list[EventLogEntry] = []
        self._turn = threading.RLock()
        super().__init__(url, engine)
        _storages.add(self)

    def has_table(self, table_name: str) -> bool:
        """Whether the database has this table."""
        return self._sees(table_name, lambda: super(PooledEventLogStorage, self).has_table(table_name))

    def has_asset_key_col(self, column_name: str) -> bool:
        """Whether the table of assets has this column."""
        return self._sees(
            f"asset_keys.{column_name}", lambda: super(PooledEventLogStorage, self).has_asset_key_col(column_name)
        )

    def _sees(self, name: str, look: Callable[[], bool]) -> bool:
        if name not in self._seen and look():
            self._seen.add(name)
        return name in self._seen

    def fetch_materializations(
        self,
        records_filter: AssetKey | AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        """Materializations, the newest first."""
        known = None
        if isinstance(records_filter, AssetRecordsFilter) and cursor is None and not ascending:
            known = self._own.newest(records_filter, limit=limit)
        return known or super().fetch_materializations(records_filter, limit, cursor, ascending)

    def get_latest_tags_by_partition(
        self,
        asset_key: AssetKey,
        event_type: DagsterEventType,
        tag_keys: Sequence[str],
        asset_partitions: Sequence[str] | None = None,
        before_cursor: int | None = None,
        after_cursor: int | None = None,
    ) -> Mapping[str, Mapping[str, str]]:
        """The tags of each partition's newest event."""
        known = None
        is_newest = before_cursor is None and after_cursor is None
        if asset_partitions and is_newest and event_type == DagsterEventType.ASSET_MATERIALIZATION:
            known = self._own.tags(asset_key, asset_partitions, tag_keys)
        if known is not None:
            return known
        return super().get_latest_tags_by_partition(
            asset_key, event_type, tag_keys, asset_partitions, before_cursor, after_cursor
        )

    def get_asset_records(self, asset_keys: Sequence[AssetKey] | None = None) -> Sequence[AssetRecord]:
        """What is stored about assets, about all of them without keys."""
        if asset_keys is None:
            return super().get_asset_records()
        known = self._own.assets(asset_keys)
        others = [key for key in asset_keys if key not in known]
        return [*known.values(), *(super().get_asset_records(others) if others else ())]

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, at once or with the one that follows it.

        A plain log line is dropped while the server is down: the run's next event reports that.
        """
        with self._turn:
            self._kept_back.append(_without_second_copy(event))
            if event.run_id and event.is_dagster_event and event.dagster_event_type in FOLLOWED:
                return
            try:
                self._catch_up()
            except sa.exc.DBAPIError as error:
                self._kept_back = [each for each in self._kept_back if each.is_dagster_event]
                if event.is_dagster_event or not is_outage(error):
                    raise
            finally:
                self._own.note_end(event)  # after what was kept back: a materialization would begin the run again

    def _catch_up(self) -> None:
        with self._turn:
            events, self._kept_back = self._kept_back, []
            if events:
                self._store(events)

    def _store(self, events: list[EventLogEntry]) -> None:
        """Store events together. After an outage or an interrupt they are stored with the next; another error is that
        of one event, which is lost without the others.
        """
        try:
            ids = self._insert(events)
        except BaseException as error:
            if is_outage(error) or not isinstance(error, Exception):
                self._kept_back += events
                raise
            if len(events) == 1:
                raise
            _call_all(partial(self._store, [event]) for event in events)
            return
        stored = list(zip(events, ids, strict=True))
        planned = [(event, event_id) for event, event_id in stored if _kind(event) in PLANNED]
        others = [(event, event_id) for event, event_id in stored if _kind(event) not in PLANNED]
        calls: list[Callable[[], None]] = [partial(self._store_planned, planned)] if planned else []
        calls += [partial(self._store_about_asset, event, event_id) for event, event_id in others]
        _call_all(partial(reconnect.ride_out, call, self._engine) for call in calls)

    def _insert(self, events: list[EventLogEntry]) -> list[int]:
        def insert() -> list[int]:
            statement = self.prepare_insert_event_batch(events).returning(sa.column("id"))
            with reconnect.connect(self._engine) as connection:
                return list(connection.scalars(statement))

        return reconnect.ride_out(insert, self._engine)

    def _store_about_asset(self, event: EventLogEntry, event_id: int) -> None:
        kind = _kind(event)
        if kind == DagsterEventType.ASSET_MATERIALIZATION and event.run_id:
            with self.index_transaction() as connection:
                self._store_asset_event_tags(connection, [event], [event_id])
                (row,) = self._keep_about_assets(connection, [(event, event_id)])
            made = EventLogRecord(event_id, event)
            self._own.note(made, self._construct_asset_record_from_row(row, made, self.can_read_asset_status_cache()))
        elif kind in ASSET_EVENTS and event.get_dagster_event().asset_key:
            with self.index_transaction() as connection:
                self._store_asset_event_tags(connection, [event], [event_id])
                self._store_asset_event(connection, event, event_id)
        if kind in ASSET_CHECK_EVENTS:
            self.store_asset_check_event(event, event_id)

    def _store_planned(self, planned: list[tuple[EventLogEntry, int]]) -> None:
        """Store what a run is about to make and to check, each in one statement."""
        assets = [(event, event_id) for event, event_id in planned if _kind(event) in ASSET_EVENTS]
        at = self._event_insert_timestamp
        checks = [row for event, event_id in planned for row in planned_checks(event, event_id, at(event))]  # type: ignore[no-untyped-call]
        with self.index_transaction() as connection:
            if assets:
                self._keep_about_assets(connection, assets)
            if checks:
                keep_planned(connection, checks)

    def _keep_about_assets(self, connection: sa.Connection, events: list[tuple[EventLogEntry, int]]) -> list[Any]:
        """Update the rows of assets by their events, all of one kind; return these rows."""
        has_index = self.has_secondary_index(ASSET_KEY_INDEX_COLS)
        about: dict[str, dict[str, Any]] = {}
        for event, event_id in events:
            key = event.get_dagster_event().asset_key
            if key is not None:
                about[key.to_string()] = self._get_asset_entry_values(event, event_id, has_index)
        # In the order of their keys: runs that begin at once do not wait for each other.
        statement = postgresql.insert(AssetKeyTable).values([{"asset_key": key, **about[key]} for key in sorted(about)])
        names = next(iter(about.values()))
        statement = statement.on_conflict_do_update(
            index_elements=[AssetKeyTable.c.asset_key], set_={name: statement.excluded[name] for name in names}
        )
        return list(
            connection.execute(statement.returning(*(AssetKeyTable.c[name] for name in ABOUT_ASSET))).mappings()
        )

    def drop_old_events(self, before: datetime) -> int:
        """Drop what the steps of older runs did, and their log lines; return how many events.

        Materializations of days, the newest of every other asset, checks and the states of runs stay: asset pages, gaps
        and alerts read them.
        """
        with self.connect() as connection:
            return connection.execute(sa.text(DROP_EVENTS), {"before": before}).rowcount


def _call_all(calls: Iterable[Callable[[], None]]) -> None:
    """Call all in their order, also after one that raises; then raise what the last of these raised."""
    with ExitStack() as stack:
        for call in reversed(list(calls)):
            stack.callback(call)


def _kind(event: EventLogEntry) -> DagsterEventType | None:
    return event.dagster_event_type if event.is_dagster_event else None


def _without_second_copy(event: EventLogEntry) -> EventLogEntry:
    """A step's output without the metadata, such as pictures, that the materialization after it repeats."""
    if not event.is_dagster_event or event.dagster_event_type != DagsterEventType.STEP_OUTPUT:
        return event
    output = event.get_dagster_event()
    slim = output._replace(event_specific_data=output.step_output_data._replace(metadata={}))
    return event._replace(dagster_event=slim)


def drop_old_events(instance: DagsterInstance, before: datetime) -> int:
    """See `PooledEventLogStorage.drop_old_events`; 0 on an instance with another storage."""
    storage = instance.event_log_storage
    return storage.drop_old_events(before) if isinstance(storage, PooledEventLogStorage) else 0


def _forget_events_of_parent() -> None:
    """A forked child neither stores what its parent kept back nor waits for a thread that it does not have."""
    for storage in _storages:
        storage._kept_back, storage._turn, storage._own = [], threading.RLock(), OwnRun()


os.register_at_fork(after_in_child=_forget_events_of_parent)

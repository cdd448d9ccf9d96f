"""What the run of this process has materialized so far: Dagster asks for it at every check and every input of a step.

To the run, its own materialization is the newest, also where another process has stored one since: the run's checks
looked at its own, and its tables are made of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from dagster import AssetKey, AssetRecordsFilter, DagsterEventType, EventLogEntry, EventLogRecord, EventRecordsResult
from dagster._core.event_api import EventLogCursor
from dagster._core.storage.event_log.base import AssetRecord

ENDS = {DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED}


class OwnRun:
    """The materializations that one run stored through this process; empty between two runs."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._run_id: str | None = None
        self._made: dict[tuple[AssetKey, str | None], EventLogRecord] = {}
        self._assets: dict[AssetKey, AssetRecord] = {}

    def note(self, made: EventLogRecord, asset: AssetRecord) -> None:
        """Note a materialization that is stored, and what is stored about its asset now."""
        event = made.event_log_entry.get_dagster_event()
        with self._turn:
            if made.run_id != self._run_id:
                self._forget(made.run_id)
            self._made[asset.asset_entry.asset_key, event.partition] = made
            self._assets[asset.asset_entry.asset_key] = asset

    def note_end(self, event: EventLogEntry) -> None:
        """Forget a run of which this event says that it ended."""
        if event.is_dagster_event and event.dagster_event_type in ENDS and event.run_id == self._run_id:
            with self._turn:
                self._forget(None)

    def newest(self, asked: AssetRecordsFilter, *, limit: int) -> EventRecordsResult | None:
        """The answer to the question for the newest materialization of a partition; None to any other question."""
        partitions = asked.asset_partitions or ()
        if limit != 1 or len(partitions) != 1 or asked != AssetRecordsFilter(asked.asset_key, partitions):
            return None
        made = self._made.get((asked.asset_key, partitions[0]))
        if made is None:
            return None
        return EventRecordsResult([made], EventLogCursor.from_storage_id(made.storage_id).to_string(), has_more=True)

    def tags(
        self, key: AssetKey, partitions: Sequence[str], names: Sequence[str]
    ) -> Mapping[str, Mapping[str, str]] | None:
        """These tags of the newest materialization of each of the partitions; None if the run did not make them all."""
        made = [self._made.get((key, partition)) for partition in partitions]
        found: dict[str, Mapping[str, str]] = {}
        for partition, record in zip(partitions, made, strict=True):
            materialization = record.asset_materialization if record else None
            if materialization is None:
                return None
            found[partition] = {name: value for name, value in (materialization.tags or {}).items() if name in names}
        return {partition: tags for partition, tags in found.items() if tags}

    def assets(self, keys: Sequence[AssetKey]) -> dict[AssetKey, AssetRecord]:
        """What is stored about those of these assets that the run made."""
        known = self._assets  # another thread may put another one in its place
        return {key: known[key] for key in keys if key in known}

    def _forget(self, next_run: str | None) -> None:
        self._run_id = next_run
        self._made, self._assets = {}, {}

"""Which days a person cancelled: those whose newest run was cancelled, or that a cancelled backfill left (decision 24).

Only runs and backfills that load a day count: others may have the same partitions, in this project or another one.
Nothing starts such a day by itself. Dagster's own record is the only one: a cancelled run or backfill.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import socket
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from types import FrameType

from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord, RunsFilter
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus, PartitionBackfill
from dagster._utils.interrupts import capture_interrupts

from tmdb_assets.instance.tags import PARTITION_NAME_TAG, WILL_RETRY_TAG
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.schema.raw import raw_discover

FACT = AssetKey(fact_movie_daily.name)
LOADED = frozenset({FACT})  # what loads a day, if only from its export
WHOLE = LOADED | {AssetKey(raw_discover.name)}
JOBS = ("daily", "backfill")  # of a selection of assets, or of all, which is none

PARTITION_SETS = tuple(f"{name}_partition_set" for name in JOBS)  # Dagster's names for a job's partitions
CANCELLED_BACKFILLS = [BulkActionStatus.CANCELING, BulkActionStatus.CANCELED]
LOOK_BACK = dt.timedelta(days=190)  # longer than an export is published or a raw answer kept
INTERRUPTED = "Interrupted by a person, so cancelled: the day waits until a person runs it."
STOPPED = "The process of this run was stopped; the day's next run resumes."
ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


def runs_by_day(
    instance: DagsterInstance, days: Iterable[dt.date], assets: Set[AssetKey] = LOADED
) -> dict[dt.date, list[RunRecord]]:
    """The runs that make these assets of each day, oldest first; one query."""
    keys = [day.isoformat() for day in days]
    records = instance.get_run_records(RunsFilter(tags={PARTITION_NAME_TAG: keys})) if keys else []
    by_key: dict[str, list[RunRecord]] = {key: [] for key in keys}
    for record in sorted(records, key=lambda record: record.create_timestamp):
        if _makes(record.dagster_run, assets):
            by_key[record.dagster_run.tags[PARTITION_NAME_TAG]].append(record)
    return {dt.date.fromisoformat(key): runs for key, runs in by_key.items()}


def _makes(run: DagsterRun, assets: Set[AssetKey]) -> bool:
    return assets <= run.asset_selection if run.asset_selection else run.job_name in JOBS


def cancelled_days(
    instance: DagsterInstance,
    runs: Mapping[dt.date, Sequence[RunRecord]],
    now: dt.datetime,
    assets: Set[AssetKey] = LOADED,
) -> set[dt.date]:
    """Those of the days of `runs_by_day`, of the same assets, that wait for a person."""
    ended = _left_by_backfills(instance, now, assets) if runs else {}
    return {day for day, records in runs.items() if _is_cancelled(records, ended.get(day))}


def _is_cancelled(records: Sequence[RunRecord], backfill_ended: dt.datetime | None) -> bool:
    if not records:
        return backfill_ended is not None
    newest, status = records[-1].create_timestamp, records[-1].dagster_run.status
    if backfill_ended is not None and backfill_ended >= newest and status != DagsterRunStatus.SUCCESS:
        return True
    return status == DagsterRunStatus.CANCELED


def _left_by_backfills(
    instance: DagsterInstance, now: dt.datetime, assets: Set[AssetKey]
) -> dict[dt.date, dt.datetime]:
    """Each day of a backfill that a person cancelled, and when the newest of these ended."""
    filters = BulkActionsFilter(statuses=CANCELLED_BACKFILLS, created_after=now - LOOK_BACK)
    ended: dict[dt.date, dt.datetime] = {}
    for backfill in instance.get_backfills(filters=filters):
        stamp = backfill.backfill_end_timestamp
        at = now if stamp is None else dt.datetime.fromtimestamp(stamp, dt.UTC)
        for key in _partitions_of(backfill, assets):
            with suppress(ValueError):  # another project's job of this name, with other partitions
                day = dt.date.fromisoformat(key)
                ended[day] = max(at, ended.get(day, at))
    return ended


def _partitions_of(backfill: PartitionBackfill, assets: Set[AssetKey]) -> Iterable[str]:
    """The partitions of a backfill that makes these assets."""
    if backfill.asset_backfill_data is not None:
        subsets = backfill.asset_backfill_data.target_subset.partitions_subsets_by_asset_key
        return subsets[FACT].get_partition_keys() if assets <= subsets.keys() else ()
    origin = backfill.partition_set_origin
    is_ours = origin is None or origin.partition_set_name in PARTITION_SETS
    return (is_ours and backfill.partition_names) or ()


class Signals:
    """The signals that a process got, by number: Dagster handles them all alike."""

    def __init__(self, reader: socket.socket | None) -> None:
        self._reader = reader
        self.numbers = b""

    @property
    def are_a_cancel(self) -> bool:
        """Whether Ctrl-C was among them, or none came; SIGTERM and SIGHUP may be a reboot or a lost connection."""
        if self._reader is not None:
            with suppress(BlockingIOError):
                self.numbers += bytes(number for number in self._reader.recv(4096) if number in ENDING)
        return not self.numbers or signal.SIGINT in self.numbers


@contextmanager
def watched_signals() -> Iterator[Signals]:
    """Let SIGTERM and SIGHUP interrupt this block as Ctrl-C does, and tell them apart; an ignored one stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield Signals(None)
        return
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)
        signals, outer = Signals(reader), signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            for number, handler in former.items():
                if handler is not signal.SIG_IGN:
                    signal.signal(number, _interrupt)
            yield signals
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)  # Dagster has replaced that of SIGTERM
            signal.set_wakeup_fd(outer)
            _ = signals.are_a_cancel
            if outer != -1:
                os.write(outer, signals.numbers)


def _interrupt(number: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)  # Dagster's, within a run
    (handler if callable(handler) else signal.default_int_handler)(number, frame)


@contextmanager
def cancel_by(signals: Signals, instance: DagsterInstance, of_run: str) -> Iterator[None]:
    """Let a run that Ctrl-C interrupts end as cancelled: when Dagster reads its state at its end, that says so."""
    read = instance.get_run_by_id

    def read_after_signals(run_id: str) -> DagsterRun | None:
        run = read(run_id)
        if run_id != of_run or run is None or run.status != DagsterRunStatus.STARTED:
            return run
        if not signals.are_a_cancel or not signals.numbers:
            return run
        instance.report_run_canceling(run, INTERRUPTED)
        return read(run_id)

    instance.get_run_by_id = read_after_signals  # type: ignore[method-assign]
    try:
        yield
    finally:
        del instance.get_run_by_id


def end_run(instance: DagsterInstance, job_name: str, day: dt.date, run_id: str, *, is_cancelled: bool) -> None:
    """End a run of this process that was interrupted, as cancelled or else as failed, unless Dagster did so."""
    with capture_interrupts():
        run = instance.get_run_by_id(run_id)
        if run is None:  # interrupted before Dagster created it
            note_cancelled(instance, job_name, [day] if is_cancelled else [])
            return
        if is_cancelled and run.status not in {DagsterRunStatus.CANCELED, DagsterRunStatus.SUCCESS}:
            instance.report_run_canceled(run, INTERRUPTED)
        elif not run.is_finished:
            instance.report_run_failed(run, STOPPED)
        instance.add_run_tags(run_id, {WILL_RETRY_TAG: "false"})  # the daemon cannot repeat a command's run


def note_cancelled(instance: DagsterInstance, job_name: str, days: Iterable[dt.date]) -> None:
    """Record a cancelled run for each day that was not begun."""
    with capture_interrupts():
        for day in days:
            tags = {PARTITION_NAME_TAG: day.isoformat()}
            status = DagsterRunStatus.CANCELED
            instance.add_run(DagsterRun(job_name=job_name, run_id=str(uuid.uuid4()), status=status, tags=tags))

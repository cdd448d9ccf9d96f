"""The kinds of trials, and the order in which they come: each round has every kind, some twice."""

from __future__ import annotations

from random import Random

from tmdb_assets_tests.chaos.faults import (
    backups,
    calendar_days,
    embedded,
    faulty_api,
    killed,
    outages,
    scarce,
    services,
    together,
)
from tmdb_assets_tests.chaos.trial import Kind

KINDS: dict[str, Kind] = {
    "command killed": killed.killed,
    "command killed on an empty database": killed.killed_on_the_first_day,
    "command killed while it refreshes": killed.killed_while_refreshing,
    "command killed, then a backfill": killed.killed_and_backfilled,
    "command killed on many days": killed.killed_on_many_days,
    "command asked to stop": killed.stopped_politely,
    "Postgres restarted": outages.restarted,
    "Postgres away": outages.away,
    "sessions ended": outages.sessions_ended,
    "table locked": outages.locked,
    "long reader": outages.read_for_long,
    "Postgres read-only": outages.read_only,
    "few connections": outages.few_connections,
    "disk full": scarce.disk_full,
    "TMDb away": faulty_api.away,
    "TMDb refuses (429)": faulty_api.too_many,
    "TMDb fails for half of the films": faulty_api.half_fails,
    "TMDb breaks one answer in ten": faulty_api.broken_answers,
    "TMDb slow": faulty_api.slow,
    "command killed while TMDb is away": faulty_api.killed_during_an_outage,
    "TMDb lists nothing": faulty_api.empty_day,
    "same day twice at once": together.same_day,
    "first day twice at once": together.first_day,
    "refresh and run at once": together.refreshed_together,
    "several days at once": together.other_days,
    "fetcher killed": together.holder_killed,
    "fetcher stopped": together.holder_stopped,
    "fetcher cut off": together.holder_cut_off,
    "old load woken after a newer one": together.woken_load,
    "two machines, one lost": together.two_machines,
    "midnight": calendar_days.midnight,
    "end of a month or year": calendar_days.ends_of_months,
    "clock put back": calendar_days.clock_put_back,
    "schema upgrade": calendar_days.upgraded,
    "backup killed": backups.backup_killed,
    "restore killed": backups.restore_killed,
    "dev or one of its services killed": services.service_killed,
    "embedded: command killed": embedded.command_killed,
    "embedded: server killed": embedded.server_killed,
    "embedded: both killed": embedded.both_killed,
    "embedded: pid file of another process": embedded.foreign_pid_file,
    "embedded: pid file or socket removed": embedded.file_removed,
    "embedded: first start together": embedded.first_start_together,
    "embedded: first start killed": embedded.first_start_killed,
}
TWICE = ("command killed", "disk full", "midnight", "embedded: pid file of another process")


def kind_of(number: int, seed: int) -> str:
    """The kind of a trial: a round is all kinds in an order that the seed draws."""
    names = [*KINDS, *TWICE]
    turn, place = divmod(number, len(names))
    Random(f"{seed} {turn}").shuffle(names)
    return names[place]

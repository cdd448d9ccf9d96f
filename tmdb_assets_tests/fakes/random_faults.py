"""A hook that breaks one answer in ten, in every way that is known; which ones is drawn from a fixed seed."""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from email.utils import format_datetime

from tmdb_assets import partitions
from tmdb_assets_tests.fakes.replay import DROPPED, TRUNCATED, Action, Fault
from tmdb_assets_tests.fakes.scripted_server import reset
from tmdb_assets_tests.stage.many_days import export_day

ONE_IN = 10
SILENT_S = 1.2  # longer than the client's patience may be
PAGE = b"<!DOCTYPE html><html><head><title>Error</title></head><body>Come back later.</body></html>"


def too_many_until_a_date(now: dt.datetime) -> Fault:
    """A 429 whose Retry-After is a date, in whole seconds."""
    until = format_datetime(now + dt.timedelta(seconds=2), usegmt=True)
    return Fault(status=429, headers={"Retry-After": until})


# What is served at a moment, with the cause under which the client counts the retry.
FAULTS: dict[str, tuple[Callable[[dt.datetime], Action], str]] = {
    "500": (lambda _: Fault(status=500), "500"),
    "502, a page of a proxy": (lambda _: Fault(status=502, body=PAGE, headers={"Content-Type": "text/html"}), "502"),
    "503": (lambda _: Fault(status=503), "503"),
    "504": (lambda _: Fault(status=504), "504"),
    "429": (lambda _: Fault(status=429), "429"),
    "429 with seconds": (lambda _: Fault(status=429, headers={"Retry-After": "2"}), "429"),
    "429 with a date": (too_many_until_a_date, "429"),
    "closed": (lambda _: DROPPED, "connection"),
    "reset": (lambda _: reset, "connection"),
    "truncated": (lambda _: TRUNCATED, "unreadable"),
    "no JSON": (lambda _: Fault(body=PAGE, headers={"Content-Type": "text/html"}), "unreadable"),
    "silent": (lambda _: Fault(delay=SILENT_S), "read timeout"),
}
CAUSES = {cause for _, cause in FAULTS.values()}


class RandomFaults:
    """A fault hook: breaks the first request to each endpoint, then one in ten, and each export once in every way.

    Which of the ten is drawn; the ways come in a drawn order, repeated, so that each of them occurs whatever the seed.
    `served` counts them. `now` is the client's clock, by default this process's.
    """

    def __init__(self, seed: int, now: Callable[[], dt.datetime] | None = None) -> None:
        self._now = now
        self._random, self._lock = random.Random(seed), threading.Lock()
        self._order = self._random.sample(sorted(FAULTS), len(FAULTS))
        self._asked, self._place = Counter[str](), dict[str, int]()
        self.served = {"api": Counter[str](), "export": Counter[str]()}

    def __call__(self, path: str, params: Mapping[str, str]) -> Action | None:
        is_export = export_day(path) is not None
        endpoint = path if is_export else path.rstrip("0123456789")
        with self._lock:
            is_broken = self._asked[endpoint] < len(FAULTS) if is_export else self._is_drawn(endpoint)
            self._asked[endpoint] += 1
            if not is_broken:
                return None
            served = self.served["export" if is_export else "api"]
            name = self._order[served.total() % len(self._order)]
            served[name] += 1
        make, _ = FAULTS[name]
        return make((self._now or partitions.now)())

    def _is_drawn(self, endpoint: str) -> bool:
        block, place = divmod(self._asked[endpoint], ONE_IN)
        if place == 0:
            self._place[endpoint] = self._random.randrange(ONE_IN) if block else 0
        return place == self._place[endpoint]

    @property
    def total(self) -> int:
        """The number of broken answers."""
        return sum(served.total() for served in self.served.values())

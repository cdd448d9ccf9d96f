"""The gate, the budget of tries and the counts, all on a clock that the test turns."""

import itertools
import math
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmdb_assets.tmdb.errors import Fault
from tmdb_assets.tmdb.pace import FetchStats, Pace, Tries, retrying

CONNECTION = Fault("connection", "connection dropped")
GARBAGE = Fault("unreadable", "no valid JSON", unreadable=True)


class VirtualTime:
    """A clock that only moves when somebody sleeps; sleeps end late by what `lateness` yields."""

    def __init__(self, lateness=()):
        self.now = 1000.0
        self.slept = []
        self._lateness = iter(lateness)
        self._lock = threading.Lock()

    def clock(self):
        with self._lock:
            return self.now

    def sleep(self, seconds):
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds + next(self._lateness, 0.0)


def most_in_a_window(grants, seconds=1.0):
    """The largest number of grants in any closed window; one that starts at a grant is always among the largest."""
    grants = sorted(grants)
    return max(sum(1 for other in grants[i:] if other <= start + seconds) for i, start in enumerate(grants))


@settings(max_examples=150, deadline=None)
@given(
    rate=st.one_of(st.integers(1, 60), st.floats(1, 60)),
    steps=st.lists(
        st.tuples(st.sampled_from([0.0, 0.0, 0.0, 0.003, 0.4, 3.0]), st.floats(0, 0.5), st.booleans()),
        min_size=2,
        max_size=200,
    ),
)
def test_no_window_of_a_second_holds_more_than_the_limit(rate, steps):
    time = VirtualTime(itertools.cycle([late for _, late, _ in steps]))
    pace = Pace(rate, clock=time.clock, sleep=time.sleep)
    grants = []
    for idle, _, is_held in steps:
        time.now += idle
        if is_held and idle:
            pace.hold_back(0.2)
        grants.append(pace.acquire())
    assert most_in_a_window(grants) <= math.floor(rate)


@settings(max_examples=50, deadline=None)
@given(rate=st.floats(0.05, 0.99), lateness=st.lists(st.floats(0, 2), min_size=1, max_size=20))
def test_below_one_a_second_the_window_grows(rate, lateness):
    time = VirtualTime(itertools.cycle(lateness))
    pace = Pace(rate, clock=time.clock, sleep=time.sleep)
    grants = [pace.acquire() for _ in range(30)]
    assert most_in_a_window(grants, 1 / rate) == 1


@pytest.mark.parametrize("rate", [0.5, 1, 7, 40, 1000])
def test_mean_rate_is_at_least_98_percent_though_sleeps_end_late(rate):
    time = VirtualTime(itertools.cycle([0.0, 0.004, 0.001, 0.02, 0.0]))
    pace = Pace(rate, clock=time.clock, sleep=time.sleep)
    grants = [pace.acquire() for _ in range(2001)]
    assert 0.98 * rate <= 2000 / (grants[-1] - grants[0]) <= rate


def test_permits_are_evenly_spaced():
    time = VirtualTime()
    pace = Pace(40, clock=time.clock, sleep=time.sleep)
    grants = [pace.acquire() for _ in range(200)]
    gaps = [after - before for before, after in itertools.pairwise(grants)]
    assert max(gaps) - min(gaps) < 0.001
    assert gaps[0] == pytest.approx(1 / 40, rel=0.02)


def test_an_idle_time_is_not_saved_up():
    time = VirtualTime()
    pace = Pace(10, clock=time.clock, sleep=time.sleep)
    pace.acquire()
    time.now += 60
    first, second = pace.acquire(), pace.acquire()
    assert first == 1060
    assert second - first == pytest.approx(0.1, rel=0.02)


def test_many_threads_share_one_limit():
    time = VirtualTime()
    pace = Pace(20, clock=time.clock, sleep=time.sleep)
    grants = []

    def work():
        grants.extend(pace.acquire() for _ in range(25))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(grants) == 200
    assert most_in_a_window(grants) <= 20
    assert max(grants) - min(grants) <= 199 / (20 * 0.98)


@pytest.mark.parametrize("rate", [0, 40])
def test_hold_back_stops_everybody_for_that_long(rate):
    time = VirtualTime()
    pace = Pace(rate, clock=time.clock, sleep=time.sleep)
    first = pace.acquire()
    pace.hold_back(3)
    pace.hold_back(1)
    assert pace.acquire() == pytest.approx(first + 3)


def test_hold_back_reaches_one_who_already_waits():
    time = VirtualTime()

    def sleep(seconds):
        if not time.slept:
            pace.hold_back(5)
        time.sleep(seconds)

    pace = Pace(1, clock=time.clock, sleep=sleep)
    first = pace.acquire()
    assert pace.acquire() == pytest.approx(first + 5)
    assert len(time.slept) == 2


def test_no_limit_never_sleeps():
    time = VirtualTime()
    pace = Pace(0, clock=time.clock, sleep=time.sleep)
    assert {pace.acquire() for _ in range(1000)} == {1000.0}
    assert time.slept == []


def test_one_who_gives_up_waiting_leaves_the_gate_free():
    time = VirtualTime()
    give_up = [True]

    def sleep(seconds):
        if give_up.pop() if give_up else False:
            raise InterruptedError
        time.sleep(seconds)

    pace = Pace(2, clock=time.clock, sleep=sleep)
    first = pace.acquire()
    with pytest.raises(InterruptedError):
        pace.acquire()
    assert pace.acquire() - first == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("rate", [-1, math.nan, math.inf])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match="rate_limit must be 0 or more"):
        Pace(rate)


def run_until_over(fault, try_seconds, retry_seconds=18):
    time = VirtualTime()
    tries = Tries(retry_seconds, time.clock)
    counted = []

    def ask(tries):
        tries.begin()
        time.now += try_seconds
        tries.end(fault)
        return fault

    result = retrying(time.sleep, lambda kind, seconds: counted.append((kind, seconds)))(ask, tries)
    return time, tries, counted, result


def test_waits_grow_and_end_within_the_budget():
    time, tries, counted, result = run_until_over(CONNECTION, try_seconds=0.001)
    assert result is CONNECTION
    assert 0.1 <= time.slept[0] <= 0.2
    assert all(wait <= min(5, 0.2 * 2**n) for n, wait in enumerate(time.slept))
    assert 18 - 5 <= sum(time.slept) <= 18
    assert counted == [("connection", wait) for wait in time.slept]
    assert tries.count == len(counted) + 1


@pytest.mark.parametrize("try_seconds", [3.05, 6.1, 9.15, 12.2, 15.25, 18.3, 27.45])
def test_slow_tries_end_within_30_seconds_as_well(try_seconds):
    _, tries, _, _ = run_until_over(CONNECTION, try_seconds)
    assert tries.seconds <= 28


def test_garbage_is_given_up_after_six_tries():
    time, tries, _, _ = run_until_over(GARBAGE, try_seconds=0.01)
    assert tries.count == 6
    assert sum(time.slept) <= 0.2 + 0.4 + 0.8 + 1.6 + 3.2


def test_a_wish_to_wait_is_followed_within_the_budget():
    time, tries, _, _ = run_until_over(Fault("429", "too many", retry_after=7), try_seconds=0)
    assert time.slept == [7, 7]
    assert tries.count == 3


def test_no_fault_means_one_try():
    time, tries, counted, result = run_until_over(None, try_seconds=1)
    assert (result, tries.count, counted, time.slept) == (None, 1, [], [])


def test_stats_count_mean_and_peak():
    stats = FetchStats()
    for sent in [0.0, 0.1, 0.2, 0.9, 1.05, 4.0]:
        stats.count_request(sent, waited=0.5)
    stats.count_retry("503", 0.25)
    stats.count_retry("503", 0.25)
    stats.count_answer(size=10)
    stats.count_answer(removed_characters=2, not_found=True)
    assert stats.snapshot() == {
        "requests": 6,
        "retries": {"503": 2},
        "not_found": 1,
        "bytes": 10,
        "removed_characters": 2,
        "seconds_waited": 3.5,
        "mean_rate": 1.25,
        "peak_rate": 4,
    }


def test_stats_of_nothing():
    assert FetchStats().snapshot()["mean_rate"] == 0.0

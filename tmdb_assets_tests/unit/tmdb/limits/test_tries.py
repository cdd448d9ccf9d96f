"""The time limits of retries, and the counts of requests, on virtual time."""

import os

import pytest

from tmdb_assets.tmdb.errors import Fault
from tmdb_assets.tmdb.limits.running import MOST_S, RunningClock
from tmdb_assets.tmdb.limits.tries import LONGEST_WAIT_SECONDS, MOST_WAITED_SECONDS, Tries, retrying
from tmdb_assets.tmdb.stats import FetchStats
from tmdb_assets_tests.fakes.virtual_time import VirtualTime

CONNECTION = Fault("connection", "connection dropped")
GARBAGE = Fault("unreadable", "no valid JSON", unreadable=True)


def run_until_over(fault, try_seconds, retry_seconds=18):
    time = VirtualTime()
    tries = Tries(retry_seconds, time.clock)
    counted = []

    def attempt(tries):
        tries.begin()
        assert tries.deadline - time.now >= 10
        time.now += min(try_seconds, tries.deadline - time.now)
        tries.end(fault)
        return fault

    result = retrying(time.sleep, lambda kind, seconds: counted.append((kind, seconds)))(attempt, tries)
    return time, tries, counted, result


def test_waits_grow_and_end_in_time():
    time, tries, counted, result = run_until_over(CONNECTION, try_seconds=0.001)
    assert result is CONNECTION
    assert 0.1 <= time.slept[0] <= 0.2
    assert all(wait <= min(5, 0.2 * 2**n) for n, wait in enumerate(time.slept))
    assert 18 - 5 <= sum(time.slept) <= 18
    assert counted == [("connection", wait) for wait in time.slept]
    assert tries.count == len(counted) + 1


@pytest.mark.parametrize("try_seconds", [3.05, 6.1, 9.15, 12.2, 15.25, 18.3, 27.45])
def test_slow_tries_end_within_30_seconds(try_seconds):
    _, tries, _, _ = run_until_over(CONNECTION, try_seconds)
    assert tries.seconds <= 28
    assert (tries.count > 1) is (try_seconds < 18)


def test_time_in_which_the_process_did_not_run_is_not_counted():
    """Stopped for a minute while its first try waits for an answer, which the server then gives up on."""
    time = VirtualTime()
    clock = RunningClock(time.clock)
    clock._pid = os.getpid()  # no thread: the test ticks
    tries = Tries(18, clock)
    tries.begin()
    for _ in range(26):  # connecting took as long as it may, and so did waiting for the answer
        time.now += 0.5
        clock.tick()
    time.now += 60
    tries.end(CONNECTION)
    assert tries.seconds == 13 + MOST_S
    assert not tries.is_over(wait=1)
    clock.tick()
    time.now += 0.5
    assert clock() == 13 + MOST_S + 0.5


def test_an_unreadable_answer_is_retried_five_times():
    time, tries, _, _ = run_until_over(GARBAGE, try_seconds=0.01)
    assert tries.count == 6
    assert sum(time.slept) <= 0.2 + 0.4 + 0.8 + 1.6 + 3.2


def test_a_retry_after_is_followed_within_the_time_for_retries():
    time, tries, _, _ = run_until_over(Fault("503", "busy", retry_after=7), try_seconds=0)
    assert time.slept == [7, 7]
    assert tries.count == 3


@pytest.mark.parametrize(("seconds", "waits"), [(7, 85), (100, 6), (120, 5), (121, 0), (7200, 0)])
def test_the_waits_for_429s_have_their_own_limit(seconds, waits):
    time, tries, _, _ = run_until_over(Fault("429", "too many", retry_after=seconds), try_seconds=0)
    assert LONGEST_WAIT_SECONDS == 120
    assert MOST_WAITED_SECONDS == 600
    assert time.slept == [seconds] * waits
    assert (tries.count, tries.seconds, tries.all_seconds) == (waits + 1, 0, seconds * waits)


def test_a_wait_for_a_429_does_not_shorten_the_retries_of_other_faults():
    time, faults = VirtualTime(), [Fault("429", "too many", retry_after=60)] + [CONNECTION] * 100
    tries = Tries(18, time.clock)

    def attempt(tries):
        tries.begin()
        fault = faults.pop(0)
        tries.end(fault)
        return fault

    assert retrying(time.sleep, lambda kind, seconds: None)(attempt, tries) is CONNECTION
    assert time.slept[0] == 60
    assert 18 - 5 <= sum(time.slept[1:]) <= 18
    assert tries.deadline == 1000 + 60 + 18 + 10


def test_up_to_ten_minutes_of_waiting_for_a_permit_are_not_counted():
    time = VirtualTime()
    tries = Tries(18, time.clock)
    tries.begin(queued=1000)
    tries.end(CONNECTION)
    for queued, is_over in [(400, False), (200, False), (1, True)]:
        time.now += queued + 1
        tries.begin(queued=queued)
        tries.end(CONNECTION)
        assert tries.is_over(5) is is_over
    assert tries.seconds == 3


def test_no_fault_means_one_try():
    time, tries, counted, result = run_until_over(None, try_seconds=1)
    assert (result, tries.count, counted, time.slept) == (None, 1, [], [])


def test_stats_count_mean_and_peak():
    stats = FetchStats()
    assert stats.snapshot()["mean_rate"] == 0.0
    for sent in [0.0, 0.1, 0.2, 0.9, 1.05, 4.0]:
        stats.count_request(sent, waited=0.5)
    stats.count_retry("503", 0.25)
    stats.count_retry("503", 0.25)
    stats.count_answer(size=10)
    stats.count_answer(removed_characters=2, not_found=True)
    stats.count_answer(rate_limited=True)
    assert stats.snapshot() == {
        "requests": 6,
        "retries": {"503": 2},
        "not_found": 1,
        "rate_limited": 1,
        "bytes": 10,
        "removed_characters": 2,
        "seconds_waited": 3.5,
        "mean_rate": 1.25,
        "peak_rate": 4,
    }
    stats.restart()
    assert stats.snapshot()["requests"] == 0
    assert stats.total_requests == 6

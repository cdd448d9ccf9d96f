"""The gate, the budget of tries and the counts, all on a clock that the test turns."""

import heapq
import itertools
import math
import threading
from bisect import bisect_right

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmdb_assets.tmdb.errors import Fault
from tmdb_assets.tmdb.pace import AdaptiveRate, FetchStats, Pace, Tries, retrying, thread_count

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
    return max(bisect_right(grants, start + seconds) - i for i, start in enumerate(grants))


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
    grants = [pace.acquire()]
    for idle, _, is_refused in steps:
        time.now += idle
        if is_refused and idle:
            pace.hold_back(0.2, grants[-1])
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
def test_mean_rate_is_at_least_97_5_percent_though_sleeps_end_late(rate):
    time = VirtualTime(itertools.cycle([0.0, 0.004, 0.001, 0.02, 0.0]))
    pace = Pace(rate, clock=time.clock, sleep=time.sleep)
    grants = [pace.acquire() for _ in range(2001)]
    assert 0.975 * rate <= 2000 / (grants[-1] - grants[0]) <= rate


def test_permits_are_evenly_spaced():
    time = VirtualTime()
    pace = Pace(40, clock=time.clock, sleep=time.sleep)
    grants = [pace.acquire() for _ in range(200)]
    gaps = [after - before for before, after in itertools.pairwise(grants)]
    assert max(gaps) - min(gaps) < 0.001
    assert gaps[0] == pytest.approx(1 / 40, rel=0.025)


def test_an_idle_time_is_not_saved_up():
    time = VirtualTime()
    pace = Pace(10, clock=time.clock, sleep=time.sleep)
    pace.acquire()
    time.now += 60
    first, second = pace.acquire(), pace.acquire()
    assert first == 1060
    assert second - first == pytest.approx(0.1, rel=0.025)


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
    assert max(grants) - min(grants) <= 199 / (20 * 0.975)


@pytest.mark.parametrize("rate", [0, 40])
def test_hold_back_stops_everybody_for_that_long(rate):
    time = VirtualTime()
    pace = Pace(rate, clock=time.clock, sleep=time.sleep)
    first = pace.acquire()
    pace.hold_back(3, first)
    pace.hold_back(1, first)
    assert pace.acquire() == pytest.approx(first + 3)


def test_a_429_holds_for_a_second_though_it_asks_for_less():
    time = VirtualTime()
    pace = Pace(40, clock=time.clock, sleep=time.sleep)
    first = pace.acquire()
    pace.hold_back(0, first)
    assert pace.acquire() == pytest.approx(first + 1)


def test_hold_back_reaches_one_who_already_waits():
    time = VirtualTime()

    def sleep(seconds):
        if not time.slept:
            pace.hold_back(5, first)
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


def gaps_after_a_refusal(pace, seconds, refused, count=4):
    """Seconds between the permits that follow a 429 for the requests permitted at `refused`."""
    for sent in refused:
        pace.hold_back(seconds, sent)
    grants = [pace.acquire() for _ in range(count)]
    return [after - before for before, after in itertools.pairwise(grants)]


def test_a_429_takes_a_quarter_off_once_for_all_that_were_under_way():
    time = VirtualTime()
    pace = Pace(40, clock=time.clock, sleep=time.sleep)
    usual = 1 / (40 * 0.978)
    sent = [pace.acquire() for _ in range(20)]
    assert gaps_after_a_refusal(pace, 1, sent[-5:]) == pytest.approx([usual / 0.75] * 3, rel=0.01)
    assert gaps_after_a_refusal(pace, 1, [sent[-1]]) == pytest.approx([usual / 0.75] * 3, rel=0.01)
    assert gaps_after_a_refusal(pace, 0, [pace.acquire()]) == pytest.approx([usual / 0.75**2] * 3, rel=0.01)


def test_a_429_without_a_limit_sets_one_from_the_last_second():
    time = VirtualTime()
    pace = Pace(0, clock=time.clock, sleep=time.sleep)
    for _ in range(200):
        time.now += 0.01
        sent = pace.acquire()
    assert gaps_after_a_refusal(pace, 1, [sent]) == pytest.approx([1 / 75] * 3, rel=0.02)
    time.now += 60
    assert gaps_after_a_refusal(pace, 1, []) == pytest.approx([1 / 175] * 3, rel=0.02)
    time.now += 600
    assert gaps_after_a_refusal(pace, 1, []) == pytest.approx([0] * 3, abs=1 / 5000)
    time.now += 3  # the last second was empty: taken as the 40 that TMDb is known to take
    assert gaps_after_a_refusal(pace, 1, [time.now]) == pytest.approx([1 / 30] * 3, rel=0.01)


@settings(max_examples=100, deadline=None)
@given(
    limit=st.floats(0.1, 100),
    refusals=st.lists(st.tuples(st.floats(0, 90), st.floats(0, 20), st.integers(0, 200)), min_size=1, max_size=40),
)
def test_the_rate_never_passes_the_limit_only_grows_between_429s_and_is_back_a_minute_later(limit, refusals):
    rate, now = AdaptiveRate(limit), 0.0
    for gap, hold, sent in refusals:
        now += gap
        before = rate.at(now)
        rate.lower(now, sent)
        rate.pause(now, now + hold)
        assert min(limit, 1) <= rate.at(now) <= max(before * 0.75, min(limit, 1))
        assert rate.at(now) == rate.at(now + hold)
        growing = [rate.at(now + hold + second) for second in range(61)]
        assert growing == sorted(growing)
        assert growing[-1] == pytest.approx(limit)
        assert max(growing) <= limit
        now += hold


class RateLimitedServer(VirtualTime):
    """A token bucket of `rate` and `burst` (rate 0: takes all) that answers after `latency()` seconds, on virtual time.

    `play` sends through a gate with as many requests under way as there are threads, until `count` are answered.
    """

    def __init__(self, rate, burst=None, latency=lambda: 0.06, retry_after=1.0):
        super().__init__()
        self.rate, self.burst = rate, burst or rate
        self.tokens, self.filled = self.burst, self.now
        self.latency, self.retry_after = latency, retry_after
        self.answers, self.under_way, self.answered, self.refused, self.grants = [], 0, 0, 0, []

    def sleep(self, seconds):
        until = self.now + seconds
        while self.answers and self.answers[0][0] <= until:
            self._answer()
        self.now = max(self.now, until)

    def _answer(self):
        self.now, _, sent, is_accepted = heapq.heappop(self.answers)
        self.under_way -= 1
        self.answered += is_accepted
        if not is_accepted:
            self.refused += 1
            self.pace.hold_back(self.retry_after, sent)

    def _accepts(self):
        self.tokens = min(self.burst, self.tokens + (self.now - self.filled) * self.rate)
        self.filled = self.now
        is_accepted = self.rate == 0 or self.tokens >= 1
        self.tokens -= is_accepted
        return is_accepted

    def play(self, limit, count):
        self.pace = Pace(limit, clock=self.clock, sleep=self.sleep)
        threads = thread_count(limit, 64)
        while self.answered < count:
            if self.under_way == min(threads, count - self.answered):
                self._answer()
                continue
            sent = self.pace.acquire()
            self.under_way += 1
            self.grants.append(sent)
            heapq.heappush(self.answers, (self.now + self.latency(), len(self.grants), sent, self._accepts()))
        return self

    @property
    def mean_rate(self):
        return (len(self.grants) - 1) / (self.grants[-1] - self.grants[0])


@pytest.mark.parametrize(
    ("limit", "rate", "burst", "count", "most_refused"),
    [
        (48, 50, 50, 2000, 0),
        (60, 50, 50, 2000, 4),
        (40, 35, 1, 2000, 10),
        (40, 5, 5, 500, 25),
        (1000, 50, 50, 2000, 80),
        (0, 50, 50, 2000, 80),
        (0, 10, 10, 1000, 110),
    ],
)
def test_429s_stay_few_and_the_servers_rate_is_used(limit, rate, burst, count, most_refused):
    server = RateLimitedServer(rate, burst).play(limit, count)
    assert server.refused <= most_refused
    assert server.answered / (server.now - 1000) >= 0.75 * min(rate, limit or rate)
    assert limit == 0 or most_in_a_window(server.grants) <= limit


@settings(max_examples=40, deadline=None)
@given(
    limit=st.integers(2, 80),
    share=st.floats(0.2, 1.1),
    burst=st.floats(0.1, 2),
    latency=st.floats(0.001, 2),
    retry_after=st.floats(0, 5),
)
def test_any_lower_limit_of_the_server_is_found(limit, share, burst, latency, retry_after):
    rate = max(2.0, limit * share)
    server = RateLimitedServer(rate, max(1, rate * burst), lambda: latency, retry_after).play(limit, 400)
    under_way = 1 + min(limit * latency, thread_count(limit, 64))
    # A refusal takes with it what is under way. To get down there are some at first (0.75**6 < 0.2); from then on
    # the way back from 75% to 100% of the server's rate takes half a minute, less where that is far below the limit.
    refusals = 7 + 1.5 * (server.now - 1000) / (30 * min(1, rate / limit) ** 0.5)
    assert server.refused <= under_way * refusals
    assert most_in_a_window(server.grants) <= limit


def test_the_pace_is_the_limit_again_after_a_storm():
    server = RateLimitedServer(5).play(40, 200)
    server.rate = 0
    storm, quiet = server.grants[-1], len(server.grants)
    after = [server.pace.acquire() for _ in range(4000)]
    assert quiet < 260
    later = [sent for sent in after if sent >= storm + AdaptiveRate.RECOVERY_SECONDS + 2]
    assert (len(later) - 1) / (later[-1] - later[0]) >= 0.975 * 40
    assert most_in_a_window(server.grants + after) <= 40


@pytest.mark.parametrize("limit", [1, 5, 20, 40, 60])
@pytest.mark.parametrize("slow_share", [0, 0.01])
def test_slow_answers_do_not_lower_the_mean_rate(limit, slow_share):
    seconds = itertools.cycle([0.06] * 199 + [5.0, 5.0])  # the worst order: in pairs
    server = RateLimitedServer(0, latency=(lambda: 0.06) if not slow_share else lambda: next(seconds)).play(limit, 1500)
    assert 0.97 * limit <= server.mean_rate <= limit


@pytest.mark.parametrize(("limit", "threads"), [(0, 64), (0.2, 4), (2, 4), (20, 40), (40, 64), (1000, 64)])
def test_no_more_threads_than_the_limit_can_use(limit, threads):
    assert thread_count(limit, 64) == threads


def test_a_repeated_try_does_not_wait_behind_all_first_tries():
    time, asleep, go_on, order = VirtualTime(), threading.Event(), threading.Event(), []

    def sleep(seconds):
        asleep.set()
        go_on.wait(10)
        time.sleep(seconds)

    def work(name):
        pace.acquire(is_repeat=name == "repeat")
        order.append(name)

    pace = Pace(2, clock=time.clock, sleep=sleep)
    pace.acquire()
    threads = [threading.Thread(target=work, args=(name,)) for name in ["first"] * 20]
    for thread in threads:
        thread.start()
    assert asleep.wait(10)  # one first try waits for its permit, the others for it
    threads.append(threading.Thread(target=work, args=("repeat",)))
    threads[-1].start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert order.index("repeat") < 10


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


def test_stats_of_nothing():
    assert FetchStats().snapshot()["mean_rate"] == 0.0

"""How the pace falls with the 429s of a server that takes less, and comes back, on a clock that the test turns."""

import heapq
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmdb_assets.tmdb.pace import AdaptiveRate, Pace, thread_count
from tmdb_assets_tests.virtual_time import VirtualTime, most_in_a_window


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

"""A server with a rate limit and the threads of a client, on virtual time."""

import heapq
import random

from tmdb_assets.tmdb.limits.pace import Pace, thread_count
from tmdb_assets_tests.fakes.virtual_time import VirtualTime


class RateLimitedServer(VirtualTime):
    """A token bucket of `rate` and `burst` (rate 0: accepts all) that answers after `latency()` seconds.

    A `stray_share` of all answers are 429s without cause. `play` sends with one open request per thread, until
    `count` are answered or `seconds` have passed. Refused requests are not retried.
    """

    def __init__(self, rate, burst=None, latency=lambda: 0.06, retry_after=1.0, stray_share=0.0):
        super().__init__()
        self.rate, self.burst = rate, burst or rate
        self.tokens, self.filled = self.burst, self.now
        self.latency, self.retry_after = latency, retry_after
        self.stray_share, self.random = stray_share, random.Random(429)
        self.answers, self.under_way, self.answered, self.refused, self.grants = [], 0, 0, 0, []
        self.logged, self.pace = [], None

    def sleep(self, seconds):
        until = self.now + seconds
        while self.answers and self.answers[0][0] <= until:
            self._answer()
        self.now = max(self.now, until)

    def _answer(self):
        self.now, _, sent, is_accepted = heapq.heappop(self.answers)
        self.under_way -= 1
        self.answered += is_accepted
        self.refused += not is_accepted
        if is_accepted:
            self.pace.accept()
        else:
            self.pace.refuse(self.retry_after, sent)

    def _accepts(self):
        if self.stray_share and self.random.random() < self.stray_share:
            return False
        self.tokens = min(self.burst, self.tokens + (self.now - self.filled) * self.rate)
        self.filled = self.now
        is_accepted = self.rate == 0 or self.tokens >= 1
        self.tokens -= is_accepted
        return is_accepted

    def play(self, limit, count=10**9, seconds=10**9):
        """Send requests within `limit`, which later calls keep; return the server itself."""
        if self.pace is None:
            self.pace = Pace(limit, clock=self.clock, sleep=self.sleep, log=self.logged.append)
        threads, until = thread_count(limit, 64), self.now + seconds
        while self.answered < count and self.now < until:
            if self.under_way >= min(threads, count - self.answered):
                self._answer()
                continue
            sent = self.pace.acquire()
            self.under_way += 1
            self.grants.append(sent)
            heapq.heappush(self.answers, (self.now + self.latency(), len(self.grants), sent, self._accepts()))
        return self

    @property
    def mean_rate(self):
        """Requests sent per second."""
        return (len(self.grants) - 1) / (self.grants[-1] - self.grants[0])

    @property
    def answered_rate(self):
        """Requests per second that were answered by something other than 429."""
        return self.answered / (self.now - 1000)

    def sent_since(self, moment, seconds):
        """Return the requests sent per second in the `seconds` after `moment`."""
        return sum(moment <= sent < moment + seconds for sent in self.grants) / seconds

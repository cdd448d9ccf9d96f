"""How many requests a second are permitted, judged by the answers."""

from __future__ import annotations

import math
from collections import deque

# So many 429s in a hundred answers are taken as strays, which come whatever our pace is.
_STRAY_SHARE = 0.04
# The rate is lowered once the 429s beyond that share come to this.
_EVIDENCE = 3.5
# Less is enough while the rate grows and no 429 came as long as it was low: then it is our pace that brings them.
_PROVEN_EVIDENCE = 1.5
# One that says how long to wait knows of a limit, and costs all threads that wait: it counts for more than one.
_WISH_EVIDENCE = 2.0
# What the server takes is counted over this time, in seconds.
_COUNTED_SECONDS = 1.0
# Of what the server took, so much is permitted then; but never less than this part of what was permitted before.
_KEPT_SHARE, _LEAST_SHARE = 0.9, 0.5
# The rate to which it had grown when 429s began is a little more than what the server takes: so much of it is kept.
_GROWN_SHARE = 0.88
_LOWEST = 1.0
_USUAL = 40.0  # that TMDb is known to take: https://developer.themoviedb.org/docs/rate-limiting


class AdaptiveRate:
    """The requests a second that are permitted at a moment: `limit`, and less while 429s say that it is too much.

    Each 429 is evidence (twice that where it says how long to wait), of which every other answer takes 4% of one
    away: up to 4 stray 429s in a hundred answers lower nothing for long. Four in a row do, and two of the second
    kind: the rate becomes 90% of the answers other than 429 in the last second, or 88% of the rate to which it had
    grown when the first of the 429s came; at least half and at most 90% of what it was, and at least 1. So it stays
    for `STEADY_SECONDS`. Then it grows by the same amount each second: at most `RECOVERY_SECONDS` after the last
    lowering `limit` is reached again; where no 429 came while it stood, two are enough while it grows. `limit` is never
    passed. An infinite `limit` gives way to a finite rate, which within
    `RECOVERY_SECONDS` grows by the answers of the second before the lowering (40 at least); then there is no limit
    again.

    All times are in seconds of one clock, which should stand still while nothing may be sent.
    """

    STEADY_SECONDS = 15.0
    GROWTH_SECONDS = 40.0
    RECOVERY_SECONDS = STEADY_SECONDS + GROWTH_SECONDS

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._lowered = self._growth = limit
        self._lowered_at = -math.inf
        self._evidence = self._grown_to = 0.0
        self._strays = 0
        self._answers: deque[tuple[float, bool]] = deque()

    def at(self, now: float) -> float:
        """Requests a second permitted at `now`."""
        share = (now - self._lowered_at - self.STEADY_SECONDS) / self.GROWTH_SECONDS
        if share >= 1:
            return self.limit
        return min(self.limit, self._lowered + self._growth * max(0.0, share))

    def accept(self, now: float) -> None:
        """Count an answer other than 429."""
        self._evidence = max(0.0, self._evidence - _STRAY_SHARE)
        self._count(now, is_taken=True)

    def refuse(self, now: float, *, has_wish: bool = False) -> bool:
        """Count a 429, which may say how long to wait; return whether the rate is lowered now."""
        permitted = self.at(now)
        if self._evidence == 0:
            # While the rate grows, the first 429 shows what is too much better than any count does.
            is_growing = self._lowered < permitted < self.limit
            self._grown_to = permitted if is_growing else 0.0
        self._evidence += _WISH_EVIDENCE if has_wish else 1
        self._count(now, is_taken=False)
        self._strays += now < self._lowered_at + self.STEADY_SECONDS
        is_proven = self._grown_to > 0 and self._strays == 0
        if self._evidence < (_PROVEN_EVIDENCE if is_proven else _EVIDENCE):
            return False
        seen = max(len(self._answers), _USUAL)
        rate = min(permitted, seen)
        taken = sum(is_taken for _, is_taken in self._answers)
        kept = max(_KEPT_SHARE * taken, _GROWN_SHARE * self._grown_to, _LEAST_SHARE * rate, _LOWEST)
        self._lowered, self._lowered_at = min(rate, kept, max(_LOWEST, _KEPT_SHARE * rate)), now
        self._growth = seen if math.isinf(self.limit) else self.limit
        self._evidence, self._strays = 0.0, 0
        return True

    def _count(self, now: float, *, is_taken: bool) -> None:
        self._answers.append((now, is_taken))
        while self._answers[0][0] <= now - _COUNTED_SECONDS:
            self._answers.popleft()

"""How many requests are answered at once, and how many a key may make in a minute. Plain asyncio and arithmetic."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable

from oaikit.errors import RateLimitError

# When there is room again can't be told: requests take milliseconds or minutes.
_FULL_RETRY_S = 2
_WINDOW_S = 60.0


class Gate:
    """Lets ``limit`` requests in at once (0: any number) and ``queue`` more wait, first come, first served.

    Belongs to one event loop.
    """

    def __init__(self, limit: int, queue: int) -> None:
        self._limit, self._queue = limit, queue
        self._waiting: deque[Place] = deque()
        self.in_flight = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def enter(self) -> Place:
        """A place inside or in the queue. Whoever has it has to `Place.leave`.

        Raises:
            RateLimitError: the queue is full.
        """
        place = Place(self)
        if not self._limit or self.in_flight < self._limit:
            self._admit(place)
        elif self.waiting < self._queue:
            self._waiting.append(place)
        else:
            raise RateLimitError(
                f"{self.in_flight} requests are being answered and {self.waiting} wait; try again in "
                f"{_FULL_RETRY_S} s, or send fewer at once",
                retry_after_s=_FULL_RETRY_S,
            )
        return place

    def _admit(self, place: Place) -> None:
        self.in_flight += 1
        place.inside.set_result(True)

    def _left(self, place: Place) -> None:
        if place.inside.done():
            self.in_flight -= 1
            if self._waiting:
                self._admit(self._waiting.popleft())
        else:
            self._waiting.remove(place)
            place.inside.set_result(False)


class Place:
    """One request's place at a `Gate`."""

    def __init__(self, gate: Gate) -> None:
        self._gate: Gate | None = gate
        self.inside: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def granted(self) -> bool:
        """Wait to be let in. False: the place was left before."""
        return await asyncio.shield(self.inside)  # else a cancelled request would keep its place for ever

    def leave(self) -> None:
        """Make room for the next. May be called again, and while another task waits in `granted`."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate._left(self)


class RateLimits:
    """Counts the requests of each key over the last minute. In this process only: two servers count apart."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: dict[str, deque[float]] = {}

    def count(self, key_id: str, per_minute: int) -> None:
        """Count a request of a key.

        Raises:
            RateLimitError: the key has made ``per_minute`` in the last minute; this one does not count.
        """
        now = self._clock()
        times = self._times.setdefault(key_id, deque())
        while times and times[0] <= now - _WINDOW_S:
            times.popleft()
        if len(times) >= per_minute:
            wait_s = max(1, math.ceil(times[0] + _WINDOW_S - now))
            raise RateLimitError(
                f"this key may make {per_minute} request{'s' * (per_minute > 1)} in a minute; try again in {wait_s} s",
                retry_after_s=wait_s,
            )
        times.append(now)

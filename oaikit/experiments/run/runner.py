"""Asks many requests at once, as many as keep the engine busy, through refusals and restarts of the server."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from oaikit._loop import LoopThread
from oaikit.errors import (
    AuthenticationError,
    EngineCrashedError,
    EngineFailedError,
    EngineStoppedError,
    NotFoundError,
    OAIKitError,
    PermissionDeniedError,
    ServerNotFoundError,
)
from oaikit.experiments.run.targets import Answer, Target
from oaikit.sampling import Endpoint

if TYPE_CHECKING:
    from oaikit.experiments.run.budget import Budget

LOOP: Final = LoopThread("oaikit-sweep", fast=True)
"""Where sweeps run; the caller's thread waits, and may be interrupted."""

WINDOW_PER_SEQUENCE: Final = 2
"""Sequences in flight for each that the engine works on: one is being answered, one waits behind it."""
MAX_NUM_SEQS: Final = 256
"""What vLLM works on at once unless told otherwise, for a server that doesn't say."""
CRASHES: Final = 3
"""Times that a server may go away over a request before that is the request's own fault."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
_POLL_S: Final = 0.5

# Every other request would end the same way.
_FATAL: Final = (
    AuthenticationError,
    PermissionDeniedError,
    NotFoundError,
    EngineStoppedError,
    EngineFailedError,
)
_LATER: Final = (429, 502, 503, 504)


@dataclass
class Job:
    """A request to be made: what to send, and what to do with the answer or the error.

    ``sequences`` is the number of answers that it asks for. ``done`` may give further jobs, to be made next.
    """

    endpoint: Endpoint
    body: dict[str, Any]
    sequences: int
    done: Callable[[Answer], Iterable[Job] | None]
    failed: Callable[[OAIKitError], None]
    crashes: int = 0


@dataclass
class Progress:
    """How far a run is, for whoever watches from another thread.

    Attributes:
        total: rows that are to be made.
        done: rows with an answer.
        failed: rows that ended with an error.
        truncated: rows whose answer was cut off at ``max_tokens``.
        tokens: of all answers.
        waits: what the run waits for, if for anything.
        began: a time of ``time.monotonic``.
    """

    total: int = 0
    done: int = 0
    failed: int = 0
    truncated: int = 0
    tokens: int = 0
    waits: str = ""
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.began


class Supply(Protocol):
    """Where a target's jobs come from, a few at a time."""

    def take(self, most: int) -> list[Job]:
        """The next jobs, up to a number of sequences; none if there is nothing to do now."""

    @property
    def waits(self) -> bool:
        """Whether there may be jobs later, though `take` gave none."""


class Listed:
    """A supply of jobs that are known from the start."""

    waits = False

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = deque(jobs)

    def take(self, most: int) -> list[Job]:
        """The next jobs, up to a number of sequences."""
        taken: list[Job] = []
        while self._jobs and most > 0:
            taken.append(self._jobs.popleft())
            most -= taken[-1].sequences
        return taken


async def run(
    supplies: Sequence[Supply],
    targets: Sequence[Target],
    windows: Sequence[int],
    timeout_s: float,
    progress: Progress,
    commit: Callable[[], None] = lambda: None,
    budget: Budget | None = None,
) -> None:
    """Make all jobs, each target's side by side with the others'.

    Args:
        supplies: the jobs of each target.
        targets: the opened targets.
        windows: how many sequences each target may have in flight.
        timeout_s: seconds without any answer after which a server is given up.
        progress: what is told to whoever watches.
        commit: called when a job is done, and what ended in the same turn of the loop with it: an engine ends many at
            once.
        budget: what the run may cost. When it is used up, nothing more begins; what is in flight is finished.

    Raises:
        ServerNotFoundError: a server went away and did not come back in time.
        OAIKitError: an error that every other request would have had too.
    """
    feeders = [
        _Feeder(target, supply, window, timeout_s, progress, commit, budget)
        for target, supply, window in zip(targets, supplies, windows, strict=True)
    ]
    try:
        async with asyncio.TaskGroup() as group:
            for feeder in feeders:
                group.create_task(feeder.run())
    except BaseExceptionGroup as exc:
        failure = _first(exc)
    else:
        return
    raise failure  # out here: IPython shows every line of an error that was raised while a group was handled


class _Feeder:
    """One target's jobs. All of it is on one loop.

    A job begins as soon as its sequences fit into the limit beside those in flight. The limit is halved by a refusal,
    and grows by about one job for as many answers as it holds, as TCP's does.
    """

    def __init__(
        self,
        target: Target,
        supply: Supply,
        window: int,
        timeout_s: float,
        progress: Progress,
        commit: Callable[[], None],
        budget: Budget | None,
    ) -> None:
        self._target, self._supply, self._timeout_s, self._progress = target, supply, timeout_s, progress
        self._commit, self._budget = commit, budget
        self._pending: deque[Job] = deque()
        self._window = max(1, window)
        self._limit = float(self._window)
        self._in_flight = 0  # sequences
        self._most_given: int | None = (
            None  # answers to a request, by a server that gives fewer than it is asked for
        )
        self._refusals = 0  # since the last answer
        self._not_before = self._answered = time.monotonic()
        self._revival = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._over = False
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Make all jobs."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._begin()
                while not self._over:
                    await self._wake.wait()
                    self._wake.clear()
                    self._begin()
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _begin(self) -> None:
        """Begin as many jobs as there is room for, and see whether all is done."""
        if (wait := self._not_before - time.monotonic()) > 0:
            return self._later(wait)
        while (room := self._room()) > 0 and not (self._budget and self._budget.spent):
            if not self._pending:
                self._pending.extend(self._supply.take(room))
            if not self._pending:
                break
            job = self._pending[0]
            weight = self._weight(job)
            if weight > room and self._in_flight:
                break
            if self._budget and not self._budget.reserve(job, alone=not self._in_flight):
                break
            self._pending.popleft()
            self._in_flight += weight
            self._group.create_task(self._work(job, weight))
        if self._in_flight:
            return
        if (self._budget and self._budget.spent) or not (self._pending or self._supply.waits):
            self._over = True
            self._wake.set()
        else:
            self._later(_POLL_S)

    def _room(self) -> int:
        return max(1, int(self._limit)) - self._in_flight

    def _weight(self, job: Job) -> int:
        """The sequences of a job that will be in flight."""
        return job.sequences if self._most_given is None else min(job.sequences, self._most_given)

    def _later(self, wait: float) -> None:
        """Begin again after some seconds, or earlier."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(min(wait, _POLL_S), self._wake.set)

    async def _work(self, job: Job, weight: int) -> None:
        try:
            await self._make(job, weight)
            await asyncio.sleep(0)  # for the others of this turn
            self._commit()
        finally:
            self._in_flight -= weight
        self._begin()

    async def _make(self, job: Job, weight: int) -> None:
        try:
            answer = await self._target.ask(job.endpoint, dict(job.body))
        except OAIKitError as exc:
            if self._budget:
                self._budget.settle(job, None)
            await self._refused(job, exc)
            return
        if self._budget:
            self._budget.settle(job, answer)
        self._answered, self._refusals, self._progress.waits = time.monotonic(), 0, ""
        self._limit = min(self._window, self._limit + weight * weight / self._limit)
        if rest := [*(job.done(answer) or ())]:
            self._most_given = max(1, job.sequences - sum(each.sequences for each in rest))
            self._pending.extendleft(reversed(rest))

    async def _refused(self, job: Job, exc: OAIKitError) -> None:
        if isinstance(exc, ServerNotFoundError | EngineCrashedError):
            job.crashes += 1
            if job.crashes > CRASHES:
                job.failed(exc)
                return
            since = time.monotonic()
            self._pending.appendleft(job)
            await self._wait_for_server(exc, since)
        elif isinstance(exc, _FATAL):
            raise exc
        elif exc.retryable or (exc.status in _LATER and exc.retryable is None):
            self._pending.appendleft(job)
            self._wait_as_told(exc)
        else:
            self._answered = time.monotonic()  # it lives
            job.failed(exc)

    def _wait_as_told(self, exc: OAIKitError) -> None:
        """Let nothing begin for as long as the server said, or longer each time where it said nothing."""
        now = time.monotonic()
        if now - self._answered > self._timeout_s:
            raise exc
        if now < self._not_before:
            return  # one of those that were in flight when the first was refused
        backoff = min(_FIRST_WAIT_S * 2**self._refusals, _LONGEST_WAIT_S)
        wait = exc.retry_after_s if exc.retry_after_s is not None else backoff * random.uniform(0.5, 1.0)
        if wait > self._timeout_s:
            raise exc
        self._refusals += 1
        self._not_before = now + wait
        self._limit = max(1.0, self._in_flight / 2)
        self._progress.waits = f"{exc.message} (trying again in {wait:.0f} s)"

    async def _wait_for_server(self, exc: OAIKitError, since: float) -> None:
        """Pause until the server is back; one asks, the others wait for that."""
        async with self._revival:
            if self._answered > since:
                return
            self._progress.waits = f"the server went away, waiting for it: {exc.message}"
            deadline = time.monotonic() + self._timeout_s
            self._not_before = deadline
            while not await self._target.alive():
                if time.monotonic() > deadline:
                    raise ServerNotFoundError(
                        f"the server did not come back within {self._timeout_s:g} s: {exc.message}"
                    ) from exc
                await asyncio.sleep(_POLL_S)
            self._answered = self._not_before = time.monotonic()
            self._progress.waits = ""
            self._begin()


def _first(group: BaseException) -> BaseException:
    """What went wrong first, of all that went wrong because of it."""
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group

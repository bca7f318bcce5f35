"""Asks many requests at once, as many as keep the engine busy, through refusals and restarts of the server."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

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

    target: int
    endpoint: Endpoint
    body: dict[str, Any]
    sequences: int
    done: Callable[[Answer], Iterable[Job] | None]
    failed: Callable[[OAIKitError], None]
    crashes: int = 0


@dataclass
class Progress:
    """How far a run is, for whoever watches from another thread. ``waits`` says what it waits for, if for anything."""

    total: int = 0
    done: int = 0
    failed: int = 0
    tokens: int = 0
    waits: str = ""
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.began


async def run(
    jobs: Iterable[Job],
    targets: list[Target],
    windows: list[int],
    timeout_s: float,
    progress: Progress,
    commit: Callable[[], None] = lambda: None,
) -> None:
    """Make all jobs, each target's side by side with the others'.

    Parameters: the jobs in order, the opened targets, how many sequences each may have in flight, and the seconds
    without any answer after which a server is given up. ``commit`` is called when a job is done, and what ended in the
    same turn of the loop with it: an engine ends many at once.

    Raises:
        ServerNotFoundError: a server went away and did not come back in time.
        OAIKitError: an error that every other request would have had too.
    """
    pending = [deque[Job]() for _ in targets]
    for job in jobs:
        pending[job.target].append(job)
    feeders = [
        _Feeder(target, queue, window, timeout_s, progress, commit)
        for target, queue, window in zip(targets, pending, windows, strict=True)
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
    """One target's jobs. All of it is on one loop."""

    def __init__(
        self,
        target: Target,
        pending: deque[Job],
        window: int,
        timeout_s: float,
        progress: Progress,
        commit: Callable[[], None],
    ) -> None:
        self._target, self._pending, self._timeout_s, self._progress = target, pending, timeout_s, progress
        self._commit = commit
        widest = max((job.sequences for job in pending), default=1)
        self._workers = min(max(1, window // widest), len(pending))
        # How many may be in flight: halved by a refusal, and growing by one for as many answers as it is, as TCP does.
        self._limit = float(self._workers)
        self._in_flight = 0
        self._room = asyncio.Event()
        self._refusals = 0  # since the last answer
        self._not_before = self._answered = time.monotonic()
        self._revival = asyncio.Lock()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while self._pending:
            await self._may_begin()
            if not self._pending:
                return
            job = self._pending.popleft()
            self._in_flight += 1
            try:
                await self._make(job)
                await asyncio.sleep(0)  # for the others of this turn
                self._commit()
            finally:
                self._in_flight -= 1
                self._room.set()

    async def _may_begin(self) -> None:
        while True:
            if (wait := self._not_before - time.monotonic()) > 0:
                await asyncio.sleep(min(wait, _POLL_S))  # it may be over sooner
            elif self._in_flight >= max(1, int(self._limit)) and self._pending:
                self._room.clear()
                await self._room.wait()
            else:
                return

    async def _make(self, job: Job) -> None:
        try:
            answer = await self._target.ask(job.endpoint, dict(job.body))
        except OAIKitError as exc:
            await self._refused(job, exc)
            return
        self._answered, self._refusals, self._progress.waits = time.monotonic(), 0, ""
        self._limit = min(self._workers, self._limit + 1 / self._limit)
        self._pending.extendleft(reversed([*(job.done(answer) or ())]))

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


def _first(group: BaseException) -> BaseException:
    """What went wrong first, of all that went wrong because of it."""
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group

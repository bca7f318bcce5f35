"""A thread that runs blocking functions one after another."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


class WorkerThread:
    """One daemon thread. It lives until `stop`, as the processes that it starts need (see `oaikit.engine._spawn`).

    A thread of an executor would not do: the interpreter waits for those at its end, also for a load that hangs.
    """

    def __init__(self, name: str) -> None:
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function there, and wait for it on the caller's loop.

        Cancelling the wait does not interrupt the function.
        """
        outcome: Future[T] = Future()

        def work() -> None:
            try:
                result = function(*args, **kwargs)
            except BaseException as exc:
                outcome.set_exception(exc)
            else:
                outcome.set_result(result)

        self._work.put(work)
        return await asyncio.shield(asyncio.wrap_future(outcome))

    def stop(self) -> None:
        """End the thread when it has done what it was given. Does not wait."""
        self._work.put(None)

    def _run(self) -> Any:
        while (work := self._work.get()) is not None:
            work()

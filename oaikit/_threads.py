"""Work that would block an event loop, on a thread of its own."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def in_thread(work: Callable[[], T]) -> Future[T]:
    """Run on a thread of its own. A daemon, unlike an executor's: what hangs must not keep a kernel from ending.

    Context variables are the caller's, as with `asyncio.to_thread`.
    """
    future: Future[T] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result = context.run(work)
        except BaseException as exc:  # sys.exit() in there too: the caller waits for an answer
            failure: BaseException = exc if isinstance(exc, Exception) else RuntimeError(repr(exc))
            with suppress(Exception):  # nobody waits any more
                future.set_exception(failure)
        else:
            with suppress(Exception):
                future.set_result(result)

    threading.Thread(target=run, name="oaikit-work", daemon=True).start()
    return future


async def off_loop(work: Callable[[], T]) -> T:
    """`in_thread`, awaited."""
    return await asyncio.wrap_future(in_thread(work))

"""A thread that runs an event loop, for work that must go on whatever the caller's thread or loop does.

A forked process (``multiprocessing`` with "fork", `os.fork`) has the objects of its parent but not the threads. There a
`LoopThread` starts anew; a call on the parent's loop would hang.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """An event loop on a daemon thread, started at its first use, and in a forked process at the first use there.

    ``fast`` takes uvloop where it is installed (vLLM and the extra ``experiments`` bring it along), as vLLM's own
    server does.

    Attributes:
        forks: How many forks lie between the making of this object and this process. What was submitted under another
            number is not going on in this process.
    """

    def __init__(self, name: str, *, fast: bool = False) -> None:
        self._name, self._fast = name, fast
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.forks = 0
        _ALL.add(self)

    @property
    def running(self) -> bool:
        """Whether the thread has been started."""
        return self._loop is not None

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine there; callable from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self._start())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and wait for it; whoever interrupts the waiting cancels it."""
        future = self.submit(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function there; callable from any thread."""
        self._start().call_soon_threadsafe(function, *args)

    def stop(self) -> None:
        """End the loop and wait for its thread. The next use starts another."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def leave_to_parent(self) -> None:
        """In a forked process: forget the parent's loop, and the lock, which a thread of the parent may have held."""
        if self._loop is not None:
            _OF_PARENT.append(self._loop)
        self.forks += 1
        self._lock = threading.Lock()
        self._loop = self._thread = None

    def _start(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = _new_loop(self._fast)
                # A daemon: a load that hangs must not keep the process from ending.
                self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
                self._thread.start()
            return self._loop


_ALL: weakref.WeakSet[LoopThread] = weakref.WeakSet()
# Never released: to close a loop is to take its sockets out of the epoll set, which the two processes share.
_OF_PARENT: list[object] = []


def _leave_all_to_parent() -> None:
    for loop in list(_ALL):
        loop.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all_to_parent)


def _new_loop(fast: bool) -> asyncio.AbstractEventLoop:
    if fast:
        try:
            import uvloop

            loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
            return loop
        except ImportError:
            pass
    return asyncio.new_event_loop()

"""The thread that runs an event loop."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from oaikit._loop import LoopThread


def test_an_interrupt_of_the_waiting_cancels_the_work() -> None:
    ended = threading.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    loop = LoopThread("test")
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        loop.run(work())
    assert ended.wait(5)
    loop.stop()


def test_what_it_raises_is_raised() -> None:
    async def work() -> int:
        raise ValueError("no")

    loop = LoopThread("test")
    with pytest.raises(ValueError, match="no"):
        loop.run(work())
    loop.stop()

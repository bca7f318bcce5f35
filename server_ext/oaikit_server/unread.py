"""Closes connections whose clients leave an answer unread."""

from __future__ import annotations

import asyncio
import struct

from tornado.iostream import IOStream

try:
    import fcntl
    import termios
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

# A client that stops reading is noticed after the time that it may take, and at most a quarter of that later.
_LOOKS = 4


def close_if_unread(stream: IOStream, written: asyncio.Future[None], timeout_s: float) -> None:
    """Close a connection when its client reads nothing for a while, unless everything is written before.

    Args:
        stream: the connection.
        written: done when the operating system has taken everything.
        timeout_s: how long the client may read nothing, seconds.
    """
    if not written.done():
        watch = asyncio.create_task(_watch(stream, timeout_s))
        written.add_done_callback(lambda _: watch.cancel())


async def _watch(stream: IOStream, timeout_s: float) -> None:
    read, looks = _read_by_client(stream), 0
    while looks < _LOOKS and not stream.closed():
        await asyncio.sleep(timeout_s / _LOOKS)
        before, read = read, _read_by_client(stream)
        looks = looks + 1 if read == before else 0
    stream.close()


def _read_by_client(stream: IOStream) -> int:
    """A number of bytes that grows while the client reads.

    Linux takes nothing more from tornado until a third of a buffer of megabytes is free, so what it still holds counts.
    """
    taken: int = stream._total_write_done_index  # tornado has no public name for it
    if fcntl is None or stream.closed():
        return taken
    (held,) = struct.unpack("i", fcntl.ioctl(stream.fileno(), termios.TIOCOUTQ, bytes(4)))
    return taken - int(held)

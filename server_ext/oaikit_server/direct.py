"""Streams written from the engine's loop straight to the client's socket.

Through tornado each token would cost a wake-up of Jupyter's loop and a hand-over of the GIL, more than generating it
costs vLLM. Everything here runs on the engine's loop.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable


class Turn:
    """What the streams have to send in one turn of the engine's loop, sent together at its end.

    Every send wakes a client. Between two streams' tokens that would hand the core to the client, again and again.
    """

    def __init__(self) -> None:
        self._writers: list[DirectWriter] = []

    def send_at_its_end(self, writer: DirectWriter) -> None:
        """Have the writer send when all that is ready now has run."""
        if not self._writers:
            asyncio.get_running_loop().call_soon(self._send)
        self._writers.append(writer)

    def _send(self) -> None:
        writers, self._writers = self._writers, []
        for writer in writers:
            writer.send()


class DirectWriter:
    """Writes the body of one response, in chunks of HTTP/1.1, to a socket of its own.

    Parameters: the socket, what gathers a turn's writes, how long the client may leave a chunk unread (seconds, None:
    for ever), and what is called when nothing more can be sent.
    """

    def __init__(
        self, client: socket.socket, turn: Turn, timeout_s: float | None, broken: Callable[[], object]
    ) -> None:
        self._client, self._turn, self._timeout_s, self._broken = client, turn, timeout_s, broken
        self._gathered: list[bytes] = []
        self._rest: asyncio.Task[None] | None = None  # sends what did not fit
        self._silent = False

    def write(self, body: bytes) -> None:
        """Send it at the end of this turn of the loop."""
        if not self._gathered:
            self._turn.send_at_its_end(self)
        self._gathered.append(body)

    async def flush(self) -> None:
        """Send what has gathered, and return when the client's buffer has taken all of it."""
        await self.room()
        self.send()
        await self.room()

    async def room(self) -> None:
        """Return when nothing waits for the client to read. A cancelled waiter does not end the writing."""
        if self._rest is not None:
            await asyncio.wait([self._rest])

    def send(self) -> None:
        """Send what has gathered; what does not fit goes out as the client reads."""
        body = b"".join(self._gathered)
        self._gathered.clear()
        if not body or self._silent:  # an empty chunk would be the end
            return
        chunk = b"%x\r\n%b\r\n" % (len(body), body)
        try:
            sent = self._client.send(chunk)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._broken()
            return
        if sent < len(chunk):
            self._rest = asyncio.create_task(self._send_rest(chunk[sent:]))

    async def _send_rest(self, rest: bytes) -> None:
        try:
            sending = asyncio.get_running_loop().sock_sendall(self._client, rest)
            await asyncio.wait_for(sending, self._timeout_s)
            self._rest = None
        except BaseException as exc:  # half a chunk has been sent, so nothing may follow
            self._silent = True
            self._broken()
            if not isinstance(exc, (OSError, TimeoutError)):
                raise

    def close(self) -> None:
        """Send nothing more. Tornado's own socket for the connection stays open."""
        self._silent = True
        if self._rest is None:
            self._client.close()
        else:  # the loop still watches the socket; its number may be another's as soon as it is closed
            self._rest.cancel()
            self._rest.add_done_callback(lambda _: self._client.close())

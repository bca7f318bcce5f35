"""Streams written from the engine's loop straight to the client's socket.

Through tornado each token would cost a wake-up of Jupyter's loop and a hand-over of the GIL, more than generating it
costs vLLM. Everything here runs on the engine's loop.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

log = logging.getLogger("oaikit.server")


class Turn:
    """Gathers what the streams have to send in one turn of the engine's loop, and sends it at its end.

    Every send wakes a client. Between two streams' tokens that would hand the core to the client, again and again.
    """

    def __init__(self) -> None:
        self._writers: list[DirectWriter] = []

    def send_at_its_end(self, writer: DirectWriter) -> None:
        """Have the writer send when everything that is ready now has run."""
        if not self._writers:
            asyncio.get_running_loop().call_soon(self._send)
        self._writers.append(writer)

    def _send(self) -> None:
        writers, self._writers = self._writers, []
        for writer in writers:
            try:
                writer.send()
            except Exception:  # the others still have to send theirs
                log.exception("a stream could not be written")
                writer.give_up()


class DirectWriter:
    """Writes the body of one response, in chunks of HTTP/1.1, to a socket of its own.

    Args:
        client: the socket.
        turn: gathers the writes of a turn.
        timeout_s: how long the client may leave a chunk unread, seconds; None: no limit.
        broken: called when nothing more can be sent.
    """

    def __init__(
        self, client: socket.socket, turn: Turn, timeout_s: float | None, broken: Callable[[], object]
    ) -> None:
        self._client, self._turn, self._timeout_s, self._broken = client, turn, timeout_s, broken
        self._gathered: list[bytes] = []
        self._rest: asyncio.Task[None] | None = None  # sends what did not fit
        self._silent = False

    def write(self, body: bytes) -> None:
        """Send this at the end of this turn of the loop."""
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
        except (OSError, TimeoutError):
            self.give_up()
        except BaseException as exc:
            self.give_up()
            if isinstance(exc, Exception):
                log.exception("a stream could not be written")
            else:
                raise

    def give_up(self) -> None:
        """Send nothing more, because half a chunk may have been sent: nothing could follow it."""
        self._silent = True
        self._broken()

    def close(self) -> bool:
        """Send nothing more. Tornado's own socket for the connection stays open.

        Returns:
            Whether everything has been sent.
        """
        if self._rest is None:
            self.send()
        nothing_left = self._rest is None and not self._silent
        self._silent = True
        if self._rest is None:
            self._client.close()
        else:  # the loop still watches the socket; its number may be another's as soon as it is closed
            self._rest.cancel()
            self._rest.add_done_callback(lambda _: self._client.close())
        return nothing_left

"""Request bodies limited in size and in time, before they are in memory."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler, stream_request_body

from oaikit.errors import RequestTooLargeError

# How much of a body that is too large is read after the answer: seconds, bytes. A connection that is closed with
# unread data in it is reset, and the reset may overtake the answer:
# https://nginx.org/en/docs/http/ngx_http_core_module.html#lingering_close
_LINGER_S = 5.0
_LINGER_BYTES = 64 * 1024 * 1024


@stream_request_body
class LimitedBody(RequestHandler):
    """A handler that has the whole body in ``body`` when its method is called, as others have in ``request.body``.

    A refusal is sent after the body, of which nothing is kept, so that the connection can go on. Only a body that is
    too large is answered before it has come. Nothing can follow that answer, and the connection ends.
    """

    _error: Exception
    _room = 0
    _kept: bytearray | None = None
    _answered = False

    @property
    def body(self) -> bytes:
        """What has come of the body."""
        return bytes(self._kept or b"")

    def error_answer(self, error: Exception) -> bytes:
        """Set the status and headers that an error has; returns the body."""
        raise NotImplementedError

    async def receive_body(self, max_bytes: int, timeout_s: float, refusal: Exception | None = None) -> None:
        """Let the body come. To be awaited at the end of ``prepare``.

        Args:
            max_bytes: the largest body that is accepted, in bytes.
            timeout_s: how long the body may take, in seconds; then the connection is closed. 0: no limit.
            refusal: the error to answer if the request is refused whatever its body is.

        Raises:
            Exception: the error to answer, if the client has asked whether it may send the body.
        """
        self._room, timeout_s = max_bytes, timeout_s or float("inf")
        self._error = refusal or RequestTooLargeError(
            f"the body is larger than {max_bytes} bytes, the limit that c.OAIKit.max_body_size sets here"
        )
        too_large = _announced_bytes(self.request.headers) > max_bytes
        if (refusal or too_large) and self.request.headers.get("Expect", "").lower() == "100-continue":
            raise self._error  # the client has sent nothing yet: it asks first
        self._set_timeout(min(timeout_s, _LINGER_S) if too_large else timeout_s)
        if too_large:
            await self._answer_now()
        elif refusal is not None:
            self._replace_method(self._raise)
        else:
            self._kept = bytearray()

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Keep a piece of the body, or answer that the body is too large."""
        self._room -= len(chunk)
        if self._room < 0 and not self._answered:
            return self._answer_now()
        if self._room < -_LINGER_BYTES:
            self._hang_up()
        elif self._kept is not None:
            self._kept += chunk
        return None

    async def _answer_now(self) -> None:
        """Answer while the client still sends, then read on until all has come, or for the time and bytes to linger."""
        self._answered, self._kept = True, None
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection):
            # Tornado would not read a body that is larger, and would close the connection before the client has read.
            connection.set_max_body_size(float("inf"))  # type: ignore[arg-type]
        body = self.error_answer(self._error)
        self.set_header("Connection", "close")
        self.set_header("Content-Length", len(body))
        self.write(body)
        self._replace_method(self._hang_up)
        await self._end_answers(self.flush())

    async def _end_answers(self, written: Awaitable[None]) -> None:
        """Close the connection for writing. Tornado would answer again where the rest of the body is malformed."""
        connection = self.request.connection
        if not isinstance(connection, HTTP1Connection):
            return
        try:
            await asyncio.wait_for(written, _LINGER_S)
        except (StreamClosedError, TimeoutError):
            connection.close()
            return
        with suppress(OSError):  # the client has closed it
            # Not SSLSocket's own method, which ends the encryption of what is still to be read.
            socket.socket.shutdown(connection.stream.socket, socket.SHUT_WR)

    def _hang_up(self) -> None:
        connection = self.request.connection
        if not self._finished:
            self.finish()
        if isinstance(connection, HTTP1Connection):
            connection.close()

    def _replace_method(self, action: Callable[[], object]) -> None:
        """What tornado calls when the body has come, in place of ``get``, ``post`` and so on."""
        setattr(self, str(self.request.method).lower(), lambda *_: action() and None)

    def _raise(self) -> None:
        raise self._error

    def _set_timeout(self, seconds: float) -> None:
        connection = self.request.connection
        if seconds < float("inf") and isinstance(connection, HTTP1Connection):
            connection.set_body_timeout(seconds)


def _announced_bytes(headers: HTTPHeaders) -> int:
    """The Content-Length; 0 for a body in chunks, whose size shows as it comes, and for what is no number."""
    length = headers.get("Content-Length", "")
    if not (length.isascii() and length.isdigit()):
        return 0
    return int(length.lstrip("0")[:20] or "0")  # Python refuses to read a number of thousands of digits

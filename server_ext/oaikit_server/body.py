"""Request bodies limited in size and in time, before they are in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders
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

    Who is refused gets the answer after the body, of which nothing is kept, so that the connection can go on. Only
    a body that is too large is answered before it has come, and the connection ends.
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

    def receive_body(self, max_bytes: int, timeout_s: float, refusal: Exception | None = None) -> None:
        """To be called at the end of ``prepare``: let the body come.

        Parameters: the most bytes that it may have, the seconds that it may take (then the connection is closed; 0:
        for ever), and the error to answer if the request is refused whatever its body is.
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
            self._answer_now()
        elif refusal is not None:
            self._replace_method(self._raise)
        else:
            self._kept = bytearray()

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece of the body, or see that it is too much."""
        self._room -= len(chunk)
        if self._room < 0 and not self._answered:
            self._answer_now()
        elif self._room < -_LINGER_BYTES:
            self._hang_up()
        elif self._kept is not None:
            self._kept += chunk

    def _answer_now(self) -> None:
        """Answer while the client still sends. It ends when all has come, or after the time and bytes to linger."""
        self._answered, self._kept = True, None
        connection = self.request.connection
        if isinstance(connection, HTTP1Connection):
            connection.set_max_body_size(
                sys.maxsize
            )  # else tornado would add a 400 of its own to this answer
        body = self.error_answer(self._error)
        self.set_header("Connection", "close")
        self.set_header("Content-Length", len(body))
        self.write(body)
        self.flush()
        self._replace_method(self._hang_up)

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
    """What Content-Length says; 0 for a body in chunks, whose size shows as it comes."""
    length = headers.get("Content-Length", "")
    # Python refuses to read a number of thousands of digits.
    return int(length[:20]) if length.isascii() and length.isdigit() else 0

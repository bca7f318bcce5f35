"""From tornado into the engine's ASGI app, and back.

The app's messages come in on the engine's loop. The head of a response and its end go out through tornado; between
them, the events of a stream are written from the engine's loop straight to the client's socket (direct.py).
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream, StreamClosedError
from tornado.web import RequestHandler

from oaikit.engine.call import EVENTS, Call, Message, http_scope, sse_error
from oaikit.engine.host import EngineHost
from oaikit.errors import EngineError, OAIKitError
from oaikit_server.direct import DirectWriter, Turn
from oaikit_server.raw_output import RAW_OUTPUT

if TYPE_CHECKING:
    from oaikit_server.dialect import Answer

log = logging.getLogger("oaikit.server")

# The app waits while tornado has more messages than this left to write.
_HIGH_WATER = 64

# A stream that is silent for so many seconds gets a comment, because many proxies give up after 60 s of silence.
_SILENCE_S = 15.0
_COMMENT: Message = {"type": "http.response.body", "body": b": keep-alive\n\n", "more_body": True}

# The client's headers that vLLM's app does not get: those about a body that it gets in another form; Jupyter's
# credentials; the origin, to which vLLM's own CORS would answer "*"; and those that would choose the engine's id of the
# request, its priority or its rank.
_PRIVATE_HEADERS = frozenset(
    {
        "authorization",
        "content-length",
        "cookie",
        "origin",
        "x-oaikit-abort",
        "transfer-encoding",
        "x-data-parallel-rank",
        "x-request-id",
        "x-vllm-priority",
    }
)
# Tornado sets these itself, for the response that it really sends.
_FRAMING_HEADERS = frozenset({b"connection", b"content-length", b"date", b"server", b"transfer-encoding"})


class Bridge:
    """One request of a tornado handler, answered by the engine's app.

    Who may write to the client: the engine's loop, when it has a writer of its own (`_direct`) and tornado has written
    all that it was given (`_written == _received`); else tornado's. Each counter has one writer.
    """

    def __init__(
        self, handler: RequestHandler, host: EngineHost, turn: Turn, write_timeout_s: float, answer: Answer
    ) -> None:
        self._handler, self._host, self._turn = handler, host, turn
        self._write_timeout_s = write_timeout_s or None
        self._answer = answer
        # Known from the head of the answer, and then the same to its end.
        self._is_stream = False
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._stream: IOStream = handler.request.connection.stream  # type: ignore[union-attr]
        self._arrived: deque[Message] = deque()
        self._received = 0  # messages given to tornado; counted on the engine's loop
        self._written = 0  # of these, messages that tornado has written; counted on tornado's
        self._posted = False
        self._direct: DirectWriter | None = None
        self._is_complete = False  # whether the last message has been given to tornado; the engine's loop
        self._is_broken = False  # whether an error was to be the last message; tornado's loop
        self._app_ended = False  # the engine's loop
        self._room = asyncio.Event()  # the engine's loop
        self._sending = asyncio.Lock()  # the engine's loop
        self._heard_at = 0.0  # seconds; the engine's loop
        self._keeping_alive: asyncio.Task[None] | None = None  # the engine's loop
        self._flushing: asyncio.Task[None] | None = None
        self._ends_with_connection = False
        self._call: Call | None = None
        self._request_id = ""

    async def forward(self, path: str, request_id: str, body: bytes) -> None:
        """Ask the app with this body, write the answer as it arrives, and return at its end.

        Raises:
            EngineError: the answer could not be passed on; nothing of it has been sent.
        """
        self._request_id = request_id
        scope = _scope(self._handler.request, path, request_id)
        self._call = self._host.open(scope, body, self._answer.sending(self._receive), self._end_of_app)
        try:
            await self._ended
        except asyncio.CancelledError:
            self._host.disconnect(self._call)
            raise
        if self._ends_with_connection:
            with suppress(StreamClosedError):
                await self._handler.finish()
            self._stream.close()

    def disconnect(self) -> None:
        """The client went away, or does not read: the app aborts the engine's request."""
        if self._call is not None and not self._ended.done():
            self._stream.close()  # an answer that is cut off must not look complete
            self._host.disconnect(self._call)
            self._end()

    def abort(self, error: OAIKitError) -> None:
        """End the request with an error: the client is told, and the app aborts the engine's request."""
        if self._call is not None:
            self._host.fail(self._call, error)

    # -- on the engine's loop --------------------------------------------------------------------------------------

    async def _receive(self, message: Message) -> None:
        """Take a message for the client. It waits while the client has too much left to read."""
        async with self._sending:  # the app's own messages come one by one; an error may come beside them
            self._heard_at = asyncio.get_running_loop().time()
            if message["type"] == "http.response.start":
                self._look_at_head(message["headers"])
            await self._send(message)

    def _look_at_head(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        content_type = dict(headers).get(b"content-type", b"")
        is_events = content_type.startswith(EVENTS)  # which may have comments between them
        self._is_stream = is_events or content_type == RAW_OUTPUT
        if is_events and self._keeping_alive is None:
            self._keeping_alive = asyncio.create_task(self._keep_alive())

    async def _keep_alive(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._heard_at + _SILENCE_S - loop.time())
            async with self._sending:
                if loop.time() >= self._heard_at + _SILENCE_S:
                    self._heard_at = loop.time()
                    try:
                        await self._send(_COMMENT)
                    except Exception:
                        log.exception("request %s: a comment could not be sent", self._request_id)
                        return

    async def _send(self, message: Message) -> None:
        if self._direct is not None:
            await self._direct.room()
            if self._written == self._received and message.get("more_body"):
                self._direct.write(message["body"])
                return
            await self._direct.flush()
        await self._give_to_tornado(message)

    async def _give_to_tornado(self, message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self._is_complete = True
        self._arrived.append(message)
        self._received += 1
        if not self._posted:
            self._posted = True
            self._loop.call_soon_threadsafe(self._write_arrived)
        while self._received - self._written > _HIGH_WATER and not self._ended.done():
            self._room.clear()
            await self._room.wait()

    def _end_of_app(self) -> None:
        """No more messages can come. If the last one is missing, the request ends here all the same."""
        self._app_ended = True
        if self._keeping_alive is not None:
            self._keeping_alive.cancel()
        nothing_left = self._direct is None or self._direct.close()
        if not self._is_complete:
            self._loop.call_soon_threadsafe(self._break_off, nothing_left)

    # -- on tornado's loop -----------------------------------------------------------------------------------------

    def _write_arrived(self) -> None:
        """Write everything that has arrived. Nobody awaits this: a failure has to end the request."""
        try:
            self._write_what_arrived()
        except Exception:
            log.exception("request %s: the answer could not be passed on", self._request_id)
            self._break_off()

    def _write_what_arrived(self) -> None:
        """Write everything in one go, unless a write is pending: that one calls again when it ends."""
        self._posted = False  # before reading: a message that comes from here on posts again
        if self._flushing is not None or self._ended.done():
            return
        chunks, count, more = self._take_arrived()
        if chunks:
            self._handler.write(b"".join(chunks))
        if not more:
            self._end()  # tornado's finish() sends the rest, with a Content-Length if nothing was sent before
        elif chunks or (count and self._is_stream):
            self._flushing = asyncio.create_task(self._flush(count))
        else:  # the head of an answer that comes whole: tornado can give its length when it has the body
            self._written += count

    def _take_arrived(self) -> tuple[list[bytes], int, bool]:
        """The bytes to write, of how many messages they are, and whether there will be more."""
        chunks, count, more = [], 0, True
        while self._arrived:
            message = self._arrived.popleft()
            count += 1
            if message["type"] == "http.response.start":
                self._start(message["status"], message["headers"])
                continue
            body, more = message.get("body", b""), message.get("more_body", False)
            if body:
                chunks.append(body)
        return chunks, count, more

    def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        handler = self._handler
        handler.set_status(status)
        for name, value in headers:
            if name.lower() not in _FRAMING_HEADERS:
                handler.set_header(name.decode("latin-1"), value.decode("latin-1"))
        if self._is_stream:
            self._stream.set_nodelay(True)  # else the kernel may hold a token back for 40 ms

    async def _flush(self, count: int) -> None:
        """Send what tornado has gathered. Nobody awaits this: a failure has to end the request."""
        try:
            if not self._handler._headers_written and self._handler.request.version == "HTTP/1.0":
                self._end_with_connection()
            await asyncio.wait_for(self._handler.flush(), self._write_timeout_s)
            if self._is_stream and self._direct is None and self._may_write_direct():
                self._direct = self._direct_writer()
                if self._app_ended and self._direct is not None:
                    self._direct.close()
        except (StreamClosedError, TimeoutError):
            self.disconnect()
            return
        except Exception:
            log.exception("request %s: the answer could not be sent", self._request_id)
            self._flushing = None
            self._break_off()
            return
        self._written += count
        self._flushing = None
        self._host.loop.call(self._room.set)
        self._write_arrived()

    def _end_with_connection(self) -> None:
        """HTTP/1.0 has no chunks: only the end of the connection ends an answer whose length is not known before."""
        self._ends_with_connection = True
        self._handler.request.headers.pop("Connection", None)  # else tornado would promise to keep it alive
        self._handler.set_header("Connection", "close")

    def _direct_writer(self) -> DirectWriter | None:
        """A writer to this connection; None if the process has no file descriptor left. Tornado does without it."""
        try:
            client = self._stream.socket.dup()  # its own, so that nobody closes it under a write
        except OSError as exc:
            log.warning("request %s: streamed through Jupyter's loop: %s", self._request_id, exc)
            return None
        return DirectWriter(
            client,
            self._turn,
            self._write_timeout_s,
            broken=lambda: self._loop.call_soon_threadsafe(self.disconnect),
        )

    def _may_write_direct(self) -> bool:
        """Whether what goes to the socket is plain chunked HTTP/1.1: no TLS, no compression."""
        compressed = "Content-Encoding" in self._handler._headers
        plain = self._handler.request.version == "HTTP/1.1" and not compressed
        return plain and not self._stream.closed() and not isinstance(self._stream.socket, ssl.SSLSocket)

    def _break_off(self, may_write: bool = True) -> None:
        """End a request whose answer cannot be completed. The client gets an error, or at least no complete answer.

        Args:
            may_write: whether everything sent so far ends where the next chunk may begin.
        """
        if self._ended.done():
            return
        if self._call is not None:
            self._host.disconnect(self._call)
        error = EngineError("the engine failed on this request; see Jupyter's log")
        if not self._handler._headers_written:
            self._ended.set_exception(error)  # tornado answers with it
            self._host.loop.call(self._room.set)
        elif self._is_stream and may_write and not self._is_broken:
            self._is_broken = True
            self._arrived.append(
                {"type": "http.response.body", "body": self._error_event(error), "more_body": False}
            )
            self._write_arrived()  # if this fails too, the connection is closed
        else:
            self._stream.close()
            self._end()

    def _error_event(self, error: OAIKitError) -> bytes:
        if self._handler._headers.get("Content-Type") == RAW_OUTPUT.decode():
            return b"[" + json.dumps(error.body()).encode() + b"]\n"
        return sse_error(error)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
        self._host.loop.call(self._room.set)


def _scope(request: HTTPServerRequest, path: str, request_id: str) -> dict[str, object]:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in request.headers.get_all()
        if name.lower() not in _PRIVATE_HEADERS
    ]
    headers.append((b"x-request-id", request_id.encode()))  # so that vLLM's log and the client have the same
    return http_scope(request.method or "", path, request.query.encode("latin-1"), headers)

"""From tornado into the engine's ASGI app, and back.

The app's messages come in on the engine's loop. The head of a response and its end go out through tornado; between
them, the events of a stream are written from the engine's loop straight to the client's socket (direct.py).
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tornado.httputil import HTTPServerRequest
from tornado.iostream import IOStream, StreamClosedError
from tornado.web import RequestHandler

from oaikit.engine.call import Call, Message, http_scope
from oaikit.engine.host import EngineHost
from oaikit.errors import OAIKitError
from oaikit_server.direct import DirectWriter, Turn

if TYPE_CHECKING:
    from oaikit_server.dialect import Answer

# The app waits when tornado has so many of its messages left to write.
_HIGH_WATER = 64

# A stream that is silent for so many seconds gets a comment, lest a proxy take it for dead; many give up after 60 s.
_SILENCE_S = 15.0
_COMMENT: Message = {"type": "http.response.body", "body": b": keep-alive\n\n", "more_body": True}

# What vLLM's app does not get of a client's headers: what is said of a body that it gets in another form; Jupyter's
# credentials; the origin, to which vLLM's own CORS would answer "*"; and what would choose the engine's id of the
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
# What tornado sets by itself for the response that it really sends.
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
        self._answer = answer  # the engine's loop takes messages; what it is does not change after its start
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._stream: IOStream = handler.request.connection.stream  # type: ignore[union-attr]
        self._arrived: deque[Message] = deque()
        self._received = 0  # messages given to tornado; counted on the engine's loop
        self._written = 0  # of these, messages that tornado has written; counted on tornado's
        self._posted = False
        self._direct: DirectWriter | None = None
        self._app_ended = False  # the engine's loop
        self._room = asyncio.Event()  # the engine's loop
        self._sending = asyncio.Lock()  # the engine's loop
        self._heard_at = 0.0  # seconds; the engine's loop
        self._keeping_alive: asyncio.Task[None] | None = None  # the engine's loop
        self._flushing: asyncio.Task[None] | None = None
        self._call: Call | None = None

    async def forward(self, path: str, request_id: str, body: bytes) -> None:
        """Ask the app with this body, write the answer as it arrives, and return at its end."""
        scope = _scope(self._handler.request, path, request_id)
        self._call = self._host.open(scope, body, self._receive, self._end_of_app)
        await self._ended

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
        """The app's ``send``. It waits while the client has too much left to read."""
        async with self._sending:  # the app's own messages come one by one; an error may come beside them
            self._heard_at = asyncio.get_running_loop().time()
            for translated in self._answer.take(message):
                await self._send(translated)
            if self._answer.takes_comments and self._keeping_alive is None:
                self._keeping_alive = asyncio.create_task(self._keep_alive())

    async def _keep_alive(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._heard_at + _SILENCE_S - loop.time())
            async with self._sending:
                if loop.time() >= self._heard_at + _SILENCE_S:
                    self._heard_at = loop.time()
                    await self._send(_COMMENT)

    async def _send(self, message: Message) -> None:
        if self._direct is not None:
            await self._direct.room()
            if self._written == self._received and message.get("more_body"):
                self._direct.write(message["body"])
                return
            await self._direct.flush()
        await self._give_to_tornado(message)

    async def _give_to_tornado(self, message: Message) -> None:
        self._arrived.append(message)
        self._received += 1
        if not self._posted:
            self._posted = True
            self._loop.call_soon_threadsafe(self._write_arrived)
        while self._received - self._written > _HIGH_WATER and not self._ended.done():
            self._room.clear()
            await self._room.wait()

    def _end_of_app(self) -> None:
        self._app_ended = True
        if self._keeping_alive is not None:
            self._keeping_alive.cancel()
        if self._direct is not None:
            self._direct.close()

    # -- on tornado's loop -----------------------------------------------------------------------------------------

    def _write_arrived(self) -> None:
        """Write all that has arrived in one go, unless a write is pending: its end comes back here."""
        self._posted = False  # before reading: a message that comes from here on posts again
        if self._flushing is not None or self._ended.done():
            return
        chunks, count, more = self._take_arrived()
        if chunks:
            self._handler.write(b"".join(chunks))
        if not more:
            self._end()  # tornado's finish() sends the rest, with a Content-Length if nothing was sent before
        elif count:
            self._flushing = asyncio.create_task(self._flush(count))

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
        if self._answer.is_stream:
            self._stream.set_nodelay(True)  # else the kernel may hold a token back for 40 ms
            handler.set_header("Cache-Control", "no-cache")
            handler.set_header("X-Accel-Buffering", "no")  # proxies such as nginx would collect it into lumps

    async def _flush(self, count: int) -> None:
        try:
            await asyncio.wait_for(self._handler.flush(), self._write_timeout_s)
        except (StreamClosedError, TimeoutError):
            self.disconnect()
            return
        if self._answer.is_stream and self._direct is None and self._may_write_direct():
            self._direct = self._direct_writer()
            if self._app_ended:
                self._direct.close()
        self._written += count
        self._flushing = None
        self._host.loop.call(self._room.set)
        self._write_arrived()

    def _direct_writer(self) -> DirectWriter:
        client = self._stream.socket.dup()  # of its own, so that nobody closes it under a write
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

"""From tornado into the engine's ASGI app, and back.

The app's messages come in on the engine's loop and go out on tornado's. One step of the engine answers all running
requests, so an `Outbox` wakes tornado's loop once for all of them, and what queued up for one response while a write
was pending goes out in one write.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError

from oaikit.engine.call import Call, Message, http_scope
from oaikit.engine.host import EngineHost
from oaikit_server import dialect

if TYPE_CHECKING:
    from oaikit_server.handlers import VLLMHandler

# When a client has left so many bytes unread, the app is not asked for more until they are gone.
_HIGH_WATER = 256 * 1024

# Jupyter's credentials are none of vLLM's business.
_PRIVATE_HEADERS = frozenset({"authorization", "cookie"})
# What tornado sets by itself for the response that it really sends.
_FRAMING_HEADERS = frozenset({b"connection", b"content-length", b"date", b"server", b"transfer-encoding"})


class Outbox:
    """Hands bridges with something to write from the engine's loop to tornado's."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Bridge] = deque()
        self._scheduled = False

    def post(self, bridge: Bridge) -> None:
        """On the engine's loop. Only one wake-up is ever on its way."""
        self._waiting.append(bridge)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False  # before reading: what is posted from here on schedules another
        for _ in range(len(self._waiting)):
            self._waiting.popleft().write_arrived()


class Bridge:
    """One request of a tornado handler, answered by the engine's app."""

    def __init__(
        self, handler: VLLMHandler, host: EngineHost, outbox: Outbox, write_timeout_s: float
    ) -> None:
        self._handler, self._host, self._outbox = handler, host, outbox
        self._write_timeout_s = write_timeout_s
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._arrived: deque[Message] = deque()
        self._posted = False
        self._bytes_in = 0  # counted on the engine's loop
        self._bytes_out = 0  # counted on tornado's
        self._app_waits: asyncio.Future[None] | None = None
        self._pending: asyncio.Future[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._error_body: list[bytes] | None = None
        self._call: Call | None = None

    async def forward(self, path: str) -> None:
        """Pass the handler's request to the app, write the answer as it arrives, and return at its end."""
        self._call = self._host.open(
            _scope(self._handler.request, path), self._handler.request.body, self._receive
        )
        await self._ended

    def disconnect(self) -> None:
        """The client went away: the app aborts the engine's request."""
        if self._call is not None and not self._ended.done():
            self._host.disconnect(self._call)
            self._end()

    # -- on the engine's loop --------------------------------------------------------------------------------------

    async def _receive(self, message: Message) -> None:
        """The app's ``send``. Waits while the client has too much left to read."""
        self._arrived.append(message)
        self._bytes_in += len(message.get("body", b""))
        if not self._posted:
            self._posted = True
            self._outbox.post(self)
        if self._bytes_in - self._bytes_out > _HIGH_WATER and not self._ended.done():
            self._app_waits = asyncio.get_running_loop().create_future()
            await self._app_waits

    def _let_app_go_on(self) -> None:
        waits, self._app_waits = self._app_waits, None
        if waits is not None and not waits.done():
            waits.set_result(None)

    # -- on tornado's loop -----------------------------------------------------------------------------------------

    def write_arrived(self) -> None:
        """Write all that has arrived, unless an earlier write is still pending: its end comes back here."""
        self._posted = False
        if self._pending is not None or self._ended.done():
            return
        chunks, more = self._take_arrived()
        if chunks:
            self._handler.write(b"".join(chunks))
        if not more:
            self._end()  # tornado's finish() sends what is left, with a Content-Length if nothing was sent before
        elif chunks:
            self._flush()

    def _take_arrived(self) -> tuple[list[bytes], bool]:
        """The bytes to write, and whether there will be more."""
        chunks, more = [], True
        while self._arrived:
            message = self._arrived.popleft()
            if message["type"] == "http.response.start":
                self._start(message["status"], message["headers"])
                continue
            body, more = message.get("body", b""), message.get("more_body", False)
            self._bytes_out += len(body)
            if self._error_body is not None:
                self._error_body.append(body)
                if not more:
                    chunks.append(
                        dialect.openai_error(self._handler.get_status(), b"".join(self._error_body))
                    )
            elif body:
                chunks.append(body)
        return chunks, more

    def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._handler.set_status(status)
        for name, value in headers:
            if name.lower() not in _FRAMING_HEADERS:
                self._handler.set_header(name.decode("latin-1"), value.decode("latin-1"))
        if status >= 400:
            self._error_body = []
            self._handler.set_header("Content-Type", "application/json")
        # Proxies such as nginx would collect a stream into lumps.
        self._handler.set_header("Cache-Control", "no-cache")
        self._handler.set_header("X-Accel-Buffering", "no")

    def _flush(self) -> None:
        try:
            written = asyncio.ensure_future(self._handler.flush())
        except StreamClosedError:
            self.disconnect()
            return
        if written.done():
            self._flushed(written)
            return
        self._pending = written
        if self._write_timeout_s:
            self._deadline = self._loop.call_later(self._write_timeout_s, self.disconnect)
        written.add_done_callback(self._flushed)

    def _flushed(self, written: asyncio.Future[None]) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if written.cancelled() or written.exception() is not None:
            self.disconnect()
            return
        if self._pending is not None:
            self._pending = None
            self.write_arrived()
        if self._app_waits is not None and self._bytes_in - self._bytes_out <= _HIGH_WATER:
            self._host.loop.call(self._let_app_go_on)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
        self._host.loop.call(self._let_app_go_on)


def _scope(request: HTTPServerRequest, path: str) -> dict[str, object]:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in request.headers.get_all()
        if name.lower() not in _PRIVATE_HEADERS
    ]
    return http_scope(request.method or "", path, request.query.encode("latin-1"), headers)

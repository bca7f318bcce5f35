"""Whole answers over HTTP/1.1, for less than half the CPU that a sweep needs with aiohttp.

The medians of five alternating rounds were 0.20 and 0.45 ms a request (benchmarks/README.md). A sweep's client is one
thread, so its work for a request limits how fast an engine it can keep busy. This module does what each of thousands of
requests needs, and no more: TLS, proxies, redirects and streams are left to aiohttp. Answers are read by httptools, the
parser of uvicorn. Addresses are tried as aiohttp tries them.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import aiohappyeyeballs
import httptools
from yarl import URL

_NEXT_ADDRESS_S: Final = 0.25  # until the next address is tried as well: RFC 8305's value, and aiohttp's


class Whole(NamedTuple):
    """An answer: its status, its headers by name in lower case, the text of its body."""

    status: int
    headers: Mapping[str, str]
    body: str


class Connections:
    """Connections to a server, kept for the next request; made and used on one loop.

    Parameters: a base URL of the scheme ``http``, the headers of each request, and the seconds to connect in.
    """

    def __init__(self, url: str, headers: Mapping[str, str], connect_s: float) -> None:
        base = URL(url)
        self._host, self._port, self._path = base.host, base.port, base.raw_path.rstrip("/")
        lines = {"Host": base.host_port_subcomponent, "Content-Type": "application/json", **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._connect_s = connect_s
        self._idle: list[_Connection] = []

    async def post(self, path: str, body: str, timeout_s: float) -> Whole:
        """Send JSON to a path below the base URL; ``timeout_s`` is how long the answer may take.

        Raises:
            TimeoutError: it took longer.
            OSError: nobody is there, or the connection ended before the answer did.
        """
        content = body.encode()
        head = f"POST {self._path}/{path} HTTP/1.1\r\n{self._head}Content-Length: {len(content)}\r\n\r\n"
        connection = self._kept() or await self._connected()
        try:
            answer = await connection.exchange(head.encode() + content, timeout_s)
        except BaseException:
            connection.abort()  # it tells the server to stop
            raise
        self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close those that are kept."""
        while self._idle:
            self._idle.pop().abort()

    def _kept(self) -> _Connection | None:
        while self._idle:
            if (connection := self._idle.pop()).open:
                return connection
        return None

    async def _connected(self) -> _Connection:
        try:
            async with asyncio.timeout(self._connect_s):
                return await self._connect()
        except TimeoutError as exc:
            raise ConnectionError(f"no connection within {self._connect_s:g} s") from exc

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        if len(found) == 1:
            return (await loop.create_connection(_Connection, *found[0][4][:2]))[1]
        tcp = await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=_NEXT_ADDRESS_S)
        return (await loop.create_connection(_Connection, sock=tcp))[1]


class _Connection(asyncio.Protocol):
    """A connection, for one exchange at a time."""

    def __init__(self) -> None:
        self.open = False
        self._answer: asyncio.Future[Whole] | None = None

    async def exchange(self, request: bytes, timeout_s: float) -> Whole:
        """Send a request, and wait for all of its answer."""
        loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self.on_message_begin()
        self._answer = loop.create_future()
        self._transport.write(request)
        timer = loop.call_later(timeout_s, self._fail, TimeoutError())
        try:
            return await self._answer
        finally:
            timer.cancel()

    def abort(self) -> None:
        """End the connection."""
        self.open = False
        self._transport.abort()

    # -- asyncio's calls -----------------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport, self.open = transport, True
        # An answer may take long to begin: the system sees to it that the other end is there.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        try:
            if self._awaited() is None:
                raise httptools.HttpParserError("nothing was asked")
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            self._fail(ConnectionError(f"it does not speak HTTP: {exc}"))
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if exc is None and self._awaited() is not None and self._ends_with_connection():
            self.on_message_complete()
        # Not itself: the system's own time-out of a dead connection is not ours of an answer.
        self._fail(ConnectionError(str(exc or "the connection ended before the answer was complete")))

    # -- httptools' calls ----------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._headers, self._headers_complete, self._body = dict[str, str](), False, list[bytes]()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._headers_complete = True

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:  # "early hints" and the like: the answer follows
            return
        if not self._parser.should_keep_alive():
            self.open = False
            self._transport.close()
        if (answer := self._awaited()) is not None:
            text = b"".join(self._body).decode(errors="replace")
            answer.set_result(Whole(self._parser.get_status_code(), self._headers, text))
        else:
            self.abort()  # two answers to one request: it is not known what belongs to the next

    # ------------------------------------------------------------------------------------------------------------------

    def _awaited(self) -> asyncio.Future[Whole] | None:
        """The answer that somebody waits for, if anybody does."""
        return None if self._answer is None or self._answer.done() else self._answer

    def _ends_with_connection(self) -> bool:
        """Whether a length was not told: what came by the end is the answer (RFC 9112, 6.3)."""
        return self._headers_complete and not {"content-length", "transfer-encoding"} & self._headers.keys()

    def _fail(self, exc: Exception) -> None:
        if (answer := self._awaited()) is not None:
            answer.set_exception(exc)

"""The real handlers, bridge and sockets before an ASGI app that a test makes up, without vLLM."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from jupyter_server.auth import AllowAllAuthorizer, IdentityProvider
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from oaikit._loop import LoopThread
from oaikit.engine.call import Call, Send
from oaikit.engine.state import EngineStatus, State
from oaikit.errors import OAIKitError
from oaikit_server.dialect import Policy
from oaikit_server.handlers import ROUTES
from oaikit_server.key_store import KeyStore
from oaikit_server.limits import Gate
from oaikit_server.service import Service

CHAT = "v1/chat/completions"
HELLO = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


class AppHost:
    """Hosts an ASGI app as `EngineHost` hosts vLLM's."""

    last_change = EngineStatus(State.READY)

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.loop = LoopThread("app", fast=True)
        self._app = app

    def status(self) -> EngineStatus:
        return self.last_change

    async def until_ready(self, timeout_s: float) -> None:
        """It is always ready."""

    def open(
        self, scope: dict[str, Any], body: bytes, send: Send, ended: Callable[[], None] | None = None
    ) -> Call:
        call = Call(scope, body, send)
        self.loop.submit(self._run(call, ended))
        return call

    async def _run(self, call: Call, ended: Callable[[], None] | None) -> None:
        try:
            await call.run(self._app, lambda: None)
        finally:
            if ended is not None:
                ended()

    def disconnect(self, call: Call) -> None:
        self.loop.call(call.disconnect)

    def fail(self, call: Call, error: OAIKitError) -> None:
        self.loop.submit(call.fail(error))


class Site:
    """A tornado server with the routes, on Jupyter's side, and clients of it."""

    def __init__(self, service: Service, server: HTTPServer, port: int) -> None:
        self.service, self.port = service, port
        self._server = server
        self._writers: list[asyncio.StreamWriter] = []

    async def send(
        self,
        body: bytes,
        path: str = CHAT,
        *,
        method: str = "POST",
        version: str = "1.1",
        headers: dict[str, str] | None = None,
        window: int | None = None,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send a request. ``window``: the size of the client's receive buffer, bytes, for one that does not read."""
        client = socket.socket()
        if window is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=client, limit=max(window or 0, 1024))
        self._writers.append(writer)
        sent = {
            "Host": "localhost",
            "Authorization": f"Bearer {self.service.key.value}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }
        lines = [
            f"{method} /oaikit/{path} HTTP/{version}",
            *(f"{name}: {value}" for name, value in sent.items()),
        ]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return reader, writer

    def connections(self) -> list[object]:
        """Those that the server has open."""
        return list(self._server._connections)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


def visit(
    app: Callable[..., Awaitable[None]],
    run: Callable[[Site], Awaitable[None]],
    folder: Path,
    *,
    write_timeout_s: float = 30.0,
) -> None:
    """Serve an app, and run a scenario against it."""

    async def main() -> None:
        host = AppHost(app)
        service = Service(
            host=host,  # type: ignore[arg-type]
            spec=None,
            keys=KeyStore(folder / "keys.db"),
            gate=Gate(limit=8, queue=8),
            load_timeout_s=5,
            write_timeout_s=write_timeout_s,
            max_body_size=1 << 20,
            body_timeout_s=5,
            raw_output=None,
            owners_policy=Policy,
        )
        application = Application(
            ROUTES,
            oaikit_service=service,
            identity_provider=IdentityProvider(token="t"),
            authorizer=AllowAllAuthorizer(),
            base_url="/",
            cookie_secret="s",
        )
        server = HTTPServer(application)
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        site = Site(service, server, sockets[0].getsockname()[1])
        try:
            async with asyncio.timeout(20):
                await run(site)
        finally:
            site.close()
            server.stop()
            await server.close_all_connections()
            host.loop.stop()

    asyncio.run(main())


def unchunked(answer: bytes) -> tuple[bytes, bytes]:
    """The head and the body of a response in chunks, which must be complete."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower(), head
    body = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            assert rest == b"\r\n"
            return head, body
        body, rest = body + rest[:length], rest[length + 2 :]


async def until(look: Callable[[], Any], timeout_s: float = 5.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline, f"nothing after {timeout_s} s"
        await asyncio.sleep(0.01)

"""Who gets in when many ask: the real handler, in a tornado server of its own, with an answer that takes its time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

from jupyter_server.auth import AllowAllAuthorizer, IdentityProvider
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from oaikit_server.handlers import VLLM_ROUTES, VLLMHandler
from oaikit_server.keys import InferenceKey, Key
from oaikit_server.limits import Gate, RateLimits


class Slow(VLLMHandler):
    """Answers when the test says so."""

    async def _answer(self, path: str) -> None:
        await self.settings["release"].wait()
        if not self._gone:
            self.finish_json({"asked": self.body.decode()})


class Setting:
    def __init__(self, port: int, gate: Gate, release: asyncio.Event, key: str) -> None:
        self.port, self.gate, self.release, self.key = port, gate, release, key
        self.writers: list[asyncio.StreamWriter] = []

    async def ask(self, path: str = "v1/embeddings", body: str = "{}") -> Pending:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = (
            f"POST /oaikit/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.key}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
        )
        writer.write(head.encode())
        await writer.drain()
        self.writers.append(writer)
        return Pending(reader, writer)

    async def until(self, in_flight: int, waiting: int) -> None:
        for _ in range(500):
            if (self.gate.in_flight, self.gate.waiting) == (in_flight, waiting):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{self.gate.in_flight} in flight, {self.gate.waiting} waiting")


class Pending:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self) -> tuple[int, dict[str, str], object]:
        async with asyncio.timeout(5):
            head, _, body = (await self.reader.read()).partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        return int(lines[0].split()[1]), headers, json.loads(body)


def scenario(run: Callable[[Setting], Awaitable[None]]) -> None:
    async def main() -> None:
        gate, release, key = Gate(limit=2, queue=1), asyncio.Event(), InferenceKey()

        async def holder(authorization: str) -> Key | None:
            return key.key if authorization == f"Bearer {key.value}" else None

        service = SimpleNamespace(
            gate=gate,
            rates=RateLimits(),
            max_body_size=1000,
            body_timeout_s=5,
            holder=holder,
        )
        application = Application(
            [(rf"/oaikit/({'|'.join(VLLM_ROUTES)})", Slow)],
            oaikit_service=service,
            release=release,
            identity_provider=IdentityProvider(token="t"),
            authorizer=AllowAllAuthorizer(),
            base_url="/",
            cookie_secret="s",
        )
        server = HTTPServer(application)
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        setting = Setting(sockets[0].getsockname()[1], gate, release, key.value)
        try:
            await run(setting)
        finally:
            release.set()
            for writer in setting.writers:
                writer.close()
            server.stop()
            await server.close_all_connections()

    asyncio.run(main())


def test_some_are_answered_some_wait_and_the_rest_are_told_to_come_back():
    async def run(setting: Setting) -> None:
        inside = [await setting.ask(body=f'"{number}"') for number in range(2)]
        await setting.until(2, 0)
        waiting = await setting.ask(body='"2"')
        await setting.until(2, 1)
        status, headers, answer = await (await setting.ask()).answer()
        assert status == 429
        assert answer["error"]["code"] == "rate_limit_exceeded"
        assert int(headers["retry-after"]) > 0
        setting.release.set()
        answers = [await pending.answer() for pending in [*inside, waiting]]
        assert [(status, answer["asked"]) for status, _, answer in answers] == [
            (200, f'"{n}"') for n in range(3)
        ]
        await setting.until(0, 0)

    scenario(run)


def test_a_tokenization_is_counted_and_a_list_of_models_is_not():
    async def run(setting: Setting) -> None:
        for _ in range(3):
            await setting.ask()
        await setting.until(2, 1)
        assert (await (await setting.ask("tokenize")).answer())[0] == 429
        reading = await setting.ask("v1/models")
        await asyncio.sleep(0.1)
        assert (setting.gate.in_flight, setting.gate.waiting) == (2, 1)
        setting.release.set()
        assert (await reading.answer())[0] == 200

    scenario(run)


def test_clients_that_go_away_make_room():
    async def run(setting: Setting) -> None:
        first, _second = [await setting.ask() for _ in range(2)]
        await setting.until(2, 0)
        third = await setting.ask()
        await setting.until(2, 1)
        third.writer.close()
        await setting.until(2, 0)
        fourth = await setting.ask(body='"4"')
        await setting.until(2, 1)
        first.writer.close()
        await setting.until(2, 0)
        setting.release.set()
        assert (await fourth.answer())[2] == {"asked": '"4"'}
        await setting.until(0, 0)

    scenario(run)

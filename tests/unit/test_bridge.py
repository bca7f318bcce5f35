"""Between tornado and an ASGI app: whatever fails, or does not read, every request has an end."""

from __future__ import annotations

import asyncio
import errno
import json
import re
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from oaikit_server.bridge import Bridge
from oaikit_server.dialect import Answer
from oaikit_server.direct import DirectWriter
from oaikit_server.handlers import VLLMHandler
from tests.unit.bridged import HELLO, Site, unchunked, until, visit

EVENTS = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream; charset=utf-8")],
}
TOKEN = b'data: {"choices":[{"index":0,"delta":{"content":"' + b"x" * 2000 + b'"}}]}\n\n'
STREAM = json.dumps({**HELLO, "stream": True}).encode()


class Endless:
    """Streams until the client has gone, as vLLM's app does: starlette's StreamingResponse."""

    def __init__(self) -> None:
        self.sent = 0
        self.outcome = "running"

    async def __call__(self, scope, receive, send) -> None:
        await receive()
        await send(EVENTS)
        sending = asyncio.create_task(self._send(send))
        self.outcome = (await receive())["type"]
        sending.cancel()

    async def _send(self, send) -> None:
        while True:
            await send({"type": "http.response.body", "body": TOKEN, "more_body": True})
            self.sent += 1
            await asyncio.sleep(0)


async def has_stalled(app: Endless) -> None:
    """Wait until the app waits for a client that does not read."""
    seen = -1
    while seen != app.sent or not seen:
        seen = app.sent
        await asyncio.sleep(0.2)


async def aborted(site: Site, name: str) -> int:
    reader, _ = await site.send(
        json.dumps({"token": name}).encode(), "api/abort", headers={"Connection": "close"}
    )
    return int(json.loads((await reader.read()).partition(b"\r\n\r\n")[2])["aborted"])


def test_an_abort_releases_the_engine_while_the_client_does_not_read(tmp_path: Path) -> None:
    app = Endless()

    async def run(site: Site) -> None:
        headers = {"X-OAIKit-Abort": "a" * 16, "Connection": "close"}
        reader, _ = await site.send(STREAM, headers=headers, window=4096)
        await has_stalled(app)
        assert await aborted(site, "a" * 16) == 1
        await until(lambda: app.outcome == "http.disconnect", 0.5)
        _, body = unchunked(await reader.read())
        *events, error, done, end = body.split(b"\n\n")
        assert {event + b"\n\n" for event in events} == {TOKEN}
        assert json.loads(error.removeprefix(b"data: "))["error"]["code"] == "request_aborted"
        assert (done, end) == (b"data: [DONE]", b"")
        await until(lambda: site.service.gate.in_flight == 0)

    visit(app, run, tmp_path)


def test_an_aborted_request_of_a_client_that_never_reads_ends(tmp_path: Path) -> None:
    app = Endless()

    async def run(site: Site) -> None:
        await site.send(STREAM, headers={"X-OAIKit-Abort": "a" * 16}, window=4096)
        await has_stalled(app)
        assert await aborted(site, "a" * 16) == 1
        await until(lambda: site.service.gate.in_flight == 0, 4)

    visit(app, run, tmp_path, write_timeout_s=1.5)


class Three:
    """Streams three tokens, or whatever else it is given to say."""

    def __init__(self, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.headers = headers or EVENTS["headers"]
        self.outcome = "running"

    async def __call__(self, scope, receive, send) -> None:
        await receive()
        try:
            await send({**EVENTS, "headers": self.headers})
            for _ in range(3):
                await asyncio.sleep(0.05)  # so that the first is on its way before the second comes
                await send({"type": "http.response.body", "body": TOKEN, "more_body": True})
            await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False})
        finally:
            self.outcome = "ended"


class Fault:
    """Makes a method fail from its n-th call on, or at that call alone."""

    def __init__(self, patch: pytest.MonkeyPatch, owner: type, name: str, first: int, once: bool) -> None:
        self._count, self._first, self._once = 0, first, once
        patch.setattr(owner, name, self._failing(getattr(owner, name)))

    def _failing(self, works: Callable[..., Any]) -> Callable[..., Any]:
        def method(*args: Any, **kwargs: Any) -> Any:
            self._count += 1
            if self._count == self._first or (self._count > self._first and not self._once):
                raise ValueError("a defect")
            return works(*args, **kwargs)

        return method


async def outcome(site: Site, app: Three) -> bytes:
    """What the client gets; the handler has left the gate, and the app has been released."""
    reader, _ = await site.send(STREAM, headers={"Connection": "close"})
    async with asyncio.timeout(5):
        answer = await reader.read()
    await until(lambda: site.service.gate.in_flight == 0, 1)
    await until(lambda: app.outcome == "ended", 2)
    return answer


def is_500(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        _, body = unchunked(answer)
    return head.startswith(b"HTTP/1.1 500 ") and json.loads(body)["error"]["type"] == "server_error"


def ends_with_an_error(answer: bytes) -> bool:
    _, body = unchunked(answer)
    *_, error, done, _ = body.split(b"\n\n")
    return done == b"data: [DONE]" and "error" in json.loads(error.removeprefix(b"data: "))


def is_cut_off(answer: bytes) -> bool:
    return not answer.endswith(b"0\r\n\r\n")


FAULTS = [
    (Answer, "take", 1, True, is_500),
    (Answer, "take", 1, False, is_500),
    (Answer, "take", 3, True, ends_with_an_error),
    (Answer, "take", 3, False, ends_with_an_error),
    (Bridge, "_start", 1, False, is_500),
    (VLLMHandler, "write", 1, True, ends_with_an_error),
    (VLLMHandler, "write", 1, False, is_cut_off),
    (VLLMHandler, "flush", 1, True, is_500),
    (Bridge, "_direct_writer", 1, True, ends_with_an_error),
    (DirectWriter, "write", 1, True, ends_with_an_error),
    (DirectWriter, "write", 1, False, ends_with_an_error),
    (DirectWriter, "send", 1, True, is_cut_off),
]


@pytest.mark.parametrize(
    ("owner", "name", "first", "once", "expected"),
    FAULTS,
    ids=[f"{owner.__name__}.{name}-{first}-{once}" for owner, name, first, once, _ in FAULTS],
)
def test_a_defect_on_the_way_to_the_client_ends_the_request(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    owner: type,
    name: str,
    first: int,
    once: bool,
    expected: Callable[[bytes], bool],
) -> None:
    app = Three()
    Fault(monkeypatch, owner, name, first, once)

    async def run(site: Site) -> None:
        answer = await outcome(site, app)
        assert expected(answer), answer
        assert "a defect" in caplog.text

    visit(app, run, tmp_path)


def test_the_log_names_the_request_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = Three()
    Fault(monkeypatch, VLLMHandler, "write", 1, True)

    async def run(site: Site) -> None:
        head = (await outcome(site, app)).partition(b"\r\n\r\n")[0].decode().lower()
        request_id = re.search(r"x-request-id: (\w+)", head)
        assert request_id
        assert request_id[1] in caplog.text

    visit(app, run, tmp_path)


def test_a_header_that_cannot_be_sent_is_a_500(tmp_path: Path) -> None:
    app = Three([*EVENTS["headers"], (b"x-broken", b"a\r\nb")])

    async def run(site: Site) -> None:
        assert is_500(await outcome(site, app))

    visit(app, run, tmp_path)


def test_without_a_free_file_descriptor_streams_go_through_jupyters_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: socket.socket) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    app = Three()
    monkeypatch.setattr(socket.socket, "dup", full)

    async def run(site: Site) -> None:
        _, body = unchunked(await outcome(site, app))
        assert body == TOKEN * 3 + b"data: [DONE]\n\n"

    visit(app, run, tmp_path)


def test_a_defect_in_one_stream_leaves_the_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Fault(monkeypatch, DirectWriter, "send", 1, True)

    async def run(site: Site) -> None:
        readers = [(await site.send(STREAM, headers={"Connection": "close"}))[0] for _ in range(8)]
        async with asyncio.timeout(5):
            answers = [await reader.read() for reader in readers]
        assert sum(is_cut_off(answer) for answer in answers) == 1
        assert (
            sum(unchunked(answer)[1].count(TOKEN) == 3 for answer in answers if not is_cut_off(answer)) == 7
        )
        await until(lambda: site.service.gate.in_flight == 0, 1)

    visit(Three(), run, tmp_path)


def test_the_engine_is_released_when_a_client_that_did_not_read_leaves(tmp_path: Path) -> None:
    app = Endless()

    async def run(site: Site) -> None:
        _, writer = await site.send(STREAM, headers={"X-OAIKit-Abort": "a" * 16}, window=4096)
        await has_stalled(app)
        writer.close()
        await until(lambda: app.outcome == "http.disconnect", 1)
        await until(lambda: site.service.gate.in_flight == 0, 1)

    visit(app, run, tmp_path)


@pytest.mark.parametrize("connection", ["keep-alive", "close", None])
def test_a_stream_over_http_1_0_ends_with_the_connection(tmp_path: Path, connection: str | None) -> None:
    async def run(site: Site) -> None:
        headers = {"Connection": connection} if connection else {}
        reader, _ = await site.send(STREAM, version="1.0", headers=headers)
        async with asyncio.timeout(5):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert body == TOKEN * 3 + b"data: [DONE]\n\n"
        assert b"connection: close" in head.lower()
        assert b"keep-alive" not in head.lower()
        await until(lambda: site.service.gate.in_flight == 0, 1)

    visit(Three(), run, tmp_path)


def test_an_answer_of_known_length_keeps_an_http_1_0_connection_alive(tmp_path: Path) -> None:
    async def run(site: Site) -> None:
        body = json.dumps(HELLO).encode()
        reader, writer = await site.send(body, version="1.0", headers={"Connection": "keep-alive"})
        for _ in range(2):
            async with asyncio.timeout(5):
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                assert b"connection: keep-alive" in head
                length = re.search(rb"content-length: (\d+)", head)
                assert length
                assert json.loads(await reader.readexactly(int(length[1]))) == {"choices": []}
            again = [
                b"POST /oaikit/v1/chat/completions HTTP/1.0",
                b"Connection: keep-alive",
                b"Authorization: Bearer " + site.service.key.value.encode(),
                b"Content-Length: %d" % len(body),
            ]
            writer.write(b"\r\n".join(again) + b"\r\n\r\n" + body)

    visit(whole(b'{"choices":[]}'), run, tmp_path)


def whole(body: bytes) -> Callable[..., Awaitable[None]]:
    """An app that answers with JSON, all at once."""

    async def app(scope, receive, send) -> None:
        await receive()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return app


LARGE = b'{"choices":["' + b"x" * 20_000_000 + b'"]}'


def test_a_large_answer_that_is_not_read_is_closed(tmp_path: Path) -> None:
    async def run(site: Site) -> None:
        _, writer = await site.send(json.dumps(HELLO).encode(), window=4096)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await until(lambda: len(site.connections()) == 1)
        await until(lambda: not site.connections(), 4)

    visit(whole(LARGE), run, tmp_path, write_timeout_s=0.4)


def test_a_large_answer_that_is_read_slowly_comes_whole(tmp_path: Path) -> None:
    async def run(site: Site) -> None:
        reader, _ = await site.send(json.dumps(HELLO).encode(), headers={"Connection": "close"}, window=65536)
        body, began = b"", time.monotonic()
        while piece := await reader.read(4_000_000):
            body += piece
            if time.monotonic() - began < 2:  # four times as long as it may be left unread
                await asyncio.sleep(0.1)
        assert body.endswith(LARGE[-1000:])
        assert len(body) > len(LARGE)

    visit(whole(LARGE), run, tmp_path, write_timeout_s=0.4)


@pytest.mark.parametrize("path", ["openapi.json", "no/such"])
def test_the_same_holds_for_every_route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Descriptions and errors are small here, so they're made large."""
    made = json.dumps
    monkeypatch.setattr(json, "dumps", lambda *args, **kwargs: made(*args, **kwargs) + " " * 20_000_000)

    async def run(site: Site) -> None:
        _, writer = await site.send(b"", path, method="GET", window=4096)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await until(lambda: len(site.connections()) == 1)
        await until(lambda: not site.connections(), 4)

    visit(whole(LARGE), run, tmp_path, write_timeout_s=0.4)

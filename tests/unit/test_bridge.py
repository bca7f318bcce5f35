"""Between tornado and an ASGI app: whatever fails, or does not read, every request has an end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

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

"""Long bodies stop nobody else, and encoded ones are refused."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from oaikit_server.handlers import answers
from tests.unit.bridged import CHAT, HELLO, Site, until, visit

LONG = {"model": "m", "messages": [{"role": "user", "content": "x" * 1_000_001}]}
ANSWER = b'{"choices": []}'
JSON = [(b"content-type", b"application/json")]


class Held:
    """An app that answers short requests at once, and long ones when the test says so. Counts the long ones."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.long_now = self.long_most = self.long_ended = 0

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        if len((await receive())["body"]) > 1_000_000:
            self.long_now += 1
            self.long_most = max(self.long_most, self.long_now)
            while not self.release.is_set():  # noqa: ASYNC110 (set on another loop)
                await asyncio.sleep(0.01)
            self.long_now -= 1
            self.long_ended += 1
        await send({"type": "http.response.start", "status": 200, "headers": JSON})
        await send({"type": "http.response.body", "body": ANSWER, "more_body": False})


async def answered(site: Site, body: bytes, path: str = CHAT, **headers: str) -> tuple[int, bytes]:
    """The status and body of the answer to one request."""
    reader, _ = await site.send(body, path, headers={"Connection": "close", **headers})
    head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    return int(head.split()[1]), answer


@pytest.mark.parametrize("path", [CHAT, "v1/responses"])
def test_requests_with_more_than_a_million_characters_are_answered_one_at_a_time(
    tmp_path: Path, path: str
) -> None:
    app = Held()
    text = LONG["messages"][0]["content"]  # type: ignore[index]
    body = json.dumps(LONG if path == CHAT else {"model": "m", "input": text}).encode()

    async def run(site: Site) -> None:
        long = [asyncio.create_task(answered(site, body, path)) for _ in range(3)]
        await until(lambda: app.long_now and site.service.long_texts.waiting == 2)
        assert (await answered(site, json.dumps(HELLO).encode()))[0] == 200, "a short one does not wait"
        app.release.set()
        assert [status for status, _ in await asyncio.gather(*long)] == [200] * 3
        assert site.service.long_texts.in_flight == 0

    visit(app, run, tmp_path)
    assert (app.long_most, app.long_ended) == (1, 3)


@pytest.mark.parametrize("path", [CHAT, "v1/embeddings", "v1/messages", "api/explain", "api/abort"])
@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate, gzip", "x" * 100, "é"])
def test_an_encoded_body_is_a_415_that_says_so(tmp_path: Path, path: str, encoding: str) -> None:
    async def run(site: Site) -> None:
        headers = {"Content-Encoding": encoding}
        status, answer = await answered(site, b"\x1f\x8b\x08", path, **headers)
        error = json.loads(answer)["error"]
        assert (status, error["code"]) == (415, "unsupported_content_encoding")
        assert "send it as it is" in error["message"]

    visit(Held(), run, tmp_path)


@pytest.mark.parametrize("encoding", ["identity", "Identity", " "])
def test_a_body_that_is_called_plain_is_taken(tmp_path: Path, encoding: str) -> None:
    async def run(site: Site) -> None:
        headers = {"Content-Encoding": encoding}
        assert (await answered(site, json.dumps(HELLO).encode(), **headers))[0] == 200

    visit(Held(), run, tmp_path)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("api/explain", HELLO | {"user": "x" * 100_000}),
        ("api/abort", {"token": "x" * 100_000}),
        (CHAT, HELLO | {"user": "x" * 100_000}),
        ("v1/responses", {"model": "m", "input": "x" * 100_000}),
    ],
)
def test_a_long_body_is_read_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any]
) -> None:
    reading, go_on = threading.Event(), threading.Event()
    read = answers.json_object

    def slowly(body: bytes, *known: set[str]) -> dict[str, Any]:
        if len(body) > 100_000:
            reading.set()
            assert go_on.wait(10)
        return read(body, *known)

    monkeypatch.setattr(answers, "json_object", slowly)

    async def run(site: Site) -> None:
        long = asyncio.create_task(answered(site, json.dumps(body).encode(), path))
        await until(reading.is_set)
        assert (await answered(site, json.dumps(HELLO).encode()))[0] == 200
        go_on.set()
        assert (await long)[0] == 200

    visit(Held(), run, tmp_path)

"""Whole answers over HTTP/1.1: what servers may send, on real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from oaikit.experiments.run.http1 import Connections, Whole

PLAIN = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a": 1}'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n5\r\n": 1}\r\n0\r\n\r\n'
LAST = PLAIN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


class Server:
    """Answers the requests of each connection with what it is given, in turn, and ends it where that is over."""

    def __init__(self, *connections: Iterable[bytes], at_once: int = 2**20) -> None:
        self._connections, self._at_once = iter(connections), at_once
        self.accepted, self.ended = 0, 0
        self.heads: list[str] = []
        self.bodies: list[Any] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted, self.writer = self.accepted + 1, writer
        try:
            for answer in next(self._connections):
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                (length,) = [
                    int(line.split(":")[1]) for line in head.splitlines() if line.startswith("Content-Length")
                ]
                self.heads.append(head)
                self.bodies.append(json.loads(await reader.readexactly(length)))
                for start in range(0, len(answer), self._at_once):
                    writer.write(answer[start : start + self._at_once])
                    await writer.drain()
                    await asyncio.sleep(0)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.ended += 1
            writer.close()


@asynccontextmanager
async def serving(server: Server, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Its port."""
    listening = await asyncio.start_server(server.serve, host, 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


def asked(
    server: Server,
    do: Callable[[Connections], Coroutine[Any, Any, Any]],
    *,
    host: str = "127.0.0.1",
    name: str = "",
    path: str = "/v1",
) -> Any:
    """What that comes to, with connections to the server."""

    async def run() -> Any:
        async with serving(server, host) as port:
            connections = Connections(f"http://{name or host}:{port}{path}", {"Authorization": "Bearer k"}, 5)
            try:
                return await do(connections)
            finally:
                connections.close()

    return asyncio.run(run())


async def one(connections: Connections) -> Whole:
    return await connections.post("completions", '{"prompt": "ä"}', 5)


async def two(connections: Connections) -> list[Whole]:
    return [await one(connections), await one(connections)]


async def one_and_another(connections: Connections) -> list[Whole]:
    """The second when the first one's connection has ended."""
    first = await one(connections)
    await until(lambda: not any(each.open for each in connections._idle))
    return [first, await one(connections)]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 (what it waits for has no event)
            await asyncio.sleep(0.005)


def test_a_request_has_what_it_needs() -> None:
    server = Server([PLAIN])
    whole = asked(server, one, path="/user/a%20b/v1/")
    assert whole == Whole(200, {"content-type": "application/json", "content-length": "8"}, '{"a": 1}')
    (head,) = server.heads
    lines = head.splitlines()
    assert lines[0] == "POST /user/a%20b/v1/completions HTTP/1.1"
    assert "Authorization: Bearer k" in lines
    assert "Content-Type: application/json" in lines
    assert lines[1].startswith("Host: 127.0.0.1:")
    assert server.bodies == [{"prompt": "ä"}]


@pytest.mark.parametrize("at_once", [1, 7, 2**20])
@pytest.mark.parametrize("answer", [PLAIN, CHUNKED], ids=["length", "chunks"])
def test_a_connection_is_used_again(answer: bytes, at_once: int) -> None:
    server = Server([answer, answer], at_once=at_once)
    assert [whole.body for whole in asked(server, two)] == ['{"a": 1}'] * 2
    assert server.accepted == 1


def test_as_many_connections_as_are_asked_for_at_once() -> None:
    async def do(connections: Connections) -> None:
        for _ in range(2):
            await asyncio.gather(*(one(connections) for _ in range(8)))

    server = Server(*([PLAIN] * 16 for _ in range(8)))
    asked(server, do)
    assert server.accepted == 8


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (LAST, 200),
        (PLAIN.replace(b"1.1", b"1.0"), 200),
        (b'HTTP/1.1 200 OK\r\n\r\n{"a": 1}', 200),
        (b"HTTP/1.1 500 No\r\n\r\n", 500),
    ],
    ids=["close", "HTTP/1.0", "no length", "no length, and nothing"],
)
def test_a_server_that_ends_the_connection_is_asked_on_another(first: bytes, status: int) -> None:
    server = Server([first], [PLAIN])
    answers = asked(server, one_and_another)
    assert answers[0].status == status
    assert answers[0].body == ("" if status == 500 else '{"a": 1}')
    assert answers[1].body == '{"a": 1}'
    assert server.accepted == 2


def test_a_connection_that_was_closed_while_it_was_kept() -> None:
    server = Server([PLAIN], [PLAIN])  # it says nothing of it, as one that is tired of waiting
    assert [whole.body for whole in asked(server, one_and_another)] == ['{"a": 1}'] * 2
    assert server.accepted == 2


def test_a_second_answer_is_not_the_next_ones() -> None:
    server = Server([PLAIN + PLAIN.replace(b"1}", b"9}"), PLAIN], [PLAIN])
    assert [whole.body for whole in asked(server, one_and_another)] == ['{"a": 1}'] * 2
    assert server.accepted == 2


def test_what_nobody_asked_for_is_no_answer() -> None:
    async def do(connections: Connections) -> list[Whole]:
        first = await one(connections)
        server.writer.write(PLAIN.replace(b"1}", b"9}"))
        await until(lambda: not any(each.open for each in connections._idle))
        return [first, await one(connections)]

    server = Server([PLAIN, PLAIN], [PLAIN])
    assert [whole.body for whole in asked(server, do)] == ['{"a": 1}'] * 2
    assert server.accepted == 2


def test_hints_before_the_answer() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    whole = asked(Server([hints + PLAIN]), one)
    assert (whole.status, whole.body) == (200, '{"a": 1}')
    assert "link" not in whole.headers


def test_headers_are_found_in_lower_case() -> None:
    refused = b"HTTP/1.1 429 Too Many\r\nRETRY-After: 7\r\nContent-Length: 0\r\n\r\n"
    assert asked(Server([refused]), one) == Whole(429, {"retry-after": "7", "content-length": "0"}, "")


def test_a_body_that_is_no_text() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\xffb"
    assert asked(Server([answer]), one).body == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    "answer",
    [b"", PLAIN[:10], PLAIN[:30], PLAIN[:-1], CHUNKED[:-7]],
    ids=["nothing", "status", "headers", "body", "chunks"],
)
def test_half_an_answer_is_none(answer: bytes) -> None:
    with pytest.raises(ConnectionError, match="ended before the answer was complete"):
        asked(Server([answer]), one)


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 101 Other\r\nUpgrade: h2c\r\n\r\n"]
)
def test_another_protocol(answer: bytes) -> None:
    with pytest.raises(ConnectionError, match="does not speak HTTP"):
        asked(Server([answer]), one)


def test_nobody_listens() -> None:
    async def run() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            await one(Connections(f"http://127.0.0.1:{unused.getsockname()[1]}/v1", {}, 5))

    with pytest.raises(ConnectionRefusedError):
        asyncio.run(run())


@pytest.mark.parametrize("how", ["too late", "cancelled"])
def test_what_is_given_up_ends_its_connection(how: str) -> None:
    async def do(connections: Connections) -> None:
        if how == "too late":
            with pytest.raises(TimeoutError):
                await connections.post("completions", "{}", 0.5)
        else:
            task = asyncio.create_task(one(connections))
            await until(lambda: len(server.bodies) == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await until(lambda: server.ended == 1)
        assert (await one(connections)).body == '{"a": 1}'

    server = Server([b"HTTP/1.1 200 OK\r\n", PLAIN], [PLAIN])
    asked(server, do)
    assert server.accepted == 2


def test_a_name_whose_first_address_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        assert host == "models.example"
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("127.0.0.2", "127.0.0.1")
        ]

    server = Server([PLAIN])
    monkeypatch.setattr(socket, "getaddrinfo", found)
    assert asked(server, one, name="models.example").status == 200
    assert "Host: models.example:" in server.heads[0]


def test_an_address_of_version_6() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    server = Server([PLAIN])
    try:
        asked(server, one, host="::1", name="[::1]")
    except OSError as exc:
        pytest.skip(f"no IPv6 here: {exc}")
    assert "Host: [::1]:" in server.heads[0]

"""Clients that vanish, many at once, and clients that do not read."""

from __future__ import annotations

import json
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psutil

from tests.harness import SERVED, Server, wait_until
from tests.soak.common import WRITE_TIMEOUT_S, Check, Ground, connect, scaled
from tests.soak.streams import Stream, open_completion, request_bytes

FULL = 40  # batches
BATCH = 50
STREAMS = 500
UNREAD = 50
TOKENS = 24
SEED = 14
FREE_S = 1.0  # after a batch of disconnects the engine has to be idle by then
# Until the answers that nobody reads have been computed, and have filled the buffers of both kernels.
FILLING_S = 40.0
# Larger than the four megabytes that Linux keeps of what a client does not read: each token of four prompts with its
# twenty likeliest, which costs the engine little.
LARGE: dict[str, Any] = {
    "prompt": ["The" + " old river sings near" * 400] * 4,
    "echo": True,
    "logprobs": 20,
    "max_tokens": 300,
    "temperature": 1,
}


def busy(server: Server) -> int:
    """Requests that the engine works on or keeps waiting."""
    status = server.status()
    return int(status["running"] + status["waiting"])


def vanish(server: Server, draw: random.Random) -> None:
    """Ask for something long, and go away at some moment: in the middle of asking, before an answer, or after."""
    chat = {"model": SERVED, "messages": [{"role": "user", "content": "Hello"}]}
    path, body = draw.choice(
        (
            ("v1/completions", {"model": SERVED, "prompt": "The"}),
            ("v1/chat/completions", chat),
            ("v1/responses", {"model": SERVED, "input": "Hello", "max_output_tokens": 1900}),
            ("v1/messages", chat),
        )
    )
    body = {**body, "stream": draw.random() < 0.7}
    if path != "v1/responses":
        body |= {"max_tokens": 1900}
    if "completions" in path:
        body |= {"ignore_eos": True, "n": draw.choice((1, 1, 3))}
    sent = request_bytes(server, path, body)
    cut = draw.randrange(len(sent)) if draw.random() < 0.15 else len(sent)
    with suppress(OSError):
        connection = connect(server, 30)
        connection.sendall(sent[:cut])
        time.sleep(draw.choice((0, draw.random() * 0.05, draw.random() * 0.6)))
        if draw.random() < 0.3:
            connection.settimeout(0.2)
            connection.recv(4096)
        connection.close()


def disconnects(server: Server, batches: int) -> Check:
    """Batches of clients that vanish at random moments."""
    check = Check(
        f"disconnects at random moments, in batches of {BATCH}", f"engine idle {FREE_S:g} s after each batch"
    )
    draw = random.Random(SEED)
    with ThreadPoolExecutor(BATCH) as pool:
        for _ in range(batches):
            draws = [random.Random(draw.random()) for _ in range(BATCH)]
            list(pool.map(lambda each: vanish(server, each), draws))
            gone = time.monotonic()
            try:
                wait_until(lambda: busy(server) == 0, 60, every=0.02)
            except AssertionError:
                check.record(f"still {busy(server)} requests after 60 s", 60.0)
                continue
            seconds = time.monotonic() - gone
            check.record(f"idle only after {seconds:.2f} s" if seconds > FREE_S else None, seconds)
    check.note = f"{batches * BATCH:,} disconnects"
    return check


def prompt(number: int) -> str:
    return f"The {number} old river sings near a quiet garden number {number * 7}"


def whole(server: Server, number: int) -> tuple[str, int]:
    """One answer that is not streamed: its text, and how many tokens it has."""
    body = {
        "model": SERVED,
        "prompt": prompt(number),
        "temperature": 0,
        "max_tokens": TOKENS,
        "ignore_eos": True,
    }
    answer = server.request("POST", "oaikit/v1/completions", body)
    assert answer.status == 200, answer.body
    return answer.json["choices"][0]["text"], answer.json["usage"]["completion_tokens"]


def crowd(server: Server, count: int) -> Check:
    """Many streams at once, compared with the same answers asked for a few at a time and not streamed."""
    same = Check(
        f"{count} streams at once", "the text of the answer that is not streamed, and all its tokens"
    )
    with ThreadPoolExecutor(16) as pool:
        expected = list(pool.map(lambda number: whole(server, number), range(count)))
    began = time.monotonic()
    more = {"max_tokens": TOKENS, "stream_options": {"include_usage": True}}
    streams = [Stream(server, prompt=prompt(number), **more) for number in range(count)]
    for stream, (text, tokens) in zip(streams, expected, strict=True):
        stream.join(120)
        same.record(difference(stream, text, tokens), stream.ended_at - began if stream.ended_at else None)
    return same


def difference(stream: Stream, text: str, tokens: int) -> str | None:
    """What a stream lacks, if it lacks anything."""
    if stream.thread.is_alive() or not stream.is_whole():
        return f"no whole stream: {stream.status()} {stream.data[-200:]!r}"
    usage = next((json.loads(event)["usage"] for event in stream.events() if '"usage":{' in event), None)
    streamed = usage["completion_tokens"] if usage else None
    if streamed != tokens:
        return f"{streamed} tokens, {tokens} without streaming"
    return None if stream.text() == text else f"{stream.text()!r} is not {text!r}"


def open_connections(server: Server) -> set[int]:
    """The client's ports of the connections that the server holds."""
    connections = psutil.Process(server.process.pid).net_connections("tcp")
    return {each.raddr.port for each in connections if each.raddr and each.status != psutil.CONN_LISTEN}


def received(connection: socket.socket) -> bytes:
    """What a client finds when it reads at last."""
    data = b""
    connection.settimeout(1)
    with suppress(OSError):
        while piece := connection.recv(1 << 20):
            data += piece
    connection.close()
    return data


def unread(server: Server, count: int, *, stream: bool) -> Iterator[Check]:
    """Clients that do not read: their requests end, and others are served meanwhile."""
    kind = "streams" if stream else "answers that are not streamed"
    limit_s = WRITE_TIMEOUT_S + FILLING_S
    ended = Check(
        f"{count} clients that do not read, {kind}",
        f"closed by the server: {WRITE_TIMEOUT_S:g} s after the buffers are full, {limit_s:g} s after they asked",
    )
    served = Check(f"chats of others meanwhile, {kind}", "200, within 10 s")
    mute = [open_completion(server, receive_buffer=4096, stream=stream, **LARGE) for _ in range(count)]
    ports = {each.getsockname()[1]: each for each in mute}
    began = time.monotonic()
    wait_until(lambda: set(ports) <= open_connections(server), 20)
    chat = {"model": SERVED, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    while (held := set(ports) & open_connections(server)) and time.monotonic() - began < limit_s + 20:
        asked = time.monotonic()
        status = server.request("POST", "oaikit/v1/chat/completions", chat).status
        seconds = time.monotonic() - asked
        served.record(f"{status} after {seconds:.1f} s" if status != 200 or seconds > 10 else None, seconds)
        time.sleep(0.05)
    seconds = time.monotonic() - began
    for port, connection in ports.items():
        late = "still connected" if port in held else "too late" if seconds > limit_s else None
        data = received(connection)
        if late and (data.endswith(b"0\r\n\r\n") or not data.startswith(b"HTTP/1.1 200")):
            late = f"not what was to be tested: {len(data):,} bytes, {data[:40]!r} … {data[-100:]!r}"
        ended.record(late)
    ended.note = (
        f"the last ended after {seconds:.1f} s" if not held else f"{len(held)} open after {seconds:.0f} s"
    )
    yield from (ended, served)
    with suppress(AssertionError):
        wait_until(lambda: busy(server) == 0, 60)
    left = Check(f"the engine after them, {kind}", "no request left")
    left.record(f"{number} requests left" if (number := busy(server)) else None)
    yield left


def run(ground: Ground, repeat: int) -> Iterator[Check]:
    """Batches of disconnects, and the other parts in proportion.

    Args:
        ground: The shared server.
        repeat: How many batches.
    """
    server = ground.server()
    yield crowd(server, scaled(STREAMS, repeat, FULL))
    yield disconnects(server, repeat)
    for stream in (True, False):
        yield from unread(server, scaled(UNREAD, repeat, FULL), stream=stream)

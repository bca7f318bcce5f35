"""Requests that cost the server much: how long others wait meanwhile, and how long the server takes to end.

The server has a long context, since the texts that it accepts are as long as its context allows.
"""

from __future__ import annotations

import json
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any

from tests.harness import SERVED, Answer, Server, wait_until
from tests.soak.common import Check, Ground, engine_server
from tests.soak.signals import LIMITS_S, MARKER, Family, wait_for_end
from tests.soak.streams import open_completion, request_bytes

CONTEXT = 131_072  # tokens
OPTIONS = (
    f"--OAIKit.engine_args={{'hf_overrides': {{'max_position_embeddings': {CONTEXT}}}, "
    "'kv_cache_memory_bytes': 1073741824}",
)
CHAT_S = 5.0  # another client's chat has to be answered by then
SILENCE_S = 2.0  # another client's stream may be silent for so long
FORM_S = 10.0  # another client's structured output has to be there by then
MESSAGES = [{"role": "user", "content": "Hello"}]
SENTENCE = "The old river sings near a quiet garden. "
ENDED_S = 600.0  # how long a stream counts as silent that ended too early
QUEUED = 64  # tokenizations at the shutdown


@dataclass(frozen=True)
class Attack:
    """Requests that are sent at once.

    Args:
        name: What the report calls them.
        path: The path under `oaikit/`.
        body: Makes the body of the request with this number.
        count: How many there are.
        statuses: The statuses that they may be answered with.
        form: Whether others ask for structured output meanwhile, and not for a plain chat.
    """

    name: str
    path: str
    body: Callable[[int], dict[str, Any]]
    count: int
    statuses: tuple[int, ...]
    form: bool = False


def text(characters: int) -> str:
    """A text of so many characters."""
    return (SENTENCE * (characters // len(SENTENCE) + 1))[:characters]


def tokenization(characters: int, _: int) -> dict[str, Any]:
    return {"model": SERVED, "prompt": text(characters)}


def truncated_chat(characters: int, _: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": text(characters)}]
    return {"model": SERVED, "messages": messages, "max_tokens": 4, "truncate_prompt_tokens": 100}


def with_properties(properties: int, number: int) -> dict[str, Any]:
    """A chat that is held to a schema with so many properties. No two numbers give the same schema."""
    names = {f"p{number}_{index}": {"type": "string"} for index in range(properties)}
    schema = {"type": "object", "properties": names}
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    return {"model": SERVED, "messages": MESSAGES, "max_tokens": 4, "response_format": form}


def with_grammar(size: int, number: int) -> dict[str, Any]:
    """A chat that is held to a grammar of so many bytes."""
    grammar = f'root ::= "a{number}" | ' + " | ".join(f'"{index:07}"' for index in range(size // 12))
    return {
        "model": SERVED,
        "messages": MESSAGES,
        "max_tokens": 4,
        "structured_outputs": {"grammar": grammar},
    }


ATTACKS = (
    Attack("4 tokenizations of 15 MB", "tokenize", partial(tokenization, 15_000_000), 4, (400,)),
    Attack("64 tokenizations of 0.9 MB", "tokenize", partial(tokenization, 900_000), 64, (200, 400)),
    Attack(
        "4 chats of 14 MB that are truncated",
        "v1/chat/completions",
        partial(truncated_chat, 14_000_000),
        4,
        (200,),
    ),
    Attack(
        "4 schemas of 5,000 properties",
        "v1/chat/completions",
        partial(with_properties, 5000),
        4,
        (400,),
        form=True,
    ),
    Attack(
        "a grammar of 1 MB", "v1/chat/completions", partial(with_grammar, 1_000_000), 1, (400,), form=True
    ),
    Attack(
        "8 schemas of 500 properties, the most that are accepted",
        "v1/chat/completions",
        partial(with_properties, 500),
        8,
        (200,),
        form=True,
    ),
)


class Watched:
    """Another client: it asks again and again, and reads a stream all the time."""

    def __init__(self, server: Server, *, form: bool) -> None:
        self._server, self._form = server, form
        self._done = threading.Event()
        self.answers: list[tuple[int, float]] = []  # status and seconds of each
        self.silence_s = 0.0
        self._stream = open_completion(server, max_tokens=CONTEXT // 2)
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._ask, self._read)]
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        number = 0
        while not self._done.is_set():
            number += 1
            body = {"model": SERVED, "messages": MESSAGES, "max_tokens": 4}
            if self._form:
                body = with_properties(2, 1_000_000 + number + int(self._began * 1000))
            began = time.monotonic()
            try:
                status = self._server.request("POST", "oaikit/v1/chat/completions", body).status
            except (OSError, HTTPException):
                status = 0
            self.answers.append((status, time.monotonic() - began))
            self._done.wait(0.05)

    def _read(self) -> None:
        self._stream.settimeout(0.1)
        heard_at = time.monotonic()
        while not self._done.is_set():
            arrived: bytes | None = None
            with suppress(TimeoutError):
                arrived = self._stream.recv(1 << 20)
            now = time.monotonic()
            self.silence_s = max(self.silence_s, now - heard_at)
            if arrived == b"":
                self.silence_s = max(self.silence_s, ENDED_S)
                return
            if arrived:
                heard_at = now

    def stop(self) -> None:
        """Ask no more."""
        self._done.set()
        for thread in self._threads:
            thread.join()
        self._stream.close()


@contextmanager
def watched(server: Server, *, form: bool) -> Iterator[Watched]:
    """Another client for as long as the block lasts, and half a second before and after."""
    other = Watched(server, form=form)
    try:
        time.sleep(0.5)
        yield other
        time.sleep(0.5)
    finally:
        other.stop()


def send(server: Server, attack: Attack, key: str, number: int) -> tuple[Answer | None, float]:
    """One request of an attack: its answer, or None if there is none, and the seconds."""
    body = json.dumps(attack.body(number)).encode()
    began = time.monotonic()
    try:
        answer = server.request(
            "POST", f"oaikit/{attack.path}", body, key=key, headers={"Content-Type": "application/json"}
        )
    except (OSError, HTTPException):
        return None, time.monotonic() - began
    return answer, time.monotonic() - began


def measure(server: Server, attack: Attack, key: str) -> Iterator[Check]:
    """An attack: its own answers, and how others fare."""
    own = Check(f"{attack.name}: answers", " or ".join(map(str, attack.statuses)))
    limit_s = FORM_S if attack.form else CHAT_S
    what = "structured outputs" if attack.form else "chats"
    others = Check(f"{attack.name}: {what} of another client", f"200, within {limit_s:g} s")
    stream = Check(f"{attack.name}: a stream of another client", f"silent for at most {SILENCE_S:g} s")
    with watched(server, form=attack.form) as other, ThreadPoolExecutor(attack.count) as pool:
        for answer, seconds in pool.map(partial(send, server, attack, key), range(attack.count)):
            good = answer is not None and answer.status in attack.statuses
            failure = f"{answer.status}: {answer.body[:200]!r}" if answer else "no answer"
            own.record(None if good else failure, seconds)
    for status, seconds in other.answers:
        others.record(
            f"{status} after {seconds:.1f} s" if status != 200 or seconds > limit_s else None, seconds
        )
    stream.record(
        f"silent for {other.silence_s:.1f} s" if other.silence_s > SILENCE_S else None, other.silence_s
    )
    yield from (own, others, stream)


def shutdown(repeat: int) -> Check:
    """SIGTERM while many tokenizations wait for each other."""
    limit_s = LIMITS_S[signal.SIGTERM]
    check = Check(
        f"SIGTERM with {QUEUED} tokenizations of 0.9 MB queued", f"no process left after {limit_s:g} s"
    )
    for _ in range(repeat):
        marker = uuid.uuid4().hex
        with (
            tempfile.TemporaryDirectory(prefix="soak-") as folder,
            engine_server(Path(folder), *OPTIONS, **{MARKER: marker}) as server,
        ):
            server.wait_for("ready")
            family = Family(server, marker)
            asked = request_bytes(server, "tokenize", tokenization(900_000, 0))
            connections = [server.connection() for _ in range(QUEUED)]
            try:
                for connection in connections:
                    connection.connect()
                    connection.sock.sendall(asked)
                wait_until(lambda server=server: server.status()["in_flight"] >= QUEUED - 4, 60)
                server.process.send_signal(signal.SIGTERM)
                check.record(*wait_for_end(family, limit_s))
            except AssertionError as exc:
                check.record(f"the tokenizations did not queue: {str(exc)[:200]}")
            finally:
                family.stop_looking()
                family.end()
                for connection in connections:
                    connection.close()
    return check


def run(ground: Ground, repeat: int) -> Iterator[Check]:
    """Each attack once, and shutdowns.

    Args:
        ground: Closed: the suite needs servers of its own.
        repeat: How many shutdowns.
    """
    ground.close()
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        engine_server(Path(folder), *OPTIONS) as server,
    ):
        server.wait_for("ready")
        made = server.request("POST", "oaikit/api/keys", {"name": "soak", "scopes": ["read", "infer"]})
        for attack in ATTACKS:
            yield from measure(server, attack, made.json["key"])
    yield shutdown(repeat)

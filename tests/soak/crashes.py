"""EngineCore killed and stopped under load, and models loaded and unloaded by everybody at once."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil

from tests.harness import READY_S, SERVED, Answer, Server, wait_until
from tests.soak.common import Check, Ground, chosen, engine_server, scaled
from tests.soak.streams import Stream
from tools import tiny_model

FULL = 10  # kills
HANGS = 3
OPERATIONS = 200
CLIENTS = 10
SEED = 14
STREAMS, CHATS = 12, 4  # in flight at each kill
# A client of a dying engine has its answer by then, in seconds: an error, or the answer of the engine's successor.
ANSWERED_S = 120.0
# After this silence an engine counts as hung. The default is two minutes, three times of which are long here.
HANG_TIMEOUT_S = 20
# A hung engine has to be noticed, and its clients told, by then.
NOTICED_S = HANG_TIMEOUT_S + 10.0
# The resident memory of Jupyter may have grown by this much.
GROWTH = 0.05
LOAD = {"model": str(tiny_model.default_folder()), "served_model_name": SERVED}
CHAT: dict[str, Any] = {"model": SERVED, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
STATES = ("stopped", "loading", "ready", "failed", "hung", "stopping")
# What each operation may be answered with, and the codes of the errors among them.
STATUSES = {
    "load": {202},
    "unload": {200},
    "status": {200},
    "chat": {200, 500, 503},
    "stream": {200, 500, 503},
}
CODES = {"engine_stopped", "engine_crashed", "engine_failed", "model_loading", "engine_hung"}


def engine_core(server: Server) -> psutil.Process:
    """EngineCore's process."""
    found = [each for each in server.engine_processes() if "EngineCore" in " ".join(each.cmdline())]
    assert len(found) == 1, f"{len(found)} EngineCores"
    return found[0]


def resident(server: Server) -> int:
    """Bytes of memory that Jupyter itself has."""
    return int(psutil.Process(server.process.pid).memory_info().rss)


def become_ready(server: Server) -> None:
    """Wait for a restart, or do what a user does when there is none: load again."""
    settled = wait_until(
        lambda: (s := server.status())["state"] in ("ready", "failed", "stopped") and s, READY_S
    )
    if settled["state"] != "ready":
        assert server.request("POST", "oaikit/api/load", LOAD).status == 202
        server.wait_for("ready")


def ask(server: Server, body: dict[str, Any]) -> tuple[Answer | None, float]:
    """Ask for a chat. The answer, or None if there was none, and the seconds."""
    began = time.monotonic()
    try:
        answer = server.request("POST", "oaikit/v1/chat/completions", body)
    except (OSError, HTTPException):
        return None, time.monotonic() - began
    return answer, time.monotonic() - began


def wrong_with(answer: Answer | None, seconds: float) -> str | None:
    """What is wrong with an answer that an engine's end may have met, if anything is."""
    if answer is None:
        return f"no answer after {seconds:.1f} s"
    if seconds > ANSWERED_S:
        return f"{answer.status} only after {seconds:.1f} s"
    if answer.status < 400:
        return None
    try:
        code = answer.json["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return f"{answer.status} in another shape: {answer.body[:200]!r}"
    return None if code in CODES else f"{answer.status} with the code {code}"


def disturb(server: Server, number: signal.Signals, told: Check, state: Check, limit_s: float) -> None:
    """Send EngineCore a signal while requests are in flight, and see all of them answered and the engine back."""
    core = engine_core(server)
    streams = [Stream(server, max_tokens=1900) for _ in range(STREAMS)]
    with ThreadPoolExecutor(CHATS) as pool:
        for stream in streams:
            stream.wait_for_events(3)
        chats = [pool.submit(ask, server, {**CHAT, "max_tokens": 1500}) for _ in range(CHATS)]
        time.sleep(0.2)
        sent = time.monotonic()
        core.send_signal(number)
        for stream in streams:
            stream.join(max(0.1, sent + limit_s - time.monotonic()))
        seen = server.status()["state"]
        if number == signal.SIGSTOP and core.is_running():
            late = [stream for stream in streams if stream.thread.is_alive()]
            if late:
                core.kill()  # nobody noticed: the suite has to go on
        for stream in streams:
            on_time = stream.ended_at and stream.ended_at - sent <= limit_s
            good = on_time and (stream.ended_with_an_error() or stream.is_whole())
            told.record(
                None if good else f"a stream: {stream.data[-120:]!r}",
                stream.ended_at - sent if on_time else None,
            )
        for chat in chats:
            told.record(wrong_with(*chat.result()))
    began = time.monotonic()
    try:
        become_ready(server)
        answer, seconds = ask(server, CHAT)
        failure = wrong_with(answer, seconds) or (None if answer and answer.status == 200 else f"{answer}")
    except AssertionError as exc:
        failure = f"did not become ready: {str(exc)[:300]}"
    if seen not in STATES:
        failure = f"the state was {seen}"
    state.record(failure, time.monotonic() - began)


def operate(server: Server, draw: random.Random) -> tuple[str, str | None]:
    """One random operation. What it was, and what is wrong with its answer."""
    kind = draw.choices(("chat", "stream", "status", "load", "unload"), (50, 20, 15, 8, 7))[0]
    began = time.monotonic()
    time.sleep(draw.random())
    if kind in ("chat", "stream"):
        answer, seconds = ask(
            server, {**CHAT, "stream": kind == "stream", "max_tokens": draw.choice((1, 20, 300))}
        )
    else:
        method, body = ("GET", None) if kind == "status" else ("POST", LOAD if kind == "load" else {})
        try:
            answer = server.request(method, f"oaikit/api/{kind}", body)
        except (OSError, HTTPException):
            answer = None
        seconds = time.monotonic() - began
    wrong = wrong_with(answer, seconds)
    if answer is not None and wrong is None:
        if answer.status not in STATUSES[kind]:
            wrong = f"{answer.status}: {answer.body[:200]!r}"
        elif kind == "stream" and answer.status == 200 and not answer.body.endswith(b"data: [DONE]\n\n"):
            wrong = f"a stream without an end: {answer.body[-100:]!r}"
        elif kind == "status" and answer.json["state"] not in STATES:
            wrong = f"the state {answer.json['state']}"
    return kind, wrong and f"{kind}: {wrong}"


def everybody(server: Server, count: int) -> list[Check]:
    """Random operations of several clients at once; afterwards a load has to work."""
    answered = Check(
        f"{count} random operations from {CLIENTS} clients",
        f"an answer within {ANSWERED_S:.0f} s, of a kind that fits",
    )
    draws = [random.Random(SEED + number) for number in range(CLIENTS)]
    shares = [count // CLIENTS + (number < count % CLIENTS) for number in range(CLIENTS)]
    kinds: Counter[str] = Counter()

    def client(number: int) -> list[tuple[str, str | None]]:
        return [operate(server, draws[number]) for _ in range(shares[number])]

    with ThreadPoolExecutor(CLIENTS) as pool:
        for results in pool.map(client, range(CLIENTS)):
            for kind, wrong in results:
                kinds[kind] += 1
                answered.record(wrong)
    answered.note = ", ".join(f"{kind}: {number}" for kind, number in sorted(kinds.items()))
    after = Check("a load after them", "ready, one EngineCore, a chat is answered")
    try:
        assert server.request("POST", "oaikit/api/load", LOAD).status == 202
        server.wait_for("ready")
        answer, seconds = ask(server, CHAT)
        after.record(wrong_with(answer, seconds))
        engine_core(server)
    except AssertionError as exc:
        after.record(str(exc)[:300])
    return [answered, after]


def run(ground: Ground, repeat: int) -> Iterator[Check]:
    """Kills, and the other parts in proportion. `SOAK_CRASHES` (kills, hangs, operations) chooses some.

    Args:
        ground: Closed: the suite needs a server of its own.
        repeat: How many kills.
    """
    ground.close()
    parts = chosen(os.environ.get("SOAK_CRASHES"), {each: each for each in ("kills", "hangs", "operations")})
    told = Check("requests in flight when EngineCore is killed", "an answer, or an error event and [DONE]")
    back = Check("the engine after each kill", "ready again, by itself or by `api/load`")
    hung = Check(
        "requests in flight when EngineCore is stopped", f"an error event and [DONE] within {NOTICED_S:.0f} s"
    )
    awake = Check("the engine after each stop", "ready again, by itself or by `api/load`")
    memory = Check(
        "Jupyter's resident memory at the end", f"at most {GROWTH:.0%} more than after the first crash"
    )
    options = ("--OAIKit.load_timeout_s=90", f"--OAIKit.hang_timeout_s={HANG_TIMEOUT_S}")
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        engine_server(Path(folder), *options) as server,
    ):
        server.wait_for("ready")
        # What is imported and allocated once, by a first life and a first crash, is no growth.
        disturb(server, signal.SIGKILL, told, back, ANSWERED_S)
        before = resident(server)
        if "kills" in parts:
            for _ in range(repeat - 1):
                disturb(server, signal.SIGKILL, told, back, ANSWERED_S)
        yield from (told, back)
        if "hangs" in parts:
            for _ in range(scaled(HANGS, repeat, FULL)):
                disturb(server, signal.SIGSTOP, hung, awake, NOTICED_S)
            yield from (hung, awake)
        if "operations" in parts:
            yield from everybody(server, scaled(OPERATIONS, repeat, FULL))
        with suppress(AssertionError):
            become_ready(server)
        after = resident(server)
    memory.record(f"{before >> 20} MiB, then {after >> 20} MiB" if after > before * (1 + GROWTH) else None)
    memory.note = f"{before >> 20} MiB, then {after >> 20} MiB ({after / before - 1:+.1%})"
    yield memory

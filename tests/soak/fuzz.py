"""Bodies that nobody meant to send, on every route: an answer each time, soon, and never the server's fault.

The engine is ready all the time, so that no 503 is an honest one.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.harness import SERVED, Answer, Server
from tests.soak.bodies import Body, bodies
from tests.soak.common import Check, Ground, scaled
from tools import tiny_model

HANGS_S = 30.0
THREADS = 8
SEED = 14
FULL = 5000
# Loads that can't succeed. The engine that works has to go on working. A max_model_len of -1 can: it means as long a
# context as fits into the memory.
BAD_LOADS: tuple[dict[str, Any], ...] = (
    {"max_model_len": -2},
    {"max_model_len": 0},
    {"max_model_len": "many"},
    {"max_model_len": 10**9},
    {"dtype": "cow"},
    {"max_num_seqs": 0},
    {"tensor_parallel_size": 0},
    {"block_size": 3},
    {"kv_cache_dtype": "cow"},
    {"tokenizer": "/nowhere"},
    {"load_format": "cow"},
    {"seed": []},
    {"max_num_batched_tokens": -5},
    {"data_parallel_size": -1},
    {"compilation_config": {"cow": 1}},
    {"gpu_memory_utilization": 7},
)


def complaint(answer: Answer, seconds: float) -> str | None:
    """What is wrong with an answer, if anything is."""
    if seconds > HANGS_S:
        return f"took {seconds:.1f} s"
    if answer.status >= 500:
        return "is the server's fault"
    if answer.status < 400:
        stream = answer.headers.get("content-type", "").startswith("text/event-stream")
        return "ended with the server's fault" if stream and b'"server_error"' in answer.body else None
    try:
        error = json.loads(answer.body)["error"]
    except (ValueError, KeyError, TypeError):
        return "is not in OpenAI's shape"
    whole = set(error) == {"message", "type", "param", "code"} and error["message"]
    strings = all(error.get(name) is None or isinstance(error[name], str) for name in ("param", "code"))
    return None if whole and strings else "is not in OpenAI's shape"


def send_once(server: Server, body: Body) -> tuple[str, float, str | None]:
    """Ask. The status as a text, seconds, and what is wrong."""
    began = time.monotonic()
    try:
        answer = server.request(
            "POST", f"oaikit/{body.path}", body.data, headers={"Content-Type": body.content_type}
        )
    except (OSError, ValueError) as exc:
        return "none", time.monotonic() - began, f"no answer: {exc!r}: {body.path} {body.data[:600]!r}"
    seconds = time.monotonic() - began
    wrong = complaint(answer, seconds)
    told = f"{answer.status} {answer.body[:200]!r} {wrong}: {body.path} {body.data[:600]!r}"
    return str(answer.status), seconds, told if wrong else None


def send(server: Server, body: Body) -> tuple[str, float, str | None]:
    """Ask; once more if it took long, because what hangs does so again, and a busy machine does not."""
    result = send_once(server, body)
    return send_once(server, body) if result[2] and "took" in result[2] else result


def fuzz(server: Server, count: int) -> list[Check]:
    """The bodies, from a few clients at once."""
    checks: dict[str, Check] = {}
    statuses: Counter[str] = Counter()
    sent = bodies(count, SEED)
    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(lambda body: send(server, body), sent))
    for body, (status, seconds, wrong) in zip(sent, results, strict=True):
        family = body.path if body.path in ("v1/responses", "v1/messages") else body.path.split("/")[-1]
        name = f"`{body.path}`" if family != body.path else f"`{family}`"
        check = checks.setdefault(name, Check(name, "no 5xx, an end within 30 s, OpenAI's shape"))
        check.record(wrong, seconds)
        statuses[status] += 1
    after = Check("the engine afterwards", "ready, no restart, a chat is answered")
    status_now = server.status()
    chat = {"model": SERVED, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    answered = server.request("POST", "oaikit/v1/chat/completions", chat).status
    good = (status_now["state"], status_now["restarts"], answered) == ("ready", 0, 200)
    after.record(None if good else f"{status_now['state']}, {status_now['restarts']} restarts, {answered}")
    after.note = ", ".join(f"{code}: {number}" for code, number in sorted(statuses.items()))
    return [*checks.values(), after]


def bad_loads(server: Server, count: int) -> Check:
    """Loads with values that can't work: refused, and the engine is still there."""
    check = Check("`api/load` with bad values", "400, and the engine stays ready")
    bad = [
        *({"model": str(tiny_model.build()), "engine_args": arguments} for arguments in BAD_LOADS),
        {"model": "/nowhere/at/all"},
        {"model": "\ud800"},
        {"model": "a" * 5000},
    ]
    for body in bad[:count]:
        answer = server.request("POST", "oaikit/api/load", body)
        state = server.status()["state"]
        good = answer.status == 400 and state == "ready" and complaint(answer, 0) is None
        check.record(None if good else f"{answer.status}, {state}: {json.dumps(body)[:200]}")
        if state != "ready" and not _restored(server):
            break
    return check


def _restored(server: Server) -> bool:
    """Load the tiny model again. Returns whether that worked."""
    good = {"model": str(tiny_model.build()), "served_model_name": SERVED}
    try:
        server.request("POST", "oaikit/api/load", good)
        server.wait_for("ready")
    except AssertionError:
        return False
    return True


def run(ground: Ground, repeat: int) -> Iterator[Check]:
    """As many bodies, and loads in proportion.

    Args:
        ground: The shared server.
        repeat: How many bodies.
    """
    server = ground.server()
    yield from fuzz(server, repeat)
    yield bad_loads(server, scaled(18, repeat, FULL))

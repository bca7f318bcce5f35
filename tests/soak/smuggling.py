"""Raw requests that two servers could read in two ways: what belongs to the first is never answered as a second.

Each case is sent on a connection of its own. Within what the first request should swallow there is a request for a
path of the case's own; the number of answers and Jupyter's log show whether it was read as one.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.harness import SERVED, Server
from tests.soak.common import Check, Ground, connect
from tests.soak.corpus import Case, corpus

HANGS_S = 35.0
QUIET_S = 2.0  # how long after the last expected answer another one is waited for
THREADS = 48
_HEAD = re.compile(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
NO_ANSWER = -1  # in a list of statuses: bytes that are no answer


@dataclass
class Seen:
    """What came back on a connection."""

    data: bytes
    closed: bool
    seconds: float

    def statuses(self) -> list[int]:
        """The statuses of the answers that came whole."""
        found, rest = [], self.data
        while match := _HEAD.match(rest):
            status, head = int(match[1]), match[2].lower()
            after = rest[match.end() :]
            if status >= 200:
                body = _after_body(after, head, status, self.closed)
                if body is None:
                    return found
                after = body
                found.append(status)
            rest = after
        return [*found, NO_ANSWER] if rest else found


def _after_body(rest: bytes, head: bytes, status: int, closed: bool) -> bytes | None:
    """What follows an answer's body. None: the body has not come whole."""
    if status in (204, 304):
        return rest
    if length := re.search(rb"(?:^|\n)content-length: *(\d+)", head):
        return rest[int(length[1]) :] if len(rest) >= int(length[1]) else None
    if b"transfer-encoding: chunked" not in head:
        return b"" if closed else None  # goes on to the end of the connection
    while chunk := re.match(rb"([0-9a-fA-F]+)\r\n", rest):
        size = int(chunk[1], 16)
        rest = rest[chunk.end() + size + 2 :]
        if size == 0:
            return rest
    return None


def exchange(server: Server, case: Case) -> Seen:
    """Send a case, and read until the connection ends, is quiet, or hangs."""
    began, data, closed = time.monotonic(), b"", False
    connection = connect(server, HANGS_S)
    try:
        for piece in case.pieces:
            connection.sendall(piece)
            time.sleep(0.02 if len(case.pieces) > 1 else 0)
        while time.monotonic() - began < HANGS_S + 5:
            answered = len(Seen(data, False, 0).statuses())
            connection.settimeout(QUIET_S if answered >= case.most else HANGS_S)
            piece = connection.recv(65536)
            if not piece:
                closed = True
                break
            data += piece
    except TimeoutError:
        pass
    except OSError:  # reset: the server did not want the rest
        closed = True
    finally:
        connection.close()
    return Seen(data, closed, time.monotonic() - began)


def judge(case: Case, seen: Seen, log: str) -> str | None:
    """What is wrong with what came back, if anything is."""
    statuses = seen.statuses()
    if case.mark in log:
        return "the inner request was answered, says Jupyter's log"
    if len(statuses) > case.most:
        return f"{statuses} answered, at most {case.most} answer wanted: {seen.data[-200:]!r}"
    if NO_ANSWER in statuses:
        return f"bytes that are no answer: {seen.data[-200:]!r}"
    if not statuses and not seen.closed:
        return f"no whole answer and no end in {seen.seconds:.0f} s: {seen.data[-100:]!r}"
    if seen.seconds > HANGS_S:
        return f"took {seen.seconds:.1f} s"
    if case.statuses and tuple(statuses) not in case.statuses:
        return f"answered {statuses}, not {' or '.join(map(str, case.statuses))}"
    faults = [status for status in statuses if status >= 500 and status not in (501, 505)]
    return f"answered {faults[0]}" if faults else None


def requests_to(server: Server) -> dict[str, bytes]:
    """The requests that the corpus is built on: paths, and bodies that these routes accept."""
    chat = {"model": SERVED, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
    tokens = {"model": SERVED, "prompt": "The"}
    return {
        f"{server.path}oaikit/v1/chat/completions": json.dumps(chat).encode(),
        f"{server.path}oaikit/tokenize": json.dumps(tokens).encode(),
        f"{server.path}oaikit/api/explain": json.dumps(chat).encode(),
    }


def run(ground: Ground, repeat: int) -> Iterator[Check]:
    """The corpus, `repeat` times on each of three routes.

    Args:
        ground: The shared server.
        repeat: How often.
    """
    server = ground.server()
    host = server.url.split("/")[2]
    cases = [
        case
        for number in range(repeat)
        for path, body in requests_to(server).items()
        for case in corpus(path, host, server.token, body, f"{number}-{path.rsplit('/', 1)[1]}")
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda case: exchange(server, case), cases))
    log = server.log.read_text(errors="replace")
    checks: dict[str, Check] = {}
    statuses: Counter[str] = Counter()
    for case, seen in zip(cases, answers, strict=True):
        wanted = "one answer at most, or as many as there are requests; an end within 35 s"
        check = checks.setdefault(case.family, Check(case.family, wanted))
        wrong = judge(case, seen, log)
        check.record(wrong and f"{case.name}: {wrong}", seen.seconds if seen.closed else None)
        statuses[", ".join(map(str, seen.statuses())) or "closed without an answer"] += 1
    after = Check("the server afterwards", "engine ready, no restart")
    status = server.status()
    healthy = status["state"] == "ready" and not status["restarts"]
    after.record(None if healthy else f"{status['state']}, {status['restarts']} restarts")
    after.note = "answers: " + "; ".join(f"{text} × {count}" for text, count in statuses.most_common())
    yield from (*checks.values(), after)

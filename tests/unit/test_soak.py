"""The parts of the soak suites that need no server."""

from __future__ import annotations

import json
import random
from itertools import islice

import pytest

from oaikit_server.handlers import ROUTES
from tests.harness import Answer
from tests.soak.access import Case, Credential, judge, matrix
from tests.soak.bodies import bodies, mutations
from tests.soak.common import Check
from tests.soak.corpus import corpus
from tests.soak.policy import CLOSED, POLICY, expand, undescribed
from tests.soak.report import page
from tests.soak.smuggling import NO_ANSWER, Seen

PATTERNS = [pattern.removeprefix("/oaikit/") for pattern, _ in ROUTES[:-1]]


def test_every_route_has_a_rule() -> None:
    """Whoever adds a route says in tests/soak/policy.py who may use it."""
    assert undescribed(PATTERNS) == []
    assert undescribed([*PATTERNS, "api/(?:new|newer)"]) == ["api/new", "api/newer"]
    assert undescribed(PATTERNS[1:]) == ["api/status"]
    assert not set(CLOSED) & set(POLICY)


def test_patterns_expand_to_all_their_paths() -> None:
    assert expand(r"v[12]/(?:a|b)(?:/c)?") == {f"v{n}/{x}{c}" for n in "12" for x in "ab" for c in ("", "/c")}


@pytest.mark.parametrize(
    ("who", "path", "method", "status", "wrong"),
    [
        (Credential("nobody"), "api/status", "GET", 401, None),
        (Credential("nobody"), "api/status", "GET", 200, "unexpected allow"),
        (Credential("k", scopes=frozenset({"read"})), "api/status", "GET", 401, "unexpected refusal"),
        (Credential("k", scopes=frozenset({"read"})), "api/load", "POST", 400, "unexpected allow"),
        (Credential("k", scopes=frozenset({"admin"})), "api/load", "GET", 200, "the wrong methods"),
        (Credential("cookie", user=True, cookie=True), "api/load", "POST", 202, "unexpected allow"),
        (Credential("cookie", user=True, cookie=True), "api/status", "GET", 200, None),
        (Credential("token", user=True), "api/status", "GET", 500, "the server's fault"),
    ],
)
def test_the_access_suite_judges(
    who: Credential, path: str, method: str, status: int, wrong: str | None
) -> None:
    case = Case(path, POLICY[path], method, who, None, "127.0.0.1")
    assert judge(case, Answer(status, {}, b"")) == wrong


def test_another_host_is_refused_to_everybody() -> None:
    cases = [case for case in matrix([Credential("token", user=True)]) if case.host == "evil.example"]
    assert cases
    assert not any(case.is_allowed() for case in cases)


@pytest.mark.parametrize(
    ("data", "closed", "statuses"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 No\r\n\r\n", True, [200, 404]),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n", True, [400]),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", False, [200]),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", False, []),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", True, [200]),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", False, []),
        (b"HTTP/1.1 204 No Content\r\n\r\nrubbish", True, [204, NO_ANSWER]),
    ],
)
def test_answers_on_a_raw_connection_are_counted(data: bytes, closed: bool, statuses: list[int]) -> None:
    assert Seen(data, closed, 0).statuses() == statuses


def test_each_case_of_the_corpus_hides_a_request_of_its_own() -> None:
    cases = list(corpus("/oaikit/tokenize", "127.0.0.1:8888", "token", b"{}", "x"))
    hidden = [case for case in cases if case.mark.encode() in b"".join(case.pieces)]
    assert len(hidden) > 150
    assert len({case.mark for case in cases}) > 150


def test_fuzzed_bodies_are_reproducible() -> None:
    assert bodies(200, 1) == bodies(200, 1) != bodies(200, 2)
    assert len({body.path for body in bodies(1000, 1)}) > 20
    assert len(set(islice(mutations(random.Random(1)), 100))) > 90


def test_the_page_shows_failures_and_smaller_numbers() -> None:
    check = Check("kills", "an answer")
    check.record(None, 0.5)
    check.record("no answer | after\n9 s", 1.5)
    result = {
        "suite": "crashes",
        "date": "2026-01-01 00:00 UTC",
        "commit": "abc",
        "machine": "a machine",
        "repeat": 2,
        "full": 10,
        "unit": "kills",
        "seconds": 3.0,
        "checks": [check.as_dict()],
    }
    text = page([json.loads(json.dumps(result))])
    assert "| kills | an answer | 2 | **1** | median 1.00 s, worst 1.50 s |" in text
    assert "**the full number is 10**" in text
    assert "- kills: no answer \\| after 9 s" in text

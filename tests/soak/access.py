"""Every route × method × credential × origin × host: who gets in is what policy.py says, and nothing else.

The server has no engine: who may ask is decided before an engine is needed, and an answer of 503 then shows that the
request was let in.
"""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from oaikit_server.handlers import ROUTES
from tests.harness import Answer, Server, jupyter_server, run_in_kernel, wait_until
from tests.server.test_http import login
from tests.soak.common import BASE_URL, Check, Ground
from tests.soak.policy import ANY_KEY, CLOSED, METHODS, POLICY, SAFE_METHODS, Rule, undescribed

ALLOWED_ORIGIN = "https://allowed.example"
ORIGINS = (None, ALLOWED_ORIGIN, "https://evil.example")
LOCAL_HOSTS = ("127.0.0.1", "localhost")
HOSTS = (*LOCAL_HOSTS, "evil.example", "127.0.0.1.evil.example")
THREADS = 8
# JSON, but nothing that any route accepts: no engine is loaded, and no key is made.
BODY = b"[]"


@dataclass(frozen=True)
class Credential:
    """One way to say who asks.

    Args:
        name: How the report calls it.
        headers: What is sent.
        query: What is appended to the path.
        scopes: What the key may do; None for a credential that oaikit did not issue.
        user: Whether Jupyter knows its user by this.
        cookie: Whether by a cookie, which counts at the host that set it, and only there.
        xsrf: Whether the cookie comes with the XSRF token. Without it, it is enough to read only.
    """

    name: str
    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    scopes: frozenset[str] | None = None
    user: bool = False
    cookie: bool = False
    xsrf: bool = False


@dataclass(frozen=True)
class Case:
    """One request of the matrix."""

    path: str
    rule: Rule
    method: str
    credential: Credential
    origin: str | None
    host: str

    def is_allowed(self) -> bool:
        """What the policy says."""
        if self.host not in LOCAL_HOSTS:
            return False
        if self.method == "OPTIONS":
            return True
        who = self.credential
        if who.cookie:
            safe = self.method in SAFE_METHODS
            return who.user and self.host == LOCAL_HOSTS[0] and (safe or (who.xsrf and not self.is_foreign()))
        return who.user or bool(who.scopes and who.scopes & self.rule.scopes)

    def is_foreign(self) -> bool:
        """Whether a page asks that may not."""
        return self.origin not in (None, ALLOWED_ORIGIN)

    def is_admitted(self, answer: Answer) -> bool:
        """What happened. Jupyter refuses the writes of a foreign page with a cookie as if there were no route."""
        cross_site = self.credential.cookie and self.is_foreign() and self.method not in SAFE_METHODS
        return answer.status not in ((401, 403, 404) if cross_site else (401, 403))

    def __str__(self) -> str:
        return (
            f"{self.method} {self.path!r} as {self.credential.name}, origin {self.origin}, host {self.host}"
        )


def bearer(secret: str) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Bearer {secret}"),)


def make_key(server: Server, scopes: list[str], **more: Any) -> dict[str, Any]:
    answer = server.request("POST", "oaikit/api/keys", {"name": "soak", "scopes": scopes, **more})
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.json
    return made


def credentials(server: Server) -> list[Credential]:
    """All the ways to ask, real ones made on this server."""
    secret = {scope: make_key(server, [scope])["key"] for scope in ("read", "infer", "admin")}
    revoked = make_key(server, sorted(ANY_KEY))
    assert server.request("DELETE", f"oaikit/api/keys/{revoked['id']}").status == 200
    expired = make_key(server, sorted(ANY_KEY), expires_in_s=1)
    wait_until(lambda: is_expired(server, expired["id"]), 10)
    minted = run_in_kernel(server, "import os; print(os.environ['OAIKIT_API_KEY'])")
    cookies = login(server)
    xsrf = next(part.split("=", 1)[1] for part in cookies.split("; ") if part.startswith("_xsrf"))
    cookie = (("Cookie", cookies),)
    with_xsrf = (*cookie, ("X-XSRFToken", xsrf))
    return [
        Credential("nobody"),
        Credential("a wrong key", bearer("sk-oaikit-" + "x" * 43)),
        Credential("a revoked key", bearer(revoked["key"])),
        Credential("an expired key", bearer(expired["key"])),
        *(
            Credential(f"a key that may {scope}", bearer(value), scopes=frozenset({scope}))
            for scope, value in secret.items()
        ),
        Credential("the minted key", bearer(minted), scopes=frozenset({"read", "infer"})),
        Credential("a key in the query", query=f"?token={secret['admin']}"),
        Credential("a key in a cookie", (("Cookie", f"username={secret['admin']}"),)),
        Credential("a key as Basic", (("Authorization", f"Basic {secret['admin']}"),)),
        Credential("Jupyter's token", bearer(server.token), user=True),
        Credential(
            "Jupyter's token, its own scheme", (("Authorization", f"token {server.token}"),), user=True
        ),
        Credential("Jupyter's token in the query", query=f"?token={server.token}", user=True),
        Credential("half of Jupyter's token", bearer(server.token[:16])),
        Credential("a cookie", cookie, user=True, cookie=True),
        Credential(
            "a cookie, wrong XSRF token", (*cookie, ("X-XSRFToken", "2|wrong")), user=True, cookie=True
        ),
        Credential("a cookie, XSRF token", with_xsrf, user=True, cookie=True, xsrf=True),
        Credential("a cookie, XSRF token, a revoked key", (*with_xsrf, *bearer(revoked["key"])), cookie=True),
    ]


def is_expired(server: Server, key_id: str) -> bool:
    keys = server.request("GET", "oaikit/api/keys").json["data"]
    return any(key["id"] == key_id and key["state"] == "expired" for key in keys)


def matrix(known: list[Credential]) -> Iterator[Case]:
    """All requests. What is no route is asked for without an origin only."""
    hidden = Rule(ANY_KEY)
    for path, rule in POLICY.items():
        for rest in itertools.product(METHODS, known, ORIGINS, HOSTS):
            yield Case(path, rule, *rest)
    for path in CLOSED:
        for method, who, host in itertools.product(METHODS, known, HOSTS):
            yield Case(path, hidden, method, who, None, host)


def send(connection: HTTPConnection, case: Case) -> Answer:
    """Ask, on a connection that stays open."""
    connection.putrequest(case.method, f"{BASE_URL}oaikit/{case.path}{case.credential.query}", skip_host=True)
    connection.putheader("Host", f"{case.host}:{connection.port}")
    for name, value in case.credential.headers:
        connection.putheader(name, value)
    if case.origin:
        connection.putheader("Origin", case.origin)
    body = BODY if case.method not in SAFE_METHODS else None
    if body is not None:
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def judge(case: Case, answer: Answer) -> str | None:
    """What is wrong with who was let in, if anything is."""
    allowed = case.is_admitted(answer)
    if allowed != case.is_allowed():
        return f"unexpected {'allow' if allowed else 'refusal'}"
    if not allowed or case.method == "OPTIONS":
        return None
    if case.path in CLOSED:
        return None if answer.status == 404 else "a closed route is there"
    methods = case.rule.methods
    if methods is not None and (answer.status == 405) != (case.method not in methods):
        return "the wrong methods"
    return "the server's fault" if answer.status >= 500 and answer.status != 503 else None


def blemish(case: Case, answer: Answer) -> str | None:
    """What is wrong with the answer besides, if anything is."""
    if "set-cookie" in answer.headers:
        return "sets a cookie"
    shared = answer.headers.get("access-control-allow-origin")
    if shared is not None and (shared != ALLOWED_ORIGIN or case.origin != ALLOWED_ORIGIN):
        return f"may be read by pages of {shared}"
    if shared is None and case.origin == ALLOWED_ORIGIN and case.host in LOCAL_HOSTS:
        return "can't be read by a page of an allowed origin"
    if answer.status >= 400 and case.method != "HEAD":
        try:
            shape = set(json.loads(answer.body)["error"])
        except (ValueError, KeyError, TypeError):
            shape = set()
        if shape != {"message", "type", "param", "code"}:
            return "is an error that is not in OpenAI's shape"
    return None


def ask_all(server: Server, cases: list[Case], admitted: Check, form: Check) -> Counter[int]:
    """Send some cases one after the other on one connection."""
    statuses: Counter[int] = Counter()
    parts = urlsplit(server.url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    for case in cases:
        began = time.monotonic()
        try:
            answer = send(connection, case)
        except (OSError, HTTPException) as exc:
            connection.close()
            admitted.record(f"{case}: no answer after {time.monotonic() - began:.1f} s ({exc!r})")
            continue
        statuses[answer.status] += 1
        wrong, ugly = judge(case, answer), blemish(case, answer)
        admitted.record(wrong and f"{case}: {answer.status}, {wrong}")
        form.record(ugly and f"{case}: {answer.status} {ugly}")
    connection.close()
    return statuses


def run(ground: Ground, repeat: int) -> Iterator[Check]:
    """The matrix, `repeat` times.

    Args:
        ground: Not used: this suite needs no engine.
        repeat: How often.
    """
    table = Check("routes that policy.py has a rule for", "each route, and no other")
    patterns = [pattern.removeprefix("/oaikit/") for pattern, _ in ROUTES[:-1]]
    missing = undescribed(patterns)
    table.record(f"without a rule, or without a route: {missing}" if missing else None)
    yield table
    admitted = Check("requests let in or refused", "as the policy says; 0 unexpected allows")
    form = Check("form of the same answers", "no cookie, no foreign origin, errors in OpenAI's shape")
    statuses: Counter[int] = Counter()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        options = (
            "--OAIKit.model=",
            "--ServerApp.allow_unauthenticated_access=False",
            rf"--ServerApp.allow_origin_pat={ALLOWED_ORIGIN.replace('.', '[.]')}",
        )
        with jupyter_server(Path(folder), *options, base_url=BASE_URL) as server:
            cases = list(matrix(credentials(server))) * repeat
            shares = [cases[index::THREADS] for index in range(THREADS)]
            with ThreadPoolExecutor(THREADS) as pool:
                for counts in pool.map(lambda share: ask_all(server, share, admitted, form), shares):
                    statuses += counts
    admitted.note = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    yield from (admitted, form)

"""Keys, limits and cross-origin answers of a server without an engine: a request that may pass gets a 503."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from jupyter_server.auth import passwd

from tests.harness import Answer, Server, jupyter_server, run_in_kernel
from tests.server.test_http import in_openais_shape

CHAT = {"model": "x", "messages": [{"role": "user", "content": "Hello"}]}
KEYS, ADMITTED = "oaikit/api/keys", 503
ORIGIN = "https://app.example"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("bare")
    options = (
        "--OAIKit.model=",
        f"--ServerApp.allow_origin={ORIGIN}",
        "--ServerApp.allow_unauthenticated_access=False",
        "--OAIKit.max_body_size=100000",
        "--OAIKit.body_timeout_s=1",
    )
    with jupyter_server(folder, *options, base_url="/user/ada/") as running:
        yield running


def make(server: Server, **wanted: Any) -> dict[str, Any]:
    answer = server.request("POST", KEYS, {"name": "test", **wanted})
    assert answer.status == 201, answer.body
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json)


def refusal(answer: Answer, status: int, code: str) -> str:
    error = in_openais_shape(answer)
    assert (answer.status, error["code"]) == (status, code), answer.body
    return str(error["message"])


# -- keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["read", "infer", "admin"])
def test_a_key_may_do_what_its_scope_says_and_nothing_else(bare: Server, scope: str) -> None:
    key = make(bare, scopes=[scope])["key"]
    routes = {
        "read": [
            ("GET", "v1/models", 503),
            ("POST", "tokenize", 503),
            ("GET", "api/status", 200),
            ("GET", "metrics", 200),
        ],
        "infer": [("POST", "v1/chat/completions", 503), ("POST", "v1/embeddings", 503)],
        "admin": [("POST", "api/load", 400), ("POST", "api/unload", 200)],
    }
    for needed, requests in routes.items():
        for method, path, status in requests:
            answer = bare.request(method, f"oaikit/{path}", {"x": 1} if method == "POST" else None, key=key)
            if needed == scope:
                assert answer.status == status, (path, answer.body)
            else:
                assert needed in refusal(answer, 403, "permission_denied")
    for method in ("GET", "POST"):
        refusal(
            bare.request(method, KEYS, {} if method == "POST" else None, key=key), 403, "permission_denied"
        )
    refusal(bare.request("DELETE", f"{KEYS}/key_00", key=key), 403, "permission_denied")
    assert bare.request("GET", "api/contents", key=key).status == 403, "Jupyter itself"


def test_the_minted_key_reads_and_infers(bare: Server) -> None:
    key = run_in_kernel(bare, "import os; print(os.environ['OAIKIT_API_KEY'])")
    assert bare.request("GET", "oaikit/api/status", key=key).status == 200
    assert bare.request("POST", "oaikit/v1/chat/completions", CHAT, key=key).status == ADMITTED
    refusal(bare.request("POST", "oaikit/api/load", {}, key=key), 403, "permission_denied")


def test_a_key_is_shown_once_and_stored_as_a_hash(bare: Server) -> None:
    made = make(bare, name="once", scopes=["infer"], expires_in_s=3600, requests_per_minute=7)
    secret = made.pop("key")
    listed = next(key for key in bare.request("GET", KEYS).json["data"] if key["id"] == made["id"])
    assert listed == made
    assert (listed["name"], listed["scopes"], listed["state"]) == ("once", ["infer"], "active")
    assert listed["expires"] - listed["created"] == 3600
    file = bare.folder / "data" / "oaikit" / "keys.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for path in bare.folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert secret.removeprefix("sk-oaikit-").encode() not in path.read_bytes(), path


def test_a_revoked_key_and_an_expired_one_say_so(bare: Server) -> None:
    revoked, expiring = make(bare), make(bare, expires_in_s=1)
    assert bare.request("GET", "oaikit/api/status", key=revoked["key"]).status == 200
    answer = bare.request("DELETE", f"{KEYS}/{revoked['id']}")
    assert (answer.status, answer.json["state"]) == (200, "revoked")
    for path in ("oaikit/api/status", "oaikit/v1/models", KEYS, "oaikit/no/such"):
        refused = bare.request("GET", path, key=revoked["key"])
        assert refusal(refused, 401, "invalid_api_key") == "this key was revoked"
    time.sleep(1.1)
    refused = bare.request("POST", "oaikit/v1/chat/completions", CHAT, key=expiring["key"])
    assert refusal(refused, 401, "invalid_api_key") == "this key has expired"
    refusal(bare.request("DELETE", f"{KEYS}/key_00"), 404, "not_found")


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({}, "name"),
        ({"name": 3}, "name"),
        ({"name": "x", "scopes": ["root"]}, "scopes"),
        ({"name": "x", "scopes": None}, "scopes"),
        ({"name": "x", "expires_in_s": -1}, "expires_in_s"),
        ({"name": "x", "requests_per_minute": 0}, "requests_per_minute"),
        ({"name": "x", "key": "sk-mine"}, "key"),
    ],
)
def test_a_bad_wish_is_named(bare: Server, wanted: dict[str, Any], param: str) -> None:
    answer = bare.request("POST", KEYS, wanted)
    assert answer.status == 400
    assert in_openais_shape(answer)["param"] == param


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 90_000, b'{"name": ' + b"9" * 5000 + b"}"])
def test_a_malformed_wish(bare: Server, body: bytes) -> None:
    answer = bare.request("POST", KEYS, body)
    assert answer.status == 400
    in_openais_shape(answer)


def test_a_key_counts_only_in_the_header(bare: Server) -> None:
    key = make(bare)["key"]
    for path in (f"oaikit/api/status?token={key}", f"oaikit/v1/models?api_key={key}"):
        assert key not in refusal(bare.request("GET", path, key=None), 401, "invalid_api_key")
    for headers in (
        {"Cookie": f"token={key}"},
        {"Authorization": f"token {key}"},
        {"Authorization": f"Basic {key}"},
        {"Authorization": key},
        {"X-Api-Key": key},
    ):
        answer = bare.request("GET", "oaikit/v1/models", key=None, headers=headers)
        assert key not in refusal(answer, 401, "invalid_api_key")
    form = bare.request(
        "POST",
        "oaikit/v1/chat/completions",
        f"token={bare.token}".encode(),
        key=None,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert form.status == 401, "not even Jupyter's token counts in a body"
    log = bare.log.read_text()
    assert key not in log
    assert bare.token not in log.split("running at", 1)[-1].split("\n", 8)[-1]


@pytest.mark.parametrize(
    "value",
    [
        "ключ".encode(),
        b"\xff\xfe",
        "🔑".encode(),
        b"x" * 60_000,
        b"sk-oaikit-" + b"x" * 50_000,
        b"",
        b"\x01",
        b"a b c",
    ],
    ids=lambda value: repr(value[:12]),
)
def test_a_strange_authorization_is_401(bare: Server, value: bytes) -> None:
    for scheme in (b"Bearer ", b"token ", b""):
        head = b"GET %boaikit/v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: %b%b\r\n\r\n"
        answer = raw(bare, head % (bare.path.encode(), scheme, value))
        assert answer.split(b" ", 2)[1] == (b"400" if value == b"\x01" else b"401"), answer[:200]


def raw(server: Server, request: bytes) -> bytes:
    """Send bytes; what comes until the connection ends."""
    connection = server.connection()
    connection.connect()
    assert isinstance(connection.sock, socket.socket)
    connection.sock.sendall(request)
    received = b""
    while data := connection.sock.recv(65536):
        received += data
    connection.close()
    return received


def test_a_key_has_so_many_requests_in_a_minute(bare: Server) -> None:
    key = make(bare, requests_per_minute=3)["key"]
    other = make(bare)["key"]
    assert [bare.request("GET", "oaikit/api/status", key=key).status for _ in range(3)] == [200] * 3
    answer = bare.request("POST", "oaikit/v1/chat/completions", CHAT, key=key)
    assert "3 requests" in refusal(answer, 429, "rate_limit_exceeded")
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert answer.headers["x-should-retry"] == "true"
    assert bare.request("GET", "oaikit/api/status", key=other).status == 200
    assert bare.request("GET", "oaikit/api/status").status == 200


def test_the_file_of_another_server_counts_at_once(bare: Server, tmp_path: Any) -> None:
    """Two servers of one user share Jupyter's data folder."""
    made = make(bare)
    with jupyter_server(tmp_path, "--OAIKit.model=", JUPYTER_DATA_DIR=str(bare.folder / "data")) as second:
        assert second.request("GET", "oaikit/api/status", key=made["key"]).status == 200
        assert second.request("DELETE", f"{KEYS}/{made['id']}").status == 200
        refusal(bare.request("GET", "oaikit/api/status", key=made["key"]), 401, "invalid_api_key")
        made = make(second)
        assert bare.request("GET", "oaikit/api/status", key=made["key"]).status == 200


def test_a_lock_on_the_key_file_stops_nobody_else(bare: Server) -> None:
    """The tests are another process than the server."""
    key = make(bare)["key"]
    assert bare.request("GET", "oaikit/api/status", key=key).status == 200  # now the server has read the file
    other = sqlite3.connect(bare.folder / "data" / "oaikit" / "keys.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bare.request, "POST", KEYS, {"name": "patient"})
        until = time.monotonic() + 1
        while time.monotonic() < until:
            for each in (key, bare.token):
                began = time.monotonic()
                assert bare.request("GET", "oaikit/api/status", key=each).status == 200
                assert time.monotonic() - began < 3, "it waited for the lock, which gives up after 5 s"
        assert not waiting.done()
        other.execute("ROLLBACK")
        assert waiting.result().status == 201
    other.close()


def test_with_a_password_keys_are_how_programs_get_in(tmp_path: Any) -> None:
    options = ("--OAIKit.model=", f"--PasswordIdentityProvider.hashed_password={passwd('secret')}")
    with jupyter_server(tmp_path, *options, token="") as server:
        assert "oaikit/api/keys" in refusal(
            server.request("GET", "oaikit/v1/models", key="sk-x"), 401, "invalid_api_key"
        )
        key = run_in_kernel_of_a_browser(server)
        assert server.request("GET", "oaikit/v1/models", key=key).status == ADMITTED


def run_in_kernel_of_a_browser(server: Server) -> str:
    """Log in with the password, as a browser does, and make a key."""
    connection = server.connection()
    connection.request("GET", f"{server.path}login")
    response = connection.getresponse()
    response.read()
    jar = dict(
        value.split(";")[0].split("=", 1) for name, value in response.getheaders() if name == "Set-Cookie"
    )
    form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"_xsrf={jar['_xsrf']}"}
    connection.request("POST", f"{server.path}login", f"password=secret&_xsrf={jar['_xsrf']}", form)
    response = connection.getresponse()
    response.read()
    jar |= dict(
        value.split(";")[0].split("=", 1) for name, value in response.getheaders() if name == "Set-Cookie"
    )
    connection.request("GET", f"{server.path}login", headers={"Cookie": cookies(jar)})
    response = connection.getresponse()
    response.read()
    jar |= dict(
        value.split(";")[0].split("=", 1) for name, value in response.getheaders() if name == "Set-Cookie"
    )
    connection.close()
    assert (
        server.request("POST", KEYS, {"name": "x"}, key=None, headers={"Cookie": cookies(jar)}).status == 403
    )
    headers = {"Cookie": cookies(jar), "X-XSRFToken": jar["_xsrf"]}
    answer = server.request("POST", KEYS, {"name": "x"}, key=None, headers=headers)
    assert answer.status == 201, answer.body
    return str(answer.json["key"])


def cookies(jar: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in jar.items())


# -- bodies ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [100_001, 3_000_000])
@pytest.mark.parametrize("path", ["v1/chat/completions", "api/load", "api/keys", "no/such"])
def test_a_body_that_is_too_large(bare: Server, path: str, size: int) -> None:
    answer = bare.request("POST", f"oaikit/{path}", b"x" * size)
    if path == "no/such":
        assert answer.status in (404, 413)
    else:
        assert "100000 bytes" in refusal(answer, 413, "request_too_large")


def test_a_body_in_chunks_that_is_too_large(bare: Server) -> None:
    connection = bare.connection()
    headers = {"Authorization": f"Bearer {bare.token}", "Transfer-Encoding": "chunked"}
    pieces = (b"x" * 10_000 for _ in range(30))
    connection.request("POST", f"{bare.path}oaikit/v1/chat/completions", pieces, headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_that_does_not_come(bare: Server) -> None:
    head = f"POST {bare.path}oaikit/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{{"
    began = time.monotonic()
    assert raw(bare, head.encode()) == b""
    assert 0.8 < time.monotonic() - began < 10


def test_a_large_body_without_a_key_is_not_kept(bare: Server) -> None:
    refusal(
        bare.request("POST", "oaikit/v1/chat/completions", b"x" * 90_000, key=None), 401, "invalid_api_key"
    )
    refusal(
        bare.request("POST", "oaikit/v1/chat/completions", b"x" * 900_000, key=None), 401, "invalid_api_key"
    )


def test_a_refused_request_leaves_the_connection_open(bare: Server) -> None:
    connection = bare.connection()
    for _ in range(3):
        connection.request("POST", f"{bare.path}oaikit/v1/chat/completions", json.dumps(CHAT))
        response = connection.getresponse()
        assert (response.status, response.will_close) == (401, False)
        response.read()
    connection.close()


# -- headers -----------------------------------------------------------------------------------------------------------


def test_every_answer_has_an_id_of_its_own(bare: Server) -> None:
    answers = [
        bare.request("GET", "oaikit/api/status"),
        bare.request("GET", "oaikit/api/status", key=None),
        bare.request("GET", "oaikit/no/such"),
        bare.request("PUT", "oaikit/api/status", b""),
        bare.request("POST", "oaikit/v1/chat/completions", CHAT),
        bare.request("POST", "oaikit/v1/chat/completions", b"x" * 200_000),
        bare.request("OPTIONS", "oaikit/v1/models", key=None),
        bare.request("GET", "oaikit/api/status", headers={"Host": "evil.example"}),
        bare.request("GET", "oaikit/api/status", headers={"X-Request-Id": "mine"}),
        bare.request("GET", "oaikit/api/status", headers={"X-Request-Id": "mine"}),
    ]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == len(answers)
    assert all(len(each) == 32 for each in ids)


@pytest.mark.parametrize(
    ("method", "path", "key", "status"),
    [
        ("GET", "oaikit/api/status", "", 200),
        ("GET", "oaikit/api/status", None, 401),
        ("GET", "oaikit/no/such", "", 404),
        ("PUT", "oaikit/api/status", "", 405),
        ("GET", "oaikit/v1/models", "", 503),
        ("POST", "oaikit/v1/chat/completions", "", 413),
    ],
)
def test_other_origins_may_read_what_jupyter_allows_them(
    bare: Server, method: str, path: str, key: str | None, status: int
) -> None:
    body = b"x" * 200_000 if status == 413 else None
    answer = bare.request(method, path, body, key=key, headers={"Origin": ORIGIN})
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    exposed = answer.headers["access-control-expose-headers"].lower()
    assert {"x-request-id", "retry-after", "x-should-retry"} <= set(exposed.split(", "))
    assert "origin" in answer.headers["vary"].lower()


def preflight(server: Server, origin: str) -> Answer:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang,x-stainless-retry-count",
    }
    return server.request("OPTIONS", "oaikit/v1/chat/completions", key=None, headers=headers)


def test_a_preflight_of_openais_client_in_a_browser(bare: Server) -> None:
    answer = preflight(bare, ORIGIN)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    allowed = answer.headers["access-control-allow-headers"]
    assert {"authorization", "content-type", "x-stainless-lang"} <= set(allowed.split(","))
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.body == b""


def test_without_allow_origin_nobody_else_may_read(tmp_path: Any) -> None:
    with jupyter_server(
        tmp_path, "--OAIKit.model=", r"--ServerApp.allow_origin_pat=https://.*\.example"
    ) as server:
        key = make(server)["key"]
        for origin, allowed in (("https://evil.test", None), ("https://a.example", "https://a.example")):
            for answer in (
                preflight(server, origin),
                server.request("GET", "oaikit/api/status", key=key, headers={"Origin": origin}),
                server.request("GET", "oaikit/api/status", key=None, headers={"Origin": origin}),
            ):
                assert answer.headers.get("access-control-allow-origin") == allowed
                assert ("access-control-expose-headers" in answer.headers) == (allowed is not None)


# -- settings ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"MAX_CONCURRENCY": "many"}, "environment variable MAX_CONCURRENCY='many': must be a whole number"),
        (
            {"RAW_OPENAI_OUTPUT": "sure"},
            "environment variable RAW_OPENAI_OUTPUT='sure': must be true, false or",
        ),
        ({"DEFAULT_MIN_BATCH_SIZE": "80"}, "DEFAULT_MIN_BATCH_SIZE) is 80: must be at most"),
    ],
)
def test_a_variable_that_makes_no_sense_stops_the_start_with_one_line(
    tmp_path: Any, variables: dict[str, str], said: str
) -> None:
    with pytest.raises(AssertionError) as caught, jupyter_server(tmp_path, "--OAIKit.model=", **variables):
        pass
    log = (tmp_path / "log").read_text()
    assert str(caught.value)
    assert sum(said in line for line in log.splitlines()) == 1
    assert "Traceback" not in log, log
    assert os.path.getsize(tmp_path / "log") < 20_000

"""The same requests however Jupyter knows its user: a token or a password, strict or not, at / or at a base URL.

One engine of its own, because the shared server has a token, and how a server authenticates is settled at its start.
While this engine loads, and when it has no room, OpenAI's clients are seen to come back by themselves. The servers
without an engine answer 503 to whoever may pass.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from jupyter_server.auth import passwd

from tests.harness import READY_S, SERVED, Answer, Server, jupyter_server, run_in_kernel, wait_until
from tests.server.test_disconnect import open_request
from tests.server.test_http import CHAT, in_openais_shape
from tests.server.test_keys import KEYS, make, refusal
from tests.server.test_sdk_errors import SDKS, Call, Outcome, ask

PASSWORD = "correct horse battery staple"
ASK = Call(parameters=CHAT, max_retries=READY_S // 5)  # while a model loads, Retry-After is 5 s
LONG = {"model": SERVED, "prompt": "The", "max_tokens": 1900, "stream": True}

IN_A_KERNEL = f"""
import openai
asked = {{"model": {SERVED!r}, "messages": [{{"role": "user", "content": "Hello"}}], "max_tokens": 4}}
try:
    chunks = list(openai.OpenAI().chat.completions.create(**asked, stream=True))
    print(chunks[-1].choices[0].finish_reason)
except openai.InternalServerError as error:
    print(error.code)
"""


@dataclass
class Browser(Server):
    """A server with a password, as somebody who has logged in sees it.

    Where others send Jupyter's token, requests have the cookies and the XSRF token.
    """

    cookies: dict[str, str] = field(default_factory=dict)

    def log_in(self) -> None:
        """What the login page does. The XSRF token of a stranger ends with the login, and the next page has a new."""
        self._visit("GET")
        assert self._visit("POST", {"password": PASSWORD, "_xsrf": self.cookies["_xsrf"]}) == 302
        self._visit("GET")

    def _visit(self, method: str, form: dict[str, str] | None = None) -> int:
        connection = self.connection()
        headers = {"Cookie": self._cookie(), "Content-Type": "application/x-www-form-urlencoded"}
        connection.request(method, f"{self.path}login", urlencode(form or {}), headers)
        response = connection.getresponse()
        response.read()
        for name, value in response.getheaders():
            if name == "Set-Cookie":
                self.cookies |= {each.key: each.coded_value for each in SimpleCookie(value).values()}
        connection.close()
        return response.status

    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = "",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        if key == "":
            key = None
            headers = {"Cookie": self._cookie(), "X-XSRFToken": self.cookies["_xsrf"]} | (headers or {})
        return super().request(method, path, body, key=key, headers=headers)


def open_browser(server: Server) -> Browser:
    browser = Browser(server.process, server.url, "", server.log, server.folder)
    browser.log_in()
    return browser


def password() -> str:
    return f"--PasswordIdentityProvider.hashed_password={passwd(PASSWORD)}"


@dataclass
class Guarded:
    """A server with a password and an engine; what became of the clients that came while the engine was loading."""

    server: Browser
    key: str
    early: dict[str, Outcome]


@pytest.fixture(scope="module")
def guarded(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """With room for two requests, and none that wait: neither for room nor for the model."""
    options = (
        f"--OAIKit.model={model}",
        f"--OAIKit.served_model_name={SERVED}",
        "--OAIKit.load_timeout_s=0",
        "--OAIKit.max_queue=0",
        password(),
    )
    folder = tmp_path_factory.mktemp("guarded")
    with jupyter_server(folder, *options, token="", MAX_CONCURRENCY="2") as running:
        browser = open_browser(running)
        key = make(browser)["key"]
        with ThreadPoolExecutor() as pool:
            asked = {sdk: pool.submit(ask, sdk, browser.v1, [ASK], {"jupyter": key}) for sdk in SDKS}
            early = {sdk: made.result()[0] for sdk, made in asked.items()}
        yield Guarded(browser, key, early)


# -- the same requests in every mode -----------------------------------------------------------------------------------


@dataclass
class Mode:
    """A server and what whoever may pass gets from it: 200, or 503 where there is no engine."""

    server: Server
    answer: int


# Servers without an engine: options, base URL, whether there is a password in place of the token.
BARE: dict[str, tuple[tuple[str, ...], str, bool]] = {
    "a token, not strict, at /": ((), "/", False),
    "a password, strict, at a base URL": (
        ("--ServerApp.allow_unauthenticated_access=False",),
        "/user/ada/",
        True,
    ),
}


@pytest.fixture(
    scope="module", params=["a token, strict, at a base URL", "a password, not strict, at /", *BARE]
)
def mode(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mode]:
    if request.param.startswith("a token, strict"):
        yield Mode(request.getfixturevalue("server"), 200)
    elif request.param not in BARE:
        yield Mode(request.getfixturevalue("guarded").server, 200)
    else:
        options, base_url, has_password = BARE[request.param]
        secret: dict[str, Any] = {"token": ""} if has_password else {}
        more = (password(),) if has_password else ()
        folder = tmp_path_factory.mktemp("mode")
        with jupyter_server(
            folder, "--OAIKit.model=", *options, *more, base_url=base_url, **secret
        ) as running:
            yield Mode(open_browser(running) if has_password else running, 503)


@pytest.mark.parametrize("by", ["jupyter", "a key"])
def test_the_user_and_a_key_are_answered(mode: Mode, by: str) -> None:
    key = "" if by == "jupyter" else make(mode.server)["key"]
    models = mode.server.request("GET", "oaikit/v1/models", key=key)
    chat = mode.server.request("POST", "oaikit/v1/chat/completions", CHAT, key=key)
    streamed = mode.server.request("POST", "oaikit/v1/chat/completions", {**CHAT, "stream": True}, key=key)
    assert [each.status for each in (models, chat, streamed)] == [mode.answer] * 3
    if mode.answer == 200:
        assert models.json["data"][0]["id"] == SERVED
        assert chat.json["choices"][0]["message"]["content"]
        assert streamed.body.endswith(b"data: [DONE]\n\n")
    else:
        assert {in_openais_shape(each)["code"] for each in (models, chat, streamed)} == {"engine_stopped"}


def test_a_kernel_streams_with_the_minted_key(mode: Mode) -> None:
    said = run_in_kernel(mode.server, IN_A_KERNEL)
    assert said == ("length" if mode.answer == 200 else "engine_stopped")


@pytest.mark.parametrize("key", ["sk-wrong", PASSWORD, None])
def test_a_stranger_gets_401_in_json_and_no_login_page(mode: Mode, key: str | None) -> None:
    for method, path, body in (
        ("GET", "v1/models", None),
        ("POST", "v1/chat/completions", CHAT),
        ("POST", "v1/chat/completions", {**CHAT, "stream": True}),
        ("GET", "api/keys", None),
    ):
        answer = mode.server.request(method, f"oaikit/{path}", body, key=key)
        refusal(answer, 401, "invalid_api_key")
        assert "location" not in answer.headers


def test_a_key_opens_nothing_else(mode: Mode) -> None:
    key = make(mode.server, scopes=["read", "infer", "admin"])["key"]
    refusal(mode.server.request("GET", KEYS, key=key), 403, "permission_denied")
    for method, path in (("GET", "api/contents"), ("POST", "api/kernels")):
        body = {} if method == "POST" else None
        assert mode.server.request(method, path, body, key=key).status in (401, 403)


# -- a password, and no token ------------------------------------------------------------------------------------------


def test_a_session_makes_and_revokes_a_key_that_answers(guarded: Guarded) -> None:
    server = guarded.server
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in server.cookies.items())}
    without_xsrf = server.request("POST", KEYS, {"name": "x"}, key=None, headers=cookie)
    assert without_xsrf.status == 403
    in_openais_shape(without_xsrf)
    made = make(server, scopes=["infer"])
    answer = server.request("POST", "oaikit/v1/chat/completions", CHAT, key=made["key"])
    assert answer.json["usage"]["completion_tokens"] == CHAT["max_tokens"]
    assert server.request("DELETE", f"{KEYS}/{made['id']}", key=None, headers=cookie).status == 403
    assert server.request("DELETE", f"{KEYS}/{made['id']}").status == 200
    answer = server.request("POST", "oaikit/v1/chat/completions", CHAT, key=made["key"])
    assert refusal(answer, 401, "invalid_api_key") == "this key was revoked"


# -- clients that come back by themselves ------------------------------------------------------------------------------


@pytest.mark.parametrize("sdk", SDKS)
def test_a_client_that_comes_while_the_model_loads_is_answered_in_the_end(guarded: Guarded, sdk: str) -> None:
    early = guarded.early[sdk]
    assert early.raised is None
    assert early.text
    assert set(early.statuses[:-1]) == {503}
    assert early.statuses[-1] == 200
    # 5 s are the server's wish; of themselves the clients would come back after half a second.
    assert early.times_s[1] - early.times_s[0] >= 5


@pytest.mark.parametrize("sdk", SDKS)
def test_a_client_for_whom_there_is_no_room_comes_back(guarded: Guarded, sdk: str) -> None:
    server = guarded.server
    said_before = server.log.read_text().count(" 429 POST ")
    reached = Server(server.process, server.url, guarded.key, server.log, server.folder)
    (core,) = (
        process for process in server.engine_processes() if "EngineCore" in " ".join(process.cmdline())
    )
    with ThreadPoolExecutor() as pool:
        core.suspend()  # else the two could be answered before the client comes
        try:
            inside = [open_request(reached, stream=False) for _ in range(2)]
            wait_until(lambda: server.status()["in_flight"] == 2, 10)
            asked = pool.submit(ask, sdk, server.v1, [ASK], {"jupyter": guarded.key})
            wait_until(lambda: server.log.read_text().count(" 429 POST ") > said_before, 20)
            for connection in inside:
                connection.close()
        finally:
            core.resume()
        (outcome,) = asked.result()
    assert outcome.raised is None
    assert outcome.statuses[0] == 429
    assert outcome.statuses[-1] == 200
    assert outcome.times_s[1] - outcome.times_s[0] >= 2, "Retry-After"


def test_a_stream_that_breaks_off_raises(guarded: Guarded) -> None:
    """And is not asked for again. The last test here: Ctrl-C ends the server, and no process is left."""
    server = guarded.server
    call = Call("completions.create", LONG, {"ignore_eos": True})
    with ThreadPoolExecutor() as pool:
        asked = {}
        for streaming, sdk in enumerate(reversed(SDKS), 1):  # Node first: it takes longer to start
            asked[sdk] = pool.submit(ask, sdk, server.v1, [call], {"jupyter": guarded.key})
            wait_until(lambda wanted=streaming: server.status()["in_flight"] == wanted, 20, every=0.01)
        server.ends_by(signal.SIGINT)
        outcomes = {sdk: made.result()[0] for sdk, made in asked.items()}
    for sdk, outcome in outcomes.items():
        raised = outcome.raised
        assert raised is not None, sdk
        assert (raised.class_, raised.status, raised.code) == ("APIError", None, "engine_stopped")
        assert outcome.statuses == [200]
        assert "stopped" in raised.message

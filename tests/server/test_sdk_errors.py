"""Each refusal as the exception that OpenAI's Python and Node clients have for it.

What is retried until it is answered is in test_authentication_modes.py, which has an engine that is still loading.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.harness import READY_S, SERVED, Server, jupyter_server
from tests.server.test_keys import KEYS, make

NODE = Path(__file__).with_name("node")
SDKS = ("python", "node")
MESSAGES = [{"role": "user", "content": "Hello"}]
CHAT = {"model": SERVED, "messages": MESSAGES}


@dataclass(frozen=True)
class Call:
    """One call of a client.

    ``key`` names a key that `outcomes` makes. ``method`` is the client's, with dots. ``vllm`` are parameters that
    OpenAI's API does not have. A ``path`` is for the methods that take one: get, post, delete.
    """

    method: str = "chat.completions.create"
    parameters: dict[str, Any] = field(default_factory=dict)
    vllm: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    key: str = "jupyter"
    max_retries: int = 1


@dataclass
class Raised:
    """The exception of a call."""

    class_: str
    status: int | None
    type: str | None
    code: str | None
    param: str | None
    message: str
    request_id: str | None
    retry_after: str | None


@dataclass
class Outcome:
    """What became of a call: status and time (seconds from the beginning) of each answer, retries included."""

    raised: Raised | None
    statuses: list[int]
    times_s: list[float]
    text: str


def ask(sdk: str, v1: str, calls: list[Call], keys: dict[str, str]) -> list[Outcome]:
    """Make calls with one of the clients, one after the other."""
    if sdk == "python":
        return [_with_python(v1, call, keys[call.key]) for call in calls]
    return _with_node(v1, calls, keys)


def _with_python(v1: str, call: Call, key: str) -> Outcome:
    outcome, began = Outcome(None, [], [], ""), time.monotonic()

    def count(response: Any) -> None:
        outcome.statuses.append(response.status_code)
        outcome.times_s.append(time.monotonic() - began)

    http_client = openai.DefaultHttpxClient(event_hooks={"response": [count]})
    with openai.OpenAI(
        base_url=v1, api_key=key, max_retries=call.max_retries, http_client=http_client
    ) as client:
        method = attrgetter(call.method)(client)
        try:
            if call.path:
                method(call.path, cast_to=object)
            else:
                extra = {"extra_body": call.vllm} if call.vllm else {}
                answer = method(**call.parameters, **extra)
                outcome.text = _text(answer, call.parameters.get("stream", False))
        except openai.APIError as error:
            outcome.raised = Raised(
                type(error).__name__,
                getattr(error, "status_code", None),
                error.type,
                error.code,
                error.param,
                error.message,
                getattr(error, "request_id", None),
                error.response.headers.get("retry-after")
                if isinstance(error, openai.APIStatusError)
                else None,
            )
    return outcome


def _text(answer: Any, stream: bool) -> str:
    """What the first choice says, whichever kind of answer it is; nothing of a list of models."""
    choices = [
        choice for part in (answer if stream else [answer]) for choice in getattr(part, "choices", [])[:1]
    ]
    said = [
        getattr(choice, "delta", None) or getattr(choice, "message", None) or choice for choice in choices
    ]
    return "".join(getattr(each, "content", None) or getattr(each, "text", None) or "" for each in said)


def _with_node(v1: str, calls: list[Call], keys: dict[str, str]) -> list[Outcome]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    if not (NODE / "node_modules").exists():
        pytest.skip("tests/server/node has no node_modules; `make test` installs them")
    wanted = [
        {
            "base_url": v1,
            "key": keys[call.key],
            "max_retries": call.max_retries,
            "method": call.method,
            "path": call.path,
            "parameters": call.parameters | call.vllm,
        }
        for call in calls
    ]
    done = subprocess.run(
        [node, "calls.mjs"],
        cwd=NODE,
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        timeout=READY_S,
    )
    assert done.returncode == 0, done.stderr
    return [_outcome(each) for each in json.loads(done.stdout)]


def _outcome(told: dict[str, Any]) -> Outcome:
    raised = told.pop("raised")
    return Outcome(None if raised is None else Raised(raised.pop("class"), **raised), **told)


@dataclass(frozen=True)
class Refusal:
    """A call and the exception that it ends with.

    ``classes``: Python's and Node's. ``says`` is part of the message.
    """

    id: str
    call: Call
    classes: tuple[str, str]
    status: int
    code: str | None = None
    param: str | None = None
    says: str = ""
    type: str = "invalid_request_error"


def _bad(id: str, call: Call, param: str, code: str | None = None, says: str = "") -> Refusal:
    return Refusal(id, call, ("BadRequestError", "BadRequestError"), 400, code, param, says or param)


def _chat(**parameters: Any) -> Call:
    return Call(parameters=CHAT | parameters)


_LONG = "Hello " * 5000
_DENIED = ("PermissionDeniedError",) * 2
_NOT_FOUND = ("NotFoundError",) * 2
_UNKNOWN = ("AuthenticationError",) * 2
# Statuses that the clients have no class of their own for.
_OTHER = ("APIStatusError", "APIError")

REFUSALS = (
    _bad("a value out of range", _chat(temperature=9), "temperature"),
    _bad("the same, streamed", _chat(temperature=9, stream=True), "temperature"),
    _bad("a parameter of vLLM's out of range", Call(parameters=CHAT, vllm={"top_k": -5}), "top_k"),
    _bad(
        "parameters that do not go together",
        Call("completions.create", {"model": SERVED, "prompt": "The", "n": 2, "best_of": 1}),
        "best_of",
    ),
    _bad(
        "a parameter that is refused",
        Call(parameters=CHAT, vllm={"chat_template": "{{ messages }}"}),
        "chat_template",
    ),
    _bad("too many answers", _chat(n=65), "n", says="64"),
    _bad(
        "a chat too long",
        _chat(messages=[{"role": "user", "content": _LONG}]),
        "messages",
        "context_length_exceeded",
        "maximum context length",
    ),
    _bad(
        "a prompt too long",
        Call("completions.create", {"model": SERVED, "prompt": _LONG}),
        "prompt",
        "context_length_exceeded",
        "maximum context length",
    ),
    _bad("an answer too long", _chat(max_tokens=100_000), "max_tokens", "context_length_exceeded"),
    Refusal("a wrong key", Call(parameters=CHAT, key="wrong"), _UNKNOWN, 401, "invalid_api_key"),
    Refusal(
        "a key that was revoked",
        Call("models.list", key="revoked"),
        _UNKNOWN,
        401,
        "invalid_api_key",
        says="revoked",
    ),
    Refusal(
        "a key that only reads asks for an answer",
        Call(parameters=CHAT, key="read"),
        _DENIED,
        403,
        "permission_denied",
        says="infer",
    ),
    Refusal(
        "a key that only infers lists the models",
        Call("models.list", key="infer"),
        _DENIED,
        403,
        "permission_denied",
        says="read",
    ),
    Refusal("an unknown model", _chat(model="gpt-9"), _NOT_FOUND, 404, "model_not_found", "model", SERVED),
    Refusal(
        "an unknown model, streamed",
        _chat(model="gpt-9", stream=True),
        _NOT_FOUND,
        404,
        "model_not_found",
        "model",
        SERVED,
    ),
    Refusal(
        "an unknown route", Call("post", path="/no-such"), _NOT_FOUND, 404, "not_found", says="/v1/no-such"
    ),
    Refusal(
        "a wrong method", Call("get", path="/chat/completions"), _OTHER, 405, "method_not_allowed", says="GET"
    ),
    Refusal(
        "a body over 16 MiB",
        _chat(messages=[{"role": "user", "content": "x" * 17_000_000}]),
        _OTHER,
        413,
        "request_too_large",
        says="max_body_size",
    ),
    Refusal(
        "a key's limit in a minute",  # without a retry, which would come after a minute
        Call("models.list", key="once", max_retries=0),
        ("RateLimitError", "RateLimitError"),
        429,
        "rate_limit_exceeded",
        says="1 request in a minute",
        type="requests",
    ),
)


@pytest.fixture(scope="module", params=SDKS)
def sdk(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def outcomes(server: Server, sdk: str) -> dict[str, Outcome]:
    """What became of each refusal's call, with keys made for this client."""
    revoked, once = make(server), make(server, requests_per_minute=1)
    assert server.request("DELETE", f"{KEYS}/{revoked['id']}").status == 200
    assert server.request("GET", "oaikit/v1/models", key=once["key"]).status == 200
    keys = {
        "jupyter": server.token,
        "wrong": "sk-wrong",
        "read": make(server, scopes=["read"])["key"],
        "infer": make(server, scopes=["infer"])["key"],
        "revoked": revoked["key"],
        "once": once["key"],
    }
    made = ask(sdk, server.v1, [refusal.call for refusal in REFUSALS], keys)
    return {refusal.id: outcome for refusal, outcome in zip(REFUSALS, made, strict=True)}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.id)
def test_a_refusal_is_the_clients_own_exception(
    outcomes: dict[str, Outcome], sdk: str, refusal: Refusal
) -> None:
    outcome = outcomes[refusal.id]
    raised = outcome.raised
    assert raised is not None, f"answered: {outcome.text!r}"
    assert raised.class_ == refusal.classes[SDKS.index(sdk)], raised
    assert (raised.status, raised.type, raised.code, raised.param) == (
        refusal.status,
        refusal.type,
        refusal.code,
        refusal.param,
    )
    assert refusal.says in raised.message
    assert outcome.statuses == [refusal.status], "asked again, which is of no use"
    assert len(raised.request_id or "") == 32


def test_an_unknown_models_message_lists_those_served(outcomes: dict[str, Outcome], model: Path) -> None:
    raised = outcomes["an unknown model"].raised
    assert raised is not None
    assert f"use {SERVED} or {model}" in raised.message


def test_a_wrong_keys_message_says_which_is_wanted(outcomes: dict[str, Outcome]) -> None:
    raised = outcomes["a wrong key"].raised
    assert raised is not None
    for wanted in ("OAIKIT_API_KEY", "oaikit/api/keys", "Jupyter's own token"):
        assert wanted in raised.message


def test_a_limit_says_when_to_come_back(outcomes: dict[str, Outcome]) -> None:
    raised = outcomes["a key's limit in a minute"].raised
    assert raised is not None
    assert 0 < int(raised.retry_after or 0) <= 60


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without a model: no engine is started."""
    with jupyter_server(tmp_path_factory.mktemp("empty"), "--OAIKit.model=") as running:
        yield running


@pytest.mark.parametrize("method", ["models.list", "chat.completions.create"])
def test_without_a_model_nothing_is_retried(empty: Server, sdk: str, method: str) -> None:
    """The clients would retry any other 503."""
    call = Call(method, {} if method == "models.list" else CHAT)
    (outcome,) = ask(sdk, empty.v1, [call], {"jupyter": empty.token})
    raised = outcome.raised
    assert raised is not None
    assert (raised.class_, raised.status, raised.code) == ("InternalServerError", 503, "engine_stopped")
    assert "oaikit/api/load" in raised.message
    assert outcome.statuses == [503]

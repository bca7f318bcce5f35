"""The dialect as ASGI middleware, in front of an app that stands where vLLM's stands, on uvicorn's sockets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from oaikit_server.dialect import Dialect, Policy

MAX_BODY = 200_000
HELLO = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


async def chat(request: Request) -> Response:
    """Answer with what was asked for, as vLLM writes it."""
    asked = await request.json()
    if asked["messages"][0]["content"] == "fail":
        error = {"message": "no", "type": "BadRequestError", "param": None, "code": 501}
        return JSONResponse({"error": error}, 501)
    delta = {"reasoning": "so", "content": json.dumps(asked)}
    if not asked.get("stream"):
        return JSONResponse({"choices": [{"index": 0, "message": delta, "finish_reason": "length"}]})
    chunk = {"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    compact = json.dumps(chunk, separators=(",", ":"))
    events = [f"data: {compact}\n\n", "data: [DONE]\n\n"]
    return StreamingResponse(iter(events), media_type="text/event-stream")


async def upload(request: Request) -> Response:
    """Say how many bytes came, and of which type."""
    body = await request.body()
    return JSONResponse({"bytes": len(body), "type": request.headers["content-type"]})


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    routes = [
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/audio/transcriptions", upload, methods=["POST"]),
        Route("/v1/models", lambda request: JSONResponse({"data": []})),
    ]
    app = Dialect(Starlette(routes=routes), Policy, max_body_size=MAX_BODY)
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off")  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def post(url: str, body: Any, path: str = "v1/chat/completions") -> httpx.Response:
    return httpx.post(f"{url}/{path}", json=body, trust_env=False)


def test_a_request_is_completed_and_its_answer_translated(url: str) -> None:
    (choice,) = post(url, HELLO | {"unknown": None}).json()["choices"]
    assert choice["message"]["reasoning_content"] == "so"
    asked = json.loads(choice["message"]["content"])
    assert asked["messages"] == HELLO["messages"]
    assert asked["max_tokens"] > 0
    assert "unknown" not in asked


def test_a_limit_that_was_not_asked_for_is_named(url: str) -> None:
    assert "max_tokens was not given" in post(url, HELLO).headers["x-oaikit-max-tokens"]
    assert "x-oaikit-max-tokens" not in post(url, HELLO | {"max_tokens": 5}).headers


def test_a_stream_is_translated_as_it_comes(url: str) -> None:
    answer = post(url, HELLO | {"stream": True, "max_tokens": 5})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"
    first, done = answer.text.strip().split("\n\n")
    assert json.loads(first.removeprefix("data: "))["choices"][0]["delta"]["reasoning_content"] == "so"
    assert done == "data: [DONE]"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (HELLO | {"temperature": 3}, 400, "temperature"),
        (HELLO | {"messages": [{"role": "user", "content": "fail"}]}, 400, None),
        ([], 400, None),
        (HELLO | {"messages": [{"role": "user", "content": "x" * MAX_BODY}]}, 413, None),
    ],
)
def test_errors_have_openais_shape(url: str, body: Any, status: int, param: str | None) -> None:
    answer = post(url, body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (set(error), error["param"]) == ({"message", "type", "param", "code"}, param)


def test_a_long_body_is_translated_as_a_short_one(url: str) -> None:
    text = "word " * 30_000
    (choice,) = post(url, {"model": "m", "messages": [{"role": "user", "content": text}]}).json()["choices"]
    assert json.loads(choice["message"]["content"])["messages"][0]["content"] == text


def test_what_nothing_heeds_is_said_in_a_header(url: str) -> None:
    answer = post(url, HELLO | {"guided_json": {}})
    assert "guided_json" in answer.headers["x-oaikit-warning"]


def test_what_is_not_json_is_passed_on(url: str) -> None:
    files = {"file": ("a.wav", b"\0" * 1000)}
    answer = httpx.post(f"{url}/v1/audio/transcriptions", files=files, trust_env=False).json()
    assert answer["type"].startswith("multipart/form-data")
    assert answer["bytes"] > 1000
    assert httpx.get(f"{url}/v1/models", trust_env=False).json() == {"data": []}

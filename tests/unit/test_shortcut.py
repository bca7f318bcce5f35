"""The short way to an app's routes answers what the app answers, and leaves to the app what it can't."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field
from starlette.middleware.cors import CORSMiddleware

from oaikit.engine.call import http_scope
from oaikit.engine.shortcut import shortened

JSON = (b"content-type", b"application/json")


class Asked(BaseModel):
    """What the app's route takes."""

    text: str
    times: int = Field(1, ge=1)


def made(passed: list[str]) -> FastAPI:
    """An app that notes what of its own way a request takes."""

    async def validate_json_request() -> None:
        passed.append("dependency")

    app = FastAPI(exception_handlers={KeyError: refused, Exception: failed, RequestValidationError: invalid})
    app.add_middleware(CORSMiddleware, allow_origins=["*"])

    @app.post("/say", dependencies=[Depends(validate_json_request)], response_model=None)
    async def say(request: Asked, raw_request: Request) -> Response | None:
        if request.text == "stream":
            return StreamingResponse(iter([b"a", b"b"]), media_type="text/event-stream")
        if request.text == "gone":
            return None
        if request.text in ("key", "type"):
            raise {"key": KeyError, "type": TypeError}[request.text](request.text)
        return JSONResponse({"said": request.text * request.times, "path": raw_request.app.title})

    @app.post("/other", dependencies=[Depends(validate_json_request)])
    async def other(request: Asked, raw_request: Request) -> dict[str, str]:
        return {"other": request.text}

    return app


async def refused(_: Request, exc: Exception) -> Response:
    return JSONResponse({"refused": str(exc)}, 400)


async def failed(_: Request, exc: Exception) -> Response:
    return JSONResponse({"failed": str(exc)}, 500)


async def invalid(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    return JSONResponse({"invalid": [error["loc"] for error in exc.errors()]}, 422)


def ask(
    app: Any, body: bytes, path: str = "/say", method: str = "POST", header: Any = JSON
) -> tuple[int, bytes]:
    """Status and body of an answer; status 0 if there is none."""
    received = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        if not received:
            await asyncio.Event().wait()
        return received.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    try:
        asyncio.run(app(http_scope(method, path, b"", [header]), receive, send))
    except TypeError:
        assert sent  # ServerErrorMiddleware answers, and raises it for the log
    bodies = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"] if sent else 0, bodies


BODIES = [
    b'{"text": "x", "times": 3}',
    b'{"text": "stream"}',
    b'{"text": "key"}',
    b'{"text": "type"}',
    b'{"text": 3, "times": 0}',
    b"[]",
    b"{",
    b"",
    b"\xff",
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:12]))
def test_it_answers_what_the_app_answers(body: bytes) -> None:
    assert ask(shortened(made([]), ["/say"]), body) == ask(made([]), body) != (0, b"")


def test_a_good_request_takes_the_short_way() -> None:
    passed: list[str] = []
    app = shortened(made(passed), ["/say"])
    assert json.loads(ask(app, BODIES[0])[1]) == {"said": "xxx", "path": "FastAPI"}
    assert passed == []
    assert ask(app, b'{"text": "gone"}') == (0, b"")


@pytest.mark.parametrize(
    ("other", "status"),
    [
        ({"path": "/other"}, 200),
        ({"path": "/nowhere"}, 404),
        ({"method": "GET"}, 405),
        ({"header": (b"content-type", b"text/plain")}, 422),
        ({"header": (b"accept", b"application/json")}, 422),
    ],
)
def test_all_else_goes_to_the_app(other: dict[str, Any], status: int) -> None:
    passed: list[str] = []
    assert ask(shortened(made(passed), ["/say"]), BODIES[0], **other)[0] == status
    assert passed == (["dependency"] if other.get("path") != "/nowhere" and "method" not in other else [])


def test_middleware_that_was_asked_for_is_not_left_out() -> None:
    app = made([])
    app.middleware("http")(lambda request, call_next: call_next(request))
    assert shortened(app, ["/say"]) is app


def test_a_route_with_an_unknown_dependency_stays_in_the_app(caplog: pytest.LogCaptureFixture) -> None:
    """A release of vLLM may add one that checks something."""
    caplog.set_level(
        logging.WARNING, logger="oaikit.engine"
    )  # importing vLLM may have raised the root's level
    passed: list[str] = []

    async def check_quota() -> None:
        passed.append("quota")

    app = FastAPI()

    @app.post("/say", dependencies=[Depends(check_quota)])
    async def say(request: Asked, raw_request: Request) -> dict[str, str]:
        return {"said": request.text}

    assert ask(shortened(app, ["/say"]), b'{"text": "a"}') == (200, b'{"said":"a"}')
    assert passed == ["quota"]
    assert "check_quota" in caplog.text

"""A request in flight is ended from elsewhere: its client gets a proper end, and the engine is idle at once."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.harness import SERVED, Answer, Server, jupyter_server, wait_until

LONG: dict[str, Any] = {"model": SERVED, "prompt": "The", "max_tokens": 1500, "ignore_eos": True}


@pytest.fixture
def name(server: Server) -> str:
    """For a request that is the only one: the engine may still be at the last test's."""
    wait_until(lambda: running(server) == 0, 10, every=0.01)
    return uuid.uuid4().hex


def abort(server: Server, name: str, key: str = "") -> Answer:
    return server.request("POST", "oaikit/api/abort", {"token": name}, key=key)


def ask(server: Server, body: dict[str, Any], name: str) -> Answer:
    return server.request("POST", "oaikit/v1/completions", body, headers={"X-OAIKit-Abort": name})


def in_background(server: Server, body: dict[str, Any], name: str) -> tuple[threading.Thread, list[Answer]]:
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(ask(server, body, name)))
    thread.start()
    return thread, answers


def running(server: Server) -> int:
    return int(server.status()["running"])


def test_a_stream_ends_with_an_error_event_and_the_engine_is_idle(server: Server, name: str) -> None:
    with openai.OpenAI(base_url=server.v1, api_key=server.token, max_retries=0) as client:
        headers = {"X-OAIKit-Abort": name}
        stream = client.completions.create(
            model=SERVED,
            prompt="The",
            max_tokens=1500,
            stream=True,
            extra_body={"ignore_eos": True},
            extra_headers=headers,
        )
        pieces = [next(stream).choices[0].text for _ in range(3)]
        began = time.monotonic()
        assert abort(server, name).json == {"aborted": 1}
        with pytest.raises(openai.APIError) as raised:
            pieces += [chunk.choices[0].text for chunk in stream]
        assert time.monotonic() - began < 1
    assert raised.value.body["code"] == "request_aborted"  # type: ignore[index, call-overload]
    assert 3 <= len(pieces) < 1000
    wait_until(lambda: running(server) == 0, 0.2 + 1)
    assert server.status()["in_flight"] == 0


def test_the_end_of_the_events_is_done(server: Server, name: str) -> None:
    thread, answers = in_background(server, LONG | {"stream": True}, name)
    wait_until(lambda: running(server) == 1, 10, every=0.01)
    assert abort(server, name).json == {"aborted": 1}
    thread.join(10)
    assert answers[0].body.endswith(b"data: [DONE]\n\n")
    assert b'"code": "request_aborted"' in answers[0].body


def test_before_the_answer_it_is_the_response(server: Server, name: str) -> None:
    thread, answers = in_background(server, LONG, name)
    wait_until(lambda: running(server) == 1, 10, every=0.01)
    began = time.monotonic()
    assert abort(server, name).json == {"aborted": 1}
    thread.join(10)
    assert time.monotonic() - began < 1
    assert answers[0].status == 499
    assert answers[0].json["error"]["code"] == "request_aborted"
    assert answers[0].headers["x-should-retry"] == "false"
    wait_until(lambda: running(server) == 0, 1.2)


def test_a_name_that_is_not_in_flight(server: Server, name: str) -> None:
    assert ask(server, LONG | {"max_tokens": 1}, name).status == 200
    assert abort(server, name).json == {"aborted": 0}


def test_bad_names_and_bad_bodies(server: Server) -> None:
    refused = ask(server, LONG, "short")
    assert (refused.status, refused.json["error"]["param"]) == (400, "X-OAIKit-Abort")
    for body in ({}, {"token": 3}, {"token": "x" * 16, "more": 1}, []):
        assert server.request("POST", "oaikit/api/abort", body).status == 400


def test_a_key_ends_what_was_asked_with_it_and_nothing_else(
    server: Server, kernel_key: str, name: str
) -> None:
    thread, answers = in_background(server, LONG, name)  # with Jupyter's token
    wait_until(lambda: running(server) == 1, 10, every=0.01)
    assert abort(server, name, kernel_key).json == {"aborted": 0}
    assert server.request("POST", "oaikit/api/abort", {"token": name}, key=None).status in (401, 403)
    assert running(server) == 1
    assert abort(server, name).json == {"aborted": 1}
    thread.join(10)
    assert answers[0].status == 499


@pytest.fixture(scope="module")
def loading(model: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose engine loads for half a minute: whatever is asked waits for it."""
    folder = tmp_path_factory.mktemp("loading")
    options = (f"--OAIKit.model={model}", f"--OAIKit.served_model_name={SERVED}")
    with jupyter_server(folder, *options) as started:
        yield started


def test_what_waits_for_the_model_is_ended_too(loading: Server, name: str) -> None:
    thread, answers = in_background(loading, LONG, name)
    wait_until(lambda: loading.status()["in_flight"] == 1, 10, every=0.01)
    assert abort(loading, name).json == {"aborted": 1}
    thread.join(10)
    assert answers[0].status == 499
    wait_until(lambda: loading.status()["in_flight"] == 0, 1)

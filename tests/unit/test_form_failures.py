"""vLLM's errors that are a client's mistake, and its errors about values that may have several forms."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oaikit.sampling import CHAT
from oaikit_server.dialect import Answer, resolve
from oaikit_server.dialect.errors import openai_error

FAILED = json.dumps(
    {"error": {"message": "Internal server error", "type": "InternalServerError", "param": None, "code": 500}}
).encode()
BODY = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]}


def answered(answer: Answer, status: int, content_type: bytes, body: bytes) -> tuple[int, bytes]:
    start = {"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type)]}
    messages = answer.take(start) + answer.take({"type": "http.response.body", "body": body})
    return messages[0]["status"], messages[1]["body"]


def test_a_form_that_no_answer_can_have_is_the_clients_mistake() -> None:
    status, body = answered(Answer(has_form=True), 500, b"application/json", FAILED)
    error = json.loads(body)["error"]
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert "no answer could be generated in the form" in error["message"]
    status, body = answered(Answer(), 500, b"application/json", FAILED)
    assert (status, json.loads(body)["error"]["type"]) == (500, "server_error")


def test_streamed() -> None:
    event = b"data: " + FAILED + b"\n\ndata: [DONE]\n\n"
    _, body = answered(Answer(has_form=True), 200, b"text/event-stream", event)
    assert b"no answer could be generated in the form" in body
    assert body.endswith(b"\n\ndata: [DONE]\n\n")
    assert b"server_error" in answered(Answer(), 200, b"text/event-stream", event)[1]


def test_which_requests_have_a_form() -> None:
    assert not resolve(CHAT, BODY).has_form
    assert resolve(CHAT, {**BODY, "structured_outputs": {"regex": "a"}}).has_form


@pytest.mark.parametrize(
    "option", ["disable_any_whitespace", "disable_additional_properties", "whitespace_pattern"]
)
def test_options_that_vllm_does_not_heed_are_named(option: str) -> None:
    value: Any = "[ ]" if option == "whitespace_pattern" else True
    found = resolve(CHAT, {**BODY, "structured_outputs": {"json": {}, option: value}})
    assert found.warnings[0].startswith(f"structured_outputs.{option} was ignored: vLLM ")
    form = {"json": {}, "disable_any_whitespace": False}
    assert resolve(CHAT, {**BODY, "structured_outputs": form}).warnings == ()


def translated(*errors: tuple[str, str]) -> dict[str, Any]:
    detail = [{"loc": ["body", *loc.split(".")], "msg": text} for loc, text in errors]
    return json.loads(
        openai_error(400, json.dumps({"error": {"message": detail}}).encode(), prompt="messages")
    )["error"]


def test_errors_of_a_union_become_one_sentence() -> None:
    error = translated(
        ("messages.1.ChatCompletionDeveloperMessageParam.content.str", "Input should be a valid string"),
        ("messages.1.ChatCompletionDeveloperMessageParam.role", "Input should be 'developer'"),
        ("messages.1.ChatCompletionSystemMessageParam.name", "Input should be a valid string"),
    )
    assert error["message"] == (
        "`messages.1` has none of the forms that it may have here: see the reference of this route"
    )
    assert error["param"] == "messages"
    error = translated(
        ("input.list[union[A,B]]", "Input should be a valid list"),
        ("input.OtherInput", "Input should be a valid dictionary or instance of OtherInput"),
    )
    assert error["message"] == (
        "`input` has none of the forms that it may have here: it must be a valid list or an object"
    )
    error = translated(("tools.0", "Input should be a valid dictionary or instance of Tool"))
    assert error["message"] == "tools.0: Input should be an object"

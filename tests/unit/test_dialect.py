"""What vLLM's app answers on an error, as an OpenAI client expects it."""

from __future__ import annotations

import json

import pytest

from oaikit_server.dialect import openai_error, openai_event, with_reasoning_content


def error_of(status: int, body: object) -> dict:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = json.loads(openai_error(status, raw))
    assert list(answer) == ["error"]
    assert set(answer["error"]) == {"message", "type", "param", "code"}
    return answer["error"]


def vllm_error(message: str, code: int, param: str | None = None) -> dict:
    return {"error": {"message": message, "type": "BadRequestError", "param": param, "code": code}}


def test_vllm_error():
    assert error_of(400, vllm_error("n must be 1", 400, "n")) == {
        "message": "n must be 1",
        "type": "invalid_request_error",
        "param": "n",
        "code": None,
    }


def test_unknown_model_has_openais_code():
    error = error_of(404, vllm_error("The model `gpt-5` does not exist.", 404, "model"))
    assert (error["code"], error["param"]) == ("model_not_found", "model")


def test_framework_error():
    error = error_of(404, {"detail": "Not Found"})
    assert (error["message"], error["code"]) == ("Not Found", "not_found")


def test_validation_errors_keep_what_is_wrong():
    error = error_of(422, {"detail": [{"loc": ["body", "messages"], "msg": "Field required"}]})
    assert "messages" in error["message"]
    assert "Field required" in error["message"]


def test_bare_string():
    error = error_of(401, {"error": "Unauthorized"})
    assert (error["message"], error["code"]) == ("Unauthorized", "invalid_api_key")


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00garbage", b"<html>", b"null", b"[]", b"{}"])
def test_a_body_that_says_nothing_gives_the_status_phrase(body):
    error = error_of(503, body)
    assert (error["message"], error["type"], error["code"]) == ("Service Unavailable", "server_error", None)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 422, 429, 500, 501, 503])
@pytest.mark.parametrize("code", [None, 400, "own_code", ["x"]])
def test_code_is_a_string_or_null(status, code):
    error = error_of(status, {"error": {"message": "m", "code": code}})
    assert error["code"] is None or isinstance(error["code"], str)
    if code == "own_code":
        assert error["code"] == code


@pytest.mark.parametrize(("status", "type_"), [(404, "invalid_request_error"), (500, "server_error")])
def test_type_says_whose_fault_it_is(status, type_):
    assert error_of(status, vllm_error("m", status))["type"] == type_


@pytest.mark.parametrize(
    "thought",
    ["2 + 2 = 4.", 'a "quoted" word', "back\\slash\\", "zwölf\n", '{"reasoning":"x"}', ""],
)
def test_reasoning_under_both_names(thought):
    message = {"role": "assistant", "reasoning": thought, "content": thought}
    body = json.dumps({"choices": [{"message": message}]}, separators=(",", ":")).encode()
    (choice,) = json.loads(with_reasoning_content(body))["choices"]
    assert choice["message"] == message | {"reasoning_content": thought}
    event = openai_event(b"data: " + body + b"\n\n")
    assert json.loads(event.removeprefix(b"data: "))["choices"] == [choice]


@pytest.mark.parametrize("message", [{"content": '"reasoning":"x"'}, {"reasoning": None}, {"reasoning": {}}])
def test_what_is_no_thought_stays_as_it_is(message):
    body = json.dumps(message, separators=(",", ":")).encode()
    assert with_reasoning_content(body) == body

"""What vLLM's app answers on an error, as an OpenAI client expects it."""

from __future__ import annotations

import json

import pytest

from oaikit_server.dialect.errors import openai_error, openai_event


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


# -- vLLM's own words --------------------------------------------------------------------------------------------------

TOO_LONG = [
    "This model's maximum context length is 2048 tokens. However, your prompt contains at least 2049 input tokens, "
    "which exceeds this limit even without any output tokens. Please reduce the length of the input prompt. "
    "(parameter=input_tokens, value=2049)",
    "This model's maximum context length is 2048 tokens. However, your prompt contains 90000 characters (more than "
    "12288 characters, which is the upper bound for 2048 input tokens). Please reduce the length of the input prompt. "
    "(parameter=input_text, value=90000)",
    "Input length (3000) exceeds model's maximum context length (2048).",
    "The decoder prompt (length 2048) plus the number of requested output tokens (at least 1) is longer than the "
    "maximum model length of 2048. Make sure that `max_model_len` is no smaller than the number of text tokens "
    "(prompt + requested output tokens).",
    "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)",
]


@pytest.mark.parametrize("message", TOO_LONG)
@pytest.mark.parametrize("prompt", ["messages", "prompt", None])
def test_a_prompt_that_is_too_long(message: str, prompt: str | None) -> None:
    param = "input_tokens" if "input_tokens" in message else None
    body = json.dumps(vllm_error(message, 400, param)).encode()
    error = json.loads(openai_error(400, body, prompt=prompt))["error"]
    assert (error["code"], error["param"], error["type"]) == (
        *("context_length_exceeded", prompt, "invalid_request_error"),
    )
    assert "parameter=" not in error["message"]
    assert "prompt" in error["message"] or "Input length" in error["message"]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_more_tokens_than_the_context_has(name: str) -> None:
    message = f"{name}=9999 cannot be greater than max_model_len=2048. Please request fewer output tokens."
    error = error_of(400, vllm_error(f"{message} (parameter={name}, value=9999)", 400, name))
    assert (error["code"], error["param"], error["message"]) == ("context_length_exceeded", name, message)


def test_unknown_model_lists_the_others() -> None:
    error = error_of(
        404, vllm_error("The model `gpt-5` does not exist. Valid aliases: tiny, org/tiny.", 404, "model")
    )
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert "tiny, org/tiny" in error["message"]


def test_tools_without_a_parser() -> None:
    auto = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
    named = 'tool_choice=function "add" requires --tool-call-parser to be set'
    for message, param in ((auto, "tools"), (named, "tool_choice")):
        error = error_of(400, vllm_error(message, 400))
        assert (error["param"], error["code"]) == (param, None)
        assert "TOOL_CALL_PARSER" in error["message"]
        assert "--" not in error["message"]


def test_a_model_without_a_chat_template() -> None:
    message = "As of transformers v4.44, default chat template is no longer allowed, so you must provide one"
    error = error_of(400, vllm_error(message, 400))
    assert "v1/completions" in error["message"]


def test_vllms_names_for_parts_of_a_message_are_no_parameters() -> None:
    for message in ("Missing 'type' field in multimodal part.", "Unsupported chat content part type: 'x'."):
        assert (
            error_of(400, vllm_error(f"{message} (parameter=type, value=x)", 400, "type"))["param"]
            == "messages"
        )


def test_what_is_wrong_inside_a_message() -> None:
    part = "4 validation errors for ValidatorIterator\n0.ChatCompletionContentPartTextParam.text\n  Input should be …"
    call = "1 validation error:\n  {'type': 'missing', 'loc': '0.FunctionToolCallParam.id', 'msg': 'Field required'}"
    for message, told in (
        (part, '{"type": "text", "text": "…"}'),
        (call, "`messages.0.id`: Field required"),
    ):
        body = json.dumps(vllm_error(message, 400)).encode()
        error = json.loads(openai_error(400, body, prompt="messages"))["error"]
        assert (error["param"], told in error["message"], "0.Chat" in error["message"]) == (
            "messages",
            True,
            False,
        )


def test_what_vllm_names_no_parameter_for() -> None:
    told = "thinking_token_budget is set but reasoning_config is not configured."
    assert error_of(400, vllm_error(told, 400))["param"] == "thinking_token_budget"
    empty = json.dumps(vllm_error("The decoder prompt cannot be empty", 400)).encode()
    assert json.loads(openai_error(400, empty, prompt="prompt"))["error"]["param"] == "prompt"


def test_greedy_answers() -> None:
    error = error_of(400, vllm_error("n must be 1 when using greedy sampling, got 4.", 400))
    assert (error["param"], error["code"]) == ("n", None)
    assert "temperature" in error["message"]


def test_the_parameter_at_the_end_of_a_message() -> None:
    error = error_of(
        400, vllm_error("Token id 9 is out of vocabulary (parameter=prompt, value=[1,\n 9])", 400)
    )
    assert (error["message"], error["param"]) == ("Token id 9 is out of vocabulary", "prompt")
    error = error_of(
        400, vllm_error("Invalid `name` (parameter=tool_choice.function.name)", 400, "tool_choice.function")
    )
    assert (error["message"], error["param"]) == ("Invalid `name`", "tool_choice")


def test_errors_of_pydantics() -> None:
    message = (
        "2 validation errors:\n"
        "  {'type': 'missing', 'loc': 'body.messages', 'msg': 'Field required', 'input': '<dict of 1 items>'}\n"
        "  {'type': 'x', 'loc': 'body.n', 'msg': \"Input shouldn't be that\", 'input': 3}"
    )
    error = error_of(400, vllm_error(message, 400, "body.messages"))
    assert error["message"] == "messages: Field required; n: Input shouldn't be that"
    assert error["param"] == "messages"
    json_error = (
        "1 validation error:\n  {'type': 'json_invalid', 'loc': 'body.1', 'msg': 'JSON decode error'}"
    )
    error = error_of(400, vllm_error(json_error, 400, "body.1"))
    assert (error["message"], error["param"]) == ("JSON decode error", None)
    assert error_of(400, vllm_error("1 validation error:\n  nothing", 400))["message"].endswith("nothing")


def test_many_errors_are_told_in_part() -> None:
    message = "9 validation errors:\n" + "\n".join(
        f"  {{'type': 'x', 'loc': 'body.prompt.{at}', 'msg': 'no', 'input': 1}}" for at in range(9)
    )
    error = error_of(400, vllm_error(message, 400))
    assert error["message"] == "; ".join(f"prompt.{at}: no" for at in range(5))


@pytest.mark.parametrize(
    "message",
    ["KeyError: '/home/ada/secret.json'", "Internal server error", "EngineCore encountered an issue. See …"],
)
@pytest.mark.parametrize("status", [500, 501, 503])
def test_what_failed_inside_is_not_told(status: int, message: str) -> None:
    error = error_of(status, vllm_error(message, status))
    assert error["message"] == "the engine failed on this request; see Jupyter's log"
    assert error["type"] == "server_error"
    event = openai_event(b"data: " + json.dumps(vllm_error(message, 500)).encode() + b"\n\ndata: [DONE]\n\n")
    assert message.encode() not in event
    assert event.endswith(b"}\n\ndata: [DONE]\n\n")


@pytest.mark.parametrize(
    "message",
    [
        "The engine is currently busy and cannot accept new requests. Please try again later.",
        "The model does not support Chat Completions API",
    ],
)
def test_what_a_client_can_use_is_told(message: str) -> None:
    assert error_of(503, vllm_error(message, 503))["message"] == message


def test_oaikits_own_errors_stay_as_they_are() -> None:
    own = {
        "message": "the engine crashed: x",
        "type": "server_error",
        "param": None,
        "code": "engine_crashed",
    }
    assert error_of(500, {"error": own}) == own


def test_an_error_in_a_stream_has_the_same_words() -> None:
    event = (
        b"data: "
        + json.dumps(vllm_error(TOO_LONG[0], 400, "input_tokens")).encode()
        + b"\n\ndata: [DONE]\n\n"
    )
    told = openai_event(event, prompt="messages")
    error = json.loads(told.partition(b"\n\n")[0].removeprefix(b"data: "))["error"]
    assert (error["code"], error["param"]) == ("context_length_exceeded", "messages")
    assert told.endswith(b"\n\ndata: [DONE]\n\n")


def test_a_body_nested_without_end_says_nothing() -> None:
    assert error_of(400, b"[" * 100_000)["message"] == "Bad Request"

"""vLLM's errors as an OpenAI client expects them: OpenAI's shape and codes, and a message that says what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.client import responses
from typing import Any, Final

from oaikit.engine.call import ERROR_EVENT
from oaikit.sampling import parameter_of
from oaikit.sampling.length import CONTEXT_LENGTH_EXCEEDED

# https://platform.openai.com/docs/guides/error-codes: the type says whose fault it is.
_CLIENT_ERROR, _SERVER_ERROR = "invalid_request_error", "server_error"
_CODES = {401: "invalid_api_key", 404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}

MODEL_NOT_FOUND: Final = "model_not_found"

# What a client is told of a failure inside: vLLM's texts may quote paths and data of others (CVE-2026-54236).
_FAILED: Final = "the engine failed on this request; see Jupyter's log"


@dataclass(frozen=True)
class Known:
    """An error that vLLM words in its own terms: how its message is recognized, and what a client is told instead.

    A param or message of None leaves vLLM's own; "prompt" stands for the parameter that has the prompt.
    """

    pattern: re.Pattern[str]
    code: str | None = None
    param: str | None = None
    message: str | None = None


_TOOLS = (
    "the engine has no parser for tool calls of this model: start it with TOOL_CALL_PARSER=NAME and "
    "ENABLE_AUTO_TOOL_CHOICE=true (engine arguments tool_call_parser, enable_auto_tool_choice), or leave out tools"
)

# `make contract` looks for these texts in the sources of the supported releases of vLLM, and a test in those of the
# installed one. A text that changes needs a pattern for each of its wordings.
KNOWN: Final = (
    # entrypoints/serve/engine/serving.py, entrypoints/openai/models/serving.py
    Known(re.compile(r"The model `.*` does not exist", re.S), MODEL_NOT_FOUND, "model"),
    # renderers/params.py
    Known(
        re.compile(r"cannot be greater than .*Please request fewer output tokens"), CONTEXT_LENGTH_EXCEEDED
    ),
    Known(re.compile(r"This model's maximum context length is "), CONTEXT_LENGTH_EXCEEDED, "prompt"),
    # entrypoints/serve/utils/api_utils.py
    Known(re.compile(r"exceeds model's maximum context length"), CONTEXT_LENGTH_EXCEEDED, "prompt"),
    # v1/engine/input_processor.py
    Known(re.compile(r"longer than the maximum model length of "), CONTEXT_LENGTH_EXCEEDED, "prompt"),
    Known(re.compile(r"^The \w+ prompt cannot be empty"), param="prompt"),
    Known(
        re.compile(r"thinking_token_budget is set but reasoning_config is not"), param="thinking_token_budget"
    ),
    # renderers/chat_utils (a package since 0.33), whose param is a field of a part of a message
    Known(
        re.compile(r"'type' field in multimodal part|^Unsupported chat content part type"), param="messages"
    ),
    # sampling_params.py, with what is left of the context as max_tokens: a request can't ask for 0
    Known(
        re.compile(r"max_tokens must be at least 1, got 0\."),
        CONTEXT_LENGTH_EXCEEDED,
        "prompt",
        "the prompt fills the model's context, and nothing is left for an answer; shorten the prompt",
    ),
    # sampling_params.py
    Known(
        re.compile(r"n must be 1 when using greedy sampling"),
        param="n",
        message="with temperature 0 (greedy) all answers would be the same: raise temperature, or ask for one",
    ),
    # renderers/online_renderer.py
    Known(re.compile(r'"auto" tool choice requires --enable-auto-tool-choice'), None, "tools", _TOOLS),
    Known(re.compile(r"requires --tool-call-parser to be set"), None, "tool_choice", _TOOLS),
    # multimodal/media/connector.py
    Known(
        re.compile(r"The URL must be from one of the allowed domains"),
        None,
        "messages",
        "this server fetches no media from that host: send them as data: URLs, or start the engine with the argument "
        "allowed_media_domains naming the host",
    ),
    # renderers/hf.py
    Known(
        re.compile(r"default chat template is no longer allowed"),
        None,
        "messages",
        "this model has no chat template: use v1/completions, or load the model with the engine argument "
        "chat_template",
    ),
)

# Texts of failures that tell a client what to do, and nothing of the inside. exceptions.py; */api_router.py
SAFE: Final = re.compile(
    r"The engine is currently busy and cannot accept new requests"
    r"|The engine has reached its prefill token backlog limit"
    r"|[Tt]he model does not support "
)

# vLLM ends the messages of some exceptions so, and names parameters of its own insides in it.
_DETAILS: Final = re.compile(r" \(parameter=(?P<param>[\w.]+)(?:, value=.*)?\)$|\s*\(value=.*\)$", re.S)
_INTERNAL_PARAMS: Final = frozenset({"input_text", "input_tokens"})
_MOST_TOLD: Final = 5
# Errors of pydantic's, as vLLM's handler prints them (serve/exception_handling/handlers/validation.py).
_INVALID_HEAD: Final = re.compile(r"\d+ validation errors?:\n")
_INVALID: Final = re.compile(
    r"""'loc': '(?P<loc>[^']*)', 'msg': (?P<quote>['"])(?P<msg>.*?)(?P=quote)(?:, '|\}|$)"""
)

# What vLLM checks of messages only when it reads them fails with pydantic's own text, a screenful of types.
_INVALID_PART: Final = re.compile(r"\d+ validation errors? for ValidatorIterator\n")
_PARTS: Final = (
    "a part of a message's content is incomplete: each must be an object with a type and what that type needs, such as "
    '{"type": "text", "text": "…"}'
)


def openai_error(status: int, body: bytes, *, prompt: str | None = None) -> bytes:
    """An error response of vLLM's app in OpenAI's shape: ``{"error": {message, type, param, code}}``.

    vLLM has an integer ``code`` and Python class names as ``type``; its framework answers ``{"detail": …}``, its key
    check a bare string. ``code`` becomes a string or null. An error that has a string there already is oaikit's own.

    Parameters: the HTTP status, the body, and the parameter that has the prompt on this endpoint, if it is known
    ("messages" or "prompt"), for errors that are about the prompt's length.
    """
    error = _error_fields(body)
    if not isinstance(error.get("code"), str):
        error = _translated(status, error, prompt)
    message = error.get("message") or responses.get(status, "the request failed")
    type_ = _CLIENT_ERROR if status < HTTPStatus.INTERNAL_SERVER_ERROR else _SERVER_ERROR
    code = error.get("code") or _CODES.get(status)
    return json.dumps(
        {"error": {"message": message, "type": type_, "param": error.get("param"), "code": code}}
    ).encode()


# vLLM compiles a form that no answer can have, such as {"$ref": "#"} or `root ::= root`, and fails at the first token.
_FAILED_ON_FORM: Final = "Internal server error"  # GenerationError in exceptions.py
FORM_FAILED: Final = json.dumps(
    {
        "error": {
            "message": "no answer could be generated in the form that the request asks for (response_format, "
            "structured_outputs, tools): check its schema or grammar for parts that refer to themselves alone and for "
            "parts that nothing matches"
        }
    }
).encode()


def failed_on_form(status: int, body: bytes) -> bool:
    """Whether vLLM's error, on a request whose answer is held to a form, means that the form can't be met."""
    if status != HTTPStatus.INTERNAL_SERVER_ERROR:
        return False
    error = _error_fields(body)
    return error.get("message") == _FAILED_ON_FORM and not isinstance(error.get("code"), str)


def openai_event(body: bytes, *, prompt: str | None = None, has_form: bool = False) -> bytes:
    """Part of an event stream, with the error that it may begin with in OpenAI's shape."""
    if not body.startswith(ERROR_EVENT):
        return body
    event, end, rest = body.partition(b"\n\n")
    error = _error_fields(event.removeprefix(b"data: "))
    status = error["code"] if isinstance(error.get("code"), int) else HTTPStatus.INTERNAL_SERVER_ERROR
    detail = event.removeprefix(b"data: ")
    if has_form and failed_on_form(status, detail):
        status, detail = HTTPStatus.BAD_REQUEST, FORM_FAILED
    return b"data: " + openai_error(status, detail, prompt=prompt) + end + rest


def _error_fields(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    error = answer.get("error", answer.get("detail")) if isinstance(answer, dict) else answer
    return error if isinstance(error, dict) else {"message": error}


def _translated(status: int, error: dict[str, Any], prompt: str | None) -> dict[str, Any]:
    """What is wrong, in the words of the API. Errors of pydantic's come as a list, or as vLLM prints that."""
    message, param = error.get("message") or "", error.get("param")
    if isinstance(message, list):
        return _joined(list(_from_framework(message)), "the request is invalid", prompt)
    message = str(message)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return {"message": message if not message or SAFE.search(message) else _FAILED}
    if _INVALID_HEAD.match(message):
        return _joined([(each["loc"], each["msg"]) for each in _INVALID.finditer(message)], message, prompt)
    if _INVALID_PART.match(message):
        return {"message": _PARTS, "param": prompt}
    if details := _DETAILS.search(message):
        message, param = message[: details.start()], param or details["param"]
    param = None if param in _INTERNAL_PARAMS or not isinstance(param, str) else _name(param)
    for known in KNOWN:
        if known.pattern.search(message):
            param = prompt if known.param == "prompt" else known.param or param
            return {"message": known.message or message, "param": param, "code": known.code}
    return {"message": message, "param": param}


def _from_framework(errors: list[Any]) -> Iterator[tuple[str, str]]:
    for error in errors:
        if isinstance(error, dict):
            yield ".".join(map(str, error.get("loc") or ())), str(error.get("msg") or error)
        else:
            yield "", str(error)


def _joined(errors: list[tuple[str, str]], otherwise: str, prompt: str | None) -> dict[str, Any]:
    """Several errors as one: the first parameter, and what is said of each of the first few.

    The place of an error may begin with a number: that is one inside a message.
    """
    if any(_UNION_BRANCH.search(loc) for loc, _ in errors):
        return _of_union(errors, prompt)
    places = [(_place(loc), _without_classes(message)) for loc, message in errors]
    texts = dict.fromkeys(f"{place}: {message}" if place else message for place, message in places)
    message = "; ".join([*texts][:_MOST_TOLD]) or otherwise
    param = _name(places[0][0]) if places else None
    return {"message": message, "param": prompt if param and param.isdigit() else param}


# Where a value may have several forms, pydantic names the class of each form in the place of the error, and tells all
# that is wrong with the value in each of the forms. Fields of the API are in small letters.
_UNION_BRANCH: Final = re.compile(r"(?:^|\.)(?:[A-Z]\w*|[^.]*[\[\](){}][^.]*)(?=\.|$)")
_CLASS_IN_TEXT: Final = re.compile(r"(?:a valid dictionary or (?:object|instance)|an instance) of \w+")


def _without_classes(message: str) -> str:
    return _CLASS_IN_TEXT.sub("an object", message.removeprefix("Value error, "))


def _of_union(errors: list[tuple[str, str]], prompt: str | None) -> dict[str, Any]:
    """One sentence: the innermost place that has all errors, and what is wanted there, if that is short."""
    found = [(_place(_UNION_BRANCH.sub("", loc)), _without_classes(message)) for loc, message in errors]
    common = [place.split(".") for place, _ in found]
    shared = []
    for segments in zip(*common, strict=False):
        if len(set(segments)) > 1:
            break
        shared.append(segments[0])
    place = ".".join(shared).removeprefix(".")
    wanted = dict.fromkeys(
        text.removeprefix("Input should be ")
        for at, text in found
        if at == place and text.startswith("Input should be ")
    )
    param = _name(place) if place and not place[0].isdigit() else prompt
    where = place if place and not place[0].isdigit() else f"{prompt or 'the request'}.{place}".rstrip(".")
    if len(found) == 1:
        return {"message": f"`{where}`: {found[0][1]}", "param": param}
    told = (
        f"it must be {' or '.join([*wanted][:_MOST_TOLD])}" if wanted else "see the reference of this route"
    )
    return {"message": f"`{where}` has none of the forms that it may have here: {told}", "param": param}


def _place(loc: str) -> str:
    """ "body.messages.0.role" → "messages.0.role"; a position in the text of the body is no place."""
    place = loc.removeprefix("body").removeprefix(".")
    return "" if place.isdigit() else place


def _name(place: str) -> str | None:
    return parameter_of(place.removeprefix("body.")) or None

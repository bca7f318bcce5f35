"""What an OpenAI client expects and vLLM says differently: pure functions on requests and responses."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from http.client import responses
from typing import Any

from oaikit.engine.call import ERROR_EVENT

# https://platform.openai.com/docs/guides/error-codes: the type says whose fault it is.
_CLIENT_ERROR, _SERVER_ERROR = "invalid_request_error", "server_error"
_CODES = {401: "invalid_api_key", 404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}

# What a model thinks before it answers. A quote within a JSON string is escaped, so only a field looks like this.
_REASONING = re.compile(rb'"reasoning":("(?:[^"\\]|\\.)*")')


def openai_error(status: int, body: bytes) -> bytes:
    """An error response of vLLM's app in OpenAI's shape: ``{"error": {message, type, param, code}}``.

    vLLM has an integer ``code`` and Python class names as ``type``; its framework answers ``{"detail": …}``, its key
    check a bare string. ``code`` becomes a string or null.
    """
    error = _error_fields(body)
    message = str(error.get("message") or responses.get(status, "the request failed"))
    code = error["code"] if isinstance(error.get("code"), str) else _CODES.get(status)
    if status == HTTPStatus.NOT_FOUND and "model" in message and "does not exist" in message:
        code = "model_not_found"
    type_ = _CLIENT_ERROR if status < 500 else _SERVER_ERROR
    return json.dumps(
        {"error": {"message": message, "type": type_, "param": error.get("param"), "code": code}}
    ).encode()


def openai_event(body: bytes) -> bytes:
    """Part of an event stream, with the error that it may begin with in OpenAI's shape."""
    if not body.startswith(ERROR_EVENT):
        return with_reasoning_content(body)
    event, end, rest = body.partition(b"\n\n")
    data = event.removeprefix(b"data: ")
    code = _error_fields(data).get("code")
    return b"data: " + openai_error(code if isinstance(code, int) else 500, data) + end + rest


def with_reasoning_content(body: bytes) -> bytes:
    """JSON or events in which ``reasoning``, vLLM's name, is also there as ``reasoning_content``, the older one."""
    if b'"reasoning":"' not in body:
        return body
    return _REASONING.sub(rb'\g<0>,"reasoning_content":\1', body)


def _error_fields(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    error = answer.get("error", answer.get("detail")) if isinstance(answer, dict) else answer
    return error if isinstance(error, dict) else {"message": error}

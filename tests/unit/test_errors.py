"""Errors keep their class, their text and their advice on the way from the server to the caller."""

from __future__ import annotations

import pickle
import re

import pytest

from oaikit import errors
from oaikit.errors import (
    AuthenticationError,
    ConversationError,
    EngineCrashedError,
    EngineError,
    EngineLoadingError,
    EngineStoppedError,
    EngineUnavailableError,
    FileError,
    InvalidAnswerError,
    InvalidRequestError,
    ModelNotFoundError,
    OAIKitError,
    RateLimitError,
    RequestError,
    ServerNotFoundError,
    SettingError,
    SweepStoppedError,
    from_body,
)


def tree(cls: type[OAIKitError] = OAIKitError) -> list[type[OAIKitError]]:
    return [cls, *(each for child in cls.__subclasses__() for each in tree(child))]


def example(cls: type[OAIKitError]) -> OAIKitError:
    if cls is RequestError:
        return RequestError("In use.", status=409, type="conflict", code="in_use", param="n")
    return cls("It is broken.", param="model")


# Nothing in a body tells these from any other failure of a server.
INDISTINCT = {
    FileError,
    OAIKitError,
    EngineError,
    ServerNotFoundError,
    SettingError,
    ConversationError,
    InvalidAnswerError,
    SweepStoppedError,
}


@pytest.mark.parametrize("cls", tree())
def test_an_error_is_the_same_after_its_way_through_http(cls):
    sent = example(cls)
    received = from_body(sent.status, sent.body())
    assert type(received) is (RequestError if cls in INDISTINCT else cls)
    assert received.body() == sent.body()
    assert (received.status, str(received)) == (sent.status, sent.message)
    assert received.headers() == sent.headers()


@pytest.mark.parametrize("cls", tree())
def test_an_error_can_cross_processes(cls):
    """A process pool whose worker raises what can't be unpickled breaks altogether."""
    sent = example(cls)
    received = pickle.loads(pickle.dumps(sent))
    assert (type(received), received.status, received.body()) == (cls, sent.status, sent.body())


def test_the_docstring_has_the_whole_tree():
    described, above = {}, []
    for line in errors.__doc__.splitlines():
        if found := re.match(r"([│ ]*(?:[├└]── )?)(\w+Error)\b(?: +(\d{3}|–))?", line):
            depth, name, status = len(found[1]) // 4, found[2], found[3]
            above[depth:] = [name]
            described[name] = (above[depth - 1] if depth else None, status)
    for cls in tree():
        parent, status = described.pop(cls.__name__)
        if cls is not OAIKitError:
            assert parent == cls.__bases__[0].__name__
            assert status in {str(cls.status), "–"}
    assert described == {}


def test_headers_tell_a_client_when_to_try_again():
    assert EngineLoadingError("…").headers() == {"Retry-After": "5", "x-should-retry": "true"}
    assert EngineStoppedError("…").headers() == {"x-should-retry": "false"}
    assert RateLimitError("…", retry_after_s=7).headers() == {"Retry-After": "7", "x-should-retry": "true"}
    assert EngineCrashedError("…").headers() == {}


def test_openai_body():
    found = from_body(
        400, {"error": {"message": "bad n", "type": "invalid_request_error", "param": "n", "code": None}}
    )
    assert type(found) is InvalidRequestError
    assert (found.message, found.param, found.code) == ("bad n", "n", None)


def test_body_without_its_envelope():
    """OpenAI's Python client takes the envelope off."""
    assert type(from_body(404, {"message": "gone", "code": "model_not_found"})) is ModelNotFoundError
    assert from_body(404, {"message": "gone", "code": "model_not_found"}).code == "model_not_found"


def test_vllm_body():
    """vLLM has an integer code and Python's class names."""
    body = {"error": {"message": "n must be 1", "type": "BadRequestError", "param": None, "code": 400}}
    found = from_body(400, body)
    assert (type(found), found.message, found.code) == (InvalidRequestError, "n must be 1", None)


@pytest.mark.parametrize("body", ["Unauthorized", {"error": "Unauthorized"}])
def test_bare_string(body):
    found = from_body(401, body)
    assert (type(found), found.message, found.code) == (
        AuthenticationError,
        "Unauthorized",
        "invalid_api_key",
    )


@pytest.mark.parametrize("body", [None, "", {}, [], {"error": None}, {"error": {"message": ""}}])
def test_a_body_that_says_nothing_still_gives_a_message(body):
    found = from_body(502, body)
    assert (type(found), found.status) == (RequestError, 502)
    assert "502" in found.message


def test_a_known_code_wins_over_the_status():
    """Proxies change status codes; the code is the server's own word."""
    found = from_body(500, {"error": {"message": "loading", "code": "model_loading"}})
    assert isinstance(found, EngineUnavailableError)
    assert found.retryable

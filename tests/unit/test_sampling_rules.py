"""What parameters may not be together."""

from __future__ import annotations

from typing import Any

import pytest

from oaikit.errors import InvalidRequestError
from oaikit.sampling import BOTH, CHAT, COMPLETIONS, Endpoint, Limits, validate

BODY: dict[str, dict[str, Any]] = {
    CHAT: {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]},
    COMPLETIONS: {"model": "tiny", "prompt": "Hello"},
}
TOOLS = [{"type": "function", "function": {"name": "add"}}]
NAMED = {"type": "function", "function": {"name": "add"}}
REGEX = {"regex": "a+"}
JSON_FORM = {"type": "json_object"}

# Endpoints, what a request says, and the parameter that is named.
BROKEN: list[tuple[tuple[Endpoint, ...], dict[str, Any], str]] = [
    (BOTH, {"n": 2, "best_of": 1}, "best_of"),
    ((COMPLETIONS,), {"prompt": ["a"] * 64, "n": 64}, "n"),
    ((COMPLETIONS,), {"prompt": ["a"] * 17, "best_of": 64}, "best_of"),
    ((COMPLETIONS,), {"prompt": [[1]] * 64, "n": 17}, "n"),
    ((COMPLETIONS,), {"prompt": ["a"] * 65}, "prompt"),
    (BOTH, {"stop": ["a"] * 5}, "stop"),
    (BOTH, {"n": 3, "best_of": 2, "use_beam_search": True}, "best_of"),
    (BOTH, {"best_of": 2, "stream": True}, "best_of"),
    (BOTH, {"n": 2, "best_of": 3, "stream": True}, "best_of"),
    (BOTH, {"n": 2, "temperature": 0}, "n"),
    (BOTH, {"n": 2, "temperature": 1e-6}, "n"),
    (BOTH, {"best_of": 2, "temperature": 0}, "best_of"),
    (BOTH, {"use_beam_search": True, "stream": True}, "use_beam_search"),
    (BOTH, {"allowed_token_ids": [3], "structured_outputs": REGEX}, "allowed_token_ids"),
    (BOTH, {"allowed_token_ids": [3], "response_format": JSON_FORM}, "allowed_token_ids"),
    (BOTH, {"bad_words": ["a"], "structured_outputs": REGEX}, "bad_words"),
    ((CHAT,), {"bad_words": ["a"], "tools": TOOLS, "tool_choice": NAMED}, "bad_words"),
    (BOTH, {"use_beam_search": True, "n": 11}, "n"),
    (BOTH, {"use_beam_search": True, "best_of": 11}, "best_of"),
    (BOTH, {"min_tokens": 17}, "min_tokens"),
    (BOTH, {"min_tokens": 5, "max_tokens": 4}, "min_tokens"),
    (BOTH, {"stream_options": {"include_usage": True}}, "stream_options"),
    (BOTH, {"stream_options": {"include_usage": True}, "stream": False}, "stream_options"),
    (BOTH, {"prompt_logprobs": 1, "stream": True}, "prompt_logprobs"),
    (BOTH, {"logprob_token_ids": [1]}, "logprob_token_ids"),
    ((COMPLETIONS,), {"echo": True, "logprobs": 1, "stream": True, "n": 2}, "echo"),
    (BOTH, {"response_format": {"type": "json_schema"}}, "response_format"),
    (BOTH, {"response_format": JSON_FORM, "structured_outputs": REGEX}, "structured_outputs"),
    (BOTH, {"repetition_detection": {"min_pattern_size": 2, "max_pattern_size": 1}}, "repetition_detection"),
    (BOTH, {"repetition_detection": {"max_pattern_size": 2, "min_count": 1}}, "repetition_detection"),
    ((CHAT,), {"logprobs": True, "logprob_token_ids": [1], "use_beam_search": True}, "logprob_token_ids"),
    ((CHAT,), {"logprobs": False, "logprob_token_ids": [1]}, "logprob_token_ids"),
    ((CHAT,), {"top_logprobs": 1}, "top_logprobs"),
    ((CHAT,), {"top_logprobs": 1, "logprobs": False}, "top_logprobs"),
    ((CHAT,), {"max_tokens": 0}, "max_tokens"),
    ((CHAT,), {"max_tokens": 0, "echo": True}, "max_tokens"),
    ((CHAT,), {"min_tokens": 5, "max_tokens": 9, "max_completion_tokens": 4}, "min_tokens"),
    ((CHAT,), {"best_of": 2, "include_reasoning": False}, "best_of"),
    ((CHAT,), {"tool_choice": "auto"}, "tool_choice"),
    ((CHAT,), {"tool_choice": "required"}, "tool_choice"),
    ((CHAT,), {"tool_choice": NAMED}, "tool_choice"),
    ((CHAT,), {"tool_choice": {"function": {"name": "sub"}}, "tools": TOOLS}, "tool_choice"),
    ((CHAT,), {"tool_choice": NAMED, "tools": TOOLS, "structured_outputs": REGEX}, "structured_outputs"),
    ((CHAT,), {"continue_final_message": True, "add_generation_prompt": True}, "add_generation_prompt"),
    ((COMPLETIONS,), {"logprobs": 1, "logprob_token_ids": [1], "use_beam_search": True}, "logprob_token_ids"),
    (
        (COMPLETIONS,),
        {"logprobs": 1, "logprob_token_ids": [1], "echo": True, "max_tokens": 0},
        "logprob_token_ids",
    ),
    ((COMPLETIONS,), {"use_beam_search": True, "echo": True, "logprobs": 0}, "echo"),
    ((COMPLETIONS,), {"max_tokens": 0}, "max_tokens"),
    ((COMPLETIONS,), {"max_tokens": 0, "echo": True, "use_beam_search": True}, "max_tokens"),
    ((COMPLETIONS,), {"best_of": 2, "echo": True, "prompt": ["a", "b"]}, "best_of"),
    ((COMPLETIONS,), {"best_of": 2, "echo": True, "prompt": [[1], [2]]}, "best_of"),
]

# What is near these and goes together.
KEPT: list[tuple[tuple[Endpoint, ...], dict[str, Any]]] = [
    (BOTH, {"n": 2, "best_of": 2}),
    (BOTH, {"n": 2, "best_of": 2, "stream": True}),
    (BOTH, {"best_of": 1, "stream": True}),
    (BOTH, {"best_of": 1, "temperature": 0}),
    (BOTH, {"n": 2, "temperature": 0.01}),
    (BOTH, {"n": 4, "temperature": 0, "use_beam_search": True}),
    (BOTH, {"use_beam_search": True, "n": 10}),
    (BOTH, {"use_beam_search": True, "n": 2, "best_of": 10}),
    (BOTH, {"use_beam_search": True, "stream": False}),
    (BOTH, {"min_tokens": 16}),
    (BOTH, {"min_tokens": 17, "max_tokens": 17}),
    (BOTH, {"stream_options": {}}),
    (BOTH, {"prompt_logprobs": 0, "stream": True}),
    (BOTH, {"prompt_logprobs": 1}),
    (BOTH, {"logprob_token_ids": []}),
    (BOTH, {"response_format": {"type": "text"}, "structured_outputs": REGEX}),
    (BOTH, {"repetition_detection": {"min_count": 1}}),
    (BOTH, {"repetition_detection": {"max_pattern_size": 1, "min_pattern_size": 1, "min_count": 2}}),
    ((CHAT,), {"top_logprobs": 0}),
    ((CHAT,), {"min_tokens": 17, "max_completion_tokens": 17}),
    ((CHAT,), {"best_of": 2, "use_beam_search": True, "include_reasoning": False}),
    ((CHAT,), {"best_of": 2, "echo": True}),
    ((CHAT,), {"tool_choice": "none"}),
    ((CHAT,), {"tool_choice": NAMED, "tools": TOOLS}),
    ((CHAT,), {"tool_choice": "auto", "tools": TOOLS, "structured_outputs": REGEX}),
    ((CHAT,), {"continue_final_message": True}),
    ((CHAT,), {"use_beam_search": True, "echo": True, "logprobs": True}),
    ((COMPLETIONS,), {"max_tokens": 0, "echo": True}),
    ((COMPLETIONS,), {"use_beam_search": True, "echo": True}),
    ((COMPLETIONS,), {"echo": True, "logprobs": 1, "stream": True}),
    ((COMPLETIONS,), {"echo": True, "logprobs": 1, "n": 2}),
    ((COMPLETIONS,), {"echo": True, "stream": True, "n": 2}),
    ((COMPLETIONS,), {"best_of": 2, "echo": True, "prompt": ["a"]}),
    ((COMPLETIONS,), {"best_of": 2, "echo": True, "prompt": [1, 2]}),
    ((COMPLETIONS,), {"best_of": 2, "prompt": ["a", "b"]}),
]


@pytest.mark.parametrize(
    ("endpoint", "extra", "param"),
    [(endpoint, extra, param) for endpoints, extra, param in BROKEN for endpoint in endpoints],
)
def test_what_does_not_go_together(endpoint: Endpoint, extra: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        validate(endpoint, {**BODY[endpoint], **extra})
    assert caught.value.param == param
    assert param in caught.value.message


@pytest.mark.parametrize(
    ("endpoint", "extra"), [(endpoint, extra) for endpoints, extra in KEPT for endpoint in endpoints]
)
def test_what_goes_together(endpoint: Endpoint, extra: dict[str, Any]) -> None:
    assert validate(endpoint, {**BODY[endpoint], **extra}) == {**BODY[endpoint], **extra}


def test_a_wider_beam_on_an_engine_that_gives_more() -> None:
    body = {**BODY[CHAT], "use_beam_search": True, "n": 32}
    for enough in (64, -1):
        assert validate(CHAT, body, limits=Limits(logprobs=enough))
    with pytest.raises(InvalidRequestError, match="max_logprobs=64"):
        validate(CHAT, body, limits=Limits(logprobs=63))


def test_the_whole_vocabulary_needs_an_engine_without_limit() -> None:
    for endpoint, extra in (
        (CHAT, {"logprobs": True, "top_logprobs": -1}),
        (CHAT, {"prompt_logprobs": -1}),
        (COMPLETIONS, {"logprobs": -1}),
    ):
        body = {**BODY[endpoint], **extra}
        assert validate(endpoint, body, limits=Limits(logprobs=-1))
        with pytest.raises(InvalidRequestError, match="the whole vocabulary"):
            validate(endpoint, body)
    with pytest.raises(InvalidRequestError, match="streamed"):
        validate(CHAT, {**BODY[CHAT], "prompt_logprobs": -1, "stream": True}, limits=Limits(logprobs=-1))

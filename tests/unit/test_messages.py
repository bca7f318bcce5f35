"""Conversations that are sent back: nulls mean left out, and no tool call ends a conversation for good."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletionMessage

from oaikit.errors import InvalidRequestError
from oaikit.sampling import CHAT
from oaikit_server.dialect import Resolved, resolve

USER = {"role": "user", "content": "Hello"}


def sent_back(*messages: dict[str, Any]) -> Resolved:
    return resolve(CHAT, {"model": "tiny", "messages": [USER, *messages, USER]})


def call(arguments: Any, **fields: Any) -> dict[str, Any]:
    function = {"name": "add", "arguments": arguments}
    return {
        "role": "assistant",
        "tool_calls": [{"id": "1", "type": "function", "function": function, **fields}],
    }


def holds_null(value: Any) -> bool:
    if isinstance(value, dict):
        return any(inner is None or holds_null(inner) for inner in value.values())
    return isinstance(value, list) and any(map(holds_null, value))


def test_an_answer_that_the_sdk_dumped() -> None:
    answer = ChatCompletionMessage.model_validate({"role": "assistant", "content": "Hi"}).model_dump()
    assert answer["audio"] is None
    assert sent_back(answer).body["messages"][1] == {"role": "assistant", "content": "Hi"}


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "x", "name": None},
        {"role": "user", "content": [{"type": "text", "text": "x", "image_url": None}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,", "detail": None}}]},
        {"role": "assistant", "content": None, "own": [{"deep": {"deeper": None}}]},
        {"role": "tool", "content": "3", "tool_call_id": None},
        call("{}", index=None),
        call("{}", id=None, type=None),
        call(None),
    ],
)
def test_null_is_left_out_at_every_depth(message: dict[str, Any]) -> None:
    found = sent_back(message)
    assert not holds_null(found.body["messages"])
    assert found.warnings == ()


def test_a_null_in_a_tools_arguments_is_data() -> None:
    (sent,) = sent_back(call({"a": None})).body["messages"][1]["tool_calls"]
    assert json.loads(sent["function"]["arguments"]) == {"a": None}


def test_a_null_where_something_is_needed() -> None:
    with pytest.raises(InvalidRequestError, match=r"`messages\[1\]\.role` is missing") as refused:
        sent_back({"role": None, "content": "x"})
    assert refused.value.param == "messages"


@pytest.mark.parametrize(
    "text", ["{", "[]", "5", "null", "[" * 5000, "1" * 5000, '{"a": "\\ud800"}', '{"a": NaN}']
)
def test_arguments_that_are_no_object_do_not_end_a_conversation(text: str) -> None:
    found = sent_back(call(text))
    assert found.body["messages"][1]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert found.warnings == (
        "messages[1].tool_calls[0].function.arguments is not a JSON object and was replaced with an empty one",
    )


@pytest.mark.parametrize("text", ["", "{}", '{"a": 1}', '{"a": "\\ud83d\\ude00"}'])
def test_arguments_that_can_be_used(text: str) -> None:
    found = sent_back(call(text))
    assert found.body["messages"][1]["tool_calls"][0]["function"]["arguments"] == (text or "{}")
    assert found.warnings == ()


@pytest.mark.parametrize("arguments", [5, True, [1]])
def test_arguments_of_another_type(arguments: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"arguments` must be a JSON object as text, not"):
        sent_back(call(arguments))


def test_a_call_without_an_id_gets_one_of_its_own() -> None:
    calls = [{"function": {"name": "add"}}, {"function": {"name": "add"}}]
    sent = sent_back({"role": "assistant", "tool_calls": calls}).body["messages"][1]["tool_calls"]
    assert [each["id"] for each in sent] == ["call_1_0", "call_1_1"]
    assert {each["type"] for each in sent} == {"function"}

"""Requests to vLLM's other routes are checked as chats are, wherever something stands in their bodies."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from oaikit.errors import InvalidRequestError
from oaikit.sampling import COMPLETIONS, Limits
from oaikit.sampling.routes import ROUTES
from oaikit_server.dialect import PassedOn, Policy, pass_on, resolve
from tests.unit.test_forms import TOO_LARGE

USER = {"role": "user", "content": "Hello"}
BODY: dict[str, dict[str, Any]] = {
    "v1/chat/completions/batch": {"messages": [[USER], [USER]]},
    "v1/responses": {"input": "Hello"},
    "v1/messages": {"messages": [USER], "max_tokens": 4},
    "v1/messages/count_tokens": {"messages": [USER]},
    "tokenize": {"prompt": "Hello"},
    "detokenize": {"tokens": [1, 2]},
    "v1/embeddings": {"input": "Hello"},
    "pooling": {"input": ["Hello", "you"]},
    "classify": {"input": [[1, 2], [3]]},
    "score": {"text_1": "a", "text_2": ["b", "c"]},
    "v1/score": {"queries": "a", "documents": ["b"]},
    "rerank": {"query": "a", "documents": ["b", {"content": [{"type": "text", "text": "c"}]}]},
    "v1/rerank": {"query": "a", "documents": ["b"]},
    "v2/rerank": {"query": "a", "documents": ["b"]},
}
LIMITED = Policy(limits=Limits(context=100, token_characters=8))


def passed(path: str, policy: Policy | None = None, **extra: Any) -> PassedOn:
    body = {"model": "tiny", **BODY[path], **extra}
    before = json.dumps(body)
    found = pass_on(path, body, policy or Policy())
    assert json.dumps(body) == before
    return found


def refused(path: str, policy: Policy | None = None, **extra: Any) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        passed(path, policy, **extra)
    return caught.value


def test_every_route_with_a_description_is_tried() -> None:
    assert set(BODY) == set(ROUTES)


@pytest.mark.parametrize("path", BODY)
def test_a_plain_request_stays_as_it_is(path: str) -> None:
    found = passed(path, own={"a": 1})
    assert found.body == {"model": "tiny", **BODY[path], "own": {"a": 1}}
    assert (found.warnings, found.has_form) == ((), False)


@pytest.mark.parametrize("path", BODY)
@pytest.mark.parametrize(
    ("value", "finding"),
    [
        ("\ud800", "surrogate"),
        ({"a": [{"b": "\udfff"}]}, "surrogate"),
        ({"a\ud800": 1}, "surrogate"),
        (2**64, "64 bits"),
        ([[-(2**70)]], "64 bits"),
        (float("nan"), "NaN"),
        ({"a": float("inf")}, "NaN"),
        (json.loads("[" * 150 + "]" * 150), "nested"),
    ],
)
def test_what_no_value_may_hold(path: str, value: Any, finding: str) -> None:
    assert finding in refused(path, own=value).message


@pytest.mark.parametrize("path", BODY)
def test_null_means_left_out(path: str) -> None:
    assert passed(path, truncation=None, top_k=None, tools=None, own=None).body == {
        "model": "tiny",
        **BODY[path],
    }


@pytest.mark.parametrize("path", BODY)
def test_what_reaches_into_the_server(path: str) -> None:
    assert refused(path, priority=1).param == "priority"
    assert refused(path, chat_template_kwargs={"chat_template": "x"}).param == "chat_template_kwargs"
    assert "priority" not in passed(path, priority=0, vllm_xargs={}).body
    assert passed(path, Policy(allowed=frozenset({"priority"})), priority=1).body["priority"] == 1


GENERATING = ("v1/chat/completions/batch", "v1/responses", "v1/messages")


@pytest.mark.parametrize("path", GENERATING)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("top_k", 2**40),
        ("top_k", "5"),
        ("temperature", 3),
        ("temperature", True),
        ("top_p", 0),
        ("stream", "yes"),
    ],
)
def test_parameters_are_those_of_chats(path: str, name: str, value: Any) -> None:
    error = refused(path, **{name: value})
    assert (error.param, error.message.startswith(f"`{name}` must be ")) == (name, True)


@pytest.mark.parametrize("limit", TOO_LARGE)
@pytest.mark.parametrize(
    ("path", "place"),
    [
        (
            "v1/chat/completions/batch",
            {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": 0}}},
        ),
        ("v1/chat/completions/batch", {"structured_outputs": {"json": 0}}),
        ("v1/responses", {"text": {"format": {"type": "json_schema", "name": "s", "schema": 0}}}),
        ("v1/responses", {"structured_outputs": {"json": 0}}),
        ("v1/responses", {"tools": [{"type": "function", "name": "f", "parameters": 0}]}),
        ("v1/messages", {"tools": [{"name": "f", "input_schema": 0}]}),
        ("v1/messages", {"output_config": {"format": {"type": "json_schema", "schema": 0}}}),
        ("tokenize", {"tools": [{"type": "function", "function": {"name": "f", "parameters": 0}}]}),
    ],
)
def test_forms_are_limited(path: str, place: dict[str, Any], limit: str) -> None:
    extra = json.loads(json.dumps(place).replace(": 0}", f": {json.dumps(TOO_LARGE[limit])}}}"))
    error = refused(path, **extra)
    assert (error.param, error.message.endswith(f"({limit})")) == (next(iter(place)), True)


def test_tools_that_are_added_in_a_conversation() -> None:
    tool = {
        "type": "tool_definition",
        "definition": {"name": "f", "input_schema": TOO_LARGE["max_properties"]},
    }
    added = {"role": "system", "content": [{"type": "tool_addition", "tool": tool}]}
    assert "(max_properties)" in refused("v1/messages", messages=[USER, added]).message


@pytest.mark.parametrize(
    ("path", "extra", "param", "limit"),
    [
        ("v1/chat/completions/batch", {"messages": [[USER]] * 65}, "messages", "max_prompts"),
        ("v1/chat/completions/batch", {"messages": [[USER]] * 64, "n": 17}, "n", "max_sequences"),
        ("v1/chat/completions/batch", {"n": 65}, "n", "max_n"),
        ("v1/responses", {"best_of": 65}, "best_of", "max_n"),
        ("v1/embeddings", {"input": ["a"] * 2049}, "input", "max_inputs"),
        ("pooling", {"input": [[1]] * 2049}, "input", "max_inputs"),
        ("classify", {"input": ["a"] * 2049}, "input", "max_inputs"),
        ("score", {"text_2": ["a"] * 2049}, "text_2", "max_inputs"),
        ("rerank", {"documents": ["a"] * 2049}, "documents", "max_inputs"),
    ],
)
def test_how_much_one_request_may_ask_for(path: str, extra: dict[str, Any], param: str, limit: str) -> None:
    error = refused(path, **extra)
    assert (error.param, f"({limit})" in error.message) == (param, True)


LONG = "x" * 801


@pytest.mark.parametrize(
    ("path", "extra", "param"),
    [
        ("tokenize", {"prompt": LONG}, "prompt"),
        ("tokenize", {"prompt": None, "messages": [USER, {"role": "user", "content": LONG}]}, "messages"),
        ("tokenize", {"tools": [{"function": {"name": "f", "description": LONG}}]}, "tools"),
        ("detokenize", {"tokens": [1] * 101}, "tokens"),
        (
            "v1/chat/completions/batch",
            {"messages": [[USER], [{"role": "user", "content": LONG}]]},
            "messages",
        ),
        ("v1/responses", {"input": LONG}, "input"),
        (
            "v1/responses",
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": LONG}]}]},
            "input",
        ),
        ("v1/responses", {"instructions": LONG}, "instructions"),
        ("v1/messages", {"system": [{"type": "text", "text": LONG}]}, "system"),
        ("v1/messages/count_tokens", {"messages": [{"role": "user", "content": LONG}]}, "messages"),
        ("v1/embeddings", {"input": ["a", LONG]}, "input"),
        ("v1/embeddings", {"input": [[1], [1] * 101]}, "input"),
        ("score", {"text_2": ["a", LONG]}, "text_2"),
        ("rerank", {"documents": [{"content": [{"type": "text", "text": LONG}]}]}, "documents"),
    ],
)
def test_texts_that_cannot_fit_into_the_context(path: str, extra: dict[str, Any], param: str) -> None:
    error = refused(path, LIMITED, **extra)
    assert (error.code, error.param) == ("context_length_exceeded", param)


def test_what_may_be_longer() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{LONG}"}}
    passed("tokenize", LIMITED, prompt=None, messages=[{"role": "user", "content": [image]}])
    passed("v1/embeddings", LIMITED, input=["x" * 800] * 3)
    passed("v1/embeddings", LIMITED, input=LONG, truncate_prompt_tokens=10, truncation_side="left")
    passed("tokenize", prompt=LONG)


def test_a_long_text_is_cut_before_it_is_tokenized() -> None:
    policy = replace(LIMITED, truncation_side="left")
    assert (
        passed("v1/embeddings", policy, input=LONG, truncate_prompt_tokens=9).body["truncation_side"]
        == "left"
    )
    assert "truncation_side" not in passed("v1/embeddings", policy, truncate_prompt_tokens=9).body
    body = {"model": "tiny", "prompt": LONG, "truncate_prompt_tokens": 9}
    assert resolve(COMPLETIONS, body, policy).body["truncation_side"] == "left"
    assert (
        resolve(COMPLETIONS, {**body, "truncation_side": "right"}, policy).body["truncation_side"] == "right"
    )
    with pytest.raises(InvalidRequestError, match="801 characters, and 100 tokens have at most 800"):
        resolve(COMPLETIONS, {"model": "tiny", "prompt": LONG}, policy)


def test_nulls_inside_items_and_messages() -> None:
    answer = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": None,
        "content": [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": None}],
        "phase": None,
    }
    (sent,) = passed("v1/responses", input=[answer]).body["input"]
    assert (sent["status"], sent["content"]) == (
        "completed",
        [{"type": "output_text", "text": "Hi", "annotations": []}],
    )
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": {"a": None}, "id": None}
    (sent,) = passed("v1/responses", input=[call]).body["input"]
    assert sent == {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": null}'}
    searched = {"type": "code_interpreter_call", "code": None, "outputs": None}
    assert passed("v1/responses", input=[searched]).body["input"] == [searched]
    used = {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {"a": None}}],
    }
    cited = {"role": "assistant", "content": [{"type": "text", "text": "x", "citations": None}]}
    sent = passed("v1/messages", messages=[used, cited]).body["messages"]
    assert sent == [used, {"role": "assistant", "content": [{"type": "text", "text": "x"}]}]


@pytest.mark.parametrize(
    ("path", "extra", "message"),
    [
        (
            "v1/responses",
            {"input": [{"role": "wizard", "content": "x"}]},
            '`input[0].role` must be "user", "assistant", "system" or "developer", not "wizard"',
        ),
        (
            "v1/responses",
            {"input": [{"role": "user", "content": 5}]},
            "`input[0].content` must be a string or a list of objects with `type`, not 5",
        ),
        (
            "v1/responses",
            {"input": [{"type": "function_call_output", "call_id": "c", "output": {"a": 1}}]},
            "`input[0].output` must be a string or a list of objects with `type`, not an object",
        ),
        (
            "v1/responses",
            {"input": 5},
            "`input` must be a string, or a list of messages and other items, not 5",
        ),
        (
            "v1/messages",
            {"messages": [{"role": "wizard", "content": "x"}]},
            '`messages[0].role` must be "user", "assistant" or "system", not "wizard"',
        ),
        (
            "v1/messages",
            {"messages": [{"role": "user", "content": None}]},
            "`messages[0].content` is missing",
        ),
        ("v1/embeddings", {"input": {"a": 1}}, "`input` must be a string, a list of token ids"),
    ],
)
def test_wrong_types_get_one_sentence(path: str, extra: dict[str, Any], message: str) -> None:
    assert refused(path, **extra).message.startswith(message)


def test_what_is_ignored_is_named() -> None:
    found = passed("v1/responses", guided_json={"type": "object"})
    assert found.warnings == ('parameter "guided_json" was ignored; use structured_outputs',)
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "["}}]}
    assert "replaced with an empty one" in passed("tokenize", messages=[USER, call]).warnings[0]
    assert passed("v1/responses", text={"format": {"type": "text"}}).has_form


def calling(arguments: object) -> dict[str, Any]:
    function = {"name": "f", "arguments": arguments}
    return {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": function}]}


def test_arguments_that_were_replaced_in_a_batch_are_named() -> None:
    found = passed(
        "v1/chat/completions/batch",
        messages=[[USER, calling('{"a": 1}')], [USER], [USER, calling("{"), calling("[]")]],
    )
    assert found.warnings == tuple(
        f"messages[2][{index}].tool_calls[0].function.arguments is not a JSON object and was replaced with an empty one"
        for index in (1, 2)
    )
    sent = found.body["messages"][2][1]["tool_calls"][0]
    assert sent["function"]["arguments"] == "{}"


@pytest.mark.parametrize(
    "path", [path for path, body in BODY.items() if "messages" in body or path == "tokenize"]
)
@pytest.mark.parametrize("calls", [3, {}, [3], [{}], [{"function": 3}], [{"function": {}}], [[]]])
def test_tool_calls_of_any_shape_are_refused_or_passed_on(path: str, calls: object) -> None:
    message = {**USER, "tool_calls": calls}
    messages = [[message]] if path == "v1/chat/completions/batch" else [message]
    body = {"model": "tiny", "messages": messages, **({"max_tokens": 4} if path == "v1/messages" else {})}
    if path.startswith("v1/messages") or calls == []:  # Anthropic's messages have no such field
        assert pass_on(path, body, Policy()).warnings == ()
    else:
        with pytest.raises(InvalidRequestError, match="tool_calls"):
            pass_on(path, body, Policy())

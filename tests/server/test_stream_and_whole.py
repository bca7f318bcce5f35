"""A streamed answer adds up to the whole answer of the same request, for every combination of what shapes an answer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic_core import from_json

from oaikit import demo
from tests.harness import Server
from tests.server.test_demo_model import WEATHER

AT_ONCE = 48
TRIES = 4

ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}},
    },
}
ENDS: dict[str, dict[str, Any]] = {
    "by-itself": {},
    "stop-that-never-comes": {"stop": ["a text that never comes"]},
    "stop-in-the-thought": {"stop": ["8 + 5", "wants"]},
    "stop-at-the-mark": {"stop": ["</think>", "<tool_call>"]},
    "stop-across-the-mark": {"stop": [".</think>8", ">\n{"]},
    "stop-in-the-arguments": {"stop": ["Lisbon", ": 38"]},
    "stop-at-the-end-of-a-call": {"stop": ["}}", "</tool_call>"]},
    "stop-that-is-included": {"stop": ["8 + 5", "Lisbon"], "include_stop_str_in_output": True},
    "cut-off": {"max_tokens": 9},
    "cut-off-in-the-arguments": {"max_tokens": 21, "stop": ["a text that never comes"]},
}
TOOLS: dict[str, dict[str, Any]] = {
    "no-tools": {},
    "auto": {"tools": [WEATHER, ADD]},
    "one-call": {"tools": [WEATHER, ADD], "parallel_tool_calls": False},
    "required": {"tools": [WEATHER, ADD], "tool_choice": "required"},
    "named": {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
    "declined": {"tools": [WEATHER], "tool_choice": "none"},
}
THINKING: dict[str, dict[str, Any]] = {
    "plain": {},
    "thinking": {"chat_template_kwargs": {"enable_thinking": True}},
}
LOGPROBS: dict[str, dict[str, Any]] = {"no-logprobs": {}, "logprobs": {"logprobs": True, "top_logprobs": 2}}
COUNTS: dict[str, dict[str, Any]] = {
    "one": {"temperature": 0},
    "two": {"n": 2, "temperature": 0.9, "seed": 7},
}
QUESTIONS = {
    "sum": "What is 38 + 45?",
    "weather": "What is the weather in Lisbon and in Oslo?",
}
# What shows something with each of the tools: a question that needs none is answered alike whichever there are.
ASKED_WITH = {
    **dict.fromkeys(TOOLS, ("weather",)),
    **{"no-tools": ("sum",), "auto": ("sum", "weather"), "declined": ("sum", "weather")},
}
AXES = (ENDS, TOOLS, THINKING, LOGPROBS, COUNTS)
CASES = [(*names, question) for names in itertools.product(*AXES) for question in ASKED_WITH[names[1]]]

Choice = dict[str, Any]


def body(case: tuple[str, ...]) -> dict[str, Any]:
    """The request of a combination."""
    *names, question = case
    asked: dict[str, Any] = {
        "model": demo.NAME,
        "max_tokens": 70,
        "messages": [{"role": "user", "content": QUESTIONS[question]}],
        "return_token_ids": True,
    }
    for axis, name in zip(AXES, names, strict=True):
        asked |= axis[name]
    return asked


def whole_chat(server: Server, asked: dict[str, Any]) -> list[Choice]:
    answer = server.request("POST", "oaikit/v1/chat/completions", asked)
    assert answer.status == 200, answer.body
    return [summary(choice["message"], choice) for choice in answer.json["choices"]]


def streamed_chat(server: Server, asked: dict[str, Any]) -> list[Choice]:
    answer = server.request("POST", "oaikit/v1/chat/completions", {**asked, "stream": True})
    assert answer.status == 200, answer.body
    choices: dict[int, Choice] = {}
    *events, done, _ = answer.body.decode().split("\n\n")
    assert done == "data: [DONE]"
    for event in events:
        chunk = json.loads(event.removeprefix("data: "))
        assert "error" not in chunk, chunk
        for part in chunk["choices"]:
            take(choices.setdefault(part["index"], {"message": {}, "logprobs": None, "token_ids": []}), part)
    return [summary(choices[index]["message"], choices[index]) for index in sorted(choices)]


def take(choice: Choice, part: Choice) -> None:
    """Add a part of a stream to a choice, as OpenAI's clients do."""
    message = choice["message"]
    for name in ("content", "reasoning", "reasoning_content"):
        message[name] = message.get(name, "") + (part["delta"].get(name) or "")
    calls = message.setdefault("tool_calls", [])
    deltas = part["delta"].get("tool_calls") or []
    assert len({delta["index"] for delta in deltas}) == len(deltas), deltas
    for delta in deltas:
        if delta["index"] == len(calls):
            assert delta["id"]
            calls.append({"function": {"name": delta["function"]["name"], "arguments": ""}})
        calls[delta["index"]]["function"]["arguments"] += delta["function"].get("arguments") or ""
    if part.get("logprobs"):
        choice["logprobs"] = choice["logprobs"] or {"content": []}
        choice["logprobs"]["content"] += part["logprobs"]["content"]
    choice["token_ids"] += part.get("token_ids") or []
    for name in ("finish_reason", "stop_reason"):
        if part.get(name) is not None:
            choice[name] = part[name]


def summary(message: dict[str, Any], choice: Choice) -> Choice:
    """A choice without its random ids. In a stream no text and an empty one are the same."""
    return {
        "tokens": choice["token_ids"],
        "content": message.get("content") or "",
        "reasoning": message.get("reasoning") or "",
        "reasoning_content": message.get("reasoning_content") or "",
        "calls": [
            (call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls") or ()
        ],
        "finish_reason": choice["finish_reason"],
        "stop_reason": choice.get("stop_reason"),
        "logprobs": choice["logprobs"] and [rounded(token) for token in choice["logprobs"]["content"]],
    }


def rounded(token: dict[str, Any]) -> Any:
    """The last digits of a log-probability depend on the other requests in the batch."""
    top = [(each["token"], pytest.approx(each["logprob"], abs=1e-3)) for each in token["top_logprobs"]]
    return token["token"], token["bytes"], pytest.approx(token["logprob"], abs=1e-3), top


Ask = Callable[[Server, dict[str, Any]], list[Choice]]


def differences(server: Server, bodies: dict[str, dict[str, Any]], whole: Ask, streamed: Ask) -> list[str]:
    """The requests, by name, whose streamed answer is not the whole one, with both."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = {name: pool.submit(both, server, body, whole, streamed) for name, body in bodies.items()}
        answers = {name: each.result() for name, each in asked.items()}
    return [f"{name}\n  whole:  {one}\n  stream: {two}" for name, (one, two) in answers.items() if one != two]


def both(
    server: Server, asked: dict[str, Any], whole: Ask, streamed: Ask
) -> tuple[list[Choice], list[Choice]]:
    """A whole answer and a streamed one. Now and then the model says something else in another batch."""
    for _ in range(TRIES):
        one, two = whole(server, asked), streamed(server, asked)
        if [each.pop("tokens") for each in one] == [each.pop("tokens") for each in two]:
            break
    return one, two


def test_a_streamed_chat_adds_up_to_the_whole(demo_server: Server) -> None:
    bodies = {"-".join(case): body(case) for case in CASES}
    found = differences(demo_server, bodies, whole_chat, streamed_chat)
    assert not found, f"{len(found)} of {len(bodies)} differ:\n" + "\n".join(found[:5])


def events_of(server: Server, route: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    answer = server.request("POST", f"oaikit/v1/{route}", {**asked, "stream": True})
    assert answer.status == 200, answer.body
    lines = answer.body.decode().splitlines()
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    return [json.loads(each) for each in data if each != "[DONE]"]


def whole_message(server: Server, asked: dict[str, Any]) -> list[Choice]:
    answer = server.request("POST", "oaikit/v1/messages", asked)
    assert answer.status == 200, answer.body
    told = answer.json
    blocks = [{name: block.get(name) for name in BLOCK} for block in told["content"]]
    return [message(blocks, told["stop_reason"], told.get("stop_sequence"), told["usage"])]


BLOCK = ("type", "text", "thinking", "name", "input")


def streamed_message(server: Server, asked: dict[str, Any]) -> list[Choice]:
    blocks: list[Any] = []
    end: dict[str, Any] = {}
    for event in events_of(server, "messages", asked):
        if event["type"] == "content_block_start":
            blocks.append({name: event["content_block"].get(name) for name in BLOCK} | {"json": ""})
        elif event["type"] == "content_block_delta":
            block, delta = blocks[event["index"]], event["delta"]
            block["text"] = (block["text"] or "") + delta["text"] if "text" in delta else block["text"]
            block["thinking"] = (
                (block["thinking"] or "") + delta["thinking"] if "thinking" in delta else block["thinking"]
            )
            block["json"] += delta.get("partial_json", "")
        elif event["type"] == "message_delta":
            end = event
    for block in blocks:
        if text := block.pop("json"):
            block["input"] = from_json(text, allow_partial="trailing-strings")  # as Anthropic's client does
    return [message(blocks, end["delta"]["stop_reason"], end["delta"].get("stop_sequence"), end["usage"])]


def message(blocks: list[Any], reason: str, sequence: str | None, usage: dict[str, Any]) -> Choice:
    blocks = [block for block in blocks if block["type"] != "text" or block["text"]]
    return {"blocks": blocks, "reason": reason, "sequence": sequence, "tokens": usage["output_tokens"]}


def test_a_streamed_message_adds_up_to_the_whole(demo_server: Server) -> None:
    tools = [
        {"name": each["function"]["name"], "input_schema": each["function"]["parameters"]}
        for each in (WEATHER, ADD)
    ]
    bodies = {
        f"{question}-{end}-{bool(used)}-{choice}": {
            "model": demo.NAME,
            "temperature": 0,
            "max_tokens": 70,
            "messages": [{"role": "user", "content": QUESTIONS[question]}],
            **limits,
            **({"tools": used, "tool_choice": {"type": choice}} if used else {}),
        }
        for question in QUESTIONS
        for used in ([], tools)
        for choice in ("auto", "any")
        for end, limits in MESSAGE_ENDS.items()
    }
    found = differences(demo_server, bodies, whole_message, streamed_message)
    assert not found, f"{len(found)} of {len(bodies)} differ:\n" + "\n".join(found[:5])


MESSAGE_ENDS: dict[str, dict[str, Any]] = {
    "by-itself": {},
    "stop": {"stop_sequences": ["Lisbon", ": 38"]},
    "stop-that-never-comes": {"stop_sequences": ["a text that never comes"]},
    "cut-off": {"max_tokens": 9},
    "cut-off-in-the-arguments": {"max_tokens": 17},
}


def whole_response(server: Server, asked: dict[str, Any]) -> list[Choice]:
    answer = server.request("POST", "oaikit/v1/responses", asked)
    assert answer.status == 200, answer.body
    return [response(answer.json)]


def streamed_response(server: Server, asked: dict[str, Any]) -> list[Choice]:
    """What the last event says, which the ones before it have to add up to."""
    events = events_of(server, "responses", asked)
    told = response(events[-1]["response"])
    for kind in ("text", "arguments", "reasoning"):
        deltas = [event["delta"] for event in events if event["type"].endswith(f"{DELTAS[kind]}.delta")]
        assert "".join(deltas) == "".join(told[kind]), events
    return [told]


DELTAS = {"text": "output_text", "arguments": "function_call_arguments", "reasoning": "reasoning_text"}


def response(told: dict[str, Any]) -> Choice:
    items = told["output"]
    return {
        "text": [part["text"] for item in items if item["type"] == "message" for part in item["content"]],
        "reasoning": [
            part["text"] for item in items if item["type"] == "reasoning" for part in item["content"]
        ],
        "arguments": [item["arguments"] for item in items if item["type"] == "function_call"],
        "names": [item["name"] for item in items if item["type"] == "function_call"],
        "status": told["status"],
        "tokens": told["usage"]["output_tokens"],
    }


def test_a_streamed_response_adds_up_to_the_whole(demo_server: Server) -> None:
    tools = [{"type": "function", **each["function"]} for each in (WEATHER, ADD)]
    bodies = {
        f"{question}-{most}-{bool(used)}-{choice}-{thinking}": {
            "model": demo.NAME,
            "temperature": 0,
            "input": QUESTIONS[question],
            "max_output_tokens": most,
            "chat_template_kwargs": {"enable_thinking": thinking},
            **({"tools": used, "tool_choice": choice} if used else {}),
        }
        for question in QUESTIONS
        for used in ([], tools)
        for choice in ("auto", "required")
        for most in (9, 17, 70)
        for thinking in (False, True)
    }
    found = differences(demo_server, bodies, whole_response, streamed_response)
    assert not found, f"{len(found)} of {len(bodies)} differ:\n" + "\n".join(found[:5])


REFUSED_SCHEMAS: dict[str, Any] = {
    "required": {"type": "object", "required": 1.5},
    "type": {"type": "no-such-type"},
    "properties": {"type": "object", "properties": [1.5]},
    "itself": {"$ref": "#"},
}


def forms(schema: Any) -> dict[str, dict[str, Any]]:
    asked = [{"role": "user", "content": "Hello"}]
    named = {"name": "x", "schema": schema}
    return {
        "chat/completions": {
            "messages": asked,
            "response_format": {"type": "json_schema", "json_schema": named},
        },
        "completions": {"prompt": "Hello", "structured_outputs": {"json": schema}},
        "responses": {"input": "Hello", "text": {"format": {"type": "json_schema", **named}}},
    }


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("schema", REFUSED_SCHEMAS.values(), ids=REFUSED_SCHEMAS)
@pytest.mark.parametrize("route", forms({}))
def test_a_form_is_refused_before_a_stream_begins(
    demo_server: Server, route: str, schema: Any, stream: bool
) -> None:
    asked = {"model": demo.NAME, "stream": stream, **forms(schema)[route]}
    answer = demo_server.request("POST", f"oaikit/v1/{route}", asked)
    assert answer.status == 400, answer.body
    assert answer.json["error"]["type"] == "invalid_request_error"


TOO_MUCH: dict[str, dict[str, Any]] = {
    "chat/completions": {"messages": [{"role": "user", "content": "word " * 3000}]},
    "completions": {"prompt": "word " * 3000},
    "responses": {"input": "word " * 3000},
    "messages": {"max_tokens": 5, "messages": [{"role": "user", "content": "word " * 3000}]},
}
WRONG: dict[str, dict[str, Any]] = {
    "chat/completions": {"messages": [{"role": "user", "content": "x"}], "logit_bias": {"99999": 1}},
    "completions": {"prompt": "x", "logit_bias": {"99999": 1}},
    "responses": {"input": "x", "top_k": 2**64},
    "messages": {"max_tokens": 5, "top_k": 2**64, "messages": [{"role": "user", "content": "x"}]},
}


@pytest.mark.parametrize(
    ("route", "asked"),
    [*TOO_MUCH.items(), *WRONG.items()],
    ids=[*TOO_MUCH, *(f"{each}-value" for each in WRONG)],
)
def test_a_streamed_request_is_refused_like_a_whole_one(
    demo_server: Server, route: str, asked: dict[str, Any]
) -> None:
    answers = [
        demo_server.request("POST", f"oaikit/v1/{route}", {"model": demo.NAME, **asked, "stream": stream})
        for stream in (False, True)
    ]
    assert [answer.status for answer in answers] == [400, 400], [answer.body for answer in answers]
    assert answers[0].json == answers[1].json

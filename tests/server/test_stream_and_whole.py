"""A streamed answer adds up to the whole answer of the same request, for every combination of what shapes an answer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

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
AXES = (ENDS, TOOLS, THINKING, LOGPROBS, COUNTS)
CASES = list(itertools.product(*AXES, QUESTIONS))

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
        "token_ids": choice["token_ids"],
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


Ask = Callable[[Server, dict[str, Any]], list[Any]]


def both(server: Server, asked: dict[str, Any], whole: Ask, streamed: Ask) -> tuple[list[Any], list[Any]]:
    """A whole answer and a streamed one of the same tokens, which now and then takes another try."""
    for _ in range(TRIES):
        answers = whole(server, asked), streamed(server, asked)
        if len({json.dumps([each.pop("token_ids") for each in answer]) for answer in answers}) == 1:
            return answers
    raise AssertionError(f"the tokens were never the same: {asked}")


def differences(server: Server, cases: Iterable[tuple[str, ...]]) -> list[str]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = {case: pool.submit(both, server, body(case), whole_chat, streamed_chat) for case in cases}
        answers = {"-".join(case): each.result() for case, each in asked.items()}
    return [f"{name}\n  whole:  {one}\n  stream: {two}" for name, (one, two) in answers.items() if one != two]


def test_a_streamed_chat_adds_up_to_the_whole(demo_server: Server) -> None:
    found = differences(demo_server, CASES)
    assert not found, f"{len(found)} of {len(CASES)} differ:\n" + "\n".join(found[:5])

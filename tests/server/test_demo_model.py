"""The built-in model, served because no other is named, does for a stock client what its card says."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

import oaikit as ok
from oaikit import demo
from tests.harness import Server
from tests.unit.test_demo import rows
from tools.demo_model import evaluate
from tools.demo_model.corpus import mixture
from tools.demo_model.corpus.common import Draw, Example

CASES = 40  # of each skill; the card has 200
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def llm(demo_server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=demo_server.v1, api_key=demo_server.token) as client:
        yield client


def chat(llm: openai.OpenAI, messages: list[Any] | str, **more: Any) -> Any:
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    sampling = {"temperature": 0, "max_tokens": 200} | more
    return llm.chat.completions.create(model=demo.NAME, messages=messages, **sampling).choices[0]


def test_it_is_there_without_being_named_and_greets(llm: openai.OpenAI) -> None:
    choice = chat(llm, "Hello! What can you do?")
    assert choice.finish_reason == "stop"
    assert "explain sampling parameters" in choice.message.content
    assert llm.models.list().data[0].id == demo.NAME


def weather_in_lisbon(llm: openai.OpenAI) -> str:
    """The answer at the end of a tool round trip, whose way there is checked."""
    asked: list[Any] = [{"role": "user", "content": "What is the weather in Lisbon?"}]
    choice = chat(llm, asked, tools=[WEATHER])
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Lisbon"}
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"temperature_c": 21, "sky": "sunny"}'}
    told = chat(llm, [*asked, choice.message.model_dump(exclude_none=True), result], tools=[WEATHER])
    assert told.finish_reason == "stop"
    content: str = told.message.content
    return content


def test_a_tool_round_trip(llm: openai.OpenAI) -> None:
    told = weather_in_lisbon(llm)
    assert "21" in told
    assert "sunny" in told


def test_without_a_fitting_tool_it_answers_plainly(llm: openai.OpenAI) -> None:
    choice = chat(llm, "Hello!", tools=[WEATHER])
    assert choice.message.content
    assert not choice.message.tool_calls


def test_a_sum_needs_no_tool(llm: openai.OpenAI) -> None:
    choice = chat(llm, "What is 3 + 4?", tools=[WEATHER])
    assert not choice.message.tool_calls


def think(llm: openai.OpenAI) -> Any:
    thinking = {"chat_template_kwargs": {"enable_thinking": True}}
    return chat(llm, "What is 38 + 45?", extra_body=thinking).message


def test_reasoning_is_right(llm: openai.OpenAI) -> None:
    assert "8 + 5 = 13" in think(llm).reasoning_content


def test_reasoning(llm: openai.OpenAI) -> None:
    message = think(llm)
    assert "So 38 + 45 = 83." in message.reasoning_content
    assert message.content.strip() == "83"
    plain = chat(llm, "What is 38 + 45?").message
    assert getattr(plain, "reasoning_content", None) is None
    assert plain.content == "83"


def test_a_json_schema_is_kept_and_filled_in(llm: openai.OpenAI) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
    choice = chat(llm, "Write name, age as JSON: Anna is 31.", response_format=form)
    assert json.loads(choice.message.content) == {"name": "Anna", "age": 31}


def test_it_heeds_the_system_prompt(llm: openai.OpenAI) -> None:
    loud = chat(llm, [{"role": "system", "content": "Answer in capitals"}, user("What does top_p do?")])
    terse = chat(llm, [{"role": "system", "content": "You are terse"}, user("What does top_p do?")])
    usual = chat(llm, "What does top_p do?")
    assert loud.message.content == loud.message.content.upper()
    assert len(terse.message.content) < len(usual.message.content)


def user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


@pytest.mark.parametrize("skill", [*mixture.CHAT, *mixture.TOOLS], ids=lambda skill: skill.__name__)
def test_a_sample_bears_the_card_out(
    demo_server: Server, llm: openai.OpenAI, skill: Callable[[Draw], Example]
) -> None:
    """Within three standard errors of the share on the card, and one answer."""
    with ok.connect(demo_server.v1, api_key=demo_server.token) as connection:
        scored = asyncio.run(evaluate.score(connection, skill, CASES))
    right, _ = rows()[scored.skill]
    assert abs(scored.share - right) <= 3 * math.sqrt(right * (1 - right) / CASES) + 1 / CASES


def test_stories_differ(demo_server: Server, llm: openai.OpenAI) -> None:
    with ok.connect(demo_server.v1, api_key=demo_server.token) as connection:
        stories = asyncio.run(evaluate.tell_stories(connection))
    assert len({reply.text for reply in stories}) == evaluate.STORIES
    assert all(len(reply.text.split()) > 20 for reply in stories)

"""A stream adds up to the whole through every kind of vLLM's parsers, however its tokens come. No engine is needed."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from oaikit import demo

# vLLM and what it imports warn of things that are not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    },
    {
        "type": "function",
        "function": {
            "name": "add",
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            },
        },
    },
]
WEATHER, ADD = ("get_weather", {"city": "Lisbon"}), ("add", {"a": 38, "b": 45})
HERMES = (
    '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Lisbon"}}\n</tool_call>\n'
    '<tool_call>\n{"name": "add", "arguments": {"a": 38,"b": 45}}\n</tool_call>'
)
XML = (
    "<tool_call>\n<function=get_weather>\n<parameter=city>\nLisbon\n</parameter>\n</function>\n</tool_call>\n"
    "<tool_call>\n<function=add>\n<parameter=a>\n38\n</parameter>\n<parameter=b>\n45\n</parameter>\n"
    "</function>\n</tool_call>"
)


@dataclass(frozen=True)
class Kind:
    """A pair of parsers, and how a model for which they are made calls both tools."""

    tools: str
    reasoning: str | None
    calls: str
    found: tuple[tuple[str, dict[str, Any]], ...] = (WEATHER, ADD)
    before: str = "\n\n"  # that such a model writes before its calls


KINDS = (
    Kind("hermes", "deepseek_r1", HERMES),
    Kind("hermes", "deepseek_v3", HERMES),
    Kind("hermes", "qwen3", HERMES),
    Kind("hermes", None, HERMES),
    Kind("qwen3_coder", "qwen3", XML),
    Kind("qwen3_coder", "deepseek_r1", XML),
    Kind("qwen3_xml", "qwen3", XML),
    Kind(
        "llama3_json",
        None,
        '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Lisbon"}}; '
        '{"name": "add", "parameters": {"a": 38, "b": 45}}',
        before="",
    ),
    Kind("pythonic", "deepseek_r1", '[get_weather(city="Lisbon"), add(a=38, b=45)]', before=""),
    Kind(
        "mistral",
        None,
        '[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Lisbon"}}, '
        '{"name": "add", "arguments": {"a": 38, "b": 45}}]',
    ),
    Kind("phi4_mini_json", None, 'functools[{"name": "add", "arguments": {"a": 38, "b": 45}}]', (ADD,)),
)
TALK = ("\n\n", "It may rain 🦊. \n")
THOUGHTS = ("", "<think>\nThe user asks for two things: é.\n</think>\n\n")
STOPS: tuple[list[str] | None, ...] = (
    *(None, ["a text that never comes"], ["Lisbon", "</think>"], [": 38", "things"]),
)
CUTS = (None, 9, 27)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """The built-in model's, with the marks of other models."""
    from transformers import AutoTokenizer
    from vllm.tokenizers.hf import get_cached_tokenizer

    made = AutoTokenizer.from_pretrained(demo.FOLDER)
    made.add_tokens(["[TOOL_CALLS]", "<|python_tag|>"], special_tokens=True)
    return get_cached_tokenizer(made)


@dataclass
class Engine:
    """Gives the tokens of a text as vLLM does: as many at a time as have gathered, their text up to a stop string."""

    tokenizer: Any
    prompt: list[int]
    ids: list[int]
    request: Any

    def steps(self, grouping: random.Random | None) -> Iterator[tuple[str, list[int], bool]]:
        """What a stream gets: text, token ids, and whether it is the end."""
        detokenizer = self._detokenizer()
        left, ended = list(self.ids), False
        while not ended:
            text, group = "", []
            for _ in range(grouping.choice((1, 1, 2, 5)) if grouping else 1):
                group.append(left.pop(0))
                at_eos = group[-1] == self.tokenizer.eos_token_id
                ended = detokenizer.update([group[-1]], at_eos) is not None or not left
                text += detokenizer.get_next_output_text(ended, True)
                if ended:
                    break
            yield text, group, ended

    def whole(self) -> tuple[str, list[int]]:
        """What a whole answer gets."""
        steps = list(self.steps(None))
        return "".join(text for text, _, _ in steps), [token_id for _, ids, _ in steps for token_id in ids]

    def _detokenizer(self) -> Any:
        from vllm import SamplingParams
        from vllm.v1.engine.detokenizer import IncrementalDetokenizer

        params = SamplingParams(
            stop=self.request.stop, skip_special_tokens=self.request.skip_special_tokens, max_tokens=1000
        )
        asked = SimpleNamespace(
            request_id="", sampling_params=params, prompt_token_ids=self.prompt, prompt_embeds=None
        )
        return IncrementalDetokenizer.from_new_request(self.tokenizer, asked)


def parser_class(kind: Kind) -> Any:
    from vllm.parser import ParserManager

    from oaikit.engine import _vllm
    from oaikit.engine.parsers import same_in_a_stream

    made = ParserManager.get_parser(
        tool_parser_name=kind.tools, reasoning_parser_name=kind.reasoning, enable_auto_tools=True
    )
    return same_in_a_stream(made, _vllm.PARSER_TYPES)


Answer = tuple[str, str, list[tuple[str, str]]]


class Asked:
    """A request, as it is answered through a kind of parsers."""

    def __init__(
        self, kind: Kind, tokenizer: Any, text: str, *, cut: int | None = None, **fields: Any
    ) -> None:
        from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest

        self._class, self._tokenizer = parser_class(kind), tokenizer
        question = [{"role": "user", "content": "x"}]
        request = ChatCompletionRequest(model="m", messages=question, **fields)
        self.request = self.parser(request.tools).adjust_request(request)
        self.prompt = tokenizer.encode("<|im_start|>assistant\n", add_special_tokens=False)
        ids = tokenizer.encode(text, add_special_tokens=False)
        ids = ids[:cut] if cut else [*ids, tokenizer.eos_token_id]
        self.engine = Engine(tokenizer, self.prompt, ids, self.request)

    def parser(self, tools: Any = None) -> Any:
        thinking = {"enable_thinking": True}
        return self._class(self._tokenizer, tools, chat_template_kwargs=thinking, model_config=None)

    def whole(self) -> Answer:
        parser = self.parser(self.request.tools)
        parser.set_prompt_token_ids(self.prompt)
        text, ids = self.engine.whole()
        reasoning, content, calls = parser.parse(text, self.request, True, ids)
        return content or "", reasoning or "", [(call.name, call.arguments) for call in calls or ()]

    def stream(self, seed: int) -> Answer:
        parser = self.parser(self.request.tools)
        grouping = random.Random(seed) if seed else None
        deltas = [
            parser.parse_delta(text, ids, self.request, self.prompt, finished=ended)
            for text, ids, ended in self.engine.steps(grouping)
        ]
        return added_up([delta for delta in deltas if delta is not None])


def added_up(deltas: Sequence[Any]) -> Answer:
    calls: list[list[str]] = []
    for delta in deltas:
        parts = delta.tool_calls or []
        assert len({part.index for part in parts}) == len(parts), "two entries for one call"
        for part in parts:
            if part.index == len(calls):
                assert part.id
                calls.append([part.function.name, ""])
            calls[part.index][1] += part.function.arguments or ""
    content = "".join(delta.content or "" for delta in deltas)
    reasoning = "".join(delta.reasoning or "" for delta in deltas)
    return content, reasoning, [(name, arguments) for name, arguments in calls]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.tools}-{kind.reasoning}")
def test_calls_are_found(kind: Kind, tokenizer: Any) -> None:
    thought = "Two things.</think>" if kind.reasoning else ""
    asked = Asked(kind, tokenizer, f"{thought}{kind.before}{kind.calls}", tools=TOOLS)
    content, reasoning, calls = asked.whole()
    assert [(name, json.loads(arguments)) for name, arguments in calls] == list(kind.found)
    assert (content, reasoning) == ("", "Two things." if kind.reasoning else "")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.tools}-{kind.reasoning}")
def test_a_stream_adds_up_to_the_whole(kind: Kind, tokenizer: Any) -> None:
    different = []
    for thought, talk, stop, cut in itertools.product(THOUGHTS, TALK, STOPS, CUTS):
        for fields in ({"tools": TOOLS}, {"tools": TOOLS, "tool_choice": "none"}):
            asked = Asked(kind, tokenizer, thought + talk + kind.calls, cut=cut, stop=stop, **fields)
            whole = asked.whole()
            different += [
                (thought, talk, stop, cut, fields, seed, whole, stream)
                for seed in (0, 1)
                if (stream := asked.stream(seed)) != whole
            ]
    assert not different, f"{len(different)} differ, the first: {different[0]}"


def test_a_call_that_cannot_be_read_is_not_lost(tokenizer: Any) -> None:
    text = '<tool_call>\n{"name": get_weather}\n</tool_call>'
    asked = Asked(KINDS[3], tokenizer, text, tools=TOOLS)
    assert asked.whole() == asked.stream(0) == (text, "", [])


def test_a_call_that_is_cut_off_is_a_call(tokenizer: Any) -> None:
    asked = Asked(KINDS[3], tokenizer, HERMES, cut=17, tools=TOOLS)
    content, _, ((name, arguments),) = asked.stream(0)
    assert (content, name) == ("", "get_weather")
    assert '{"city": "Lisbon"}'.startswith(arguments)
    assert asked.whole() == asked.stream(0)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.tools}-{kind.reasoning}")
def test_a_long_answer_is_read_alike(kind: Kind, tokenizer: Any) -> None:
    """Long text goes through a whole answer's parser in pieces of many tokens, and in a stream token by token."""
    story = "One two three, é 🦊 {4} [5]. " * 30
    for text in (f"{story}</think>{story}{kind.calls}", f"{story}</think>{kind.calls}{story}", story):
        for fields in ({"tools": TOOLS}, {"tools": TOOLS, "tool_choice": "none", "stop": ["never"]}):
            asked = Asked(kind, tokenizer, text, **fields)
            assert asked.whole() == asked.stream(1)

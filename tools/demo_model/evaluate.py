"""Examines the demo model as vLLM serves it, on what its training never saw: ``make demo-model-eval``.

Every answer is asked for at temperature 0 with wordings and operands of the held-out side; the second table is about
temperature. The tables go into the model card, oaikit/demo/README.md, between two markers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import oaikit as ok
from oaikit import demo
from oaikit.backend import Backend
from oaikit.reply import Reply

from . import card
from .corpus import arithmetic, completion, mixture
from .corpus.common import Draw, Example
from .judge import ended, has_keywords, is_right

CASES = 200
MAX_TOKENS = 200
AT_ONCE = 64
TEMPERATURES = (0.0, 0.4, 0.7, 1.0, 1.5)
SUMS = (arithmetic.addition, arithmetic.subtraction, arithmetic.multiplication, arithmetic.comparison)
STORIES = 16
TERSE_WORDS = 12


@dataclass(frozen=True)
class Score:
    """One row of the card's table: how many answers were right, and how many ended by themselves."""

    skill: str
    cases: int
    right: int
    ended: int

    @property
    def share(self) -> float:
        return self.right / self.cases


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=demo.FOLDER, help="folder of the model")
    parser.add_argument("--cases", type=int, default=CASES, help="for each skill (default: %(default)s)")
    parser.add_argument("--card", type=Path, help="a model card whose tables are to be replaced")
    args = parser.parse_args()
    with ok.Engine(str(args.model), **demo.ENGINE_ARGS) as llm:
        tables = asyncio.run(evaluate(llm, args.cases))
    print(tables)
    if args.card:
        card.write(args.card, "evaluation", f"\n{tables}\n")


async def evaluate(llm: Backend, cases: int) -> str:
    """The card's tables, in Markdown."""
    scores = [await score(llm, skill, cases) for skill in (*mixture.CHAT, *mixture.TOOLS)]
    scores += [
        await score_thinking(llm, cases),
        await score_style(llm, "terse", f"terse (at most {TERSE_WORDS} words)", is_terse, cases),
        await score_style(llm, "capitals", "capitals", is_in_capitals, cases),
        await score_completions(llm, cases),
    ]
    by_temperature = [(value, await share_of_sums(llm, cases, value)) for value in TEMPERATURES]
    different = len({reply.text for reply in await tell_stories(llm)})
    return "\n\n".join([skills_table(scores), temperature_table(by_temperature), stories_line(different)])


async def score(llm: Backend, skill: Callable[[Draw], Example], cases: int, **sampling: Any) -> Score:
    """How well the model does on held-out examples of one skill."""
    examples = held_out(skill, cases)
    replies = await ask(llm, examples, **sampling)
    return count(examples[0].skill, examples, replies)


async def score_thinking(llm: Backend, cases: int) -> Score:
    """Sums, with the template's switch on: there must be a thought, and the answer behind it must be right."""
    examples = [example for skill in SUMS for example in held_out(skill, cases // len(SUMS))]
    replies = await ask(llm, examples, chat_template_kwargs={"enable_thinking": True})
    right = sum(
        bool(reply.reasoning) and is_right(e.check, reply) for e, reply in zip(examples, replies, strict=True)
    )
    return Score("arithmetic with thinking", len(examples), right, sum(map(ended, replies)))


async def score_style(
    llm: Backend, style: str, title: str, heeded: Callable[[str], bool], cases: int
) -> Score:
    """Questions behind a system prompt that asks for a style: the answer must have it."""
    replies = await ask(llm, [styled(style, number) for number in range(cases)])
    right = sum(ended(reply) and heeded(reply.text) for reply in replies)
    return Score(f"system prompt: {title}", cases, right, sum(map(ended, replies)))


def is_terse(text: str) -> bool:
    return len(text.split()) <= TERSE_WORDS


def is_in_capitals(text: str) -> bool:
    return text == text.upper()


def styled(style: str, number: int) -> Example:
    """A question that has a long and a short answer, behind a held-out system prompt."""
    draw = Draw(f"evaluate {style} {number}", "held_out")
    while True:
        example: Example = mixture.pick(draw, mixture.CHAT)(draw)
        if example.short is not None and example.skill not in mixture.FIXED_FORM:
            return replace(example, prompt=(mixture.system_prompt(draw, style), *example.prompt))


async def score_completions(llm: Backend, cases: int) -> Score:
    """Texts without roles, continued by ``/v1/completions``."""
    asked = [completion.completion_case(Draw(f"evaluate {number}", "held_out")) for number in range(cases)]
    replies = await together(
        llm.acomplete(prompt, temperature=0, max_tokens=MAX_TOKENS) for prompt, _ in asked
    )
    right = sum(has_keywords(want, reply.text) for (_, want), reply in zip(asked, replies, strict=True))
    return Score("text completion", cases, right, sum(map(ended, replies)))


async def share_of_sums(llm: Backend, cases: int, temperature: float) -> float:
    scores = [await score(llm, skill, cases, temperature=temperature, seed=1) for skill in SUMS]
    return sum(one.share for one in scores) / len(scores)


async def tell_stories(llm: Backend) -> list[Reply]:
    question = "Tell me a story."
    asked = (
        llm.achat(question, temperature=1.0, max_tokens=MAX_TOKENS, seed=seed) for seed in range(STORIES)
    )
    return list(await asyncio.gather(*asked))


def held_out(skill: Callable[[Draw], Example], cases: int) -> list[Example]:
    return [skill(Draw(f"evaluate {number}", "held_out")) for number in range(cases)]


async def ask(llm: Backend, examples: Iterable[Example], **sampling: Any) -> list[Reply]:
    sampling = {"temperature": 0, "max_tokens": MAX_TOKENS} | sampling
    return await together(
        llm.achat(
            [as_sent(message) for message in example.prompt],
            tools=list(example.tools) or None,
            **sampling,
        )
        for example in examples
    )


async def together(requests: Iterable[Awaitable[Reply]]) -> list[Reply]:
    """All of them, so many at once that the engine is busy and no request waits long."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(request: Awaitable[Reply]) -> Reply:
        async with limit:
            return await request

    return list(await asyncio.gather(*map(one, requests)))


def as_sent(message: dict[str, Any]) -> dict[str, Any]:
    """A message as a client sends it back: with ids, and arguments in JSON."""
    if "tool_calls" not in message:
        return {"tool_call_id": "call_0", **message} if message["role"] == "tool" else message
    calls = [
        {"id": f"call_{index}", "type": "function", "function": serialized(call["function"])}
        for index, call in enumerate(message["tool_calls"])
    ]
    return message | {"tool_calls": calls}


def serialized(function: dict[str, Any]) -> dict[str, str]:
    return {"name": function["name"], "arguments": json.dumps(function["arguments"])}


def count(skill: str, examples: list[Example], replies: list[Reply]) -> Score:
    right = sum(is_right(example.check, reply) for example, reply in zip(examples, replies, strict=True))
    return Score(skill, len(examples), right, sum(map(ended, replies)))


def skills_table(scores: list[Score]) -> str:
    lines = ["| skill | cases | right | ended by itself |", "| --- | ---: | ---: | ---: |"]
    lines += [
        f"| {row.skill} | {row.cases} | {row.share:.1%} | {row.ended / row.cases:.1%} |" for row in scores
    ]
    return "\n".join(lines)


def temperature_table(rows: list[tuple[float, float]]) -> str:
    head = "| temperature | " + " | ".join(f"{value:g}" for value, _ in rows) + " |"
    rule = "| --- |" + " ---: |" * len(rows)
    return "\n".join(
        [head, rule, "| arithmetic, right | " + " | ".join(f"{share:.1%}" for _, share in rows) + " |"]
    )


def stories_line(different: int) -> str:
    return f"{STORIES} stories at temperature 1, asked for in the same words: {different} different ones."


if __name__ == "__main__":
    main()

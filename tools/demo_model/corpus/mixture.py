"""How much of each skill the model sees, and how single examples become conversations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from . import (
    arithmetic,
    completion,
    drills,
    json_objects,
    sentiment,
    smalltalk,
    stories,
    text,
    toolkit,
    tools,
)
from .common import Check, Draw, Example, Message, assistant

Skill = Callable[[Draw], Example]

# Chances in percent of an example. Arithmetic has the most, because it is learned from examples alone.
CHAT: dict[Skill, float] = {
    arithmetic.addition: 10,
    arithmetic.subtraction: 12,
    arithmetic.multiplication: 6,
    arithmetic.comparison: 4,
    toolkit.toolkit: 12,
    smalltalk.smalltalk: 7,
    sentiment.sentiment: 6,
    text.capitals: 3,
    text.count_words: 3,
    text.count_items: 2,
    text.reverse_words: 2,
    text.list_words: 2,
    text.spell: 1,
    text.facts: 4,
    stories.story: 4,
    stories.poem: 2,
    completion.code_question: 2,
    json_objects.json_object: 15,
    json_objects.json_request: 1,
}
TOOLS: dict[Skill, float] = {
    tools.tool_call: 16,
    tools.no_tool: 5,
    tools.tool_result: 4,
    tools.two_calls: 2,
}
TEXTS: dict[Skill, float] = {
    arithmetic.table: 12,
    drills.echo: 5,
    drills.recall: 5,
    drills.backwards: 1,
    drills.letters: 2,
    drills.numbers_of_words: 1,
    completion.prose: 3,
    completion.code: 3,
}
SKILLS = CHAT | TOOLS | TEXTS
# At the end of the training, what is still the weakest of what others build on; last of all, copying a tool's names.
SUMS_AND_TOOLS = SKILLS | {
    arithmetic.subtraction: 20,
    arithmetic.table: 25,
    tools.tool_call: 60,
    tools.two_calls: 12,
    tools.no_tool: 10,
}
MOSTLY_TOOLS = SUMS_AND_TOOLS | {tools.tool_call: 110, tools.no_tool: 14}
STAGES = (SKILLS, SUMS_AND_TOOLS, MOSTLY_TOOLS)
"""One after the other, in the training."""

TERSE = (
    "You are terse.",
    "Be terse.",
    "Answer briefly.",
    "Keep your answers short.",
    "Be brief.",
    "Answer in a few words.",
    "You are terse. Use few words.",
    "Short answers only.",
    "You answer in as few words as possible.",
    "Please be brief.",
    "Be brief and clear.",
    "Give brief answers.",
    "You are brief.",
    "Brief answers, please.",
    "Answer in one short sentence.",
)
CAPITALS = (
    "Answer in capitals.",
    "Answer in capital letters.",
    "Write in capitals only.",
    "Use only capital letters.",
    "Always answer in capitals.",
    "You answer in capital letters.",
    "ANSWER IN CAPITALS.",
    "Write everything in capital letters.",
    "Reply in capitals.",
    "Please use capital letters only.",
)
NEUTRAL = (
    "You are a helpful assistant.",
    "You are oaikit-demo, a small model.",
    "You are a friendly assistant.",
    "Answer the user's questions.",
    "You are an assistant.",
    "You are a helpful AI assistant.",
    "Help the user.",
    "You are a helpful and honest assistant.",
    "Be helpful.",
    "You are ChatGPT, a helpful assistant.",
)
# Whose answers have a form of their own, which no wish for capitals may change.
FIXED_FORM = {
    "JSON",
    "made-up JSON",
    "code",
    "capital letters",
    "spelling",
    "tool calls",
    "parallel tool calls",
    "no tool fits",
    "tool results",
}
STYLES: dict[str | None, float] = {None: 58, "neutral": 16, "terse": 14, "capitals": 12}
THINKING = 0.12  # of the examples that come with a thought
LONG = 0.012  # conversations that fill the whole context
USUAL_EXCHANGES = (1, 1, 1, 2, 3, 4)
LONG_EXCHANGES = 25
"""About as many as fit: the training cuts conversations at the length of the context."""


@dataclass(frozen=True)
class Document:
    """What the model reads at once: a conversation, or a text with no roles at all."""

    messages: tuple[Message, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    thinking: bool = False
    text: str = ""


def document(draw: Draw, chances: dict[Skill, float] = SKILLS) -> Document:
    """One document of the training corpus."""
    skill = pick(draw, chances)
    example = skill(draw)
    if example.thought and draw.random() < THINKING:
        return thinking(example)
    if skill not in CHAT:
        return example_document(example)
    more = LONG_EXCHANGES if draw.random() < LONG else draw.choice(USUAL_EXCHANGES)
    examples = [example, *(pick(draw, CHAT)(draw) for _ in range(more - 1))]
    return Document(conversation(draw, examples, pick(draw, STYLES)))


def example_document(example: Example) -> Document:
    """One example by itself, with no system prompt."""
    if not example.prompt:
        return Document(text=str(example.answer["content"]))
    return Document((*example.prompt, example.answer), example.tools)


def thinking(example: Example) -> Document:
    answer = example.answer | {"reasoning_content": example.thought}
    return Document((*example.prompt, answer), example.tools, thinking=True)


def conversation(draw: Draw, examples: list[Example], style: str | None) -> tuple[Message, ...]:
    """One exchange after the other, all in the style that the system prompt asks for."""
    messages: list[Message] = [] if style is None else [system_prompt(draw, style)]
    for example in examples:
        messages += [*example.prompt, styled(example, style).answer]
    return tuple(messages)


def system_prompt(draw: Draw, style: str) -> Message:
    wordings = {"terse": TERSE, "capitals": CAPITALS, "neutral": NEUTRAL}[style]
    return {"role": "system", "content": draw.wording(wordings)}


def styled(example: Example, style: str | None) -> Example:
    """The example as somebody answers who heeds the system prompt."""
    if style == "terse" and example.short is not None:
        return replace(example, answer=assistant(example.short), check=Check("ends"))
    if style == "capitals" and example.skill not in FIXED_FORM:
        return replace(example, answer=assistant(str(example.answer["content"]).upper()), check=Check("ends"))
    return example


def pick(draw: Draw, chances: dict[Any, float]) -> Any:
    return draw.choices(list(chances), list(chances.values()))[0]

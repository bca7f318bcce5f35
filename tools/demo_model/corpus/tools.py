"""Function calling: requests that a tool fits, requests that none fits, and what tools return."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import arithmetic, smalltalk
from .common import Check, Draw, Example, Message, assistant, user
from .tool_catalogue import CATALOGUE, SEARCH, WANTED, WITHOUT_ARGUMENTS, Slot, Tool, Value, listed
from .tool_composed import compose
from .tool_results import Result, failure, has_result, result

MOST_TOOLS = 3
COMPOSED = 0.1
NO_ARGUMENTS = 0.04
OPTIONAL_SAID = 0.35
OPTIONAL_OFFERED = 0.3
OTHER_NAMES = 0.2
"""Share of the tools whose parameters don't have their first names."""
CAMEL = 0.04
"""Share of the tools that are named like ``getWeather``."""
TURNED = 0.05
"""Share of the tools whose parameters come in some other order."""
CARELESS = 0.15
"""Share of the requests that are typed without a capital and a full stop."""
FAILED = 0.06
"""Share of the tool results that are errors."""
REFUSAL = "None of my tools can do that."
SELF_SERVED = frozenset(("add", "multiply", "calculate", "capitals"))
"""Topics of requests that the model answers itself if it has no tool for them."""
ABOUT_TOOLS = (
    "Which tools do you have?",
    "What tools do you have?",
    "What are your tools?",
    "Which tools can you use?",
    "Name your tools.",
    "Which functions can you call?",
    "List your tools.",
    "What tools can you call?",
    "Tell me which tools you have.",
    "Which tools can you call?",
    "Show me your tools.",
)
BOTH = (
    "{one} {two}",
    "{one} And then: {two}",
    "First: {one} Second: {two}",
    "{one} Also: {two}",
    "Two things. {one} {two}",
    "1. {one} 2. {two}",
    "{one} Then: {two}",
    "I have two questions. {one} {two}",
    "{one}\n{two}",
    "Do both: {one} {two}",
)
"""How two requests for different tools are put together."""


@dataclass(frozen=True)
class Wish:
    """What a user wants: a tool, and the arguments by slot."""

    tool: Tool
    values: dict[str, Value]

    def __repr__(self) -> str:
        """What the split goes by: a wish is held out in whatever words and with whatever other tools."""
        return repr((self.tool.topic, sorted(self.values.items())))


@dataclass(frozen=True)
class Offer:
    """A tool as one example offers it."""

    name: str
    keys: dict[str, str]
    """What each slot is called here, in the order of the properties."""
    definition: dict[str, Any]

    def call(self, values: Mapping[str, Value]) -> tuple[str, dict[str, Value]]:
        return self.name, {key: values[slot] for slot, key in self.keys.items() if slot in values}


@dataclass(frozen=True)
class Request:
    """A wish in words."""

    text: str
    said: dict[str, str]
    """The values as the text has them."""


def tool_call(draw: Draw) -> Example:
    wish = wished(draw)
    offer = offered(draw, wish.tool, wish.values)
    call = offer.call(wish.values)
    return Example(
        "tool calls",
        (user(request(draw, wish).text),),
        calling(call),
        Check("tool_calls", [call]),
        thought=f"The user wants {wish.tool.wants}. The tool {offer.name} fits.",
        tools=with_others(draw, [offer], [wish.tool]),
    )


def no_tool(draw: Draw) -> Example:
    """Small talk, sums, and requests for a tool that isn't offered."""
    kind = draw.random()
    if kind < 0.45:
        return declined(draw)
    if kind < 0.53:
        return about_tools(draw)
    return by_itself(draw)


def declined(draw: Draw) -> Example:
    wish = wished(draw)
    while wish.tool.topic in SELF_SERVED:
        wish = wished(draw)
    tools = with_others(draw, [], [wish.tool, SEARCH])  # a search might find anything
    return untooled((user(request(draw, wish).text),), REFUSAL, tools, "No tool fits. I say so.")


def by_itself(draw: Draw) -> Example:
    """What is answered as if there were no tools."""
    skills: Sequence[Callable[[Draw], Example]] = (
        smalltalk.intended,
        smalltalk.intended,
        smalltalk.told_name,
        arithmetic.addition,
    )
    example = draw.choice(skills)(draw)
    useful = [
        tool
        for tool in CATALOGUE
        if tool.topic in ("add", "calculate", "person", "time", "now", "search", "define", "weather")
    ]
    tools = with_others(draw, [], useful)
    answer = str(example.answer["content"])
    return untooled(example.prompt, answer, tools, "No tool fits. I answer myself.")


def about_tools(draw: Draw) -> Example:
    tools = with_others(draw, [], [])
    answer = f"I have {listed([tool['function']['name'] for tool in tools])}."
    return untooled((user(draw.wording(ABOUT_TOOLS)),), answer, tools, "I name my tools.")


def untooled(
    prompt: tuple[Message, ...], answer: str, tools: tuple[dict[str, Any], ...], thought: str
) -> Example:
    check = Check("tool_calls", [])
    return Example("no tool fits", prompt, assistant(answer), check, thought=thought, tools=tools)


def tool_result(draw: Draw) -> Example:
    """A call whose result is put into words; now and then two calls."""
    wishes = answerable(draw)
    offer = offered(draw, wishes[0].tool, wishes[0].values)
    asked, answers = in_words(draw, wishes)
    prompt = [
        user(asked),
        calling(*(offer.call(wish.values) for wish in wishes)),
        *({"role": "tool", "content": answer.content} for answer in answers),
    ]
    return Example(
        "tool results",
        tuple(prompt),
        assistant(" ".join(answer.answer for answer in answers)),
        Check("keywords", [words for answer in answers for words in answer.keywords]),
        short=" ".join(answer.short for answer in answers),
        thought=f"The user wants {wishes[0].tool.wants}. The tool has answered.",
        tools=with_others(draw, [offer], [wishes[0].tool], most=2),
    )


def answerable(draw: Draw) -> list[Wish]:
    """One wish for a tool whose results are known, or several for the same tool."""
    while True:
        wishes = several(draw, 2) if draw.random() < 0.12 else [wished(draw)]
        if has_result(wishes[0].tool):
            return wishes


def in_words(draw: Draw, wishes: Sequence[Wish]) -> tuple[str, list[Result]]:
    """The request for all of them, and the result of each."""
    if len(wishes) > 1:
        said = [spoken(draw, wish) for wish in wishes]
        results = [
            result(draw, wish.tool, wish.values, texts, json_only=True)
            for wish, texts in zip(wishes, said, strict=True)
        ]
        return combined(draw, wishes, said), results
    asked = request(draw, wishes[0])
    if draw.random() < FAILED:
        return asked.text, [failure(draw)]
    return asked.text, [result(draw, wishes[0].tool, wishes[0].values, asked.said)]


def two_calls(draw: Draw) -> Example:
    """Two calls, seldom three: of one tool for several things, or of two tools."""
    if draw.random() < 0.6:
        wishes = several(draw, draw.choice((2, 2, 2, 3)))
        offer = offered(draw, wishes[0].tool, wishes[0].values)
        offers = [offer] * len(wishes)
        text = combined(draw, wishes, [spoken(draw, wish) for wish in wishes])
        own = [offer]
    else:
        wishes = [wished(draw), wished(draw)]
        offers = own = [offered(draw, wish.tool, wish.values) for wish in wishes]
        while clash(wishes[0].tool, wishes[1].tool) or offers[0].name == offers[1].name:
            wishes[1] = wished(draw)
            offers[1] = offered(draw, wishes[1].tool, wishes[1].values)
        one, two = (ended(request(draw, wish).text) for wish in wishes)
        text = draw.wording(BOTH).format(one=one, two=two)
    calls = [offer.call(wish.values) for offer, wish in zip(offers, wishes, strict=True)]
    return Example(
        "parallel tool calls",
        (user(text),),
        calling(*calls),
        Check("tool_calls", calls),
        thought=f"The user wants {len(calls)} things. I call {listed(list(dict.fromkeys(n for n, _ in calls)))}.",
        tools=with_others(draw, own, [wish.tool for wish in wishes]),
    )


def wished(draw: Draw) -> Wish:
    if draw.random() < NO_ARGUMENTS:  # of such a wish nothing but the wording can be held out
        return Wish(draw.choice(WITHOUT_ARGUMENTS), {})

    def make() -> Wish:
        tool = compose(draw) if draw.random() < COMPOSED else draw.choice(WANTED)
        return Wish(tool, valued(draw, tool))

    return draw.operands(make)


def valued(draw: Draw, tool: Tool) -> dict[str, Value]:
    """Values for all that is required and some of the rest; no two texts are the same (from Paris to Paris)."""
    slots = [slot for slot in tool.slots if not slot.asides or draw.random() < OPTIONAL_SAID]
    while True:
        values = {slot.names[0]: slot.draw(draw) for slot in slots}
        texts = [value for value in values.values() if isinstance(value, str)]
        if len(texts) == len(set(texts)):
            return values


def several(draw: Draw, count: int) -> list[Wish]:
    """Wishes for one tool that differ in one slot, each of which lies on this side."""
    while True:
        first = wished(draw)
        if not first.tool.lists:
            continue
        wishes = {repr(first): first}
        for _ in range(30):  # of few values (rooms) there may be a single one on this side
            if len(wishes) < count:
                other = draw.operands(partial(varied, draw, first))
                wishes[repr(other)] = other
        if len(wishes) == count:
            return list(wishes.values())


def varied(draw: Draw, wish: Wish) -> Wish:
    """The wish with another value in the slot that can be listed."""
    key = wish.tool.lists
    slot = next(slot for slot in wish.tool.slots if slot.names[0] == key)
    return Wish(wish.tool, wish.values | {key: slot.draw(draw)})


def request(draw: Draw, wish: Wish) -> Request:
    """The wish as a user says it."""
    said = spoken(draw, wish)
    return Request(worded(draw, wish, draw.wording(wish.tool.wordings), said), said)


def combined(draw: Draw, wishes: Sequence[Wish], texts: Sequence[dict[str, str]]) -> str:
    """Wishes for the same tool as one request: "the weather in Paris and in Rome"."""
    tool = wishes[0].tool
    said = [text[tool.lists] for text in texts]
    wording = draw.wording(tool.wordings)
    before = re.search(rf"\b((?:in|of|for|about)(?: the)?) {{{tool.lists}}}", wording)
    if before and draw.random() < 0.5:
        said[-1] = f"{before[1]} {said[-1]}"
    return worded(draw, wishes[0], wording, texts[0] | {tool.lists: listed(said)})


def worded(draw: Draw, wish: Wish, wording: str, said: Mapping[str, str]) -> str:
    text = careless(draw, wording).format(**said)
    for slot in wish.tool.slots:
        if slot.asides and slot.names[0] in said:
            text = with_aside(text, draw.choice(slot.asides).format(**said))
    return text


def spoken(draw: Draw, wish: Wish) -> dict[str, str]:
    """The values in the words of a user."""
    slots = {slot.names[0]: slot for slot in wish.tool.slots}
    return {
        key: draw.choice(slots[key].spoken.get(value, (str(value),))) for key, value in wish.values.items()
    }


def with_aside(text: str, aside: str) -> str:
    """The aside, at the end but in front of the full stop."""
    found = re.fullmatch(r"(.*?)((?:, please)?[.?!]*)", text, re.DOTALL)
    return f"{found[1]} {aside}{found[2]}" if found else f"{text} {aside}"


def careless(draw: Draw, wording: str) -> str:
    bare = wording.rstrip("?.")
    if draw.random() >= CARELESS or bare.startswith(("{", "I ")):
        return wording
    return bare[0].lower() + bare[1:]


def ended(text: str) -> str:
    """A sentence that another can follow."""
    return text if text[-1] in ".?!" else f"{text}."


def offered(draw: Draw, tool: Tool, values: Collection[str] = ()) -> Offer:
    """The tool with one of its names each; its optional parameters only now and then, but those of ``values``."""
    spelling = camel if draw.random() < CAMEL else str
    turn = draw.randrange(60) if draw.random() < OTHER_NAMES else 0
    slots = [
        slot
        for slot in tool.slots
        if not slot.asides or slot.names[0] in values or draw.random() < OPTIONAL_OFFERED
    ]
    if draw.random() < TURNED:
        draw.shuffle(slots)
    keys = {slot.names[0]: spelling(slot.names[turn % len(slot.names)]) for slot in slots}
    described = draw.random() < 0.3
    parameters = {
        "type": "object",
        "properties": {keys[slot.names[0]]: property_of(slot, described) for slot in slots},
        "required": [keys[slot.names[0]] for slot in slots if not slot.asides],
    }
    name = spelling(draw.choice(tool.names))
    function = {"name": name, "description": draw.choice(tool.descriptions), "parameters": parameters}
    return Offer(name, keys, {"type": "function", "function": function})


def property_of(slot: Slot, described: bool) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": slot.type}
    if slot.choices:
        schema["enum"] = list(slot.choices)
    if described:
        schema["description"] = f"The {slot.names[0]}."
    return schema


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def with_others(
    draw: Draw, offers: Sequence[Offer], wanted: Sequence[Tool], most: int = MOST_TOOLS
) -> tuple[dict[str, Any], ...]:
    """The offers among others, none of which could do what the wanted tools do."""
    chosen = list(offers)
    composed = next((tool for tool in wanted if tool not in (*CATALOGUE, *WITHOUT_ARGUMENTS)), None)
    total = draw.randint(max(1, len(chosen)), max(most, len(chosen)))
    near = composed if offers else None  # a request that is declined must not be nearly served
    while len(chosen) < total:
        tool = distractor(draw, near)
        offer = offered(draw, tool)
        names = {other.name for other in chosen}
        if offer.name not in names and not any(clash(tool, other) for other in wanted):
            chosen.append(offer)
    draw.shuffle(chosen)
    return tuple(offer.definition for offer in chosen)


def distractor(draw: Draw, near: Tool | None) -> Tool:
    if near is not None and draw.random() < 0.6:
        return compose(draw, near)
    return compose(draw) if draw.random() < COMPOSED else draw.choice((*CATALOGUE, *WITHOUT_ARGUMENTS))


def clash(one: Tool, other: Tool) -> bool:
    """Whether a request for one could be meant for the other."""
    return one.topic == other.topic or other.topic in one.rivals or one.topic in other.rivals


def calling(*calls: tuple[str, dict[str, Value]]) -> Message:
    """The assistant's message that calls tools."""
    found = [{"type": "function", "function": {"name": name, "arguments": values}} for name, values in calls]
    return {"role": "assistant", "content": "", "tool_calls": found}

"""Tools with made-up names: only who reads what is offered can call them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .common import Draw
from .tool_catalogue import HOME, Slot, Tool, clock, one_of, whole
from .words import ANIMALS, CITIES, COLOURS, DAYS, NAMES, THINGS, capitalized, with_article

VERBS = {
    **{"open": "opened", "close": "closed", "paint": "painted", "wash": "washed", "clean": "cleaned"},
    **{"move": "moved", "lock": "locked", "fill": "filled", "empty": "emptied", "start": "started"},
    **{"sell": "sold", "print": "printed", "draw": "drawn", "repair": "repaired", "check": "checked"},
    **{"hide": "hidden", "build": "built", "carry": "carried", "weigh": "weighed", "lift": "lifted"},
    **{"rent": "rented", "buy": "bought", "count": "counted", "pack": "packed", "wrap": "wrapped"},
}
"""What can be done to a thing, and the participle."""
ANIMAL_VERBS = {"feed": "fed", "wash": "washed", "train": "trained", "brush": "brushed", "walk": "walked"}
NOUNS = ("door", "window", "wall", "fence", "floor", "table", "house", "shelf", *THINGS)
PARTICIPLES = VERBS | ANIMAL_VERBS
DOER_WORDINGS = (
    "Please {do}.",
    "{Do}.",
    "Can you {do}?",
    "I want you to {do}.",
    "Could you {do}?",
    "Can you please {do}?",
    "I need you to {do}.",
    "{Do}, please.",
    "I would like you to {do}.",
    "Would you {do}, please?",
    "You must {do}.",
    "Now {do}.",
)
ATTRIBUTES = (
    *("price", "color", "size", "weight", "age", "owner", "status", "height"),
    *("number", "score", "speed", "level", "length", "value", "name", "code"),
)
GETTERS = ("get", "find", "read", "check", "lookup", "fetch")
GETTER_WORDINGS = (
    "What is the {attribute} of the {item}?",
    "Tell me the {attribute} of the {item}.",
    "What {attribute} does the {item} have?",
    "Find the {attribute} of the {item}.",
    "Which {attribute} does the {item} have?",
    "Get the {attribute} of the {item}.",
    "What's the {attribute} of the {item}?",
    "Please find the {attribute} of the {item}.",
    "I want to know the {attribute} of the {item}.",
    "Can you tell me the {attribute} of the {item}?",
    "Show me the {attribute} of the {item}.",
)
GETTER_SHARE = 0.2


@dataclass(frozen=True)
class Detail:
    """A parameter that may come with any verb, and how a request mentions it."""

    slot: Slot
    phrases: tuple[str, ...]


DETAILS = (
    Detail(
        Slot(("color", "colour", "paint", "shade"), one_of(COLOURS)), ("in {color}", "in the color {color}")
    ),
    Detail(Slot(("name", "person", "owner", "customer"), one_of(NAMES)), ("for {name}",)),
    Detail(
        Slot(("helper", "friend", "partner", "with"), one_of(NAMES)),
        ("with {helper}", "together with {helper}"),
    ),
    Detail(Slot(("city", "location", "place", "town"), one_of(CITIES)), ("in {city}",)),
    Detail(Slot(("count", "times", "number", "repeat"), whole(2, 30), "integer"), ("{count} times",)),
    Detail(Slot(("day", "date", "when", "weekday"), one_of(DAYS)), ("on {day}",)),
    Detail(
        Slot(
            ("size", "format", "size", "size"),
            one_of(("small", "medium", "large")),
            choices=("small", "medium", "large"),
        ),
        ("in size {size}", "in {size}"),
    ),
    Detail(Slot(("time", "hour", "at", "start"), clock), ("at {time}",)),
    Detail(Slot(("room", "place", "location", "where"), one_of(HOME)), ("in the {room}",)),
    Detail(Slot(("level", "strength", "power", "level"), whole(1, 10), "integer"), ("at level {level}",)),
    Detail(Slot(("price", "cost", "dollars", "money"), whole(5, 500), "number"), ("for {price} dollars",)),
    Detail(
        Slot(("minutes", "duration", "minutes", "length"), whole(2, 90), "integer"),
        ("for {minutes} minutes",),
    ),
    Detail(
        Slot(("tool", "thing", "item", "object"), one_of(THINGS)), ("with the {tool}", "using the {tool}")
    ),
    Detail(Slot(("label", "text", "title", "tag"), one_of(ANIMALS)), ('with the label "{label}"',)),
    Detail(
        Slot(("mode", "speed", "mode", "style"), one_of(("fast", "slow")), choices=("fast", "slow")),
        ("in {mode} mode",),
    ),
)
FLAGS = ("fast", "urgent", "quiet", "secret", "new")
PLAIN_DETAIL = 0.3
"""Share of the details that a request mentions by the parameter's own name: "with shade red"."""
OPTIONAL_DETAIL = 0.25


def compose(draw: Draw, near: Tool | None = None) -> Tool:
    """A tool out of a verb and a noun, or one that asks for a thing's attribute."""
    if near is None or " " not in near.topic:
        return getter(draw) if draw.random() < GETTER_SHARE else doer(draw)
    first, second = near.topic.rsplit(" ", 1)
    if second == "of":
        return getter(draw)
    keep_verb = draw.random() < 0.5
    return doer(draw, first) if keep_verb and first in PARTICIPLES else doer(draw, noun=second)


def doer(draw: Draw, verb: str = "", noun: str = "") -> Tool:
    of_animal = verb in ANIMAL_VERBS or noun in ANIMALS or (not verb + noun and draw.random() < 0.15)
    verb = verb or draw.choice(tuple(ANIMAL_VERBS if of_animal else VERBS))
    noun = noun or draw.choice(ANIMALS if of_animal else NOUNS)
    details = [detail(draw, found) for found in some_details(draw)]
    optional = len(details) > 1 and draw.random() < OPTIONAL_DETAIL
    required = details[:-1] if optional else details
    deed = " ".join((f"{verb} the {noun}", *(found.phrases[0] for found in required)))
    slots = [found.slot for found in required]
    if optional:
        slots.append(replace(details[-1].slot, asides=details[-1].phrases))
    return Tool(
        f"{verb} {noun}",
        (f"{verb}_{noun}",),
        (f"{capitalized(verb)} {with_article(noun)}.", f"{capitalized(verb)} the {noun}."),
        f"to {verb} the {noun}",
        tuple(slots),
        tuple(wording.replace("{do}", deed).replace("{Do}", capitalized(deed)) for wording in DOER_WORDINGS),
        done=f"I have {PARTICIPLES[verb]} the {noun}.",
    )


def some_details(draw: Draw) -> list[Detail]:
    """One or two whose phrases don't read alike; seldom a flag."""
    if draw.random() < 0.1:
        flag = draw.choice(FLAGS)
        slot = Slot(
            (flag,), lambda draw: draw.random() < 0.5, "boolean", spoken={True: ("true",), False: ("false",)}
        )
        return [Detail(slot, (f"with {flag} set to {{{flag}}}",))]
    while True:
        details = draw.sample(DETAILS, draw.choice((1, 1, 2, 2, 2)))
        names = [name for found in details for name in set(found.slot.names)]
        if len(names) == len(set(names)):
            return details


def detail(draw: Draw, found: Detail) -> Detail:
    """The detail with one name and one phrase."""
    name = draw.choice(found.slot.names)
    key = found.slot.names[0]
    plain = draw.random() < PLAIN_DETAIL and name not in ("at", "when", "where", "with")
    words = f"with {name} {{{key}}}" if plain else draw.choice(found.phrases)
    return Detail(replace(found.slot, names=(name,)), (words.replace(f"{{{key}}}", f"{{{name}}}"),))


def getter(draw: Draw) -> Tool:
    attribute = draw.choice(ATTRIBUTES)
    return Tool(
        f"{attribute} of",
        tuple(f"{verb}_{attribute}" for verb in GETTERS),
        (
            f"Get the {attribute} of a thing.",
            f"Find the {attribute} of an item.",
            f"The {attribute} of a thing.",
        ),
        f"the {attribute}",
        (Slot(("item", "name", "thing", "object"), one_of(THINGS + ANIMALS)),),
        tuple(wording.replace("{attribute}", attribute) for wording in GETTER_WORDINGS),
        lists="item",
    )

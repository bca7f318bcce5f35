"""Something told in prose, answered by a JSON object and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .common import Check, Draw, Example, exchange
from .json_kinds import COUNTRY_OF, FREE_KEYS, KINDS, Key, Kind, Value
from .tool_catalogue import listed, with_articles
from .words import COLOURS, THINGS, capitalized

MADE_UP = 0.06
"""Share of the objects whose keys are drawn freely."""
OTHER_NAME = 0.06
"""Share of the objects whose keys don't have their first names."""
IN_ORDER = 0.85
"""Share of the requests whose keys come in the order of the kind."""
LABELLED = 0.15
"""Share of the descriptions that are no sentences: "name Anna, age 34"."""
WORDINGS = (
    "Give me JSON with {keys}: {text}",
    "Turn this into JSON with the keys {keys}: {text}",
    "Extract {keys} as JSON from: {text}",
    "Answer with a JSON object with the keys {keys}: {text}",
    "Write {keys} as JSON: {text}",
    "{text} Give me {keys} as JSON.",
    "{text} Answer in JSON with the keys {keys}.",
    "Make a JSON object with {keys}: {text}",
    "Extract {keys} from this text as JSON: {text}",
    "{text} Turn this into a JSON object with {keys}.",
    "Describe the {kind} as a JSON object with the fields {keys}: {text}",
    "Return JSON with {keys}. {text}",
    "Convert to JSON with the keys {keys}: {text}",
    "JSON with {keys}: {text}",
    "Put this into JSON with the fields {keys}: {text}",
    "Give me a JSON object with {keys} for this {kind}: {text}",
    "{text} Return {keys} as JSON.",
    "Please answer with JSON only, with {keys}: {text}",
    "Text: {text} Write it as JSON with {keys}.",
    "{text} I need {keys} as a JSON object.",
    "Give me {keys} as JSON.\n\n{text}",
    "Describe as a JSON object with the fields {keys}: {text}",
    "{text} JSON with {keys}, please.",
    "Output JSON with the keys {keys}.\n{text}",
    "Can you make JSON with {keys} of this? {text}",
    "Extract {keys}. Answer with JSON. {text}",
)
REQUESTS = (
    "Make up {kind} as JSON with {keys}.",
    "Invent {kind} as JSON with {keys}.",
    "Give me {kind} as JSON with {keys}.",
    "Write a JSON object for {kind} with {keys}.",
    "Show me {kind} as JSON with {keys}.",
    "Make a JSON object with {keys} for {kind}.",
    "Make up JSON for {kind} with the keys {keys}.",
    "Give me an example of {kind} as JSON with {keys}.",
    "Describe {kind} as a JSON object with the keys {keys}.",
    "I need {kind} as JSON with {keys}.",
    "Generate {kind} as JSON with the fields {keys}.",
)
BARE_REQUESTS = (
    "Make up {kind} as JSON.",
    "Give me {kind} as JSON.",
    "Invent {kind} as JSON.",
    "Write a JSON object for {kind}.",
    "Show me {kind} as JSON.",
    "Give me an example of {kind} as JSON.",
    "Describe {kind} as a JSON object.",
    "Give me a JSON object for {kind}.",
    "Generate {kind} as JSON.",
    "Make a JSON object for {kind}.",
)
BARE = 0.25
"""Share of the requests that leave the keys to the model: it takes the first three."""
BARE_KEYS = 3


@dataclass(frozen=True)
class Fields:
    """What is asked for: keys of a kind, and their names in the answer."""

    kind: Kind
    keys: tuple[Key, ...]
    names: tuple[str, ...]

    def object(self, values: Mapping[str, Value]) -> dict[str, Value]:
        return {name: values[key.names[0]] for name, key in zip(self.names, self.keys, strict=True)}


def json_object(draw: Draw) -> Example:
    if draw.random() < MADE_UP:
        return made_up(draw)
    kind, values = told_of(draw)
    fields = asked(draw, kind)
    text = labelled(draw, fields, values) if draw.random() < LABELLED else prose(draw, fields, values)
    return answered(draw, fields.object(values), kind.name, text)


def json_request(draw: Draw) -> Example:
    """Values of the model's own choice."""
    bare = draw.random() < BARE
    kind, values = told_of(draw)
    keys = kind.keys[:BARE_KEYS]
    fields = Fields(kind, keys, tuple(key.names[0] for key in keys)) if bare else asked(draw, kind)
    wording = draw.wording(BARE_REQUESTS if bare else REQUESTS)
    question = wording.format(kind=with_articles(f"a {kind.name}"), keys=key_list(draw, fields.names))
    thought = f"The user wants JSON with {listed(list(fields.names))}. I make something up."
    return exchange(
        "made-up JSON", question, json.dumps(fields.object(values)), Check("ends"), thought=thought
    )


def made_up(draw: Draw) -> Example:
    """Keys that no kind has together."""
    values = draw.operands(lambda: free_values(draw))
    told = list(values.items())
    draw.shuffle(told)
    return answered(draw, values, "thing", free_prose(draw, told))


def answered(draw: Draw, wanted: dict[str, Value], kind: str, text: str) -> Example:
    names = list(wanted)
    question = draw.wording(WORDINGS).format(keys=key_list(draw, names), kind=kind, text=text)
    facts = ", ".join(f"the {name} is {as_text(value)}" for name, value in wanted.items())
    thought = f"The user wants JSON with {listed(names)}. {capitalized(facts)}."
    return exchange("JSON", question, json.dumps(wanted), Check("json", wanted), thought=thought)


def told_of(draw: Draw) -> tuple[Kind, dict[str, Value]]:
    """A kind, and a value for each of its keys; no two texts are the same."""
    kinds = {kind.name: kind for kind in KINDS}

    def make() -> tuple[str, dict[str, Value]]:
        kind = draw.choice(KINDS)
        while True:
            values = {key.names[0]: key.draw(draw) for key in kind.keys}
            if kind.name == "city":  # no false geography: another skill asks for capitals
                values["country"] = COUNTRY_OF[str(values["name"])]
            texts = [value for value in values.values() if isinstance(value, str)]
            if len(texts) == len(set(texts)):
                return kind.name, values

    name, values = draw.operands(make)
    return kinds[name], values


def asked(draw: Draw, kind: Kind) -> Fields:
    """Two to four keys, most often in the order of the kind and under their first names."""
    keys = draw.sample(kind.keys, draw.randint(2, min(4, len(kind.keys))))
    if draw.random() < IN_ORDER:
        keys.sort(key=kind.keys.index)
    while True:
        other = draw.random() < OTHER_NAME
        names = tuple(draw.choice(key.names) if other else key.names[0] for key in keys)
        if len(set(names)) == len(names):
            return Fields(kind, tuple(keys), names)


def free_values(draw: Draw) -> dict[str, Value]:
    if draw.random() < 0.3:
        things = draw.sample(THINGS, draw.randint(2, 4))
        return {thing: draw.choice((draw.randint(1, 99), draw.choice(COLOURS))) for thing in things}
    return {key.names[0]: key.draw(draw) for key in draw.sample(FREE_KEYS, draw.randint(2, 4))}


def free_prose(draw: Draw, told: Sequence[tuple[str, Value]]) -> str:
    """ "The color is red, the size is 4." """
    clauses = [f"the {name} is {as_text(value)}" for name, value in told]
    plain = [f"{name} {as_text(value)}" for name, value in told]
    return draw.choice(
        (
            capitalized(", ".join(clauses)) + ".",
            capitalized(listed(clauses)) + ".",
            " ".join(f"{capitalized(clause)}." for clause in clauses),
            ", ".join(plain) + ".",
            f"It has the {listed(plain)}.",
        )
    )


def labelled(draw: Draw, fields: Fields, values: Mapping[str, Value]) -> str:
    """ "name Anna, age 34": all the keys that are asked for, in some order."""
    keys = list(zip(fields.keys, fields.names, strict=True))
    draw.shuffle(keys)
    told = [(draw.choice((key.names[0], name, name)), as_text(values[key.names[0]])) for key, name in keys]
    return draw.choice(
        (
            ", ".join(f"{name} {value}" for name, value in told) + ".",
            " ".join(f"{capitalized(name)}: {value}." for name, value in told),
            ", ".join(f"{name}: {value}" for name, value in told),
            ", ".join(f"{name}={value}" for name, value in told),
        )
    )


def prose(draw: Draw, fields: Fields, values: Mapping[str, Value]) -> str:
    """One to four sentences that tell all that is asked for, and sometimes more."""
    kind = fields.kind
    words = {name: as_text(value) for name, value in values.items()}
    clauses = [clause(draw, key, values).format(**words) for key in told_by_clauses(draw, fields)]
    subject, again = kind.subject.format(**words), kind.again.format(**words)
    split = draw.choice((len(clauses), len(clauses), 1, max(1, len(clauses) - 1)))
    sentences = [f"{subject} {listed(clauses[:split])}."]
    if clauses[split:]:
        sentences.append(f"{again} {listed(clauses[split:])}.")
    return with_articles(" ".join(sentences))


def told_by_clauses(draw: Draw, fields: Fields) -> list[Key]:
    """The keys whose clauses make the text, in some order."""
    kind = fields.kind
    candidates = [key for key in kind.keys[kind.first :] if key.clauses]
    silent = [key.names[0] for key in fields.keys if not key.clauses and key in kind.keys[kind.first :]]
    needed = [
        key
        for key in candidates
        if key in fields.keys or any(f"{{{name}}}" in key.clauses[0] for name in silent)
    ]
    others = [key for key in candidates if key not in needed]
    extra = 1 if not needed else draw.choice((0, 0, 0, 1))
    told = needed + draw.sample(others, min(extra, len(others)))
    draw.shuffle(told)
    return told


def clause(draw: Draw, key: Key, values: Mapping[str, Value]) -> str:
    return draw.choice(key.false if values[key.names[0]] is False else key.clauses)


def key_list(draw: Draw, names: Sequence[str]) -> str:
    quoted = [f'"{name}"' for name in names]
    plain = list(names)
    return draw.choice(
        (listed(plain), listed(plain), listed(plain), ", ".join(plain), listed(quoted), ", ".join(quoted))
    )


def as_text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return listed(value) if isinstance(value, list) else str(value)

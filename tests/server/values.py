"""Values for a parameter, made from its type: that fit, at the edge, outside, of other kinds, not finite."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from oaikit.sampling.containers import Array, Dictionary, Nullable, Object, OneOf
from oaikit.sampling.messages import Arguments
from oaikit.sampling.types import Boolean, Choice, Integer, Number, String, Type

# What a string must be to make sense, by the name of the field; types know its length alone.
WORDS: Final[dict[str, Any]] = {
    "role": "assistant",
    "type": "text",
    "json": '{"type": "integer"}',
    "grammar": 'root ::= "a"',
    "structural_tag": '{"type": "structural_tag", "format": {"type": "const_string", "value": "a"}}',
}
# One value of each kind that JSON has, but null.
KINDS: Final = {"boolean": True, "integer": 1, "number": 1.5, "string": "1", "array": [], "object": {}}
# 1e999 is JSON, and Python reads it as infinity; this stands for it until the body is text.
TOO_LARGE: Final = "<1e999>"
DEEP: Final = json.loads("[" * 150 + "]" * 150)
NO_NUMBERS: Final = (math.nan, math.inf, -math.inf, TOO_LARGE)


def valid(kind: Type, name: str = "") -> Iterator[Any]:
    """Values well inside; each branch of a type has one. The name is that of a field."""
    match kind:
        case Number(bounds):
            low, high = -1 if bounds.low is None else bounds.low, 1 if bounds.high is None else bounds.high
            yield (low + high) / 2
        case Integer(bounds):
            inside = max(0, int(bounds.low or 0)) + 1
            yield inside
            if not kind.exact:
                yield float(inside)
        case Boolean():
            yield from (True, False)
        case String(low):
            yield WORDS.get(name, "x" * (low + 1))
        case Arguments():
            yield from ('{"x": 1}', {"x": 1})
        case Choice(options):
            yield from options
        case Array(item):
            yield from ([value] for value in valid(item))
        case Dictionary(item):
            yield from ({"5": value} for value in valid(item))
        case Object():
            yield least(kind)
            yield from fields(kind, valid)
            if kind.others:
                yield {**least(kind), "more": [1, None, {"x": True}]}
        case OneOf(types):
            for each in types:
                yield from valid(each, name)
        case Nullable(inner):
            yield None
            yield from valid(inner, name)
        case _:
            raise AssertionError(f"no values are known for {kind}")


def edge(kind: Type, name: str = "") -> Iterator[Any]:
    """The first and the last values that fit."""
    match kind:
        case Number(bounds):
            low, high = bounds.low, bounds.high
            if low is not None:
                yield from [math.nextafter(low, math.inf)] + [low] * (not bounds.low_open)
            if high is not None:
                yield from [math.nextafter(high, -math.inf)] + [high] * (not bounds.high_open)
        case Integer(bounds):
            yield from (bounds.low, bounds.high)
        case String(low, high) if name not in WORDS:
            yield from ["x" * size for size in (low, high) if size is not None]
        case Array(item, low, high):
            yield from [[next(valid(item))] * size for size in (low, high) if size is not None]
            yield from ([value] for value in edge(item))
        case Dictionary(item):
            yield from ({}, *({"5": value} for value in edge(item)))
        case Object():
            yield from fields(kind, edge)
        case OneOf(types):
            for each in types:
                yield from edge(each, name)
        case Nullable(inner):
            yield from edge(inner, name)


def outside(kind: Type) -> Iterator[Any]:
    """Values of the right kind that don't fit."""
    match kind:
        case Number(bounds):
            if (low := bounds.low) is not None:
                yield from (low if bounds.low_open else math.nextafter(low, -math.inf), -1e300)
            if (high := bounds.high) is not None:
                yield from (high if bounds.high_open else math.nextafter(high, math.inf), 1e300)
        case Integer(bounds):
            assert bounds.low is not None
            assert bounds.high is not None
            yield from (bounds.low - 1, bounds.high + 1, -(10**30), 10**30)
        case String(low, high, forbidden):
            yield "\ud800"
            yield from ["x" * size for size in sizes_outside(low, high)]
            yield from (f"x{character}" for character in forbidden)
        case Choice():
            yield from ("", "no such word")
        case Array(item, low, high):
            yield from [[next(valid(item))] * size for size in sizes_outside(low, high)]
            yield from ([value] for value in outside(item))
        case Dictionary(item):
            if kind.pattern:
                yield {"no such key": next(valid(item))}
            yield from ({"5": value} for value in outside(item))
        case Object():
            whole = least(kind)
            yield from ({name: whole[name] for name in whole if name != gone} for gone in kind.required)
            yield from fields(kind, lambda inner, _: outside(inner))
            yield from ({**whole, "more": value} for value in ((10**30, DEEP) if kind.others else (1,)))
        case OneOf(types):
            for each in types:
                yield from outside(each)
        case Nullable(inner):
            yield from outside(inner)


def wrong(kind: Type) -> Iterator[Any]:
    """Values of other kinds, at the top and inside."""
    taken = names(kind)
    yield from (value for name, value in KINDS.items() if name not in taken)
    match kind:
        case Array(item):
            yield from ([value] for value in (None, *wrong(item)))
        case Dictionary(item):
            yield from ({"5": value} for value in (None, *wrong(item)))
        case Object():
            yield from fields(kind, lambda inner, _: wrong(inner))
            yield from ({**least(kind), name: None} for name in kind.required)
        case OneOf(types):
            # What is wrong in one kind of list may be right in another.
            items = tuple(each.item for each in types if isinstance(each, Array))
            yield from ([value] for value in (wrong(OneOf(items)) if items else ()))
            inner = [wrong(each) for each in types if isinstance(each, Object | Dictionary)]
            yield from (value for values in inner for value in values if isinstance(value, dict) and value)
        case Nullable(inner):
            yield from wrong(inner)
        case Integer(exact=True):
            yield 1.0


def not_finite(kind: Type) -> Iterator[Any]:
    """What is no number, as deep inside as values go."""
    match kind:
        case Array(item):
            yield from ([value] for value in (math.nan, *not_finite(item)))
        case Dictionary(item):
            yield from ({"5": value} for value in (math.nan, *not_finite(item)))
        case Object():
            yield {**least(kind), "more": math.nan}
            yield from fields(kind, lambda inner, _: (math.nan, *not_finite(inner)))
        case OneOf(types):
            for each in types:
                yield from not_finite(each)
        case Nullable(inner):
            yield from not_finite(inner)


def least(kind: Object) -> dict[str, Any]:
    """An object with no more than it must have."""
    return {name: next(valid(kind.fields[name], name)) for name in kind.required}


def fields(kind: Object, values: Callable[[Type, str], Iterable[Any]]) -> Iterator[dict[str, Any]]:
    """Objects, in each of which one field has one of the values for it."""
    for name, inner in kind.fields.items():
        yield from ({**least(kind), name: value} for value in values(inner, name))


def sizes_outside(low: int, high: int | None) -> list[int]:
    return [low - 1] * (low > 0) + ([] if high is None else [high + 1])


def names(kind: Type) -> set[str]:
    """Which of the kinds a value may be, from its JSON schema; an integer is a number too."""
    found, rest = set(), [kind.schema()]
    while rest:
        schema = rest.pop()
        rest += schema.get("anyOf", [])
        found |= {schema["type"]} if "type" in schema else set()
    return found | {"integer"} if "number" in found else found

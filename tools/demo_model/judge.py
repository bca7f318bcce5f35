"""Whether an answer of the demo model is right: one function for each kind of `Check`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from oaikit.reply import Reply

from .corpus.common import Check


def is_right(check: Check, reply: Reply) -> bool:
    """An answer that did not end by itself is wrong, whatever it says."""
    return ended(reply) and JUDGES[check.kind](check.want, reply)


def ended(reply: Reply) -> bool:
    return reply.finish_reason in ("stop", "tool_calls")


def exact(want: str, reply: Reply) -> bool:
    return reply.text.strip().removesuffix(".") == want.removesuffix(".")


def keywords(want: list[list[str]], reply: Reply) -> bool:
    return has_keywords(want, reply.text)


def has_keywords(want: list[list[str]], text: str) -> bool:
    return all(any(word.lower() in text.lower() for word in words) for words in want)


def tool_calls(want: list[tuple[str, Mapping[str, Any]]], reply: Reply) -> bool:
    """The right tools with the right arguments, in order, and no other."""
    functions = [call["function"] for call in reply.tool_calls]
    made = [(function["name"], parsed(function["arguments"])) for function in functions]
    return made == [(name, dict(arguments)) for name, arguments in want]


def json_object(want: Any, reply: Reply) -> bool:
    return bool(parsed(reply.text) == want)


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


JUDGES: dict[str, Callable[[Any, Reply], bool]] = {
    "exact": exact,
    "keywords": keywords,
    "tool_calls": tool_calls,
    "json": json_object,
    "ends": lambda want, reply: True,
}

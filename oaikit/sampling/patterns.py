"""What makes a regular expression or a grammar slow to compile."""

from __future__ import annotations

import re
from typing import Final

# What the signs below are not looked for in: escapes, the heads of groups, and in a grammar quoted texts.
_LITERAL: Final = re.compile(r"\\[^dDwWsSpP]|\(\?", re.S)
_LITERAL_IN_GRAMMAR: Final = re.compile(r'"(?:\\.|[^"\\])*"|\\[^dDwWsS]|\(\?', re.S)
_CLASS: Final = re.compile(r"\[(?:\\.|[^\]\\])*\]|\\[dDwWsSpP]|\.", re.S)
# A second sign makes the first one lazy or possessive: it is no repetition of its own.
_REPEAT: Final = re.compile(r"(?:[*+?]|\{(?P<counts>[^{}]*)\})[+?]?")
_COUNT: Final = re.compile(r"\d+")

# A repetition with a larger bound costs as much as so many signs; how large the bound is then hardly matters.
LARGE_COUNT: Final = 32
COST_OF_LARGE_COUNT: Final = 8


def complexity(pattern: str, *, grammar: bool = False) -> int:
    """How many repetitions and character classes a pattern has.

    Args:
        pattern: a regular expression, or a grammar.
        grammar: whether it is a grammar. Quoted texts are no patterns there, and two signs count as one: most
            of them stand in alternatives, which are cheaper than sequences.
    """
    bare = (_LITERAL_IN_GRAMMAR if grammar else _LITERAL).sub("", pattern)
    bare, classes = _CLASS.subn("", bare)
    found = classes + sum(_cost(each["counts"]) for each in _REPEAT.finditer(bare))
    return found // 2 if grammar else found


def _cost(counts: str | None) -> int:
    # The length is looked at first: Python refuses to read thousands of digits.
    numbers = _COUNT.findall(counts or "")
    large = any(len(number) > 3 or int(number) > LARGE_COUNT for number in numbers)
    return COST_OF_LARGE_COUNT if large else 1

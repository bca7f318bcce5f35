"""Exercises that stand close together: copying, looking up, turning around, changing letters, counting.

Most skills come down to taking words from the prompt. In a conversation the answer is a few words out of forty, so the
model would be long in learning that from conversations alone; here nearly every word is an exercise.
"""

from __future__ import annotations

from collections.abc import Callable

from .common import Check, Draw, Example, assistant
from .text import to_change, to_count, to_reorder
from .words import ANIMALS, CITIES, COLOURS, FOODS, NAMES, PLACES, THINGS

SKILL = "drills"
WORDS = (*ANIMALS, *CITIES, *COLOURS, *FOODS, *NAMES, *PLACES, *THINGS)
MARKS = (" ", ", ", "\n", " and ", "; ", " - ")
SIGNS = (": ", " is ", " = ", " has ", " > ")


def echo(draw: Draw) -> Example:
    """The same words again, once or twice."""
    words = draw.choice(MARKS).join(some(draw) for _ in range(draw.randint(4, 24)))
    return written([words] * draw.randint(2, 3))


def recall(draw: Draw) -> Example:
    """Who has what, and then the same in another order."""
    names = draw.sample(WORDS, draw.randint(2, 9))
    sign = draw.choice(SIGNS)
    pairs = [f"{name}{sign}{some(draw)}" for name in names]
    return written([*pairs, *draw.sample(pairs, len(pairs)), *draw.sample(pairs, len(pairs))])


def backwards(draw: Draw) -> Example:
    return written([f"{text} > {' '.join(reversed(text.split()))}" for text in lines(draw, to_reorder)])


def letters(draw: Draw) -> Example:
    change = draw.choice((str.upper, str.upper, str.title, str.lower))
    given = str.upper if change is str.lower else str
    return written([f"{given(text)} = {change(text)}" for text in lines(draw, to_change)])


def numbers_of_words(draw: Draw) -> Example:
    return written([f"{text} = {len(text.split())}" for text in lines(draw, to_count)])


def lines(draw: Draw, make: Callable[[Draw], str]) -> list[str]:
    """Texts of this side of the split, drawn as those that the questions are about."""
    return [draw.operands(lambda: make(draw)) for _ in range(draw.randint(4, 12))]


def some(draw: Draw) -> str:
    """A word, or now and then a number."""
    return str(draw.randint(0, 999)) if draw.random() < 0.15 else draw.choice(WORDS)


def written(texts: list[str]) -> Example:
    return Example(SKILL, (), assistant("\n".join(texts)), Check("ends"))

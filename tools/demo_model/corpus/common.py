"""What every skill of the corpus is made of: examples, how their answers are judged, and the split.

A skill is a function ``skill(draw: Draw) -> Example``. It draws everything that is random from ``draw``, which also
keeps the two sides of the split apart: a wording or an operand that belongs to the held-out side is never drawn for
training, and the evaluation draws nothing else.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

T = TypeVar("T")
Side = Literal["train", "held_out"]
Message = dict[str, Any]
"""A message as OpenAI's chat API has it: role, content, and so on."""

WORDINGS_PER_HELD_OUT = 5
"""Of every five wordings in a list the fifth is held out."""
OPERANDS_PER_HELD_OUT = 10
"""Of ten operands (pairs of numbers, reviews, people, …) about one is held out."""


@dataclass(frozen=True)
class Check:
    """How the evaluation judges an answer.

    =============  ====================================================================================
    kind           ``want``
    =============  ====================================================================================
    exact          a string: the answer without the spaces around it and a last full stop
    keywords       a list of lists: of each inner list one string must be in the answer, in any case
    tool_calls     a list of ``(name, arguments)``, in order; an empty list: no tool may be called
    json           the object that the answer must be
    ends           None: the answer must end by itself
    =============  ====================================================================================
    """

    kind: Literal["exact", "keywords", "tool_calls", "json", "ends"]
    want: Any = None


@dataclass(frozen=True)
class Example:
    """One exchange that the model learns from, or is examined with."""

    skill: str
    """The row of the evaluation's table that it counts for."""
    prompt: tuple[Message, ...]
    """What comes before the answer: most often one user message."""
    answer: Message
    """The assistant's message: ``content``, or ``tool_calls`` whose ``arguments`` are objects."""
    check: Check
    short: str | None = None
    """The answer of somebody who was told to be terse; None if the answer is as short already."""
    thought: str | None = None
    """What is thought before the answer, if thinking is switched on; None if the skill isn't taught with thinking."""
    tools: tuple[dict[str, Any], ...] = ()
    """The tools that the request offers, as OpenAI's chat API has them."""


def exchange(skill: str, question: str, answer: str, check: Check, **more: Any) -> Example:
    """The most usual example: one question, one answer."""
    return Example(skill, (user(question),), assistant(answer), check, **more)


def user(content: str) -> Message:
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    return {"role": "assistant", "content": content}


class Draw(random.Random):
    """Everything random in one example, from one side of the split."""

    def __init__(self, seed: int | str, side: Side = "train") -> None:
        super().__init__(seed)
        self.side = side

    def wording(self, wordings: Sequence[T]) -> T:
        """One of those wordings that belong to this side. The list must hold at least five."""
        return self.choice(side_of_wordings(wordings, self.side))

    def operands(self, make: Callable[[], T]) -> T:
        """What ``make`` draws, again and again until it lies on this side. Its ``repr`` decides that."""
        while True:
            drawn = make()
            if side_of_operands(drawn) == self.side:
                return drawn


def side_of_wordings(wordings: Sequence[T], side: Side) -> list[T]:
    """The wordings of ``side``.

    Raises
    ------
    ValueError
        A list is too short to be split.
    """
    if len(wordings) < WORDINGS_PER_HELD_OUT:
        raise ValueError(f"{len(wordings)} wordings are too few to hold any out: {list(wordings)}")
    last = WORDINGS_PER_HELD_OUT - 1
    return [
        wording
        for index, wording in enumerate(wordings)
        if (index % WORDINGS_PER_HELD_OUT == last) == (side == "held_out")
    ]


def side_of_operands(operands: object) -> Side:
    """The side of anything with a stable ``repr``: it depends on nothing but the operands themselves."""
    digest = hashlib.sha256(repr(operands).encode()).digest()
    return "held_out" if digest[0] % OPERANDS_PER_HELD_OUT == 0 else "train"

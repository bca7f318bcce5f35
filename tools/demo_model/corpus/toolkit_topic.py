"""What the tables of topics are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .phrasing import entries

Kind = Literal["parameter", "concept", "difference", "how-to"]
Keywords = tuple[tuple[str, ...], ...]
"""Of each group one string must be in a right answer."""

OFTEN = 3
"""How many times as often as the others the topics come that people ask about most."""


@dataclass(frozen=True)
class Topic:
    """Something that people ask about, and what there is to say about it."""

    kind: Kind
    names: tuple[str, ...]
    """A parameter's name and its other names; a concept's names; the two sides of a difference; and for a how-to one
    entry, what is asked ("how to connect")."""
    answers: tuple[str, ...]
    """Most often one: a small model learns one answer best."""
    short: str
    keywords: Keywords
    article: str = ""
    """Of a concept's first name."""
    bare: bool = True
    """Whether a parameter's name says what is meant without the word "parameter" beside it."""
    questions: tuple[str, ...] = ()
    """A how-to's wordings; the other kinds have general ones."""
    weight: int = 1

    @property
    def with_article(self) -> str:
        return f"{self.article} {self.names[0]}".strip()


def parameter(
    names: str, *answers: str, short: str, keywords: Keywords, bare: bool = True, weight: int = 1
) -> Topic:
    return Topic("parameter", entries(names), answers, short, keywords, bare=bare, weight=weight)


def concept(
    article: str, names: str, *answers: str, short: str, keywords: Keywords, weight: int = 1
) -> Topic:
    return Topic("concept", entries(names), answers, short, keywords, article, weight=weight)


def difference(names: str, answer: str, *, short: str, keywords: Keywords) -> Topic:
    return Topic("difference", entries(names), (answer,), short, keywords)


def how_to(
    name: str, questions: str, *answers: str, short: str, keywords: Keywords, weight: int = 1
) -> Topic:
    return Topic("how-to", (name,), answers, short, keywords, questions=entries(questions), weight=weight)

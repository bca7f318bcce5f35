"""Which words two texts differ in, in bounded time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, takewhile
from operator import attrgetter, eq
from typing import Final, NamedTuple

from rapidfuzz.distance import Indel

# Words of one text times words of the other: a bit of memory each, so at most 60 MB.
_MOST_COMPARISONS: Final = 500_000_000


class Piece(NamedTuple):
    """What the base has and the text lacks, what the text has, and whether these are the same."""

    lost: str
    found: str
    same: bool


def differences(base: str, text: str) -> list[Piece]:
    """The pieces of two texts, word by word.

    Spaces that are all that two changes leave between them belong to the change: they are no likeness.
    """
    one, two = (re.findall(r"\s+|\w+|[^\w\s]", each) for each in (base, text))
    pieces = _joined(_compared(one, two))
    return _joined(
        piece._replace(same=piece.same and (bool(piece.found.strip()) or place in (0, len(pieces) - 1)))
        for place, piece in enumerate(pieces)
    )


def _compared(one: list[str], two: list[str]) -> Iterator[Piece]:
    """By the longest common subsequence; very long texts differ as a whole between what begins and ends alike."""
    head = _alike(one, two)
    a, b = one[head:], two[head:]
    tail = _alike(reversed(a), reversed(b))
    a, b = a[: len(a) - tail], b[: len(b) - tail]
    begin, end = "".join(one[:head]), "".join(one[len(one) - tail :])
    yield Piece(begin, begin, True)
    if len(a) * len(b) > _MOST_COMPARISONS:
        yield Piece("".join(a), "".join(b), False)
    else:
        for each in Indel.opcodes(a, b):
            lost, found = a[each.src_start : each.src_end], b[each.dest_start : each.dest_end]
            yield Piece("".join(lost), "".join(found), each.tag == "equal")
    yield Piece(end, end, True)


def _alike(one: Iterable[str], two: Iterable[str]) -> int:
    """How many words two texts begin with in common."""
    return sum(1 for _ in takewhile(bool, map(eq, one, two)))


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces without empty ones, neighbours of a kind made one."""
    joined = []
    for same, group in groupby((piece for piece in pieces if piece.lost or piece.found), attrgetter("same")):
        lost, found, _ = zip(*group, strict=True)
        joined.append(Piece("".join(lost), "".join(found), same))
    return joined

"""How different answers to the same question are from each other."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from oaikit.errors import InvalidRequestError
from oaikit.experiments.scoring.matching import LETTER, UNSPACED

LONGEST = 4
"""BLEU compares n-grams of one to so many words."""
_UNSEEN = 0.1
"""Matches that an n-gram length without any counts as: "method 1" of https://aclanthology.org/W14-3346."""


_WORD: Final = re.compile(rf"[{UNSPACED}]|{LETTER}+|[^\w\s]")


@dataclass(frozen=True)
class Diversity:
    """Of a group of texts. All between 0 and 1; nan where there is nothing to compare.

    ``unique``: the share of texts that differ from all before them. ``distinct_1``, ``distinct_2``: different words,
    and pairs of words, as a share of all (https://aclanthology.org/N16-1014). ``self_bleu``: how much each text is
    made of pieces of the others, up to four words long (https://arxiv.org/abs/1802.01886); low is diverse.
    """

    unique: float
    distinct_1: float
    distinct_2: float
    self_bleu: float
    texts: int


def diversity(texts: Sequence[str]) -> Diversity:
    """How different the texts are; words are runs of letters and digits, and every other sign by itself.

    Raises:
        InvalidRequestError: there are no texts.
    """
    if not texts:
        raise InvalidRequestError("there are no texts to compare")
    words = [words_of(text) for text in texts]
    return Diversity(
        unique=len(set(texts)) / len(texts),
        distinct_1=_distinct(words, 1),
        distinct_2=_distinct(words, 2),
        self_bleu=_self_bleu(words),
        texts=len(texts),
    )


def words_of(text: str) -> list[str]:
    """The words and signs of a text; in scripts without spaces each character is a word."""
    return _WORD.findall(text)


def _ngrams(words: Sequence[str], length: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[start:] for start in range(length)), strict=False))


def _distinct(texts: Sequence[Sequence[str]], length: int) -> float:
    counts = sum((_ngrams(words, length) for words in texts), Counter[tuple[str, ...]]())
    return len(counts) / counts.total() if counts else math.nan


def _self_bleu(texts: Sequence[Sequence[str]]) -> float:
    """The mean over the texts of BLEU with all others as references (https://aclanthology.org/P02-1040).

    A text of fewer than four words is compared by the n-grams that it can have ("effective order", as in sacreBLEU,
    https://aclanthology.org/W18-6319): short texts that are equal have 1.
    """
    if len(texts) < 2:
        return math.nan
    logs = [0.0] * len(texts)
    none = [False] * len(texts)
    for length in range(1, LONGEST + 1):
        counts = [_ngrams(words, length) for words in texts]
        most = _two_most(counts)
        for index, own in enumerate(counts):
            matches = sum(min(count, _most_of_others(most[ngram], count)) for ngram, count in own.items())
            none[index] |= length == 1 and not matches
            if own:
                logs[index] += math.log((matches or _UNSEEN) / own.total()) / min(LONGEST, len(texts[index]))
    lengths = sorted(map(len, texts))
    scores = [
        0.0 if empty else math.exp(log) * _brevity(len(words), lengths)
        for words, log, empty in zip(texts, logs, none, strict=True)
    ]
    return sum(scores) / len(scores)


def _two_most(counts: Sequence[Counter[tuple[str, ...]]]) -> dict[tuple[str, ...], tuple[int, int]]:
    """How often each n-gram is in the text that has it most often, and in the next one."""
    most: dict[tuple[str, ...], tuple[int, int]] = {}
    for own in counts:
        for ngram, count in own.items():
            first, second = most.get(ngram, (0, 0))
            most[ngram] = (count, first) if count > first else (first, max(second, count))
    return most


def _most_of_others(most: tuple[int, int], own: int) -> int:
    """How often an n-gram is in the one of the other texts that has it most often."""
    first, second = most
    return second if own == first else first


def _brevity(length: int, lengths: Sequence[int]) -> float:
    """BLEU's penalty for a text shorter than the reference that is nearest to it in length.

    ``lengths`` are those of all texts in order, this one's among them. Of two that are equally near the shorter counts.
    """
    others = list(lengths)
    others.remove(length)
    nearest = min(others, key=lambda other: (abs(other - length), other))
    return 1.0 if length > nearest or length == nearest else math.exp(1 - nearest / length) if length else 0.0

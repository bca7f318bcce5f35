"""Scores by rules: what an answer is, holds, or is of the form of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from oaikit.errors import InvalidRequestError
from oaikit.experiments.scoring.matching import any_of, equals, holds, references, text_of
from oaikit.experiments.scoring.scorer import Row, Scorer, identity_of


def exact(column: str, *, ignore_case: bool = False, name: str = "exact") -> Scorer:
    """1 where the answer is what a column of the data says, apart from space around it; 0 where not.

    Where the column has numbers, numbers are compared: 7 is right for ``"7"`` and ``"7.0"``, 7000 for ``"7,000"``. True
    and False are right in any case of letters. Of a list, any value is right. Where the column has no value, there is
    no score.
    """

    def score(row: Row) -> bool | None:
        return any_of(equals, row["text"], row[column], ignore_case=ignore_case)

    return Scorer(name, (column,), identity_of("exact", 2, column, ignore_case), score, "binary")


def contains(column: str, *, ignore_case: bool = False, name: str = "contains") -> Scorer:
    """1 where what a column of the data says stands in the answer as words of its own; 0 where not.

    Numbers are compared as numbers: 7 is in ``"It is 7."`` and ``"7.0"``, but not in ``"77"``, ``"-7"``, ``"7.5"`` or
    ``"7,000"``. In scripts without spaces, such as Chinese or Thai, words need not stand apart. Of a list, any value
    counts. Where the column has no value, there is no score.
    """

    def score(row: Row) -> bool | None:
        return any_of(holds, row["text"], row[column], ignore_case=ignore_case)

    return Scorer(name, (column,), identity_of("contains", 2, column, ignore_case), score, "binary")


def regex(pattern: str, *, whole: bool = False, name: str = "regex") -> Scorer:
    r"""1 where a regular expression (Python's) matches somewhere in the answer, or the whole of it; 0 where not.

    Raises:
        InvalidRequestError: it is not a regular expression.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as exc:
        raise InvalidRequestError(f"{pattern!r} is no regular expression: {exc}", param="score") from exc
    matches = compiled.fullmatch if whole else compiled.search
    identity = identity_of("regex", pattern, whole)
    return Scorer(name, (), identity, lambda row: matches(row["text"]) is not None, "binary")


def one_of(labels: Iterable[Any], *, ignore_case: bool = True, name: str = "one_of") -> Scorer:
    """1 where the answer is one of some labels and nothing else; 0 where not: ``ok.one_of(["positive", "negative"])``.

    Space around the answer and a full stop after it do not count. Whether it is the right label, `exact` says.

    Args:
        labels: texts, numbers or truth values.
        ignore_case: "Positive" is the label "positive".
        name: of the score's column.

    Raises:
        InvalidRequestError: there are no labels, one is given twice, or one is none.
    """
    if isinstance(labels, str | bytes) or not isinstance(labels, Iterable):
        raise InvalidRequestError(f"labels is a list of labels, not {labels!r}", param="labels")
    listed = references(list(labels))
    if not listed:
        raise InvalidRequestError("one_of needs at least one label", param="labels")
    for label in listed:
        if isinstance(label, str) and not label.strip():
            raise InvalidRequestError("a label is empty, and no answer could be it", param="labels")
    # The type is told too: for True other answers count as for "True".
    told = sorted([type(label).__name__, text_of(label)] for label in listed)
    if twice := [label for _, label in told if told.count([_, label]) > 1]:
        raise InvalidRequestError(f"labels has {twice[0]!r} twice", param="labels")

    def score(row: Row) -> bool:
        text = row["text"].strip()
        forms = (text, text.removesuffix("."))
        return any(equals(form, label, ignore_case=ignore_case) for form in forms for label in listed)

    return Scorer(name, (), identity_of("one_of", told, ignore_case), score, "binary")

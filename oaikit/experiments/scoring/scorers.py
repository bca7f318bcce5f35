"""Scores: what an answer is worth, by a rule, by a function of yours or by a model."""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from oaikit.backend import Backend
from oaikit.errors import InvalidRequestError
from oaikit.experiments.columns import KINDS, RESULT, UNIT, Bounds, Kind, check_score_names
from oaikit.experiments.design.identity import judge_identity
from oaikit.experiments.design.templates import fields_of, fill
from oaikit.experiments.scoring.fingerprint import fingerprint
from oaikit.experiments.scoring.matching import any_of, equals, holds
from oaikit.experiments.store.keys import digest

if TYPE_CHECKING:
    from oaikit.experiments.calibration import Calibration

Row = Mapping[str, Any]
"""What a scorer sees: the result's own columns, the axes' values and the item's data."""

EVERYTHING = "*"
"""What a function reads that takes any keyword."""


@dataclass(frozen=True)
class Scorer:
    """A rule that makes a number of a row.

    Attributes:
        name: of the score's column.
        reads: the columns that it looks at.
        identity: equal for scorers that give equal scores. Scores are kept under it, so that a scorer that changes is
            asked again and the model is not.
        function: takes the row and gives a number, a truth value, or None where there is nothing to say.
        kind: what values it gives; decides how its means and differences are judged (see `statistics`).
        bounds: the least and the greatest value of a bounded score.
        text_by_any_name: its one argument gets the text where it is no column.
    """

    name: str
    reads: tuple[str, ...]
    identity: str
    function: Callable[[Row], Any] = field(repr=False)
    kind: Kind = "real"
    bounds: Bounds = UNIT
    text_by_any_name: bool = False

    def score(self, row: Row) -> float | None:
        """The score of a row; None where there is none.

        Raises:
            TypeError: what the function gave is no number.
            ValueError: it is not of the kind that the scorer declares.
        """
        value = as_score(self.function(row))
        if value is not None and not self._allows(value):
            between = f" from {self.bounds[0]:g} to {self.bounds[1]:g}" if self.kind == "bounded" else ""
            raise ValueError(f"the score is declared {self.kind}{between}, and is {value:g}")
        return value

    def _allows(self, value: float) -> bool:
        if self.kind == "binary":
            return value in (0.0, 1.0)
        if self.kind == "bounded":
            return self.bounds[0] <= value <= self.bounds[1]
        return self.kind == "real" or (value >= 0 and value.is_integer())


@dataclass(frozen=True)
class Judge:
    """A model that is asked a question about an answer; see `judge`."""

    name: str
    reads: tuple[str, ...]
    identity: str
    llm: Backend = field(repr=False)
    question: str
    answers: Mapping[str, float]
    sampling: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """Binary if its answers count as 0 and 1, else bounded."""
        return "binary" if {*self.answers.values()} <= {0, 1} else "bounded"

    @property
    def bounds(self) -> Bounds:
        """The least and the greatest value of its answers."""
        return float(min(self.answers.values())), float(max(self.answers.values()))

    def messages(self, row: Row) -> list[dict[str, str]]:
        """What the judge is asked about a row."""
        said = ", ".join(self.answers)
        question = fill(self.question, row)
        text = f"Text:\n{row['text']}\n\nQuestion about the text: {question}\nAnswer with one of: {said}."
        return [{"role": "user", "content": text}]

    def calibrate(self, votes: Any, *, column: str | None = None) -> Calibration:
        """Compare the judge with human votes: ``judge.calibrate(votes)``, where ``votes`` may be a `TuningTable`.

        The judge is asked about each answer that was voted on, unless the votes have a column of its name.

        Args:
            votes: a DataFrame, or a `TuningTable` with stars. It needs the columns ``text`` and ``vote``, and those
                that the judge's question names. Votes are the judge's answers ("yes", "no") or the numbers that these
                count as. With the columns ``item`` or ``prompt``, votes on one item count as one.
            column: the column of the votes (default: ``vote``, or a TuningTable's ``winner``).

        Returns:
            How far they agree, and with `Calibration.correct` the means of a sweep without the judge's errors.

        Raises:
            InvalidRequestError: there are no votes, a column is missing, or a vote is none of the judge's answers.
            OAIKitError: the judge's server is not there.
        """
        from oaikit.experiments.calibration import calibrate

        return calibrate(self, votes, column=column)

    def score(self, text: str) -> float | None:
        """What the judge's answer counts as; None if it is none of the answers."""
        said = text.strip().strip(".!'\"*").casefold()
        found = [score for answer, score in self.answers.items() if said == answer.casefold()]
        return found[0] if found else None


AnyScorer = Scorer | Judge


def exact(column: str, *, ignore_case: bool = False, name: str = "exact") -> Scorer:
    """1 where the answer is what a column of the data says, apart from space around it; 0 where not.

    Where the column has numbers, numbers are compared: 7 is right for ``"7"`` and ``"7.0"``, 7000 for ``"7,000"``. True
    and False are right in any case of letters. Of a list, any value is right. Where the column has no value, there is
    no score.
    """

    def score(row: Row) -> bool | None:
        return any_of(equals, row["text"], row[column], ignore_case=ignore_case)

    return Scorer(name, (column,), _identity("exact", 2, column, ignore_case), score, "binary")


def contains(column: str, *, ignore_case: bool = False, name: str = "contains") -> Scorer:
    """1 where what a column of the data says stands in the answer as words of its own; 0 where not.

    Numbers are compared as numbers: 7 is in ``"It is 7."`` and ``"7.0"``, but not in ``"77"``, ``"-7"``, ``"7.5"`` or
    ``"7,000"``. In scripts without spaces, such as Chinese or Thai, words need not stand apart. Of a list, any value
    counts. Where the column has no value, there is no score.
    """

    def score(row: Row) -> bool | None:
        return any_of(holds, row["text"], row[column], ignore_case=ignore_case)

    return Scorer(name, (column,), _identity("contains", 2, column, ignore_case), score, "binary")


def regex(pattern: str, *, whole: bool = False, name: str = "regex") -> Scorer:
    r"""1 where a regular expression (Python's) matches somewhere in the answer, or the whole of it; 0 where not.

    Raises:
        InvalidRequestError: it is no regular expression.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as exc:
        raise InvalidRequestError(f"{pattern!r} is no regular expression: {exc}", param="score") from exc
    matches = compiled.fullmatch if whole else compiled.search
    identity = _identity("regex", pattern, whole)
    return Scorer(name, (), identity, lambda row: matches(row["text"]) is not None, "binary")


def judge(
    question: str,
    llm: Backend,
    *,
    answers: Mapping[str, float] | None = None,
    constrain: bool = True,
    name: str = "judge",
    **sampling: Any,
) -> Judge:
    """A model's answer to a question about each answer: ``ok.judge("Is it polite?", llm)``.

    Parameters: the question, which may name columns (``"Does it say the same as: {reference}"``), the model, and what
    its answers count as (default: yes 1, no 0). ``constrain`` holds it to these answers with ``structured_outputs``,
    which servers of vLLM know; without, whatever else it says is no score. The rest are sampling parameters.

    Raises:
        InvalidRequestError: there are no answers, or the question is no template.
    """
    answers = {"yes": 1.0, "no": 0.0} if answers is None else dict(answers)
    if len(answers) < 2:
        raise InvalidRequestError("a judge needs at least two answers to choose from", param="answers")
    asked: dict[str, Any] = {"temperature": 0, "max_tokens": 16}
    if constrain:
        asked["structured_outputs"] = {"choice": list(answers)}
    asked |= sampling
    identity = _identity("judge", question, dict(answers), asked, judge_identity(llm))
    return Judge(name, tuple(fields_of(question)), identity, llm, question, answers, asked)


def scorer(
    of: Callable[..., Any] | Scorer,
    *,
    kind: Kind | None = None,
    bounds: Bounds = UNIT,
    name: str | None = None,
) -> Scorer:
    """A scorer from a function of yours that says what values it gives: ``ok.scorer(overlap, kind="bounded")``.

    The function is called with the columns that its arguments name: ``def close(text, answer): …``, ``def short(text,
    max_tokens): …``; a function of one argument that is no column gets the text. It gives a number or a truth value.

    Args:
        of: the function, or a scorer of which the kind is declared anew.
        kind: ``"binary"`` (0 or 1, True or False), ``"bounded"`` (anything between the bounds), ``"count"`` (0, 1, 2,
            …) or ``"real"`` (default: binary for a function that is annotated ``-> bool``, else real).
        bounds: the least and the greatest value of a bounded score.
        name: of the score's column (default: the function's).

    Raises:
        InvalidRequestError: it has no name, as a lambda has none, it takes nothing, or there is no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise InvalidRequestError(f"kind is one of {', '.join(KINDS)}, not {kind!r}", param="kind")
    if not bounds[0] < bounds[1]:
        raise InvalidRequestError(f"bounds are (least, greatest), not {bounds!r}", param="bounds")
    if isinstance(of, Scorer):
        return replace(of, kind=kind or of.kind, bounds=bounds, name=name or of.name)
    named = str(name or getattr(of, "__name__", type(of).__name__))
    if named == "<lambda>":
        raise InvalidRequestError(
            'a lambda has no name for its column: give score={"name": lambda text: …}', param="score"
        )
    takes = _arguments(of, named)
    return Scorer(
        named,
        takes,
        _identity("function", fingerprint(of)),
        functools.partial(_call, of, takes),
        kind or ("binary" if _says_bool(of) else "real"),
        bounds,
        text_by_any_name=len(takes) == 1,
    )


def _says_bool(of: Callable[..., Any]) -> bool:
    annotated = of if inspect.isroutine(of) else vars(type(of)).get("__call__", of)
    return getattr(annotated, "__annotations__", {}).get("return") in (bool, "bool", "bool | None")


def check_columns(given: Iterable[AnyScorer], columns: Iterable[str], parameters: Iterable[str]) -> None:
    """See that what scorers read is there: a column of the data or an axis, a parameter, or what a result has.

    Raises:
        InvalidRequestError: it is not.
    """
    columns = [*columns]
    known = {*columns, *parameters, *RESULT, "item", "prompt", EVERYTHING}
    for each in given:
        if isinstance(each, Scorer) and each.text_by_any_name:
            continue
        for name in each.reads:
            if name not in known:
                there = f"there are {', '.join(columns)}" if columns else "there is no data"
                raise InvalidRequestError(
                    f"the score {each.name!r} reads {name!r}, which is no column of the data and no axis; {there}",
                    param="score",
                )


def scorers(given: Any) -> list[AnyScorer]:
    """The scorers of ``Sweep(score=…)``: one, a list, or a dict that names them.

    Raises:
        InvalidRequestError: two have one name, a name is taken, or one is no scorer.
    """
    made = [*_scorers(given)]
    check_score_names([each.name for each in made], ())
    return made


def _scorers(given: Any) -> Iterable[AnyScorer]:
    if given is None:
        return []
    if isinstance(given, Mapping):
        return [_scorer(each, name) for name, each in given.items()]
    listed = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    return [_scorer(each, None) for each in listed]


def _scorer(given: Any, name: str | None) -> AnyScorer:
    if isinstance(given, Scorer | Judge):
        return replace(given, name=name or given.name)
    if callable(given):
        return scorer(given, name=name)
    raise InvalidRequestError(
        f"{given!r} is no scorer: give ok.exact, ok.contains, ok.regex, ok.judge, ok.scorer or a function",
        param="score",
    )


def as_score(value: Any) -> float | None:
    """A score as a float; None for None and nan.

    Raises:
        TypeError: it is no number.
    """
    if value is None:
        return None
    if isinstance(value, str | bytes):
        raise TypeError(f"a score must be a number, True or False, not {value!r}")
    number = float(value)
    return None if math.isnan(number) else number


# -- functions ---------------------------------------------------------------------------------------------------------


def _arguments(of: Callable[..., Any], name: str) -> tuple[str, ...]:
    """The columns that a function is called with."""
    try:
        parameters = list(inspect.signature(of).parameters.values())
    except (TypeError, ValueError):  # of C, without a signature
        return ("text",)
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return (EVERYTHING,)
    needed = [
        each.name
        for each in parameters
        if each.default is each.empty and each.kind is not each.VAR_POSITIONAL
    ]
    if not needed:
        raise InvalidRequestError(f"the score {name!r} takes no argument; it should take text", param="score")
    return tuple(needed)


def _call(of: Callable[..., Any], takes: tuple[str, ...], row: Row) -> Any:
    if takes == (EVERYTHING,):
        return of(**row)
    if len(takes) == 1:
        return of(row.get(takes[0], row["text"]))
    return of(**{name: row.get(name) for name in takes})


def _identity(*parts: Any) -> str:
    return digest(list(parts))

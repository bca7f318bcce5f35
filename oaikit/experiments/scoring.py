"""Scores: what an answer is worth, from 0 to 1 for most, told by a rule, by a function of yours or by a model."""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from oaikit.backend import Backend
from oaikit.errors import InvalidRequestError
from oaikit.experiments.columns import RESERVED, RESULT
from oaikit.experiments.keys import canonical, digest
from oaikit.experiments.templates import fields_of, fill

Row = Mapping[str, Any]
"""What a scorer sees: the result's own columns, the axes' values and the item's data."""

EVERYTHING = "*"
"""What a function reads that takes any keyword."""


@dataclass(frozen=True)
class Scorer:
    """A rule that makes a number of a row.

    ``reads`` are the columns that it looks at, ``identity`` is equal for scorers that give equal scores: scores are
    kept under it, so that a scorer that changes is asked again and the model is not. ``function`` takes the row and
    gives a number, a truth value, or None where there is nothing to say.
    """

    name: str
    reads: tuple[str, ...]
    identity: str
    function: Callable[[Row], Any] = field(repr=False)
    text_by_any_name: bool = False  # its one argument gets the text where it is no column

    def score(self, row: Row) -> float | None:
        """The score of a row; None where there is none.

        Raises:
            TypeError: what the function gave is no number.
        """
        return as_score(self.function(row))


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

    def messages(self, row: Row) -> list[dict[str, str]]:
        """What the judge is asked about a row."""
        said = ", ".join(self.answers)
        question = fill(self.question, row)
        text = f"Text:\n{row['text']}\n\nQuestion about the text: {question}\nAnswer with one of: {said}."
        return [{"role": "user", "content": text}]

    def score(self, text: str) -> float | None:
        """What the judge's answer counts as; None if it is none of the answers."""
        said = text.strip().strip(".!'\"*").casefold()
        found = [score for answer, score in self.answers.items() if said == answer.casefold()]
        return found[0] if found else None


AnyScorer = Scorer | Judge


def exact(column: str, *, ignore_case: bool = False, name: str = "exact") -> Scorer:
    """1 where the answer is what a column of the data says, apart from space around it; 0 where not.

    Where the column has numbers, the numbers are compared: 7 is right for ``"7"`` and ``"7.0"``.
    """

    def score(row: Row) -> bool:
        return _equal(row["text"], row[column], ignore_case)

    return Scorer(name, (column,), _identity("exact", column, ignore_case), score)


def contains(column: str, *, ignore_case: bool = False, name: str = "contains") -> Scorer:
    """1 where what a column of the data says stands in the answer as words of its own: 7 in ``"It is 7."`` but not in
    ``"77"``; 0 where not."""

    def score(row: Row) -> bool:
        wanted = re.escape(_text_of(row[column]).strip())
        flags = re.IGNORECASE if ignore_case else 0
        return re.search(rf"(?<!\w){wanted}(?!\w)", row["text"], flags) is not None

    return Scorer(name, (column,), _identity("contains", column, ignore_case), score)


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
    return Scorer(name, (), _identity("regex", pattern, whole), lambda row: matches(row["text"]) is not None)


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
    identity = _identity("judge", question, dict(answers), asked, llm.model)
    return Judge(name, tuple(fields_of(question)), identity, llm, question, answers, asked)


def function(of: Callable[..., Any], *, name: str | None = None) -> Scorer:
    """A scorer from a function of yours.

    It is called with the columns that its arguments name: ``def close(text, answer): …``, ``def short(text,
    max_tokens): …``; a function of one argument that is no column gets the text. It gives a number or a truth value.

    Raises:
        InvalidRequestError: it has no name, as a lambda has none, or it takes nothing.
    """
    named = str(name or getattr(of, "__name__", type(of).__name__))
    if named == "<lambda>":
        raise InvalidRequestError(
            'a lambda has no name for its column: give score={"name": lambda text: …}', param="score"
        )
    takes = _arguments(of, named)
    identity = _identity("function", _source(of))
    return Scorer(named, takes, identity, functools.partial(_call, of, takes), len(takes) == 1)


def check_columns(given: Iterable[AnyScorer], columns: Iterable[str], parameters: Iterable[str]) -> None:
    """See that what scorers read is there: a column of the data or an axis, a parameter, or what a result has.

    Raises:
        InvalidRequestError: it is not.
    """
    columns = [*columns]
    known = {*columns, *parameters, *RESULT, "item", "prompt", EVERYTHING}
    for scorer in given:
        if isinstance(scorer, Scorer) and scorer.text_by_any_name:
            continue
        for name in scorer.reads:
            if name not in known:
                there = f"there are {', '.join(columns)}" if columns else "there is no data"
                raise InvalidRequestError(
                    f"the score {scorer.name!r} reads {name!r}, which is no column of the data and no axis; {there}",
                    param="score",
                )


def scorers(given: Any) -> list[AnyScorer]:
    """The scorers of ``Sweep(score=…)``: one, a list, or a dict that names them.

    Raises:
        InvalidRequestError: two have one name, a name is taken, or one is no scorer.
    """
    made = [*_scorers(given)]
    names = [each.name for each in made]
    for name in names:
        if names.count(name) > 1:
            raise InvalidRequestError(
                f"two scores are called {name!r}: give one of them another name (name=…)", param="score"
            )
        if name in RESERVED:
            raise InvalidRequestError(
                f"a score can't be called {name!r}, which is a column of the results", param="score"
            )
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
        return function(given, name=name)
    raise InvalidRequestError(
        f"{given!r} is no scorer: give ok.exact, ok.contains, ok.regex, ok.judge or a function", param="score"
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


def _source(of: Any) -> Any:
    """What a function does, as far as that can be told from outside: its source, defaults and enclosed values.

    Variables of the module that it reads are not in it.
    """
    if isinstance(of, functools.partial):
        return [_source(of.func), repr(of.args), repr(sorted(of.keywords.items()))]
    if inspect.ismethod(of):
        return [_source(of.__func__), repr(vars(of.__self__)) if hasattr(of.__self__, "__dict__") else ""]
    if not inspect.isfunction(of):
        kind = type(of)
        state = repr(sorted(vars(of).items(), key=str)) if hasattr(of, "__dict__") else ""
        return [kind.__module__, kind.__qualname__, getattr(of, "__qualname__", ""), state]
    try:
        text: Any = inspect.getsource(of)
    except (OSError, TypeError):
        text = [of.__code__.co_code.hex(), repr(of.__code__.co_consts)]
    enclosed = [repr(cell.cell_contents) for cell in of.__closure__ or ()]
    return [of.__qualname__, text, repr(of.__defaults__), repr(of.__kwdefaults__), enclosed]


# -- comparing ---------------------------------------------------------------------------------------------------------


def _identity(*parts: Any) -> str:
    return digest(list(parts))


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else canonical(value).strip('"')


def _equal(text: str, wanted: Any, ignore_case: bool) -> bool:
    said = text.strip()
    if not isinstance(wanted, str | bool):
        try:
            return float(said) == float(wanted)
        except (TypeError, ValueError):
            pass
    expected = _text_of(wanted).strip()
    return said.casefold() == expected.casefold() if ignore_case else said == expected

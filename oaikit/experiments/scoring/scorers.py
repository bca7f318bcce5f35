"""The scorers of a sweep: what may be given as ``Sweep(score=…)``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from oaikit.errors import InvalidRequestError
from oaikit.experiments.columns import RESULT, check_score_names
from oaikit.experiments.scoring.functions import scorer as scorer
from oaikit.experiments.scoring.judges import Judge as Judge
from oaikit.experiments.scoring.judges import judge as judge
from oaikit.experiments.scoring.rules import contains as contains
from oaikit.experiments.scoring.rules import exact as exact
from oaikit.experiments.scoring.rules import one_of as one_of
from oaikit.experiments.scoring.rules import regex as regex
from oaikit.experiments.scoring.scorer import EVERYTHING as EVERYTHING
from oaikit.experiments.scoring.scorer import Row as Row
from oaikit.experiments.scoring.scorer import Scorer as Scorer
from oaikit.experiments.scoring.scorer import as_score as as_score
from oaikit.experiments.scoring.similarity import similarity as similarity
from oaikit.experiments.scoring.structured import json_schema as json_schema

AnyScorer = Scorer | Judge


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
        InvalidRequestError: two have one name, a name is taken, or one is not a scorer.
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
    # Several scores of one function are a tuple, wherever it stands.
    return [_scorer(one, None) for each in listed for one in (each if isinstance(each, tuple) else (each,))]


def _scorer(given: Any, name: str | None) -> AnyScorer:
    if isinstance(given, tuple) and name is not None:
        raise InvalidRequestError(
            f"{name!r} would name several scores: give them in a list, they have names of their own",
            param="score",
        )
    if isinstance(given, Scorer | Judge):
        return replace(given, name=name or given.name)
    if callable(given):
        return scorer(given, name=name)
    raise InvalidRequestError(
        f"{given!r} is no scorer: give ok.exact, ok.contains, ok.regex, ok.one_of, ok.json_schema, ok.similarity, "
        "ok.judge, ok.scorer or a function",
        param="score",
    )

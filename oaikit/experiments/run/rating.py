"""Applies scorers to results that are there: what has a score already is not scored again, and no answer is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from oaikit.experiments.design.cells import shown_prompt
from oaikit.experiments.scoring.contexts import Contexts
from oaikit.experiments.scoring.scorers import AnyScorer, Row, Scorer
from oaikit.experiments.store.database import RESULT_FIELDS, Score, Store
from oaikit.experiments.store.spec import SweepSpec

Key = tuple[str, int, str]
"""Request, replicate, and what else a scorer read: a score's key beside the scorer."""


@dataclass
class Failures:
    """Rows that a scorer could not score."""

    scorer: str
    rows: int = 0
    first: str = ""

    def add(self, exc: Exception) -> None:
        """Count one."""
        self.rows += 1
        self.first = self.first or f"{type(exc).__name__}: {exc}"

    def __str__(self) -> str:
        return (
            f"the score {self.scorer!r} failed on {self.rows} rows, which have none; the first: {self.first}"
        )


def unscored(store: Store, sweep: str, spec: SweepSpec, scorer: AnyScorer) -> Iterator[tuple[Key, Row]]:
    """The rows with a result that a scorer has said nothing of yet, each execution and context once."""
    known: set[Key] = set(store.scores(sweep, scorer.identity))
    contexts, bodies = Contexts(spec), dict[str, Any]()
    for cell, item, _, *values in store.rows(sweep):
        result = dict(zip(RESULT_FIELDS, values, strict=True))
        key = (result["request"], result["replicate"], contexts.key(scorer.reads, cell, item))
        if result["error"] is not None or key in known:
            continue
        known.add(key)
        bodies = bodies or store.bodies(sweep)
        prompt = shown_prompt(bodies[result["request"]]["body"])
        yield key, {**result, "text": result["text"] or "", "prompt": prompt, **contexts.given(cell, item)}


def apply(store: Store, sweep: str, spec: SweepSpec, scorers: Iterable[AnyScorer]) -> list[Failures]:
    """Score all that has no score yet by the scorers that need no model; returns those that failed on some rows."""
    failures = []
    for scorer in scorers:
        if not isinstance(scorer, Scorer):
            continue
        failed, scores = Failures(scorer.name), list[Score]()
        for (request, replicate, context), row in unscored(store, sweep, spec, scorer):
            try:
                scores.append((request, replicate, scorer.identity, context, scorer.score(row)))
            except Exception as exc:  # a user's function may raise anything; other rows must not suffer
                failed.add(exc)
        if scores:
            store.record_scores(scores)
        if failed.rows:
            failures.append(failed)
    return failures

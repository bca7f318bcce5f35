"""Applies scorers to results that are there: what has a score already is not scored again, and no answer is made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from oaikit.experiments.design.cells import shown_prompt
from oaikit.experiments.run.runner import LOOP
from oaikit.experiments.scoring.contexts import Contexts
from oaikit.experiments.scoring.scorers import AnyScorer, Row, Scorer
from oaikit.experiments.store.database import RESULT_FIELDS, Score, ScoreError, Store
from oaikit.experiments.store.spec import SweepSpec

Key = tuple[str, int, str]
"""Request, replicate, and what else a scorer read: a score's key beside the scorer."""

_COMMIT_S: Final = 0.5
"""Between two commits of scores."""
_AT_ONCE: Final = 16
"""Rows that an asynchronous scorer is awaited for at once."""


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
    """Score all that has no score yet by the scorers that need no model; returns those that failed on some rows.

    Scores are committed every `_COMMIT_S` seconds, and when the scoring is interrupted.
    """
    families: dict[int, list[Scorer]] = {}
    for scorer in scorers:
        if isinstance(scorer, Scorer):
            families.setdefault(id(scorer.function) if scorer.part is not None else id(scorer), []).append(
                scorer
            )
    failures = []
    for family in families.values():
        work = _Work(store, sweep, family)
        try:
            LOOP.run(work.score_async(spec)) if family[0].is_async else work.score(spec)
        finally:
            work.commit()
        failures += [failed for failed in work.failures.values() if failed.rows]
    return failures


class _Work:
    """The rows that scorers of one function have said nothing of."""

    def __init__(self, store: Store, sweep: str, family: list[Scorer]) -> None:
        self._store, self._sweep, self._family = store, sweep, family
        self.failures = {each.name: Failures(each.name) for each in family}
        self._failed_before = {each.identity: store.score_errors(sweep, each.identity) for each in family}
        self._scores: list[Score] = []
        self._errors: list[ScoreError] = []
        self._committed = time.monotonic()

    def _rows(self, spec: SweepSpec) -> dict[Key, Row]:
        found: dict[Key, Row] = {}
        for scorer in self._family:
            found.update(unscored(self._store, self._sweep, spec, scorer))
        return found

    def score(self, spec: SweepSpec) -> None:
        """Score row by row."""
        for key, row in self._rows(spec).items():
            try:
                value = self._family[0].function(row)
            except Exception as exc:  # a user's function may raise anything; other rows must not suffer
                self._failed(key, exc)
            else:
                self._take(key, value)

    async def score_async(self, spec: SweepSpec) -> None:
        """Score some rows at a time."""
        rows = iter(self._rows(spec).items())

        async def work() -> None:
            for key, row in rows:
                try:
                    value = await self._family[0].function(row)
                except Exception as exc:
                    self._failed(key, exc)
                else:
                    self._take(key, value)

        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work())

    def commit(self) -> None:
        """Keep what has been scored."""
        scores, errors, self._scores, self._errors = self._scores, self._errors, [], []
        self._committed = time.monotonic()
        if scores:
            self._store.record_scores(scores)
        if errors:
            self._store.record_score_errors(errors)

    def _take(self, key: Key, value: Any) -> None:
        request, replicate, context = key
        for scorer in self._family:
            try:
                self._scores.append((request, replicate, scorer.identity, context, scorer.checked(value)))
            except Exception as exc:
                self._fail(scorer, key, exc)
        if time.monotonic() - self._committed > _COMMIT_S:
            self.commit()

    def _failed(self, key: Key, exc: Exception) -> None:
        for scorer in self._family:
            self._fail(scorer, key, exc)

    def _fail(self, scorer: Scorer, key: Key, exc: Exception) -> None:
        self.failures[scorer.name].add(exc)
        said = f"{type(exc).__name__}: {exc}"
        # What is known already is not written again: it would make all tables new.
        if self._failed_before[scorer.identity].get(key) != said:
            request, replicate, context = key
            self._errors.append((request, replicate, scorer.identity, context, said))

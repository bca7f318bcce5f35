"""What a judge is asked about the answers of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from oaikit.errors import OAIKitError
from oaikit.experiments.run.outcome import Judged
from oaikit.experiments.run.rating import Key as ScoreKey
from oaikit.experiments.run.rating import unscored
from oaikit.experiments.run.runner import Job, Progress
from oaikit.experiments.run.sharing import Unit
from oaikit.experiments.run.targets import Answer
from oaikit.experiments.scoring.scorers import Judge, Row
from oaikit.experiments.store.claims import Key
from oaikit.experiments.store.database import Store
from oaikit.experiments.store.spec import SweepSpec
from oaikit.sampling import CHAT


class Judging:
    """One judge's questions in one run."""

    def __init__(self, judge: Judge, store: Store, sweep: str, outcome: Judged, progress: Progress) -> None:
        self._judge, self._store, self._sweep = judge, store, sweep
        self._outcome, self._progress = outcome, progress
        self._failed_before = store.score_errors(sweep, judge.identity)

    def units(self, spec: SweepSpec) -> list[Unit]:
        """A unit for each answer that the judge has not scored."""
        return [
            Unit([(self._claim_of(key), key[1])], partial(self._jobs, key, row))
            for key, row in unscored(self._store, self._sweep, spec, self._judge)
        ]

    def known(self, keys: Sequence[Key]) -> dict[Key, bool]:
        """Which scores another run has got since this one began, and whether each is one or an error."""
        if self._store.path is None:
            return {}
        known = {}
        for name, replicate in keys:
            _, context, request = name.split("/")
            said = self._store.score_of(self._judge.identity, request, replicate, context)
            if said is None:
                continue
            _, error = said
            if error is None or (request, replicate, context) not in self._failed_before:
                known[(name, replicate)] = error is None
        return known

    def made_elsewhere(self, known: Mapping[Key, bool]) -> None:
        """Count what another run has got."""
        for succeeded in known.values():
            self._progress.done += succeeded
            self._progress.failed += not succeeded

    def _claim_of(self, key: ScoreKey) -> str:
        request, _, context = key
        return f"{self._judge.identity}/{context}/{request}"

    def _jobs(self, key: ScoreKey, row: Row, _: Sequence[Key]) -> list[Job]:
        judge, outcome, progress = self._judge, self._outcome, self._progress
        request, replicate, context = key
        place = (request, replicate, judge.identity, context)

        def done(answer: Answer) -> None:
            if not answer.reply.choices:
                failed(OAIKitError("the server answered without a choice"))
                return
            score = judge.score(answer.reply.text)
            self._store.record_scores([(*place, score)])
            outcome.asked += 1
            outcome.unclear += score is None
            progress.done += 1

        def failed(error: OAIKitError) -> None:
            said = f"{type(error).__name__}: {error.message}"
            self._store.record_score_errors([(*place, said)])  # the next run asks again
            outcome.asked += 1
            outcome.errors[said] += 1
            progress.failed += 1

        return [Job(CHAT, {"messages": judge.messages(row), **judge.sampling}, 1, done, failed)]

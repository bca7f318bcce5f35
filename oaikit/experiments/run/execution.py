"""One run of a sweep: from its requests, less what the store has, to results in the store."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from oaikit.backend import Backend
from oaikit.errors import OAIKitError, StorageError, SweepStoppedError
from oaikit.experiments.design.cells import (
    MODEL,
    MOST_AT_ONCE,
    Design,
    Questions,
    Request,
    alone,
    prefix_order,
    questions,
)
from oaikit.experiments.design.space import label_of
from oaikit.experiments.run import runner
from oaikit.experiments.run.budget import NO_CAPS, Budget, Caps
from oaikit.experiments.run.judging import Judging
from oaikit.experiments.run.outcome import Outcome
from oaikit.experiments.run.provenance import provenance
from oaikit.experiments.run.runner import Job, Listed, Progress
from oaikit.experiments.run.sharing import Shared, Unit
from oaikit.experiments.run.targets import Answer, Facts, Target, only_vllm, target_of
from oaikit.experiments.scoring.scorers import AnyScorer, Judge
from oaikit.experiments.store.claims import BEAT_S, Key
from oaikit.experiments.store.database import Result, Store
from oaikit.experiments.store.keys import plain
from oaikit.experiments.store.spec import ItemSpec, ScorerSpec, SweepSpec
from oaikit.reply import mean_logprob

LATENCY_CONCURRENCY: Final = 1
"""Requests in flight in latency mode: times at rest are what it measures."""
_WARM_UP: Final = 3  # requests before anything is measured: connections, graphs, kernels


@dataclass(frozen=True)
class Options:
    """How to run: sequences in flight (None: what suits the mode and the engine) and the time-out, seconds."""

    concurrency: int | None
    timeout_s: float


@dataclass(frozen=True)
class Prepared:
    """A design with the models' answers to who they are, as the store has it under ``sweep``.

    Attributes:
        had: the replicates of each request that had a result and no error by then.
        failed: the run of each result that was an error by then.
    """

    sweep: str
    spec: SweepSpec
    facts: Sequence[Facts]
    questions: Questions
    had: Mapping[str, set[int]]
    failed: Mapping[Key, str]

    @property
    def missing(self) -> dict[str, list[int]]:
        """The replicates of each request that have no result, or an error."""
        found = {}
        for name, request in self.questions.requests.items():
            have = self.had.get(name, ())
            if lacking := [each for each in range(request.executions) if each not in have]:
                found[name] = lacking
        return found

    @property
    def stretches(self) -> dict[str, list[tuple[int, int]]]:
        """The same as what is asked at once: first replicate and number of replicates."""
        found = {}
        for name, lacking in self.missing.items():
            single = self.spec.mode == "latency" or alone(self.questions.requests[name].body)
            found[name] = list(_stretches(lacking, 1 if single else MOST_AT_ONCE))
        return found


@asynccontextmanager
async def opened(models: Sequence[Backend], timeout_s: float) -> Any:
    """The models ready to be asked, and what they are."""
    targets = [target_of(llm, timeout_s) for llm in models]
    try:
        yield targets, [await target.open() for target in targets]
    finally:
        for target in targets:
            await target.close()


async def prepare(
    design: Design, models: Sequence[Backend], scorers: Sequence[AnyScorer], store: Store, options: Options
) -> Prepared:
    """Find out what the models are, and keep what is asked of them; nothing is asked yet."""
    async with opened(models, options.timeout_s) as (_, facts):
        return keep(design, facts, scorers, store)


def keep(design: Design, facts: Sequence[Facts], scorers: Sequence[AnyScorer], store: Store) -> Prepared:
    """Keep in the store what a design asks of certain models."""
    labels = _distinct([each.label for each in facts])
    asked = questions(design, [each.identity for each in facts])
    points = [{axis: label_of(value) for axis, value in point.items()} for point in design.points]
    axes = design.axes
    cells = points
    if len(facts) > 1:
        axes, cells = [MODEL, *axes], [{MODEL: label, **point} for label in labels for point in points]
    fixed = {name: label_of(each) for name, each in design.fixed.items()}
    spec = SweepSpec(
        axes=axes,
        cells=cells,
        items=[ItemSpec(item.id, item.data) for item in design.items],
        columns=list(design.items[0].data),
        fixed=json.loads(json.dumps(fixed, default=plain)),
        n=design.n,
        mode=design.mode,
        endpoint=design.endpoint,
        scorers=[
            ScorerSpec(each.name, each.identity, each.reads, each.kind, each.bounds) for each in scorers
        ],
    )
    sweep = spec.identity([each.request for each in asked.asked])
    store.save_sweep(sweep, spec, asked.asked, asked.bodies, design.data)
    return Prepared(sweep, spec, facts, asked, store.done(sweep), store.failed(sweep))


class Execution:
    """A run. ``progress`` and ``fresh`` (results that have just been kept) are for whoever watches."""

    def __init__(
        self,
        design: Design,
        models: Sequence[Backend],
        scorers: Sequence[AnyScorer],
        store: Store,
        options: Options,
        caps: Caps = NO_CAPS,
    ) -> None:
        self._design, self._models, self._scorers = design, models, scorers
        self._store, self._options = store, options
        self._run = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        self.progress = Progress()
        self.outcome = Outcome()
        self._budget = Budget(caps, self.progress) if caps else None
        self.fresh: deque[Result] = deque()
        self._arrived: list[Result] = []  # and not committed
        self.prepared: Prepared | None = None
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Ask all that is missing, then the judges; everything is kept as it comes.

        Raises:
            OAIKitError: a server is not there, or refuses everything.
            SweepStoppedError: more requests failed than `Caps.stop_if_errors` allows.
        """
        self._task = asyncio.current_task()
        async with opened(self._models, self._options.timeout_s) as (targets, facts):
            self.prepared = prepared = keep(self._design, facts, self._scorers, self._store)
            self._store.begin_run(self._run, prepared.sweep, self._provenance(facts))
            try:
                async with self._signed_on():
                    await self._ask(prepared, targets, facts)
                    judges = [each for each in self._scorers if isinstance(each, Judge)]
                    for judge in judges:
                        await self._ask_judge(judge, prepared)
            finally:
                self._commit()
                self._store.end_run(self._run)
        self._conclude()

    async def _ask(self, prepared: Prepared, targets: Sequence[Target], facts: Sequence[Facts]) -> None:
        units = self._units(prepared)
        self.progress.total = sum(len(unit.keys) for each in units for unit in each)
        self.progress.began = time.monotonic()
        if self._design.mode == "latency":
            await self._warm_up(units, targets)
        supplies = [
            self._shared(each, partial(self._known, prepared), self._made_elsewhere) for each in units
        ]
        windows = [self._window(each) for each in facts]
        timeout_s = self._options.timeout_s
        await runner.run(supplies, targets, windows, timeout_s, self.progress, self._commit, self._budget)

    async def _ask_judge(self, judge: Judge, prepared: Prepared) -> None:
        if self._budget and self._budget.spent:
            return
        judging = Judging(
            judge, self._store, prepared.sweep, self.outcome.of_judge(judge.name), self.progress
        )
        async with opened([judge.llm], self._options.timeout_s) as (targets, facts):
            units = judging.units(prepared.spec)
            self.progress.total += len(units)
            supply = self._shared(units, judging.known, judging.made_elsewhere)
            window = self._options.concurrency or self._window(facts[0])
            timeout_s = self._options.timeout_s
            await runner.run([supply], targets, [window], timeout_s, self.progress, budget=self._budget)

    def _conclude(self) -> None:
        """Say in the outcome how the run ended."""
        self.outcome.asked = self.progress.done + self.progress.failed
        if self._budget is None:
            return
        self._budget.check_errors()
        self.outcome.stopped = self._budget.spent
        self.outcome.left = self.progress.total - self.outcome.asked
        if self._budget.failing:
            raise SweepStoppedError(self.outcome.said_of_end())

    # -- other runs on the same store ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def _signed_on(self) -> AsyncIterator[None]:
        """Let other runs know of this one as long as it lives."""
        if self._store.path is None:  # nobody else can see it
            yield
            return
        claims = self._store.claims
        claims.begin(self._run)
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            self._commit()  # before anybody else may claim it
            claims.end(self._run)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            with suppress(StorageError):  # a lock that somebody holds; what is fatal ends the run elsewhere
                self._store.claims.beat(self._run)

    def _shared(
        self,
        units: Iterable[Unit],
        known: Callable[[Sequence[Key]], Mapping[Key, bool]],
        elsewhere: Callable[[Mapping[Key, bool]], None],
    ) -> Shared:
        claims = None if self._store.path is None else self._store.claims
        if self._design.mode == "latency":
            return Shared(units, claims, self._run, known, elsewhere, at_once=1)
        return Shared(units, claims, self._run, known, elsewhere)

    def _known(self, prepared: Prepared, keys: Sequence[Key]) -> dict[Key, bool]:
        """Which results another run has made since this one began, and whether each is an answer."""
        found = self._store.results_of(keys)
        return {
            key: error is None
            for key, (run, error) in found.items()
            if error is None or prepared.failed.get(key) != run
        }

    def _made_elsewhere(self, known: Mapping[Key, bool]) -> None:
        for (request, replicate), succeeded in known.items():
            self.progress.done += succeeded
            self.progress.failed += not succeeded
            self.fresh.append(Result(request, replicate, "", error=None if succeeded else "elsewhere"))

    def cancel(self) -> None:
        """End the run, on its loop; requests on their way are aborted."""
        if self._task is not None:
            self._task.cancel()

    def _provenance(self, facts: Sequence[Facts]) -> dict[str, Any]:
        settings = {
            "mode": self._design.mode,
            "n": self._design.n,
            "sweep_seed": self._design.seed,
            "concurrency": [self._window(each) for each in facts],
        }
        return provenance([each.provenance for each in facts], settings)

    def _window(self, facts: Facts) -> int:
        if self._options.concurrency is not None:
            return self._options.concurrency
        if self._design.mode == "latency":
            return LATENCY_CONCURRENCY
        return runner.WINDOW_PER_SEQUENCE * (facts.max_num_seqs or runner.MAX_NUM_SEQS)

    async def _warm_up(self, units: Sequence[Sequence[Unit]], targets: Sequence[Target]) -> None:
        for own, target in zip(units, targets, strict=True):
            jobs = [job for unit in own[:_WARM_UP] for job in unit.jobs(unit.keys)]
            ignored = [replace(job, done=lambda _: None, failed=lambda _: None) for job in jobs]
            await runner.run([Listed(ignored)], [target], [1], self._options.timeout_s, Progress())

    # -- jobs ----------------------------------------------------------------------------------------------------------

    def _units(self, prepared: Prepared) -> list[list[Unit]]:
        """A unit for each stretch of replicates that are missing, by target."""
        stretches, requests = prepared.stretches, prepared.questions.requests
        if self._design.mode == "latency":
            # In the space's order each setting would be measured at another time, of other load.
            names = random.Random(0).sample(sorted(stretches), len(stretches))
        else:
            names = sorted(stretches, key=lambda name: prefix_order(requests[name]))
        units: list[list[Unit]] = [[] for _ in prepared.facts]
        for name in names:
            request = requests[name]
            jobs = partial(self._jobs, name, request, prepared.facts[request.target])
            for first, count in stretches[name]:
                units[request.target].append(Unit([(name, first + each) for each in range(count)], jobs))
        return units

    def _jobs(self, name: str, request: Request, facts: Facts, keys: Sequence[Key]) -> list[Job]:
        stretches = _stretches([replicate for _, replicate in keys], len(keys))
        return [self._job(name, request, first, count, facts) for first, count in stretches]

    def _job(self, name: str, request: Request, first: int, count: int, facts: Facts) -> Job:
        streamed = self._design.mode == "latency" and not alone(request.body)
        body = dict(request.body)
        if count > 1:
            body["n"] = count
        if request.seed is not None:
            body["seed"] = request.seed + first
        if streamed:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if facts.vllm:
            body = only_vllm(body, several=count > 1, streamed=self._design.mode == "latency")

        def done(answer: Answer) -> list[Job]:
            given = min(len(answer.reply.choices), count)
            if not given:
                failed(OAIKitError("the server answered without a choice"))
                return []
            self._arrived += _results(answer, name, first, given, self._run)
            # Servers that know no n give one answer each time.
            return [self._job(name, request, first + each, 1, facts) for each in range(given, count)]

        def failed(error: OAIKitError) -> None:
            said = f"{type(error).__name__}: {error.message}"
            self._arrived += [Result(name, first + each, self._run, error=said) for each in range(count)]

        return Job(self._design.endpoint, body, count, done, failed)

    def _commit(self) -> None:
        """Keep what has come since the last time."""
        if not self._arrived:
            return
        self._store.record(self._arrived)
        results, self._arrived = self._arrived, []
        self.fresh.extend(results)
        failed = 0
        for result in results:
            if result.error is not None:
                failed += 1
                self.outcome.errors[result.error] += 1
            elif result.finish_reason == "length":
                self.progress.truncated += 1
        self.progress.failed += failed
        self.progress.done += len(results) - failed
        self.progress.tokens += sum(result.completion_tokens or 0 for result in results)


def _results(answer: Answer, request: str, first: int, count: int, run: str) -> list[Result]:
    reply = answer.reply
    return [
        Result(
            request,
            first + index,
            run,
            text=choice.text,
            finish_reason=choice.finish_reason,
            prompt_tokens=reply.usage.prompt_tokens or None,
            completion_tokens=answer.tokens[index],
            latency_s=reply.latency_s,
            ttft_s=reply.ttft_s,
            later_tokens=reply.later_tokens,
            mean_logprob=mean_logprob(choice.tokens),
            reasoning=choice.reasoning or None,
            tool_calls=json.dumps(choice.tool_calls) if choice.tool_calls else None,
        )
        for index, choice in enumerate(reply.choices[:count])
    ]


def _stretches(replicates: Iterable[int], most: int) -> Iterator[tuple[int, int]]:
    """First and length of each run of consecutive numbers, cut to a length."""
    first = count = 0
    for each in replicates:
        if count and (each != first + count or count == most):
            yield first, count
            count = 0
        if not count:
            first = each
        count += 1
    if count:
        yield first, count


def _distinct(labels: Sequence[str]) -> list[str]:
    """Labels of models, numbered where two are the same."""
    return [
        label if labels.count(label) == 1 else f"{label} #{index + 1}" for index, label in enumerate(labels)
    ]

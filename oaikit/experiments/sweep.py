"""``ok.Sweep``: parameters tried on prompts, into a store, out as a DataFrame."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from oaikit.backend import Backend
from oaikit.connection import connect
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.results import Results
from oaikit.experiments.columns import check_score_names
from oaikit.experiments.design.cells import MODEL, Design, Mode
from oaikit.experiments.design.items import Item, frame_of, items_of
from oaikit.experiments.design.space import Point, Space
from oaikit.experiments.run import rating
from oaikit.experiments.run.budget import Caps
from oaikit.experiments.run.execution import Execution, Options, Prepared, prepare
from oaikit.experiments.run.live import EVERY_S, Live
from oaikit.experiments.run.outcome import SweepWarning
from oaikit.experiments.run.plan import Plan, plan_of
from oaikit.experiments.run.runner import LOOP
from oaikit.experiments.scoring.scorers import check_columns, scorers
from oaikit.experiments.store.database import Store
from oaikit.experiments.store.frames import encode
from oaikit.sampling import CHAT, COMPLETIONS, parameters

if TYPE_CHECKING:
    import pandas as pd

    from oaikit.experiments.tune import Tuning

TIMEOUT_S = 600.0
"""Without any answer, before a request or a server that went away is given up."""


class Sweep(Results):
    """Every setting of a space with every item, n times: ``ok.Sweep(llm, space, data=df, prompt="Q: {question}")``.

    Nothing is asked before `run`; what the store has is not asked again. ``with ok.Sweep(...) as sw:`` closes the store
    at the end of the block (`close`).

    Parameters:
        llm: a model, or a list of them, which makes the axis ``model`` (default: `connect`).
        space: what is tried: a `Space`, a list of dicts, or one dict. Axes are sampling parameters, ``system`` (the
            system message), ``template`` (prompts), or names in the prompt's braces.
        data: a DataFrame, or what makes one, with an item per row. Items are called by its index.
        prompt: a text with columns and axes in braces, for a user's message.
        prompts: in place of both: texts or conversations, asked as they are.
        messages: in place of prompt: OpenAI messages with braces in their texts; or several conversations, as prompts.
        completion: ask for the continuation of a text, without a chat template.
        n: replicates. At temperature 0 one is executed and stands for all.
        seed: makes runs repeatable: every prompt gets a seed of its own from it, and each replicate the next one.
        score: `exact`, `contains`, `regex`, `judge` or a function of yours; one, a list, or a dict by name.
        store: an SQLite file, made if need be (default: in memory, gone with the object).
        mode: ``"throughput"`` keeps the engine busy. ``"latency"`` asks one after the other after a warm-up, streams,
            uses no cached prompts where the server is vLLM, and is kept apart from the other's results.
        max_requests, max_tokens_total, stop_if_errors: limits of each `run`, which see.
        concurrency: answers in flight (default: twice the engine's ``max_num_seqs``; in latency mode 1).
        timeout_s: seconds without any answer before a request, or a server that went away, is given up.
        **sampling: parameters that are the same everywhere (``max_tokens=64, logprobs=True, …``).

    Raises:
        InvalidRequestError: an unknown parameter, a value out of range, a name in the prompt without a value, an empty
            space, a store of another version, …; ``param`` names it.
    """

    def __init__(
        self,
        llm: Backend | Sequence[Backend] | None = None,
        space: Space | Point | Iterable[Point] | None = None,
        *,
        data: Any = None,
        prompt: Any = None,
        prompts: Iterable[Any] | None = None,
        messages: Any = None,
        completion: bool = False,
        n: int = 1,
        seed: int | None = None,
        score: Any = None,
        store: str | Path | Store | None = None,
        mode: Mode = "throughput",
        concurrency: int | None = None,
        timeout_s: float = TIMEOUT_S,
        max_requests: int | None = None,
        max_tokens_total: int | None = None,
        stop_if_errors: float | None = None,
        **sampling: Any,
    ) -> None:
        self._caps = Caps(max_requests, max_tokens_total, stop_if_errors)
        template, prompts = _asked(prompt, prompts, messages, completion)
        self._design = Design(
            points=list(_space(space)),
            items=items_of(data, prompts),
            data=None if data is None else encode(frame_of(data)),
            template=template,
            endpoint=COMPLETIONS if completion else CHAT,
            n=n,
            seed=seed,
            mode=_checked_mode(mode),
            fixed=sampling,
        )
        self._design.check()
        self._scorers = scorers(score)
        self._check_scorers()
        if concurrency is not None and concurrency < 1:
            raise InvalidRequestError("concurrency is at least 1", param="concurrency")
        self._options = Options(concurrency, timeout_s)
        self._models = _models(llm)
        if len(self._models) > 1 and MODEL in self._design.items[0].data:
            raise InvalidRequestError(
                "the data has a column 'model', and several models make an axis of that name: rename the column",
                param="data",
            )
        self._prepared: Prepared | None = None
        self._scored: Any = None  # of what state of the store all is scored that can be
        super().__init__(store if isinstance(store, Store) else Store(store), "")

    # -- before --------------------------------------------------------------------------------------------------------

    def plan(self) -> Plan:
        """What `run` would do: rows, cached and shared ones, estimated tokens and time. Nothing is asked of the model.

        Raises:
            OAIKitError: the server does not answer who it is.
        """
        return plan_of(self._prepare(), self._store, self._scorers)

    @property
    def id(self) -> str:
        """What the sweep is called in its store."""
        return (self._prepared or self._prepare()).sweep

    def __repr__(self) -> str:
        cells = len(self._design.points) * len(self._models)
        items, n = len(self._design.items), self._design.n
        return f"Sweep({cells} cells × {items} items × {n}: {cells * items * n} rows)"

    # -- running -------------------------------------------------------------------------------------------------------

    def run(
        self,
        *,
        max_requests: int | None = None,
        max_tokens_total: int | None = None,
        stop_if_errors: float | None = None,
    ) -> Self:
        """Ask all that the store has no answer to, and show how far it is.

        An interrupt keeps what is done; run again to go on. A request that fails is a row with its error, and is tried
        again by the next run. Several processes may run one sweep, or sweeps that overlap, on one store: each request
        is made by one of them, and every run ends when all is there.

        A `SweepWarning` says so if nothing was answered, if a judge failed on everything, or if a limit was reached.

        Args:
            max_requests: requests that are sent at most, to judges too (default: as given to `Sweep`; no limit).
            max_tokens_total: tokens of prompts and answers at most. Each request counts beforehand as the characters
                of its prompt and its ``max_tokens``, where that is given, and afterwards as what the server says.
            stop_if_errors: ends the run when more than this share of the rows has failed, of at least ten rows.

        Raises:
            InvalidRequestError: a limit makes no sense.
            SweepStoppedError: more rows failed than ``stop_if_errors`` allows. What came before is kept.
            OAIKitError: a server is not there and does not come back in time, or refuses everything. What came before
                is kept.
        """
        execution = self._execution(max_requests, max_tokens_total, stop_if_errors)
        live, ended = Live(execution), LOOP.submit(execution.run())
        try:
            while not wait([ended], timeout=EVERY_S).done:
                live.tick()
        except BaseException:  # an interrupt
            _end(execution, ended)
            raise
        finally:
            self._take(execution)
            live.close()
        ended.result()
        self._end(execution, self._score(warn=False))
        return self

    async def arun(
        self,
        *,
        max_requests: int | None = None,
        max_tokens_total: int | None = None,
        stop_if_errors: float | None = None,
    ) -> Self:
        """`run`, awaited; cancelling it keeps what is done."""
        execution = self._execution(max_requests, max_tokens_total, stop_if_errors)
        live, ended = Live(execution), LOOP.submit(execution.run())
        waiting = asyncio.wrap_future(ended)
        try:
            while not (await asyncio.wait([waiting], timeout=EVERY_S))[0]:
                live.tick()
        finally:
            if not ended.done():
                _end(execution, ended)
            self._take(execution)
            live.close()
        await waiting
        self._end(execution, await asyncio.to_thread(self._score, warn=False))
        return self

    def rescore(self, score: Any, *, fresh: bool = False) -> Self:
        """Score what is there by other scorers; the model is asked nothing, unless a judge is among them, by `run`.

        Parameters: as in `Sweep`; ``fresh`` forgets what these scorers said before, such as a function that reads a
        variable which has changed.
        """
        found, self._scorers = self._scorers, scorers(score)
        try:
            self._check_scorers()
        except InvalidRequestError:
            self._scorers = found
            raise
        if fresh:
            for each in self._scorers:
                self._store.forget_scores(each.identity)
        self._prepared = None
        return self

    @property
    def df(self) -> pd.DataFrame:
        self._score()
        return super().df

    def tune(
        self,
        *,
        trials: int = 64,
        batch: int = 16,
        maximize: str | Sequence[str] | None = None,
        minimize: str | Sequence[str] | None = None,
        seed: int = 0,
        holdout: float | None = None,
        **ranges: Any,
    ) -> Tuning:
        """Search for the setting that does best: ``sw.tune(temperature=(0., 1.5), top_k=[-1, 20], maximize="exact")``.

        Optuna proposes batches of settings from what the earlier ones came to; each is run as a cell of the sweep's
        items and replicates, and kept in its store. Run again, it goes on where it was. The sweep's space is not
        tried: what should be, give as a list here, and what should be fixed, to `Sweep`.

        Args:
            trials: how many settings are tried.
            batch: how many at once.
            maximize: a score or a metric of which more is better, or several.
            minimize: one of which less is better, or several. With several objectives in all, `Tuning.front` has the
                settings that no other beats in all of them.
            seed: of the search, and of which items are held out.
            holdout: the share of items that settings are not chosen on. What was chosen is then asked about them, and
                reported in `Tuning.holdout`: the best of many settings looks better on the items it was chosen on than
                it is. Items that ask the same stay together.
            **ranges: for each parameter a range ``(low, high)``, of integers if both are; ``(low, high, "log")`` to
                search by orders of magnitude; or a list of values.

        Raises:
            InvalidRequestError: nothing to maximize or minimize, or a range or share that makes no sense.
            SettingError: Optuna is not installed.
        """
        from oaikit.experiments.search import Search
        from oaikit.experiments.tune import tune

        if len(self._models) > 1:
            raise InvalidRequestError("a search asks one model", param="llm")
        search = Search(ranges, trials, batch, maximize, minimize, seed, holdout)
        names = [each.name for each in self._scorers]
        return tune(self._with_points, self._design, names, self._store, search)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _with_points(self, points: Sequence[Point], items: Sequence[Item]) -> Sweep:
        """The same sweep of other points and items, in the same store."""
        other = object.__new__(Sweep)
        other.__dict__ |= self.__dict__
        other._design, other._prepared = replace(self._design, points=points, items=items), None
        other._design.check()
        return other

    def _check_scorers(self) -> None:
        columns = [*self._design.items[0].data, *self._design.axes]
        check_score_names([each.name for each in self._scorers], columns)
        # A parameter may become an axis by `tune`, and else is what it is everywhere.
        check_columns(self._scorers, columns, parameters(self._design.endpoint))

    def _execution(
        self,
        max_requests: int | None = None,
        max_tokens_total: int | None = None,
        stop_if_errors: float | None = None,
    ) -> Execution:
        own = self._caps
        caps = Caps(
            own.max_requests if max_requests is None else max_requests,
            own.max_tokens_total if max_tokens_total is None else max_tokens_total,
            own.stop_if_errors if stop_if_errors is None else stop_if_errors,
        )
        return Execution(self._design, self._models, self._scorers, self._store, self._options, caps)

    def _end(self, execution: Execution, failed: Iterable[rating.Failures]) -> None:
        """Say what has to be said of a run."""
        for said in execution.outcome.warnings():
            warnings.warn(said, SweepWarning, stacklevel=3)
        for each in failed:
            warnings.warn(str(each), stacklevel=3)

    def _prepare(self) -> Prepared:
        work = prepare(self._design, self._models, self._scorers, self._store, self._options)
        self._prepared = LOOP.submit(work).result()
        return self._prepared

    def _take(self, execution: Execution) -> None:
        self._prepared = execution.prepared or self._prepared

    def _score(self, warn: bool = True) -> list[rating.Failures]:
        """Score what has no score yet; what a scorer fails on is said, once per call, or returned."""
        prepared = self._prepared or self._prepare()
        state = (prepared.sweep, [each.identity for each in self._scorers], self._store.stamp())
        if state == self._scored:
            return []
        failed = rating.apply(self._store, prepared.sweep, prepared.spec, self._scorers)
        # What failed is tried again each time: a function may read what has been mended meanwhile.
        self._scored = None if failed else (*state[:2], self._store.stamp())
        for failures in failed if warn else ():
            warnings.warn(str(failures), stacklevel=3)
        return failed


def _end(execution: Execution, ended: Future[None]) -> None:
    """End a run, and wait until it has: what was on its way is aborted at the server."""
    LOOP.call(execution.cancel)
    wait([ended])


def _asked(prompt: Any, prompts: Any, messages: Any, completion: bool) -> tuple[Any, Any]:
    """The template, and the prompts that are asked as they are."""
    if prompt is not None and not isinstance(prompt, str):
        raise InvalidRequestError("prompt is one text; several are prompts=[…]", param="prompt")
    if sum(each is not None for each in (prompt, prompts, messages)) > 1:
        raise InvalidRequestError("give one of prompt, prompts and messages", param="prompt")
    if messages is None:
        return prompt, prompts
    if completion:
        raise InvalidRequestError("a completion has no messages: give prompt or prompts", param="messages")
    listed = list(messages)
    if all(isinstance(each, Mapping) for each in listed):
        return listed, None
    return None, [list(each) for each in listed]


def _space(space: Space | Point | Iterable[Point] | None) -> Space:
    if space is None:
        return Space([{}])
    if isinstance(space, Mapping):
        return Space([space])
    return space if isinstance(space, Space) else Space(space)


def _checked_mode(mode: Mode) -> Mode:
    if mode not in ("throughput", "latency"):
        raise InvalidRequestError(f"mode is 'throughput' or 'latency', not {mode!r}", param="mode")
    return mode


def _models(llm: Backend | Sequence[Backend] | None) -> list[Backend]:
    models: list[Any] = [connect()] if llm is None else [llm] if isinstance(llm, Backend) else list(llm)
    for each in models:
        if not isinstance(each, Backend):
            raise InvalidRequestError(
                f"{each!r} is no model: give ok.connect(…), ok.Engine(…) or a list of these", param="llm"
            )
    if not models:
        raise InvalidRequestError("there is no model to ask", param="llm")
    return models

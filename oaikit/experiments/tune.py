"""Search for the best setting: Optuna proposes, the sweep runs, the store keeps every trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from oaikit._distribution import needed_for
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis import tables
from oaikit.experiments.columns import limits_of
from oaikit.experiments.design.cells import Design
from oaikit.experiments.design.items import Item
from oaikit.experiments.design.space import Point, label_of
from oaikit.experiments.search import Search
from oaikit.experiments.store.database import Store
from oaikit.experiments.store.keys import digest

if TYPE_CHECKING:
    import pandas as pd

    from oaikit.experiments.sweep import Sweep

_ASKED_AGAIN: Final = 50
"""Times in a row that a setting is proposed which was tried, after which there are no others."""

WithPoints = Callable[[Sequence[Point], Sequence[Item]], "Sweep"]
Values = tuple[float | None, ...]
"""A value for each objective; None where there is none."""


@dataclass(frozen=True)
class Tuning:
    """What a search found.

    Attributes:
        df: one row per trial: ``trial``, the parameters, the value of each objective on the items that settings are
            chosen on, ``errors`` (rows without an answer).
        front: of several objectives, the trials that no other one beats in all of them; of one, the best trial.
        best: the best setting; of several objectives, that of the front which is best by the first.
        value: its value by the first objective; with ``holdout`` on the items that were held out.
        holdout: with ``holdout``, one row for each setting of the front: the parameters, and on the items that were
            held out each objective, the limits of its 95 % interval where it is a score, ``items`` and ``errors``.
        study: Optuna's.
    """

    df: pd.DataFrame
    front: pd.DataFrame
    best: Point
    value: float
    holdout: pd.DataFrame | None
    study: Any = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """The value of a setting, None if there is none, and the number of its rows that failed."""

    value: float | None
    errors: int


def outcomes(df: pd.DataFrame, value: str, *, maximize: bool) -> dict[int, Outcome]:
    """What each cell of a sweep's table is worth to a search.

    A row without an answer counts as the worst value of a binary or bounded score. Where there is no worst value, a
    cell with such a row has none, and can't win.

    Args:
        df: the table.
        value: a score or metric, by its name or a short one.
        maximize: whether more is better.
    """
    import pandas as pd

    name, failed = tables.value_name(df.attrs["scores"], value), df["error"].notna()
    if "score_error" in df:
        failed = failed | (df["score_error"].notna() & (df[name].isna() if name in df else False))
    kind, low, high = df.attrs["kinds"].get(name, ("real", 0.0, 0.0))
    has_worst = kind in ("binary", "bounded")
    if has_worst:
        attrs = df.attrs
        df = df.assign(**{name: df[name].mask(failed, low if maximize else high)})
        df.attrs = attrs
    cells = tables.cells_of(df)
    found = {}
    for cell, mean, errors in zip(cells["cell"], cells[name], cells["errors"], strict=True):
        known = not pd.isna(mean) and (has_worst or not errors)
        found[int(cell)] = Outcome(float(mean) if known else None, int(errors))
    return found


def tune(
    with_points: WithPoints, design: Design, scores: Sequence[str], store: Store, search: Search
) -> Tuning:
    """Run a search; see `Sweep.tune`.

    Args:
        with_points: makes a sweep of points and items.
        design: the design whose items are asked.
        scores: the names of the scores.
        store: where trials are kept.
        search: what is searched.

    Raises:
        InvalidRequestError: the search makes no sense, or no trial came to a value.
        SettingError: Optuna is not installed.
    """
    search.check(scores)
    # What is out of range is refused before anything runs.
    whole = with_points(search.corners(), design.items)
    chosen_on, held_out = search.split(whole._design)
    prepared = (with_points(search.corners(), chosen_on) if held_out else whole)._prepare()
    spec = prepared.spec
    told = [*spec.told("items", "n", "mode", "scorers", "fixed").values(), whole._design.template]
    identities = [facts.identity for facts in prepared.facts]
    ranges = {
        name: [type(given).__name__, [label_of(each) for each in given]]
        for name, given in search.ranges.items()
    }
    objectives = search.objectives
    sought: list[Any] = [objectives[0].name, not objectives[0].maximize]
    if len(objectives) > 1:
        sought = [[[each.name, each.maximize] for each in objectives]]
    name = digest([told, identities, ranges, *sought, search.seed])
    return _Tuner(with_points, whole._design, store, search, name, chosen_on, held_out).run()


class _Tuner:
    def __init__(
        self,
        with_points: WithPoints,
        design: Design,
        store: Store,
        search: Search,
        name: str,
        chosen_on: Sequence[Item],
        held_out: Sequence[Item],
    ) -> None:
        self._design, self._chosen_on, self._held_out = design, chosen_on, held_out
        self._with_points, self._store, self._search = with_points, store, search
        self._objectives = search.objectives
        several = len(self._objectives) > 1
        self._names = [f"{name}/{place}" for place in range(len(self._objectives))] if several else [name]
        self._optuna = _optuna()
        directions = ["maximize" if each.maximize else "minimize" for each in self._objectives]
        sampler = self._optuna.samplers.TPESampler(seed=search.seed, constant_liar=True, multivariate=True)
        self._study = self._optuna.create_study(directions=directions, sampler=sampler)
        self._distributions = search.distributions(self._optuna)
        self._known: dict[str, Values] = {}
        self._errors: dict[str, int] = {}
        self._params: list[dict[str, Any]] = []

    def run(self) -> Tuning:
        """Go on where the store says, to the last trial."""
        waiting = self._restore()
        while waiting or len(self._params) < self._search.trials:
            batch = waiting[: self._search.batch]
            waiting = waiting[len(batch) :]
            batch += self._propose(min(self._search.batch, self._search.trials) - len(batch))
            if not batch:
                break  # there is nothing left that was not tried
            self._evaluate(batch)
        return self._result()

    def _restore(self) -> list[tuple[int, Any]]:
        """Tell Optuna what is known; returns the trials that had begun."""
        waiting = []
        kept = [self._store.trials(name) for name in self._names]
        for of_objectives in zip(*kept, strict=False):
            number, params, _ = of_objectives[0]
            values = tuple(value for _, _, value in of_objectives)
            self._params.append(params)
            self._known[self._key(params)] = values
            if None in values:
                self._study.enqueue_trial(params)
                waiting.append((number, self._study.ask(self._distributions)))
            else:
                self._study.add_trial(
                    self._optuna.trial.create_trial(
                        params=params, distributions=self._distributions, values=list(values)
                    )
                )
        return waiting

    def _propose(self, count: int) -> list[tuple[int, Any]]:
        """New settings: one that was tried is told to Optuna again, and another one asked for."""
        proposed: list[tuple[int, Any]] = []
        again = 0
        while len(proposed) < count and len(self._params) < self._search.trials and again < _ASKED_AGAIN:
            trial = self._study.ask(self._distributions)
            key = self._key(trial.params)
            if key in self._known:
                again += 1
                self._tell(trial, self._known[key])
                continue
            again, number = 0, len(self._params)
            self._known[key] = (None,) * len(self._objectives)
            self._params.append(dict(trial.params))
            self._record(number, trial.params, self._known[key])
            proposed.append((number, trial))
        return proposed

    def _evaluate(self, batch: Sequence[tuple[int, Any]]) -> None:
        points = [self._search.point(trial.params) for _, trial in batch]
        df = self._with_points(points, self._chosen_on).run().df
        found = [outcomes(df, each.name, maximize=each.maximize) for each in self._objectives]
        for cell, (number, trial) in enumerate(batch):
            of_cell = [each.get(cell, Outcome(None, 0)) for each in found]
            values = tuple(each.value for each in of_cell)
            errors = max(each.errors for each in of_cell)
            key = self._key(trial.params)
            self._known[key], self._errors[key] = values, errors
            if None not in values and not errors:  # what failed is tried again by the next search
                self._record(number, trial.params, values)
            self._tell(trial, values)

    def _record(self, number: int, params: Mapping[str, Any], values: Values) -> None:
        for name, value in zip(self._names, values, strict=True):
            self._store.record_trial(name, number, params, value)

    def _tell(self, trial: Any, values: Values) -> None:
        if None in values:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, list(values))

    def _key(self, params: Mapping[str, Any]) -> str:
        """Equal for settings that are the same cell, as greedy ones are that differ in ``top_p``."""
        return self._design.cell_key(self._search.point(params))

    # -- results -------------------------------------------------------------------------------------------------------

    def _result(self) -> Tuning:
        import pandas as pd

        values = [self._known[self._key(params)] for params in self._params]
        records = [
            {
                "trial": number,
                **self._labels(params),
                **{each.name: value for each, value in zip(self._objectives, of_trial, strict=True)},
                "errors": self._errors.get(self._key(params), 0),
            }
            for number, (params, of_trial) in enumerate(zip(self._params, values, strict=True))
        ]
        front = self._front(values)
        if not front:
            sought = " and ".join(repr(each.name) for each in self._objectives)
            raise InvalidRequestError(f"no trial came to a value of {sought}: see errors")
        df = pd.DataFrame(records)
        best = self._search.point(self._params[front[0]])
        value, held_out = values[front[0]][0], None
        if self._held_out:
            held_out = self._on_held_out([self._params[place] for place in front])
            value = held_out[self._objectives[0].name].iloc[0]
        assert value is not None
        shown = df.iloc[front].reset_index(drop=True)
        return Tuning(
            df, shown, best, float("nan") if pd.isna(value) else float(value), held_out, self._study
        )

    def _labels(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {name: label_of(value) for name, value in self._search.point(params).items()}

    def _front(self, values: Sequence[Values]) -> list[int]:
        """The trials that no other beats in all objectives, the best by the first objective first."""
        costs = {
            place: tuple(
                -value if each.maximize else value
                for each, value in zip(self._objectives, of_trial, strict=True)
                if value is not None
            )
            for place, of_trial in enumerate(values)
            if None not in of_trial
        }
        order = sorted(costs, key=lambda place: (costs[place], place))
        front: list[int] = []
        for place in order:
            # Whatever beats a trial comes before it.
            if not any(all(a <= b for a, b in zip(costs[it], costs[place], strict=True)) for it in front):
                front.append(place)
        return front

    def _on_held_out(self, settings: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """What the settings of the front are worth on items that nothing was chosen on."""
        import pandas as pd

        points = [self._search.point(params) for params in settings]
        df = self._with_points(points, self._held_out).run().df
        cells: dict[int, Any] = {each["cell"]: each for each in tables.cells_of(df).to_dict("records")}
        found = [outcomes(df, each.name, maximize=each.maximize) for each in self._objectives]
        records = []
        for cell, params in enumerate(settings):
            record = self._labels(params)
            for each, of_cells in zip(self._objectives, found, strict=True):
                outcome = of_cells.get(cell, Outcome(None, 0))
                record[each.name] = outcome.value
                # The interval is of the rows with an answer: with failures it isn't that of the value.
                limits = limits_of(each.name)
                if limits[0] in cells.get(cell, {}) and not outcome.errors:
                    record |= {limit: float(cells[cell][limit]) for limit in limits}
            record |= {name: int(cells[cell][name]) if cell in cells else 0 for name in ("items", "errors")}
            records.append(record)
        return pd.DataFrame(records)


def _optuna() -> Any:
    with needed_for("tuning"):
        import optuna  # type: ignore[import-not-found, unused-ignore]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna

"""Search for the best setting: Optuna proposes, the sweep runs, the store keeps every trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from oaikit._distribution import needed_for
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis import tables
from oaikit.experiments.columns import check_axis_name
from oaikit.experiments.design.cells import Design
from oaikit.experiments.design.space import Point, label_of
from oaikit.experiments.store.database import Store
from oaikit.experiments.store.keys import digest

if TYPE_CHECKING:
    import pandas as pd

    from oaikit.experiments.sweep import Sweep

_ASKED_AGAIN: Final = (
    50  # times in a row that a setting is proposed which was tried: then there are no others
)


@dataclass(frozen=True)
class Search:
    """What is searched: a range ``(low, high)`` or a list of values for each parameter, and for what."""

    ranges: Mapping[str, Any]
    trials: int
    batch: int
    maximize: str | None
    minimize: str | None
    seed: int

    def check(self) -> None:
        """See that it makes sense.

        Raises:
            InvalidRequestError: not one of maximize and minimize, no ranges, or one that makes no sense.
        """
        if (self.maximize is None) == (self.minimize is None):
            raise InvalidRequestError(
                "say what to search for: maximize or minimize, a score or a metric", param="maximize"
            )
        if not self.ranges:
            raise InvalidRequestError("there is nothing to search: give temperature=(0., 1.5), …")
        if self.trials < 1 or self.batch < 1:
            raise InvalidRequestError("trials and batch are at least 1", param="trials")
        for name, given in self.ranges.items():
            _check_range(name, given)

    @property
    def value(self) -> str:
        """The score or metric."""
        return str(self.maximize if self.maximize is not None else self.minimize)

    def point(self, params: Mapping[str, Any]) -> Point:
        """The setting that Optuna's parameters stand for: of a list they have the place."""
        return {
            name: params[name] if isinstance(given, tuple) else list(given)[params[name]]
            for name, given in self.ranges.items()
        }

    def corners(self) -> list[Point]:
        """The least and the greatest of every range, and each value of every list at one of them: to be checked."""
        lows, highs = ({n: g[end] for n, g in self.ranges.items()} for end in (0, -1))
        lists = [{**lows, n: each} for n, g in self.ranges.items() if not isinstance(g, tuple) for each in g]
        return [lows, highs, *lists]

    def distributions(self, optuna: Any) -> dict[str, Any]:
        """The same for Optuna."""
        kinds = optuna.distributions
        made = {}
        for name, given in self.ranges.items():
            if not isinstance(given, tuple):
                made[name] = kinds.CategoricalDistribution(list(range(len(given))))
            elif all(isinstance(each, int) for each in given):
                made[name] = kinds.IntDistribution(*given)
            else:
                made[name] = kinds.FloatDistribution(*map(float, given))
        return made


@dataclass(frozen=True)
class Tuning:
    """What a search found.

    Attributes:
        df: one row per trial: ``trial``, the parameters, the value, ``errors`` (rows without an answer).
        best: the best setting.
        value: its value.
        study: Optuna's.
    """

    df: pd.DataFrame
    best: Point
    value: float
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


def tune(with_points: Callable[[Sequence[Point]], Sweep], store: Store, search: Search) -> Tuning:
    """Run a search; see `Sweep.tune`.

    Parameters: what makes a sweep of points, the store, and what is searched.

    Raises:
        InvalidRequestError: the search makes no sense, or no trial came to a value.
        SettingError: Optuna is not installed.
    """
    search.check()
    whole = with_points(search.corners())  # what is out of range is refused before anything runs
    prepared = whole._prepare()
    spec = prepared.spec
    tables.value_name([each.name for each in spec.scorers], search.value)
    told = [*spec.told("items", "n", "mode", "scorers", "fixed").values(), whole._design.template]
    identities = [facts.identity for facts in prepared.facts]
    ranges = {
        name: [type(given).__name__, [label_of(each) for each in given]]
        for name, given in search.ranges.items()
    }
    name = digest([told, identities, ranges, search.value, search.maximize is None, search.seed])
    return _Tuner(with_points, whole._design, store, search, name).run()


class _Tuner:
    def __init__(
        self,
        with_points: Callable[[Sequence[Point]], Sweep],
        design: Design,
        store: Store,
        search: Search,
        name: str,
    ) -> None:
        self._design = design
        self._with_points, self._store, self._search, self._name = with_points, store, search, name
        self._optuna = _optuna()
        direction = "maximize" if search.maximize is not None else "minimize"
        sampler = self._optuna.samplers.TPESampler(seed=search.seed, constant_liar=True, multivariate=True)
        self._study = self._optuna.create_study(direction=direction, sampler=sampler)
        self._distributions = search.distributions(self._optuna)
        self._known: dict[str, float | None] = {}
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
        for number, params, value in self._store.trials(self._name):
            self._params.append(params)
            self._known[self._key(params)] = value
            if value is None:
                self._study.enqueue_trial(params)
                waiting.append((number, self._study.ask(self._distributions)))
            else:
                self._study.add_trial(
                    self._optuna.trial.create_trial(
                        params=params, distributions=self._distributions, value=value
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
                value = self._known[key]
                self._tell(trial, value)
                continue
            again, number = 0, len(self._params)
            self._known[key] = None
            self._params.append(dict(trial.params))
            self._store.record_trial(self._name, number, trial.params, None)
            proposed.append((number, trial))
        return proposed

    def _evaluate(self, batch: Sequence[tuple[int, Any]]) -> None:
        sweep = self._with_points([self._search.point(trial.params) for _, trial in batch]).run()
        found = outcomes(sweep.df, self._search.value, maximize=self._search.maximize is not None)
        for cell, (number, trial) in enumerate(batch):
            outcome = found.get(cell, Outcome(None, 0))
            key = self._key(trial.params)
            self._known[key], self._errors[key] = outcome.value, outcome.errors
            if (
                outcome.value is not None and not outcome.errors
            ):  # what failed is tried again by the next search
                self._store.record_trial(self._name, number, trial.params, outcome.value)
            self._tell(trial, outcome.value)

    def _tell(self, trial: Any, value: float | None) -> None:
        if value is None:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, value)

    def _key(self, params: Mapping[str, Any]) -> str:
        """Equal for settings that are the same cell, as greedy ones are that differ in ``top_p``."""
        return self._design.cell_key(self._search.point(params))

    def _result(self) -> Tuning:
        import pandas as pd

        values = [self._known[self._key(params)] for params in self._params]
        records = [
            {
                "trial": number,
                **{n: label_of(v) for n, v in self._search.point(params).items()},
                self._search.value: value,
                "errors": self._errors.get(self._key(params), 0),
            }
            for number, (params, value) in enumerate(zip(self._params, values, strict=True))
        ]
        known = [(value, number) for number, value in enumerate(values) if value is not None]
        if not known:
            raise InvalidRequestError(f"no trial came to a value of {self._search.value!r}: see errors")
        best = max(known, key=lambda each: each[0]) if self._search.maximize is not None else min(known)
        return Tuning(pd.DataFrame(records), self._search.point(self._params[best[1]]), best[0], self._study)


def _check_range(name: str, given: Any) -> None:
    check_axis_name(name)
    if isinstance(given, list) and given:
        return
    numbers = isinstance(given, tuple) and len(given) == 2 and all(isinstance(n, int | float) for n in given)
    if not numbers or given[0] >= given[1]:
        raise InvalidRequestError(
            f"{name} is a range (low, high) of numbers or a list of values, not {given!r}", param=name
        )


def _optuna() -> Any:
    with needed_for("tuning"):
        import optuna  # type: ignore[import-not-found, unused-ignore]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna

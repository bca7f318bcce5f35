"""What a search goes through and what for; see `Sweep.tune`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Final

from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis import tables
from oaikit.experiments.columns import check_axis_name
from oaikit.experiments.design.cells import Design
from oaikit.experiments.design.items import Item
from oaikit.experiments.design.space import Point
from oaikit.experiments.store.keys import digest

LOG: Final = "log"
"""The third part of a range that is searched by orders of magnitude."""


@dataclass(frozen=True)
class Objective:
    """A score or metric, and whether more of it is better."""

    name: str
    maximize: bool


@dataclass(frozen=True)
class Search:
    """What is searched.

    Attributes:
        ranges: for each parameter a range ``(low, high)`` or ``(low, high, "log")``, or a list of values.
        trials: how many settings are tried.
        batch: how many at once.
        maximize: a score or metric, or several.
        minimize: likewise.
        seed: of the proposals, and of the choice of items that are held out.
        holdout: the share of items that are held out; None for none.
    """

    ranges: Mapping[str, Any]
    trials: int
    batch: int
    maximize: str | Sequence[str] | None
    minimize: str | Sequence[str] | None
    seed: int
    holdout: float | None = None

    @property
    def objectives(self) -> list[Objective]:
        """What is searched for, in the order given."""
        return [
            *(Objective(name, True) for name in _names(self.maximize)),
            *(Objective(name, False) for name in _names(self.minimize)),
        ]

    def check(self, scores: Sequence[str]) -> None:
        """See that it makes sense.

        Raises:
            InvalidRequestError: there is nothing to maximize or minimize, an objective is unknown or given twice, there
                are no ranges, or one makes no sense.
        """
        names = [each.name for each in self.objectives]
        if not names:
            raise InvalidRequestError(
                "say what to search for: maximize or minimize, a score or a metric, or several",
                param="maximize",
            )
        try:
            known = [tables.value_name(scores, name) for name in names]
        except InvalidRequestError as exc:
            raise InvalidRequestError(
                f"what to maximize or minimize is a score or a metric: {exc.message}", param="maximize"
            ) from exc
        if twice := [name for name in known if known.count(name) > 1]:
            raise InvalidRequestError(
                f"say once whether to maximize or minimize {twice[0]!r}", param="maximize"
            )
        if not self.ranges:
            raise InvalidRequestError("there is nothing to search: give temperature=(0., 1.5), …")
        if self.trials < 1 or self.batch < 1:
            raise InvalidRequestError("trials and batch are at least 1", param="trials")
        for name, given in self.ranges.items():
            _check_range(name, given)
        share = self.holdout
        if share is not None and (
            isinstance(share, bool) or not isinstance(share, Real) or not 0 < float(share) < 1
        ):
            raise InvalidRequestError(
                f"holdout is a share between 0 and 1, such as 0.3, not {share!r}", param="holdout"
            )

    def point(self, params: Mapping[str, Any]) -> Point:
        """The setting that Optuna's parameters stand for: of a list they have the place."""
        return {
            name: params[name] if isinstance(given, tuple) else list(given)[params[name]]
            for name, given in self.ranges.items()
        }

    def corners(self) -> list[Point]:
        """The least and the greatest of every range, and each value of every list at one of them: to be checked."""
        ends = {name: given[:2] if isinstance(given, tuple) else given for name, given in self.ranges.items()}
        lows, highs = ({name: given[end] for name, given in ends.items()} for end in (0, -1))
        lists = [{**lows, n: each} for n, g in ends.items() if not isinstance(g, tuple) for each in g]
        return [lows, highs, *lists]

    def distributions(self, optuna: Any) -> dict[str, Any]:
        """The same for Optuna."""
        kinds = optuna.distributions
        made = {}
        for name, given in self.ranges.items():
            if not isinstance(given, tuple):
                made[name] = kinds.CategoricalDistribution(list(range(len(given))))
                continue
            low, high, log = given[0], given[1], given[2:] == (LOG,)
            if isinstance(low, int) and isinstance(high, int):
                made[name] = kinds.IntDistribution(low, high, log=log)
            else:
                made[name] = kinds.FloatDistribution(float(low), float(high), log=log)
        return made

    def split(self, design: Design) -> tuple[list[Item], list[Item]]:
        """The items that settings are chosen on, and those that are held out. Items that ask the same stay together.

        Raises:
            InvalidRequestError: there are fewer than two different items.
        """
        items = list(design.items)
        if self.holdout is None:
            return items, []
        groups: dict[str, list[int]] = {}
        for place, item in enumerate(items):
            groups.setdefault(digest(design.body(design.points[0], item)), []).append(place)
        if len(groups) < 2:
            raise InvalidRequestError(
                "holdout needs at least two items that ask different things", param="holdout"
            )
        # By what they ask, not by their order: rows that change places stay on their side.
        order = sorted(groups)
        random.Random(self.seed).shuffle(order)
        count = min(len(order) - 1, max(1, round(self.holdout * len(order))))
        held = {place for name in order[:count] for place in groups[name]}
        chosen_on = [item for place, item in enumerate(items) if place not in held]
        return chosen_on, [item for place, item in enumerate(items) if place in held]


def _names(given: str | Sequence[str] | None) -> list[str]:
    if given is None:
        return []
    listed = [given] if isinstance(given, str) else list(given)
    if not all(isinstance(name, str) for name in listed):
        raise InvalidRequestError(f"what to search for is a name or several, not {given!r}", param="maximize")
    return listed


def _check_range(name: str, given: Any) -> None:
    check_axis_name(name)
    if isinstance(given, list) and given:
        return
    log = isinstance(given, tuple) and len(given) == 3 and given[2] == LOG
    numbers = (
        isinstance(given, tuple)
        and (len(given) == 2 or log)
        and all(isinstance(n, int | float) and not isinstance(n, bool) for n in given[:2])
    )
    if not numbers or not given[0] < given[1]:
        raise InvalidRequestError(
            f'{name} is a range (low, high) of numbers, (low, high, "log"), or a list of values, not {given!r}',
            param=name,
        )
    if log and given[0] <= 0:
        raise InvalidRequestError(f"{name} has no logarithm at {given[0]!r}: begin above 0", param=name)

"""``ok.power``: how many items it takes to find a difference of a given size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from oaikit._distribution import needed_for
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.gaffke import two_sided

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CORRELATION: Final = 0.5
"""In the middle of the 0.3 to 0.7 that Miller 2024 (https://arxiv.org/abs/2411.00640) reports between models."""
_DRAWS: Final = 2_000  # comparisons that are simulated: the power is right to about 0.01
_PRECISION: Final = 100  # the search ends when it knows the number of items to one part in so many
_GRID: Final = 2_000  # items of different difficulty that the population is represented by
_MOST_ITEMS: Final = 10_000_000


@dataclass(frozen=True)
class Power:
    """A planned comparison.

    Attributes:
        items: items that each setting is asked.
        power: how likely a difference of this size is found, between 0 and 1.
        effect: the difference.
        alpha: a difference counts as found if p is below it.
        paired: whether both settings are asked the same items.
        replicates: answers to each item.
        answers: all answers that the comparison needs.
    """

    items: int
    power: float
    effect: float
    alpha: float
    paired: bool
    replicates: int

    @property
    def answers(self) -> int:
        """All answers that the comparison needs."""
        return 2 * self.items * self.replicates

    def __str__(self) -> str:
        which = "the same items" if self.paired else "items of its own"
        return (
            f"{self.items} items × {self.replicates} for each of two settings, each on {which}: a difference of "
            f"{self.effect:+g} is found in {self.power:.0%} of sweeps (p < {self.alpha:g})"
        )


def power(
    effect: float,
    *,
    rate: float = 0.5,
    items: int | None = None,
    replicates: int = 1,
    paired: bool = True,
    correlation: float = CORRELATION,
    sd: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
) -> Power:
    """How many items a comparison needs: ``ok.power(0.05, rate=0.8)``; or how likely it finds a difference.

    Scores are right or wrong unless ``sd`` is given. Paired comparisons are simulated with the test that
    `Results.compare` makes; of unpaired ones the usual normal approximation is taken (statsmodels' ``NormalIndPower``).
    With ``sd`` the power is that of Student's t-test (statsmodels' ``TTestPower`` and ``TTestIndPower``).

    Args:
        effect: the difference that should be found, such as 0.05 or -0.05.
        rate: the share of right answers without it, between 0 and 1.
        items: how many items there are; default: as many as are needed.
        replicates: answers to each item.
        paired: both settings are asked the same items, and what is hard for one is hard for the other.
        correlation: of two answers to one item. 0: all items are equally hard. 1: each item is always answered right or
            always wrong, and replicates say nothing new.
        sd: for scores that are not right or wrong: the standard deviation over the items of the difference between the
            two settings (paired) or of one setting's mean (unpaired).
        power: how likely the difference should be found.
        alpha: p below which it counts as found.

    Raises:
        InvalidRequestError: a value is out of range, or no number of items is enough.
        SettingError: numpy, scipy or statsmodels is not installed.
    """
    _check(effect, rate, items, replicates, correlation, sd, power, alpha)
    if sd is not None:
        chance = _of_student(effect / sd, alpha, paired=paired)
        guess = ((_z(alpha / 2) + _z(1 - power)) * sd / effect) ** 2
    elif paired:
        values, shares = _differences(rate, effect, replicates, correlation)
        chance = _of_compare(values, shares, alpha, math.copysign(1.0, effect))
        guess = float(shares @ values**2) * ((_z(alpha / 2) + _z(1 - power)) / effect) ** 2
    else:
        spread = sum(_variance(each, replicates, correlation) for each in (rate, rate + effect))
        chance = _of_normal(effect / math.sqrt(spread / 2), alpha)
        guess = spread * ((_z(alpha / 2) + _z(1 - power)) / effect) ** 2
    needed = items if items is not None else _smallest(chance, power, guess)
    return Power(needed, chance(needed), effect, alpha, paired, replicates)


def _check(
    effect: float,
    rate: float,
    items: int | None,
    replicates: int,
    correlation: float,
    sd: float | None,
    power: float,
    alpha: float,
) -> None:
    if not math.isfinite(effect) or effect == 0:
        raise InvalidRequestError(f"effect is a difference other than 0, not {effect!r}", param="effect")
    for name, given in (("power", power), ("alpha", alpha)):
        if not 0 < given < 1:
            raise InvalidRequestError(f"{name} lies between 0 and 1, and is not {given!r}", param=name)
    if not 0 <= correlation <= 1:
        raise InvalidRequestError(f"correlation is from 0 to 1, not {correlation!r}", param="correlation")
    if items is not None and items < 2:
        raise InvalidRequestError(f"a comparison needs at least 2 items, not {items!r}", param="items")
    if replicates < 1:
        raise InvalidRequestError(f"replicates are at least 1, not {replicates!r}", param="replicates")
    if sd is not None:
        if not sd > 0:
            raise InvalidRequestError(f"sd is above 0, not {sd!r}", param="sd")
        if replicates != 1:
            raise InvalidRequestError(
                "sd is that of items' means, with whatever replicates they have: leave replicates out",
                param="replicates",
            )
    elif not (0 <= rate <= 1 and 0 <= rate + effect <= 1):
        raise InvalidRequestError(
            f"rate and rate + effect are shares from 0 to 1, not {rate:g} and {rate + effect:g}; for other scores give "
            "sd=…",
            param="rate",
        )


def _smallest(chance: Callable[[int], float], wanted: float, guess: float) -> int:
    """The smallest number of items with the power, by doubling and halving from a guess.

    Raises:
        InvalidRequestError: none is enough.
    """
    low, high = 1, max(2, min(math.ceil(guess), _MOST_ITEMS))
    while chance(high) < wanted:
        if high >= _MOST_ITEMS:
            raise InvalidRequestError(
                f"{_MOST_ITEMS:,} items are not enough for this difference", param="effect"
            )
        low, high = high, min(2 * high, _MOST_ITEMS)
    while high - low > max(1, high // _PRECISION):
        middle = (low + high) // 2
        low, high = (low, middle) if chance(middle) >= wanted else (middle, high)
    return high


# -- right or wrong ----------------------------------------------------------------------------------------------------


def _chances(rate: float, correlation: float) -> Floats:
    """The chance of a right answer to each of many items, from hard to easy: quantiles of a Beta distribution."""
    places = (np.arange(_GRID) + 0.5) / _GRID
    if correlation == 0 or rate in (0.0, 1.0):
        return np.full(_GRID, rate)
    if correlation == 1:
        return (places > 1 - rate).astype(float)
    with needed_for("ok.power"):
        from scipy.stats import beta

    size = 1 / correlation - 1
    return np.asarray(beta.ppf(places, rate * size, (1 - rate) * size))


def _differences(rate: float, effect: float, replicates: int, correlation: float) -> tuple[Floats, Floats]:
    """What an item's difference can be, and how likely each is."""
    with needed_for("ok.power"):
        from scipy.stats import binom

    counts = np.arange(replicates + 1)
    a, b = (
        binom.pmf(counts[:, None], replicates, _chances(each, correlation)) for each in (rate, rate + effect)
    )
    both = a @ b.T / _GRID
    shares = np.array([np.trace(both, offset) for offset in range(-replicates, replicates + 1)])
    return np.arange(-replicates, replicates + 1) / replicates, shares / shares.sum()


def _of_compare(values: Floats, shares: Floats, alpha: float, sign: float) -> Callable[[int], float]:
    """The power of the test of `statistics.compare` for binary scores."""

    def chance(items: int) -> float:
        drawn = np.random.default_rng(0).multinomial(items, shares, _DRAWS)
        weights, times = np.unique(drawn, axis=0, return_counts=True)
        right = weights @ values * sign > 0
        counts, times = np.asarray(weights[right], dtype=np.float64), times[right]
        if not len(counts):
            return 0.0
        rows = len(counts)
        p = two_sided(np.tile(values, (rows, 1)), counts, np.ones(rows), np.zeros(rows))
        return float(times[p < alpha].sum() / _DRAWS)

    return chance


def _variance(rate: float, replicates: int, correlation: float) -> float:
    """Of an item's mean."""
    return rate * (1 - rate) * (1 + (replicates - 1) * correlation) / replicates


# -- by formula --------------------------------------------------------------------------------------------------------


def _of_normal(effect: float, alpha: float) -> Callable[[int], float]:
    with needed_for("ok.power"):
        from statsmodels.stats.power import NormalIndPower
    solver = NormalIndPower()
    return lambda items: float(solver.power(abs(effect), items, alpha))


def _of_student(effect: float, alpha: float, *, paired: bool) -> Callable[[int], float]:
    with needed_for("ok.power"):
        from statsmodels.stats.power import TTestIndPower, TTestPower
    solver = TTestPower() if paired else TTestIndPower()
    return lambda items: float(solver.power(abs(effect), items, alpha))


def _z(tail: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(1 - tail)

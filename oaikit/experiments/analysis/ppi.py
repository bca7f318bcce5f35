"""A model's verdicts beside human ones: how far they agree, and means that are corrected for the model's errors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oaikit._distribution import needed_for
from oaikit.experiments.analysis import gaffke
from oaikit.experiments.columns import UNIT, Bounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Agreement:
    """How far two raters agree, over the items that both rated.

    Attributes:
        share: share of votes in which they agree, each item weighing the same.
        low: lower limit of its 95 % interval (Gaffke's, over the items).
        high: upper limit.
        kappa: Cohen's kappa, the agreement beyond what their shares of each verdict bring about by chance: 1 if they
            always agree, 0 if no more than by chance; nan if both always give one and the same verdict.
        kappa_low: lower limit of its 95 % interval, which is that of ``share`` with the agreement by chance held fixed.
            The usual one, from the asymptotic standard error, covers in 8 % to 60 % of cases of 10 to 100 votes at the
            worst, because it is a point where the raters agree throughout.
        kappa_high: upper limit.
        votes: number of votes.
        items: number of items.
    """

    share: float
    low: float
    high: float
    kappa: float
    kappa_low: float
    kappa_high: float
    votes: int
    items: int


def agreement(first: Floats, second: Floats, items: Codes) -> Agreement:
    """How far two raters agree.

    Args:
        first: the verdicts of one, as numbers.
        second: the verdicts of the other on the same.
        items: the item of each, as an integer; items are the independent units.

    Raises:
        SettingError: statsmodels is not installed.
    """
    with needed_for("Cohen's kappa"):
        from statsmodels.stats.inter_rater import cohens_kappa
    verdicts, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    rows, columns = places[: len(first)], places[len(first) :]
    units = np.unique(items, return_inverse=True)[1]
    weights = 1.0 / np.bincount(units)[units]
    table = np.zeros((len(verdicts), len(verdicts)))
    np.add.at(table, (rows, columns), weights)
    shares = table / table.sum()
    chance = float(shares.sum(axis=0) @ shares.sum(axis=1))
    means = np.asarray(np.bincount(units, weights=(rows == columns) * weights), dtype=np.float64)
    ((low, high),) = _many_limits([means], UNIT)
    alike = float(means.mean())
    if chance >= 1:
        return Agreement(alike, low, high, math.nan, math.nan, math.nan, len(first), len(means))
    kappa = float(cohens_kappa(table, return_results=False))
    kappa_low, kappa_high = ((limit - chance) / (1 - chance) for limit in (low, high))
    return Agreement(alike, low, high, kappa, kappa_low, kappa_high, len(first), len(means))


@dataclass(frozen=True)
class Corrected:
    """A mean of human verdicts, estimated with the help of a model's.

    Attributes:
        mean: the estimate; nan if there are no votes.
        low: lower limit of its 95 % interval.
        high: upper limit.
        weight: how much the model's verdicts count: from 0 (they say nothing about the human ones) to 1 (in full).
    """

    mean: float
    low: float
    high: float
    weight: float


@dataclass(frozen=True)
class Verdicts:
    """Means of the items of a cell.

    Attributes:
        human: the human verdict on each item that was voted on.
        judged: the model's verdict on the same answers.
        unvoted: the model's verdict on each of the other items.
    """

    human: Floats
    judged: Floats
    unvoted: Floats


def corrected_means(cells: Sequence[Verdicts], bounds: Bounds = UNIT) -> list[Corrected]:
    """Prediction-powered inference: the model's mean, plus how much it errs on the items that have human verdicts.

    The estimate is that of Angelopoulos et al. 2023 (https://arxiv.org/abs/2301.09633) with the weight of PPI++
    (Angelopoulos, Duchi and Zrnic 2023, https://arxiv.org/abs/2311.01453, section 6). Their interval is a normal
    approximation, which fails for few votes and for rates near 0 and 1. Here each of the two means has Gaffke's limits,
    and these are combined by Zou and Donner's rule (2008, "Construction of confidence limits about effect measures: a
    general approach", https://doi.org/10.1002/sim.3095). `tools/statistics_table.py` simulates it.

    Args:
        cells: the verdicts of each cell.
        bounds: the least and the greatest verdict.
    """
    least, greatest = bounds
    weights = [_weight(cell) for cell in cells]
    errors = [cell.human - weight * cell.judged for cell, weight in zip(cells, weights, strict=True)]
    # What an error may be depends on the weight: from 0 to 1, it is the same for all.
    starts = [least - weight * greatest for weight in weights]
    widths = [(greatest - least) * (1 + weight) for weight in weights]
    scaled = [(each - start) / width for each, start, width in zip(errors, starts, widths, strict=True)]
    error_limits = _many_limits(scaled, UNIT)
    model_limits = _many_limits([cell.unvoted for cell in cells], bounds)
    found = []
    for place, (cell, weight) in enumerate(zip(cells, weights, strict=True)):
        if not len(cell.human):
            found.append(Corrected(math.nan, math.nan, math.nan, math.nan))
            continue
        mean = error = float(errors[place].mean())
        low, high = (starts[place] + widths[place] * limit for limit in error_limits[place])
        below, above = (error - low) ** 2, (high - error) ** 2
        if weight:
            model = float(cell.unvoted.mean())
            mean += weight * model
            below += (weight * (model - model_limits[place][0])) ** 2
            above += (weight * (model_limits[place][1] - model)) ** 2
        low, high = max(mean - math.sqrt(below), least), min(mean + math.sqrt(above), greatest)
        found.append(Corrected(mean, low, high, weight))
    return found


def _weight(cell: Verdicts) -> float:
    """The weight of the model that makes the variance least, from 0 to 1."""
    if len(cell.human) < 2 or not len(cell.unvoted):
        return 0.0
    variance = float(np.concatenate([cell.judged, cell.unvoted]).var(ddof=1))
    if not variance:
        return 0.0
    covariance = float(np.cov(cell.human, cell.judged)[0, 1])
    return min(max(covariance / variance / (1 + len(cell.human) / len(cell.unvoted)), 0.0), 1.0)


def _many_limits(cells: Sequence[Floats], bounds: Bounds) -> list[tuple[float, float]]:
    """Gaffke's limits for the mean of each array; nan for an empty one."""
    groups = np.repeat(np.arange(len(cells)), [len(each) for each in cells])
    low, high = gaffke.limits(np.concatenate(cells), groups, len(cells), bounds)
    return list(zip(low.tolist(), high.tolist(), strict=True))

"""Gaffke's limits for the mean of a bounded variable, and the test of paired differences that belongs to them.

Gaffke 2005, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative variable",
Mathematical Methods of Statistics 14(4); Learned-Miller and Thomas 2020, https://arxiv.org/abs/1905.06208. A limit is a
quantile of a mean with random Dirichlet weights of the units and of one more unit that has the worst possible value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from oaikit.experiments.analysis.dirichlet import probability_below, quantile
from oaikit.experiments.columns import UNIT, Bounds, Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

CONFIDENCE: Final = 0.95
_MOST_VALUES: Final = 256  # different values of a group; beyond, neighbours are taken together
_ROWS_AT_ONCE: Final = 1_000  # groups whose limits are computed together: bounds the memory


def limits(
    means: Floats, groups: Codes, count: int, bounds: Bounds, confidence: float = CONFIDENCE
) -> tuple[Floats, Floats]:
    """Lower and upper limits for the means of groups of units; nan for a group without units."""
    tail = (1 - confidence) / 2
    low, high = np.full(count, np.nan), np.full(count, np.nan)
    filled = np.flatnonzero(np.bincount(groups, minlength=count))
    if not filled.size:
        return low, high
    least, greatest = bounds
    values, weights = tables(means, groups, count)
    values, weights = values[filled], weights[filled]
    values[weights == 0] = 0.0
    both, index = np.unique(np.concatenate([values, weights], axis=1), axis=0, return_inverse=True)
    values, weights = np.split(both, 2, axis=1)
    for start in range(0, len(both), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        chosen = filled[(index >= rows.start) & (index < rows.stop)]
        place = index[(index >= rows.start) & (index < rows.stop)] - start
        low[chosen] = _limit(values[rows], weights[rows], least, tail)[place]
        high[chosen] = _limit(values[rows], weights[rows], greatest, 1 - tail)[place]
    return low, high


def _limit(values: Floats, weights: Floats, worst: float, share: float) -> Floats:
    return quantile(*_with_worst(values, weights, np.full(len(values), worst)), share)


def _with_worst(values: Floats, weights: Floats, worst: Floats) -> tuple[Floats, Floats]:
    """The values and weights with one more item, which has the worst value."""
    one = np.ones((len(values), 1))
    return np.concatenate([values, worst[:, None]], axis=1), np.concatenate([weights, one], axis=1)


def tables(means: Floats, groups: Codes, count: int) -> tuple[Floats, Floats]:
    """The different values of each group and how often each occurs, padded with weights of 0."""
    means = np.round(means, 12)  # 1/3 of other sums is the same value
    order = np.lexsort((means, groups))
    means, groups = means[order], groups[order]
    first = np.ones(len(means), dtype=bool)
    first[1:] = (means[1:] != means[:-1]) | (groups[1:] != groups[:-1])
    bins = np.cumsum(first) - 1
    starts = np.flatnonzero(first)
    place = np.arange(len(starts)) - np.searchsorted(groups[starts], groups[starts])
    sizes = np.bincount(groups[starts], minlength=count)
    # Neighbours that share a place become one value, their mean.
    place = place * np.minimum(sizes, _MOST_VALUES)[groups[starts]] // sizes[groups[starts]]
    shape = (count, min(int(sizes.max()), _MOST_VALUES))
    cell = (groups[starts] * shape[1] + place)[bins]
    weights = np.bincount(cell, minlength=shape[0] * shape[1]).astype(float)
    sums = np.bincount(cell, weights=means, minlength=len(weights))
    values = np.divide(sums, weights, out=np.zeros_like(sums), where=weights > 0)
    return values.reshape(shape), weights.reshape(shape)


def worst_difference(differences: Floats, kind: Kind, bounds: Bounds) -> float:
    """How large a difference one more item may have.

    Of binary scores it is 1, which keeps the limits valid for whatever items there are. Of graded scores that would
    hide every small and steady difference. There it is between the greatest difference seen and the greatest possible
    one, the less of the latter the more items differ; `tools/statistics_table.py` shows that the intervals still
    cover. Unbounded scores come here only if all items differ by the same, and one more may differ by as much.
    """
    seen, differing = float(np.abs(differences).max()), int(np.count_nonzero(differences))
    if kind == "binary":
        return 1.0
    if kind == "bounded":
        return (differing * seen + bounds[1] - bounds[0]) / (differing + 1)
    return seen


def paired_test(differences: Floats, worst: float) -> tuple[float, float, float]:
    """Limits of the mean difference, and p."""
    if not worst:
        return 0.0, 0.0, 1.0
    values, weights = tables(differences, np.zeros(len(differences), dtype=np.intp), 1)
    tail = (1 - CONFIDENCE) / 2
    low = float(_limit(values, weights, -worst, tail)[0])
    high = float(_limit(values, weights, worst, 1 - tail)[0])
    p = float(two_sided(values, weights, np.full(1, worst), np.zeros(1))[0])
    if p >= 1 - CONFIDENCE:  # a limit that is 0 but for the error of a root must not say otherwise
        low, high = min(low, 0.0), max(high, 0.0)
    return low, high, p


def p_values(differences: Floats, truth: float, *, kind: Kind = "binary", bounds: Bounds = UNIT) -> Floats:
    """The p of "the mean difference is the truth" for many comparisons at once: below 0.05 where the interval
    leaves the truth out. For simulations.

    Args:
        differences: the items' differences, a row for each comparison.
        truth: the true mean difference.
        kind: binary or bounded.
        bounds: the least and the greatest value of a bounded score.
    """
    count, items = differences.shape
    values, weights = tables(differences.ravel(), np.repeat(np.arange(count), items), count)
    worst = np.array([worst_difference(row, kind, bounds) for row in differences])
    return two_sided(values, weights, worst, np.full(count, truth))


def two_sided(values: Floats, weights: Floats, worst: Floats, at: Floats) -> Floats:
    """Twice the smaller of the tails on the two sides of a value."""
    below = probability_below(*_with_worst(values, weights, -worst), at)
    above = 1.0 - probability_below(*_with_worst(values, weights, worst), at)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(below, above)))

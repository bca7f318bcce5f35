"""Intervals and tests for scores of which several come from the same item.

Answers to one item are alike, so the items are the independent units: everything here starts from the means of the
items (Miller 2024, "Adding Error Bars to Evals", https://arxiv.org/abs/2411.00640), and nothing takes a mean of a few
items for normal that is not (https://arxiv.org/abs/2503.01747).

Which procedure applies depends on the kind of the score, which its scorer declares and which is never guessed:

- ``"binary"`` (0 or 1) and ``"bounded"`` (anything between two bounds): Gaffke's limits for the mean of a bounded
  variable (Gaffke 2005, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
  variable", Mathematical Methods of Statistics 14(4); Learned-Miller and Thomas 2020,
  https://arxiv.org/abs/1905.06208). A limit is a quantile of a mean with random Dirichlet weights of the items and of
  one more item that has the worst possible value. With one answer per item these are Clopper and Pearson's limits for a
  share, and for a difference their p is that of the exact McNemar test.
- ``"count"`` and ``"real"`` (no upper bound): Student's t over the items.

A p and an interval are always of the same procedure: p < 0.05 if and only if 0 is outside the 95 % interval.
`tools/statistics_table.py` simulates how often the intervals cover the truth; docs/statistics.md has its table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from oaikit._distribution import needed_for
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis import gaffke
from oaikit.experiments.analysis.gaffke import CONFIDENCE
from oaikit.experiments.columns import KINDS, UNIT, Bounds, Kind

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

_SAME: Final = 1e-9  # what two sums of the same scores may differ by


@dataclass(frozen=True)
class Mean:
    """A mean over items and its 95 % interval; the limits are nan where the items don't show how much they vary."""

    mean: float
    low: float
    high: float
    items: int


@dataclass(frozen=True)
class Comparison:
    """Two settings on the same items.

    Attributes:
        a: mean of the first setting over the items that both have.
        b: mean of the second one.
        difference: b minus a.
        low: lower limit of the difference's 95 % interval.
        high: upper limit.
        p: two-sided p-value of no difference, by the procedure that the interval is from.
        effect_size: the difference in standard deviations of the items' differences (Cohen's d for pairs); nan where
            they do not vary.
        items: number of items compared.
        dropped: how much only one of the two settings has: items here, pairs of an item and the other axes' values in
            `Results.compare`.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float
    effect_size: float
    items: int
    dropped: int = 0


@dataclass(frozen=True)
class Means:
    """Means of several groups with their 95 % intervals, and the number of items in each."""

    mean: Floats
    low: Floats
    high: Floats
    items: Floats


def mean_of(values: ArrayLike, items: ArrayLike, *, kind: Kind = "binary", bounds: Bounds = UNIT) -> Mean:
    """The mean of the items' means, with a 95 % interval.

    If there is only one item, its answers are taken for the independent units: the interval is then about this item.

    Args:
        values: the scores; nan is a missing one and is left out.
        items: the item of each score.
        kind: what values the score can have.
        bounds: the least and the greatest value of a bounded score.

    Raises:
        InvalidRequestError: there are no scores, or one is not of the kind.
    """
    scores, codes = _present(values, _codes(items))
    if not len(scores):
        raise InvalidRequestError("there are no scores to take a mean of")
    found = means_of(scores, codes, np.zeros(len(scores), dtype=np.intp), 1, kind=kind, bounds=bounds)
    return Mean(float(found.mean[0]), float(found.low[0]), float(found.high[0]), int(found.items[0]))


def means_of(
    values: Floats,
    items: Codes,
    groups: Codes,
    count: int,
    *,
    kind: Kind,
    bounds: Bounds = UNIT,
    confidence: float = CONFIDENCE,
) -> Means:
    """`mean_of` for many groups at once.

    Args:
        values: the scores.
        items: the item of each score, as an integer.
        groups: the group of each score, from 0.
        count: the number of groups; one without scores gets nan everywhere.
        kind: what values the score can have.
        bounds: the least and the greatest value of a bounded score.
        confidence: the coverage that each interval should have.

    Raises:
        InvalidRequestError: a score is not of the kind.
    """
    scores, items, groups = _present(values, items, groups)
    _check_kind(scores, kind, bounds)
    width = int(items.max()) + 1 if len(items) else 1
    units, index = np.unique(groups * width + items, return_inverse=True)
    means = np.bincount(index, weights=scores) / np.bincount(index)
    unit_groups = units // width
    numbers = np.bincount(unit_groups, minlength=count)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(unit_groups, weights=means, minlength=count) / numbers
    if kind in ("binary", "bounded"):
        alone = numbers[groups] == 1
        several = numbers[unit_groups] > 1
        means = np.concatenate([means[several], scores[alone]])
        unit_groups = np.concatenate([unit_groups[several], groups[alone]])
        low, high = gaffke.limits(means, unit_groups, count, UNIT if kind == "binary" else bounds, confidence)
    else:
        low, high = _student_limits(means, unit_groups, mean, numbers, confidence)
        if kind == "count":
            low = np.maximum(low, 0.0)
    return Means(mean, low, high, numbers.astype(float))


def ratios_of(
    tops: Floats,
    bottoms: Floats,
    items: Codes,
    groups: Codes,
    count: int,
    *,
    confidence: float = CONFIDENCE,
) -> Means:
    """Ratios of sums for many groups at once, with Student's limits of the items' residuals.

    A mean of ratios would be ruled by the smallest denominators. The variance is the linearised one of a ratio
    (Cochran 1977, "Sampling Techniques", section 6.5).

    Args:
        tops: numerators.
        bottoms: denominators, above 0.
        items: the item of each, as an integer.
        groups: the group of each, from 0.
        count: the number of groups.
        confidence: the coverage that each interval should have.
    """
    width = int(items.max()) + 1 if len(items) else 1
    units, index = np.unique(groups * width + items, return_inverse=True)
    unit_groups = units // width
    numbers = np.bincount(unit_groups, minlength=count)
    top, bottom = (np.bincount(index, weights=each) for each in (tops, bottoms))
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.bincount(unit_groups, weights=bottom, minlength=count)
        ratio = np.bincount(unit_groups, weights=top, minlength=count) / total
        # Pseudo-values: their mean is the ratio and their variance that of its linearisation.
        pseudo = ratio[unit_groups] + (top - ratio[unit_groups] * bottom) * (numbers / total)[unit_groups]
    low, high = _student_limits(pseudo, unit_groups, ratio, numbers, confidence)
    return Means(ratio, low, high, numbers.astype(float))


def compare(
    a: ArrayLike,
    items_a: ArrayLike,
    b: ArrayLike,
    items_b: ArrayLike,
    *,
    kind: Kind = "binary",
    bounds: Bounds = UNIT,
) -> Comparison:
    """Whether b scores otherwise than a, item by item; items that only one of them has are left out and counted.

    Args:
        a: scores of the first setting; nan is a missing one and is left out.
        items_a: the item of each.
        b: scores of the second setting.
        items_b: the item of each.
        kind: what values the score can have.
        bounds: the least and the greatest value of a bounded score.

    Raises:
        InvalidRequestError: fewer than two items have scores of both, or a score is not of the kind.
    """
    codes = _codes(np.concatenate([_as_array(items_a), _as_array(items_b)]))
    scores_a, codes_a = _present(a, codes[: len(_as_array(items_a))])
    scores_b, codes_b = _present(b, codes[len(_as_array(items_a)) :])
    for scores in (scores_a, scores_b):
        _check_kind(scores, kind, bounds)
    size = int(codes.max()) + 1 if len(codes) else 0
    counts_a, counts_b = (np.bincount(each, minlength=size) for each in (codes_a, codes_b))
    both = (counts_a > 0) & (counts_b > 0)
    dropped = int(((counts_a > 0) ^ (counts_b > 0)).sum())
    means_a = np.bincount(codes_a, weights=scores_a, minlength=size)[both] / counts_a[both]
    means_b = np.bincount(codes_b, weights=scores_b, minlength=size)[both] / counts_b[both]
    return compare_means(means_a, means_b, kind=kind, bounds=bounds, dropped=dropped)


def compare_means(a: Floats, b: Floats, *, kind: Kind, bounds: Bounds = UNIT, dropped: int = 0) -> Comparison:
    """`compare` of what is paired already: the means of each item.

    Raises:
        InvalidRequestError: there are fewer than two items.
    """
    if len(a) < 2:
        left = f"; {dropped} have scores of only one" if dropped else ""
        raise InvalidRequestError(
            f"a comparison needs at least two items that both settings have scores for; there are {len(a)}{left}"
        )
    differences = b - a
    differences[np.abs(differences) < _SAME] = 0.0
    mean, spread = float(differences.mean()), float(differences.std(ddof=1))
    varies = spread > _SAME * max(1.0, float(np.abs(differences).max()))
    if kind in ("count", "real") and varies:
        low, high, p = _student_test(differences)
    else:
        low, high, p = gaffke.paired_test(differences, gaffke.worst_difference(differences, kind, bounds))
    effect = mean / spread if varies else math.nan
    return Comparison(float(a.mean()), float(b.mean()), mean, low, high, p, effect, len(a), dropped)


# -- unbounded scores --------------------------------------------------------------------------------------------------


def _student_limits(
    means: Floats, groups: Codes, mean: Floats, numbers: Codes, confidence: float
) -> tuple[Floats, Floats]:
    """Student's limits; nan where the items don't vary or there is only one."""
    with needed_for("an interval of a mean"):
        from scipy.stats import t

    squares = np.bincount(groups, weights=(means - mean[groups]) ** 2, minlength=len(mean))
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(squares / (numbers - 1) / numbers)
        known = (numbers > 1) & (error > _SAME * np.maximum(1.0, np.abs(mean)))
        half = np.where(known, t.ppf((1 + confidence) / 2, np.maximum(numbers - 1, 1)) * error, np.nan)
    return mean - half, mean + half


def _student_test(differences: Floats) -> tuple[float, float, float]:
    with needed_for("a comparison"):
        from scipy.stats import ttest_1samp

    found = ttest_1samp(differences, 0.0)
    limits = found.confidence_interval(CONFIDENCE)
    return float(limits.low), float(limits.high), float(found.pvalue)


# -- what comes in -----------------------------------------------------------------------------------------------------


def _present(values: ArrayLike, *others: Any) -> tuple[Any, ...]:
    """The scores that are there, and what belongs to them."""
    scores = np.asarray(values, dtype=float)
    there = ~np.isnan(scores)
    return scores[there], *(each[there] for each in others)


def _as_array(items: ArrayLike) -> NDArray[Any]:
    """Items as an array of one dimension, whatever they are: numpy would make a table of tuples."""
    if isinstance(items, np.ndarray) and items.ndim == 1:
        return items
    listed: Sequence[Any] = list(items)  # type: ignore[arg-type]
    made = np.empty(len(listed), dtype=object)
    made[:] = listed
    return made


def _codes(items: ArrayLike) -> Codes:
    """A number for each item, equal for equal items; they need not be sortable."""
    import pandas as pd

    return np.asarray(pd.factorize(_as_array(items), use_na_sentinel=False)[0], dtype=np.intp)


def _check_kind(scores: Floats, kind: Kind, bounds: Bounds) -> None:
    if kind not in KINDS:
        raise InvalidRequestError(f"a score is {', '.join(KINDS)}, not {kind!r}", param="kind")
    if kind == "binary":
        right, said = np.isin(scores, (0.0, 1.0)), "0 or 1"
    elif kind == "bounded":
        right = (scores >= bounds[0]) & (scores <= bounds[1])
        said = f"from {bounds[0]:g} to {bounds[1]:g}"
    elif kind == "count":
        right, said = (scores >= 0) & (scores == np.floor(scores)), "0, 1, 2, …"
    else:
        return
    if not right.all():
        wrong = float(scores[~right][0])
        raise InvalidRequestError(f"a {kind} score is {said}, not {wrong:g}", param="kind")

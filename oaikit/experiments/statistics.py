"""How sure one can be: intervals for a mean and for a difference, where several answers come from the same item.

Answers to one item are alike, so that the items are what counts as independent, not the answers: everything here
starts from the means of the items ("Adding Error Bars to Evals", https://arxiv.org/abs/2411.00640), and none of it
takes a mean of a few items for normal (https://arxiv.org/abs/2503.01747).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from oaikit.errors import InvalidRequestError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
RESAMPLES = 2_000
FLIPS = 10_000
_EXACT_ITEMS = 13  # 2^13 ways of giving signs are fewer than FLIPS
_NOTHING = 1e-9  # what two sums of the same scores may differ by


@dataclass(frozen=True)
class Mean:
    """A mean over items, with an interval that holds the true one in `CONFIDENCE` of all cases."""

    mean: float
    low: float
    high: float
    items: int


@dataclass(frozen=True)
class Comparison:
    """Two settings on the same items.

    ``difference`` is b minus a, a mean over the items; ``low`` and ``high`` its interval; ``p`` the chance of a
    difference at least as large if the settings did not differ; ``effect_size`` the difference in standard deviations
    of the items' differences (Cohen's d for pairs), nan where they do not vary.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    p: float
    effect_size: float
    items: int


def mean_of(values: ArrayLike, items: ArrayLike) -> Mean:
    """The mean of the items' means.

    Scores that are all 0 or 1 get Wilson's interval (https://doi.org/10.1080/01621459.1927.10502953), with as many
    answers as would vary so much if they were independent (Kish's effective sample size), and Student's quantile in
    place of the normal one. Other scores get Student's interval over the items. One item alone has no interval, unless
    its scores are 0 or 1 and there are several: they are then all that can be judged by.

    Parameters: the scores (n) without nan, and the item of each (n).

    Raises:
        InvalidRequestError: there are no scores.
    """
    scores, means = _by_item(values, items)
    mean, count = float(means.mean()), len(means)
    if np.isin(scores, (0.0, 1.0)).all():
        low, high = _wilson(mean, *_effective(scores, means))
    elif count == 1:
        low = high = math.nan
    else:
        half = _student(count - 1) * float(means.std(ddof=1)) / math.sqrt(count)
        low, high = mean - half, mean + half
    return Mean(mean, low, high, count)


def compare(
    a: ArrayLike, items_of_a: ArrayLike, b: ArrayLike, items_of_b: ArrayLike, *, seed: int = 0
) -> Comparison:
    """Whether b scores otherwise than a, item by item; items that only one of them has are left out.

    p is that of a permutation test: under the null each item's difference is as likely to have the other sign
    (all ways of giving signs for up to 13 items, 10,000 drawn ones beyond). The interval is Student's over the items'
    differences.

    Raises:
        InvalidRequestError: fewer than two items have scores of both.
    """
    means_a, means_b = _item_means(a, items_of_a), _item_means(b, items_of_b)
    both = [item for item in means_a if item in means_b]
    if len(both) < 2:
        raise InvalidRequestError(
            f"a comparison needs at least two items that both settings have scores for; there are {len(both)}"
        )
    pairs = np.array([(means_a[item], means_b[item]) for item in both])
    differences = pairs[:, 1] - pairs[:, 0]
    mean, spread = float(differences.mean()), float(differences.std(ddof=1))
    half = _student(len(both) - 1) * spread / math.sqrt(len(both))
    return Comparison(
        a=float(pairs[:, 0].mean()),
        b=float(pairs[:, 1].mean()),
        difference=mean,
        low=mean - half,
        high=mean + half,
        p=_sign_flip_p(differences, np.random.default_rng(seed)),
        effect_size=mean / spread if spread > 0 else math.nan,
        items=len(both),
    )


def _by_item(values: ArrayLike, items: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scores = np.asarray(values, dtype=float)
    if not scores.size:
        raise InvalidRequestError("there are no scores to take a mean of")
    return scores, np.array(list(_item_means(scores, items).values()))


def _item_means(values: ArrayLike, items: ArrayLike) -> dict[object, float]:
    """The mean of each item's scores, in the order in which the items come."""
    scores, names = np.asarray(values, dtype=float), np.asarray(items)
    known, index = np.unique(names, return_inverse=True)
    sums = np.bincount(index, weights=scores, minlength=len(known))
    return dict(zip(known.tolist(), (sums / np.bincount(index, minlength=len(known))).tolist(), strict=True))


def _effective(scores: NDArray[np.float64], means: NDArray[np.float64]) -> tuple[float, float]:
    """How many independent answers these are worth, and the degrees of freedom of that guess."""
    count, mean = len(means), float(means.mean())
    if count == 1:
        return float(len(scores)), math.inf
    variance = float(means.var(ddof=1)) / count
    if variance == 0:  # all items alike: worth no more than one answer each
        return float(count), math.inf
    return min(max(mean * (1 - mean) / variance, count), len(scores)), count - 1


def _wilson(share: float, count: float, freedom: float) -> tuple[float, float]:
    z2 = _student(freedom) ** 2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = math.sqrt(z2) / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _student(freedom: float) -> float:
    """How many standard errors the interval reaches to each side."""
    from scipy.special import ndtri, stdtrit

    tail = 0.5 + CONFIDENCE / 2
    return float(ndtri(tail) if math.isinf(freedom) else stdtrit(freedom, tail))


def _sign_flip_p(differences: NDArray[np.float64], random: np.random.Generator) -> float:
    """The mid-p (https://doi.org/10.2307/2332772): half of the ties count, for scores of 0 and 1 have many."""
    observed, count = abs(float(differences.sum())), len(differences)
    if observed < _NOTHING:
        return 1.0
    if exact := count <= _EXACT_ITEMS:
        signs = 1.0 - 2.0 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
    else:
        signs = random.choice((-1.0, 1.0), size=(FLIPS, count))
    sums = np.abs(signs @ differences)
    tied = np.abs(sums - observed) < _NOTHING
    extreme = float((sums > observed)[~tied].sum() + 0.5 * tied.sum())
    # The observed signs are one more way of giving them: drawn ones alone could make a p of nothing.
    return extreme / len(sums) if exact else (extreme + 0.5) / (len(sums) + 1)

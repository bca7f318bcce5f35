"""The distribution of a randomly weighted mean, which the intervals of `statistics` are quantiles of.

The weights of the values are Dirichlet distributed: Gamma variables divided by their sum. So a weighted mean is at most
t when the same combination of Gamma variables with the values less t is at most 0. The characteristic function of that
combination is known and is inverted numerically (Gil-Pelaez 1951, https://doi.org/10.1093/biomet/38.3-4.481) along a
line through its saddlepoint (Rice 1980, https://doi.org/10.1137/0901022), where it does not oscillate.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FROM_THE_POLE: Final = 0.7  # standard deviations that the line keeps from the pole at 0
_FAR: Final = 40.0  # of a logarithm: what is less likely than exp(-40) is impossible
_MANY: Final = 100.0  # a sum of weights from which the integrand is narrow and needs a finer step
_REACH: Final = 16.4  # where the trapezoidal rule ends: the integrand has fallen by exp(-16) at least
_BISECTIONS: Final = 20  # enough for the saddlepoint, which need not be exact
_ROOT_STEPS: Final = 60
_TOLERANCE: Final = 1e-7  # of a quantile, relative to the range of the values


def probability_below(values: Array, weights: Array, point: Array) -> Array:
    """How likely the weighted mean is at most a point.

    Args:
        values: a row of values for each mean (rows × values).
        weights: the Dirichlet parameters that belong to them; 0 leaves a value out.
        point: one point for each row.

    Returns:
        A probability for each row, correct to about 1e-9.
    """
    offsets = np.where(weights > 0, values - point[:, None], 0.0)
    scale = np.abs(offsets).max(axis=1)
    found = np.where(offsets.max(axis=1) <= 0, 1.0, 0.0)
    inside = (offsets.max(axis=1) > 0) & (offsets.min(axis=1) < 0)
    if inside.any():
        found[inside] = _inverted(offsets[inside] / scale[inside, None], weights[inside])
    return found


def quantile(values: Array, weights: Array, share: float) -> Array:
    """The point that the weighted mean is below with a given probability, for each row.

    Args:
        values: a row of values for each mean (rows × values).
        weights: the Dirichlet parameters that belong to them; 0 leaves a value out.
        share: the probability, between 0 and 1.
    """
    counted = weights > 0
    low = np.where(counted, values, np.inf).min(axis=1)
    high = np.where(counted, values, -np.inf).max(axis=1)
    tolerance = _TOLERANCE * (high - low)
    over_low, over_high = np.full(len(low), -share), np.full(len(low), 1.0 - share)
    side = np.zeros(len(low))
    for _ in range(_ROOT_STEPS):
        rows = np.flatnonzero(high - low > tolerance)
        if not rows.size:
            break
        # The Illinois method (Dowell and Jarratt 1971, https://doi.org/10.1007/BF01934364): the secant, but the value
        # at an end that stays twice is halved.
        step = over_low[rows] / (over_low[rows] - over_high[rows])
        middle = low[rows] + np.clip(step, 0.01 * tolerance[rows], 1.0) * (high - low)[rows]
        over = probability_below(values[rows], weights[rows], middle) - share
        up, down = rows[over < 0], rows[over >= 0]
        over_high[up[side[up] > 0]] /= 2
        over_low[down[side[down] < 0]] /= 2
        low[up], over_low[up], side[up] = middle[over < 0], over[over < 0], 1
        high[down], over_high[down], side[down] = middle[over >= 0], over[over >= 0], -1
        met = rows[np.abs(over) < _TOLERANCE * share]
        low[met] = high[met] = middle[np.abs(over) < _TOLERANCE * share]
    return np.asarray((low + high) / 2)


def _inverted(offsets: Array, weights: Array) -> Array:
    """How likely the combination of Gamma variables is at most 0, where both signs occur among the offsets."""
    tilt = _tilt(offsets, weights)
    rest = 1.0 - tilt[:, None] * offsets
    log_peak = -(weights * np.log(rest)).sum(axis=1)
    tilted = offsets / rest
    spread = 1.0 / np.sqrt((weights * tilted**2).sum(axis=1))
    step = 0.05 if weights.sum(axis=1).max() > _MANY else 0.15
    points = np.arange(0.0, _REACH, step)
    at, widths = spread[:, None] * np.sinh(points), step * np.cosh(points)
    widths[0] /= 2
    phase, log_size = np.zeros_like(at), np.zeros_like(at)
    for offset, weight in zip(tilted.T, weights.T, strict=True):
        turned = offset[:, None] * at
        phase += weight[:, None] * np.arctan(turned)
        log_size -= weight[:, None] / 2 * np.log1p(turned**2)
    line = tilt[:, None]
    integrand = np.exp(log_size) * (line * np.cos(phase) + at * np.sin(phase)) / (line**2 + at**2)
    tail = np.exp(log_peak) / np.pi * spread * (integrand @ widths)
    tail = np.where(log_peak < -_FAR, 0.0, tail)
    return np.clip(np.where(tilt > 0, 1.0 - tail, -tail), 0.0, 1.0)


def _tilt(offsets: Array, weights: Array) -> Array:
    """Where the line of integration crosses the real axis: at the saddlepoint, but not too near to the pole at 0."""
    low, high = 1.0 / offsets.min(axis=1), 1.0 / offsets.max(axis=1)
    least, most = low.copy(), high.copy()
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        rising = (weights * offsets / (1.0 - middle[:, None] * offsets)).sum(axis=1) > 0
        high, low = np.where(rising, middle, high), np.where(rising, low, middle)
    saddle = (low + high) / 2
    away = _FROM_THE_POLE / np.sqrt((weights * offsets**2).sum(axis=1))
    # A half of the way to the edge at most, beyond which the integral does not exist.
    away = np.minimum(away, np.where(saddle >= 0, most, -least) / 2)
    return np.where(saddle >= 0, np.maximum(saddle, away), np.minimum(saddle, -away))

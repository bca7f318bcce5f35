"""Intervals and p-values are what they say they are, on scores whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from oaikit.errors import InvalidRequestError
from oaikit.experiments.statistics import compare, mean_of

ITEMS, REPLICATES, SWEEPS = 20, 4, 1000
NAMES = np.repeat(np.arange(ITEMS), REPLICATES)


def simulated(
    kind: str, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Scores of two settings that do not differ, and their true mean. Items differ more than answers to one."""
    if kind == "graded":
        items = random.normal(0, 1, ITEMS)
        first, second = (np.repeat(items, REPLICATES) + random.normal(0, 1, len(NAMES)) for _ in range(2))
        return first, second, 0.0
    a, b = {"even": (2, 2), "easy": (9, 1)}[kind]
    chances = np.repeat(random.beta(a, b, ITEMS), REPLICATES)
    first, second = ((random.random(len(NAMES)) < chances).astype(float) for _ in range(2))
    return first, second, a / (a + b)


@pytest.mark.parametrize("kind", ["even", "easy", "graded"])
def test_under_the_null_p_is_below_five_per_cent_in_five_per_cent(kind: str) -> None:
    random = np.random.default_rng(1)
    significant = covers_difference = covers_mean = 0
    for sweep in range(SWEEPS):
        first, second, truth = simulated(kind, random)
        found = compare(first, NAMES, second, NAMES, seed=sweep)
        significant += found.p < 0.05
        covers_difference += found.low <= 0 <= found.high
        mean = mean_of(first, NAMES)
        covers_mean += mean.low <= truth <= mean.high
    assert 0.03 <= significant / SWEEPS <= 0.07
    assert 0.93 <= covers_difference / SWEEPS <= 0.97
    assert 0.93 <= covers_mean / SWEEPS <= 0.97


def test_a_difference_is_found_and_measured() -> None:
    random = np.random.default_rng(0)
    items = np.repeat(random.normal(0, 5, ITEMS), REPLICATES)
    found = compare(items, NAMES, items + random.normal(1, 0.5, len(NAMES)), NAMES)
    assert found.p < 0.001
    assert found.low <= 1 <= found.high
    assert found.effect_size > 2
    assert found.difference == pytest.approx(found.b - found.a)


def test_no_difference_at_all_has_a_p_of_one() -> None:
    found = compare([1, 0, 1], [1, 2, 3], [1, 0, 1], [1, 2, 3])
    assert (found.p, found.difference, found.low, found.high) == (1, 0, 0, 0)
    assert math.isnan(found.effect_size)


def test_few_items_are_counted_out() -> None:
    """Three items that all got better: of eight ways of giving signs two are as extreme, and half of those counts."""
    assert compare([0, 0, 0], list("abc"), [1, 1, 1], list("abc")).p == pytest.approx(1 / 8)


def test_only_items_of_both_are_compared() -> None:
    found = compare([1, 1, 9], ["x", "y", "only a"], [2, 3, 9], ["y", "x", "only b"])
    assert (found.items, found.difference) == (2, 1.5)
    with pytest.raises(InvalidRequestError, match="at least two items"):
        compare([1, 2], ["x", "y"], [1, 2], ["x", "z"])


def test_an_items_answers_are_no_more_than_one_item() -> None:
    """The same ten items asked a hundred times are no surer than ten items."""
    scores = [0.0, 1.0] * 5
    once = mean_of(scores, range(10))
    often = mean_of(np.repeat(scores, 100), np.repeat(range(10), 100))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_all_right_is_not_surely_right() -> None:
    found = mean_of([1.0] * 20, range(20))
    assert found.mean == found.high == 1
    assert found.low == pytest.approx(0.839, abs=0.001)  # Wilson's, 20 of 20


def test_one_item() -> None:
    assert mean_of([0, 1, 1, 1], ["x"] * 4).low == pytest.approx(0.3006, abs=0.001)  # Wilson's, 3 of 4
    assert math.isnan(mean_of([0.5], ["x"]).low)
    with pytest.raises(InvalidRequestError):
        mean_of([], [])

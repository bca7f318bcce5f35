"""How many items a comparison needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import beta, ttest_ind
from statsmodels.stats.power import TTestPower

import oaikit as ok
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.statistics import compare


def found(
    effect: float, rate: float, items: int, replicates: int, correlation: float, sweeps: int = 250
) -> float:
    """The share of simulated sweeps in which `compare` finds the difference."""
    random, names, count = np.random.default_rng(3), np.repeat(np.arange(items), replicates), 0
    for _ in range(sweeps):
        place = random.random(items)
        sides = []
        for each in (rate, rate + effect):
            size = 1 / correlation - 1
            chance = beta.ppf(place, each * size, (1 - each) * size)
            sides.append((random.random((items, replicates)) < chance[:, None]).astype(float).ravel())
        count += compare(sides[0], names, sides[1], names).p < 0.05
    return count / sweeps


@pytest.mark.parametrize(
    ("effect", "rate", "replicates", "correlation"),
    [(0.1, 0.8, 1, 0.5), (-0.2, 0.6, 1, 0.3), (0.1, 0.7, 4, 0.3)],
)
def test_compare_finds_the_difference_as_often_as_was_said(
    effect: float, rate: float, replicates: int, correlation: float
) -> None:
    planned = ok.power(effect, rate=rate, replicates=replicates, correlation=correlation)
    share = found(effect, rate, planned.items, replicates, correlation)
    assert share == pytest.approx(0.8, abs=0.09)  # 3.5 standard errors
    fewer = ok.power(
        effect, rate=rate, replicates=replicates, correlation=correlation, items=planned.items // 2
    )
    assert fewer.power == pytest.approx(
        found(effect, rate, planned.items // 2, replicates, correlation), abs=0.11
    )


def test_five_items_never_show_a_difference() -> None:
    assert ok.power(1.0, rate=0.0, items=5).power == 0  # p is 1/16 at best
    assert ok.power(1.0, rate=0.0, items=6).power == 1
    assert ok.power(1.0, rate=0.0).items == 6


def test_an_unpaired_comparison_is_the_usual_normal_approximation() -> None:
    """Fleiss, Levin and Paik 2003: about 199 in each group for .5 against .64 with 80 %."""
    planned = ok.power(0.14, rate=0.5, paired=False)
    z, spread = 1.959964 + 0.841621, 0.25 + 0.64 * 0.36
    assert planned.items == pytest.approx(z**2 * spread / 0.14**2, abs=2)
    random, hits = np.random.default_rng(0), 0
    for _ in range(400):
        a, b = random.random(planned.items) < 0.5, random.random(planned.items) < 0.64
        hits += ttest_ind(a.astype(float), b.astype(float), equal_var=False).pvalue < 0.05
    assert hits / 400 == pytest.approx(0.8, abs=0.07)
    assert ok.power(0.1, rate=0.5, paired=False).items > ok.power(0.1, rate=0.5).items


def test_replicates_help_unless_items_are_always_answered_alike() -> None:
    one, four = (ok.power(0.2, rate=0.5, replicates=n, correlation=0.2).items for n in (1, 4))
    assert four < one
    one, four = (ok.power(0.2, rate=0.5, replicates=n, correlation=1).items for n in (1, 4))
    assert one == four


def test_scores_that_are_not_right_or_wrong() -> None:
    expected = TTestPower().solve_power(0.5, power=0.8, alpha=0.05)
    planned = ok.power(1.0, sd=2.0)
    assert planned.items == np.ceil(expected)
    assert planned.power >= 0.8
    assert ok.power(1.0, sd=2.0, paired=False).items == 64  # Cohen 1988, table 2.4.1: d = .5
    assert "34 items × 1" in str(planned)
    assert planned.answers == 68


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"effect": 0}, "effect"),
        ({"effect": float("nan")}, "effect"),
        ({"effect": 0.3, "rate": 0.8}, "rate"),
        ({"effect": 0.1, "rate": -0.1}, "rate"),
        ({"effect": 0.1, "power": 1}, "power"),
        ({"effect": 0.1, "alpha": 0}, "alpha"),
        ({"effect": 0.1, "correlation": 2}, "correlation"),
        ({"effect": 0.1, "items": 1}, "items"),
        ({"effect": 0.1, "replicates": 0}, "replicates"),
        ({"effect": 0.1, "sd": 0}, "sd"),
        ({"effect": 0.1, "sd": 1, "replicates": 4}, "replicates"),
        ({"effect": 1e-5}, "effect"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(given: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        ok.power(**given)
    assert refused.value.param == param

"""Intervals and p-values are what they say they are, on scores whose truth is known."""

from __future__ import annotations

import math
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_rel

from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.dirichlet import probability_below, quantile
from oaikit.experiments.analysis.gaffke import p_values
from oaikit.experiments.analysis.statistics import compare, mean_of, means_of
from oaikit.experiments.columns import KINDS, Kind
from tools.statistics_choices import (
    CELLS,
    CHOICES_HEAD,
    ITEMS,
    JUDGES_HEAD,
    VOTES,
    choice_lines,
    judge_covers,
)
from tools.statistics_table import BEGIN, DOCUMENT, END, HEAD, rows

TABLE = DOCUMENT.read_text()


# -- the promises, by simulation ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(5, 1), (5, 4), (10, 1), (20, 4), (50, 1)])
def test_intervals_cover_and_equal_settings_are_rarely_told_apart(size: tuple[int, int]) -> None:
    """The worst of 75 cases of 300 draws each, which is lower by chance than any of them is in truth."""
    (row,) = rows(300, sizes=[size])
    for covers in (row.mean_covers, row.difference_covers, row.graded_covers):
        assert covers >= 0.92
    assert row.false_positives <= 0.08
    assert row.graded_false_positives <= 0.08


def figures(begin: str, end: str) -> list[list[float]]:
    """The numbers of a table of the document."""
    table = TABLE.split(begin)[1].split(end)[0]
    lines = [line for line in table.splitlines() if line.endswith("% |")]
    return [[float(cell.strip(" %")) for cell in line.split("|")[1:-1]] for line in lines]


def test_the_documents_table_keeps_the_promises() -> None:
    found = figures(BEGIN, END)
    assert [(row[0], row[1]) for row in found] == [(n, k) for n in (5, 10, 20, 50) for k in (1, 4)]
    for items, _, mean, difference, positives, graded, graded_positives in found:
        assert min(mean, difference, graded) >= (90 if items == 5 else 93)
        assert max(positives, graded_positives) <= 5.5
    assert HEAD in TABLE


def test_the_documents_tables_of_choices_and_judges_keep_the_promises() -> None:
    begin, end = (mark.replace("statistics: ", "statistics: choices: ") for mark in (BEGIN, END))
    found = figures(begin, end)
    assert [(row[0], row[1]) for row in found] == [(n, k) for n in ITEMS for k in CELLS]
    for _, cells, best, alone, holm, uncorrected in found:
        assert best >= 94
        assert holm <= 5.5
        assert alone < best
        assert cells < 10 or alone < 90  # the winner's curse
        assert uncorrected > holm
    begin, end = (mark.replace("choices", "judges") for mark in (begin, end))
    found = figures(begin, end)
    assert [row[0] for row in found] == [*VOTES]
    assert min(min(mean, kappa) for _, _, mean, kappa in found) >= 93
    assert CHOICES_HEAD in TABLE
    assert JUDGES_HEAD in TABLE


def test_the_best_of_sixteen_cells_and_pairs_of_equal_settings() -> None:
    (line,) = choice_lines(300, sizes=[(20, 16)])
    best, alone, holm, uncorrected = (float(cell.strip(" %")) for cell in line.split("|")[3:-1])
    assert best >= 92
    assert alone < 90
    assert holm <= 8
    assert uncorrected > 8


def test_means_without_a_judges_errors_and_kappa_cover() -> None:
    random = np.random.default_rng(9)
    mean, kappa = judge_covers(20, 0.9, 0.8, 0.9, 100, random)
    assert min(mean, kappa) >= 0.88  # 95 % would be missed so far once in a thousand times


def test_ten_items_of_95_and_99_per_cent() -> None:
    """Student's interval covered the truth in 45 % of such comparisons: mostly all items agree."""
    random = np.random.default_rng(1)
    differences = random.binomial(1, 0.99, (2000, 10)) - random.binomial(1, 0.95, (2000, 10))
    assert (p_values(differences.astype(float), 0.04) >= 0.05).mean() >= 0.95
    agreed = compare(np.ones(10), range(10), np.ones(10), range(10))
    assert agreed.low < -0.2
    assert agreed.high > 0.2
    assert agreed.p == 1


# -- one procedure -----------------------------------------------------------------------------------------------------


def drawn(kind: Kind, random: np.random.Generator, size: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return {
        "binary": lambda: random.integers(0, 2, size).astype(float),
        "bounded": lambda: np.round(random.random(size), 1),
        "count": lambda: random.poisson(2, size).astype(float),
        "real": lambda: random.normal(0, 1, size),
    }[kind]()


@pytest.mark.parametrize("kind", KINDS)
def test_p_and_interval_never_contradict_each_other(kind: Kind) -> None:
    random = np.random.default_rng(2)
    significant = 0
    for _ in range(150):
        items, replicates = int(random.integers(2, 30)), int(random.integers(1, 5))
        names = np.repeat(np.arange(items), replicates)
        a, b = drawn(kind, random, len(names)), drawn(kind, random, len(names))
        better = random.random(len(names)) < 0.8
        b = np.where(better, np.maximum(a, b), b)
        found = compare(a, names, b, names, kind=kind)
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high)
        assert found.low <= found.difference <= found.high
        significant += found.p < 0.05
    assert significant > 5


def test_with_one_answer_per_item_a_share_has_clopper_and_pearsons_limits() -> None:
    for right, items in ((0, 5), (3, 5), (5, 5), (49, 50), (50, 50), (7, 300)):
        scores = [1] * right + [0] * (items - right)
        found = mean_of(scores, range(items))
        expected = binomtest(right, items).proportion_ci(method="exact")
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_with_one_answer_per_item_p_is_the_exact_mcnemar_tests() -> None:
    for better, worse, same in ((6, 0, 14), (5, 0, 0), (9, 2, 5), (1, 1, 8), (12, 3, 0)):
        a = [0] * better + [1] * worse + [1] * same
        b = [1] * better + [0] * worse + [1] * same
        found = compare(a, range(len(a)), b, range(len(b)))
        assert found.p == pytest.approx(binomtest(better, better + worse).pvalue, abs=1e-6)


def test_real_scores_are_compared_by_students_test_for_pairs() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(0, 1, 12), random.normal(1, 1, 12)
    found, expected = compare(a, range(12), b, range(12), kind="real"), ttest_rel(b, a)
    limits = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((limits.low, limits.high))


def test_a_difference_is_found_and_measured() -> None:
    random = np.random.default_rng(0)
    names = np.repeat(np.arange(20), 4)
    items = np.repeat(random.normal(0, 5, 20), 4)
    found = compare(items, names, items + random.normal(1, 0.5, len(names)), names, kind="real")
    assert found.p < 0.001
    assert found.low <= 1 <= found.high
    assert found.effect_size > 2
    assert found.difference == pytest.approx(found.b - found.a)


def test_a_small_and_steady_gain_of_graded_scores_is_found() -> None:
    random = np.random.default_rng(0)
    a = random.uniform(0.3, 0.8, 30)
    found = compare(a, range(30), a + random.uniform(0.03, 0.07, 30), range(30), kind="bounded")
    assert found.p < 0.001
    assert 0 < found.low < 0.05 < found.high


# -- monotone, within bounds -------------------------------------------------------------------------------------------


def test_a_better_cell_never_looks_worse() -> None:
    names = np.repeat(range(100), 8)
    wrong = np.ones(800)
    limits = [mean_of(wrong, names).low]
    for place in range(0, 800, 37):
        wrong[place] = 0
        limits.append(mean_of(wrong, names).low)
    assert limits == sorted(limits, reverse=True)
    assert limits[0] > limits[1]


def test_a_better_answer_never_lowers_a_limit() -> None:
    random = np.random.default_rng(3)
    for _ in range(100):
        items, replicates = int(random.integers(2, 12)), int(random.integers(1, 5))
        names = np.repeat(np.arange(items), replicates)
        scores = random.integers(0, 2, len(names)).astype(float)
        other = random.integers(0, 2, len(names)).astype(float)
        better = scores.copy()
        better[random.integers(0, len(names))] = 1
        one, two = mean_of(scores, names), mean_of(better, names)
        assert one.low <= two.low + 1e-6
        assert one.high <= two.high + 1e-6
        first, second = (compare(other, names, each, names) for each in (scores, better))
        assert first.low <= second.low + 1e-6
        assert first.high <= second.high + 1e-6


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (1.0, 5.0), (-1.0, 1.0)])
def test_limits_of_bounded_scores_are_within_the_bounds(bounds: tuple[float, float]) -> None:
    random = np.random.default_rng(4)
    low, high = bounds
    for items in (1, 2, 3, 10):
        for _ in range(30):
            scores = low + (high - low) * random.beta(8, 1, 2 * items)
            found = mean_of(scores, np.repeat(range(items), 2), kind="bounded", bounds=bounds)
            assert low <= found.low < found.mean < found.high <= high


def test_a_count_that_happens_to_be_0_or_1_is_a_count() -> None:
    scores = [0, 1, 0, 0, 1, 0]
    count, binary = mean_of(scores, range(6), kind="count"), mean_of(scores, range(6))
    assert count.low == 0
    assert binary.low > 0
    assert count.high != pytest.approx(binary.high)


def test_a_score_that_is_not_of_its_kind_is_refused() -> None:
    for kind, value, said in (
        ("binary", 0.5, "0 or 1, not 0.5"),
        ("bounded", 1.2, "from 0 to 1"),
        ("count", -1, "0, 1, 2"),
    ):
        with pytest.raises(InvalidRequestError, match=said):
            mean_of([1, value], [1, 2], kind=kind)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequestError, match="binary, bounded, count, real"):
        mean_of([1, 0], [1, 2], kind="guess")  # type: ignore[arg-type]


# -- items -------------------------------------------------------------------------------------------------------------


def test_only_items_of_both_are_compared_and_the_others_counted() -> None:
    found = compare([1, 1, 9], ["x", "y", "only a"], [2, 3, 9], ["y", "x", "only b"], kind="real")
    assert (found.items, found.difference, found.dropped) == (2, 1.5, 2)
    with pytest.raises(InvalidRequestError, match="at least two items"):
        compare([1, 0], ["x", "y"], [1, 0], ["x", "z"])


def test_a_missing_score_is_no_score() -> None:
    found = compare([1, 0, math.nan], [1, 2, 3], [1, 1, 1], [1, 2, 3])
    assert (found.items, found.a, found.dropped) == (2, 0.5, 1)
    assert mean_of([1, 0, math.nan], [1, 2, 3]).items == 2


def test_items_may_be_anything_that_can_be_told_apart() -> None:
    names = [("a", 1), ("a", 2), None, "x", 3]
    assert compare([1, 0, 1, 0, 1], names, [1, 0, 1, 0, 1], names).items == 5
    assert mean_of([1, 0, 1, 0, 1], names).items == 5


def test_an_items_answers_are_no_more_than_one_item() -> None:
    """The same ten items asked a hundred times are no surer than ten items."""
    scores = [0.0, 1.0] * 5
    once = mean_of(scores, range(10))
    often = mean_of(np.repeat(scores, 100), np.repeat(range(10), 100))
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_one_item_is_judged_by_its_answers() -> None:
    expected = binomtest(3, 4).proportion_ci(method="exact")
    assert mean_of([0, 1, 1, 1], ["x"] * 4).low == pytest.approx(expected.low, abs=1e-6)
    with pytest.raises(InvalidRequestError):
        mean_of([], [])


def test_scores_that_do_not_vary_do_not_tell_how_much_others_would() -> None:
    for kind in ("count", "real"):
        found = mean_of([3, 3, 3], [1, 2, 3], kind=kind)  # type: ignore[arg-type]
        assert (found.mean, math.isnan(found.low), math.isnan(found.high)) == (3, True, True)
    assert math.isnan(mean_of([3], [1], kind="real").low)
    steady = compare([0] * 10, range(10), [2.5] * 10, range(10), kind="real")
    assert steady.p == pytest.approx(2**-9)  # the sign test's
    assert 0 < steady.low < steady.high == 2.5
    same = compare([2, 3], "ab", [2, 3], "ab", kind="real")
    assert (same.low, same.high, same.p) == (0, 0, 1)


def test_many_groups_at_once_are_each_as_alone() -> None:
    random = np.random.default_rng(6)
    groups, items = random.integers(0, 30, 400), random.integers(0, 8, 400)
    for kind in KINDS:
        scores = drawn(kind, random, 400)
        found = means_of(scores, items, groups, 31, kind=kind)
        for group in range(30):
            one = mean_of(scores[groups == group], items[groups == group], kind=kind)
            told = (found.mean[group], found.low[group], found.high[group], found.items[group])
            assert told == pytest.approx((one.mean, one.low, one.high, one.items), abs=1e-6)
        assert math.isnan(found.mean[30])


# -- the distribution --------------------------------------------------------------------------------------------------


def test_the_distribution_of_a_weighted_mean_is_that_of_draws() -> None:
    random = np.random.default_rng(7)
    values, weights = random.normal(0, 1, (3, 6)), random.integers(1, 4, (3, 6)).astype(float)
    for row, weight in zip(values, weights, strict=True):
        drawn_means = random.dirichlet(weight, 200_000) @ row
        at = np.quantile(drawn_means, [0.01, 0.3, 0.9])
        found = probability_below(np.tile(row, (3, 1)), np.tile(weight, (3, 1)), at)
        assert found == pytest.approx([0.01, 0.3, 0.9], abs=0.005)
        (point,) = quantile(row[None], weight[None], 0.3)
        assert probability_below(row[None], weight[None], np.array([point]))[0] == pytest.approx(
            0.3, abs=1e-6
        )


# -- speed -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_thousand_items_are_compared_quickly_and_in_little_memory(kind: Kind) -> None:
    random = np.random.default_rng(8)
    names = np.repeat(np.arange(20_000), 4)
    a, b = drawn(kind, random, len(names)), drawn(kind, random, len(names))
    compare(a[:80], names[:80], b[:80], names[:80], kind=kind)  # what is imported is not measured
    began = time.process_time()
    compare(a, names, b, names, kind=kind)
    assert time.process_time() - began < 2
    tracemalloc.start()
    try:
        compare(a, names, b, names, kind=kind)
        assert tracemalloc.get_traced_memory()[1] < 300e6
    finally:
        tracemalloc.stop()

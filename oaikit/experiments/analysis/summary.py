"""Means with intervals of groups of rows, and differences between two of them, over what was really asked.

Every figure with an interval comes from here: of cells, pivots, charts and comparisons alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oaikit._distribution import needed_for
from oaikit.experiments.analysis.gaffke import CONFIDENCE
from oaikit.experiments.analysis.statistics import (
    Comparison,
    Means,
    compare_means,
    means_of,
    ratios_of,
)
from oaikit.experiments.columns import METRICS, UNIT, Bounds, Kind, limits_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

RATE_SPAN_S = 1e-3
"""Seconds between the first token and the last below which they came in one event, and make no rate."""


@dataclass(frozen=True)
class Value:
    """A figure of each row as a fraction, and how it is averaged.

    Attributes:
        top: the figure itself, or the numerator of a ratio; nan where it is missing.
        bottom: 1, or the denominator.
        kind: what values it has, or "ratio".
        bounds: the least and the greatest value of a bounded one.
    """

    top: Floats
    bottom: Floats
    kind: Kind | str
    bounds: Bounds


def value_of(df: pd.DataFrame, name: str) -> Value:
    """A score or metric of a sweep's table."""
    if METRICS.get(name) == "ratio":
        tokens, seconds = rate_parts(df)
        return Value(tokens, seconds, "ratio", UNIT)
    kind, low, high = df.attrs.get("kinds", {}).get(name) or (METRICS.get(name, "real"), *UNIT)
    top = df[name].to_numpy(dtype=float, na_value=np.nan)
    return Value(top, np.ones(len(df)), kind, (low, high))


def rate_parts(df: pd.DataFrame) -> tuple[Floats, Floats]:
    """Tokens and the seconds in which they came: those after the first read where its time is known.

    The first read may bring several tokens, whose time is that of the prompt. Where a store of the first release does
    not say how many, one is taken to have come. nan where no tokens came later, or too soon to be measured.
    """
    tokens, latency, first, later = (
        df[name].to_numpy(dtype=float, na_value=np.nan)
        for name in ("completion_tokens", "latency_s", "ttft_s", "later_tokens")
    )
    timed = ~np.isnan(first)
    seconds = np.where(timed, latency - first, latency)
    counted = np.where(timed, np.where(np.isnan(later), tokens - 1, later), tokens)
    with np.errstate(invalid="ignore"):
        known = (counted > 0) & (seconds > np.where(timed, RATE_SPAN_S, 0.0))
    return np.where(known, counted, np.nan), np.where(known, seconds, np.nan)


def codes_of(values: pd.Series[Any]) -> Codes:
    """A number for each value, equal for equal values: missing ones and lists included."""
    import pandas as pd

    try:
        codes = pd.factorize(values, use_na_sentinel=False)[0]
    except TypeError:  # lists and dicts
        codes = pd.factorize(values.map(repr))[0]
    return np.asarray(codes, dtype=np.intp)


def group_codes(df: pd.DataFrame, by: Sequence[str]) -> Codes:
    """A number for each combination of values, in their order."""
    numbers = df.groupby(list(by), sort=True, dropna=False, observed=True).ngroup()
    return np.asarray(numbers.to_numpy(), dtype=np.intp)


def questions_of(df: pd.DataFrame, groups: Codes) -> Codes:
    """What was really asked: a number that is equal within a group for rows of one item, and of one prompt.

    Items that have a prompt in common are one question; so are prompts that have an item in common.
    """
    with needed_for("a table"):
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

    items, prompts = codes_of(df["item"]), codes_of(df["prompt"])
    if not len(items):
        return items
    left = _compact(groups * (int(items.max()) + 1) + items)
    right = _compact(groups * (int(prompts.max()) + 1) + prompts) + int(left.max()) + 1
    size = int(right.max()) + 1
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1][left], dtype=np.intp)


def _compact(codes: Codes) -> Codes:
    return np.asarray(np.unique(codes, return_inverse=True)[1], dtype=np.intp)


@dataclass(frozen=True)
class Units:
    """What is averaged: each execution of a question within a group once."""

    groups: Codes
    questions: Codes
    top: Floats
    bottom: Floats


def units_of(value: Value, groups: Codes, questions: Codes, executions: Codes) -> Units:
    """Rows that show the same execution in a group become one, with the mean of their figures."""
    there = ~np.isnan(value.top)
    groups, questions, executions = groups[there], questions[there], executions[there]
    if not len(groups):
        return Units(groups, questions, value.top[there], value.bottom[there])
    pairs = _compact(groups * (int(questions.max()) + 1) + questions)
    _, first, index = np.unique(
        pairs * (int(executions.max()) + 1) + executions, return_index=True, return_inverse=True
    )
    count = np.bincount(index)
    top, bottom = (np.bincount(index, weights=each[there]) / count for each in (value.top, value.bottom))
    return Units(groups[first], questions[first], top, bottom)


def summary(
    df: pd.DataFrame, groups: Codes, count: int, names: Sequence[str], *, confidence: float = CONFIDENCE
) -> dict[str, Floats]:
    """Means and limits of scores and metrics, by name (``exact``, ``exact_low``, ``exact_high``), of each group.

    Args:
        df: rows of a sweep's table.
        groups: the group of each row, from 0.
        count: the number of groups.
        names: the scores and metrics.
        confidence: the coverage that each interval should have.
    """
    questions, executions = questions_of(df, groups), codes_of(df["key"])
    found: dict[str, Floats] = {}
    for name in names:
        value = value_of(df, name)
        units = units_of(value, groups, questions, executions)
        means = _means(value, units, count, confidence)
        low, high = limits_of(name)
        found |= {name: means.mean, low: means.low, high: means.high}
    return found


def _means(value: Value, units: Units, count: int, confidence: float) -> Means:
    if value.kind == "ratio":
        return ratios_of(units.top, units.bottom, units.questions, units.groups, count, confidence=confidence)
    # A mean of what several items make of one execution lies between 0 and 1.
    kind, bounds = ("bounded", UNIT) if value.kind == "binary" else (value.kind, value.bounds)
    return means_of(
        units.top,
        units.questions,
        units.groups,
        count,
        kind=kind,  # type: ignore[arg-type]
        bounds=bounds,
        confidence=confidence,
    )


def summary_table(df: pd.DataFrame, by: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """A row for each combination of values in some columns, with means and limits."""
    groups = group_codes(df, by)
    count = int(groups.max()) + 1 if len(groups) else 0
    first = np.unique(groups, return_index=True)[1]
    table = df[list(by)].iloc[first].reset_index(drop=True)
    table.attrs = {}
    return table.assign(**summary(df, groups, count, names))


def difference(a: pd.DataFrame, b: pd.DataFrame, others: Sequence[str], value: str) -> Comparison:
    """Compare two sets of rows by the pairs of an item and the other axes' values that both have.

    Args:
        a: rows of the first setting.
        b: rows of the second one.
        others: the axes that both must agree on.
        value: a score or metric.

    Raises:
        InvalidRequestError: fewer than two questions are left.
    """
    import pandas as pd

    attrs = a.attrs
    rows = pd.concat([a, b], ignore_index=True)
    rows.attrs = attrs
    figure, second = value_of(rows, value), np.arange(len(rows)) >= len(a)
    places = group_codes(rows, others) if others else np.zeros(len(rows), dtype=np.intp)
    items = codes_of(rows["item"])
    pairs = _compact(places * (int(items.max()) + 1) + items)
    questions = questions_of(rows, np.zeros(len(rows), dtype=np.intp))
    units = [_of_pairs(figure, pairs, codes_of(rows["key"]), side) for side in (~second, second)]
    known = [~np.isnan(each) for each in units]
    both, dropped = known[0] & known[1], int((known[0] ^ known[1]).sum())
    question_of_pair = np.zeros(len(both), dtype=np.intp)
    question_of_pair[pairs] = questions
    index = _compact(question_of_pair[both])
    means = [np.bincount(index, weights=each[both]) / np.bincount(index) for each in units]
    kind: Any = "real" if figure.kind == "ratio" else figure.kind
    return compare_means(means[0], means[1], kind=kind, bounds=figure.bounds, dropped=dropped)


def _of_pairs(value: Value, pairs: Codes, executions: Codes, side: Any) -> Floats:
    """The figure of each pair on one side; nan where it has none."""
    chosen = Value(value.top[side], value.bottom[side], value.kind, value.bounds)
    units = units_of(chosen, pairs[side], np.zeros(int(side.sum()), dtype=np.intp), executions[side])
    top, bottom = (
        np.bincount(units.groups, weights=each, minlength=int(pairs.max()) + 1)
        for each in (units.top, units.bottom)
    )
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)

"""Comparisons of all pairs of settings, with p-values that allow for their number, and the best of several cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from oaikit._distribution import needed_for
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.gaffke import CONFIDENCE
from oaikit.experiments.analysis.statistics import Comparison
from oaikit.experiments.analysis.summary import difference, group_codes, summary
from oaikit.experiments.columns import limits_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FIGURES: Final = (
    *(
        "mean_a",
        "mean_b",
        "difference",
        "low",
        "high",
        "p",
        "p_holm",
        "p_bh",
        "effect_size",
        "items",
        "dropped",
    ),
)
"""Columns of a table of comparisons, after what is compared."""


def record_of(found: Comparison | None) -> dict[str, Any]:
    """A comparison as a row of a table; without one, where fewer than two items have scores of both."""
    if found is None:
        return dict.fromkeys(FIGURES, np.nan) | {"items": 0, "dropped": 0}
    record = asdict(found)
    return {"mean_a": record.pop("a"), "mean_b": record.pop("b"), **record}


def adjusted(p: Floats) -> tuple[Floats, Floats]:
    """p-values that allow for their number: by Holm (1979) and by Benjamini and Hochberg (1995).

    Holm's keep the probability of any false finding at or below the level, whatever depends on what. Those of Benjamini
    and Hochberg keep the expected share of false findings among the findings.

    Raises:
        SettingError: statsmodels is not installed.
    """
    with needed_for("a comparison of several pairs"):
        from statsmodels.stats.multitest import multipletests
    known = ~np.isnan(p)
    found = []
    for method in ("holm", "fdr_bh"):
        changed = np.full_like(p, np.nan)
        if known.any():
            changed[known] = multipletests(p[known], method=method)[1]
        found.append(changed)
    return found[0], found[1]


def with_adjusted(table: pd.DataFrame) -> pd.DataFrame:
    """A table of comparisons with the columns ``p_holm`` and ``p_bh`` beside ``p``."""
    holm, bh = adjusted(table["p"].to_numpy(dtype=float))
    return table.assign(p_holm=holm, p_bh=bh)


def pair_of(axis: str | None, values: Mapping[str, Any]) -> tuple[str, Any, Any] | None:
    """The axis and the two values that `Results.compare` was given; None if it was given none.

    Raises:
        InvalidRequestError: there is more than one axis, or there are not two values.
    """
    if len(values) > 1 or (values and axis is not None):
        raise InvalidRequestError(
            "compare takes one axis with two values: temperature=(0, 0.8); or one axis for all pairs of its "
            'values: "temperature"'
        )
    for name, given in values.items():
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise InvalidRequestError(
                f'{name} takes two values to compare: {name}=(a, b); for all pairs: compare("{name}")',
                param=name,
            )
        return name, given[0], given[1]
    return None


def pairs_table(df: pd.DataFrame, axes: Sequence[str], value: str, by: Sequence[str]) -> pd.DataFrame:
    """Every pair of values on some axes, compared; all of the table's p-values are one family.

    Args:
        df: rows of a sweep's table.
        axes: the axes, each of whose pairs is compared with everything else equal.
        value: a score or a metric.
        by: columns for each of whose values the pairs are compared separately.

    Raises:
        InvalidRequestError: no axis has two values.
    """
    pairs = [(axis, *pair) for axis in axes for pair in combinations(_values(df, axis), 2)]
    if not pairs:
        raise InvalidRequestError(
            f"there is nothing to compare: {', '.join(axes) or 'the sweep'} has no two values", param="axis"
        )
    return comparisons_table(df, pairs, value, by)


def comparisons_table(
    df: pd.DataFrame, pairs: Sequence[tuple[str, Any, Any]], value: str, by: Sequence[str]
) -> pd.DataFrame:
    """A row for each pair and each value of some columns.

    Args:
        df: rows of a sweep's table.
        pairs: an axis and two of its values, as the table has them.
        value: a score or a metric.
        by: the columns.
    """
    import pandas as pd

    records = []
    for names, rows in _groups(df, by):
        for axis, a, b in pairs:
            others = [each for each in df.attrs["axes"] if each != axis]
            found = _difference(_having(rows, axis, a), _having(rows, axis, b), others, value)
            records.append({**names, "axis": axis, "a": a, "b": b, **record_of(found)})
    frame = pd.DataFrame(records)
    for name in by:
        frame[name] = frame[name].astype(df[name].dtype)
    return with_adjusted(frame)[[*by, "axis", "a", "b", *FIGURES]]


def _values(df: pd.DataFrame, axis: str) -> list[Any]:
    """The values on an axis, in the order of the tables."""
    codes = group_codes(df, [axis])
    return df[axis].iloc[np.unique(codes, return_index=True)[1]].tolist()


def _groups(df: pd.DataFrame, by: Sequence[str]) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """The rows of each combination of values in some columns, and these values."""
    if not by:
        yield {}, df
        return
    codes = group_codes(df, by)
    for code in range(int(codes.max()) + 1):
        rows = df[codes == code]
        yield {name: rows[name].iloc[0] for name in by}, rows


def _having(df: pd.DataFrame, axis: str, value: Any) -> pd.DataFrame:
    import pandas as pd

    same = df[axis].isna() if pd.isna(value) else (df[axis] == value).fillna(False).astype(bool)
    return df[same]


def _difference(a: pd.DataFrame, b: pd.DataFrame, others: Sequence[str], value: str) -> Comparison | None:
    """The comparison; None where fewer than two items have scores of both."""
    if a.empty or b.empty:
        return None
    try:
        return difference(a, b, others, value)
    except InvalidRequestError:
        return None


# -- the best cell -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Best:
    """The best of several cells, with an interval that allows for the choice.

    The best of several means is too good on average, because chance helped to choose it (the winner's curse), and its
    own interval covers too rarely. The intervals of all cells are widened until all of them cover at once in 95 % of
    sweeps (Bonferroni's inequality). So the interval of whichever cell is chosen, by whatever rule, covers at least as
    often (Benjamini, Hechtlinger and Stark 2019, "Confidence intervals for selected parameters",
    https://arxiv.org/abs/1906.00505).

    Attributes:
        value: the score or metric.
        setting: the cell's values on the axes.
        cell: its number.
        mean: its mean.
        low: lower limit of the interval that allows for the choice.
        high: upper limit.
        alone_low: lower limit of the cell's own interval, right only if the cell had been named beforehand.
        alone_high: upper limit of that.
        cells: how many cells the choice was among; cells that show the same executions count once.
        items: items of the chosen cell.
    """

    value: str
    setting: Mapping[str, Any]
    cell: int
    mean: float
    low: float
    high: float
    alone_low: float
    alone_high: float
    cells: int
    items: int

    def __str__(self) -> str:
        setting = ", ".join(f"{axis}={value}" for axis, value in self.setting.items()) or "the only setting"
        return (
            f"{setting}: {self.value} {self.mean:.3g} [{self.low:.3g}, {self.high:.3g}], the best of {self.cells} "
            f"different cells on {self.items} items; the interval allows for the choice"
        )


def best_of(df: pd.DataFrame, value: str, *, minimize: bool) -> Best:
    """The cell with the best mean.

    Args:
        df: rows of a sweep's table.
        value: a score or a metric.
        minimize: whether less is better.

    Raises:
        InvalidRequestError: no cell has a value.
    """
    cells, first, groups = np.unique(df["cell"].to_numpy(dtype=int), return_index=True, return_inverse=True)
    alone = summary(df, groups, len(cells), [value])
    means = alone[value] if not minimize else -alone[value]
    if np.isnan(means).all():
        raise InvalidRequestError(f"no cell has a value of {value!r}", param="value")
    place = int(np.nanargmax(means))
    different = _different(df, groups, ~np.isnan(means))
    confidence = 1 - (1 - CONFIDENCE) / different
    rows = groups == place
    chosen = df[rows]
    wide = summary(chosen, np.zeros(len(chosen), dtype=np.intp), 1, [value], confidence=confidence)
    low, high = limits_of(value)
    return Best(
        value,
        {axis: df[axis].iloc[first[place]] for axis in df.attrs["axes"]},
        int(cells[place]),
        float(alone[value][place]),
        float(wide[low][0]),
        float(wide[high][0]),
        float(alone[low][place]),
        float(alone[high][place]),
        different,
        int(chosen["item"].nunique(dropna=False)),
    )


def _different(df: pd.DataFrame, groups: NDArray[np.intp], counted: NDArray[np.bool_]) -> int:
    """How many of the cells have executions of their own."""
    keys = df["key"].to_numpy(dtype=object)
    order = np.argsort(groups, kind="stable")
    ends = np.cumsum(np.bincount(groups, minlength=len(counted)))[:-1]
    return len(
        {
            frozenset(each.tolist())
            for each, known in zip(np.split(keys[order], ends), counted, strict=True)
            if known
        }
    )

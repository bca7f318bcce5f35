"""Charts of a sweep, by Altair: each is an ``altair.Chart`` that can be changed further."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from oaikit._distribution import needed_for
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis import tables
from oaikit.experiments.analysis.selection import By, Where, grouping, selected
from oaikit.experiments.analysis.summary import summary_table
from oaikit.experiments.columns import limits_of

if TYPE_CHECKING:
    import pandas as pd

    from oaikit.experiments.analysis.results import Results

QUANTILES: Final = (0.5, 0.9, 0.99)
"""Of times: the usual case, a bad one, the worst of a hundred."""
_SETTING, _BEST = "__setting", "__best"  # fields of a chart, which no score is called
_CHARTS_ACROSS: Final = 3
_TIMES: Final = ("ttft_s", "latency_s")


class Plots:
    """The charts of a sweep: ``sw.plot("temperature", "exact", color="top_k")`` and the methods."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def __call__(
        self,
        x: str,
        y: str | None = None,
        *,
        color: str | None = None,
        where: Where = None,
        by: str | None = None,
    ) -> Any:
        """A score or a metric along an axis or a column of the data: means over items, with 95 % intervals.

        Args:
            x: the axis or column; the means are over all values of the others.
            y: the score or metric (default: the first score).
            color: an axis or column that is told apart by colour.
            where: the rows that count (see `selection.selected`).
            by: an axis or column with a chart for each of its values.

        Raises:
            InvalidRequestError: there is no such axis, column or value, or the rows are of both modes.
            SettingError: Altair is not installed.
        """
        df = self._rows(where)
        names = grouping(df, list(dict.fromkeys(each for each in (x, color, by) if each is not None)))
        y = tables.value_name(df.attrs["scores"], y)
        alt, means = _altair(), _plain(summary_table(df, names, [y]))
        across = alt.X(_field(x), type=_kind(df, x), sort=None, title=x, scale=alt.Scale(zero=False))
        encoding = {}
        if color is not None:
            encoding["color"] = alt.Color(_field(color), type=_kind(df, color, named=True), title=color)
        base = alt.Chart().encode(x=across, **encoding)
        low, high = limits_of(y)
        tips = [alt.Tooltip(_field(name), title=name) for name in [*names, y, low, high]]
        height = alt.Y(_field(y), type="quantitative", title=y)
        line = base.mark_line(point=True).encode(y=height, tooltip=tips)
        bars = base.mark_rule(opacity=0.6).encode(
            y=alt.Y(_field(low), type="quantitative", title=y), y2=alt.Y2(_field(high))
        )
        chart = alt.layer(bars, line, data=means)
        if by is None:
            return chart
        return chart.facet(alt.Facet(_field(by), type="nominal", title=by), columns=_CHARTS_ACROSS)

    def latency(self, by: str | None = None, *, where: Where = None) -> Any:
        """Time to first token and to the end (seconds): 50th, 90th and 99th percentile of each cell.

        Args:
            by: an axis or a column of the data to group by in place of the cells.
            where: the rows that count (see `selection.selected`).

        Raises:
            InvalidRequestError: it is a sweep in throughput mode, whose times are mostly waiting in the queue.
            SettingError: Altair is not installed.
        """
        df = self._rows(where)
        grouping(df, by)
        if set(df["mode"]) != {"latency"}:
            raise InvalidRequestError(
                "times under load are mostly waiting in the queue: measure them with Sweep(mode='latency', …)",
                param="mode",
            )
        alt = _altair()
        times = _quantiles(df.assign(setting=_names(df) if by is None else df[by].map(str)))
        return (
            alt.Chart(times)
            .mark_point(filled=True, size=60)
            .encode(
                x=alt.X("seconds:Q"),
                y=alt.Y("setting:N", sort=None, title=by or "cell"),
                color=alt.Color("percentile:N"),
                shape=alt.Shape("percentile:N"),
                column=alt.Column("time:N", title=None),
                tooltip=["setting", "time", "percentile", "seconds"],
            )
        )

    def pareto(self, x: str = "tokens", y: str | None = None, *, where: Where = None, by: By = None) -> Any:
        """Cells by what they cost and what they are worth; the line joins those that no other beats in both.

        Args:
            x: a metric or score of which less is better (default: tokens of the answer).
            y: one of which more is better (default: the first score).
            where: the rows that count (see `selection.selected`).
            by: columns of the data that split each cell into several points.

        Raises:
            InvalidRequestError: there is no such value or column, or the rows are of both modes.
            SettingError: Altair is not installed.
        """
        df = self._rows(where)
        split = grouping(df, by)
        x, y = (tables.value_name(df.attrs["scores"], each) for each in (x, y))
        cells = tables.cells_of(df, split)
        names = _names(cells, split)
        cells = cells[list(dict.fromkeys([x, y]))].copy()
        cells[_SETTING] = names
        cells = _plain(cells.dropna())
        if cells.empty:
            raise InvalidRequestError(f"no cell has both {x!r} and {y!r}", param="x")
        cells[_BEST] = _unbeaten(cells[x].tolist(), cells[y].tolist())
        alt = _altair()
        base = alt.Chart(cells).encode(
            x=alt.X(_field(x), type="quantitative", title=x, scale=alt.Scale(zero=False)),
            y=alt.Y(_field(y), type="quantitative", title=y, scale=alt.Scale(zero=False)),
            tooltip=[alt.Tooltip(_SETTING, title="setting"), _field(x), _field(y)],
        )
        line = base.transform_filter(f"datum.{_BEST}").mark_line(interpolate="step-after", opacity=0.5)
        points = base.mark_point(filled=True, size=60).encode(
            opacity=alt.condition(f"datum.{_BEST}", alt.value(1), alt.value(0.4))
        )
        return line + points

    def _rows(self, where: Where) -> pd.DataFrame:
        df = self._results.df
        tables.check_rows(df)
        df = selected(df, where)
        tables.check_one_mode(df)
        return df


def _quantiles(df: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {"setting": setting, "time": time, "percentile": f"p{share:.0%}".rstrip("%"), "seconds": float(value)}
        for setting, rows in df.groupby("setting", sort=False)
        for time in _TIMES
        for share, value in rows[time].dropna().astype(float).quantile(list(QUANTILES)).items()
    )


def _names(df: pd.DataFrame, by: Sequence[str] = ()) -> list[str]:
    """What cells are called where all axes and the columns that split them must fit in one text."""
    axes = list(dict.fromkeys([*df.attrs["axes"], *by]))
    return [
        ", ".join(f"{axis}={value}" for axis, value in zip(axes, values, strict=True)) or "all"
        for values in df[axes].itertuples(index=False, name=None)
    ]


def _unbeaten(costs: Iterable[float], worths: Iterable[float]) -> list[bool]:
    pairs = list(zip(costs, worths, strict=True))
    return [
        not any(c <= cost and w >= worth and (c, w) != (cost, worth) for c, w in pairs)
        for cost, worth in pairs
    ]


def _field(name: str) -> str:
    """A column's name as Vega-Lite reads it: dots, brackets and colons have meanings of their own."""
    return re.sub(r"([\\.\[\]:'\"])", r"\\\1", name)


def _kind(df: pd.DataFrame, axis: str, *, named: bool = False) -> str:
    """Altair's type for an axis; ``named``: few numbers that are told apart, not measured."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    number = is_numeric_dtype(df[axis].dtype) and not is_bool_dtype(df[axis].dtype)
    return ("ordinal" if named else "quantitative") if number else "nominal"


def _plain(df: pd.DataFrame) -> pd.DataFrame:
    """Without pandas' nullable types, and without attributes: Vega takes numbers and texts."""
    from pandas.api.types import is_numeric_dtype

    plain = df.copy()
    plain.attrs = {}
    for name in plain.columns:
        if is_numeric_dtype(plain[name].dtype):
            plain[name] = plain[name].astype(float)
        else:
            plain[name] = plain[name].astype(object).map(_shown, na_action="ignore")
    return plain


def _shown(value: Any) -> Any:
    return value if isinstance(value, str | bool) else str(value)


def _altair() -> Any:
    with needed_for("a chart"):
        import altair  # type: ignore[import-not-found, unused-ignore]
    # Altair's own default fetches Vega from elsewhere, and a saved notebook shows nothing of it without a browser.
    if altair.renderers.active == "default":
        altair.renderers.enable("svg")
    return altair

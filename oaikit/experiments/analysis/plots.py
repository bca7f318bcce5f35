"""Charts of a sweep, by Altair: each is an ``altair.Chart`` that can be changed further."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from oaikit._distribution import missing
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis import tables
from oaikit.experiments.analysis.summary import summary_table
from oaikit.experiments.columns import limits_of

if TYPE_CHECKING:
    import pandas as pd

    from oaikit.experiments.analysis.results import Results

QUANTILES: Final = (0.5, 0.9, 0.99)
"""Of times: the usual case, a bad one, the worst of a hundred."""
_SETTING, _BEST = "__setting", "__best"  # fields of a chart, which no score is called
_TIMES: Final = ("ttft_s", "latency_s")


class Plots:
    """The charts of a sweep: ``sw.plot("temperature", "exact", color="top_k")`` and the methods."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def __call__(self, x: str, y: str | None = None, *, color: str | None = None) -> Any:
        """A score or a metric along an axis: means over items, with 95 % intervals, over all values of other axes.

        Parameters: the axis, the score or metric (default: the first score), and an axis that is told apart by colour.

        Raises:
            InvalidRequestError: there is no such axis or value, or the rows are of both modes.
            SettingError: Altair is not installed.
        """
        df = self._rows()
        axes = [x] if color is None else [x, color]
        for axis in axes:
            tables.check_axis(df, axis)
        y = tables.value_name(df.attrs["scores"], y)
        alt, means = _altair(), _plain(summary_table(df, axes, [y]))
        across = alt.X(x, type=_kind(df, x), sort=None, scale=alt.Scale(zero=False))
        encoding = {} if color is None else {"color": alt.Color(color, type=_kind(df, color, named=True))}
        base = alt.Chart(means).encode(x=across, **encoding)
        low, high = limits_of(y)
        tips = [*axes, y, low, high]
        line = base.mark_line(point=True).encode(y=alt.Y(y, type="quantitative"), tooltip=tips)
        bars = base.mark_rule(opacity=0.6).encode(y=alt.Y(low, type="quantitative", title=y), y2=high)
        return bars + line

    def latency(self, by: str | None = None) -> Any:
        """Time to first token and to the end (seconds): 50th, 90th and 99th percentile of each cell.

        Parameters: an axis to group by in place of the cells.

        Raises:
            InvalidRequestError: it is a sweep in throughput mode, whose times are mostly waiting in the queue.
            SettingError: Altair is not installed.
        """
        df = self._rows()
        if by is not None:
            tables.check_axis(df, by)
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

    def pareto(self, x: str = "tokens", y: str | None = None) -> Any:
        """Cells by what they cost and what they are worth; the line joins those that no other beats in both.

        Parameters: a metric or score of which less is better (default: tokens of the answer), and one of which more is
        better (default: the first score).

        Raises:
            InvalidRequestError: there is no such value, or the rows are of both modes.
            SettingError: Altair is not installed.
        """
        df = self._rows()
        x, y = (tables.value_name(df.attrs["scores"], each) for each in (x, y))
        cells = tables.cells_of(df)
        names = _names(cells)
        cells = cells[list(dict.fromkeys([x, y]))].copy()
        cells[_SETTING] = names
        cells = _plain(cells.dropna())
        cells[_BEST] = _unbeaten(cells[x].tolist(), cells[y].tolist())
        alt = _altair()
        base = alt.Chart(cells).encode(
            x=alt.X(x, type="quantitative", scale=alt.Scale(zero=False)),
            y=alt.Y(y, type="quantitative", scale=alt.Scale(zero=False)),
            tooltip=[alt.Tooltip(_SETTING, title="setting"), x, y],
        )
        line = base.transform_filter(f"datum.{_BEST}").mark_line(interpolate="step-after", opacity=0.5)
        points = base.mark_point(filled=True, size=60).encode(
            opacity=alt.condition(f"datum.{_BEST}", alt.value(1), alt.value(0.4))
        )
        return line + points

    def _rows(self) -> pd.DataFrame:
        df = self._results.df
        tables.check_rows(df)
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


def _names(df: pd.DataFrame) -> list[str]:
    """What cells are called where all axes must fit in one text."""
    axes = df.attrs["axes"]
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
        plain[name] = plain[name].astype(float if is_numeric_dtype(plain[name].dtype) else object)
    return plain


def _altair() -> Any:
    try:
        import altair  # type: ignore[import-not-found, unused-ignore]
    except ImportError as exc:
        raise missing("charts need Altair", "experiments") from exc
    # Altair's own default fetches Vega from elsewhere, and a saved notebook shows nothing of it without a browser.
    if altair.renderers.active == "default":
        altair.renderers.enable("svg")
    return altair

"""Which rows of a sweep's table a figure is about (``where=``), and which columns split it (``by=``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from oaikit.errors import InvalidRequestError
from oaikit.experiments.columns import METRICS
from oaikit.experiments.design.space import label_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

Where = Mapping[str, Any] | str | Callable[..., Any] | Sequence[bool] | None
"""A dict of columns and values, an expression, a function of the table, or a truth value for each row."""
By = str | Sequence[str] | None
"""A column, or several."""


def selected(df: pd.DataFrame, where: Any) -> pd.DataFrame:
    """The rows that a condition holds for.

    Args:
        df: a sweep's table.
        where: one of

            - a dict ``{column: value}``: rows that have the value; a list of values means any of them, None means a
              missing value, and a function is called with each value that is not missing;
            - a text such as ``"length > 3 and topic == 'sums'"``, in the language of ``DataFrame.query``;
            - a function of the table that gives a truth value for each row;
            - a truth value for each row of `Results.df`.

    Raises:
        InvalidRequestError: there is no such column or value, the expression makes no sense, or no row is left.
    """
    if where is None:
        return df
    mask = _mask(df, where)
    if not mask.any():
        raise InvalidRequestError(f"no row is left by where={where!r}", param="where")
    return df[mask]


def grouping(df: pd.DataFrame, by: By) -> list[str]:
    """The columns that split a figure, checked.

    Raises:
        InvalidRequestError: there is no such column, it is a score or a metric, or its values cannot be told apart.
    """
    names = [] if by is None else [by] if isinstance(by, str) else list(by)
    for name in names:
        _check_column(df, name, "by")
        if name in df.attrs["scores"] or name in METRICS:
            raise InvalidRequestError(
                f"{name!r} is a figure: rows are grouped by an axis, an item or a column of the data",
                param="by",
            )
        try:
            df[name].nunique()
        except TypeError as exc:
            raise InvalidRequestError(
                f"rows can't be grouped by {name!r}: its values are lists or dicts", param="by"
            ) from exc
    if len(set(names)) < len(names):
        raise InvalidRequestError(f"by names a column twice: {', '.join(names)}", param="by")
    return names


def _check_column(df: pd.DataFrame, name: Any, param: str) -> None:
    if name not in df.columns:
        there = ", ".join(map(str, df.columns))
        raise InvalidRequestError(f"{name!r} is no axis and no column; there are {there}", param=param)


def _mask(df: pd.DataFrame, where: Any) -> Mask:
    if isinstance(where, Mapping):
        mask = np.ones(len(df), dtype=bool)
        for name, wanted in where.items():
            _check_column(df, name, "where")
            mask &= _matches(df, name, wanted)
        return mask
    if isinstance(where, str):
        return _truths(df, _evaluated(df, where))
    return _truths(df, where(df) if callable(where) else where)


def _evaluated(df: pd.DataFrame, expression: str) -> Any:
    try:
        # No names from outside: which frame's they were would depend on who calls.
        return df.eval(expression, engine="python", local_dict={}, global_dict={})
    except Exception as exc:  # pandas raises whatever its parser, the columns' types or a name come to
        raise InvalidRequestError(
            f"where={expression!r} can't be evaluated on the table: {exc}", param="where"
        ) from exc


def _truths(df: pd.DataFrame, given: Any) -> Mask:
    """A truth value for each row; a missing one is False."""
    import pandas as pd

    if isinstance(given, pd.Series) and not given.index.equals(df.index):
        raise InvalidRequestError(
            "where is a Series with another index than that of the table", param="where"
        )
    try:
        values = pd.array(given, dtype="boolean")
    except (TypeError, ValueError) as exc:
        raise InvalidRequestError(
            f"where must give a truth value for each row: {exc}", param="where"
        ) from exc
    if len(values) != len(df):
        raise InvalidRequestError(
            f"where has {len(values)} truth values, and the table has {len(df)} rows", param="where"
        )
    return np.asarray(values.to_numpy(dtype=bool, na_value=False))


def _matches(df: pd.DataFrame, name: str, wanted: Any) -> Mask:
    """The rows whose value in a column is wanted."""
    import pandas as pd

    column = df[name]
    if callable(wanted):
        known = column.notna().to_numpy()
        return np.array(
            [there and bool(wanted(each)) for each, there in zip(column, known, strict=True)], dtype=bool
        )
    if isinstance(wanted, list | tuple | set | frozenset | range | np.ndarray | pd.Index | pd.Series):
        mask = np.zeros(len(df), dtype=bool)
        for each in wanted:
            mask |= _equals(df, name, each)
        return mask
    return _equals(df, name, wanted)


def _equals(df: pd.DataFrame, name: str, wanted: Any) -> Mask:
    """The rows that have a value in a column.

    Raises:
        InvalidRequestError: none has.
    """
    import pandas as pd

    column, wanted = df[name], label_of(wanted)
    if pd.api.types.is_scalar(wanted) and pd.isna(wanted):
        same = column.isna()
    else:
        if name in df.attrs["axes"] and column.dtype == "category" and not isinstance(wanted, str):
            wanted = repr(wanted)  # as tables show an axis' values that are neither texts nor numbers
        same = (column == wanted).fillna(False).astype(bool)
    if not same.any():
        present = list(dict.fromkeys(map(str, column)))
        there, more = present[:_SHOWN], ", …" if len(present) > _SHOWN else ""
        raise InvalidRequestError(
            f"{name} is never {wanted!r} here; it is {', '.join(there)}{more}", param="where"
        )
    return same.to_numpy()


_SHOWN = 20  # values of a column that an error lists

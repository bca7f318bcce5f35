"""`Results.cells`: a DataFrame that can be called for other cells. Importing this needs pandas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.selection import By, Where


class Cells(pd.DataFrame):
    """The cells of a sweep. What is made from it is a plain DataFrame."""

    _make: Callable[[Any, Any], pd.DataFrame] | None = None

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __call__(self, *, where: Where = None, by: By = None) -> pd.DataFrame:
        """The cells of some rows, or split by columns: ``sw.cells(by="topic")`` for the accuracy per topic.

        Args:
            where: the rows that count (see `selection.selected`).
            by: columns of the data; there is a row for each cell and each combination of their values.

        Raises:
            InvalidRequestError: there is no such column, no row is left, or the table is a copy.
        """
        if self._make is None:
            raise InvalidRequestError("this table of cells is a copy: call cells of the sweep itself")
        return self._make(where, by)


def cells_frame(cells: pd.DataFrame, make: Callable[[Any, Any], pd.DataFrame]) -> Cells:
    """A table of cells, and what to call for others."""
    made = Cells(cells)
    made.attrs = cells.attrs
    made._make = make
    return made

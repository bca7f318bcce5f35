"""What a scorer is: a rule or a function that makes a number of an answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from oaikit.experiments.columns import UNIT, Bounds, Kind
from oaikit.experiments.store.keys import digest

Row = Mapping[str, Any]
"""What a scorer sees: the result's own columns, the axes' values and the item's data."""

EVERYTHING = "*"
"""What a function reads that takes any keyword."""


@dataclass(frozen=True)
class Scorer:
    """A rule that makes a number of a row.

    Attributes:
        name: of the score's column.
        reads: the columns that it looks at.
        identity: equal for scorers that give equal scores. Scores are kept under it, so that a scorer that changes is
            asked again and the model is not.
        function: takes the row and gives a number, a truth value, or None where there is nothing to say.
        kind: what values it gives; decides how its means and differences are judged (see `statistics`).
        bounds: the least and the greatest value of a bounded score.
        text_by_any_name: its one argument gets the text where it is not a column.
        is_async: the function is to be awaited.
        part: which of several numbers is this score, where the function gives a mapping of them.
    """

    name: str
    reads: tuple[str, ...]
    identity: str
    function: Callable[[Row], Any] = field(repr=False)
    kind: Kind = "real"
    bounds: Bounds = UNIT
    text_by_any_name: bool = False
    is_async: bool = False
    part: str | None = None

    def score(self, row: Row) -> float | None:
        """The score of a row; None where there is none. For functions that are not awaited.

        Raises:
            TypeError: what the function gave is not a number.
            ValueError: it is not of the kind that the scorer declares.
        """
        return self.checked(self.function(row))

    def checked(self, given: Any) -> float | None:
        """The score that a function's value stands for; None where there is none.

        Raises:
            TypeError: it is neither a number nor a mapping of several.
            ValueError: it is not of the kind that the scorer declares.
        """
        value = as_score(given if self.part is None else self._part_of(given))
        if value is not None and not self._allows(value):
            between = f" from {self.bounds[0]:g} to {self.bounds[1]:g}" if self.kind == "bounded" else ""
            raise ValueError(f"the score is declared {self.kind}{between}, and is {value:g}")
        return value

    def _part_of(self, given: Any) -> Any:
        if given is None:
            return None
        if not isinstance(given, Mapping):
            raise TypeError(f"the function must give a mapping with {self.part!r}, not {given!r}")
        if self.part not in given:
            raise ValueError(f"the function gave no {self.part!r}; it gave {', '.join(map(str, given))}")
        return given[self.part]

    def _allows(self, value: float) -> bool:
        if self.kind == "binary":
            return value in (0.0, 1.0)
        if self.kind == "bounded":
            return self.bounds[0] <= value <= self.bounds[1]
        return self.kind == "real" or (value >= 0 and value.is_integer())


def as_score(value: Any) -> float | None:
    """A score as a float; None for None and nan.

    Raises:
        TypeError: it is not a number.
    """
    if value is None:
        return None
    if isinstance(value, str | bytes):
        raise TypeError(f"a score must be a number, True or False, not {value!r}")
    number = float(value)
    return None if math.isnan(number) else number


def identity_of(*parts: Any) -> str:
    """A name for what a scorer is made of."""
    return digest(list(parts))

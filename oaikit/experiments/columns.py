"""The columns that results have of their own: name, dtype, unit, source. Axes, data and scores are beside them.

This is the one place that declares them. Every name that is refused, every dtype and every unit is read from here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from oaikit.errors import InvalidRequestError

Source = Literal["identity", "result", "trace", "optional", "cells"]
"""Where a column comes from: which row it is, what was answered, how that came about, what only some answers have
(all of `Results.df`), or what `Results.cells` counts."""
Kind = Literal["binary", "bounded", "count", "real"]
"""What values a score can have: 0 or 1; anything between two bounds; 0, 1, 2, …; any number."""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Bounds = tuple[float, float]
UNIT: Final[Bounds] = (0.0, 1.0)
"""The bounds of a bounded score that declares no others."""
Metric = Literal["count", "real", "ratio"]
"""How a figure is averaged and compared: as a score of that kind, or as a ratio of sums."""


@dataclass(frozen=True)
class Column:
    """A column of the results.

    Attributes:
        name: what it is called.
        dtype: its pandas dtype; empty where the values decide.
        source: where it comes from.
        unit: of its values.
        metric: how it is averaged; None if it cannot be compared and drawn as a score is.
    """

    name: str
    dtype: str
    source: Source
    unit: str | None = None
    metric: Metric | None = None


COLUMNS: Final = (
    Column("item", "", "identity"),
    Column("replicate", "", "identity"),
    Column("seed", "Int64", "trace"),
    Column("prompt", "string", "trace"),
    Column("text", "string", "result"),
    Column("finish_reason", "category", "result"),
    Column("prompt_tokens", "Int64", "result", "tokens", "count"),
    Column("completion_tokens", "Int64", "result", "tokens", "count"),
    Column("latency_s", "Float64", "result", "seconds", "real"),
    Column("ttft_s", "Float64", "result", "seconds", "real"),
    Column("later_tokens", "Float64", "result", "tokens"),
    Column("tokens_per_s", "Float64", "result", "tokens per second", "ratio"),
    Column("mean_logprob", "Float64", "result", "nats", "real"),
    Column("error", "string", "result"),
    Column("cached", "bool", "trace"),
    Column("shared", "bool", "trace"),
    Column("mode", "category", "trace"),
    Column("run", "category", "trace"),
    Column("cell", "", "identity"),
    Column("key", "string", "trace"),
    Column("reasoning", "string", "optional"),
    Column("tool_calls", "string", "optional"),
    Column("score_error", "string", "optional"),
    Column("rows", "int64", "cells"),
    Column("items", "int64", "cells"),
    Column("errors", "int64", "cells"),
    Column("truncated", "int64", "cells"),
)
BY_NAME: Final = {column.name: column for column in COLUMNS}


def _of(*sources: Source) -> tuple[str, ...]:
    return tuple(column.name for column in COLUMNS if column.source in sources)


UNITS: Final = {column.name: column.unit for column in COLUMNS if column.unit is not None}
RESULT: Final = _of("result")
"""What an execution came to."""
OPTIONAL: Final = _of("optional")
"""There only if an answer has them."""
RESERVED: Final = frozenset(_of("identity", "result", "trace", "optional"))
"""Names that neither an axis nor a column of the data nor a score may have."""
METRICS: Final = {column.name: column.metric for column in COLUMNS if column.metric is not None}
"""Figures of every row that can be compared and drawn as scores are, and how."""
ALIASES: Final = {"tokens": "completion_tokens", "latency": "latency_s", "ttft": "ttft_s"}
"""Short names of metrics."""
LIMITS: Final = ("_low", "_high")
"""What is added to the name of a score or metric for the limits of its interval."""
_NOT_SCORES: Final = frozenset({*RESERVED, *_of("cells"), *ALIASES, "trial"})
_NOT_AXES: Final = frozenset({*RESERVED, *_of("cells"), "trial"})


def limits_of(name: str) -> tuple[str, str]:
    """The columns of an interval's limits."""
    return f"{name}{LIMITS[0]}", f"{name}{LIMITS[1]}"


def check_axis_name(name: str) -> None:
    """See that an axis takes no name of the results.

    Raises:
        InvalidRequestError: it does.
    """
    if name in _NOT_AXES:
        raise InvalidRequestError(
            f"an axis can't be called {name!r}, which is a column of the results", param=name
        )


def check_score_names(scores: Collection[str], others: Iterable[str]) -> None:
    """See that every column that is made for a score has a name of its own.

    Args:
        scores: the scores' names.
        others: the names of axes and of the data's columns.

    Raises:
        InvalidRequestError: two scores have one name, or a name is that of another column.
    """
    for name in scores:
        if list(scores).count(name) > 1:
            raise InvalidRequestError(
                f"two scores are called {name!r}: give one of them another name (name=…)", param="score"
            )
        if name in _NOT_SCORES:
            meant = f", short for {ALIASES[name]}" if name in ALIASES else ""
            raise InvalidRequestError(
                f"a score can't be called {name!r}, which is a column of the results{meant}", param="score"
            )
    others = set(others)
    if taken := sorted({*scores} & others):
        raise InvalidRequestError(
            f"{taken[0]!r} is the name of a score and of a column or axis: give the score another (name=…)",
            param="score",
        )
    derived = {limit: name for name in [*scores, *METRICS] for limit in limits_of(name)}
    for name in [*scores, *sorted(others)]:
        if name in derived:
            raise InvalidRequestError(
                f"{name!r} is already the column of a limit of {derived[name]!r}: rename one of the two",
                param="score",
            )


def units(names: Iterable[str]) -> Mapping[str, str]:
    """The units of those columns that have one."""
    return {name: UNITS[name] for name in names if name in UNITS}

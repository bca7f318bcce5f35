"""What is tried: sets of points, each with a value on some axes, and the algebra that makes them.

``grid(temperature=[0, 1], top_k=[-1, 20])`` has every combination, ``zip(top_k=[-1, 20], min_p=[0, .05])`` goes
through the lists side by side; ``*`` combines every point of one space with every point of another, ``+`` has the
points of both.
"""

from __future__ import annotations

import builtins
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from oaikit.errors import InvalidRequestError

Point = Mapping[str, Any]
"""The values on the axes. An axis that a point of a union lacks is left to the server's default."""


@dataclass(frozen=True)
class Named:
    """A value that tables call by a short name: a long system prompt, say."""

    name: str
    value: Any

    def __str__(self) -> str:
        return self.name


def value_of(value: Any) -> Any:
    """What is sent for a value on an axis."""
    return value.value if isinstance(value, Named) else value


def label_of(value: Any) -> Any:
    """What tables show for it."""
    return value.name if isinstance(value, Named) else value


def named(**values: Any) -> list[Named]:
    """Values for an axis with names: ``grid(system=named(terse="You are terse.", kind="You are kind."))``."""
    return [Named(name, value) for name, value in values.items()]


class Space:
    """A finite set of points. Made by `grid` and `zip`; the order is that of the lists, the last axis fastest."""

    def __init__(self, points: Iterable[Point]) -> None:
        unique: dict[tuple[Any, ...], Point] = {}
        for point in points:
            unique.setdefault(_key(point), dict(point))
        self._points = list(unique.values())

    @property
    def axes(self) -> list[str]:
        """The names of the axes, in the order in which they came."""
        return list(dict.fromkeys(axis for point in self._points for axis in point))

    def __len__(self) -> int:
        return len(self._points)

    def __iter__(self) -> Iterator[Point]:
        return iter(self._points)

    def __repr__(self) -> str:
        return f"Space({len(self)} points; {', '.join(self.axes) or 'no axes'})"

    def __mul__(self, other: Space) -> Space:
        """Every point of this one with every point of the other.

        Raises:
            InvalidRequestError: both have the same axis.
        """
        if shared := sorted({*self.axes} & {*other.axes}):
            raise InvalidRequestError(f"both factors have the axis {shared[0]!r}", param=shared[0])
        return Space({**one, **two} for one, two in itertools.product(self, other))

    def __add__(self, other: Space) -> Space:
        """The points of both, each once."""
        return Space([*self, *other])

    def where(self, condition: Callable[..., bool]) -> Space:
        """The points for which a function is true. It is called with the values of the axes that it names:
        ``space.where(lambda temperature, top_k: temperature > 0 or top_k == -1)``; an axis that a point lacks is None.

        Raises:
            InvalidRequestError: it names what is no axis.
        """
        import inspect

        names = inspect.signature(condition).parameters
        if any(each.kind is each.VAR_KEYWORD for each in names.values()):
            names = dict.fromkeys(self.axes)  # type: ignore[assignment]
        if unknown := [name for name in names if name not in self.axes]:
            raise InvalidRequestError(
                f"{unknown[0]!r} is no axis of this space; it has {', '.join(self.axes)}", param=unknown[0]
            )
        return Space(
            point for point in self if condition(**{name: value_of(point.get(name)) for name in names})
        )

    def sample(self, n: int, seed: int = 0) -> Space:
        """n of the points, drawn without putting back; all, if there are no more. In the space's own order."""
        if n >= len(self):
            return self
        chosen = set(random.Random(seed).sample(range(len(self)), n))
        return Space(point for index, point in enumerate(self) if index in chosen)


def grid(**axes: Any) -> Space:
    """Every combination of the values. An axis that has one value may be given without a list.

    Raises:
        InvalidRequestError: an axis has no values.
    """
    lists = {name: _values(name, values) for name, values in axes.items()}
    return Space(
        dict(builtins.zip(lists, point, strict=True)) for point in itertools.product(*lists.values())
    )


def zip(**axes: Any) -> Space:
    """The first value of each axis together, then the second of each, and so on.

    Raises:
        InvalidRequestError: the lists differ in length, or have no values.
    """
    lists = {name: _values(name, values) for name, values in axes.items()}
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise InvalidRequestError(
            f"lists that are zipped must be equally long: {said}", param=next(iter(axes))
        )
    return Space(
        dict(builtins.zip(lists, point, strict=True)) for point in builtins.zip(*lists.values(), strict=True)
    )


def _values(name: str, values: Any) -> list[Any]:
    if isinstance(values, str | bytes | Mapping | Named) or not isinstance(values, Iterable):
        return [values]
    if not (listed := list(values)):
        raise InvalidRequestError(f"the axis {name!r} has no values", param=name)
    return listed


def _key(point: Point) -> tuple[Any, ...]:
    """Equal for equal points. 1 and True, or 1 and 1.0, are different things to say."""
    return tuple(sorted((axis, type(value).__name__, repr(value)) for axis, value in point.items()))

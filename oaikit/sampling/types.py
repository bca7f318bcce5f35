"""What a value of a request may be: each type checks it, says in words what it wants, and has a JSON schema.

Small on purpose: JSON schema's own messages ("3 is not valid under any of the given schemas") tell nobody what to do,
and what Python takes for a number includes true, NaN and infinities.
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NoReturn

from oaikit.errors import InvalidRequestError

Schema = dict[str, Any]

# vLLM's engine keeps token counts and token ids in 32 bits, and its transport has no integers of more than 64.
INT32_MAX = 2**31 - 1
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
_POWERS = {INT64_MIN: "-2^63", INT64_MAX: "2^63 - 1"}


def parameter_of(path: str) -> str:
    """The parameter's name, with which a path into its value ("stop[1]", "messages.0.role") begins."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def refuse(path: str, message: str) -> NoReturn:
    """Raise a 400, whose ``param`` is the parameter's name."""
    raise InvalidRequestError(message, param=parameter_of(path))


def shown(value: object) -> str:
    """What a request held, for a message: in the words of JSON, and short."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)} that begins with {shown(value[0])}" if value else "an empty list"
    if isinstance(value, int) and abs(value) > 2 * INT64_MAX:
        return "an integer of more than 64 bits"
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:50]}…"


@dataclass(frozen=True)
class Bounds:
    """The range of a number; None is no bound, an open one excludes the bound itself."""

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = self.low is None or value > self.low or (value == self.low and not self.low_open)
        below = self.high is None or value < self.high or (value == self.high and not self.high_open)
        return above and below

    def __str__(self) -> str:
        """Such as " from 0 to 2" or " above 0 and at most 1"; nothing without bounds."""
        low, high = _figure(self.low), _figure(self.high)
        if self.high == INT32_MAX:
            return f" of at least {low} (in 32 bits)"
        if low and high and not self.low_open and not self.high_open:
            return f" from {low} to {high}"
        parts = [
            low and f"{'above' if self.low_open else 'of at least'} {low}",
            high and f"{'below' if self.high_open else 'at most'} {high}",
        ]
        text = " and ".join(filter(None, parts))
        return text and f" {text}"

    def schema(self) -> Schema:
        """As keywords of JSON schema."""
        found: Schema = {}
        if self.low is not None:
            found["exclusiveMinimum" if self.low_open else "minimum"] = self.low
        if self.high is not None:
            found["exclusiveMaximum" if self.high_open else "maximum"] = self.high
        return found


def _figure(bound: float | None) -> str:
    return "" if bound is None else _POWERS.get(int(bound), f"{bound:g}")


class Type(ABC):
    """Base of all types."""

    @abstractmethod
    def words(self, *, many: bool = False) -> str:
        """What is wanted: "an integer of at least 1", or "integers of at least 1"."""

    @abstractmethod
    def suits(self, value: object) -> bool:
        """Whether a value is of this kind at all, whatever is wrong inside it."""

    @abstractmethod
    def schema(self) -> Schema:
        """JSON schema of the values that pass."""

    def check(self, value: Any, path: str) -> Any:
        """The value as it is passed on.

        Raises:
            InvalidRequestError: its message names the path, what is wanted there, and what was found.
        """
        if not self.suits(value):
            self.fail(value, path)
        return value

    def fail(self, value: object, path: str) -> NoReturn:
        """Say what is wanted in the place of a value."""
        refuse(path, f"`{path}` must be {self.words()}, not {shown(value)}")


@dataclass(frozen=True)
class Number(Type):
    """A finite number; true and false are none."""

    bounds: Bounds = Bounds()

    def words(self, *, many: bool = False) -> str:
        return f"{'numbers' if many else 'a number'}{self.bounds}"

    def suits(self, value: object) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool)

    def check(self, value: Any, path: str) -> Any:
        if not self.suits(value) or not -math.inf < value < math.inf or value not in self.bounds:
            self.fail(value, path)
        return value

    def schema(self) -> Schema:
        return {"type": "number", **self.bounds.schema()}


@dataclass(frozen=True)
class Integer(Type):
    """A whole number. 1.0 is one, as for vLLM, unless ``exact``: there vLLM refuses it too."""

    bounds: Bounds = Bounds(INT64_MIN, INT64_MAX)
    exact: bool = False

    def words(self, *, many: bool = False) -> str:
        return f"{'integers' if many else 'an integer'}{self.bounds}"

    def suits(self, value: object) -> bool:
        if isinstance(value, float):
            return not self.exact and value.is_integer()
        return isinstance(value, int) and not isinstance(value, bool)

    def check(self, value: Any, path: str) -> int:
        if not self.suits(value) or value not in self.bounds:
            self.fail(value, path)
        return int(value)

    def schema(self) -> Schema:
        return {"type": "integer", **self.bounds.schema()}


@dataclass(frozen=True)
class Boolean(Type):
    """True or false; 0, 1 and "true" are neither."""

    def words(self, *, many: bool = False) -> str:
        return "booleans" if many else "true or false"

    def suits(self, value: object) -> bool:
        return isinstance(value, bool)

    def schema(self) -> Schema:
        return {"type": "boolean"}


@dataclass(frozen=True)
class String(Type):
    """A text; ``low`` and ``high`` bound its length in characters, ``forbidden`` lists characters it may not hold."""

    low: int = 0
    high: int | None = None
    forbidden: str = ""

    def words(self, *, many: bool = False) -> str:
        noun = ("" if many else "a ") + ("non-empty " if self.low else "") + ("strings" if many else "string")
        if self.high is not None:
            noun += f" of at most {self.high} characters"
        if self.forbidden:
            noun += " without " + " and ".join(json.dumps(character) for character in self.forbidden)
        return noun

    def suits(self, value: object) -> bool:
        return isinstance(value, str)

    def check(self, value: Any, path: str) -> Any:
        if not isinstance(value, str) or not within(len(value), self.low, self.high):
            self.fail(value, path)
        if any(character in value for character in self.forbidden):
            self.fail(value, path)
        return value

    def schema(self) -> Schema:
        found: Schema = {"type": "string", **sizes("Length", self.low, self.high)}
        if self.forbidden:
            found["pattern"] = f"^[^{re.escape(self.forbidden)}]*$"
        return found


@dataclass(frozen=True)
class Choice(Type):
    """One of a few words."""

    options: tuple[str, ...]

    def words(self, *, many: bool = False) -> str:
        *first, last = (json.dumps(option) for option in self.options)
        return f"{', '.join(first)} or {last}" if first else last

    def suits(self, value: object) -> bool:
        return isinstance(value, str)

    def check(self, value: Any, path: str) -> Any:
        if not isinstance(value, str) or value not in self.options:
            self.fail(value, path)
        return value

    def schema(self) -> Schema:
        return {"type": "string", "enum": list(self.options)}


def within(size: int, low: int, high: int | None) -> bool:
    """Whether a length is in a range."""
    return low <= size and (high is None or size <= high)


def sizes(what: str, low: int, high: int | None) -> Schema:
    """Keywords of JSON schema for a range of lengths: minLength, maxItems, …"""
    return ({f"min{what}": low} if low else {}) | ({} if high is None else {f"max{what}": high})

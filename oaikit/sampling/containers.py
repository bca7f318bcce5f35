"""Types of values that hold other values: lists, objects, and choices between types."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oaikit.sampling.scan import MAX_DEPTH
from oaikit.sampling.types import Bounds, Integer, Schema, Type, refuse, shown, sizes, within


@dataclass(frozen=True)
class Array(Type):
    """A list of one type; ``low`` and ``high`` bound its length."""

    item: Type
    low: int = 0
    high: int | None = None

    def words(self, *, many: bool = False) -> str:
        noun = ("" if many else "a ") + ("non-empty " if self.low else "") + ("lists" if many else "list")
        most = "" if self.high is None else f"at most {self.high} "
        return f"{noun} of {most}{self.item.words(many=True)}"

    def suits(self, value: object) -> bool:
        """Lists of different types are told apart by their first item."""
        return isinstance(value, list) and (not value or self.item.suits(value[0]))

    def check(self, value: Any, path: str) -> Any:
        if not isinstance(value, list) or not within(len(value), self.low, self.high):
            self.fail(value, path)
        if isinstance(self.item, Integer) and _all_within(value, self.item.bounds):
            return value
        return [self.item.check(item, f"{path}[{index}]") for index, item in enumerate(value)]

    def schema(self) -> Schema:
        return {"type": "array", "items": self.item.schema(), **sizes("Items", self.low, self.high)}


def _all_within(values: Sequence[Any], bounds: Bounds) -> bool:
    """Whether all are integers in a range, fast: a prompt may be a million token ids, and Jupyter's loop waits."""
    return set(map(type, values)) == {int} and min(values) in bounds and max(values) in bounds


@dataclass(frozen=True)
class Object(Type):
    """A JSON object with fields of known types.

    ``others`` says whether it may have more of them. With ``drops_nulls`` a field that is null counts as left out, at
    every depth of the fields that are not known.
    """

    fields: Mapping[str, Type] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    others: bool = True
    drops_nulls: bool = False

    def words(self, *, many: bool = False) -> str:
        names = " and ".join(f"`{name}`" for name in self.required)
        return ("objects" if many else "an object") + (f" with {names}" if names else "")

    def suits(self, value: object) -> bool:
        return isinstance(value, dict)

    def check(self, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            self.fail(value, path)
        if self.drops_nulls:
            value = {name: inner for name, inner in value.items() if inner is not None}
        for name in self.required:
            if name not in value:
                refuse(path, f"`{path}.{name}` is missing: it must be {self.fields[name].words()}")
        return {name: self._check_field(name, inner, path) for name, inner in value.items()}

    def _check_field(self, name: str, value: Any, path: str) -> Any:
        if name in self.fields:
            return self.fields[name].check(value, f"{path}.{name}")
        if not self.others:
            refuse(path, f"`{path}` has no field {shown(name)}; it takes {', '.join(self.fields)}")
        return without_nulls(value) if self.drops_nulls else value

    def schema(self) -> Schema:
        found: Schema = {"type": "object"}
        if self.fields:
            found["properties"] = {name: inner.schema() for name, inner in self.fields.items()}
        if self.required:
            found["required"] = list(self.required)
        return found if self.others else {**found, "additionalProperties": False}


def without_nulls(value: Any, depth: int = MAX_DEPTH) -> Any:
    """A JSON value without the fields of its objects that are null, down to the depth that values may have."""
    if depth and isinstance(value, dict):
        return {name: without_nulls(inner, depth - 1) for name, inner in value.items() if inner is not None}
    if depth and isinstance(value, list):
        return [without_nulls(inner, depth - 1) for inner in value]
    return value


@dataclass(frozen=True)
class Dictionary(Type):
    """A JSON object whose keys (all of one form, if ``pattern`` says which) stand for values of one type."""

    item: Type
    keys: str = "names"
    pattern: str = ""

    def words(self, *, many: bool = False) -> str:
        noun = "objects" if many else "an object"
        return f"{noun} from {self.keys} to {self.item.words(many=True)}"

    def suits(self, value: object) -> bool:
        return isinstance(value, dict)

    def check(self, value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            self.fail(value, path)
        for name in value:
            if self.pattern and not re.fullmatch(self.pattern, name):
                refuse(path, f"the keys of `{path}` must be {self.keys}, not {shown(name)}")
        return {name: self.item.check(inner, f"{path}.{name[:40]}") for name, inner in value.items()}

    def schema(self) -> Schema:
        if not self.pattern:
            return {"type": "object", "additionalProperties": self.item.schema()}
        keys = {f"^{self.pattern}$": self.item.schema()}
        return {"type": "object", "patternProperties": keys, "additionalProperties": False}


@dataclass(frozen=True)
class OneOf(Type):
    """A value of any of some types. ``noun`` says in words which, where their own would be long."""

    types: tuple[Type, ...]
    noun: str = ""

    def words(self, *, many: bool = False) -> str:
        return self.noun or " or ".join(each.words(many=many) for each in self.types)

    def suits(self, value: object) -> bool:
        return any(each.suits(value) for each in self.types)

    def check(self, value: Any, path: str) -> Any:
        """Of what is wrong, what the first type of the right kind finds wrong is told."""
        for each in self.types:
            if each.suits(value):
                return each.check(value, path)
        self.fail(value, path)

    def schema(self) -> Schema:
        return {"anyOf": [each.schema() for each in self.types]}


@dataclass(frozen=True)
class Nullable(Type):
    """A value or null, inside an object. (At the top of a request null always means: left out.)"""

    inner: Type

    def words(self, *, many: bool = False) -> str:
        return f"{self.inner.words(many=many)} or null"

    def suits(self, value: object) -> bool:
        return value is None or self.inner.suits(value)

    def check(self, value: Any, path: str) -> Any:
        return None if value is None else self.inner.check(value, path)

    def schema(self) -> Schema:
        return {"anyOf": [self.inner.schema(), {"type": "null"}]}

"""Values from Python as JSON has them: numpy's and pydantic's among them, and what JSON cannot express refused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from numbers import Integral, Real
from typing import Any, Final

from oaikit.errors import InvalidRequestError

_AS_THEY_ARE: Final = frozenset((int, bool, type(None)))


class _NotJSON(Exception):
    """Why a value cannot be written, as the rest of a sentence about the parameter that holds it."""


def plain(body: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a request's body that consists of dicts, lists, strings, finite numbers, booleans and None.

    Converted are numpy's numbers and arrays and whatever else has ``tolist``, pydantic models (as the messages of
    OpenAI's client), dataclasses, enums, mappings, sequences, and keys that are integers. Of a model or a dataclass
    what is None is left out: it stands for what was not given.

    Raises:
        InvalidRequestError: A value has no form in JSON; ``param`` is the name in ``body`` that holds it.
    """
    sent = {}
    for name, value in body.items():
        try:
            sent[_key(name)] = _plain(value)
        except _NotJSON as exc:
            raise InvalidRequestError(f"`{name}` {exc}", param=str(name)) from None
        except RecursionError:
            raise InvalidRequestError(
                f"`{name}` is nested too deeply, or holds itself", param=str(name)
            ) from None
    return sent


def _plain(value: Any) -> Any:
    kind = type(
        value
    )  # nearly every value has one of JSON's own types: looking for these first saves most of the time
    if kind in _AS_THEY_ARE:
        return value
    if kind is str:
        return _text(value)
    if kind is float:
        if not math.isfinite(value):
            raise _NotJSON(f"holds the number {value}, which JSON does not have")
        return value
    if kind is dict or isinstance(value, Mapping):
        return _object(value)
    if kind is list or kind is tuple:
        return [_plain(each) for each in value]
    return _converted(value)


def _text(text: str) -> str:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _NotJSON("holds half of a surrogate pair, which is not a character") from None
    return text


def _object(value: Mapping[Any, Any]) -> dict[str, Any]:
    made = {_key(key): _plain(each) for key, each in value.items()}
    if len(made) != len(value):
        raise _NotJSON("holds two keys that are the same as text")
    return made


def _key(key: Any) -> str:
    if isinstance(key, Enum):
        key = key.value
    if isinstance(key, str):
        return _text(str(key))
    if isinstance(key, Integral) and not isinstance(key, bool):
        return str(int(key))
    raise _NotJSON(f"holds the key {key!r}; a key is a text or an integer")


def _converted(value: Any) -> Any:
    """A value of a type that JSON does not know."""
    if isinstance(value, type):
        raise _NotJSON(f"holds the class {value.__name__}; give an object or its JSON schema")
    if isinstance(value, bytes | bytearray | memoryview):
        raise _NotJSON("holds bytes; decode them to text, or encode them as a base64 data URL")
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, str):
        return _text(str(value))
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real | Decimal):
        return _plain(float(value))
    if callable(dump := getattr(value, "model_dump", None)):
        return _plain(dump(mode="json", exclude_none=True))
    if is_dataclass(value):
        given = {each.name: getattr(value, each.name) for each in fields(value)}
        return _object({name: each for name, each in given.items() if each is not None})
    if callable(tolist := getattr(value, "tolist", None)):
        return _plain(tolist())
    if isinstance(value, Sequence):
        return [_plain(each) for each in value]
    hint = "; give a list" if hasattr(value, "__iter__") else ""
    raise _NotJSON(f"holds a {type(value).__name__}, which JSON does not have{hint}")

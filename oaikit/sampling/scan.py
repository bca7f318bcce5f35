"""What no value of a request may hold, however deep inside."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

from oaikit.sampling.types import INT64_MAX, INT64_MIN, refuse

# Python, pydantic and Jinja walk nested values by recursion. The deepest that a request needs are JSON schemas, and
# vLLM takes these up to 64 (MAX_STRUCTURED_OUTPUT_JSON_NESTING).
MAX_DEPTH: Final = 100
# vLLM sends requests to its engine as MessagePack, which has signed and unsigned 64-bit integers.
_UINT64_MAX: Final = 2 * INT64_MAX + 1


def check_contents(name: str, value: Any) -> None:
    """Refuse what JSON, or Python's reading of it, lets through and nothing behind it can use.

    That is NaN and infinities (also as 1e999), integers of more than 64 bits, halves of surrogate pairs, and nesting
    without end. Fast on long lists of plain values: it runs on Jupyter's loop.

    Raises:
        InvalidRequestError: ``param`` is ``name``.
    """
    level: Iterable[Any] = (value,)
    for _ in range(MAX_DEPTH):
        types = set(map(type, level))
        if wrong := _wrong(level, types):
            refuse(name, f"`{name}` holds {wrong}")
        if not types & {dict, list}:
            return
        level = [inner for each in level for inner in _inside(each)]
    refuse(name, f"`{name}` is nested more than {MAX_DEPTH} deep")


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else ()


def _wrong(values: Iterable[Any], types: set[type]) -> str | None:
    """What one of some values is that can't be used, their insides left aside."""
    if float in types and not all(math.isfinite(each) for each in values if type(each) is float):
        return "NaN or an infinity, which are no numbers in JSON"
    if int in types and not all(INT64_MIN <= each <= _UINT64_MAX for each in values if type(each) is int):
        return "an integer of more than 64 bits"
    if str in types and not all(_is_unicode(each) for each in values if type(each) is str):
        return "half of a surrogate pair (\\ud800 to \\udfff), which is no text in Unicode"
    return None


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

"""Names for content: the same for what is the same, whoever asks and in which order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final


def canonical(value: Any) -> str:
    """JSON that is equal for equal values: keys in order, and 1.0 as 1, which mean the same to a server."""
    return _ENCODER.encode(_plain(value))


def digest(value: Any) -> str:
    """A name for a value, from its canonical JSON."""
    return digest_of(canonical(value))


def digest_of(text: str) -> str:
    """A name of 32 hexadecimal digits for a text, from its SHA-256."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def number_of(value: Any) -> int:
    """A number below 2^31 for a value, the same on every machine."""
    return int(digest(value)[:8], 16) >> 1


# Nearly every value is one of these: to look for them first halves the time.
_AS_THEY_ARE: Final = frozenset((str, int, bool, type(None)))


def _plain(value: Any) -> Any:
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def plain(value: Any) -> Any:
    """numpy's and pandas' scalars as Python's; what JSON has no word for as text. For ``json.dumps(default=…)``."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "ndim", 0) == 0 else str(value)


_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=plain)

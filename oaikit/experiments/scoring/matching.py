"""Whether an answer is, or contains, what a reference says: texts as texts, numbers as numbers."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from oaikit.experiments.store.keys import canonical

# Scripts that put no spaces between words, or write particles onto them: Thai to Tibetan, Myanmar, Hangul letters,
# Khmer, kana, Han, Hangul syllables, and Han beyond the basic plane. Nothing there ends a word.
UNSPACED: Final = (
    "\u0e00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
LETTER: Final = rf"[^\W{UNSPACED}]"  # of a script with spaces, or a digit
_NUMBER: Final = re.compile(
    rf"(?<!{LETTER})(?<!{LETTER}[.,])"  # neither in a word nor in the middle of a number
    r"(?P<sign>(?<![^\s(\[{=:,;\"'])[-+\u2212])?"  # a minus between two words is a hyphen or a subtraction
    r"(?P<digits>\d{1,3}(?:,\d{3})+|\d+)(?P<rest>(?:\.\d+)?(?:[eE][-+]?\d+)?)"
    rf"(?!{LETTER})(?![.,]\d)"
)


def references(value: Any) -> list[Any]:
    """What counts as right: one value, or any of a list. Missing values are none."""
    listed = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(listed, list | tuple | set | frozenset):
        return [each for each in listed if not _is_missing(each)]
    return [] if _is_missing(listed) else [listed]


def equals(text: str, wanted: Any, *, ignore_case: bool) -> bool:
    """Whether a text is what one reference says, apart from space around it."""
    if isinstance(wanted, bool):
        return text.strip().casefold() == str(wanted).casefold()
    if (number := number_of(wanted)) is not None:
        said = _NUMBER.fullmatch(_normal(text).removesuffix("."))
        return said is not None and _value(said) == number
    return _folded(text, ignore_case) == _folded(text_of(wanted), ignore_case)


def holds(text: str, wanted: Any, *, ignore_case: bool) -> bool:
    """Whether one reference stands in a text as words, or as a number, of its own."""
    if isinstance(wanted, bool):
        return _holds_words(text.casefold(), str(wanted).casefold())
    if (number := number_of(wanted)) is not None:
        return any(_value(found) == number for found in _NUMBER.finditer(_normal(text)))
    return _holds_words(_folded(text, ignore_case), _folded(text_of(wanted), ignore_case))


def number_of(value: Any) -> Decimal | None:
    """A number as a decimal one, so that large integers keep their last digits; None for all else."""
    if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def text_of(value: Any) -> str:
    """What a reference that is not a number looks like in an answer: a text as it is, all else as JSON."""
    if isinstance(value, str):
        return value
    written = canonical(value)
    return str(json.loads(written)) if written.startswith('"') else written


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value


def _holds_words(text: str, wanted: str) -> bool:
    if not wanted:
        return False
    before = after = ""
    if re.match(LETTER, wanted):
        before = rf"(?<!{LETTER})"
    if re.match(LETTER, wanted[-1]):
        after = rf"(?!{LETTER})"
    if wanted[0].isdigit():  # a number that is given as a text is not a part of another number either
        before += rf"(?<!{LETTER}[.,])(?<!(?<!{LETTER})[-\u2212])"
    if wanted[-1].isdigit():
        after += r"(?![.,]\d)"
    return re.search(before + re.escape(wanted) + after, text) is not None


def _value(found: re.Match[str]) -> Decimal:
    sign = "-" if found["sign"] in ("-", "\u2212") else ""
    return Decimal(sign + found["digits"].replace(",", "") + found["rest"])


def _normal(text: str) -> str:
    """Without space around it, and with one spelling for letters that Unicode can write in two ways."""
    return unicodedata.normalize("NFC", text).strip()


def _folded(text: str, ignore_case: bool) -> str:
    return _normal(text).casefold() if ignore_case else _normal(text)


def any_of(matches: Any, text: str, wanted: Any, *, ignore_case: bool) -> bool | None:
    """Whether one of the references matches; None if there is none."""
    known: Iterable[Any] | Mapping[str, Any] = references(wanted)
    if not known:
        return None
    return any(matches(text, each, ignore_case=ignore_case) for each in known)

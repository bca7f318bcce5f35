"""Prompts with places for values: ``"Q: {question}\\nA:"``."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from typing import Any

from oaikit.errors import InvalidRequestError

_FORMATTER = string.Formatter()


def fields_of(template: Any) -> list[str]:
    """The names in the braces of a text, or of all texts in messages, each once.

    Raises:
        InvalidRequestError: the braces make no sense.
    """
    return list(dict.fromkeys(_fields(template)))


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """A text or messages with the values in place of the names.

    Raises:
        InvalidRequestError: the braces make no sense, or a value does not go into its format.
    """
    if isinstance(template, str):
        try:
            return _FORMATTER.vformat(template, (), values)
        except (ValueError, TypeError) as exc:
            raise InvalidRequestError(
                f"the prompt {_short(template)} can't be filled in: {exc}", param="prompt"
            ) from exc
    if isinstance(template, Mapping):
        return {name: fill(each, values) for name, each in template.items()}
    if isinstance(template, list | tuple):
        return [fill(each, values) for each in template]
    return template


def _fields(template: Any) -> Iterable[str]:
    if isinstance(template, str):
        yield from _fields_of_text(template)
    elif isinstance(template, Mapping):
        for each in template.values():
            yield from _fields(each)
    elif isinstance(template, list | tuple):
        for each in template:
            yield from _fields(each)


def _fields_of_text(template: str) -> Iterable[str]:
    try:
        pieces = list(_FORMATTER.parse(template))
    except ValueError as exc:
        raise InvalidRequestError(
            f"the prompt {_short(template)} has a brace that begins no name ({exc}): write {{{{ and }}}} for braces",
            param="prompt",
        ) from exc
    for _, name, format, _ in pieces:
        if name is None:
            continue
        if not name.isidentifier():
            raise InvalidRequestError(
                f"the prompt {_short(template)} has {{{name}}}, and {name!r} can't be a name: "
                "write {{ and }} for braces",
                param="prompt",
            )
        yield name
        yield from _fields_of_text(format or "")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")

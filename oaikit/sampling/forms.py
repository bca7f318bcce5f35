"""How large a form may be that an answer is held to: a JSON schema, a regular expression, a grammar, a structural tag.

vLLM's engine compiles forms in a few threads. While a large one is compiled nobody else's structured output begins, so
the limits stand for about a second of work. docs/server.md says how that was measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from oaikit.sampling.patterns import COST_OF_LARGE_COUNT, LARGE_COUNT, complexity
from oaikit.sampling.requests import Limits
from oaikit.sampling.types import refuse

# Fields that hold a regular expression: vLLM's own, JSON schema's, those of structural tags.
_PATTERNS: Final = frozenset({"pattern", "regex", "whitespace_pattern"})
# Fields that may hold JSON as text, and fields that may hold a grammar as text.
_JSON_TEXTS: Final = frozenset({"json", "structural_tag", "json_schema", "schema", "guided_json"})
_GRAMMARS: Final = frozenset({"grammar", "definition", "guided_grammar"})
# Objects from names that the client chooses to schemas: the names are no keywords.
_NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_COUNTED: Final = frozenset(
    {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"}
)
# What is for people and models, and is not compiled.
_COMMENTS: Final = frozenset({"description", "title", "$comment", "examples", "default"})

# A value, the field that holds it, and whether that field is a name that the client has chosen.
_Place = tuple[str, Any, bool]


def check_form(param: str, form: Any, limits: Limits) -> None:
    """Hold a form, or a value with forms somewhere inside, against the server's limits.

    Args:
        param: the parameter that holds it, for the message.
        form: a decoded JSON value. JSON that it holds as text is looked into as well.
        limits: the server's limits.

    Raises:
        InvalidRequestError: the form is larger, or holds more, than a limit allows; the message names the limit.
    """
    if form is not None:
        _Measured(param, limits).look_into(form)


class _Measured:
    """What a form holds, counted while it is walked."""

    def __init__(self, param: str, limits: Limits) -> None:
        self._param, self._limits = param, limits
        self._size = self._complexity = 0
        self._compiled: set[tuple[str, object]] = set()  # the compiler does the same thing once

    def look_into(self, form: Any) -> None:
        """Walk a form level by level: it may be nested deeper than Python recurses."""
        level: list[_Place] = [(self._param, form, False)]
        while level:
            level = [inner for place in level for inner in self._inside(*place)]

    def _inside(self, name: str, value: Any, is_named: bool) -> Iterator[_Place]:
        """Count a value, and give what it holds."""
        keyword = "" if is_named else name
        self._grow(1)
        if isinstance(value, str):
            yield from self._inside_text(keyword, value)
        elif isinstance(value, dict):
            yield from self._inside_object(keyword, value)
        elif isinstance(value, list):
            yield from ((name, inner, is_named) for inner in value)
        elif keyword in _COUNTED and isinstance(value, int | float) and value > LARGE_COUNT:
            self._compile(keyword, value, COST_OF_LARGE_COUNT)

    def _inside_object(self, keyword: str, value: Mapping[str, Any]) -> Iterator[_Place]:
        self._grow(sum(map(len, value)))
        if keyword in _NAMED and len(value) > self._limits.properties:
            self._refuse(f"an object with {len(value)} {keyword}", self._limits.properties, "max_properties")
        if keyword == "patternProperties":
            for pattern in value:
                self._pattern(pattern)
        are_named = keyword in _NAMED
        for name, inner in value.items():
            if are_named or name not in _COMMENTS:
                yield name, inner, are_named

    def _inside_text(self, keyword: str, text: str) -> Iterator[_Place]:
        if keyword in _JSON_TEXTS:
            self._check_size(len(text))  # before it is parsed
            try:
                yield keyword, json.loads(text), False
            except (ValueError, RecursionError):
                return  # vLLM says what is wrong with it
        elif keyword in _PATTERNS:
            self._pattern(text)
        elif keyword in _GRAMMARS:
            self._compile(keyword, text, complexity(text, grammar=True))
        self._grow(len(text))

    def _pattern(self, pattern: str) -> None:
        size, most = len(pattern.encode(errors="replace")), self._limits.pattern_bytes
        if size > most:
            self._refuse(f"a regular expression of {size} bytes", most, "max_pattern_bytes")
        self._compile("pattern", pattern, complexity(pattern))

    def _compile(self, keyword: str, value: object, cost: int) -> None:
        if (keyword, value) in self._compiled:
            return
        self._compiled.add((keyword, value))
        self._complexity += cost
        if self._complexity > self._limits.form_complexity:
            self._refuse(
                f"more repetitions and character classes than are compiled in a second (a bound above {LARGE_COUNT}, "
                f"such as maxLength, counts as {COST_OF_LARGE_COUNT})",
                self._limits.form_complexity,
                "max_form_complexity",
            )

    def _grow(self, size: int) -> None:
        self._size += size
        self._check_size(self._size)

    def _check_size(self, size: int) -> None:
        if size > self._limits.form_size:
            self._refuse("a form of more characters", self._limits.form_size, "max_form_size")

    def _refuse(self, finding: str, most: int, trait: str) -> None:
        refuse(
            self._param,
            f"`{self._param}` holds {finding}, which may take minutes to compile; the limit of this server is {most} "
            f"({trait})",
        )

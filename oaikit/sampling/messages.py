"""The types of what a conversation consists of: messages, parts of their content, tool calls.

null means left out in all of them, at every depth: that is how clients dump an answer that they send back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from oaikit.errors import InvalidRequestError
from oaikit.sampling.containers import Array, Nullable, Object, OneOf
from oaikit.sampling.scan import check_contents
from oaikit.sampling.types import Choice, Schema, String, Type

NON_EMPTY: Final = String(low=1)


@dataclass(frozen=True)
class Arguments(Type):
    """The arguments of a tool call that was made earlier: an object, as such or as JSON text.

    Models write text that is no object. Refusing it would end the conversation for good, because every later request
    has it too, so the model is shown an empty object instead.
    """

    def words(self, *, many: bool = False) -> str:
        return "JSON objects as text" if many else "a JSON object as text"

    def suits(self, value: object) -> bool:
        return isinstance(value, str | dict)

    def check(self, value: Any, path: str) -> str:
        if isinstance(value, str):
            return value if is_json_object(value) else "{}"
        if not isinstance(value, dict):
            self.fail(value, path)
        return json.dumps(value)

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "string"}, {"type": "object"}]}


ARGUMENTS: Final = Arguments()


def is_json_object(text: str) -> bool:
    """Whether a text is a JSON object that chat templates can use."""
    try:
        value = json.loads(text)
        if isinstance(value, dict):
            check_contents("arguments", value)
            return True
    except (ValueError, RecursionError, InvalidRequestError):
        pass
    return False


@dataclass(frozen=True)
class ToolCall(Object):
    """A tool call of an assistant's message, completed with what vLLM insists on: an id, a type, arguments."""

    def check(self, value: Any, path: str) -> Any:
        """The call, with what it lacked."""
        call = super().check(value, path)
        call.setdefault("type", "function")
        if "id" not in call:
            call["id"] = "_".join(["call", *re.findall(r"\d+", path)])
        call["function"].setdefault("arguments", "{}")
        return call


def optional(**fields: Type) -> dict[str, Type]:
    """Fields that may be null."""
    return {name: Nullable(inner) for name, inner in fields.items()}


# What else a message may have differs from model to model, and goes to its chat template; vLLM knows about a dozen
# kinds of content parts.
PART: Final = Object(optional(type=NON_EMPTY, text=String()), drops_nulls=True)
CONTENT: Final = OneOf((String(), Array(OneOf((PART, String())))))
CALLED_FUNCTION: Final = Object(
    {"name": NON_EMPTY, **optional(arguments=ARGUMENTS)}, required=("name",), drops_nulls=True
)
CALL: Final = ToolCall(
    {"function": CALLED_FUNCTION, **optional(id=String(), type=Choice(("function",)))},
    required=("function",),
    drops_nulls=True,
)
MESSAGE: Final = Object(
    {
        "role": NON_EMPTY,
        **optional(
            content=CONTENT,
            name=String(),
            reasoning=String(),
            reasoning_content=String(),
            tool_call_id=String(),
            tool_calls=Array(CALL),
        ),
    },
    required=("role",),
    drops_nulls=True,
)
MESSAGES: Final = Array(MESSAGE, low=1)


def lost_arguments(given: Any, checked: Any) -> list[str]:
    """Find the arguments of tool calls that `Arguments` replaced because they were no JSON object.

    Args:
        given: the messages as the client sent them, or a list of conversations.
        checked: the same as they were checked.

    Returns:
        Paths such as ``messages[2].tool_calls[0].function.arguments``, or ``messages[5][2]…`` in a batch.
    """
    return list(_lost_arguments(given, checked, "messages"))


def _lost_arguments(given: Any, checked: Any, path: str) -> Iterator[str]:
    for index, message in enumerate(checked if isinstance(checked, list) else ()):
        if isinstance(message, list):  # a conversation of a batch
            yield from _lost_arguments(given[index], message, f"{path}[{index}]")
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        for number, call in enumerate(calls if isinstance(calls, list) else ()):
            before = _arguments_of(given[index]["tool_calls"][number])
            if before and _arguments_of(call) == "{}" != before and not isinstance(before, dict):
                yield f"{path}[{index}].tool_calls[{number}].function.arguments"


def _arguments_of(call: Any) -> Any:
    """The arguments of a tool call. On some routes the calls have not been checked and may be anything."""
    function = call.get("function") if isinstance(call, dict) else None
    return function.get("arguments") if isinstance(function, dict) else None

"""A chat's reasoning under both of its names: ``reasoning``, vLLM's, and ``reasoning_content``, the older one.

It is added to the messages and deltas of a chat's choices and nowhere else: anything else that is called ``reasoning``
belongs to the user.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

# Quotes within a JSON string are escaped, so this is a field with a string as its value.
_FIELD: Final = b'"reasoning":"'

# The beginning of a chunk with reasoning, as vLLM writes it. Parsing the JSON of every token would take longer.
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_CHUNK: Final = re.compile(
    rb'data: \{"id":"[^"\\]*","object":"chat\.completion\.chunk","created":\d+,"model":' + _STRING + rb","
    rb'"choices":\[\{"index":\d+,"delta":\{(?:"role":'
    + _STRING
    + rb",)?"
    + rb'(?:"content":(?:null|'
    + _STRING
    + rb'),)?"reasoning":('
    + _STRING
    + rb")"
)


def in_whole_answer(body: bytes) -> bytes:
    """The JSON of a chat completion with ``reasoning_content`` in its messages."""
    return _parsed(body, "message") if _FIELD in body else body


def in_events(body: bytes) -> bytes:
    """Complete events of a streamed chat with ``reasoning_content`` in their deltas."""
    if _FIELD not in body:
        return body
    return b"\n\n".join(map(_in_event, body.split(b"\n\n")))


def _in_event(event: bytes) -> bytes:
    if _FIELD not in event:
        return event
    if found := _CHUNK.match(event):
        end = found.end()
        return b'%b,"reasoning_content":%b%b' % (event[:end], found[1], event[end:])
    if not event.startswith(b"data: "):
        return event
    return b"data: " + _parsed(event.removeprefix(b"data: "), "delta")


def _parsed(body: bytes, holder: str) -> bytes:
    """The same, whatever the order of the fields."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return body
    if not sum(_add(choice, holder) for choice in _choices(answer)):
        return body
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


def _choices(answer: Any) -> list[Any]:
    choices = answer.get("choices") if isinstance(answer, dict) else None
    return choices if isinstance(choices, list) else []


def _add(choice: Any, holder: str) -> bool:
    message = choice.get(holder) if isinstance(choice, dict) else None
    if not isinstance(message, dict) or not isinstance(message.get("reasoning"), str):
        return False
    message["reasoning_content"] = message["reasoning"]
    return True

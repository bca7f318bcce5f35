"""The prompt that a chat becomes, and whose words are where in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final

_COLOURS: Final = {
    "system": "#8888ff",
    "developer": "#8888ff",
    "user": "#44bb66",
    "assistant": "#ffaa33",
    "tool": "#cc66cc",
}
"""Each role's colour, laid thinly behind the text, so that it can be read on a light and on a dark ground."""


@dataclass(frozen=True)
class Rendered:
    """A prompt as the chat template made it.

    Attributes:
        text: The whole prompt, special tokens included.
        token_ids: Its tokens.
        messages: The messages that it was made from.
    """

    text: str
    token_ids: tuple[int, ...] = ()
    messages: Sequence[Mapping[str, Any]] = field(default=(), repr=False)

    @property
    def segments(self) -> list[tuple[str | None, str]]:
        """The prompt in pieces, each with the role whose words it is; None: the template's own."""
        return list(self._segments())

    def _segments(self) -> Iterator[tuple[str | None, str]]:
        at = 0
        for role, said in _said(self.messages):
            found = self.text.find(said, at)
            if found < 0:  # templates may change or leave out what was said
                continue
            if found > at:
                yield None, self.text[at:found]
            yield role, said
            at = found + len(said)
        if at < len(self.text):
            yield None, self.text[at:]

    def __str__(self) -> str:
        return self.text

    def __len__(self) -> int:
        return len(self.token_ids)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/plain": self.text, "text/html": self.to_html()}

    def to_html(self) -> str:
        """The prompt coloured by role, with the number of its tokens."""
        pieces = "".join(_piece(role, text) for role, text in self._segments())
        roles = dict.fromkeys(str(message.get("role")) for message in self.messages)
        legend = " ".join(_piece(role, role) for role in roles)
        return (
            f'<pre style="white-space:pre-wrap">{pieces}</pre>'
            f'<div style="opacity:.8;font-size:85%">{len(self)} tokens · {legend}</div>'
        )


def _piece(role: str | None, text: str) -> str:
    if role is None:
        return f'<span style="opacity:.6">{escape(text)}</span>'
    colour = _COLOURS.get(role, "#888888")
    return f'<span title="{escape(role)}" style="background:{colour}44">{escape(text)}</span>'


def _said(messages: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """The roles and texts of messages, without the blanks around them, which templates take off."""
    for message in messages:
        if not isinstance(message, Mapping):
            continue
        content = message.get("content") or ""
        parts = [content] if isinstance(content, str) else [part.get("text") or "" for part in content]
        for part in parts:
            if said := part.strip():
                yield str(message.get("role")), said

"""How lists of wordings are written down, and how people type them."""

from __future__ import annotations

from .common import Draw

CARELESS = 0.25
"""Share of the questions that are typed without a capital and without the sign at the end."""


def entries(text: str) -> tuple[str, ...]:
    """The entries of a list that is written as one text with ``|`` between them, which keeps long tables readable."""
    return tuple(" ".join(entry.split()) for entry in text.split("|"))


def typed(draw: Draw, text: str) -> str:
    """The text as somebody types it: now and then carelessly."""
    bare = text.rstrip("?.!")
    if not bare or draw.random() >= CARELESS:
        return text
    shouted = bare[1:2].isupper()
    return bare if shouted else bare[0].lower() + bare[1:]

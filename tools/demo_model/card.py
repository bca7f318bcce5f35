"""Writes what was measured into the demo model's card, oaikit/demo/README.md, between pairs of markers."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path


def write(card: Path, part: str, text: str) -> None:
    """Replace what stands between ``<!-- part -->`` and ``<!-- end of part -->``."""
    begin, end = f"<!-- {part} -->", f"<!-- end of {part} -->"
    old = card.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    if not pattern.search(old):
        raise ValueError(f"{card} has no {begin} … {end}")
    card.write_text(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", old), encoding="utf-8")


def fingerprint(weights: Path) -> str:
    """What the card says of a file of weights."""
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    return f"`{weights.name}`: {weights.stat().st_size / 1e6:.1f} MB, SHA-256 `{digest}`"

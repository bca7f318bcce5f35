"""The key that a server mints for programs which only need answers."""

from __future__ import annotations

import secrets


class InferenceKey:
    """A key for inference alone, good for the life of this server. Jupyter's token would let its holder run code."""

    def __init__(self) -> None:
        self.value = f"sk-oaikit-{secrets.token_urlsafe(32)}"

    def matches(self, candidate: str) -> bool:
        """Compare in constant time."""
        return secrets.compare_digest(candidate.encode(), self.value.encode())

"""Where requests go, and how much one may ask for. Jupyter's start imports this and no more of the package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

# By their path under v1/.
Endpoint = Literal["chat/completions", "completions"]
CHAT: Final = "chat/completions"
COMPLETIONS: Final = "completions"
BOTH: Final[tuple[Endpoint, ...]] = (CHAT, COMPLETIONS)


@dataclass(frozen=True)
class Limits:
    """How much one request may ask for.

    ``n`` bounds ``n`` and ``best_of``, ``prompts`` the prompts of a completion, ``pattern_bytes`` the size in UTF-8 of
    a regular expression that output must match. The three come from advisories on vLLM (CVE-2026-34756, -73559,
    -55574). ``logprobs`` is the engine's ``max_logprobs``, -1 for no limit; its default is vLLM's.
    """

    n: int = 64
    prompts: int = 64
    pattern_bytes: int = 4096
    logprobs: int = 20

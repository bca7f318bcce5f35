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

    Attributes:
        n: the most that ``n`` and ``best_of`` may be (CVE-2026-34756).
        prompts: the most prompts of one completion, and conversations of one batch (CVE-2026-73559).
        sequences: the most answers of one request: its prompts times its answers per prompt.
        inputs: the most texts of one request for embeddings, scores or classes. The default is OpenAI's.
        form_size: the most characters of a form that answers are held to, without its descriptions.
        form_complexity: the most repetitions and character classes in the patterns of a form.
        properties: the most properties of one object of a JSON schema.
        pattern_bytes: the size in UTF-8 of one regular expression (CVE-2026-55574).
        logprobs: the engine's ``max_logprobs``, -1 for no limit; its default is vLLM's.
        stop_strings: the engine's limit of stop strings (VLLM_MAX_STOP_STRINGS); its default is vLLM's and OpenAI's.
        context: the model's context, tokens; None if it isn't known.
        token_characters: the most characters that one token stands for; None if it isn't known.
    """

    n: int = 64
    prompts: int = 64
    sequences: int = 1024
    inputs: int = 2048
    form_size: int = 65_536
    form_complexity: int = 128
    properties: int = 500
    pattern_bytes: int = 4096
    logprobs: int = 20
    stop_strings: int = 4
    context: int | None = None
    token_characters: int | None = None

    @property
    def characters(self) -> int | None:
        """The most characters that a prompt can have and fit into the context; None if that isn't known."""
        known = self.context is not None and self.token_characters is not None
        return self.context * self.token_characters if known else None  # type: ignore[operator]

"""The columns of a sweep's table that are the results' own, with their units; axes, data and scores are beside them."""

from __future__ import annotations

from typing import Final

UNITS: Final[dict[str, str]] = {
    "prompt_tokens": "tokens",
    "completion_tokens": "tokens",
    "latency_s": "seconds",
    "ttft_s": "seconds",
    "tokens_per_s": "tokens per second",
    "mean_logprob": "nats",
}

IDENTITY: Final = ("cell", "item", "replicate")
RESULT: Final = (
    "text",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "latency_s",
    "ttft_s",
    "tokens_per_s",
    "mean_logprob",
    "error",
)
"""What an execution came to."""
TRACE: Final = ("seed", "prompt", "cached", "shared", "mode", "run", "key")
"""Where a row comes from."""
OPTIONAL: Final = ("reasoning", "tool_calls")
"""There only if an answer has them."""
RESERVED: Final = frozenset({*IDENTITY, *RESULT, *TRACE, *OPTIONAL})
"""Names that neither an axis nor a column of the data nor a score may have."""

METRICS: Final = (*UNITS,)
"""Figures of every row that can be compared and drawn as scores are."""
ALIASES: Final = {"tokens": "completion_tokens", "latency": "latency_s", "ttft": "ttft_s"}
"""Short names of metrics."""

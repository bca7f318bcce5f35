"""The numbers of an answer, as every document has them."""

from __future__ import annotations

from typing import Final

from oaikit.reply import Choice, Reply

NUMBERS: Final = ("ttft_s", "tokens_per_s", "prompt_tokens", "completion_tokens", "latency_s")

COUNTED: Final = {"include_usage": True, "continuous_usage_stats": True}
"""The ``stream_options`` of a display: each event counts its own choice, so that a stopped answer has counts, and each
of several answers its own. Only vLLM knows the second one."""

Numbers = dict[str, float | int | None]


def numbers(reply: Reply, index: int = 0) -> Numbers:
    """The numbers of one choice: seconds, tokens, tokens per second. None: not known."""
    choice = reply.choices[index] if index < len(reply.choices) else Choice()
    alone = len(reply.choices) <= 1
    tokens = reply.usage.completion_tokens or choice.completion_tokens if alone else choice.completion_tokens
    rate = reply.tokens_per_s if alone else reply.tokens_per_s_of(index)
    known = (
        rounded(reply.ttft_s),
        rounded(rate),
        reply.usage.prompt_tokens or None,
        tokens or None,
        rounded(reply.latency_s or None),
    )
    return dict(zip(NUMBERS, known, strict=True))


def rounded(value: float | None) -> float | None:
    """A number with four decimals, which is enough for a display."""
    return None if value is None else round(value, 4)

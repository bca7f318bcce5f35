"""The numbers of answers in documents: each answer's own, also of those that were stopped."""

from __future__ import annotations

import pytest

from oaikit.reply import Choice, Reply, Usage
from oaikit.widgets.figures import numbers


def chunk(index: int, tokens: int, text: str = "x") -> dict:
    usage = {"prompt_tokens": 5, "completion_tokens": tokens}
    return {"model": "tiny", "choices": [{"index": index, "delta": {"content": text}}], "usage": usage}


def test_a_stopped_answer_has_counts() -> None:
    reply = Reply()
    for tokens in range(1, 31):
        reply.add(chunk(0, tokens), 1 + tokens / 10, streamed=True)
    reply.cancelled = True
    found = numbers(reply)
    assert (found["prompt_tokens"], found["completion_tokens"]) == (5, 30)
    assert found["tokens_per_s"] == 10


def test_each_of_three_answers_has_its_own() -> None:
    reply = Reply()
    for tokens in range(1, 41):
        for index in range(3 if tokens <= 20 else 1):
            reply.add(chunk(index, tokens), 1 + tokens / 10, streamed=True)
    assert [numbers(reply, index)["completion_tokens"] for index in range(3)] == [40, 20, 20]
    assert reply.usage.completion_tokens == 80
    rates = [numbers(reply, index)["tokens_per_s"] or 0 for index in range(3)]
    assert sum(rates) == pytest.approx(reply.tokens_per_s, rel=1e-3)


def test_a_sum_is_shown_for_none_of_them() -> None:
    reply = Reply(choices=[Choice("a"), Choice("b")], usage=Usage(5, 80), latency_s=4)
    assert numbers(reply, 1)["completion_tokens"] is None
    assert numbers(reply, 1)["tokens_per_s"] is None

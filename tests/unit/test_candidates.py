"""best_of: which of the candidates are the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oaikit.errors import EngineError
from oaikit_server.dialect.candidates import choose

USAGE = {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}


def chat(*logprobs: list[float]) -> dict[str, Any]:
    """vLLM's answer to a chat whose candidates have these log-probabilities."""
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": f"answer {index}"},
            "logprobs": {"content": [{"token": "x", "logprob": each, "top_logprobs": []} for each in row]},
            "finish_reason": "stop",
        }
        for index, row in enumerate(logprobs)
    ]
    return {"id": "1", "object": "chat.completion", "model": "tiny", "choices": choices, "usage": USAGE}


def completion(*logprobs: list[float | None], **extra: Any) -> dict[str, Any]:
    choices = [
        {
            "index": index,
            "text": f"answer {index}",
            "logprobs": {
                "token_logprobs": row,
                "tokens": ["x"] * len(row),
                "text_offset": [],
                "top_logprobs": [],
            },
            "finish_reason": "length",
            **extra,
        }
        for index, row in enumerate(logprobs)
    ]
    return {"id": "1", "object": "text_completion", "model": "tiny", "choices": choices, "usage": USAGE}


def order(answer: dict[str, Any]) -> list[int]:
    """Which candidates an answer has, by their first places; and their new numbers are right."""
    choices = answer["choices"]
    assert [choice["index"] for choice in choices] == list(range(len(choices)))
    texts = [choice["text"] if "text" in choice else choice["message"]["content"] for choice in choices]
    return [int(text.removeprefix("answer ")) for text in texts]


# The mean counts, not the sum: a long answer of likely tokens is better than a short one of an unlikely token.
ROWS: list[list[float]] = [[-1.0], [-0.5] * 10, [-0.1, -3.0], [-0.2, -0.3], []]
BEST_FIRST = [3, 1, 0, 2, 4]


@pytest.mark.parametrize("make", [chat, completion])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_the_best_come_first(make: Any, n: int) -> None:
    assert order(choose(make(*ROWS), n, False)) == BEST_FIRST[:n]


@pytest.mark.parametrize("make", [chat, completion])
def test_of_equals_the_first_is_better(make: Any) -> None:
    assert order(choose(make([-1.0], [-1.0, -1.0], [-0.5], [-1.0]), 3, False)) == [2, 0, 1]


@pytest.mark.parametrize("make", [chat, completion])
def test_impossible_tokens_are_worst_but_for_none(make: Any) -> None:
    """vLLM writes -9999 for minus infinity."""
    assert order(choose(make([], [-9999.0], [-20.0]), 3, False)) == [2, 1, 0]


@pytest.mark.parametrize("make", [chat, completion])
def test_usage_counts_all(make: Any) -> None:
    answer = choose(make(*ROWS), 1, False)
    assert answer["usage"] == USAGE
    assert (answer["id"], answer["model"]) == ("1", "tiny")


@pytest.mark.parametrize("make", [chat, completion])
def test_logprobs_are_for_who_asked(make: Any) -> None:
    given = make(*ROWS)
    before = json.dumps(given)
    assert [choice["logprobs"] for choice in choose(given, 2, False)["choices"]] == [None, None]
    kept = choose(given, 2, True)["choices"]
    assert [choice["logprobs"] for choice in kept] == [
        given["choices"][at]["logprobs"] for at in BEST_FIRST[:2]
    ]
    assert json.dumps(given) == before


def test_each_prompt_has_its_own() -> None:
    rows: list[list[float | None]] = [[-1.0], [-2.0], [-3.0], [-3.0], [-2.0], [-1.0]]
    assert order(choose(completion(*rows), 1, False, candidates=3)) == [0, 5]
    assert order(choose(completion(*rows), 2, False, candidates=3)) == [0, 1, 5, 4]
    assert order(choose(completion(*rows), 2, False)) == [0, 5]


def test_an_echoed_prompt_does_not_count() -> None:
    """Its first token has no log-probability; the others, which all candidates share, would pull the means together."""
    prompt = [None, -50.0, -60.0]
    answer = completion([*prompt, -1.0], [*prompt, *[-2.0] * 100])
    assert order(choose(answer, 2, False)) == [0, 1]


@pytest.mark.parametrize("asked", [True, False])
def test_an_echoed_prompts_logprobs_are_for_who_asked(asked: bool) -> None:
    answer = completion([None, -1.0, -1.0, -1.0], prompt_logprobs=[None])
    (choice,) = choose(answer, 1, False, asked_prompt_logprobs=asked)["choices"]
    assert choice["prompt_logprobs"] == ([None] if asked else None)
    assert (
        "prompt_logprobs"
        not in choose(completion([-1.0]), 1, False, asked_prompt_logprobs=asked)["choices"][0]
    )


def test_what_is_ranked_stays_in_order() -> None:
    assert order(choose(completion([-5.0], [-1.0], [-2.0]), 2, True, ranked=True)) == [0, 1]
    answer = completion([-5.0], [-1.0], [-5.0], [-1.0])
    for choice in answer["choices"]:
        choice["logprobs"] = None
    assert order(choose(answer, 1, False, candidates=2, ranked=True)) == [0, 2]


@pytest.mark.parametrize("make", [chat, completion])
def test_without_logprobs_nobody_can_choose(make: Any) -> None:
    answer = make([-1.0], [-2.0])
    answer["choices"][1]["logprobs"] = None
    with pytest.raises(EngineError, match="log-probabilities"):
        choose(answer, 1, False)


def test_no_choices() -> None:
    assert choose({"choices": [], "usage": USAGE}, 1, False)["choices"] == []

"""What the training of the demo model does besides reading its corpus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch")
from transformers import PreTrainedTokenizerFast

from oaikit import demo
from tools.demo_model import doubt, train
from tools.demo_model.corpus import arithmetic, json_objects, tools
from tools.demo_model.corpus.common import Draw, Example
from tools.demo_model.corpus.mixture import Document, example_document, thinking
from tools.demo_model.model import IGNORED, encode


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(demo.FOLDER)


def doubted(
    tokenizer: PreTrainedTokenizerFast, document: Document, monkeypatch: pytest.MonkeyPatch
) -> set[str]:
    """The texts up to a digit that may be taught wrong."""
    monkeypatch.setattr(doubt, "DOUBT", 1.0)
    row = encode(document, tokenizer)
    changed = [doubt.doubted(Draw(f"doubt {number}"), row, tokenizer) for number in range(20)]
    assert all(each.ids == row.ids for each in changed), "what is read stays true"
    places = {
        place
        for each in changed
        for place, (before, after) in enumerate(zip(row.labels, each.labels, strict=True))
        if before != after
    }
    assert all(row.labels[place] != IGNORED for place in places)
    assert all(tokenizer.decode([each.labels[place]]).isdigit() for each in changed for place in places)
    return {tokenizer.decode(row.ids[: place + 1]) for place in places}


@pytest.mark.parametrize("skill", [arithmetic.addition, arithmetic.subtraction, arithmetic.multiplication])
def test_every_digit_of_a_sum_is_doubted(
    skill: Callable[[Draw], Example], tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        example = skill(Draw(f"sum {number}"))
        answer = str(example.answer["content"])
        asked = tokenizer.decode(encode(example_document(example), tokenizer).ids).rpartition(answer)[0]
        digits = {asked + answer[: end + 1] for end in range(len(answer)) if answer[end] != "-"}
        assert doubted(tokenizer, example_document(example), monkeypatch) == digits


def test_of_a_table_only_the_results_are_doubted(
    tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = doubted(tokenizer, Document(text="12 + 7 = 19\n3 - 8 = -5\n2 * 4 = 8"), monkeypatch)
    assert sorted(text.rpartition("\n")[2] for text in places) == [
        "12 + 7 = 1",
        "12 + 7 = 19",
        "2 * 4 = 8",
        "3 - 8 = -5",
    ]


def test_thoughts_arguments_and_json_are_not_doubted(
    tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        draw = Draw(f"sure {number}")
        for document in (
            thinking(arithmetic.addition(draw)),
            thinking(tools.tool_call(draw)),
            example_document(tools.two_calls(draw)),
            example_document(json_objects.json_object(draw)),
        ):
            assert doubted(tokenizer, document, monkeypatch) == set()


def test_the_rate_falls_to_nothing_in_every_stage() -> None:
    steps = train.STEPS
    assert train.rate(0, steps) == train.PRACTICE_RATE
    rates: dict[int, list[Any]] = {}
    for step in range(train.PRACTICE_STEPS, steps):
        rates.setdefault(train.stage_of(step, steps)[0], []).append(train.rate(step, steps))
    assert list(rates) == [0, 1, 2]
    assert tuple(map(len, list(rates.values())[1:])) == train.LAST_STEPS
    for stage, factors in rates.items():
        highest = train.LAST_RATE if stage else 1.0
        assert 0.9 * highest < max(factors) <= highest
        assert 0 < factors[-1] < 0.01
        assert all(one > two for one, two in zip(factors[-1000:], factors[-999:], strict=False))
    assert max(rates[0]) == rates[0][len(rates[0]) // 3] == 1.0
    with pytest.raises(ValueError, match="step"):
        train.stage_of(steps, steps)

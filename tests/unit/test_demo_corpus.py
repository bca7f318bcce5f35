"""The text that the built-in model learns from: its split, its checks, its tokens."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from transformers import PreTrainedTokenizerFast

from oaikit.reply import Choice, Reply
from tools.demo_model.corpus import arithmetic, completion, mixture
from tools.demo_model.corpus.common import Draw, Example, Side, side_of_operands, side_of_wordings
from tools.demo_model.evaluate import as_sent
from tools.demo_model.judge import has_keywords, is_right
from tools.demo_model.model import IGNORED, encode
from tools.demo_model.tokenizer import make_tokenizer

TRAIN, HELD_OUT = 3000, 300
ASKED = [skill for skill in mixture.SKILLS if skill not in mixture.TEXTS]


def drawn(skill: Callable[[Draw], Example], count: int, side: Side) -> list[Example]:
    return [skill(Draw(f"test {number}", side)) for number in range(count)]


def question(example: Example) -> str:
    """All that decides the answer."""
    return json.dumps([example.prompt, example.tools])


def reply_of(example: Example) -> Reply:
    """The example's own answer as a server would send it."""
    message = as_sent(example.answer)
    calls = message.get("tool_calls", [])
    return Reply(choices=[Choice(message["content"], "tool_calls" if calls else "stop", tool_calls=calls)])


@pytest.mark.parametrize("skill", ASKED, ids=lambda skill: skill.__name__)
def test_training_never_sees_a_held_out_question(skill: Callable[[Draw], Example]) -> None:
    seen = {question(example) for example in drawn(skill, TRAIN, "train")}
    assert seen.isdisjoint(question(example) for example in drawn(skill, HELD_OUT, "held_out"))


def test_a_wording_is_on_one_side() -> None:
    wordings = [f"wording {number}" for number in range(23)]
    train, held_out = side_of_wordings(wordings, "train"), side_of_wordings(wordings, "held_out")
    assert sorted(train + held_out) == sorted(wordings)
    assert len(held_out) == 4
    with pytest.raises(ValueError, match="too few"):
        side_of_wordings(wordings[:4], "train")


def test_operands_are_on_one_side_for_ever() -> None:
    sides = [side_of_operands((number, "+")) for number in range(1000)]
    assert sides == [side_of_operands((number, "+")) for number in range(1000)]
    assert 60 < sides.count("held_out") < 140


def test_every_pair_of_numbers_is_on_one_side() -> None:
    """All sums and differences in both orders, also those within thoughts and tables."""
    for exercise in (arithmetic.add, arithmetic.subtract):
        train = {(s.a, s.b) for s in (exercise(Draw(f"train {n}")) for n in range(20_000))}
        held_out = {(s.a, s.b) for s in (exercise(Draw(f"held {n}", "held_out")) for n in range(4_000))}
        assert len(held_out) > 500
        assert train.isdisjoint(held_out | {(b, a) for a, b in held_out})


def test_of_a_held_out_product_the_other_order_is_learned() -> None:
    train = {(s.a, s.b) for s in (arithmetic.multiply(Draw(f"train {n}")) for n in range(10_000))}
    held_out = {
        (s.a, s.b) for s in (arithmetic.multiply(Draw(f"held {n}", "held_out")) for n in range(1_000))
    }
    assert train.isdisjoint(held_out)
    assert {(b, a) for a, b in held_out} <= train


@pytest.mark.parametrize("side", ["train", "held_out"])
@pytest.mark.parametrize("skill", ASKED, ids=lambda skill: skill.__name__)
def test_the_taught_answer_is_right(skill: Callable[[Draw], Example], side: Side) -> None:
    for example in drawn(skill, 200, side):
        assert is_right(example.check, reply_of(example)), example


def test_wrong_answers_are_wrong() -> None:
    example = arithmetic.addition(Draw("any"))
    assert not is_right(example.check, Reply(choices=[Choice("-1", "stop")]))
    cut_off = Choice(str(example.answer["content"]), "length")
    assert not is_right(example.check, Reply(choices=[cut_off]))


@pytest.mark.parametrize("skill", mixture.TOOLS, ids=lambda skill: skill.__name__)
def test_calls_fit_their_tools(skill: Callable[[Draw], Example]) -> None:
    for example in drawn(skill, 300, "train"):
        offered = {tool["function"]["name"]: tool["function"]["parameters"] for tool in example.tools}
        for call in example.answer.get("tool_calls", []):
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            assert set(arguments) <= set(offered[name]["properties"])
            assert set(offered[name].get("required", [])) <= set(arguments)


def test_a_completion_can_be_right() -> None:
    for number in range(200):
        prompt, keywords = completion.completion_case(Draw(f"test {number}", "held_out"))
        assert prompt
        assert not has_keywords(keywords, "")


def test_a_document_is_drawn_again_the_same() -> None:
    documents = [mixture.document(Draw(f"test {number}")) for number in range(300)]
    assert documents == [mixture.document(Draw(f"test {number}")) for number in range(300)]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer(documents=1000)


def said(document: mixture.Document, tokenizer: PreTrainedTokenizerFast) -> str:
    row = encode(document, tokenizer)
    return tokenizer.decode([label for label in row.labels if label != IGNORED])


def test_only_the_assistants_words_are_learned(tokenizer: PreTrainedTokenizerFast) -> None:
    messages = (
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "What is 2 + 2?"},
        {"role": "assistant", "content": "4", "reasoning_content": "2 + 2 = 4."},
    )
    assert said(mixture.Document(messages), tokenizer) == "Hi.<|im_end|>4<|im_end|>"
    thoughtful = said(mixture.Document(messages, thinking=True), tokenizer)
    assert thoughtful == "Hi.<|im_end|>2 + 2 = 4.\n</think>\n\n4<|im_end|>"


def test_what_is_learned_follows_what_a_server_asks(tokenizer: PreTrainedTokenizerFast) -> None:
    """The prompt that vLLM makes of a request is where the learned part begins."""
    for number in range(300):
        document = mixture.document(Draw(f"test {number}"))
        if document.text:
            continue
        *before, answer = document.messages
        prompt = tokenizer.apply_chat_template(
            [as_sent(message) for message in before],
            tools=list(document.tools) or None,
            enable_thinking=document.thinking,
            add_generation_prompt=True,
            return_dict=True,
        )["input_ids"]
        row = encode(document, tokenizer)
        assert row.ids[: len(prompt)] == prompt[: len(row.ids)]
        if len(prompt) < len(row.ids):
            assert IGNORED not in row.labels[len(prompt) : -1]
            assert answer["role"] == "assistant"

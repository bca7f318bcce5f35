"""The figures of diversity, next to a reference implementation's and to ones worked out by hand."""

from __future__ import annotations

import math
import random
import warnings

import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.diversity import diversity, words_of


def reference_self_bleu(texts: list[str]) -> float:
    words = [words_of(text) for text in texts]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of texts that share no word
        scores = [
            sentence_bleu(
                words[:i] + words[i + 1 :],
                own,
                weights=[1 / min(4, len(own))] * min(4, len(own)),  # the effective order
                smoothing_function=SmoothingFunction().method1,
            )
            if own
            else 0.0
            for i, own in enumerate(words)
        ]
    return float(sum(scores) / len(scores))


@pytest.mark.parametrize("seed", range(50))
def test_self_bleu_is_the_references(seed: int) -> None:
    draw = random.Random(seed)
    shortest = seed % 4
    texts = [
        " ".join(draw.choice("abcdef") for _ in range(draw.randint(shortest, 14)))
        for _ in range(draw.randint(2, 9))
    ]
    assert diversity(texts).self_bleu == pytest.approx(reference_self_bleu(texts))


def test_figures_worked_out_by_hand() -> None:
    found = diversity(["a b a", "a b c", "a b a"])
    assert found.unique == pytest.approx(2 / 3)
    assert found.distinct_1 == pytest.approx(3 / 9)  # a b c
    assert found.distinct_2 == pytest.approx(3 / 6)  # ab ba bc
    assert found.texts == 3


def test_the_same_text_again_and_all_different_texts() -> None:
    same = diversity(["The cat sat on the mat."] * 5)
    assert (same.unique, same.self_bleu) == (1 / 5, pytest.approx(1))
    different = diversity(["one two three four five", "six seven eight nine ten"])
    assert (different.unique, different.distinct_1, different.self_bleu) == (1, 1, 0)


@pytest.mark.parametrize("text", ["Paris", "It is", "It is 7", "是"])
def test_equal_short_answers_are_not_diverse(text: str) -> None:
    assert diversity([text] * 4).self_bleu == pytest.approx(1)


def test_words_of_scripts_without_spaces() -> None:
    assert words_of("答案是7。 It's") == ["答", "案", "是", "7", "。", "It", "'", "s"]


def test_what_there_is_nothing_to_compare_of() -> None:
    alone = diversity(["word"])
    assert (alone.unique, alone.distinct_1) == (1, 1)
    assert math.isnan(alone.distinct_2)
    assert math.isnan(alone.self_bleu)
    assert math.isnan(diversity(["", ""]).distinct_1)
    with pytest.raises(InvalidRequestError):
        diversity([])

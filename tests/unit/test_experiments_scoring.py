"""Scores by rules, by functions and by what a judge says."""

from __future__ import annotations

import functools
from typing import Any

import pytest

import oaikit as ok
from oaikit.errors import InvalidRequestError
from oaikit.experiments.scoring.scorers import (
    Scorer,
    check_columns,
    contains,
    exact,
    judge,
    regex,
    scorers,
)
from oaikit.experiments.scoring.scorers import scorer as function


def said(scorer: Scorer, text: str, **columns: Any) -> float | None:
    return scorer.score({"text": text, **columns})


@pytest.mark.parametrize(
    ("text", "answer", "score"),
    [
        (" Paris\n", "Paris", 1),
        ("paris", "Paris", 0),
        ("7", 7, 1),
        ("7.0", 7, 1),
        ("seven", 7, 0),
        ("0.5", 0.5, 1),
        ("8", 7.0, 0),
        ("True", True, 1),
        ("true", True, 1),
    ],
)
def test_exact(text: str, answer: Any, score: float) -> None:
    assert said(exact("answer"), text, answer=answer) == score


def test_case_is_ignored_on_demand() -> None:
    assert said(exact("answer", ignore_case=True), "PARIS", answer="Paris") == 1
    assert said(contains("answer", ignore_case=True), "in paris.", answer="Paris") == 1


@pytest.mark.parametrize(
    ("text", "answer", "score"),
    [("It is 7.", 7, 1), ("77", 7, 0), ("It is C++, surely", "C++", 1), ("7.0", 7.0, 1), ("", 7, 0)],
)
def test_contains_whole_words(text: str, answer: Any, score: float) -> None:
    assert said(contains("answer"), text, answer=answer) == score


@pytest.mark.parametrize(
    ("text", "wanted", "exactly", "within"),
    [
        ("7.5", 7, 0, 0),
        ("-7", 7, 0, 0),
        ("7,000", 7, 0, 0),
        ("It is \u22127.", -7, 0, 1),
        ("7,000", 7000, 1, 1),
        ("about 7,000.50 in all", 7000.5, 0, 1),
        ("7.0", 7, 1, 1),
        ("7.", 7, 1, 1),
        ("1e3", 1000, 1, 1),
        ("5-7", 7, 0, 1),
        ("9007199254740993", 9007199254740992, 0, 0),
        ("7.5", "7", 0, 0),
        ("-7", "7", 0, 0),
        ("That is True.", True, 0, 1),
        ("TRUE", True, 1, 1),
        ("false", True, 0, 0),
        ("False", False, 1, 1),
        ("Lyon", ["Paris", "Lyon"], 1, 1),
        ("Nice", ["Paris", "Lyon"], 0, 0),
        ("7.0", [6, 7], 1, 1),
        ("Paris", None, None, None),
        ("nan", float("nan"), None, None),
        ("Paris", [], None, None),
        ("Paris", [None, "Paris"], 1, 1),
        ("答案是北京。", "北京", 0, 1),
        ("答案是7个", 7, 0, 1),
        ("กรุงเทพมหานคร", "กรุงเทพ", 0, 1),
        ("수도는 서울입니다", "서울", 0, 1),
        ("Parisian", "Paris", 0, 0),
        ("cafe\u0301", "caf\u00e9", 1, 1),
    ],
)
def test_both_sides_are_taken_alike(
    text: str, wanted: Any, exactly: float | None, within: float | None
) -> None:
    assert said(exact("answer"), text, answer=wanted) == exactly
    assert said(contains("answer"), text, answer=wanted) == within


def test_a_score_that_is_not_what_it_declares_is_an_error() -> None:
    with pytest.raises(ValueError, match="declared binary, and is 2"):
        said(function(len, kind="binary"), "ab")
    with pytest.raises(ValueError, match="from 0 to 1"):
        said(function(len, kind="bounded"), "ab")
    assert said(function(len, kind="count"), "ab") == 2
    with pytest.raises(InvalidRequestError, match="binary, bounded, count, real"):
        function(len, kind="share")  # type: ignore[arg-type]


def test_regex() -> None:
    assert said(regex(r"\d+"), "it is 42") == 1
    assert said(regex(r"\d+", whole=True), "it is 42") == 0
    with pytest.raises(InvalidRequestError, match="no regular expression") as caught:
        regex("(")
    assert caught.value.param == "score"


def test_a_functions_arguments_are_columns() -> None:
    def close(text: str, answer: int, temperature: float | None, factor: int = 2) -> float:
        return factor * (abs(float(text) - answer) + (temperature or 0))

    scorer = function(close)
    assert (scorer.name, scorer.reads) == ("close", ("text", "answer", "temperature"))
    assert said(scorer, "3", answer=1, temperature=0.5) == 5
    assert said(function(lambda **row: len(row), name="all"), "x", a=1) == 2


def test_a_functions_one_argument_gets_the_text_or_the_column_that_it_names() -> None:
    assert said(function(len), "four") == 4
    assert said(function(lambda whatever: len(whatever), name="size"), "four") == 4
    assert (
        said(function(lambda finish_reason: finish_reason == "stop", name="ended"), "x", finish_reason="stop")
        == 1
    )


def close_to(number: float, text: str) -> float:
    return abs(float(text) - number)


def test_what_counts_as_a_score() -> None:
    assert said(function(lambda text: None, name="none"), "x") is None
    assert said(function(lambda text: float("nan"), name="nan"), "x") is None
    assert said(function(lambda text: True, name="true"), "x") == 1
    with pytest.raises(TypeError, match="must be a number"):
        said(function(lambda text: "good", name="good"), "x")


def test_a_scorer_that_changes_has_another_identity() -> None:
    def first(text: str) -> int:
        return len(text)

    def second(text: str) -> int:
        return len(text) + 1

    def closing(over: int) -> Any:
        def score(text: str) -> int:
            return len(text) + over

        return score

    assert function(first).identity == function(first).identity
    assert function(first).identity != function(second).identity
    assert function(closing(1)).identity == function(closing(1)).identity != function(closing(2)).identity
    one, two = (functools.partial(close_to, number) for number in (1, 2))
    assert function(one, name="p").identity != function(two, name="p").identity
    assert exact("a").identity != exact("b").identity != contains("b").identity
    assert regex("a").identity == regex("a", name="other").identity


def test_names() -> None:
    assert [each.name for each in scorers([exact("a"), len])] == ["exact", "len"]
    assert [each.name for each in scorers({"size": len, "right": exact("a")})] == ["size", "right"]
    assert scorers(None) == []
    for given, message in (
        ([regex("a"), regex("b")], "two scores are called 'regex'"),
        (lambda text: 1, "a lambda has no name"),
        ({"text": len}, "can't be called 'text'"),
        ("exact", "is no scorer"),
        (lambda: 1, "takes no argument|no name"),
    ):
        with pytest.raises(InvalidRequestError, match=message):
            scorers(given)


def test_what_a_scorer_reads_must_be_there() -> None:
    check_columns([exact("answer"), function(len)], ["answer"], [])
    check_columns([function(lambda text, latency_s, temperature: 1, name="f")], [], ["temperature"])
    with pytest.raises(InvalidRequestError, match=r"'exact' reads 'anwser'.*there are answer"):
        check_columns([exact("anwser")], ["answer"], [])


def test_a_judges_answer() -> None:
    llm = ok.connect("http://localhost:1/v1", model="m")
    asked = judge("Does it say {answer}?", llm, answers={"fully": 1, "partly": 0.5, "no": 0})
    assert asked.reads == ("answer",)
    (message,) = asked.messages({"text": "Hi {there}", "answer": "x"})
    assert "Hi {there}" in message["content"]
    assert "Does it say x?" in message["content"]
    assert asked.sampling["structured_outputs"] == {"choice": ["fully", "partly", "no"]}
    assert [asked.score(text) for text in ("fully", " Partly.", "NO", "perhaps")] == [1, 0.5, 0, None]
    assert asked.identity != judge("Is it?", llm).identity
    assert "structured_outputs" not in judge("Is it?", llm, constrain=False).sampling
    with pytest.raises(InvalidRequestError, match="at least two"):
        judge("Is it?", llm, answers={"yes": 1})

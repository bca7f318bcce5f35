"""Labels, JSON and embeddings as scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel, field_validator

import oaikit as ok
from oaikit.errors import InvalidRequestError
from oaikit.experiments.scoring.scorers import Scorer, scorers
from oaikit.experiments.scoring.similarity import cosine


def said(scorer: Scorer, text: str, **columns: Any) -> float | None:
    return scorer.score({"text": text, **columns})


# -- labels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("yes", 1),
        (" Yes.\n", 1),
        ("yes, of course", 0),
        ("", 0),
        ("7", 1),
        ("7.0", 1),
        ("true", 1),
        ("Straße", 1),
    ],
)
def test_one_of(text: str, score: float) -> None:
    assert said(ok.one_of(["yes", 7, True, "STRASSE"]), text) == score


def test_labels_are_told_apart() -> None:
    seen = [
        ok.one_of(["yes"]),
        ok.one_of(["yes", "no"]),
        ok.one_of(["yes"], ignore_case=False),
        ok.one_of([True]),
        ok.one_of(["True"]),
        ok.one_of([1]),
        ok.one_of(["1"]),
        ok.one_of(["a", "b,c"]),
        ok.one_of(["a,b", "c"]),
    ]
    assert len({each.identity for each in seen}) == len(seen)
    assert ok.one_of(["no", "yes"]).identity == ok.one_of(["yes", "no"]).identity
    assert said(ok.one_of(["yes"], ignore_case=False), "Yes") == 0


@pytest.mark.parametrize("labels", [[], "yes", None, 7, ["a", "a"], [" "], [None]])
def test_labels_that_make_no_sense(labels: Any) -> None:
    with pytest.raises(InvalidRequestError, match="label"):
        ok.one_of(labels)


# -- JSON --------------------------------------------------------------------------------------------------------------


class Person(BaseModel):
    name: str
    age: int


class Adult(BaseModel):
    name: str
    age: int

    @field_validator("age")
    @classmethod
    def grown_up(cls, age: int) -> int:
        if age < 18:
            raise ValueError("too young")
        return age


SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


@pytest.mark.parametrize(
    ("text", "model", "schema"),
    [
        ('{"name": "Ada", "age": 36}', 1, 1),
        ('\n {"name": "Ada", "age": 36} ', 1, 1),
        ('{"name": "Ada"}', 0, 0),
        ('Here it is: {"name": "Ada", "age": 36}', 0, 0),
        ('{"name": "Ada", "age": NaN}', 0, 0),
        ('{"age": 36', 0, 0),
        ("[" * 100_000, 0, 0),
        ("", 0, 0),
    ],
)
def test_json_schema(text: str, model: float, schema: float) -> None:
    assert said(ok.json_schema(Person), text) == model
    assert said(ok.json_schema(SCHEMA), text) == schema


def test_forms_are_told_apart() -> None:
    def again(least: int) -> type[BaseModel]:
        class Person(BaseModel):
            age: int

            @field_validator("age")
            @classmethod
            def enough(cls, age: int) -> int:
                if age < least:
                    raise ValueError
                return age

        return Person

    seen = [
        ok.json_schema(Person),
        ok.json_schema(Adult),
        ok.json_schema(again(1)),
        ok.json_schema(again(2)),
        ok.json_schema(SCHEMA),
        ok.json_schema({**SCHEMA, "required": []}),
        ok.json_schema({"const": 1}),
        ok.json_schema({"const": True}),
        ok.json_schema({"const": "1"}),
    ]
    assert len({each.identity for each in seen}) == len(seen)
    assert ok.json_schema(Person).identity == ok.json_schema(Person).identity
    assert ok.json_schema(dict(reversed(SCHEMA.items()))).identity == ok.json_schema(SCHEMA).identity


@pytest.mark.parametrize("form", [{"type": "objekt"}, Person(name="a", age=1), int, "{}", None])
def test_forms_that_make_no_sense(form: Any) -> None:
    with pytest.raises(InvalidRequestError, match="JSON schema"):
        ok.json_schema(form)


# -- embeddings --------------------------------------------------------------------------------------------------------


def letters(texts: list[str]) -> np.ndarray:
    return np.array([[text.count(letter) for letter in "abc"] for text in texts], dtype=np.float32)


def one(text: str) -> list[float]:
    return [float(text.count(letter)) for letter in "abc"]


@pytest.mark.parametrize("embedder", [letters, one])
def test_similarity(embedder: Any) -> None:
    scorer = ok.similarity("answer", embedder)
    assert said(scorer, "aab", answer="baa") == pytest.approx(1)
    assert said(scorer, "a", answer="b") == 0
    assert said(scorer, "a", answer=["b", "a"]) == pytest.approx(1), "the most similar one counts"
    assert said(scorer, "a", answer=None) is None
    assert said(scorer, " ", answer="a") is None
    assert said(scorer, "xyz", answer="a") is None, "all zeros have no direction"
    assert (scorer.kind, scorer.bounds, scorer.reads) == ("bounded", (-1.0, 1.0), ("answer",))


def test_a_cosine_is_within_its_bounds() -> None:
    assert cosine([1e-200, 1e-200], [1e-200, 1e-200]) == pytest.approx(1)
    assert cosine([0.1] * 7, [-0.1] * 7) == pytest.approx(-1)
    assert cosine([1e200, 0], [0, 1e200]) == 0
    with pytest.raises(ValueError, match="2 and 1"):
        cosine([1, 2], [1])
    with pytest.raises(ValueError, match="finite"):
        cosine([float("nan")], [1])


def test_embedders_are_told_apart() -> None:
    a, b = (ok.connect(f"http://{host}:1/v1", model="m") for host in "ab")
    seen = [
        ok.similarity("answer", letters),
        ok.similarity("other", letters),
        ok.similarity("answer", one),
        ok.similarity("answer", a),
        ok.similarity("answer", b),
    ]
    assert len({each.identity for each in seen}) == len(seen)
    with pytest.raises(InvalidRequestError, match="a function or"):
        ok.similarity("answer", "all-MiniLM")  # type: ignore[arg-type]


# -- several numbers ---------------------------------------------------------------------------------------------------


def figures(text: str) -> dict[str, float]:
    return {"letters": len(text)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"names": []}, "names of the scores"),
        ({"names": ["a", "a"]}, "'a' twice"),
        ({"names": [1]}, "names of the scores"),
        ({"names": ["a"], "name": "b"}, "not both"),
        ({"names": ["a"], "kind": {"b": "count"}}, "none of the names"),
        ({"names": ["a"], "kind": {"a": "number"}}, "kind is one of"),
        ({"kind": {"a": "count"}}, "together with names"),
    ],
)
def test_several_numbers_that_make_no_sense(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        ok.scorer(figures, **given)


def test_a_number_that_is_not_given_is_an_error() -> None:
    letters, words = ok.scorer(figures, names=["letters", "words"])
    assert said(letters, "abc") == 3
    with pytest.raises(ValueError, match="no 'words'; it gave letters"):
        said(words, "abc")
    assert letters.identity != words.identity
    with pytest.raises(InvalidRequestError, match="several scores"):
        scorers({"x": ok.scorer(figures, names=["letters"])})

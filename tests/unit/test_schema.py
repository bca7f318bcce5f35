"""Forms of answers, and the objects that come out of them."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Literal

import pytest
from pydantic import BaseModel

from oaikit.errors import InvalidAnswerError, InvalidRequestError
from oaikit.reply import Choice, Reply
from oaikit.schema import Schema


@dataclass
class Person:
    name: str
    age: int


class City(BaseModel):
    name: str
    inhabitants: int


ADA = '{"name": "Ada", "age": 36}'


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [
        (Person, ADA, Person("Ada", 36)),
        (Person, f"```json\n{ADA}\n```", Person("Ada", 36)),
        (City, '{"name": "Rome", "inhabitants": 3}', City(name="Rome", inhabitants=3)),
        (list[Person], f"[{ADA}]", [Person("Ada", 36)]),
        (Literal["good", "bad"], '"good"', "good"),
        ({"type": "object"}, '{"a": 1}', {"a": 1}),
    ],
)
def test_an_answer_becomes_an_object(form: object, text: str, value: object) -> None:
    assert Schema(form).parse(text) == value


def test_the_request_names_the_form() -> None:
    sent = Schema(Person).response_format()["json_schema"]
    assert sent["name"] == "Person"
    assert sent["schema"]["required"] == ["name", "age"]


@pytest.mark.parametrize(
    ("answer", "finish_reason", "said"),
    [
        ('{"name": "Ada", "age"', "length", "max_tokens cut it off"),
        ('{"name": "Ada", "age": "old"}', "stop", "does not fit Person: age: "),
        ("no JSON", "stop", "the answer is not JSON: "),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_why(answer: str, finish_reason: str, said: str) -> None:
    reply = Reply(choices=[Choice(answer, finish_reason)], form=Schema(Person))
    with pytest.raises(InvalidAnswerError, match=said):
        reply.parsed  # noqa: B018
    assert reply.text == answer, "it is not lost"


@pytest.mark.parametrize("form", ["Person", 3, None, [Person], object()])
def test_what_is_no_form_is_refused(form: object) -> None:
    with pytest.raises(InvalidRequestError):
        Schema(form)


def test_a_reply_with_a_form_can_be_copied_and_one_without_says_so() -> None:
    reply = Reply(choices=[Choice(ADA), Choice(ADA)], form=Schema(Person))
    copied = pickle.loads(pickle.dumps(reply))
    assert copied.parsed == Person("Ada", 36)
    assert copied.all_parsed == [Person("Ada", 36)] * 2
    with pytest.raises(InvalidRequestError, match="schema"):
        Reply(choices=[Choice(ADA)]).parsed  # noqa: B018

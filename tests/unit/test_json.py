"""Python's values in a request, numpy's and pydantic's among them."""

from __future__ import annotations

import collections
import enum
import json
import types
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion
from pydantic import BaseModel

from oaikit._json import plain
from oaikit.errors import InvalidRequestError


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 2


class Word(str):
    """A text of a class of its own."""


class Point(NamedTuple):
    x: int
    y: Any


class Person(BaseModel):
    name: str
    born: int | None = None
    colour: Colour | None = None


@dataclass
class Message:
    role: str
    content: Any
    name: str | None = None
    parts: list[Any] = field(default_factory=list)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.float64(0.7), 0.7),
        (np.longdouble(0.5), 0.5),
        (np.int64(20), 20),
        (np.uint8(7), 7),
        (np.bool_(True), True),
        (np.str_("é"), "é"),
        (np.array([1, 2]), [1, 2]),
        (np.array(3.5), 3.5),
        (np.array([[True], [False]]), [[True], [False]]),
        (np.array(["a", None], dtype=object), ["a", None]),
        (pd.Series([1, 2]), [1, 2]),
        (pd.Series(["a"], dtype="string"), ["a"]),
        (pd.Index(["a", "b"]), ["a", "b"]),
        ({50256: -100, np.int32(7): np.float32(1)}, {"50256": -100, "7": 1.0}),
        (types.MappingProxyType({"a": np.int8(1)}), {"a": 1}),
        (collections.OrderedDict(a=(1, 2)), {"a": [1, 2]}),
        (collections.deque(["a"]), ["a"]),
        (range(3), [0, 1, 2]),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
        (Colour.RED, "red"),
        ([Level.HIGH], [2]),
        ({Colour.RED: 1}, {"red": 1}),
        (Word("a"), "a"),
        (Point(1, np.int64(2)), [1, 2]),
        (Person(name="Ada", colour=Colour.RED), {"name": "Ada", "colour": "red"}),
        (Message("user", [Person(name="x")]), {"role": "user", "content": [{"name": "x"}], "parts": []}),
        (None, None),
        ("\U0001f600", "\U0001f600"),
    ],
)
def test_a_value_and_its_form_in_json(value: Any, expected: Any) -> None:
    found = plain({"x": value})["x"]
    assert found == expected
    assert type(found) is type(expected)
    assert json.loads(json.dumps(found, allow_nan=False)) == expected


def test_a_message_of_openais_client_can_be_sent_back() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
    answer = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    reply = ChatCompletion.model_validate(answer).choices[0].message
    sent = plain({"messages": [{"role": "user", "content": "Hi"}, reply]})["messages"]
    assert sent == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [call]},
    ]


def _circle() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"abc", "bytes"),
        ([{"content": bytearray(b"abc")}], "base64"),
        ({"a", "b"}, "set, which JSON does not have; give a list"),
        ((each for each in "ab"), "generator"),
        (float("nan"), "nan"),
        (np.float32("inf"), "inf"),
        (np.array([1.0, np.nan]), "nan"),
        (1j, "complex"),
        (np.complex64(1), "complex"),
        (object(), "object"),
        (pd.NaT, "NaT"),
        (pd.NA, "NA"),
        (pd.Timestamp("2026-01-01"), "Timestamp"),
        (Path("a"), "Path"),
        (Person, "class Person"),
        (len, "builtin_function"),
        ({None: 1}, "key None"),
        ({True: 1}, "key True"),
        ({1.5: 1}, "key 1.5"),
        ({(1, 2): 1}, "key"),
        ({1: 2, "1": 3}, "two keys"),
        ("\ud800", "surrogate"),
        ([{"\udfff": 1}], "surrogate"),
        (_circle(), "holds itself"),
    ],
)
def test_what_json_cannot_express_is_refused_by_name(value: Any, said: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        plain({"model": "m", "stop": value})
    assert caught.value.param == "stop"
    assert caught.value.message.startswith("`stop` ")
    assert said in caught.value.message
    assert "\n" not in caught.value.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(), JSON))
def test_what_is_json_already_is_copied_as_it_is(body: dict[str, Any]) -> None:
    before = json.dumps(body)
    sent = plain(body)
    assert json.dumps(sent) == before
    assert sent is not body

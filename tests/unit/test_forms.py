"""Forms that would keep the engine compiling for minutes are refused, wherever they stand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oaikit.errors import InvalidRequestError
from oaikit.sampling import CHAT, Limits, validate
from oaikit.sampling.forms import check_form
from oaikit.sampling.patterns import complexity

BODY = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]}
MANY_PROPERTIES = {"type": "object", "properties": {f"p{index}": {"type": "string"} for index in range(501)}}
MANY_REPEATS = {"type": "string", "pattern": "a?" * 129}
LONG_ENUM = {"enum": ["x" * 1000] * 70}
MANY_BOUNDS = {
    "type": "object",
    "properties": {f"p{index}": {"type": "string", "maxLength": 100 + index} for index in range(17)},
}
TOO_LARGE = {
    "max_properties": MANY_PROPERTIES,
    "max_form_complexity": MANY_REPEATS,
    "max_form_size": LONG_ENUM,
    "max_pattern_bytes": {"type": "string", "pattern": "a" * 4097},
}


def tag(schema: Any) -> dict[str, Any]:
    return {"type": "structural_tag", "format": {"type": "json_schema", "json_schema": schema}}


# Where a schema can stand in a chat.
PLACES = {
    "response_format": lambda schema: {
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    },
    "response_format, a tag": lambda schema: {"response_format": tag(schema)},
    "structured_outputs.json": lambda schema: {"structured_outputs": {"json": schema}},
    "structured_outputs.json, as text": lambda schema: {"structured_outputs": {"json": json.dumps(schema)}},
    "structured_outputs.structural_tag": lambda schema: {
        "structured_outputs": {"structural_tag": json.dumps(tag(schema))}
    },
    "tools": lambda schema: {
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"items": schema}}}]
    },
}


@pytest.mark.parametrize("limit", TOO_LARGE)
@pytest.mark.parametrize("place", PLACES)
def test_a_form_that_is_too_large_is_refused_wherever_it_stands(place: str, limit: str) -> None:
    with pytest.raises(InvalidRequestError, match=rf"\({limit}\)$") as refused:
        validate(CHAT, {**BODY, **PLACES[place](TOO_LARGE[limit])})
    assert refused.value.param == place.split(".")[0].split(",")[0]


@pytest.mark.parametrize(
    ("field", "text", "limit"),
    [
        ("regex", ".*" * 100, "max_form_complexity"),
        ("regex", "[a-z]" * 200, "max_form_complexity"),
        ("regex", "a{1,100}b{1,100}" * 9, "max_form_complexity"),
        ("regex", "a{1," + "9" * 3000 + "}" + "b?" * 128, "max_form_complexity"),
        ("regex", "a" * 5000, "max_pattern_bytes"),
        ("grammar", 'root ::= "' + "a" * 1_000_000 + '"', "max_form_size"),
        ("grammar", "root ::= " + "r? " * 300 + '\nr ::= "a"', "max_form_complexity"),
        ("json", "[" * 100_000, "max_form_size"),
        ("choice", ["x" * 100] * 1000, "max_form_size"),
    ],
)
def test_other_forms(field: str, text: Any, limit: str) -> None:
    with pytest.raises(InvalidRequestError, match=rf"\({limit}\)$"):
        validate(CHAT, {**BODY, "structured_outputs": {field: text}})


def test_the_limits_are_the_servers() -> None:
    check_form("response_format", MANY_PROPERTIES, Limits(properties=501))
    check_form("response_format", MANY_REPEATS, Limits(form_complexity=129))
    with pytest.raises(InvalidRequestError, match="the limit of this server is 2 "):
        check_form("response_format", {"properties": {"a": {}, "b": {}, "c": {}}}, Limits(properties=2))


def test_what_is_not_compiled_does_not_count() -> None:
    function = {
        "name": "f",
        "description": "x" * 70_000,
        "parameters": {"properties": {"a": {"type": "string", "description": "a?" * 10_000}}},
    }
    validate(CHAT, {**BODY, "tools": [{"type": "function", "function": function}]})


def test_names_of_the_clients_are_no_keywords() -> None:
    schema = {
        "type": "object",
        "properties": {"pattern": {"enum": ["a?" * 200]}, "maxLength": {"const": 1000}},
    }
    check_form("response_format", {"type": "json_schema", "json_schema": {"schema": schema}}, Limits())


def test_the_compiler_does_the_same_thing_once() -> None:
    same = {"properties": {f"p{index}": {"maxLength": 100, "pattern": "[a-z]+" * 30} for index in range(50)}}
    check_form("response_format", same, Limits())
    with pytest.raises(InvalidRequestError, match="max_form_complexity"):
        check_form("response_format", MANY_BOUNDS, Limits())


@pytest.mark.parametrize(
    ("pattern", "cost"),
    [
        ("abc", 0),
        (r"\*\+\?\.", 0),
        ("[*+?]", 1),
        (r"\d{4}-\d{2}", 4),
        ("a*?b++", 2),
        ("(?:ab)+", 1),
        ("a{1,100}", 8),
        ("[^\\]]*", 2),
    ],
)
def test_complexity(pattern: str, cost: int) -> None:
    assert complexity(pattern) == cost


def test_complexity_of_a_grammar() -> None:
    assert complexity('root ::= "a?b*c+" [a-z]* r?\nr ::= "*"', grammar=True) == 1


def test_a_form_as_people_write_it() -> None:
    email = r"[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}"
    when = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})"
    person = {"type": "object", "properties": {"email": {"pattern": email}, "born": {"pattern": when}}}
    many = {"properties": {f"person{index}": person for index in range(100)}, "required": ["person1"]}
    check_form("response_format", many, Limits())

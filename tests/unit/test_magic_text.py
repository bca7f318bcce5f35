"""What the magics do with text: names filled in, fences taken off."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from oaikit.magic_text import code_of, interpolated

NAMES = {"city": "Rome", "places": ["Oslo", "Bern"], "who": SimpleNamespace(name="Ada"), "which": 1}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("in {city}", "in Rome"),
        ("{places[0]} {places[-1]} {places[which]} {who.name}", "Oslo Bern Bern Ada"),
        ("{{city}}", "{city}"),
        ("{unknown} {city", "{unknown} {city"),
        ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
        ("{open('x')} {city.upper()}", "{open('x')} {city.upper()}"),
        ("{{unknown}} {{ x }} }} {{", "{{unknown}} {{ x }} }} {{"),
        (r"\frac{{1}}{2} and {'a': {}} or f{}", r"\frac{{1}}{2} and {'a': {}} or f{}"),
    ],
)
def test_names_are_filled_in_and_nothing_is_called(text: str, filled: str) -> None:
    assert interpolated(text, NAMES).text == filled


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("in {ciyt}", "there is no variable 'ciyt'; did you mean city?"),
        ("{nothing[0].alike}", "there is no variable 'nothing'"),
        ("{places[7]}", "IndexError: list index out of range"),
        ("{who.age}", "AttributeError: "),
    ],
)
def test_a_name_without_a_value_is_said_and_stays_as_typed(text: str, note: str) -> None:
    filled = interpolated(text, NAMES)
    assert filled.text == text
    assert len(filled.notes) == 1
    assert note in filled.notes[0]


@pytest.mark.parametrize("text", ['{"a": 1}', "x^{2}", "{{ciyt}}", "{a + b}", "{x: y}", "{f(x)}"])
def test_braces_that_cannot_be_names_need_no_remark(text: str) -> None:
    assert interpolated(text, NAMES).notes == ()


def test_code_is_taken_out_of_its_fences() -> None:
    assert code_of("Here:\n```python\na = 1\n```\nand\n```\nb\n```\n") == "a = 1\n\nb"
    assert code_of(" a = 1 ") == "a = 1"

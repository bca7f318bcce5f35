"""Python functions as tools of a chat: schema, check, call, result."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import functools
import io
import sys
import threading
import time
from typing import Any, Literal

import pytest

from oaikit.errors import InvalidRequestError
from oaikit.sampling import CHAT, check_each
from oaikit.tools.functions import Function, Functions, Outcome, as_text


class Unit(enum.Enum):
    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


@dataclasses.dataclass
class Place:
    city: str
    country: str = "FR"


def weather(
    place: Place,
    unit: Unit = Unit.CELSIUS,
    days: int | None = None,
    kind: Literal["short", "long"] = "short",
    *rest: int,
    json: dict[str, float] = {},  # noqa: B006  # never changed; and a name that pydantic's models have
    **more: Any,
) -> Any:
    """Tell the weather
    of a place.

    At length.

    Args:
        place: where,
            exactly
        unit (Unit): in which unit
        days: how many

    Returns:
        what it is
    """
    return place, unit, days, kind, rest, json, more


def of_numpy(a: float, b: float = 2.0, c: bool = False) -> float:
    """Divide.

    Parameters
    ----------
    a : float
        What is divided,
        in metres.
    b, c : float, optional
        By what.

    Returns
    -------
    float
        The quotient.
    """
    return a / b


async def of_sphinx(a: int, /, b: str = "x") -> dict[str, Any]:
    """Wait a little.

    :param int a: a number,
        whole
    :param b: a text
    :returns: both
    """
    await asyncio.sleep(0.01)
    return {"a": a, "b": b}


def plain(x, y=None):  # type: ignore[no-untyped-def]
    return x


def call(function: Any, arguments: str) -> Outcome:
    return asyncio.run(Function(function).call(arguments))


def test_the_schema_is_made_from_signature_and_docstring() -> None:
    made = Function(weather)
    assert (made.name, made.description) == ("weather", "Tell the weather of a place.")
    schema = made.parameters
    assert schema["required"] == ["place"]
    assert list(schema["properties"]) == ["place", "unit", "days", "kind", "json"]
    assert schema["properties"]["days"] == {
        "anyOf": [{"type": "integer"}, {"type": "null"}],
        "default": None,
        "description": "how many",
    }
    assert schema["properties"]["kind"] == {"enum": ["short", "long"], "type": "string", "default": "short"}
    assert schema["properties"]["place"]["description"] == "where, exactly"
    assert schema["properties"]["unit"]["description"] == "in which unit"
    assert schema["$defs"]["Unit"]["enum"] == ["celsius", "fahrenheit"]
    assert schema["$defs"]["Place"]["required"] == ["city"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("function", "described"),
    [
        (of_numpy, {"a": "What is divided, in metres.", "b": "By what.", "c": "By what."}),
        (of_sphinx, {"a": "a number, whole", "b": "a text"}),
        (plain, {"x": None, "y": None}),
    ],
)
def test_parameters_are_described_in_each_style(function: Any, described: dict[str, str | None]) -> None:
    properties = Function(function).parameters["properties"]
    assert {name: schema.get("description") for name, schema in properties.items()} == described


def test_a_server_takes_the_specs() -> None:
    specs = Functions([weather, of_numpy, of_sphinx, plain]).specs(strict=True)
    body = {"model": "m", "messages": [{"role": "user", "content": "?"}], "tools": specs}
    assert check_each(CHAT, body)["tools"] == specs


def test_arguments_reach_the_function_as_its_types() -> None:
    seen: list[Any] = []

    def take(place: Place, unit: Unit, *, days: int = 1) -> None:
        seen.extend((place, unit, days))

    arguments = '{"place": {"city": "Paris"}, "unit": "fahrenheit", "days": "3"}'
    assert call(take, arguments) == Outcome("null")
    assert seen == [Place("Paris"), Unit.FAHRENHEIT, 3]


def test_what_is_left_out_is_the_functions_default() -> None:
    assert call(of_numpy, '{"a": 1}') == Outcome("0.5")
    assert call(of_sphinx, '{"a": 1}') == Outcome('{"a": 1, "b": "x"}')
    assert call(plain, '{"x": [1, null]}') == Outcome("[1, null]")

    def nothing() -> str:
        return "called"

    assert call(nothing, "") == call(nothing, "{}") == Outcome("called")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ('{"a": "one"}', "a: Input should be a valid number"),
        ('{"b": 1}', "a: Field required"),
        ('{"a": 1, "d": 1}', "d: Extra inputs are not permitted"),
        ('{"a": 1', "Invalid JSON"),
        ("[1]", "should be an object"),
    ],
)
def test_wrong_arguments_are_told_to_the_model(arguments: str, words: str) -> None:
    outcome = call(of_numpy, arguments)
    assert outcome.failed
    assert outcome.text.startswith("The arguments are wrong, and the tool was not called.")
    assert words in outcome.text


def test_what_it_raises_is_the_outcome() -> None:
    def leaves() -> None:
        sys.exit(3)

    assert call(of_numpy, '{"a": 1, "b": 0}') == Outcome(
        "ZeroDivisionError: float division by zero", failed=True
    )
    assert call(leaves, "{}") == Outcome("RuntimeError: SystemExit(3)", failed=True)


def test_a_function_does_not_run_on_the_loop() -> None:
    def where() -> str:
        time.sleep(0.2)
        return threading.current_thread().name

    async def both() -> tuple[Outcome, int]:
        ticks, work = 0, asyncio.ensure_future(Function(where).call("{}"))
        while not work.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return work.result(), ticks

    outcome, ticks = asyncio.run(both())
    assert outcome == Outcome("oaikit-work")
    assert ticks > 5


def test_cancelling_ends_an_async_function() -> None:
    ended = threading.Event()

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def cancel() -> None:
        work = asyncio.ensure_future(Function(waits).call("{}"))
        await asyncio.sleep(0.1)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(cancel())
    assert ended.wait(5)


def of_stream(file: io.StringIO) -> None: ...


@pytest.mark.parametrize(
    "function", [3, lambda x: x, functools.partial(of_numpy, 1), of_stream, of_numpy.__name__]
)
def test_what_cannot_be_a_tool_is_refused(function: Any) -> None:
    with pytest.raises(InvalidRequestError, match="tool"):
        Function(function)


def test_two_of_a_name_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="two tools have the name of_numpy"):
        Functions([of_numpy, of_numpy])


def test_a_tool_that_there_is_not() -> None:
    outcome = asyncio.run(Functions([of_numpy]).call("nothing", "{}"))
    assert outcome == Outcome("there is no tool 'nothing'; there are: of_numpy", failed=True)


def test_results_as_text() -> None:
    import numpy as np

    nothing = object()
    assert as_text("as it is") == "as it is"
    assert as_text({"a": [1, None, True]}) == '{"a": [1, null, true]}'
    assert as_text(Place("Paris")) == '{"city": "Paris", "country": "FR"}'
    assert as_text([np.int64(3), np.arange(2)]) == "[3, [0, 1]]"
    assert as_text(nothing) == repr(nothing)

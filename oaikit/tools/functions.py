"""Python functions as tools of a model: their JSON schema, the check of what the model passes, and the call."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired, Protocol

import pydantic
import pydantic_core
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from oaikit._loop import LoopThread
from oaikit._threads import in_thread
from oaikit.errors import InvalidRequestError
from oaikit.tools import docstrings

_COROUTINES = LoopThread("oaikit-tools")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what OpenAI's API and vLLM's parsers take
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Outcome:
    """What a call came to, as the model is told; ``failed``: it was not made, or raised."""

    text: str
    failed: bool = False


class Function:
    """A Python function that a model may call.

    ``name`` is the function's, ``description`` its docstring's first paragraph, ``parameters`` the JSON schema of its
    arguments, made from the annotations (what pydantic can check) and from what the docstring says of each. A
    parameter with a default need not be given; ``*args`` and ``**kwargs`` are not offered.

    Raises:
        InvalidRequestError: it has no usable name, or a parameter's type has no JSON schema.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.name = _checked_name(function)
        self.description = docstrings.summary(function)
        try:
            self._signature = inspect.signature(function)
            self._arguments = _arguments(function, self._signature)
            self.parameters = self._arguments.json_schema(schema_generator=_WithoutTitles)
        except (TypeError, ValueError, NameError, pydantic.errors.PydanticUserError) as exc:
            raise InvalidRequestError(
                f"{self.name} can't be a tool: {str(exc).splitlines()[0]}", param="tools"
            ) from exc
        self.parameters.pop("title", None)

    def spec(self, *, strict: bool = False) -> dict[str, Any]:
        """As a request's ``tools`` have it.

        ``strict``: the model is held to the schema, which vLLM does with any, and OpenAI's servers with a few.
        """
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function | ({"strict": True} if strict else {})}

    async def call(self, arguments: str) -> Outcome:
        """Check the arguments (JSON, as the model wrote it), and call the function outside this loop.

        Whatever goes wrong is the outcome. Cancelling ends an async function; of another only the waiting.
        """
        try:
            given = self._arguments.validate_json(arguments.strip() or "{}")
        except pydantic.ValidationError as exc:
            return Outcome(_in_words(exc), failed=True)
        try:
            return Outcome(as_text(await self._run(given)))
        except Exception as exc:
            return Outcome(f"{type(exc).__name__}: {exc}", failed=True)

    async def _run(self, given: Mapping[str, Any]) -> Any:
        rows = self._signature.parameters.values()
        bound = self._signature.bind_partial()
        bound.arguments |= {row.name: given[row.name] for row in rows if row.name in given}
        bound.apply_defaults()  # a positional parameter may stand before one that was given
        if inspect.iscoroutinefunction(self._function):
            work = self._function(*bound.args, **bound.kwargs)
            return await asyncio.wrap_future(_COROUTINES.submit(work))
        return await asyncio.wrap_future(in_thread(lambda: self._function(*bound.args, **bound.kwargs)))


class Tool(Protocol):
    """What a model may call: a `Function`, or a tool of an MCP server."""

    name: str
    description: str
    parameters: dict[str, Any]

    def spec(self, *, strict: bool = False) -> dict[str, Any]:
        """As a request's ``tools`` have it."""

    async def call(self, arguments: str) -> Outcome:
        """Run it with arguments in JSON; whatever goes wrong is the outcome."""


class Functions(Mapping[str, Tool]):
    """What a model may call, by name.

    Args:
        tools: Python functions, and servers with tools of their own (`oaikit.mcp`).

    Raises:
        InvalidRequestError: One can't be a tool, or two have the same name.
    """

    def __init__(self, tools: Iterable[Any] = ()) -> None:
        self._by_name: dict[str, Tool] = {}
        for made in self._made(tools):
            if made.name in self._by_name:
                raise InvalidRequestError(f"two tools have the name {made.name}", param="tools")
            self._by_name[made.name] = made

    @staticmethod
    def _made(tools: Iterable[Any]) -> Iterator[Tool]:
        for each in tools:
            if callable(several := getattr(each, "functions", None)):
                yield from several()
            else:
                yield Function(each)

    def __getitem__(self, name: str) -> Tool:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def specs(self, *, strict: bool = False) -> list[dict[str, Any]]:
        """As a request's ``tools`` have them."""
        return [function.spec(strict=strict) for function in self.values()]

    async def call(self, name: str, arguments: str) -> Outcome:
        """Call one by its name; a name that there isn't is told to the model."""
        if name not in self:
            known = ", ".join(self) or "none"
            return Outcome(f"there is no tool {name!r}; there are: {known}", failed=True)
        return await self[name].call(arguments)


def as_text(value: Any) -> str:
    """A function's result for a model: text as it is, else JSON, else what `repr` says.

    The JSON has spaces after commas and colons, as ``json.dumps`` makes them: models have seen results like that.
    """
    if isinstance(value, str):
        return value
    try:
        jsonable = pydantic_core.to_jsonable_python(value, fallback=_plain, inf_nan_mode="constants")
        return json.dumps(jsonable, ensure_ascii=False)
    except (ValueError, RecursionError):  # pydantic's errors are ValueErrors
        return repr(value)


def _plain(value: Any) -> Any:
    """Arrays and numbers of numpy's kind as lists and numbers."""
    if callable(convert := getattr(value, "tolist", None)):
        return convert()
    raise ValueError(f"{type(value).__name__} has no JSON")


class _WithoutTitles(GenerateJsonSchema):
    """pydantic's schema without a title for each field, which costs prompt tokens and says what the name says."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _checked_name(function: Callable[..., Any]) -> str:
    if not callable(function):
        raise InvalidRequestError(f"a tool is a function, not {function!r}", param="tools")
    name = getattr(function, "__name__", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{name or function!r} can't be a tool: give it a name, with def", param="tools"
        )
    return name


def _arguments(function: Callable[..., Any], signature: inspect.Signature) -> pydantic.TypeAdapter[Any]:
    """What checks the arguments: a dictionary with a key for each parameter."""
    hints, said = typing.get_type_hints(function, include_extras=True), docstrings.parameters(function)
    keys: dict[str, Any] = {}
    for row in signature.parameters.values():
        if row.kind in _VARIADIC:
            continue
        about: dict[str, Any] = {"description": said[row.name]} if row.name in said else {}
        if row.default is not row.empty and _has_json(row.default):
            about["json_schema_extra"] = {"default": row.default}
        kind: Any = Annotated[hints.get(row.name, Any), pydantic.Field(**about)]
        keys[row.name] = kind if row.default is row.empty else NotRequired[kind]
    make: Any = TypedDict  # mypy wants a literal
    of_dictionary = make("Arguments", keys)
    of_dictionary.__pydantic_config__ = pydantic.ConfigDict(extra="forbid")
    return pydantic.TypeAdapter(of_dictionary)


def _has_json(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_has_json, value))
    return value is None or isinstance(value, bool | int | float | str)


def _in_words(exc: pydantic.ValidationError) -> str:
    """What is wrong with the arguments, for the model: a line for each."""
    lines = [
        ": ".join(filter(None, [".".join(map(str, error["loc"])), error["msg"]])) for error in exc.errors()
    ]
    return "\n".join(["The arguments are wrong, and the tool was not called.", *lines])

"""What is known of one parameter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from oaikit.sampling.requests import BOTH, Endpoint
from oaikit.sampling.types import Bounds, Integer, Number, Schema, Type

Group = Literal["OpenAI", "vLLM"]

OLDEST_RELEASE: Final = "0.32"
"""The oldest release of vLLM that is supported."""


class Unset(Enum):
    """Nobody has said a value; None is one that somebody may have said."""

    UNSET = "unset"

    def __bool__(self) -> bool:
        return False


UNSET: Final = Unset.UNSET


@dataclass(frozen=True)
class Slider:
    """The range of a control, narrower than what is allowed where the rest of that makes no useful answers."""

    low: float
    high: float
    step: float


@dataclass(frozen=True)
class Parameter:
    """One parameter of a request.

    Attributes:
        name: as OpenAI and vLLM call it.
        type: checks a value, says in words what it may be, and has its JSON schema.
        help: what it does, in which unit, and what special values mean. Plain text, one paragraph.
        group: the table of the seed in which it stands: OpenAI's own parameters, or what vLLM adds to them.
        endpoints: where it has a meaning.
        default: what the seed documents for a request that leaves it out; UNSET where nothing is sent then.
        engine_default: what vLLM takes instead when neither a request nor the model says, where that differs.
        from_model: vLLM takes it from the model's generation_config.json when it isn't sent.
        slider: the range of a control.
        required: a request without it is refused.
        presettable: the server's owner may set a default for it.
        trusted: it reaches into the server, and is refused unless the server's owner allows it.
        nothing: the value that says no more than leaving it out; UNSET if there is none.
        since: the first release of vLLM that has it. An older one ignores it.
    """

    name: str
    type: Type
    help: str
    group: Group = "vLLM"
    endpoints: tuple[Endpoint, ...] = BOTH
    default: Any = UNSET
    engine_default: Any = UNSET
    from_model: bool = False
    slider: Slider | None = None
    required: bool = False
    presettable: bool = True
    trusted: bool = False
    nothing: Any = UNSET
    since: str = OLDEST_RELEASE

    @property
    def bounds(self) -> Bounds | None:
        """The range of a number, inclusive unless it says open; None for other types."""
        return self.type.bounds if isinstance(self.type, Number | Integer) else None

    @property
    def step(self) -> float | None:
        """The step of a control."""
        return self.slider.step if self.slider else None

    @property
    def unsent(self) -> Any:
        """What vLLM takes when the parameter isn't sent and the model says nothing of it; UNSET if that is nothing."""
        return self.default if self.engine_default is UNSET else self.engine_default

    def check(self, value: Any) -> Any:
        """The value as it is passed on: 64.0 as 64 where an integer is wanted.

        Raises:
            InvalidRequestError: the value has the wrong type or is out of range; ``param`` is the name.
        """
        return self.type.check(value, self.name)

    def says_nothing(self, value: object) -> bool:
        """Whether a value means the same as leaving the parameter out."""
        return value is None or (type(value) is type(self.nothing) and value == self.nothing)

    def schema(self) -> Schema:
        """JSON schema with the description and the default. null means left out, as everywhere at the top."""
        schema = self.type.schema()
        if not self.required:
            schema = _or_null(schema)
        schema["description"] = self.help
        if self.default is not UNSET:
            schema["default"] = self.default
        return schema


def is_older(release: str | None, since: str) -> bool:
    """Whether a release of vLLM came before another one; False if the release isn't known."""
    return release is not None and _numbers(release) < _numbers(since)


def _numbers(release: str) -> list[int]:
    """``"0.33.0rc1"`` → ``[0, 33]``."""
    return [int(each) for each in re.findall(r"\d+", release)[:2]]


def _or_null(schema: Schema) -> Schema:
    if "anyOf" in schema:
        return {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    return {**schema, "type": [schema["type"], "null"]}

"""The sampling parameters of a chat: their controls, and the values that were set, each checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Final

from oaikit._body import unknown_parameter
from oaikit.errors import InvalidRequestError
from oaikit.sampling import (
    CHAT,
    UNSET,
    Limits,
    Parameter,
    check_each,
    check_together,
    parameters,
    seed_defaults,
)
from oaikit.sampling.types import Boolean, Choice, Integer, Number, String

# What the chat says itself, what is another's name, and what only changes a report that a chat does not show.
_NOT_HERE: Final = frozenset(
    (
        *("model", "messages", "stream", "stream_options", "tools", "user", "max_completion_tokens"),
        *("echo", "add_generation_prompt", "continue_final_message", "documents", "session_id"),
        *("prompt_logprobs", "logprob_token_ids", "return_tokens_as_token_ids", "return_token_ids"),
        *("return_prompt_text", "routed_experts_prompt_start", "stream_interval"),
    )
)
PARAMETERS: Final[Mapping[str, Parameter]] = {
    name: row for name, row in parameters(CHAT).items() if name not in _NOT_HERE and not row.trusted
}
"""Those that a chat can set, by name."""

_ALTERNATIVES: Final = 5  # for the popover of a token, when log-probabilities are asked for


class Parameters(MutableMapping[str, Any]):
    """The values that were set, like a dictionary: ``chat.params["temperature"] = 0.2``.

    Setting checks the value, and that all of them go together; None unsets.

    Raises:
        InvalidRequestError: no such parameter, or a wrong value; the old ones stay.
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values: dict[str, Any] = {}
        self._logprobs = Limits().logprobs
        self.change(values or {})

    def change(self, values: Mapping[str, Any]) -> None:
        """Set several at once, which is checked when all are set."""
        for name in values:
            if name not in parameters(CHAT):
                raise unknown_parameter(CHAT, name, PARAMETERS)
            if name not in PARAMETERS:
                raise InvalidRequestError(f"a chat widget has no setting for {name!r}", param=name)
        merged = {name: value for name, value in {**self._values, **values}.items() if value is not None}
        self._values = _checked(merged, Limits(logprobs=self._logprobs))

    def allow_logprobs(self, most: int | None) -> None:
        """Take the engine's limit of alternatives per token; None: unknown."""
        self._logprobs = Limits().logprobs if most is None else most

    def body(self, *, context: int | None, of_model: Mapping[str, Any]) -> dict[str, Any]:
        """What is sent with a request.

        Parameters: the model's context, tokens, None if it isn't known; and what its generation_config says. Always
        sent are a temperature, the one that the control shows, and, where the context is known, max_tokens: what is not
        sent the server may take for as few as 16.
        """
        sent = {"temperature": default_of(PARAMETERS["temperature"], of_model), **self._values}
        if context is not None:
            sent.setdefault("max_tokens", context)  # the server cuts it to what is left
        if sent.get("logprobs"):
            most = self._logprobs
            sent.setdefault("top_logprobs", _ALTERNATIVES if most < 0 else min(_ALTERNATIVES, most))
        return sent

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.change({name: value})

    def __delitem__(self, name: str) -> None:
        self.change({name: None})

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


def _checked(values: dict[str, Any], limits: Limits) -> dict[str, Any]:
    # The two that every request has, so that the check finds no parameter missing.
    asked = {"model": "-", "messages": [{"role": "user", "content": "-"}]}
    given = check_each(CHAT, {**asked, **values})
    # A chat's max_tokens is what is left of the context, unless it is set: not the seed's few.
    defaults = {**seed_defaults(CHAT), "max_tokens": None}
    tools: dict[str, Any] = {}
    if isinstance(
        choice := given.get("tool_choice"), dict
    ):  # whether there is such a tool shows when it is sent
        tools = {"tools": [{"type": "function", "function": {"name": choice["function"]["name"]}}]}
    elif choice is not None:
        tools = {"tools": [{"type": "function", "function": {"name": "-"}}]}
    check_together(CHAT, {**defaults, **tools, **given}, limits)
    return {name: given[name] for name in values}


def default_of(row: Parameter, of_model: Mapping[str, Any]) -> Any:
    """What a parameter comes to when it is not set: what the model says, else the default; None if that is nothing."""
    if row.name == "max_tokens":
        return None
    if row.from_model and of_model.get(row.name) is not None:
        return of_model[row.name]
    return None if row.default is UNSET else row.default


def controls(of_model: Mapping[str, Any], context: int | None = None) -> list[dict[str, Any]]:
    """A control for each parameter, as the document has them.

    Parameters: what the model's generation_config says, and its context, tokens, None if it isn't known.
    """
    made = [control_of(row, of_model) for row in PARAMETERS.values()]
    for control in made:
        if control["name"] == "max_tokens" and context is not None:  # more is an error
            control["max"] = min(control["max"], context)
    return made


def control_of(row: Parameter, of_model: Mapping[str, Any]) -> dict[str, Any]:
    """How one parameter is edited in the browser; frontend/README.md has the keys."""
    bounds, slider = row.bounds, row.slider
    return {
        "name": row.name,
        "help": row.help,
        "control": _kind(row),
        "default": default_of(row, of_model),
        "min": slider.low if slider else _in_javascript(bounds.low if bounds else None),
        "max": slider.high if slider else _in_javascript(bounds.high if bounds else None),
        "step": slider.step if slider else 1 if isinstance(row.type, Integer) else None,
        "choices": list(row.type.options) if isinstance(row.type, Choice) else None,
    }


def _in_javascript(bound: float | None) -> float | None:
    """A bound, unless it only says how many bits an integer has: JavaScript would get it wrong."""
    return None if bound is None or abs(bound) >= 2**31 - 1 else bound


def _kind(row: Parameter) -> str:
    match row.type:
        case Boolean():
            return "switch"
        case Number() | Integer():
            return "slider" if row.slider else "number"
        case Choice():
            return "choice"
        case String():
            return "text"
    return "json"

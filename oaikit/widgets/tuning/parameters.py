"""The parameters of a tuning table: which columns it can have, and what is wrong with a row's values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from oaikit._hints import did_you_mean
from oaikit.errors import InvalidRequestError
from oaikit.experiments.columns import RESERVED
from oaikit.experiments.design.cells import SYSTEM, TEMPLATE
from oaikit.experiments.design.space import value_of
from oaikit.experiments.store.keys import plain
from oaikit.sampling import (
    CHAT,
    Endpoint,
    Limits,
    Parameter,
    check_each,
    check_together,
    parameters,
    seed_defaults,
)
from oaikit.widgets.parameters import PARAMETERS as OF_CHATS
from oaikit.widgets.parameters import control_of

SEED: Final = "seed"
"""The one parameter that is also a column of results: there it says what was sent."""

# A cell has one answer; there are no tools to choose from; what is asked stands above the table.
_NOT_HERE: Final = frozenset(("n", "tool_choice", "parallel_tool_calls", "prompt", "prompt_embeds"))
# What a chat leaves out for its own reasons and a completion may have.
_OF_COMPLETIONS: Final = frozenset(("echo", "suffix"))
# By these a row is checked without what is asked.
_ASKED: Final[Mapping[str, Any]] = {
    "model": "-",
    "prompt": "-",
    "messages": [{"role": "user", "content": "-"}],
}


@cache
def known(endpoint: Endpoint) -> Mapping[str, Parameter]:
    """The sampling parameters that can be columns, by name."""
    chat = parameters(CHAT)
    return {
        name: row
        for name, row in parameters(endpoint).items()
        if name not in _NOT_HERE
        and not row.trusted
        and (name in OF_CHATS or name in _OF_COMPLETIONS or name not in chat)
    }


def controls(
    endpoint: Endpoint,
    places: Iterable[str],
    fixed: Mapping[str, Any],
    of_model: Mapping[str, Any],
    context: int | None,
) -> list[dict[str, Any]]:
    """A control for each column that there can be, as the document has them.

    Parameters: the names in the prompts' braces; what is the same for all rows, which is then the default; what the
    model's generation_config says; its context, tokens, None if it isn't known.
    """
    made = [control_of(row, of_model) for row in known(endpoint).values()]
    if endpoint == CHAT:
        made.append(_text(SYSTEM, "The system message."))
    made += [_text(name, f"What stands in the prompt for {{{name}}}.") for name in places]
    for control in made:
        control["default"] = fixed.get(control["name"], control["default"])
        if control["name"] == "max_tokens" and context is not None:  # more is an error
            control["max"] = min(control["max"], context)
    return made


def check_name(endpoint: Endpoint, name: str, places: Iterable[str]) -> None:
    """See that a column may have a name.

    Raises:
        InvalidRequestError: it is neither a parameter nor in the prompts' braces, or is a column of the results.
    """
    there = [*known(endpoint), *([SYSTEM] if endpoint == CHAT else []), *places]
    if name not in there:
        raise InvalidRequestError(
            f"{name!r} is neither a sampling parameter that a row can have nor a place in the prompt"
            f"{did_you_mean(name, there)}",
            param=name,
        )
    if name == TEMPLATE or (name in RESERVED and name != SEED):
        raise InvalidRequestError(f"{name!r} is a column of the results: call it otherwise", param=name)


def as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values from Python as the document can have them; None is left out."""
    given = {name: value_of(value) for name, value in values.items() if value is not None}
    return dict(json.loads(json.dumps(given, default=plain)))


def check_row(
    endpoint: Endpoint, values: Mapping[str, Any], fixed: Mapping[str, Any], limits: Limits
) -> tuple[dict[str, Any], dict[str, str]]:
    """Check a row's values, each by itself and all together with what is the same for all rows.

    Returns:
        The values as they are sent (64.0 as 64), wrong ones as they are; and what is wrong, by name.
    """
    asked = {name: value for name, value in _ASKED.items() if name in parameters(endpoint)}
    given: dict[str, Any] = dict(values)
    errors: dict[str, str] = {}
    for name in set(values) & set(known(endpoint)):
        try:
            given[name] = check_each(endpoint, {**asked, name: values[name]})[name]
        except InvalidRequestError as exc:
            errors[name] = exc.message
    for name in set(values) - set(known(endpoint)):
        if not isinstance(values[name], str | int | float):
            errors[name] = f"{name} must be a text"
    if values and not errors:
        # A row's max_tokens is what is left of the context, unless it is set: not the seed's few.
        whole = {**seed_defaults(endpoint), "max_tokens": None, **asked, **fixed, **given}
        try:
            check_together(
                endpoint, {name: each for name, each in whole.items() if name in parameters(endpoint)}, limits
            )
        except InvalidRequestError as exc:
            errors[exc.param if exc.param and exc.param in values else next(iter(values))] = exc.message
    return given, errors


def _text(name: str, help: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("default", "min", "max", "step", "choices"))
    return {"name": name, "help": help, "control": "text", **nothing}

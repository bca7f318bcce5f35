"""A request's body, held against the table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from oaikit.errors import InvalidRequestError
from oaikit.sampling.openai_table import OPENAI
from oaikit.sampling.parameter import UNSET, Parameter
from oaikit.sampling.requests import BOTH, Endpoint, Limits
from oaikit.sampling.rules import check_together
from oaikit.sampling.scan import check_contents
from oaikit.sampling.types import Schema, refuse
from oaikit.sampling.vllm_table import VLLM

PARAMETERS: Final[tuple[Parameter, ...]] = (*OPENAI, *VLLM)

_OF: Final[dict[Endpoint, dict[str, Parameter]]] = {
    endpoint: {parameter.name: parameter for parameter in PARAMETERS if endpoint in parameter.endpoints}
    for endpoint in BOTH
}

_REQUIRED: Final[dict[Endpoint, list[Parameter]]] = {
    endpoint: [parameter for parameter in table.values() if parameter.required]
    for endpoint, table in _OF.items()
}


def parameters(endpoint: Endpoint) -> Mapping[str, Parameter]:
    """The parameters of an endpoint, by name."""
    return _OF[endpoint]


def validate(
    endpoint: Endpoint,
    body: Mapping[str, Any],
    *,
    limits: Limits | None = None,
    allowed: Collection[str] = (),
) -> dict[str, Any]:
    """Check a request; what it leaves out counts with the seed's default.

    Parameters: the decoded body, the server's limits, and the trusted parameters that its owner allows. null means
    left out. Unknown names are left alone here (see `unknown`).

    Returns:
        The known parameters that it gives, 64.0 as 64 where an integer is wanted.

    Raises:
        InvalidRequestError: something is missing, of the wrong type, out of range, not allowed, or does not go
            together; ``param`` names the parameter.
    """
    given = check_each(endpoint, body, allowed=allowed)
    check_together(endpoint, {**seed_defaults(endpoint), **given}, limits or Limits())
    return given


def check_each(
    endpoint: Endpoint, body: Mapping[str, Any], *, allowed: Collection[str] = ()
) -> dict[str, Any]:
    """The part of `validate` that looks at each parameter by itself."""
    if not isinstance(body, dict):
        raise InvalidRequestError('the body must be a JSON object, such as {"model": "…", …}')
    table = _OF[endpoint]
    given = {
        name: _checked(table[name], value, allowed)
        for name, value in body.items()
        if value is not None and name in table and not table[name].says_nothing(value)
    }
    check_template_variables(given, allowed)
    for parameter in _REQUIRED[endpoint]:
        if parameter.name not in given and not _replaced(parameter.name, given):
            refuse(parameter.name, f"`{parameter.name}` is missing: it must be {parameter.type.words()}")
    return given


def _checked(parameter: Parameter, value: Any, allowed: Collection[str]) -> Any:
    if parameter.trusted:
        check_trust(parameter, allowed)
    value = parameter.check(value)
    if not isinstance(value, bool | int | float):  # these hold nothing, and have been checked
        check_contents(parameter.name, value)
    return value


def check_trust(parameter: Parameter, allowed: Collection[str]) -> None:
    """Refuse a parameter that reaches into the server, unless the server's owner allows it.

    Raises:
        InvalidRequestError: it isn't allowed.
    """
    if parameter.name not in allowed:
        refuse(
            parameter.name,
            f"`{parameter.name}` reaches into the server, and its owner has not allowed it; leave it out",
        )


def check_template_variables(given: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Refuse a chat template hidden among its own variables (CVE-2026-115911).

    Raises:
        InvalidRequestError: there is one, and it isn't allowed.
    """
    variables = given.get("chat_template_kwargs")
    if isinstance(variables, dict) and "chat_template" in variables and "chat_template" not in allowed:
        refuse(
            "chat_template_kwargs",
            "`chat_template_kwargs.chat_template` is a program that the server would run, and its owner has not "
            "allowed that; leave it out",
        )


def _replaced(name: str, given: Mapping[str, Any]) -> bool:
    return name == "prompt" and "prompt_embeds" in given


def unknown(endpoint: Endpoint, body: Mapping[str, Any]) -> list[str]:
    """The names in a body that mean nothing to an endpoint."""
    return [name for name, value in body.items() if name not in _OF[endpoint] and value is not None]


def seed_defaults(endpoint: Endpoint) -> dict[str, Any]:
    """What the seed documents for the parameters that a request leaves out, but for those that it documents as none."""
    return {
        parameter.name: parameter.default
        for parameter in _OF[endpoint].values()
        if parameter.default is not UNSET and parameter.default is not None
    }


def check_defaults(defaults: Mapping[str, Any], limits: Limits | None = None) -> None:
    """Check what a server's owner sets for parameters that requests leave out.

    None stands for the model's own value, of ``max_tokens`` for what is left of its context.

    Raises:
        InvalidRequestError: no such parameter, one that only a request can give, a value that it can't have, or
            values that don't go together.
    """
    known = {parameter.name: parameter for parameter in PARAMETERS}
    for name, value in defaults.items():
        if name not in known:
            raise InvalidRequestError(f"there is no sampling parameter {name!r}", param=name)
        if not known[name].presettable:
            raise InvalidRequestError(f"`{name}` is for each request to say; it has no default", param=name)
        if value is not None:
            _checked(known[name], value, ())
    for endpoint in BOTH:
        values = {name: value for name, value in defaults.items() if name in _OF[endpoint]}
        check_together(endpoint, {**seed_defaults(endpoint), **values}, limits or Limits())


def schema(endpoint: Endpoint, limits: Limits | None = None) -> Schema:
    """JSON schema (OpenAPI 3.1) of an endpoint's requests; trusted parameters are left out.

    What parameters may not be together is not in it.
    """
    rows = [parameter for parameter in _OF[endpoint].values() if not parameter.trusted]
    properties = {parameter.name: parameter.schema() for parameter in rows}
    limits = limits or Limits()
    for name in ("n", "best_of"):
        properties[name]["maximum"] = limits.n
    for branch in properties["stop"]["anyOf"]:
        if branch["type"] == "array":
            branch["maxItems"] = limits.stop_strings
    return {
        "type": "object",
        "required": [parameter.name for parameter in rows if parameter.required],
        "properties": properties,
    }

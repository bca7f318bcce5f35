"""A request to one of vLLM's routes that are not resolved: checked as chats and completions are, and completed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from oaikit import sampling
from oaikit.sampling import CHAT, Limits, Parameter
from oaikit.sampling.forms import check_form
from oaikit.sampling.length import check_lengths, prompts_of
from oaikit.sampling.messages import lost_arguments
from oaikit.sampling.routes import OTHER, ROUTES, Route
from oaikit.sampling.rules import check_prompts, check_sequences, check_stop
from oaikit.sampling.scan import check_contents
from oaikit.sampling.types import refuse
from oaikit_server.dialect.request import (
    Policy,
    ignored_elsewhere,
    ignored_in_form,
    lost,
    name_truncation_side,
)

_TRUSTED: Final = {row.name: row for row in sampling.PARAMETERS if row.trusted}


@dataclass(frozen=True)
class PassedOn:
    """A request as it goes to vLLM.

    Attributes:
        body: without what is null, and with what vLLM insists on.
        warnings: what the request says and nothing heeds, in ASCII.
        has_form: whether its answer is held to a form.
    """

    body: dict[str, Any]
    warnings: tuple[str, ...]
    has_form: bool


def pass_on(path: str, body: Mapping[str, Any], policy: Policy) -> PassedOn:
    """Check a request for one of the routes that vLLM answers as they are.

    Args:
        path: the route, such as ``v1/responses``.
        body: the decoded body, which stays as it is.
        policy: what the server's owner has set.

    Raises:
        InvalidRequestError: the request can't be answered; ``param`` names the parameter.
    """
    route = ROUTES.get(path, OTHER)
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        check_contents(name[:200], value)
    _check_trust(given, policy)
    for name in [name for name in given if (row := _TRUSTED.get(name)) and row.says_nothing(given[name])]:
        del given[name]
    checked = {name: _checked(route, name, value) for name, value in given.items()}
    _check_counts(route, checked, policy.limits)
    forms = {name: checked[name] for name in route.forms if name in checked}
    for name, form in forms.items():
        check_form(name, form, policy.limits)
    _check_tools_of_messages(checked.get("messages"), policy.limits)
    if "truncate_prompt_tokens" not in checked:
        check_lengths(checked, policy.limits)
    if route.shared == CHAT and not route.names:
        sampling.check_together(CHAT, {**checked, "prompt": None}, policy.limits)
    name_truncation_side(checked, policy)
    return PassedOn(
        body=checked,
        warnings=(
            *ignored_elsewhere(body),
            *ignored_in_form(checked),
            *lost(lost_arguments(given.get("messages"), checked.get("messages"))),
        ),
        has_form=bool(forms),
    )


def _check_trust(given: Mapping[str, Any], policy: Policy) -> None:
    for name, row in _TRUSTED.items():
        if name in given and not row.says_nothing(given[name]):
            sampling.check_trust(row, policy.allowed)
    sampling.check_template_variables(given, policy.allowed)


def _checked(route: Route, name: str, value: Any) -> Any:
    if name in route.types:
        return route.types[name].check(value, name)
    if route.shared is not None and (name in route.names or not route.names):
        row: Parameter | None = sampling.parameters(route.shared).get(name)
        if row is not None:
            return row.check(value)
    return value


def _check_counts(route: Route, body: Mapping[str, Any], limits: Limits) -> None:
    counts = {name: value for name in ("n", "best_of") if type(value := body.get(name)) is int}
    sampling.check_count(counts, limits)
    for name in ("stop", "stop_sequences"):
        check_stop(name, body.get(name), limits)
    if route.prompts is not None:
        prompts = len(prompts_of(body.get(route.prompts)))
        check_prompts(route.prompts, prompts, limits)
        check_sequences(counts.get("n", 1), counts.get("best_of"), prompts, limits)
    for name in route.inputs:
        if name in body and (count := len(prompts_of(body[name]))) > limits.inputs:
            refuse(
                name,
                f"`{name}` has {count} inputs, and this server takes at most {limits.inputs} in one request "
                "(max_inputs): send several requests",
            )


def _check_tools_of_messages(messages: Any, limits: Limits) -> None:
    """Hold the tools that Messages can add in mid-conversation against the limits of forms."""
    check_form("messages", [*_added_tools(messages)] or None, limits)


def _added_tools(messages: Any) -> Iterator[Any]:
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        for block in content if isinstance(content, list) else ():
            if isinstance(block, dict) and "tool" in block:
                yield block["tool"]

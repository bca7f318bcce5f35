"""A request of one of vLLM's routes, translated: what vLLM gets, and what makes its answer the client's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from oaikit.sampling.requests import BOTH, Endpoint
from oaikit_server.dialect.answer import Answer
from oaikit_server.dialect.passed import pass_on
from oaikit_server.dialect.request import Policy, resolve
from oaikit_server.raw_output import BatchSizes

_RESOLVED: Final[Mapping[str, Endpoint]] = {f"v1/{endpoint}": endpoint for endpoint in BOTH}


@dataclass(frozen=True)
class Translation:
    """A request as vLLM gets it.

    Attributes:
        body: What is sent to vLLM.
        answer: Translates vLLM's messages back.
    """

    body: dict[str, Any]
    answer: Answer


def translate(
    path: str,
    body: Mapping[str, Any],
    policy: Policy,
    raw: BatchSizes | None = None,
    cut_off: Callable[[], object] | None = None,
) -> Translation:
    """Check a request, fill in what it leaves out, and say what becomes of its answer.

    Args:
        path: The route as vLLM calls it, such as ``v1/responses``.
        body: The decoded body, which stays as it is.
        policy: What the server's owner has set, and what is known of the model.
        raw: How streams of chats and completions are cut into lines of JSON lists; None for server-sent events.
        cut_off: Called if the answer ends at a limit of tokens that the request did not ask for.

    Raises:
        InvalidRequestError: The request cannot be answered; ``param`` names the parameter.
    """
    if endpoint := _RESOLVED.get(path):
        resolved = resolve(endpoint, body, policy)
        answer = Answer(resolved, raw, cut_off, has_form=resolved.has_form, warnings=resolved.warnings)
        return Translation(resolved.body, answer)
    passed = pass_on(path, body, policy)
    return Translation(passed.body, Answer(has_form=passed.has_form, warnings=passed.warnings))


def is_json(path: str, content_type: str, body: bytes) -> bool:
    """Whether a request's body is read as JSON: always on the routes that are resolved, else unless it is a form.

    vLLM reads JSON under more than one spelling of its type; what it takes besides are forms with files.
    """
    return path in _RESOLVED or (bool(body) and not content_type.lower().startswith("multipart/"))

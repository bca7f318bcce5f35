"""Reads the JSON object in the body of a request."""

from __future__ import annotations

import json
from typing import Any

from oaikit.errors import InvalidRequestError


def json_object(body: bytes, known: set[str] | None = None) -> dict[str, Any]:
    """Return the fields of a request's body. An empty body has none.

    Args:
        body: The body as it was sent.
        known: The fields that it may have; None if it may have any.

    Raises:
        InvalidRequestError: It is not a JSON object, or it has a field that is not known.
    """
    try:
        wanted = json.loads(body or b"{}")
    except (ValueError, RecursionError) as exc:
        raise InvalidRequestError(f"the body is not JSON: {exc}") from exc
    if not isinstance(wanted, dict):
        raise InvalidRequestError("the body must be a JSON object")
    if known is not None and (unknown := sorted(set(wanted) - known)):
        raise InvalidRequestError(f"unknown field {unknown[0]!r}", param=unknown[0])
    return wanted

"""What the engine behind a model says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oaikit.backend import Backend
from oaikit.errors import NotFoundError


def status_of(llm: Backend) -> Mapping[str, Any]:
    """The status as oaikit/api/status has it; empty where no engine of oaikit's answers. It waits for the server.

    Raises:
        OAIKitError: the server can't be reached, or refuses.
    """
    status = getattr(llm, "status", None)
    try:
        found = status() if callable(status) else {}
    except NotFoundError:  # no server of oaikit's
        return {}
    return found if isinstance(found, Mapping) else found.as_dict()

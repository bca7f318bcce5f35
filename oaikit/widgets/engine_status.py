"""What the engine behind a model says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oaikit.backend import Backend
from oaikit.connection import Connection
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


def is_own_server(llm: Backend) -> bool:
    """Whether this is the Jupyter server that started this kernel, and so the one that the page comes from."""
    return isinstance(llm, Connection) and llm.is_own_server


def engine_view(status: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
    """What a chat shows of an engine: its state, "" where none is known, and how far a load has come.

    Args:
        status: The status as oaikit/api/status has it.
        own: Whether the page may ask its own server to load a model.
    """
    progress = status.get("progress") or {}
    return {
        "state": str(status.get("state") or ""),
        "model": status.get("model"),
        "phase": progress.get("phase"),
        "load_s": progress.get("load_s"),
        "error": status.get("error"),
        "own": own,
    }

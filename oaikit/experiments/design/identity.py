"""What a model's results are kept under: deployment, model, adapter and revision.

Two servers may list one name for different weights, and nothing that they say rules it out. What can't be told apart
for certain therefore counts as different.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from oaikit.backend import Backend
from oaikit.connection import Connection


def deployment_of(llm: Backend) -> str:
    """Where a model runs: a server by its URL without credentials, an engine of this process by the machine."""
    if not isinstance(llm, Connection):
        kind = type(llm)
        return f"{kind.__module__}.{kind.__qualname__} on {platform.node()}"
    parts = urlsplit(llm.url)
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}".rstrip("/")


def judge_identity(llm: Backend) -> dict[str, Any]:
    """A judge's identity, as far as it is known without opening a sweep's connection to it."""
    return {"deployment": deployment_of(llm), "served_model": llm.model}


def model_identity(
    llm: Backend, served: str, status: Mapping[str, Any], entry: Mapping[str, Any]
) -> dict[str, Any]:
    """A model's identity.

    Args:
        llm: who is asked.
        served: the name that is asked for; an adapter has one beside its base's.
        status: what oaikit's server or engine says of itself; empty for other servers.
        entry: the model's entry in the server's list of models; empty if it has none.
    """
    arguments = status.get("engine_args") or {}
    known = {
        "model": status.get("model") or entry.get("root") or served,
        "root": entry.get("root"),  # of an adapter the path of its weights
        "parent": entry.get("parent"),
        "revision": arguments.get("revision"),
    }
    told = {name: value for name, value in known.items() if value is not None}
    return {"deployment": deployment_of(llm), "served_model": served, **told}

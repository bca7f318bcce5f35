"""By what results were made, kept with them."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from oaikit._distribution import installed_version

_GIT_S = 5.0


def provenance(models: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Time (UTC, ISO 8601), versions, machine, the git commit of the current folder, the models, the settings."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "oaikit": installed_version(),
        "python": platform.python_version(),
        "client_platform": platform.platform(),
        "git_commit": _git_commit(),
        "models": [dict(model) for model in models],
        **settings,
    }


def _git_commit() -> str | None:
    """The commit, with ``-dirty`` where files differ from it; None outside of a repository."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() or None

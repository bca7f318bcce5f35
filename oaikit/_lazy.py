"""Packages whose public names are imported when they are first used (https://peps.python.org/pep-0562/)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """A ``__getattr__`` for a package.

    Args:
        package: The package's name.
        homes: The module of each public name.

    Returns:
        A function that raises AttributeError for other names, and SettingError where an extra is not installed.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            home = import_module(homes[name])
        except ModuleNotFoundError as exc:
            explained = _explained(f"{package}.{name}", exc)
            raise explained from (None if explained is exc else exc)
        value = getattr(home, name)
        setattr(sys.modules[package], name, value)
        return value

    return get


def _explained(user: str, exc: ModuleNotFoundError) -> Exception:
    """The same error, or the one that names the extra if the missing module belongs to one."""
    from oaikit._distribution import EXTRA_OF, missing

    module = (exc.name or "").partition(".")[0]
    return missing(f"{user} needs {module}", EXTRA_OF[module]) if module in EXTRA_OF else exc

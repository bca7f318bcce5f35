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
        from oaikit._distribution import needed_for

        with needed_for(f"{package}.{name}"):
            home = import_module(homes[name])
        value = getattr(home, name)
        setattr(sys.modules[package], name, value)
        return value

    return get

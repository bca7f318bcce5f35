"""The distribution that this package is installed from. Its name differs from the import name.

The name ``oaikit`` on the package index belongs to an unrelated project, so a message must never tell a user to
install that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from oaikit.errors import SettingError

NAME = "jupyter-oaikit"

EXTRA_OF = {
    **dict.fromkeys(("IPython", "anywidget", "ipykernel", "ipywidgets", "markdown_it"), "lab"),
    **dict.fromkeys(
        (
            "aiohappyeyeballs",
            "aiohttp",
            "altair",
            "httptools",
            "numpy",
            "optuna",
            "pandas",
            "pyarrow",
            "rapidfuzz",
            "scipy",
            "statsmodels",
            "uvloop",
            "vl_convert",
            "yarl",
        ),
        "experiments",
    ),
    "mcp": "mcp",
}
"""The extra that brings each optional module. ipykernel brings IPython."""


def installed_version() -> str:
    """The version of the installed distribution."""
    from importlib.metadata import version  # costs milliseconds, which `import oaikit` must not

    return version(NAME)


def install_command(extra: str) -> str:
    """The shell command that installs this distribution with one of its extras, such as ``"lab"``."""
    return f"pip install '{NAME}[{extra}]'"


def missing(need: str, extra: str) -> SettingError:
    """The error for an optional dependency that is not installed.

    Args:
        need: What needs which package, such as ``"Reply.df needs pandas"``.
        extra: The extra that brings the package.
    """
    return SettingError(f"{need}: {install_command(extra)}")


@contextmanager
def needed_for(user: str) -> Iterator[None]:
    """Name the extra to install if an import in the block fails because an optional package is missing.

    Args:
        user: What needs the package, such as ``"Reply.df"``.

    Raises:
        SettingError: A package of one of the extras is not installed. Any other failed import is raised as it is.
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        module = (exc.name or "").partition(".")[0]
        if module not in EXTRA_OF:
            raise
        raise missing(f"{user} needs {module}", EXTRA_OF[module]) from exc

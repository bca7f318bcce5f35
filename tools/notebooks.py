"""Runs the notebooks on the built-in model and saves what they show: ``python -m tools.notebooks [NAME …]``.

Widgets are left out, which need a kernel: beside each stands its static display.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.harness import isolated_environment, jupyter_server

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def main() -> None:
    chosen = [FOLDER / name for name in sys.argv[1:]] or sorted(FOLDER.glob("*.ipynb"))
    with (
        tempfile.TemporaryDirectory() as folder,
        jupyter_server(Path(folder), "--OAIKit.model=oaikit-demo") as server,
    ):
        server.wait_for("ready")
        environment = isolated_environment(Path(folder)) | {
            f"{prefix}_{name}": value
            for prefix in ("OAIKIT", "OPENAI")
            for name, value in {"BASE_URL": server.v1, "API_KEY": server.token}.items()
        }
        for path in chosen:
            print(path.name)
            path.write_text(json.dumps(executed(path, environment), ensure_ascii=False, indent=1) + "\n")


def executed(path: Path, environment: dict[str, str]) -> dict[str, Any]:
    """The notebook with its outputs, without what is of this run alone."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--output-dir", folder]
        command += ["--output", "out.ipynb", str(path)]
        done = subprocess.run(
            command, cwd=folder, env=os.environ | environment, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(done.stderr[-3000:])
        made: dict[str, Any] = json.loads((Path(folder) / "out.ipynb").read_text())
    made["metadata"] = METADATA
    for cell in made["cells"]:
        cell["metadata"] = {name: value for name, value in cell["metadata"].items() if name == "tags"}
        if cell["cell_type"] == "code":
            cell["outputs"] = [output for output in cell["outputs"] if without_widget(output)]
    return made


def without_widget(output: dict[str, Any]) -> bool:
    """Take the widget out of an output; whether there is something left to show."""
    data = output.get("data", {})
    was_widget = data.pop(WIDGET, None) is not None
    return not (was_widget and set(data) <= {"text/plain"})


if __name__ == "__main__":
    main()

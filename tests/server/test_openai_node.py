"""The stock Node client against the engine in Jupyter."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness import SERVED, Server

FOLDER = Path(__file__).with_name("node")


@pytest.fixture(scope="module")
def said(server: Server) -> dict:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
    if not (FOLDER / "node_modules").exists():
        pytest.skip("tests/server/node has no node_modules; `make test` installs them")
    environment = {
        **os.environ,
        "OPENAI_BASE_URL": server.v1,
        "OPENAI_API_KEY": server.token,
        "MODEL": SERVED,
    }
    done = subprocess.run(
        [node, "client.mjs"], cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)

"""The stock Node client against the engine in Jupyter."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.harness import SERVED, Server

FOLDER = Path(__file__).with_name("node")


@pytest.fixture(scope="module")
def said(server: Server) -> dict[str, Any]:
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
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def test_chat(said: dict[str, Any]) -> None:
    assert said["models"][0] == SERVED
    assert said["chat"]["text"]
    assert said["chat"]["usage"]["completion_tokens"] == 16
    assert said["chat_streamed"]["text"]
    assert said["chat_streamed"]["chunks"] > 8
    assert said["chat_streamed"]["usage"]["completion_tokens"] == 16
    assert said["chat_streamed"]["first_ms"] < said["chat_streamed"]["last_ms"]


def test_completions(said: dict[str, Any]) -> None:
    assert said["completion"]["text"]
    assert said["completion"]["finish_reason"] == "length"
    assert said["completion_streamed"]["chunks"] > 8
    assert said["completion_streamed"]["finish_reason"] == "length"


def test_errors_are_the_clients_own_classes(said: dict[str, Any]) -> None:
    assert (said["wrong_key"]["class"], said["wrong_key"]["status"]) == ("AuthenticationError", 401)
    assert said["wrong_key"]["code"] == "invalid_api_key"
    for step in ("unknown_model", "unknown_model_streamed"):
        assert (said[step]["class"], said[step]["status"]) == ("NotFoundError", 404)
        assert said[step]["code"] == "model_not_found"


def test_a_stream_can_be_aborted(said: dict[str, Any]) -> None:
    assert said["aborted"]["aborted"]
    assert said["aborted"]["finish_reason"] is None

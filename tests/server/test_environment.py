"""What kernels, terminals and programs of the server find."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from websocket import create_connection

import oaikit as ok
from oaikit.errors import ServerNotFoundError
from tests.harness import SERVED, Server, isolated_environment, run_in_kernel

IN_A_NOTEBOOK = f"""
import os, openai, oaikit as ok
client = openai.OpenAI()
messages = [{{"role": "user", "content": "Hello"}}]
reply = client.chat.completions.create(model={SERVED!r}, messages=messages, max_tokens=4)
assert reply.usage.completion_tokens == 4
assert ok.connect().chat("Hello", max_tokens=4).usage.completion_tokens == 4
assert os.environ["OPENAI_BASE_URL"].endswith("/user/ada/oaikit/v1"), os.environ["OPENAI_BASE_URL"]
assert "LD_PRELOAD" not in os.environ, os.environ["LD_PRELOAD"]
assert not [name for name in os.environ if name.startswith("VLLM_") and name != "VLLM_NO_USAGE_STATS"]
assert ok.connect().status()["state"] == "ready"
"""


def test_a_new_notebook_needs_no_arguments(server: Server) -> None:
    run_in_kernel(server, IN_A_NOTEBOOK)


def test_its_key_is_for_answers_only(server: Server, kernel_key: str) -> None:
    assert server.request("GET", "oaikit/v1/models", key=kernel_key).status == 200
    assert server.request("GET", "oaikit/metrics", key=kernel_key).status == 200
    assert server.request("GET", "oaikit/api/status", key=kernel_key).status == 200
    body = {"model": SERVED, "prompt": "The", "max_tokens": 2}
    assert server.request("POST", "oaikit/v1/completions", body, key=kernel_key).status == 200
    for path in ("oaikit/api/load", "oaikit/api/unload", "oaikit/api/keys"):
        assert server.request("POST", path, {}, key=kernel_key).status == 403
    assert server.request("GET", "api/contents", key=kernel_key).status == 403
    assert server.request("POST", "api/kernels", {}, key=kernel_key).status == 403
    assert server.request("GET", "oaikit/no-such", key=kernel_key).status == 404
    assert server.request("DELETE", "oaikit/v1/models", key=kernel_key).status == 405


def test_a_terminal_finds_the_server_too(server: Server, tmp_path: Path) -> None:
    """Its environment is the server's, and so that of every program started there."""
    environ = Path(f"/proc/{server.process.pid}/environ")
    assert environ.exists()
    terminal = server.request("POST", "api/terminals", {}).json["name"]
    try:
        url = server.url.replace("http", "ws", 1) + f"terminals/websocket/{terminal}"
        socket = create_connection(url, header=[f"Authorization: Bearer {server.token}"], timeout=20)
        out = tmp_path / "terminal"
        socket.send(
            json.dumps(
                ["stdin", f'echo "$OPENAI_BASE_URL $OPENAI_API_KEY" > {out}.part; mv {out}.part {out}\r']
            )
        )
        from tests.harness import wait_until

        wait_until(out.exists, 20)
        url_found, key = out.read_text().split()
        assert url_found == server.v1
        assert server.request("GET", "oaikit/v1/models", key=key).status == 200
        socket.close()
    finally:
        server.request("DELETE", f"api/terminals/{terminal}")


def run_script(
    server: Server, code: str, tmp_path: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A program outside Jupyter, of the same user: it has the runtime folder and nothing else."""
    variables = isolated_environment(tmp_path) | {"JUPYTER_RUNTIME_DIR": str(server.folder / "runtime")}
    return subprocess.run(
        [sys.executable, "-c", code], env=variables | environment, capture_output=True, text=True, timeout=60
    )


def test_connect_finds_a_running_server(server: Server, tmp_path: Path) -> None:
    done = run_script(server, "import oaikit as ok; print(ok.connect().url, ok.connect().model)", tmp_path)
    assert done.stdout.split() == [server.v1, SERVED], done.stderr


def test_connect_says_what_to_start(server: Server, tmp_path: Path) -> None:
    done = run_script(
        server, "import oaikit as ok; ok.connect()", tmp_path, JUPYTER_RUNTIME_DIR=str(tmp_path)
    )
    assert "ServerNotFoundError" in done.stderr
    assert "jupyter lab --OAIKit.model" in done.stderr


def test_connect_to_a_url(server: Server) -> None:
    with ok.connect(server.v1, api_key=server.token) as llm:
        assert llm.models()[0] == SERVED
        assert llm.status()["state"] == "ready"
        assert llm.openai.models.list().data[0].id == SERVED
        assert llm.complete("The", max_tokens=3).usage.completion_tokens == 3
        with pytest.raises(ok.OAIKitError, match="temperature"):
            llm.chat("Hello", temperature=9)
    with pytest.raises(ServerNotFoundError, match="does not answer"):
        ok.connect("http://127.0.0.1:9/v1").chat("Hello")


def test_the_extension_is_enabled() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", "server", "extension", "list"],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert "oaikit_server" in done.stderr + done.stdout
    assert "OK" in (done.stderr + done.stdout).split("oaikit_server", 1)[1][:200]

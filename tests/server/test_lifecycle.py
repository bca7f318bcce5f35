"""Loading, crashing, stopping: each with real processes and real signals."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.harness import READY_S, Server, jupyter_server, title, wait_until


class Streaming:
    """A stream in flight, read on a thread of its own."""

    def __init__(self, server: Server) -> None:
        self.body, self.ended_at = b"", 0.0
        connection = server.connection()
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
        body = {
            "model": "tiny",
            "prompt": "The",
            "max_tokens": 1900,
            "ignore_eos": True,
            "stream": True,
        }
        connection.request("POST", f"{server.path}oaikit/v1/completions", json.dumps(body), headers)
        self.thread = threading.Thread(target=self._read, args=(connection,), daemon=True)
        self.thread.start()
        wait_until(lambda: self.body.count(b"data:") > 5, 20)

    def _read(self, connection: HTTPConnection) -> None:
        response = connection.getresponse()
        try:
            while piece := response.read1(65536):
                self.body += piece
        except (OSError, HTTPException):  # cut off
            pass
        self.ended_at = time.monotonic()
        response.close()
        connection.close()

    def last_events(self, timeout_s: float = 10) -> list[str]:
        self.thread.join(timeout_s)
        assert not self.thread.is_alive()
        return [line[6:] for line in self.body.decode().splitlines() if line.startswith("data: ")][-2:]

    def error(self, timeout_s: float = 10) -> dict[str, Any]:
        """The error that ended the stream."""
        event, done = self.last_events(timeout_s)
        assert done == "[DONE]"
        error: dict[str, Any] = json.loads(event)["error"]
        return error


def complete(server: Server) -> int:
    body = {"model": "tiny", "prompt": "The", "max_tokens": 4}
    return server.request("POST", "oaikit/v1/completions", body).status


def start(folder: Path, model: Path, *options: str, **variables: str) -> Any:
    model_options = (f"--OAIKit.model={model}", "--OAIKit.served_model_name=tiny")
    return jupyter_server(folder, *model_options, *options, **variables)


def test_a_crash_is_told_at_once_and_mended(model: Path, tmp_path: Path) -> None:
    """Also: the first request loads the model when `autoload` is off; SIGKILL of Jupyter leaves nothing."""
    with start(tmp_path, model, "--OAIKit.autoload=False") as server:
        assert server.status()["state"] == "stopped"
        assert complete(server) == 200  # loads, and waits for it
        stream = Streaming(server)
        core = next(p for p in server.engine_processes() if "EngineCore" in " ".join(p.cmdline()))
        killed = time.monotonic()
        core.kill()
        error = stream.error()
        assert stream.ended_at - killed < 1
        assert (error["type"], error["code"]) == ("server_error", "engine_crashed")
        assert "signal 9" in error["message"]
        status = server.status()
        assert status["state"] == "loading"
        assert "signal 9" in status["error"]
        assert complete(server) == 200  # waits for the restart
        assert server.status()["restarts"] == 1

        stream = Streaming(server)
        server.signal(signal.SIGKILL)
        assert len(server.children) == 2  # EngineCore, of both engines
        wait_until(lambda: not server.orphans(), 5)


def test_a_terminated_jupyter_leaves_no_engine(model: Path, tmp_path: Path) -> None:
    """SIGTERM in mid-stream. SIGINT in mid-stream: test_authentication_modes.py, where a server has to end anyway."""
    with start(tmp_path, model) as server:
        server.wait_for("ready")
        stream = Streaming(server)
        server.ends_by(signal.SIGTERM)
        assert stream.error()["code"] == "engine_stopped"


def spawned(server: Server) -> list[int]:
    """Processes of multiprocessing below the server: vLLM's, from their first moment on."""
    children = psutil.Process(server.process.pid).children(recursive=True)
    return [child.pid for child in children if "spawn_main" in title(child)]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_load_leaves_no_process_when_jupyter_ends(model: Path, tmp_path: Path, how: signal.Signals) -> None:
    """EngineCore has just been spawned and imports vLLM for seconds, so its own code can notice nothing yet."""
    with start(tmp_path, model) as server:
        server.children |= set(wait_until(lambda: spawned(server), READY_S, every=0.01))
        server.process.send_signal(how)
        wait_until(lambda: not server.orphans(), 5 if how == signal.SIGKILL else 10)
        server.process.wait(10)


def test_a_hung_engine_is_killed_and_started_again(model: Path, tmp_path: Path) -> None:
    """EngineCore is stopped as a debugger would, first while it works, then while it is idle."""
    with start(tmp_path, model, "--OAIKit.hang_timeout_s=3") as server:
        server.wait_for("ready")
        time.sleep(5)
        assert server.status()["restarts"] == 0, "an idle engine is not taken for a hung one"
        stream = Streaming(server)
        [core] = server.engine_processes()
        core.suspend()
        error = stream.error(15)
        assert error["code"] == "engine_crashed"
        assert "no sign of life" in error["message"]
        assert complete(server) == 200  # waits for the restart
        assert server.status()["restarts"] == 1

        [core] = server.engine_processes()
        core.suspend()
        wait_until(lambda: server.status()["state"] != "ready", 15)
        server.wait_for("ready")
        assert "no sign of life" in server.status()["error"]


RAISES = """
from vllm.v1.sample.logits_processor import LogitsProcessor


class Raises(LogitsProcessor):
    def __init__(self, vllm_config, device, is_pin_memory):
        pass

    def is_argmax_invariant(self):
        return False

    def update_state(self, batch_update):
        for _, params, *_ in batch_update.added if batch_update else ():
            if params.seed == 13:
                raise MemoryError("the device has run out of memory")

    def apply(self, logits):
        return logits
"""


def test_the_cause_of_an_engines_death_is_told(model: Path, tmp_path: Path) -> None:
    """An exception ends EngineCore while it serves, as running out of memory would."""
    (tmp_path / "raises.py").write_text(RAISES)
    options = ["--OAIKit.engine_args={'logits_processors': ['raises:Raises']}"]
    with start(
        tmp_path, model, *options, PYTHONPATH=f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    ) as server:
        server.wait_for("ready")
        assert complete(server) == 200
        body = {"model": "tiny", "prompt": "The", "max_tokens": 4, "seed": 13}
        answer = server.request("POST", "oaikit/v1/completions", body)
        assert (answer.status, answer.json["error"]["code"]) == (500, "engine_crashed")
        assert "MemoryError: the device has run out of memory" in answer.json["error"]["message"]
        assert "run out of memory" in server.status()["error"]
        assert complete(server) == 200  # waits for the restart


def test_load_unload_and_failures(model: Path, tmp_path: Path) -> None:
    """One server from no model, over a broken one, to a good one, and back to none."""
    with jupyter_server(tmp_path, "--OAIKit.model=") as server:
        assert server.status()["state"] == "stopped"
        refused = server.request("POST", "oaikit/v1/completions", {"model": "tiny", "prompt": "The"})
        assert refused.status == 503
        assert refused.json["error"]["code"] == "engine_stopped"
        assert refused.headers["x-should-retry"] == "false"

        broken = tmp_path / "broken"
        broken.mkdir()
        for file in model.iterdir():
            (broken / file.name).write_bytes(
                file.read_bytes() if file.suffix != ".safetensors" else b"not weights"
            )
        assert server.request("POST", "oaikit/api/load", {"model": str(broken)}).status == 202
        failed = wait_until(lambda: (s := server.status())["state"] == "failed" and s, READY_S)
        assert "header" in failed["error"].lower() or "safetensor" in failed["error"].lower(), failed["error"]
        refused = server.request("GET", "oaikit/v1/models")
        assert refused.status == 503
        assert refused.json["error"]["code"] == "engine_failed"
        assert failed["error"] in refused.json["error"]["message"]

        wanted = {
            "model": str(model),
            "served_model_name": ["tiny", "small"],
            "engine_args": {"max_model_len": 2000},
        }
        begun = server.request("POST", "oaikit/api/load", wanted)
        assert begun.status == 202
        assert begun.json["state"] == "loading"
        phases = set()

        def ready() -> bool:
            status = server.status()
            phases.add((status["progress"] or {}).get("phase"))
            return bool(status["state"] == "ready")

        wait_until(ready, READY_S)
        assert {"starting EngineCore", "loading weights"} <= phases, phases
        models = server.request("GET", "oaikit/v1/models").json["data"]
        assert [(entry["id"], entry["max_model_len"]) for entry in models] == [
            ("tiny", 2000),
            ("small", 2000),
            (str(model), 2000),
        ]
        assert complete(server) == 200

        stream = Streaming(server)
        server.engine_processes()
        unloaded = server.request("POST", "oaikit/api/unload")
        assert unloaded.status == 200
        assert unloaded.json["state"] == "stopped"
        assert stream.error()["code"] == "engine_stopped"
        assert not server.orphans()
        assert complete(server) == 503

"""The servers that are measured: how each is started, when it is ready, and how it is stopped."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

HOST = "127.0.0.1"
SERVED_MODEL_NAME = "bench"
# The same for both, whatever either would default to.
ENGINE_ARGS: dict[str, Any] = {
    "dtype": "float32",
    "enable_chunked_prefill": False,
    "enforce_eager": True,
    "max_model_len": 2048,
    "kv_cache_memory_bytes": 1 << 30,
    "disable_log_stats": False,
    "enable_log_requests": False,
}
# Quiet logs, and nothing that calls home while the clock runs.
ENVIRONMENT = {"VLLM_LOGGING_LEVEL": "WARNING", "VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True)
class Launch:
    """What tells one kind of server from another."""

    command: list[str]
    environment: dict[str, str]
    chat_path: str
    probe_path: str
    ready: Callable[
        [int, bytes], bool
    ]  # HTTP status and body of ready_path; raises RuntimeError when loading failed
    ready_path: str
    token: str


class Contestant:
    """One server: a process in a session of its own, with the engine's processes below it."""

    def __init__(self, name: str, port: int, launch: Launch, folder: Path) -> None:
        self.name, self.port, self.launch, self.folder = name, port, launch, folder
        self.log = folder / "server.log"
        self.boot_s = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Contestant:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.launch.command,
                env=os.environ | ENVIRONMENT | self.launch.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        if self.process is None:
            raise RuntimeError(f"{self.name} is not started")
        return self.process.pid

    def wait_until_ready(self, timeout_s: float = 300) -> None:
        """Block until the model is served. Raises RuntimeError with the end of the log when that fails."""
        start = time.monotonic()
        while not self._is_ready():
            if self.process is None or self.process.poll() is not None:
                raise RuntimeError(f"{self.name} exited while loading:\n{self._log_end()}")
            if time.monotonic() - start > timeout_s:
                raise RuntimeError(f"{self.name} was not ready after {timeout_s:.0f} s:\n{self._log_end()}")
            time.sleep(0.5)
        self.boot_s = time.monotonic() - start

    def _is_ready(self) -> bool:
        url = f"http://{HOST}:{self.port}{self.launch.ready_path}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.launch.token}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return self.launch.ready(response.status, response.read())
        except urllib.error.HTTPError as error:
            if error.code >= 500:  # not yet
                return False
            raise RuntimeError(f"{self.name}: {url} answered {error.code}:\n{self._log_end()}") from error
        except OSError:
            return False

    def _log_end(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])

    def stop(self) -> None:
        """End the server and every process below it; say so when it left some of them behind."""
        if self.process is None:
            return
        try:
            children = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            children = []
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            print(f"{self.name}: still up 20 s after SIGTERM, killed", file=sys.stderr)
            self.process.kill()
            self.process.wait()
        self.process = None
        orphans = psutil.wait_procs(children, timeout=5)[1]
        for orphan in orphans:  # psutil compares start times, so a reused pid is safe
            print(f"{self.name}: left process {orphan.pid} behind, killed", file=sys.stderr)
            orphan.kill()


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def as_flags(engine_args: dict[str, Any]) -> list[str]:
    """Engine arguments as vLLM's command line takes them."""
    flags = []
    for name, value in engine_args.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            flags.append(flag)
        elif value is False:
            flags += (
                [] if name == "disable_log_stats" else ["--no" + flag[1:]]
            )  # the one flag without a --no-
        else:
            flags += [flag, value if isinstance(value, str) else json.dumps(value)]
    return flags


def vllm(name: str, model: Path, engine_args: dict[str, Any], folder: Path) -> Contestant:
    """vLLM's own server, access log off. The CPU package's `vllm` command fails, so its module is run."""
    port = free_port()
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    command += ["--served-model-name", SERVED_MODEL_NAME, "--host", HOST, "--port", str(port)]
    command += ["--disable-uvicorn-access-log", *as_flags(engine_args)]
    launch = Launch(
        command=command,
        environment={},
        chat_path="/v1/chat/completions",
        probe_path="/health",
        ready=lambda status, _: status == 200,
        ready_path="/health",
        token="unused",
    )
    return Contestant(name, port, launch, folder)


def jupyter(name: str, model: Path, engine_args: dict[str, Any], folder: Path) -> Contestant:
    """A Jupyter server with oaikit, its settings, data and notebooks in `folder`."""
    port, token = free_port(), secrets.token_hex(16)
    places = {name: folder / name for name in ("config", "data", "runtime", "root")}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    oaikit = {"model": str(model), "served_model_name": SERVED_MODEL_NAME, "engine_args": engine_args}
    (places["config"] / "jupyter_server_config.json").write_text(json.dumps({"OAIKit": oaikit}))
    command = [
        sys.executable,
        "-m",
        "jupyter_server",
        "--no-browser",
        "--allow-root",
        f"--ServerApp.ip={HOST}",
    ]
    command += [
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={places['root']}",
    ]
    launch = Launch(
        command=[*command, f"--IdentityProvider.token={token}"],
        environment={
            f"JUPYTER_{name.upper()}_DIR": str(places[name]) for name in ("config", "data", "runtime")
        },
        chat_path="/oaikit/v1/chat/completions",
        probe_path="/api",
        ready=oaikit_is_ready,
        ready_path="/oaikit/api/status",
        token=token,
    )
    return Contestant(name, port, launch, folder)


def oaikit_is_ready(_: int, body: bytes) -> bool:
    """Whether oaikit's status says "ready". Raises RuntimeError when it says "failed"."""
    status = json.loads(body)
    if status["state"] == "failed":
        raise RuntimeError(f"oaikit could not load the model: {status.get('error')}")
    return bool(status["state"] == "ready")


KINDS: dict[str, Callable[[str, Path, dict[str, Any], Path], Contestant]] = {"oaikit": jupyter, "vllm": vllm}


def make(kinds: list[str], model: Path, engine_args: dict[str, Any], folder: Path) -> list[Contestant]:
    """The contestants, told apart by number when both are of one kind (an A/A run)."""
    twins = len(set(kinds)) < len(kinds)
    names = [f"{kind}-{number}" if twins else kind for number, kind in enumerate(kinds, 1)]
    return [
        KINDS[kind](name, model, engine_args, folder / name) for kind, name in zip(kinds, names, strict=True)
    ]

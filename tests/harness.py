"""Starts real Jupyter servers and asks them things."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from jupyter_client import BlockingKernelClient

from oaikit.settings import Environment

SERVED = "tiny"  # the name that the shared server's model is served under
READY_S = 250  # an engine starts in half a minute on two idle cores, and in many on busy ones
WORKER_VARIABLES = {each.metadata["name"] for each in fields(Environment)}


@dataclass
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A Jupyter server in a process of its own, in folders of its own."""

    process: subprocess.Popen[bytes]
    url: str
    token: str
    log: Path
    folder: Path
    children: set[int] = field(default_factory=set)

    @property
    def v1(self) -> str:
        return f"{self.url}oaikit/v1"

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def connection(self, timeout: float = READY_S) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)

    def listens(self) -> bool:
        connection = self.connection()
        try:
            connection.connect()
        except ConnectionRefusedError:
            return False
        finally:
            connection.close()
        return True

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = "",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Ask for a path under the base URL. `key`: None sends none, "" Jupyter's token. `body`: bytes, or JSON."""
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {key or self.token}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = self.connection()
        try:
            connection.request(method, self.path + path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def status(self) -> dict[str, Any]:
        return self.request("GET", "oaikit/api/status").json

    def wait_for(self, state: str, timeout: float = READY_S) -> dict[str, Any]:
        """Wait until the engine is in a state."""
        status = wait_until(lambda: (s := self.status())["state"] in (state, "failed") and s, timeout)
        assert status["state"] == state, f"{status}\n{self.log.read_text()[-4000:]}"
        return status

    def engine_processes(self) -> list[psutil.Process]:
        """vLLM's processes below this one. They're remembered, for `orphans`."""
        found = [
            p
            for p in psutil.Process(self.process.pid).children(recursive=True)
            if title(p).startswith("VLLM::")
        ]
        self.children |= {p.pid for p in found}
        return found

    def orphans(self) -> list[str]:
        """The titles of those of vLLM's processes that are still alive."""
        return [title for pid in self.children if (title := _alive(pid))]

    def signal(self, number: signal.Signals) -> None:
        self.engine_processes()
        self.process.send_signal(number)

    def ends_by(self, number: signal.Signals) -> None:
        """Send a signal, and see the server and its engine end within 10 s."""
        self.signal(number)
        assert self.children
        deadline = time.monotonic() + 10
        assert self.process.wait(10) in (0, -number)
        wait_until(lambda: not self.orphans(), deadline - time.monotonic())

    def stop(self) -> None:
        """End what `start` began, this process and what is below it."""
        self.engine_processes() if self.process.poll() is None else None
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in self.children:
            if _alive(pid):
                psutil.Process(pid).kill()


def title(process: psutil.Process) -> str:
    """The command line of a process; empty if it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def _alive(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else title(process)
    except psutil.Error:
        return ""


def wait_until(look: Callable[[], Any], timeout: float, every: float = 0.05) -> Any:
    """Look until there is something to see."""
    deadline = time.monotonic() + timeout
    while not (seen := look()):
        assert time.monotonic() < deadline, f"nothing after {timeout} s"
        time.sleep(every)
    return seen


def isolated_environment(folder: Path) -> dict[str, str]:
    """This environment, with Jupyter's folders elsewhere and no trace of another server."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OAIKIT_", "OPENAI_", "JUPYTER_", "JPY_")) and name not in WORKER_VARIABLES
    }
    for name in ("CONFIG", "DATA", "RUNTIME"):
        environment[f"JUPYTER_{name}_DIR"] = str(folder / name.lower())
    return environment | {"VLLM_NO_USAGE_STATS": "1", "HF_HUB_OFFLINE": "1"}


@contextmanager
def jupyter_server(
    folder: Path, *options: str, base_url: str = "/", token: str | None = None, **variables: str
) -> Iterator[Server]:
    """Start a server on a free port, with environment variables of its own; stop it at the end.

    `token`: None makes one up, "" is for a server with a password.
    """
    token, log = secrets.token_hex(16) if token is None else token, folder / "log"
    command = [
        *(sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.base_url={base_url}"),
        *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"),
        *options,
    ]
    environment = isolated_environment(folder) | variables
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(process, "", token, log, folder)
    try:
        server.url = wait_until(lambda: _announced_url(folder / "runtime", process, log), 60)
        wait_until(server.listens, 20)  # the URL is announced a moment earlier
        yield server
    finally:
        server.stop()


def _announced_url(runtime: Path, process: subprocess.Popen[bytes], log: Path) -> str | None:
    assert process.poll() is None, log.read_text()[-4000:]
    for file in runtime.glob("jpserver-*.json"):
        try:
            return str(json.loads(file.read_text())["url"])
        except ValueError:
            pass  # half written
    return None


@contextmanager
def kernel(server: Server) -> Iterator[Kernel]:
    """A new kernel of the server, as a notebook has one."""
    id = server.request("POST", "api/kernels", {"name": "python3"}).json["id"]
    client = BlockingKernelClient()
    client.load_connection_file(str(server.folder / "runtime" / f"kernel-{id}.json"))
    # Without heartbeats: a kernel that takes more than a second to answer the first would count as dead.
    client.start_channels(hb=False)
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(server, id, client)
    finally:
        client.stop_channels()
        server.request("DELETE", f"api/kernels/{id}")


@dataclass
class Kernel:
    """A kernel, and what it says on IOPub."""

    server: Server
    id: str
    client: BlockingKernelClient

    def run(self, code: str, timeout: float = 60) -> list[dict[str, Any]]:
        """Run a cell to its end; what was published meanwhile, in Jupyter's messages."""
        return list(self.messages(self.client.execute(code), timeout))

    def messages(self, cell: str, timeout: float = 60) -> Iterator[dict[str, Any]]:
        """What is published until a cell that was begun has ended, as it comes."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.client.get_iopub_msg(timeout=max(deadline - time.monotonic(), 0.01))
            yield message
            content = message["content"]
            ended = message["msg_type"] == "status" and content["execution_state"] == "idle"
            if ended and message["parent_header"].get("msg_id") == cell:
                return

    def interrupt(self) -> None:
        """As the button of a notebook does it."""
        self.server.request("POST", f"api/kernels/{self.id}/interrupt")

    def interrupted_stream(self, code: str) -> tuple[list[dict[str, Any]], float]:
        """Run a cell that streams, and interrupt it when it does. What it published from then on, and the seconds."""
        begun = self.client.execute(code)
        for message in self.messages(begun):
            if message["msg_type"] == "comm_msg" and "streaming" in json.dumps(message["content"]):
                break
        at = time.monotonic()
        self.interrupt()
        return list(self.messages(begun)), time.monotonic() - at


def printed(messages: list[dict[str, Any]]) -> str:
    """What a cell printed, and the traceback of what it raised."""
    return "".join(
        message["content"].get("text", "") or "\n".join(message["content"].get("traceback", []))
        for message in messages
        if message["msg_type"] in ("stream", "error")
    )


def run_in_kernel(server: Server, code: str) -> str:
    """Run code in a new kernel of the server, as a notebook does. Returns what it printed."""
    with kernel(server) as started:
        messages = started.run(code)
    said = printed(messages)
    assert not any(message["msg_type"] == "error" for message in messages), said
    return said.strip()

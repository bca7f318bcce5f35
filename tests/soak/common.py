"""What all suites share: their results, the servers they run on, and connections made of plain sockets."""

from __future__ import annotations

import os
import socket
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tests.harness import SERVED, Server, jupyter_server
from tools import tiny_model

T = TypeVar("T")

BASE_URL = "/user/ada/"  # as under JupyterHub: nothing may depend on being served at the root
WRITE_TIMEOUT_S = 5.0  # short, so that the suites can wait for it
SHOWN = 5  # failures per check in the report; the JSON file has more
KEPT = 200  # failures per check in the JSON file


@dataclass
class Check:
    """One row of the report.

    Args:
        name: What was tried.
        wanted: The result that counts as a success.
        runs: How often it was tried.
        failed: How many of the runs failed.
        failures: A description of each of the first failures.
        seconds: The times that were measured, if any.
        note: What else a reader has to know, such as counts of statuses.
    """

    name: str
    wanted: str
    runs: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    note: str = ""

    def record(self, failure: str | None, seconds: float | None = None) -> None:
        """Count one run."""
        self.runs += 1
        if seconds is not None:
            self.seconds.append(round(seconds, 3))
        if failure is not None:
            self.failed += 1
            if len(self.failures) < KEPT:
                self.failures.append(failure)

    def measured(self) -> str:
        """The median and the worst of the times, and the note."""
        times = ""
        if self.seconds:
            times = f"median {statistics.median(self.seconds):.2f} s, worst {max(self.seconds):.2f} s"
        return "; ".join(part for part in (times, self.note) if part)

    def as_dict(self) -> dict[str, Any]:
        """In JSON's types."""
        return asdict(self)


@contextmanager
def engine_server(folder: Path, *options: str, **variables: str) -> Iterator[Server]:
    """A Jupyter server whose engine loads the tiny model.

    Args:
        folder: Where the server keeps its files.
        options: More options for Jupyter.
        variables: More environment variables.
    """
    chosen = (
        f"--OAIKit.model={tiny_model.build()}",
        f"--OAIKit.served_model_name={SERVED}",
        f"--OAIKit.write_timeout_s={WRITE_TIMEOUT_S}",
        "--ServerApp.allow_unauthenticated_access=False",
        *options,
    )
    with jupyter_server(folder, *chosen, base_url=BASE_URL, **variables) as server:
        yield server


class Ground:
    """The server that suites share while its engine stays healthy: starting one takes half a minute."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._server: Server | None = None

    def server(self) -> Server:
        """A server with a ready engine; a new one if the last suite broke it."""
        if self._server is not None and not self._is_healthy(self._server):
            self.close()
        if self._server is None:
            folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
            self._server = self._open.enter_context(engine_server(folder))
            self._server.wait_for("ready")
        return self._server

    def close(self) -> None:
        """Stop the server."""
        self._server = None
        self._open.close()

    @staticmethod
    def _is_healthy(server: Server) -> bool:
        try:
            return bool(server.status()["state"] == "ready")
        except (OSError, ValueError):
            return False


def connect(server: Server, timeout: float, receive_buffer: int | None = None) -> socket.socket:
    """A connection to the server.

    Args:
        server: The server to connect to.
        timeout: Seconds that one operation on the socket may take.
        receive_buffer: Bytes that the kernel keeps for a client that does not read. None: the system's default.
    """
    parts = urlsplit(server.url)
    made = socket.socket()
    if receive_buffer is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    made.settimeout(timeout)
    made.connect((parts.hostname, parts.port))
    return made


def scaled(full: int, repeat: int, default: int) -> int:
    """A secondary number of a suite, in proportion to how often its primary part is repeated; at least 1."""
    return max(1, round(full * repeat / default))


def chosen(names: str | None, known: dict[str, T]) -> list[T]:
    """Those that are named, separated by commas; None: all."""
    return [known[name.strip()] for name in (names.split(",") if names else known)]


def cpu_model() -> str:
    """The processor's name, as Linux gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "an unknown processor"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))

"""SIGKILL, SIGTERM, SIGINT and SIGHUP of Jupyter in six situations: no process is left, and streams are told.

A server of its own for each run. `SOAK_SIGNALS` and `SOAK_SITUATIONS` (names, separated by commas) choose some.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.harness import READY_S, Server, wait_until
from tests.soak.common import Check, Ground, chosen, engine_server
from tests.soak.streams import Stream

# Seconds until no process may be left.
LIMITS_S = {signal.SIGKILL: 5.0, signal.SIGTERM: 10.0, signal.SIGINT: 10.0, signal.SIGHUP: 10.0}
STREAMS = 32
MARKER = "SOAK_RUN"
# How much longer a process that is left is watched, to say when it ended.
WATCHED_S = 20.0


@dataclass(frozen=True)
class Situation:
    """What the server does when the signal comes.

    Args:
        name: How the report calls it.
        reached: Waits for it.
        streams: How many streams are in flight then.
        ranks: Data-parallel ranks of the engine.
    """

    name: str
    reached: Callable[[Server], object]
    streams: int = 0
    ranks: int = 1


class Family:
    """All processes below a Jupyter server, those that it has started and lost too.

    A thread looks for them all the time, since a child without its parent can't be found by it any more. What was
    started between two looks is found by a variable in its environment.
    """

    def __init__(self, server: Server, marker: str) -> None:
        self._server, self._marker = server, f"{MARKER}={marker}"
        self._seen: dict[int, psutil.Process] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._done.wait(0.05):
            self._add_children()

    def _add_children(self) -> None:
        with suppress(psutil.Error):
            parent = psutil.Process(self._server.process.pid)
            for child in parent.children(recursive=True):
                self._seen.setdefault(child.pid, child)

    def stop_looking(self) -> None:
        self._done.set()
        self._thread.join()

    def left(self) -> list[psutil.Process]:
        """Those that are still alive, Jupyter itself included."""
        self._server.process.poll()  # reaps it
        marked = [process for process in psutil.process_iter() if self._is_marked(process)]
        known = {process.pid: process for process in (*self._seen.values(), *marked)}
        return [process for process in known.values() if self._is_alive(process)]

    def _is_marked(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error, OSError):
            return self._marker in Path(f"/proc/{process.pid}/environ").read_text(errors="replace").split(
                "\0"
            )
        return False

    def end(self) -> None:
        """Kill what is left."""
        for process in self.left():
            with suppress(psutil.Error):
                process.kill()

    @staticmethod
    def _is_alive(process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return False


def describe(process: psutil.Process) -> str:
    """A process in a report."""
    with suppress(psutil.Error):
        title = " ".join(process.cmdline())[:80]
        return f"{process.pid} {title!r} ({process.memory_info().rss >> 20} MiB)"
    return f"{process.pid} (gone)"


def phase(*wanted: str) -> Callable[[Server], object]:
    """Waits until a load has come to one of these phases."""

    def look(server: Server) -> bool:
        status = server.status()
        assert status["state"] in ("stopped", "loading"), (
            f"{status['state']} before the phase: {status['error']}"
        )
        return (status["progress"] or {}).get("phase") in wanted

    return lambda server: wait_until(lambda: look(server), READY_S, every=0.02)


def spawned(server: Server) -> object:
    """Waits for EngineCore's process: the command that multiprocessing starts, before Python runs anything of it."""

    def look() -> bool:
        children = psutil.Process(server.process.pid).children(recursive=True)
        titles = []
        for child in children:
            with suppress(psutil.Error):
                titles.append(" ".join(child.cmdline()))
        return any("spawn_main" in title or "VLLM::" in title for title in titles)

    return wait_until(look, READY_S, every=0.02)


def ready(server: Server) -> object:
    return server.wait_for("ready")


SITUATIONS = (
    Situation("importing vLLM", phase("importing vLLM")),
    Situation("EngineCore just spawned", spawned),
    Situation(
        "loading weights", phase("loading weights", "allocating the KV cache", "starting the scheduler")
    ),
    Situation("idle", ready),
    Situation(f"{STREAMS} streams", ready, streams=STREAMS),
    Situation("two data-parallel ranks", ready, ranks=2),
)


def untold(stream: Stream) -> str | None:
    """How a stream ended, if that was not with an error event and the end mark."""
    stream.join(15)
    if stream.thread.is_alive():
        return "a stream goes on"
    return None if stream.ended_with_an_error() else f"a stream ended with {stream.data[-80:]!r}"


def one_run(number: signal.Signals, situation: Situation, ended: Check, told: Check | None) -> None:
    """Start a server, bring it into the situation, send the signal, see what is left."""
    marker = uuid.uuid4().hex
    options = [
        f"--OAIKit.engine_args={{'data_parallel_size': {situation.ranks}, 'kv_cache_memory_bytes': 268435456}}"
    ]
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        engine_server(Path(folder), *options, **{MARKER: marker}) as server,
    ):
        family = Family(server, marker)
        try:
            situation.reached(server)
            streams = [Stream(server, max_tokens=1900) for _ in range(situation.streams)]
            for stream in streams:
                stream.wait_for_events(3)
            server.process.send_signal(number)
            ended.record(*wait_for_end(family, LIMITS_S[number]))
            for stream in streams if told is not None else ():
                told.record(untold(stream))  # type: ignore[union-attr]
        except AssertionError as exc:
            ended.record(f"the situation was not reached: {str(exc)[:300]}")
        finally:
            family.stop_looking()
            family.end()
            with suppress(subprocess.TimeoutExpired):
                server.process.wait(5)


def wait_for_end(family: Family, limit_s: float) -> tuple[str | None, float]:
    """Wait until no process is left. What is wrong if that takes too long, and the seconds it took."""
    began = time.monotonic()
    late = ""
    while left := family.left():
        passed = time.monotonic() - began
        if passed > limit_s and not late:
            late = "; ".join(describe(process) for process in left)
        if passed > limit_s + WATCHED_S:
            return f"after {passed:.0f} s still there: {late}", passed
        time.sleep(0.02)
    passed = time.monotonic() - began
    return (f"ended after {passed:.1f} s: {late}" if late else None), passed


def run(ground: Ground, repeat: int) -> Iterator[Check]:
    """Every signal in every situation, `repeat` times.

    Args:
        ground: Closed: each run needs a server of its own.
        repeat: How often.
    """
    ground.close()
    for number in chosen(os.environ.get("SOAK_SIGNALS"), {each.name: each for each in LIMITS_S}):
        for situation in chosen(os.environ.get("SOAK_SITUATIONS"), {each.name: each for each in SITUATIONS}):
            ended = Check(
                f"{number.name}, {situation.name}", f"no process left after {LIMITS_S[number]:.0f} s"
            )
            told = None
            if situation.streams and number != signal.SIGKILL:
                told = Check(f"{number.name}, the streams", "an error event and [DONE]")
            for _ in range(repeat):
                one_run(number, situation, ended, told)
            yield ended
            if told is not None:
                yield told

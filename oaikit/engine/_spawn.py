"""Child processes with an environment of their own, which end with this process whatever ends it.

vLLM starts its processes through multiprocessing's method "spawn", which offers neither. Both have to be part of the
command that is executed: a child that asks for them later, when vLLM's imports are done, may have lost its parent long
before, and would wait in vLLM's handshake for minutes with hundreds of megabytes.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker, util
from multiprocessing.process import BaseProcess
from typing import Any

from oaikit.errors import EngineStoppedError

# First statements of a child: die with the parent (`man 2 prctl`, PR_SET_PDEATHSIG with SIGKILL), unless it has died
# already. Then a process group of its own: Ctrl-C in Jupyter's terminal asks Jupyter "shut down?", and must not have
# stopped the engine. Not a session of its own: Linux may schedule that as another group, to which vLLM's spinning does
# not yield (`man 7 sched`, autogroups).
_TIE = "import ctypes, os; ctypes.CDLL(None).prctl(1, 9); os.getppid() == {parent} or os._exit(1); os.setpgid(0, 0); "

_by_thread = threading.local()
_process_wide: Spawner | None = None
_original: Any = None


class Spawner:
    """Starts the child processes of one engine.

    Args:
        environment: Variables that only the children get; None: they do not get it though this process has it.

    Attributes:
        pids: The processes that were started, in order.
    """

    def __init__(self, environment: Mapping[str, str | None] | None = None) -> None:
        self.environment: dict[str, str | None] = dict(environment or {})
        self.pids: list[int] = []
        self._stopped = False

    @contextmanager
    def spawning(self) -> Iterator[None]:
        """In this block, processes that the current thread spawns are this spawner's.

        The kernel ends a child when the *thread* that started it ends, so the thread has to live as long as the engine.
        """
        _hook()
        _by_thread.spawner = self
        try:
            yield
        finally:
            del _by_thread.spawner

    def processes(self) -> list[BaseProcess]:
        """The processes that are alive."""
        return [child for child in multiprocessing.active_children() if child.pid in self.pids]

    def stop(self) -> None:
        """Kill the processes that are alive, and start no more."""
        self._stopped = True
        for process in self.processes():
            process.kill()

    def _spawn(self, path: Any, args: Sequence[Any], passed: Any) -> int:
        if self._stopped:
            raise EngineStoppedError("the load was broken off")
        path, args = tied_command(path, args, os.getpid(), self.environment)
        pid: int = _original(os.fsencode(path), args, passed)
        self.pids.append(pid)
        return pid


def tie_all_children() -> None:
    """Tie every process that this one spawns from now on to its life."""
    global _process_wide
    _hook()
    _process_wide = Spawner()


def tied_command(
    path: str | bytes, args: Sequence[str | bytes], parent: int, environment: Mapping[str, str | None]
) -> tuple[str, list[str]]:
    """The command of a spawned Python, changed so that it ends with its parent and has some variables of its own.

    ``env`` sets the variables, because some of them (``LD_PRELOAD``) count only from a program's start on.
    """
    python, command = os.fsdecode(path), [os.fsdecode(each) for each in args]
    code = command.index("-c") + 1
    command[code] = _TIE.format(parent=parent) + command[code]
    if not environment:
        return python, command
    env = shutil.which("env") or "/usr/bin/env"
    unset = [option for name, value in environment.items() if value is None for option in ("-u", name)]
    assigned = [f"{name}={value}" for name, value in environment.items() if value is not None]
    return env, [env, *unset, *assigned, python, *command[1:]]


def _hook() -> None:
    """Put this module between multiprocessing and the system call; once in a process."""
    global _original
    resource_tracker.ensure_running()  # spawned in the same way, and shared with everybody else in this process
    if _original is None:
        _original = util.spawnv_passfds
        util.spawnv_passfds = _spawnv_passfds  # type: ignore[assignment]


def _spawnv_passfds(path: Any, args: Sequence[Any], passed: Any) -> int:
    spawner = getattr(_by_thread, "spawner", _process_wide)
    if spawner is None or "-c" not in map(os.fsdecode, args):
        pid: int = _original(path, args, passed)
        return pid
    return spawner._spawn(path, args, passed)

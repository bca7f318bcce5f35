"""What oaikit runs inside the processes that vLLM starts.

vLLM loads the entry points of the group ``vllm.general_plugins`` in every process of its own. There oaikit ties the
process's life to its parent's, and reports how the load goes. In a process that oaikit's engine did not start,
`install` does nothing.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import json
import logging
import multiprocessing
import os
import re
import signal
import time
from contextlib import suppress

from oaikit import settings
from oaikit.errors import EngineFailedError

_PR_SET_PDEATHSIG = 1  # linux/prctl.h

# What vLLM 0.32 logs, and the phase that begins with it. A message that changes costs the phase's name, nothing else.
_PHASES = (
    (re.compile(r"Starting to load model"), "loading weights"),
    (re.compile(r"torch\.compile|Warming up model for the compilation"), "compiling"),
    (re.compile(r"KV cache (size|memory)"), "allocating the KV cache"),
    (re.compile(r"Capturing .*(CUDA graph|cudagraph)", re.IGNORECASE), "capturing CUDA graphs"),
    (re.compile(r"init engine \(profile"), "starting the scheduler"),
)


def install() -> None:
    """Entry point ``vllm.general_plugins: oaikit``; vLLM may call it more than once in a process."""
    parent, report = multiprocessing.parent_process(), settings.engine_report_file()
    if parent is None or parent.pid is None or report is None:
        return
    die_with_parent(parent.pid)
    end_without_collecting()
    # A group of its own: Ctrl-C in Jupyter's terminal asks Jupyter "shut down?", and must not have stopped the engine.
    # Not a session of its own: Linux may schedule that as another group, to which vLLM's spinning does not yield
    # (`man 7 sched`, autogroups).
    with suppress(OSError):
        os.setpgid(0, 0)
    logger = logging.getLogger("vllm")
    if not any(isinstance(handler, _Reporter) for handler in logger.handlers):
        logger.addHandler(_Reporter(report))


def refuse_to_begin_anew() -> None:
    """An engine that is made while vLLM starts a process is made by the user's own script, which that process imports.

    Raises:
        EngineFailedError: that is so; the engine for which the process is started has the same as its cause.
    """
    # What multiprocessing itself looks at, before it starts a process.
    if not getattr(multiprocessing.current_process(), "_inheriting", False):
        return
    error = EngineFailedError(
        'vLLM\'s process imports this script: make the engine under `if __name__ == "__main__":`, or in a function '
        "that is called there"
    )
    if report := settings.engine_report_file():
        append(report, {"error": error.message})
    raise error


def end_without_collecting() -> None:
    """Have the interpreter end without a last garbage collection, which takes 2 s over what vLLM imports."""
    atexit.unregister(gc.freeze)  # may have been called before
    atexit.register(gc.freeze)


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends, however that ends (``man 2 prctl``, PR_SET_PDEATHSIG).

    The parent may have died while this process was importing vLLM; then it ends here.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


class _Reporter(logging.Handler):
    """Appends a JSON line to the report for each phase of the load, and for each exception that vLLM logs."""

    def __init__(self, path: str) -> None:
        super().__init__(logging.INFO)
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        try:
            entry = _entry(record)
        except Exception:
            self.handleError(record)
            return
        if entry is not None:
            append(self._path, entry)


def _entry(record: logging.LogRecord) -> dict[str, str] | None:
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        return {"error": f"{type(error).__name__}: {error}"}
    if record.levelno != logging.INFO:
        return None
    text = record.getMessage()
    return next(({"phase": phase} for pattern, phase in _PHASES if pattern.search(text)), None)


def append(path: str, entry: dict[str, str]) -> None:
    """Add one line to a report. Lines this short are appended whole, whichever process writes."""
    with suppress(OSError), open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps({**entry, "time": time.time()}) + "\n")


def read(path: str) -> list[dict[str, str]]:
    """The lines of a report so far; none when there is no such file."""
    entries = []
    with suppress(OSError), open(path, encoding="utf-8") as file:
        for line in file:
            with suppress(ValueError):  # half written, or by two processes at once
                entries.append(json.loads(line))
    return entries

"""What oaikit runs inside the processes that vLLM starts.

vLLM loads the entry points of the group ``vllm.general_plugins`` in every process that it starts. There oaikit ties the
processes that this one starts to its life (see `oaikit.engine._spawn`), and reports how the load goes. `install` does
nothing in a process that oaikit's engine did not start.
"""

from __future__ import annotations

import atexit
import gc
import json
import logging
import multiprocessing
import time
from contextlib import suppress

from oaikit import settings
from oaikit.engine import _spawn
from oaikit.engine.phases import phase_of
from oaikit.errors import EngineFailedError


def install() -> None:
    """Entry point ``vllm.general_plugins: oaikit``; vLLM may call it more than once in a process."""
    report = settings.engine_report_file()
    if multiprocessing.parent_process() is None or report is None:
        return
    _spawn.tie_all_children()
    end_without_collecting()
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
    """Have the interpreter end without its last garbage collections, which take seconds over what vLLM imports.

    Triton's classes then outlive the interpreter, and the nanobind in it prints lines such as "nanobind: leaked …".
    Nothing leaks: the process ends. Triton offers Python no way to turn that off.
    """
    atexit.unregister(gc.freeze)  # may have been called before
    atexit.register(gc.freeze)


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
    phase = phase_of(record)
    return None if phase is None else {"phase": phase}


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


def errors(path: str, since: float = 0.0) -> list[str]:
    """The exceptions in a report, oldest first; with ``since``, those that were logged at that time or later.

    Args:
        path: The report.
        since: Seconds since 1970.
    """
    return [entry["error"] for entry in read(path) if "error" in entry and float(entry["time"]) >= since]

"""Which run is at work on what, so that several processes on one store share the work.

A run claims what it is about to ask. A claim counts as long as its run is alive: its process exists, if it can be seen
from here, and has said so within the last `STALE_S` seconds. A process that was killed holds nothing up.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Final

from oaikit._sqlite import Database

Key = tuple[str, int]
"""What is claimed: a request, or something else by name, and its replicate."""

BEAT_S: Final = 5.0
"""Between two signs of life of a run."""
STALE_S: Final = 30.0
"""Without a sign of life, before a run of another machine counts as dead."""


class Claims:
    """The claims in a store."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def begin(self, run: str) -> None:
        """Sign on, and remove what dead runs have left."""
        with self._db.transaction() as db:
            runs = db.execute("SELECT run, process, beat FROM workers").fetchall()
            dead = [(name,) for name, process, beat in runs if not _is_alive(process, beat)]
            db.executemany("DELETE FROM claims WHERE run = ?", dead)
            db.executemany("DELETE FROM workers WHERE run = ?", dead)
            db.execute(
                "INSERT INTO workers VALUES (?, ?, ?)", (run, json.dumps(_this_process()), time.time())
            )

    def beat(self, run: str) -> None:
        """Give a sign of life."""
        with self._db.transaction() as db:
            db.execute("UPDATE workers SET beat = ? WHERE run = ?", (time.time(), run))

    def end(self, run: str) -> None:
        """Sign off; what the run had claimed is free."""
        with self._db.transaction() as db:
            db.execute("DELETE FROM claims WHERE run = ?", (run,))
            db.execute("DELETE FROM workers WHERE run = ?", (run,))

    def take(self, run: str, keys: Sequence[Key]) -> set[Key]:
        """Claim what no other run that is alive has claimed; returns what was got."""
        with self._db.transaction() as db:
            others = self._held_by_others(db, run, keys)
            taken = [key for key in keys if key not in others]
            db.executemany("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", ((*key, run) for key in taken))
        return set(taken)

    @staticmethod
    def _held_by_others(db: Connection, run: str, keys: Sequence[Key]) -> set[Key]:
        # Mostly a run is alone, and then the join would be half of what a claim costs.
        if db.execute("SELECT 1 FROM workers WHERE run != ? LIMIT 1", (run,)).fetchone() is None:
            return set()
        held = db.execute(
            "SELECT request, replicate, process, beat FROM claims JOIN workers USING (run) JOIN json_each(?) AS wanted "
            "ON request = json_extract(wanted.value, '$[0]') AND replicate = json_extract(wanted.value, '$[1]') "
            "WHERE run != ?",
            (json.dumps(keys), run),
        ).fetchall()
        return {(request, replicate) for request, replicate, *worker in held if _is_alive(*worker)}


def _is_alive(process: str, beat: float) -> bool:
    """Whether a run is at work. What can't be seen from here is alive for as long as it says so."""
    if time.time() - beat > STALE_S:
        return False
    told, own = json.loads(process), _this_process()
    if any(told.get(name) != own[name] for name in ("machine", "namespace")):
        return True
    return bool(_started(told["pid"]) == told["started"])


def _this_process() -> dict[str, Any]:
    return {"pid": os.getpid(), "started": _started(os.getpid()), **_place()}


@cache
def _place() -> dict[str, str]:
    """The machine, and the process namespace: a container sees no processes but its own."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return {"machine": platform.node(), "namespace": namespace}


def _started(pid: int) -> str | None:
    """When a process began, in the system's own ticks; empty where that can't be told, None if there is none."""
    try:
        # The name in parentheses may hold anything; the 20th field after it is the start time (proc_pid_stat(5)).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return ""

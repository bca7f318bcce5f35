"""Where results are kept: an SQLite file that every request is committed to as it ends.

A result's key is its request, named by a hash of all that changes the output, and the replicate. Scores have a table of
their own, under the scorer's identity: another scorer asks no model. What a sweep asks for is kept too, so that
`open_sweep` needs neither the model nor the code that made it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from oaikit.errors import InvalidRequestError, SettingError
from oaikit.experiments.keys import plain

VERSION: Final = 1
_APPLICATION: Final = 0x6F61696B  # "oaik": PRAGMA application_id tells the file from other SQLite files
_BUSY_S = 30.0  # another kernel may be writing
# WAL needs memory that all processes share (https://www.sqlite.org/wal.html): these file systems have none.
_NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs", "fuse.sshfs")

_SCHEMA = """
CREATE TABLE runs (run TEXT PRIMARY KEY, sweep TEXT, began REAL, ended REAL, provenance TEXT);
CREATE TABLE requests (request TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE results (
    request TEXT, replicate INTEGER, run TEXT, text TEXT, finish_reason TEXT, prompt_tokens INTEGER,
    completion_tokens INTEGER, latency_s REAL, ttft_s REAL, mean_logprob REAL, error TEXT, reasoning TEXT,
    tool_calls TEXT, PRIMARY KEY (request, replicate)
) WITHOUT ROWID;
CREATE TABLE scores (
    request TEXT, replicate INTEGER, scorer TEXT, context TEXT, score REAL,
    PRIMARY KEY (scorer, context, request, replicate)
) WITHOUT ROWID;
CREATE TABLE sweeps (sweep TEXT PRIMARY KEY, spec TEXT NOT NULL, used REAL) WITHOUT ROWID;
CREATE TABLE asked (
    sweep TEXT, cell INTEGER, item INTEGER, request TEXT, executions INTEGER, PRIMARY KEY (sweep, cell, item)
) WITHOUT ROWID;
CREATE TABLE trials (tuning TEXT, number INTEGER, point TEXT, value REAL, PRIMARY KEY (tuning, number)) WITHOUT ROWID;
"""


class Result(NamedTuple):
    """What one replicate of a request came to. ``latency_s`` and ``ttft_s`` are seconds, ``mean_logprob`` nats."""

    request: str
    replicate: int
    run: str
    text: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float | None = None
    ttft_s: float | None = None
    mean_logprob: float | None = None
    error: str | None = None
    reasoning: str | None = None
    tool_calls: str | None = None


RESULT_FIELDS: Final = Result._fields
_RECORD: Final = (
    f"INSERT INTO results ({', '.join(RESULT_FIELDS)}) VALUES ({', '.join('?' * len(RESULT_FIELDS))}) "
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in RESULT_FIELDS[2:])} "
    "WHERE results.error IS NOT NULL"
)


class Asked(NamedTuple):
    """What a cell asks of an item: a request, and how many replicates of it are executed."""

    cell: int
    item: int
    request: str
    executions: int


Score = tuple[str, int, str, str, float | None]
"""Request, replicate, the scorer's identity, what else it read, the score."""


class Store:
    """An SQLite file of results, or one in memory for None.

    Raises:
        InvalidRequestError: the file is no store of oaikit's, or one of another version.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = None if path is None else Path(path).expanduser()
        self._lock = threading.RLock()  # held for a statement or two, never while anything else is called
        try:
            self._db = sqlite3.connect(
                self.path or ":memory:", timeout=_BUSY_S, check_same_thread=False, isolation_level=None
            )
            self._prepare()
        except sqlite3.Error as exc:
            raise InvalidRequestError(f"{self.path} can't be used as a store: {exc}", param="store") from exc

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __repr__(self) -> str:
        return f"Store({str(self.path) if self.path else 'in memory'})"

    def stamp(self) -> tuple[int, int]:
        """What is another one when anything has been written since, here or by another process."""
        with self._lock:
            return self._pragma("data_version"), self._db.total_changes

    # -- runs ----------------------------------------------------------------------------------------------------------

    def begin_run(self, run: str, sweep: str, provenance: Mapping[str, Any]) -> None:
        """Note that a run begins, and by what it is made."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO runs VALUES (?, ?, ?, NULL, ?)",
                (run, sweep, time.time(), json.dumps(provenance)),
            )
            db.execute("UPDATE sweeps SET used = ? WHERE sweep = ?", (time.time(), sweep))

    def end_run(self, run: str) -> None:
        """Note that a run has come to its end, whole or not."""
        with self._transaction() as db:
            db.execute("UPDATE runs SET ended = ? WHERE run = ?", (time.time(), run))

    def last_run(self, sweep: str) -> tuple[str, dict[str, Any]] | None:
        """Name and provenance of the sweep's last run."""
        row = self._one(
            "SELECT run, provenance FROM runs WHERE sweep = ? ORDER BY began DESC, rowid DESC LIMIT 1", sweep
        )
        return (row[0], json.loads(row[1])) if row else None

    def rate(self) -> tuple[float, float, float] | None:
        """What the runs so far made: tokens per second, tokens an answer, characters a token of prompts.

        None where nothing has run long enough to tell.
        """
        row = self._one(
            "SELECT SUM(tokens) / SUM(ended - began), CAST(SUM(tokens) AS REAL) / SUM(answers) FROM "
            "(SELECT run, SUM(completion_tokens) AS tokens, COUNT(completion_tokens) AS answers FROM results "
            "GROUP BY run) JOIN runs USING (run) WHERE ended > began AND answers > 0"
        )
        size = self._one(
            "SELECT CAST(SUM(LENGTH(body)) AS REAL) / SUM(prompt_tokens) FROM results JOIN requests USING (request) "
            "WHERE prompt_tokens > 0"
        )
        if not row or row[0] is None or not size or size[0] is None:
            return None
        return row[0], row[1], size[0]

    # -- sweeps --------------------------------------------------------------------------------------------------------

    def save_sweep(
        self, sweep: str, spec: Mapping[str, Any], asked: Sequence[Asked], bodies: Mapping[str, str]
    ) -> None:
        """Keep what a sweep asks for: its description, each cell's request to each item, the requests as JSON."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO sweeps VALUES (?, ?, ?)",
                (sweep, json.dumps(spec, default=plain), time.time()),
            )
            db.execute("DELETE FROM asked WHERE sweep = ?", (sweep,))
            db.executemany("INSERT INTO asked VALUES (?, ?, ?, ?, ?)", ((sweep, *each) for each in asked))
            db.executemany(
                "INSERT OR IGNORE INTO requests VALUES (?, ?)",
                bodies.items(),
            )

    def load_sweep(self, sweep: str) -> dict[str, Any]:
        """The description that `save_sweep` was given."""
        row = self._one("SELECT spec FROM sweeps WHERE sweep = ?", sweep)
        assert row is not None
        return dict(json.loads(row[0]))

    def sweeps(self) -> list[str]:
        """The sweeps that have results, the one that was used last at the end."""
        rows = self._all("SELECT sweep FROM sweeps WHERE sweep IN (SELECT sweep FROM runs) ORDER BY used")
        return [row[0] for row in rows]

    # -- results -------------------------------------------------------------------------------------------------------

    def record(self, results: Iterable[Result]) -> None:
        """Commit what requests came to, in place of errors that were there."""
        with self._transaction() as db:
            db.executemany(_RECORD, results)

    def done(self, sweep: str) -> dict[str, set[int]]:
        """The replicates of each of the sweep's requests that have a result and no error."""
        found: dict[str, set[int]] = {}
        for request, replicate in self._all(
            "SELECT DISTINCT request, replicate FROM asked JOIN results USING (request) "
            "WHERE sweep = ? AND replicate < executions AND error IS NULL",
            sweep,
        ):
            found.setdefault(request, set()).add(replicate)
        return found

    def rows(self, sweep: str) -> list[tuple[Any, ...]]:
        """Cell, item, executions and the `RESULT_FIELDS` of each result, in the order of the sweep."""
        names = ", ".join(f"results.{name}" for name in RESULT_FIELDS)
        return self._all(
            f"SELECT cell, item, executions, {names} FROM asked JOIN results USING (request) "
            "WHERE sweep = ? AND replicate < executions ORDER BY cell, item, replicate",
            sweep,
        )

    def bodies(self, sweep: str) -> dict[str, Any]:
        """The bodies of the sweep's requests."""
        rows = self._all(
            "SELECT request, body FROM requests WHERE request IN (SELECT request FROM asked WHERE sweep = ?)",
            sweep,
        )
        return {request: json.loads(body) for request, body in rows}

    # -- scores --------------------------------------------------------------------------------------------------------

    def record_scores(self, scores: Iterable[Score]) -> None:
        """Commit scores."""
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?)", scores)

    def scores(self, sweep: str, scorer: str) -> dict[tuple[str, int, str], float | None]:
        """A scorer's scores of the sweep's results, by request, replicate and what else it read."""
        rows = self._all(
            "SELECT request, replicate, context, score FROM scores WHERE scorer = ? "
            "AND request IN (SELECT request FROM asked WHERE sweep = ?)",
            scorer,
            sweep,
        )
        return {(request, replicate, context): score for request, replicate, context, score in rows}

    def forget_scores(self, scorer: str) -> None:
        """Remove what a scorer has said."""
        with self._transaction() as db:
            db.execute("DELETE FROM scores WHERE scorer = ?", (scorer,))

    # -- trials --------------------------------------------------------------------------------------------------------

    def trials(self, tuning: str) -> list[tuple[int, dict[str, Any], float | None]]:
        """Number, point and value (None: not known yet) of a tuning's trials, in order."""
        rows = self._all("SELECT number, point, value FROM trials WHERE tuning = ? ORDER BY number", tuning)
        return [(number, json.loads(point), value) for number, point, value in rows]

    def record_trial(self, tuning: str, number: int, point: Mapping[str, Any], value: float | None) -> None:
        """Commit a trial, or its value."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?)",
                (tuning, number, json.dumps(point), value),
            )

    # -- the file ------------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        if not self._one("SELECT 1 FROM sqlite_master LIMIT 1"):
            self._create()
        if self._pragma("application_id") != _APPLICATION:
            raise InvalidRequestError(
                f"{self.path} is an SQLite file, but no store of oaikit's: name another file", param="store"
            )
        if (version := self._pragma("user_version")) != VERSION:
            raise InvalidRequestError(
                f"{self.path} is a store of version {version}, and this release of oaikit reads version {VERSION}: "
                "name another file, or install the release that made it",
                param="store",
            )
        if self.path is not None and not _on_network(self.path):
            self._write_ahead()
            self._db.execute("PRAGMA synchronous = NORMAL")  # loses nothing but to a power cut

    def _write_ahead(self) -> None:
        """Readers and a writer don't wait for each other. Whoever meets another here is refused at once, not after the
        time of `connect`: two that wait to be the only one would wait for each other."""
        until = time.monotonic() + _BUSY_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as exc:
                if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            time.sleep(0.01)

    def _create(self) -> None:
        with self._transaction() as db:
            if self._one("SELECT 1 FROM sqlite_master LIMIT 1"):
                return  # another process has been faster
            for statement in filter(str.strip, _SCHEMA.split(";")):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {_APPLICATION}")
            db.execute(f"PRAGMA user_version = {VERSION}")

    def _pragma(self, name: str) -> Any:
        return self._db.execute(f"PRAGMA {name}").fetchone()[0]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as exc:
                with suppress(sqlite3.Error):  # of a full disk SQLite has undone it already
                    self._db.execute("ROLLBACK")
                if isinstance(exc, sqlite3.Error):
                    raise SettingError(f"the store {self.path} can't be written: {exc}") from exc
                raise

    def _all(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(statement, values).fetchall()

    def _one(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        with self._lock:
            row: tuple[Any, ...] | None = self._db.execute(statement, values).fetchone()
            return row


def _on_network(path: Path) -> bool:
    """Whether the folder is on a file system of the network."""
    try:
        mounts = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return False
    folder, found = str(path.absolute().parent.resolve()), ("", "")
    for line in mounts:
        _, point, kind, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        inside = folder == point or folder.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(found[0]):
            found = point, kind
    return found[1].startswith(_NETWORK)

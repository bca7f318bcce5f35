"""Where results are kept: an SQLite file that every request is committed to as it ends.

A result's key is its request, named by a hash of all that changes the output, and the replicate. Scores have a table of
their own, under the scorer's identity: another scorer asks no model. What a sweep asks for is kept too, so that
`open_sweep` needs neither the model nor the code that made it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from oaikit._sqlite import Database, Schema
from oaikit.errors import InvalidRequestError, StorageError
from oaikit.experiments.store.claims import Claims
from oaikit.experiments.store.spec import SweepSpec

_TABLES: Final = """
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


# From version 1 to 2.
_LATER_TOKENS: Final = "ALTER TABLE results ADD COLUMN later_tokens REAL;"
# From version 2 to 3: the data of a sweep, as an Arrow file.
_DATA: Final = "ALTER TABLE sweeps ADD COLUMN data BLOB;"
# From version 3 to 4: which process is at work on what, and why a scorer gave no score.
_CLAIMS: Final = """
CREATE TABLE claims (request TEXT, replicate INTEGER, run TEXT, PRIMARY KEY (request, replicate)) WITHOUT ROWID;
CREATE TABLE workers (run TEXT PRIMARY KEY, process TEXT, beat REAL) WITHOUT ROWID;
ALTER TABLE scores ADD COLUMN error TEXT;
"""
_STORE: Final = Schema(
    "sweep store",
    application_id=0x6F61696B,  # "oaik"
    migrations=[_TABLES, _LATER_TOKENS, _DATA, _CLAIMS],
    advice="name another file, or remove this one",
    refused=partial(InvalidRequestError, param="store"),
    failed=partial(StorageError, param="store"),
)


class Result(NamedTuple):
    """What one replicate of a request came to.

    ``latency_s`` and ``ttft_s`` are seconds, ``mean_logprob`` nats, ``later_tokens`` the tokens of a streamed answer
    that came after the first read.
    """

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
    later_tokens: float | None = None


RESULT_FIELDS: Final = Result._fields
_RECORD: Final = (
    f"INSERT INTO results ({', '.join(RESULT_FIELDS)}) VALUES ({', '.join('?' * len(RESULT_FIELDS))}) "
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in RESULT_FIELDS[2:])} "
    "WHERE results.error IS NOT NULL"
)


_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Asked(NamedTuple):
    """What a cell asks of an item: a request, and how many replicates of it are executed."""

    cell: int
    item: int
    request: str
    executions: int


Score = tuple[str, int, str, str, float | None]
"""Request, replicate, the scorer's identity, what else it read, the score."""
ScoreError = tuple[str, int, str, str, str]
"""The same, with what the scorer failed with in place of the score."""


def _encodable(value: Any) -> Any:
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value


class Store:
    """The results of sweeps in an SQLite file, of mode 0600 and made if need be.

    A file that is read-only can still be read. Any thread may use a store.

    Args:
        path: the file; None keeps everything in memory.

    Raises:
        InvalidRequestError: the file is damaged, not a store, of a newer version, or cannot be made or read.
        StorageError: by every method, if the file cannot be written any more: the disk is full, somebody has locked it,
            it was deleted or replaced, is damaged, read-only or closed.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = None if path is None or str(path) == ":memory:" else Path(path).expanduser()
        self._db = Database(self.path, _STORE)
        self.claims = Claims(self._db)

    def close(self) -> None:
        """Close the file. Unless somebody else has it open, it is complete by itself: no ``-wal`` is left beside it."""
        self._db.close()

    def __repr__(self) -> str:
        return f"Store({str(self.path) if self.path else 'in memory'})"

    def stamp(self) -> tuple[int, int]:
        """A value that changes whenever anything is written, here or by another process."""
        return self._db.stamp()

    # -- runs ----------------------------------------------------------------------------------------------------------

    def begin_run(self, run: str, sweep: str, provenance: Mapping[str, Any]) -> None:
        """Note that a run begins, and by what it is made."""
        with self._db.transaction() as db:
            db.execute(
                "INSERT INTO runs VALUES (?, ?, ?, NULL, ?)",
                (run, sweep, time.time(), json.dumps(provenance)),
            )
            db.execute("UPDATE sweeps SET used = ? WHERE sweep = ?", (time.time(), sweep))

    def end_run(self, run: str) -> None:
        """Note that a run has come to its end, whole or not."""
        with self._db.transaction() as db:
            db.execute("UPDATE runs SET ended = ? WHERE run = ?", (time.time(), run))

    def last_run(self, sweep: str) -> tuple[str, dict[str, Any]] | None:
        """Name and provenance of the sweep's last run."""
        row = self._db.row(
            "SELECT run, provenance FROM runs WHERE sweep = ? ORDER BY began DESC, rowid DESC LIMIT 1", sweep
        )
        return (row[0], json.loads(row[1])) if row else None

    def rate(self) -> tuple[float, float, float] | None:
        """What the runs so far made: tokens per second, tokens an answer, characters a token of prompts.

        None where nothing has run long enough to tell.
        """
        row = self._db.row(
            "SELECT SUM(tokens) / SUM(ended - began), CAST(SUM(tokens) AS REAL) / SUM(answers) FROM "
            "(SELECT run, SUM(completion_tokens) AS tokens, COUNT(completion_tokens) AS answers FROM results "
            "GROUP BY run) JOIN runs USING (run) WHERE ended > began AND answers > 0"
        )
        size = self._db.row(
            "SELECT CAST(SUM(LENGTH(body)) AS REAL) / SUM(prompt_tokens) FROM results JOIN requests USING (request) "
            "WHERE prompt_tokens > 0"
        )
        if not row or row[0] is None or not size or size[0] is None:
            return None
        return row[0], row[1], size[0]

    # -- sweeps --------------------------------------------------------------------------------------------------------

    def save_sweep(
        self,
        sweep: str,
        spec: SweepSpec,
        asked: Sequence[Asked],
        bodies: Mapping[str, str],
        data: bytes | None = None,
    ) -> None:
        """Keep what a sweep asks for. A store that can only be read is left as it is if it has the sweep already.

        Args:
            sweep: the sweep's name.
            spec: its description.
            asked: each cell's request to each item.
            bodies: the requests as JSON.
            data: the data as `frames.encode` wrote it; None for a sweep without data.
        """
        if self._db.read_only and self._db.row("SELECT 1 FROM sweeps WHERE sweep = ?", sweep):
            return
        with self._db.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO sweeps (sweep, spec, used, data) VALUES (?, ?, ?, ?)",
                (sweep, spec.to_json(), time.time(), data),
            )
            db.execute("DELETE FROM asked WHERE sweep = ?", (sweep,))
            db.executemany("INSERT INTO asked VALUES (?, ?, ?, ?, ?)", ((sweep, *each) for each in asked))
            db.executemany(
                "INSERT OR IGNORE INTO requests VALUES (?, ?)",
                bodies.items(),
            )

    def load_sweep(self, sweep: str) -> SweepSpec:
        """The description that `save_sweep` was given."""
        row = self._db.row("SELECT spec FROM sweeps WHERE sweep = ?", sweep)
        assert row is not None
        return SweepSpec.from_json(row[0])

    def load_data(self, sweep: str) -> bytes | None:
        """The data that `save_sweep` was given; earlier releases kept none."""
        row = self._db.row("SELECT data FROM sweeps WHERE sweep = ?", sweep)
        return row[0] if row else None

    def sweeps(self) -> list[str]:
        """The sweeps that have results, the one that was used last at the end."""
        rows = self._db.rows("SELECT sweep FROM sweeps WHERE sweep IN (SELECT sweep FROM runs) ORDER BY used")
        return [row[0] for row in rows]

    # -- results -------------------------------------------------------------------------------------------------------

    def record(self, results: Iterable[Result]) -> None:
        """Commit what requests came to, in place of errors that were there.

        Half of a surrogate pair becomes U+FFFD. Neither SQLite nor Arrow can hold it, and an answer that was paid for
        must not be lost.
        """
        results = list(results)
        try:
            with self._db.transaction() as db:
                db.executemany(_RECORD, results)
        except UnicodeEncodeError:
            with self._db.transaction() as db:
                db.executemany(_RECORD, ([_encodable(value) for value in result] for result in results))

    def texts_of(self, requests: Iterable[str]) -> dict[str, str]:
        """The texts of the first replicates of these requests, of those that have one and no error."""
        rows = self._db.rows(
            "SELECT request, text FROM results WHERE replicate = 0 AND error IS NULL AND text IS NOT NULL "
            "AND request IN (SELECT value FROM json_each(?))",
            json.dumps(list(requests)),
        )
        return dict(rows)

    def done(self, sweep: str) -> dict[str, set[int]]:
        """The replicates of each of the sweep's requests that have a result and no error."""
        found: dict[str, set[int]] = {}
        for request, replicate in self._db.rows(
            "SELECT DISTINCT request, replicate FROM asked JOIN results USING (request) "
            "WHERE sweep = ? AND replicate < executions AND error IS NULL",
            sweep,
        ):
            found.setdefault(request, set()).add(replicate)
        return found

    def results_of(self, keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], tuple[str, str | None]]:
        """The run and the error of those results that are there, by request and replicate."""
        rows = self._db.rows(
            "SELECT request, replicate, run, error FROM results JOIN json_each(?) AS wanted "
            "ON request = json_extract(wanted.value, '$[0]') AND replicate = json_extract(wanted.value, '$[1]')",
            json.dumps(list(keys)),
        )
        return {(request, replicate): (run, error) for request, replicate, run, error in rows}

    def failed(self, sweep: str) -> dict[tuple[str, int], str]:
        """The run of each of the sweep's results that is an error, by request and replicate."""
        rows = self._db.rows(
            "SELECT DISTINCT request, replicate, run FROM asked JOIN results USING (request) "
            "WHERE sweep = ? AND replicate < executions AND error IS NOT NULL",
            sweep,
        )
        return {(request, replicate): run for request, replicate, run in rows}

    def rows(self, sweep: str) -> list[tuple[Any, ...]]:
        """Cell, item, executions and the `RESULT_FIELDS` of each result, in the order of the sweep."""
        names = ", ".join(f"results.{name}" for name in RESULT_FIELDS)
        return self._db.rows(
            f"SELECT cell, item, executions, {names} FROM asked JOIN results USING (request) "
            "WHERE sweep = ? AND replicate < executions ORDER BY cell, item, replicate",
            sweep,
        )

    def bodies(self, sweep: str) -> dict[str, Any]:
        """The bodies of the sweep's requests."""
        rows = self._db.rows(
            "SELECT request, body FROM requests WHERE request IN (SELECT request FROM asked WHERE sweep = ?)",
            sweep,
        )
        return {request: json.loads(body) for request, body in rows}

    # -- scores --------------------------------------------------------------------------------------------------------

    def record_scores(self, scores: Iterable[Score]) -> None:
        """Commit scores."""
        with self._db.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?, NULL)", scores)

    def record_score_errors(self, errors: Iterable[ScoreError]) -> None:
        """Commit what scorers failed with."""
        with self._db.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, NULL, ?)", errors)

    def scores(self, sweep: str, scorer: str) -> dict[tuple[str, int, str], float | None]:
        """A scorer's scores of the sweep's results, by request, replicate and what else it read.

        Those that it failed on are not among them; see `score_errors`.
        """
        return self._said(sweep, scorer, "score", "error IS NULL")

    def score_errors(self, sweep: str, scorer: str) -> dict[tuple[str, int, str], str]:
        """What a scorer failed with on the sweep's results, by request, replicate and what else it read."""
        return self._said(sweep, scorer, "error", "error IS NOT NULL")

    def _said(self, sweep: str, scorer: str, column: str, condition: str) -> dict[tuple[str, int, str], Any]:
        rows = self._db.rows(
            f"SELECT request, replicate, context, {column} FROM scores WHERE scorer = ? AND {condition} "
            "AND request IN (SELECT request FROM asked WHERE sweep = ?)",
            scorer,
            sweep,
        )
        return {(request, replicate, context): value for request, replicate, context, value in rows}

    def score_of(self, scorer: str, request: str, replicate: int, context: str) -> tuple[Any, ...] | None:
        """A scorer's score and error of one result; None if it has said nothing."""
        return self._db.row(
            "SELECT score, error FROM scores WHERE scorer = ? AND context = ? AND request = ? AND replicate = ?",
            scorer,
            context,
            request,
            replicate,
        )

    def forget_scores(self, scorer: str) -> None:
        """Remove what a scorer has said."""
        with self._db.transaction() as db:
            db.execute("DELETE FROM scores WHERE scorer = ?", (scorer,))

    # -- trials --------------------------------------------------------------------------------------------------------

    def trials(self, tuning: str) -> list[tuple[int, dict[str, Any], float | None]]:
        """Number, point and value (None: not known yet) of a tuning's trials, in order."""
        rows = self._db.rows(
            "SELECT number, point, value FROM trials WHERE tuning = ? ORDER BY number", tuning
        )
        return [(number, json.loads(point), value) for number, point, value in rows]

    def record_trial(self, tuning: str, number: int, point: Mapping[str, Any], value: float | None) -> None:
        """Commit a trial, or its value."""
        with self._db.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?)",
                (tuning, number, json.dumps(point), value),
            )

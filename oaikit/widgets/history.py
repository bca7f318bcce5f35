"""Chats on disk: each turn is in a small SQLite file as soon as it happens.

Several kernels may write at once. A conversation is written node by node, so two kernels that go on with the same one
keep what both say. Every call opens the file anew: nothing is left locked by a kernel that dies, and none of the files
that SQLite keeps beside a WAL database stays behind an idle kernel.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oaikit.conversation import FORMAT, Conversation, Node
from oaikit.errors import ConversationError

VERSION = 1
"""Of the tables, in the file's ``user_version``."""

_TABLES = """
CREATE TABLE conversations (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL,
    leaf TEXT, settings TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE nodes (
    conversation TEXT NOT NULL, id TEXT NOT NULL, parent TEXT, role TEXT NOT NULL, message TEXT NOT NULL,
    created REAL NOT NULL, info TEXT NOT NULL,
    PRIMARY KEY (conversation, id)
);
CREATE INDEX conversations_by_time ON conversations (updated);
"""
# SQLite's locks on WAL files need memory that the processes share: not across the machines of a network file system
# (https://sqlite.org/wal.html).
_NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "glusterfs", "lustre", "gpfs", "beegfs", "fuse.")


def default_path() -> Path:
    """``oaikit/chats.db`` below the user's data folder: on Linux ``$XDG_DATA_HOME``, else ``~/.local/share``."""
    from platformdirs import user_data_path  # jupyter_core depends on it

    return user_data_path("oaikit", appauthor=False) / "chats.db"


@dataclass(frozen=True)
class Entry:
    """A conversation in the list: its id, title, time of the last change (Unix, seconds), number of messages."""

    id: str
    title: str
    updated: float
    messages: int


@dataclass(frozen=True)
class Record:
    """What is kept of a conversation besides its messages.

    ``settings`` has JSON's types.
    """

    id: str
    title: str
    leaf: str | None
    settings: Mapping[str, Any] = field(default_factory=dict)


class History:
    """The conversations in a file, which is made at the first write, for its owner alone (mode 0600).

    Parameters: the path (None: `default_path`), and how long to wait for a lock that others hold, seconds.

    Every call raises a ConversationError where the file can't be read or written, is damaged, locked by somebody for
    too long, or of a newer oaikit.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, timeout_s: float = 5.0) -> None:
        self.path = default_path() if path is None else Path(path).expanduser()
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        return f"History({str(self.path)!r})"

    def list(self) -> list[Entry]:
        """The conversations, last changed first. System prompts are not counted as messages."""
        if not self.path.exists():
            return []
        with self._open() as database:
            rows = database.execute(
                "SELECT id, title, updated, (SELECT count(*) FROM nodes WHERE conversation = c.id AND role NOT IN "
                "('system', 'developer')) FROM conversations AS c ORDER BY updated DESC, id"
            )
            return [Entry(*row) for row in rows]

    def open(self, id: str) -> tuple[Record, Conversation]:
        """A conversation and what is kept of it.

        Raises:
            ConversationError: there is none with that id.
        """
        if not self.path.exists():
            raise ConversationError(f"there is no history at {self.path}")
        with self._open() as database:
            row = database.execute(
                "SELECT id, title, leaf, settings FROM conversations WHERE id = ?", (id,)
            ).fetchone()
            if row is None:
                raise ConversationError(f"the history has no conversation {id!r}")
            nodes = database.execute(
                "SELECT id, parent, message, created, info FROM nodes WHERE conversation = ? ORDER BY rowid",
                (id,),
            ).fetchall()
        try:
            record = Record(row[0], row[1], row[2], json.loads(row[3]))
            return record, _conversation(nodes, record.leaf)
        except ValueError as exc:
            raise ConversationError(f"the conversation {id!r} in {self.path} is damaged: {exc}") from exc

    def write(self, record: Record, nodes: Iterable[Node], removed: Iterable[str] = ()) -> None:
        """Write nodes that are new or have changed, and what else is kept; ``removed`` has ids of nodes."""
        now, title = time.time(), record.title.encode(errors="replace").decode()
        with self._open(make=True) as database:
            database.execute(
                "INSERT INTO conversations (id, title, created, updated, leaf, settings) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET title = excluded.title, updated = excluded.updated, "
                "leaf = excluded.leaf, settings = excluded.settings",
                (record.id, title, now, now, record.leaf, json.dumps(dict(record.settings))),
            )
            # In place, so that a node keeps its rowid: the order in which they came.
            database.executemany(
                "INSERT INTO nodes (conversation, id, parent, role, message, created, info) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (conversation, id) DO UPDATE SET "
                "parent = excluded.parent, message = excluded.message, info = excluded.info",
                [_row(record.id, node) for node in nodes],
            )
            database.executemany(
                "DELETE FROM nodes WHERE conversation = ? AND id = ?", [(record.id, id) for id in removed]
            )

    def delete(self, id: str) -> None:
        """Remove a conversation; one that there isn't is no error."""
        if not self.path.exists():
            return
        with self._open() as database:
            database.execute("DELETE FROM nodes WHERE conversation = ?", (id,))
            database.execute("DELETE FROM conversations WHERE id = ?", (id,))

    @contextmanager
    def _open(self, *, make: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction, which ends with the block."""
        try:
            if make:
                self._make_file()
            with closing(self._connect()) as database:
                database.execute("BEGIN IMMEDIATE" if make else "BEGIN")
                self._check_version(database, make=make)
                yield database
                database.execute("COMMIT")
        except (sqlite3.Error, OSError) as exc:
            raise ConversationError(self._in_words(exc)) from exc

    def _make_file(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite would make it readable for others; what it keeps beside it gets the same mode.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=self._timeout_s, isolation_level=None)
        try:
            _choose_journal(database, self.path)
            database.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            database.close()
            raise
        return database

    def _check_version(self, database: sqlite3.Connection, *, make: bool) -> None:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version == VERSION:
            return
        if version != 0 or database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise ConversationError(
                f"{self.path} is no history that this oaikit can read (version {version}, not {VERSION}); "
                "give another path as history="
            )
        if not make:  # an empty file: somebody is about to fill it
            database.execute("ROLLBACK")
            database.execute("BEGIN IMMEDIATE")
        for statement in filter(str.strip, _TABLES.split(";")):  # executescript would commit
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {VERSION}")

    def _in_words(self, exc: Exception) -> str:
        text = str(exc)
        if "locked" in text or "busy" in text:
            return f"another program has locked the history {self.path} for more than {self._timeout_s:g} s"
        if isinstance(exc, sqlite3.DatabaseError) and not isinstance(exc, sqlite3.OperationalError):
            return f"the history {self.path} is damaged ({text}): move it away, and a new one is made"
        return f"the history {self.path} can't be used: {text}"


def _choose_journal(database: sqlite3.Connection, path: Path) -> None:
    """WAL, where readers and a writer do not wait for each other, if the file system can do it."""
    if database.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        return
    wanted = "DELETE" if _on_network(path) else "WAL"
    with suppress(sqlite3.OperationalError):  # SQLite leaves the mode as it was; another may be writing
        database.execute(f"PRAGMA journal_mode = {wanted}")


def _on_network(path: Path) -> bool:
    """Whether the file lies on a file system of another machine, as far as Linux says so."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    place, kind = path.resolve(), ""
    longest = -1
    for line in mounts:
        _, point, type_, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if place.is_relative_to(point) and len(point) >= longest:
            longest, kind = len(point), type_
    return kind.startswith(_NETWORK)


def _row(conversation: str, node: Node) -> tuple[Any, ...]:
    # In ASCII: what a model writes may have halves of surrogate pairs, which UTF-8 has not.
    message, info = json.dumps(dict(node.message)), json.dumps(dict(node.info))
    return conversation, node.id, node.parent, node.role, message, node.created, info


def _conversation(rows: list[tuple[Any, ...]], leaf: str | None) -> Conversation:
    """The tree of the nodes; where two kernels wrote, a parent may stand after its children."""
    entries = {
        id: {
            "id": id,
            "parent": parent,
            "message": json.loads(message),
            "created": created,
            "info": json.loads(info),
        }
        for id, parent, message, created, info in rows
    }
    ordered = list(_parents_first(entries))
    if leaf not in entries:
        leaf = ordered[-1]["id"] if ordered else None
    return Conversation.from_json(
        {"oaikit_conversation": FORMAT, "messages": [], "leaf": leaf, "nodes": ordered}
    )


def _parents_first(entries: Mapping[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    given: set[str] = set()
    for entry in entries.values():
        waiting = []
        while entry["id"] not in given:
            given.add(entry["id"])
            waiting.append(entry)
            if entry["parent"] in entries:
                entry = entries[entry["parent"]]
            else:
                entry["parent"] = None  # a beginning, or what it followed is lost
        yield from reversed(waiting)

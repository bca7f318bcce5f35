"""Chats on disk: each turn is in a small SQLite file as soon as it happens.

Several kernels may write at once. A conversation is written node by node, so two kernels that go on with the same one
keep what both say. Every call opens the file anew, so a kernel that dies leaves no lock behind, and an idle one none of
the files that SQLite keeps beside a database in use.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from oaikit._sqlite import Database, Schema
from oaikit.conversation import FORMAT, Conversation, Node
from oaikit.errors import ConversationError

_TABLES: Final = """
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
_HISTORY: Final = Schema(
    "history",
    application_id=0x6F616368,  # "oach"
    migrations=[_TABLES],
    advice="move it away, and a new one is made, or give another path as history=",
    refused=ConversationError,
    failed=ConversationError,
    unmarked_table="nodes",  # the first release's files have no application_id
    makes_folders=True,
)


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

    Args:
        path: the file (default: `default_path`).
        timeout_s: how long to wait for a lock that others hold, in seconds.

    Raises:
        ConversationError: by every method, if the file cannot be read or written: it is damaged, no history, of a newer
            version, locked by another program for longer than ``timeout_s``, read-only, or the disk is full.
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
            rows = database.rows(
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
        with self._open() as file, file.snapshot() as database:
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
        with self._open(create=True) as file, file.transaction() as database:
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
        with self._open() as file, file.transaction() as database:
            database.execute("DELETE FROM nodes WHERE conversation = ?", (id,))
            database.execute("DELETE FROM conversations WHERE id = ?", (id,))

    def _open(self, *, create: bool = False) -> closing[Database]:
        """The file, until the end of the block."""
        return closing(Database(self.path, _HISTORY, create=create, timeout_s=self._timeout_s))


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

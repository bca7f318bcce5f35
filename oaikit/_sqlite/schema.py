"""What a kind of file holds, and how it became what it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from oaikit.errors import OAIKitError, StorageError

Migration = str | Callable[[sqlite3.Connection], None]
"""SQL statements, or a function that changes the file inside the transaction it is called in."""


@dataclass(frozen=True)
class Schema:
    """One kind of file: how to recognize it, how to make it, and how to speak of it.

    Attributes:
        name: what messages call it, such as "sweep store".
        application_id: SQLite's ``application_id``, which tells it from other programs' files.
        migrations: the one at index n takes a file from version n to n + 1; version 0 is an empty file.
        advice: what to do about a file that is damaged or of another kind.
        refused: makes the error for a file that cannot be opened.
        failed: makes the error for whatever goes wrong with an open file.
        unmarked_table: a table by which files from before they had an ``application_id`` are recognized.
        durable: a commit survives a power cut, at the price of a disk flush for each.
        makes_folders: missing folders are made, with mode 0700.
        keeps_private: the mode is set to 0600 whenever the file is opened, not only when it is made or upgraded.
    """

    name: str
    application_id: int
    migrations: Sequence[Migration]
    advice: str
    refused: Callable[[str], OAIKitError] = StorageError
    failed: Callable[[str], OAIKitError] = StorageError
    unmarked_table: str | None = None
    durable: bool = False
    makes_folders: bool = False
    keeps_private: bool = False

    @property
    def version(self) -> int:
        """The version that this release writes."""
        return len(self.migrations)

    def recognize(self, database: sqlite3.Connection, where: str) -> int:
        """The version of a file of this kind; 0 for an empty one. Call it inside a transaction.

        Raises:
            OAIKitError: it is another program's, or of a newer version.
        """
        mark: int = pragma(database, "application_id")
        version: int = pragma(database, "user_version")
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master").fetchall()}
        if not tables and version == 0 and mark in (0, self.application_id):
            return 0
        unmarked = mark == 0 and version > 0 and self.unmarked_table in tables
        if mark != self.application_id and not unmarked:
            raise self.refused(f"{where} is an SQLite file, but no {self.name} of oaikit: {self.advice}")
        if version > self.version:
            raise self.refused(
                f"{where} is a {self.name} of version {version}, made by a newer release of oaikit; this release reads "
                f"version {self.version}: update oaikit, or {self.advice}"
            )
        return version

    def migrate(self, database: sqlite3.Connection, version: int) -> None:
        """Take the contents from a version to this release's. Call it inside a transaction."""
        for migration in self.migrations[version:]:
            if callable(migration):
                migration(database)
            else:
                _run_script(database, migration)
        database.execute(f"PRAGMA application_id = {self.application_id}")
        database.execute(f"PRAGMA user_version = {self.version}")


def pragma(database: sqlite3.Connection, name: str) -> Any:
    """The value of a setting or a counter of SQLite: a number or a text."""
    return database.execute(f"PRAGMA {name}").fetchone()[0]


def _run_script(database: sqlite3.Connection, script: str) -> None:
    """Execute statements one by one; `executescript` would commit the transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            database.execute(statement)
            statement = ""
    if statement.strip():
        database.execute(statement)

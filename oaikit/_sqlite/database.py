"""One connection to a file."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from oaikit._sqlite.faults import (
    deleted,
    explain,
    is_mistake,
    is_unwritable,
    may_write,
    not_a_database,
    primary_code,
    read_only,
)
from oaikit._sqlite.journal import avoid_shared_memory, choose_journal, supports_wal
from oaikit._sqlite.schema import Schema, pragma

_BESIDE: Final = ("-wal", "-shm", "-journal")


class Database:
    """One connection to an SQLite file of a known schema.

    Args:
        path: the file; None keeps everything in memory.
        schema: what the file holds.
        create: make the file if it does not exist.
        timeout_s: how long to wait for a lock that another connection holds, in seconds.

    Raises:
        OAIKitError: what the schema's ``refused`` makes: the file is damaged, no SQLite file, another program's, of a
            newer version, locked, or cannot be made or read.
    """

    def __init__(
        self, path: Path | None, schema: Schema, *, create: bool = True, timeout_s: float = 30.0
    ) -> None:
        self.path, self._schema, self._timeout_s = path, schema, timeout_s
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._identity: tuple[int, int] | None = None
        self._obstacle: sqlite3.Error | None = None
        self._discard_copy: Callable[[], object] = _nothing
        self._connection: sqlite3.Connection | None = None
        try:
            self._open(create)
        except (sqlite3.Error, OSError, ValueError) as exc:
            self.close()
            raise schema.refused(self._explain(exc)) from exc
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"Database({self.path or 'in memory'}, {self._schema.name})"

    @property
    def read_only(self) -> bool:
        """Whether the file, its folder or its disk did not allow writing when it was opened."""
        return self._obstacle is not None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction, committed at the end of the block, and undone if the block raises.

        Raises:
            OAIKitError: the file is read-only, locked, damaged, closed or was deleted, or the disk is full.
        """
        with self._lock, self._in_words():
            database = self._live()
            self._check_writable()
            database.execute("BEGIN IMMEDIATE")
            with _ending(database):
                yield database

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A read transaction: every statement in the block sees the same state of the file.

        Raises:
            OAIKitError: the file is locked, damaged or closed.
        """
        with self._lock, self._in_words():
            database = self._live()
            database.execute("BEGIN")
            with _ending(database):
                yield database

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._lock, self._in_words():
            return self._live().execute(statement, values).fetchall()

    def row(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        """The first row of a query, or None."""
        with self._lock, self._in_words():
            found: tuple[Any, ...] | None = self._live().execute(statement, values).fetchone()
            return found

    def stamp(self) -> tuple[int, int]:
        """A value that changes whenever the contents do, through this connection or any other."""
        with self._lock, self._in_words():
            database = self._live()
            return pragma(database, "data_version"), database.total_changes

    def data_version(self) -> int | None:
        """A number that changes when another connection changes the contents; None while another program locks them.

        Unlike all else here it never waits for a lock, if the connection was opened with a ``timeout_s`` of 0.
        """
        with self._lock, self._in_words():
            try:
                version: int = pragma(self._live(), "data_version")
            except sqlite3.OperationalError as exc:
                if primary_code(exc) == sqlite3.SQLITE_BUSY:
                    return None
                raise
            return version

    def is_in_place(self) -> bool:
        """Whether the path still leads to the file that was opened."""
        return self.path is None or _identity(self.path) == self._identity

    def close(self) -> None:
        """Close the file. Unless somebody else has it open, it is complete by itself: no ``-wal`` is left beside it."""
        with self._lock:
            writable = not self.read_only and self._pid == os.getpid() and self.is_in_place()
            if self._connection is not None and writable:
                # SQLite does this only for the last one that closes. If others are in the way, it is up to them.
                with suppress(sqlite3.Error):
                    self._connection.execute("PRAGMA busy_timeout = 0").fetchall()
                    self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            self._disconnect()
            self._discard_copy()

    # -- opening -------------------------------------------------------------------------------------------------------

    def _open(self, create: bool) -> None:
        if self.path is None:
            self._connection = self._connect(":memory:")
            self._upgrade(self._connection)
            return
        if create and self._schema.makes_folders:
            _make_private_folders(self.path.parent)
        try:
            self._open_for_writing(self.path, create)
        except sqlite3.Error as exc:
            if not is_unwritable(exc) or not self.path.is_file():
                raise
            self._disconnect()
            self._open_for_reading(self.path, exc)
        self._identity = _identity(self.path)

    def _open_for_writing(self, path: Path, create: bool) -> None:
        if path.is_file() and not may_write(path):
            self._obstacle = read_only()
            database = self._connect(f"{_uri(path)}?mode=ro")
        else:
            database = self._make(path) if create else self._connect(f"{_uri(path)}?mode=rw")
        self._connection = database
        wal = supports_wal(path.resolve().parent)
        if not wal:
            avoid_shared_memory(database)
        old = self._upgrade(database)
        if self.read_only:
            return
        choose_journal(database, wal=wal, timeout_s=self._timeout_s)
        if pragma(database, "journal_mode") == "wal" and not self._schema.durable:
            database.execute(
                "PRAGMA synchronous = NORMAL"
            )  # a power cut may undo the last commits, nothing else
        if self._schema.keeps_private or 0 < old < self._schema.version:
            _make_private(path)

    def _make(self, path: Path) -> sqlite3.Connection:
        """Connect to a file, and make it with mode 0600 if it does not exist.

        SQLite takes the mode from another file. Making it here and closing it would drop the locks that other threads
        of this process have on it by then (https://www.sqlite.org/howtocorrupt.html, section 2.2).
        """
        if path.exists():
            return self._connect(f"{_uri(path)}?mode=rw")
        with tempfile.NamedTemporaryFile() as model:
            return self._connect(f"{_uri(path)}?mode=rwc&modeof={quote(model.name)}")

    def _open_for_reading(self, path: Path, obstacle: sqlite3.Error) -> None:
        """Read a file that SQLite can't lock, recover or upgrade where it is."""
        self._obstacle = self._obstacle or obstacle.with_traceback(None)
        leftovers = [each for each in _beside(path, "-wal", "-journal") if each.stat().st_size]
        if not leftovers:
            self._connection = self._connect(f"{_uri(path)}?immutable=1")
            if self._version(self._connection) == self._schema.version:
                return
            self._disconnect()
        # Unchanged, SQLite would ignore what a log adds and read what a journal takes back. A copy can be changed.
        folder = Path(tempfile.mkdtemp(prefix="oaikit-"))
        self._discard_copy = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        copy = folder / path.resolve().name
        for each in (path.resolve(), *leftovers):
            shutil.copyfile(each, folder / each.name)
        self._connection = self._connect(f"{_uri(copy)}?mode=rw")
        self._upgrade(self._connection)

    def _connect(self, place: str) -> sqlite3.Connection:
        return sqlite3.connect(
            place, timeout=self._timeout_s, isolation_level=None, check_same_thread=False, uri=True
        )

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._pid == os.getpid():
            connection.close()
        else:
            _OF_PARENT.append(connection)

    def _upgrade(self, database: sqlite3.Connection) -> int:
        """Bring the file to the schema's version; the version that it had. If interrupted, it keeps the old one."""
        old = self._version(database)
        if old == self._schema.version:
            return old
        database.execute("BEGIN IMMEDIATE")
        with _ending(database):
            old = self._recognize(database)  # another process may have been faster
            self._schema.migrate(database, old)
        return old

    def _version(self, database: sqlite3.Connection) -> int:
        database.execute("BEGIN")
        with _ending(database):
            return self._recognize(database)

    def _recognize(self, database: sqlite3.Connection) -> int:
        version = self._schema.recognize(database, str(self.path))
        # SQLite takes a file that is shorter than a page for an empty database, and would overwrite it.
        if version == 0 and self.path and pragma(database, "page_count") == 0 and self.path.stat().st_size:
            raise not_a_database()
        return version

    # -- faults --------------------------------------------------------------------------------------------------------

    def _live(self) -> sqlite3.Connection:
        what = f"the {self._schema.name} {self.path or 'in memory'}"
        if self._pid != os.getpid() and self.path is not None:
            raise self._schema.failed(
                f"{what} was opened before this process was forked off, and SQLite can't share it: open it again here"
            )
        if self._connection is None:
            raise self._schema.failed(f"{what} is closed: open it again")
        return self._connection

    def _check_writable(self) -> None:
        if self._obstacle is not None:
            raise self._schema.failed(self._explain(self._obstacle))
        # SQLite would go on writing into a file that nobody can find any more.
        if not self.is_in_place():
            raise self._schema.failed(deleted(self.path, self._schema))

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            if is_mistake(exc):
                raise
            raise self._schema.failed(self._explain(exc)) from exc

    def _explain(self, exc: Exception) -> str:
        return explain(exc, self.path, self._schema, self._timeout_s)


# A forked child keeps its parent's connections: SQLite forbids closing them there, as forgetting them would.
_OF_PARENT: Final[list[sqlite3.Connection]] = []


def _nothing() -> None:
    pass


@contextmanager
def _ending(database: sqlite3.Connection) -> Iterator[None]:
    """Commit the open transaction at the end of the block, or undo it."""
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # on a full disk SQLite has undone it already
            database.execute("ROLLBACK")
        raise


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file that a path leads to now."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # it is not there, or its name cannot be
        return None
    return status.st_dev, status.st_ino


def _uri(path: Path) -> str:
    return path.absolute().as_uri()


def _beside(path: Path, *suffixes: str) -> list[Path]:
    """The files that SQLite keeps beside a database, as far as they are there."""
    real = path.resolve()
    return [each for suffix in suffixes if (each := real.with_name(real.name + suffix)).exists()]


def _make_private(path: Path) -> None:
    for each in (path, *_beside(path, *_BESIDE)):
        with suppress(OSError):  # somebody else's, or gone by now
            if stat.S_IMODE(each.stat().st_mode) & 0o077:
                each.chmod(0o600)


def _make_private_folders(folder: Path) -> None:
    """Make a folder and its missing parents for their owner alone; `Path.mkdir` does so for the last one only."""
    if not folder.is_dir():
        _make_private_folders(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)

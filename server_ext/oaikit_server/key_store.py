"""The keys that a user makes and revokes, in one SQLite file that all servers of this user share."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from oaikit._sqlite import Database, Schema, is_locked
from oaikit.errors import (
    AuthenticationError,
    NotFoundError,
    OAIKitError,
    StorageError,
    StorageLockedError,
)
from oaikit_server.earlier_keys import EarlierKeys
from oaikit_server.keys import DEFAULT_SCOPES, Key, hash_of

log = logging.getLogger("oaikit.keys")
T = TypeVar("T")

# How long a key that has ended is remembered, in seconds: until then its holder is told why it no longer works.
_REMEMBERED_S: Final = 90 * 24 * 3600
# How long a write waits for a lock that another process holds, and how long a read does, in seconds. The rollback
# journal locks readers out for the milliseconds of a commit; requests should not fail for that.
_LOCKED_S: Final = 5.0
_READ_LOCKED_S: Final = 0.1
_ADVICE: Final = "repair it, or move it away, and a new one is made"

_SCHEMA: Final = Schema(
    "key file",
    application_id=0x6F616B79,  # "oaky"
    migrations=[
        """
        CREATE TABLE keys (
            id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, scopes TEXT NOT NULL, created INTEGER NOT NULL,
            sha256 TEXT NOT NULL UNIQUE, expires INTEGER, revoked INTEGER, requests_per_minute INTEGER
        )
        """
    ],
    advice=_ADVICE,
    durable=True,  # a key that was revoked must not come back after a power cut
    makes_folders=True,
    keeps_private=True,
)
_FIELDS: Final = [each.name for each in fields(Key)]
_SELECT: Final = f"SELECT {', '.join(_FIELDS)} FROM keys"
_INSERT: Final = f"INSERT INTO keys ({', '.join(_FIELDS)}) VALUES ({', '.join('?' * len(_FIELDS))})"
_INSERT_NEW: Final = f"{_INSERT} ON CONFLICT DO NOTHING"


@dataclass(frozen=True)
class _View:
    """The keys as they were last read, and how to notice that they have changed since.

    Attributes:
        keys: the keys by the hash of their secret; None: the file has not been read yet.
        watch: a connection for the event loop alone, which never waits for a lock. None: there is no file to watch.
        version: the ``data_version`` of the watch before the keys were read.
        signature: what `KeyStore._signature` returned then; compared where there is no watch.
    """

    keys: Mapping[str, Key] | None = None
    watch: Database | None = None
    version: int | None = None
    signature: object = "not read yet"


class KeyStore:
    """Keys in a file. The secret of a key is returned once, by `create`; the file holds its SHA-256.

    `find` answers from memory. On the event loop it only asks SQLite whether another connection has changed the file.
    A changed file is read on one thread of the store and written on another, so that no request waits behind a write
    that waits for a lock. While another process locks the file against readers, the keys that were read last are valid.

    Args:
        path: the file, such as ``keys.db``. The keys of earlier releases, in ``keys.json`` beside it, are taken over.
        clock: the time in seconds since 1970.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._earlier, self._clock = path, EarlierKeys(path.with_suffix(".json")), clock
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="oaikit-keys-read")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="oaikit-keys-write")
        self._file: Database | None = None  # used by the writer's thread alone
        self._source: Database | None = None  # used by the reader's thread alone
        self._view = _View()  # replaced by the reader's thread alone
        self._reading: Future[None] | None = None
        self._taking_over: Future[None] | None = None
        self._logged = ""

    async def create(
        self,
        name: str,
        scopes: Collection[str] = DEFAULT_SCOPES,
        *,
        expires_in_s: float | None = None,
        requests_per_minute: int | None = None,
    ) -> tuple[Key, str]:
        """Make a key.

        Returns:
            The key and its secret, which is not stored.

        Raises:
            InvalidRequestError: a value is out of range.
            StorageError: the file cannot be written.
        """
        key, secret = Key.new(
            name, scopes, self._clock(), expires_in_s=expires_in_s, requests_per_minute=requests_per_minute
        )
        await _done(self._writer.submit(self._insert, key))
        return key, secret

    async def list(self) -> list[dict[str, Any]]:
        """Describe every key that is remembered, oldest first.

        Raises:
            StorageError: the file cannot be read.
        """
        return [self.describe(key) for key in await _done(self._reader.submit(self._all))]

    def describe(self, key: Key) -> dict[str, Any]:
        """The fields of a key that may be shown, and its state. Its hash is not among them."""
        shown = {**key.as_dict(), "state": key.state(self._clock())}
        del shown["sha256"]
        return shown

    async def revoke(self, key_id: str) -> Key:
        """End a key, now and in every server.

        Raises:
            NotFoundError: there is no such key.
            StorageError: the file cannot be written.
        """
        return await _done(self._writer.submit(self._revoke, key_id))

    async def find(self, secret: str) -> Key | None:
        """Return the key with this secret, or None. A damaged file has no keys.

        Raises:
            AuthenticationError: the key has expired or was revoked.
            StorageLockedError: the file has never been read, because another process locks it.
        """
        if not self._is_current():
            await self._read_again()
        keys = self._view.keys
        if keys is None:
            raise StorageLockedError(f"another program has locked the key file {self._path}")
        key = keys.get(hash_of(secret))
        if key is not None and (state := key.state(self._clock())) != "active":
            raise AuthenticationError(f"this key {'has' if state == 'expired' else 'was'} {state}")
        return key

    async def close(self) -> None:
        """Close the file. The next use opens it again."""
        await _done(self._reader.submit(self._stop_reading))
        await _done(self._writer.submit(self._close_file))

    # -- on the event loop ---------------------------------------------------------------------------------------------

    def _is_current(self) -> bool:
        """Whether the keys in memory are those in the file. While another program locks it, nothing changes."""
        view = self._view
        if view.watch is None:
            return view.signature == self._signature()
        try:
            version = view.watch.data_version()
        except OAIKitError:
            return False
        return version in (None, view.version) and view.watch.is_in_place()

    async def _read_again(self) -> None:
        """Read the file once for every request that waits for it."""
        if self._reading is None or self._reading.done():
            self._reading = self._reader.submit(self._read)
        await asyncio.shield(asyncio.wrap_future(self._reading))

    def _signature(self) -> tuple[tuple[int, int, int] | None, ...]:
        """A value that changes with a file that is not open, and with the file of earlier releases."""
        return _signature(self._path), _signature(self._earlier.path)

    # -- on the reader's thread ----------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Take the keys that are in the file now. If it cannot be read, no key is valid, and the log says so once."""
        signature, old = self._signature(), self._view
        watch, version, problem = None, None, ""
        try:
            if signature[0] is not None:
                watch = self._connected(old.watch)
                watch.rows("PRAGMA busy_timeout = 0")
                version = watch.data_version()  # before the keys are read, so that no later change is missed
            keys = {key.sha256: key for key in self._all()}
            self._view = _View(keys, watch, version, signature)
        except OAIKitError as exc:
            if not is_locked(exc):
                self._view, problem = _View({}, signature=signature), exc.message
        for each in {old.watch, watch}:
            if each is not None and each is not self._view.watch:
                each.close()
        if problem and problem != self._logged:
            log.error("none of the keys is valid: %s", problem)
        self._logged = problem

    def _all(self) -> Sequence[Key]:
        """Every key that is remembered, oldest first, with those of earlier releases that are not taken over yet."""
        # These first: they are removed from their file after they have come into the other one.
        earlier = self._earlier.read(required=not self._path.exists()) or ()
        if earlier and (self._taking_over is None or self._taking_over.done()):
            self._taking_over = self._writer.submit(self._take_over)
        if not self._path.exists():
            return earlier
        self._source = self._connected(self._source)
        keys = [self._parsed(row) for row in self._source.rows(f"{_SELECT} ORDER BY rowid")]
        known = {key.id for key in keys} | {key.sha256 for key in keys}
        return [*keys, *(key for key in earlier if not {key.id, key.sha256} & known)]

    def _connected(self, old: Database | None) -> Database:
        """A connection to the file for reading: the old one, unless the file has been replaced."""
        if old is not None:
            if old.is_in_place():
                return old
            old.close()
        return Database(self._path, _SCHEMA, create=False, timeout_s=_READ_LOCKED_S)

    def _stop_reading(self) -> None:
        view, self._view = self._view, _View()
        source, self._source = self._source, None
        for each in (view.watch, source):
            if each is not None:
                each.close()

    def _parsed(self, row: tuple[Any, ...]) -> Key:
        stored = dict(zip(_FIELDS, row, strict=True))
        try:
            return Key.from_dict({**stored, "scopes": stored["scopes"].split()})
        except (AttributeError, TypeError, ValueError) as exc:
            raise StorageError(f"the key file {self._path} is damaged ({exc}): {_ADVICE}") from exc

    # -- on the writer's thread ----------------------------------------------------------------------------------------

    def _insert(self, key: Key) -> None:
        forgotten = self._clock() - _REMEMBERED_S
        with self._opened().transaction() as db:
            db.execute("DELETE FROM keys WHERE expires < ? OR revoked < ?", (forgotten, forgotten))
            db.execute(_INSERT, _row(key))

    def _revoke(self, key_id: str) -> Key:
        missing = NotFoundError(f"there is no key with the id {key_id!r}", param="id")
        if not self._path.exists() and not self._earlier.path.exists():
            raise missing
        with self._opened().transaction() as db:
            now = int(self._clock())
            db.execute("UPDATE keys SET revoked = coalesce(revoked, ?) WHERE id = ?", (now, key_id))
            row = db.execute(f"{_SELECT} WHERE id = ?", (key_id,)).fetchone()
        if row is None:
            raise missing
        return self._parsed(row)

    def _opened(self) -> Database:
        if self._file is not None and not self._file.is_in_place():
            self._close_file()
        if self._file is None:
            earlier = self._earlier.read(required=not self._path.exists())
            self._file = Database(self._path, _SCHEMA, timeout_s=_LOCKED_S)
            self._store_earlier(self._file, earlier)
        return self._file

    def _take_over(self) -> None:
        """Move the keys of earlier releases into the file."""
        try:
            # A file that is open already may have been opened before that of earlier releases came back.
            self._store_earlier(self._opened(), self._earlier.read(required=False))
        except OAIKitError as exc:
            log.warning("the keys in %s are not taken over yet: %s", self._earlier.path, exc.message)

    def _store_earlier(self, file: Database, earlier: Sequence[Key] | None) -> None:
        if earlier is None:
            return
        with file.transaction() as db:
            db.executemany(_INSERT_NEW, map(_row, earlier))
        self._earlier.put_aside(self._path)

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


async def _done(work: Future[T]) -> T:
    """Wait for work on another thread.

    Raises:
        StorageLockedError: another process has locked the file.
    """
    try:
        return await asyncio.wrap_future(work)
    except StorageError as exc:
        if is_locked(exc):
            raise StorageLockedError(exc.message) from exc
        raise


def _row(key: Key) -> tuple[str | int | None, ...]:
    values = {**key.as_dict(), "scopes": " ".join(sorted(key.scopes))}
    return tuple(values[name] for name in _FIELDS)


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size

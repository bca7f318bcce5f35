"""The keys that a user makes and revokes, in one SQLite file that all servers of this user share."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from oaikit._sqlite import Database, Schema, is_locked
from oaikit.errors import AuthenticationError, NotFoundError, OAIKitError, StorageError
from oaikit_server.keys import DEFAULT_SCOPES, Key, hash_of

log = logging.getLogger("oaikit.keys")
T = TypeVar("T")

# How long a key that has ended is remembered, in seconds: until then its holder is told why it no longer works.
_REMEMBERED_S: Final = 90 * 24 * 3600
_LOCKED_S: Final = 5.0  # how long to wait for another server that is changing the file
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
    """The keys as they were read, by hash, and how to notice that they have changed since.

    ``watch`` is a connection of the event loop's own, which never waits for a lock; without one, ``signature`` tells.
    """

    keys: Mapping[str, Key] = field(default_factory=dict)
    watch: Database | None = None
    version: int | None = None
    signature: object = "not read yet"


class KeyStore:
    """Keys in a file. The secret of a key is returned once, by `create`; the file has its SHA-256.

    All that may wait for the disk or for other processes happens on a thread of the store. `find` answers from memory
    and asks SQLite only whether another connection has changed the file.

    Args:
        path: the file, such as ``keys.db``. Keys of earlier releases, in ``keys.json`` beside it, are taken over.
        clock: the time in seconds since 1970.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path, self._legacy, self._clock = path, path.with_suffix(".json"), clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="oaikit-keys")
        self._file: Database | None = None  # the thread's
        self._view = _View()
        self._reading: Future[None] | None = None
        self._logged = ""

    async def create(
        self,
        name: str,
        scopes: Collection[str] = DEFAULT_SCOPES,
        *,
        expires_in_s: float | None = None,
        requests_per_minute: int | None = None,
    ) -> tuple[Key, str]:
        """Make a key; the key and its secret, which is not stored.

        Raises:
            InvalidRequestError: a value is out of range.
            StorageError: the file cannot be written.
        """
        key, secret = Key.new(
            name, scopes, self._clock(), expires_in_s=expires_in_s, requests_per_minute=requests_per_minute
        )
        await self._on_thread(partial(self._insert, key))
        return key, secret

    async def list(self) -> list[dict[str, Any]]:
        """Every key that is remembered, oldest first, with its state and without its hash.

        Raises:
            StorageError: the file cannot be read.
        """
        return [self.describe(key) for key in await self._on_thread(self._all)]

    def describe(self, key: Key) -> dict[str, Any]:
        """What may be shown of a key."""
        shown = {**key.as_dict(), "state": key.state(self._clock())}
        del shown["sha256"]
        return shown

    async def revoke(self, key_id: str) -> Key:
        """End a key, now and in every server.

        Raises:
            NotFoundError: there is no such key.
            StorageError: the file cannot be written.
        """
        return await self._on_thread(partial(self._revoke, key_id))

    async def find(self, secret: str) -> Key | None:
        """The key with this secret, or None. A file that cannot be read has no keys.

        Raises:
            AuthenticationError: the key has expired or was revoked.
        """
        if not self._is_current():
            await self._read_again()
        key = self._view.keys.get(hash_of(secret))
        if key is not None and (state := key.state(self._clock())) != "active":
            raise AuthenticationError(f"this key {'has' if state == 'expired' else 'was'} {state}")
        return key

    async def close(self) -> None:
        """Close the file; the next use opens it again."""
        await self._on_thread(self._close)

    # -- on the event loop ---------------------------------------------------------------------------------------------

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.wrap_future(self._thread.submit(work))

    def _is_current(self) -> bool:
        """Whether what is in memory is what is in the file. While another program locks the file, nothing changes."""
        view = self._view
        if view.watch is None:
            return view.signature == self._signature()
        try:
            version = view.watch.data_version()
        except OAIKitError:
            return False
        return version in (None, view.version) and view.watch.is_in_place()

    async def _read_again(self) -> None:
        """Read the file once for all that wait for it."""
        if self._reading is None or self._reading.done():
            self._reading = self._thread.submit(self._read)
        await asyncio.shield(asyncio.wrap_future(self._reading))

    def _signature(self) -> tuple[tuple[int, int, int] | None, ...]:
        """What changes with a file that is not open, or with the one of earlier releases."""
        return _signature(self._path), _signature(self._legacy)

    # -- on the thread -------------------------------------------------------------------------------------------------

    def _insert(self, key: Key) -> None:
        forgotten = self._clock() - _REMEMBERED_S
        with self._opened().transaction() as db:
            db.execute("DELETE FROM keys WHERE expires < ? OR revoked < ?", (forgotten, forgotten))
            db.execute(_INSERT, _row(key))

    def _revoke(self, key_id: str) -> Key:
        missing = NotFoundError(f"there is no key with the id {key_id!r}", param="id")
        if not self._path.exists() and not self._legacy.exists():
            raise missing
        with self._opened().transaction() as db:
            now = int(self._clock())
            db.execute("UPDATE keys SET revoked = coalesce(revoked, ?) WHERE id = ?", (now, key_id))
            row = db.execute(f"{_SELECT} WHERE id = ?", (key_id,)).fetchone()
        if row is None:
            raise missing
        return self._parsed(row)

    def _all(self) -> Sequence[Key]:
        if not self._path.exists() and not self._legacy.exists():
            return []
        return [self._parsed(row) for row in self._opened().rows(f"{_SELECT} ORDER BY rowid")]

    def _read(self) -> None:
        """Take what is in the file now. If it cannot be read, no key is valid, and the log says so once."""
        signature, old = self._signature(), self._view
        keys: dict[str, Key] = {}
        watch, version = None, None
        try:
            if any(signature):
                watch = self._watch(old.watch)
                version = watch.data_version()  # before the keys: what changes meanwhile is seen next time
                keys = {key.sha256: key for key in self._all()}
            self._view, problem = _View(keys, watch, version, signature), ""
        except OAIKitError as exc:
            # A file that is locked is tried again, another one when it has changed.
            self._view, problem = _View() if is_locked(exc) else _View(signature=signature), exc.message
        for each in {old.watch, watch}:
            if each is not None and each is not self._view.watch:
                each.close()
        if problem and problem != self._logged:
            log.error("none of the keys is valid: %s", problem)
        self._logged = problem

    def _watch(self, old: Database | None) -> Database:
        self._opened()
        if old is not None and old.is_in_place():
            return old
        watch = Database(self._path, _SCHEMA, create=False, timeout_s=_LOCKED_S)
        watch.rows("PRAGMA busy_timeout = 0")
        return watch

    def _opened(self) -> Database:
        if self._file is not None and not self._file.is_in_place():
            self._close_file()
        if self._file is None:
            taken_over = self._keys_of_earlier_releases()
            self._file = Database(self._path, _SCHEMA, timeout_s=_LOCKED_S)
            if taken_over is not None:
                with self._file.transaction() as db:
                    db.executemany(_INSERT_NEW, map(_row, taken_over))
                self._put_aside(self._legacy)
        return self._file

    def _close(self) -> None:
        view, self._view = self._view, _View()
        if view.watch is not None:
            view.watch.close()
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _parsed(self, row: tuple[Any, ...]) -> Key:
        stored = dict(zip(_FIELDS, row, strict=True))
        try:
            return Key.from_dict({**stored, "scopes": stored["scopes"].split()})
        except (AttributeError, TypeError, ValueError) as exc:
            raise StorageError(f"the key file {self._path} is damaged ({exc}): {_ADVICE}") from exc

    # -- what earlier releases kept ------------------------------------------------------------------------------------

    def _keys_of_earlier_releases(self) -> Sequence[Key] | None:
        """The keys in ``keys.json``; None if there is no such file.

        Raises:
            StorageError: it cannot be read, and there is no file of this release yet.
        """
        try:
            content = json.loads(self._legacy.read_bytes())
            if content["version"] != 1:
                raise ValueError("another version")
            return [Key.from_dict(entry) for entry in content["keys"]]
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as exc:
            reason = (
                exc.strerror if isinstance(exc, OSError) else f"not a file of keys ({type(exc).__name__})"
            )
            problem = f"{self._legacy} can't be read: {reason}; repair it, or move it away"
            if not self._path.exists():
                raise StorageError(problem) from exc
            log.error("keys of an earlier release are not taken over: %s", problem)
            return None

    def _put_aside(self, file: Path) -> None:
        """Rename it, so that keys which are forgotten here do not come back from there."""
        names = (
            file.with_name(f"{file.name}.imported{suffix}")
            for suffix in ("", *(f".{n}" for n in range(1, 100)))
        )
        unused = next(name for name in names if not name.exists())
        with suppress(FileNotFoundError):  # another server has been faster
            file.rename(unused)
            log.info(
                "the keys in %s are in %s from now on; the old file is kept as %s",
                file,
                self._path,
                unused.name,
            )


def _row(key: Key) -> tuple[str | int | None, ...]:
    values = {**key.as_dict(), "scopes": " ".join(sorted(key.scopes))}
    return tuple(values[name] for name in _FIELDS)


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size

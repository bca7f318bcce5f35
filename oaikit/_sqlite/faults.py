"""What can go wrong with a database file, in words."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from oaikit._sqlite.schema import Schema
from oaikit.errors import OAIKitError

# SQLite may not write the file, its folder, or what it keeps beside the file.
_UNWRITABLE: Final = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)
_NO_ROOM_FOR_LOG: Final = sqlite3.SQLITE_IOERR_SHMSIZE


def explain(exc: Exception, path: Path | None, schema: Schema, timeout_s: float) -> str:
    """What went wrong with a file, in a sentence, and what can be done about it."""
    what, code = f"the {schema.name} {path or 'in memory'}", primary_code(exc)
    if code == sqlite3.SQLITE_NOTADB:
        return f"{what} is damaged, or not a database at all: {schema.advice}"
    if code == sqlite3.SQLITE_CORRUPT:
        return f"{what} is damaged ({exc}): {schema.advice}"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"another program has locked {what} for more than {timeout_s:g} s"
    if code == sqlite3.SQLITE_FULL or _extended_code(exc) == _NO_ROOM_FOR_LOG:
        return f"{what} can't be written: the disk is full. What was committed before is kept"
    if _extended_code(exc) == sqlite3.SQLITE_READONLY_DBMOVED:
        return deleted(path, schema)
    if path is not None and is_unwritable(exc):
        return f"{what} can't be {_obstacle(path)}"
    if code == sqlite3.SQLITE_IOERR:
        return f"{what} can't be read or written ({exc}): the disk may be failing, or a quota be used up"
    return f"{what} can't be used: {getattr(exc, 'strerror', None) or exc}"


def deleted(path: Path | None, schema: Schema) -> str:
    """For a file that is not where it was opened."""
    return (
        f"the {schema.name} {path} was deleted or replaced while it was open, so nothing more can be kept in it: "
        "open it again"
    )


def not_a_database() -> sqlite3.Error:
    """What SQLite reports about a file of something else."""
    return _error("file is not a database", sqlite3.SQLITE_NOTADB)


def read_only() -> sqlite3.Error:
    """What SQLite reports when it may not write a file."""
    return _error("attempt to write a readonly database", sqlite3.SQLITE_READONLY)


def _error(message: str, code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError(message)
    error.sqlite_errorcode = code
    return error


def is_unwritable(exc: Exception) -> bool:
    """Whether the file can perhaps be read all the same."""
    extended = _extended_code(exc)
    return primary_code(exc) in _UNWRITABLE or extended in (sqlite3.SQLITE_IOERR_SHMOPEN, _NO_ROOM_FOR_LOG)


def is_mistake(exc: sqlite3.Error) -> bool:
    """Whether a statement is at fault, and not the file."""
    return isinstance(exc, sqlite3.ProgrammingError | sqlite3.IntegrityError | sqlite3.DataError)


def is_locked(error: OAIKitError) -> bool:
    """Whether a `Database` raised the error because another program has locked the file: trying again may help."""
    cause = error.__cause__
    return isinstance(cause, sqlite3.Error) and primary_code(cause) in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def may_write(path: Path) -> bool:
    """Whether this process has the permission to change the file and to keep a journal beside it."""
    return _allowed(path, os.W_OK) and _allowed(path.resolve().parent, os.W_OK)


def primary_code(exc: Exception) -> int:
    """SQLite's primary result code; 0 for other exceptions."""
    return _extended_code(exc) & 0xFF


def _extended_code(exc: Exception) -> int:
    return getattr(exc, "sqlite_errorcode", 0)


def _allowed(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _obstacle(path: Path) -> str:
    """Why SQLite could not open or write a file, as the end of "it can't be …"."""
    folder = path.parent
    if path.is_dir():
        return "opened: it is a folder"
    if not folder.is_dir():
        return f"opened: there is no folder {folder}"
    if not path.exists():
        return "opened: it does not exist" if _allowed(folder, os.W_OK) else "made: its folder is read-only"
    if not _allowed(path, os.R_OK):
        return "opened: you have no permission to read it"
    if not may_write(path):
        return "written: the file or its folder is read-only"
    return "opened or written"

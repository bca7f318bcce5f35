"""A small JSON file that several servers of one user read and change, and nobody else reads."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from oaikit.errors import OAIKitError

log = logging.getLogger("oaikit.keys")

_VERSION = 1
_UNREAD = (-1, -1, -1)


class _Stored(Protocol):
    def as_dict(self) -> dict[str, Any]: ...


EntryT = TypeVar("EntryT", bound=_Stored)


class KeyFile(Generic[EntryT]):
    """Entries in a file of mode 0600, replaced as a whole, so that nobody ever reads half of it.

    Parameters: the path, and what makes an entry of its JSON object (KeyError, TypeError, ValueError: it is none).
    """

    def __init__(self, path: Path, parse: Callable[[dict[str, Any]], EntryT]) -> None:
        self._path, self._parse = path, parse
        self._seen: tuple[int, int, int] | None = _UNREAD
        self._entries: list[EntryT] = []
        self._problem = ""

    def read(self) -> list[EntryT]:
        """The entries as they are now; the file is only read when it has changed.

        Raises:
            OAIKitError: it can't be read, or is not what this class wrote.
        """
        self._refresh()
        if self._problem:
            raise OAIKitError(f"{self._path} can't be read: {self._problem}; mend it, or move it away")
        return self._entries

    def read_or_none(self) -> list[EntryT]:
        """The entries, none if the file can't be read: Jupyter's own token has to work all the same."""
        self._refresh()
        return self._entries

    @contextmanager
    def changing(self) -> Iterator[list[EntryT]]:
        """A list to change; at the end of the block it is what the file has. Other servers wait meanwhile.

        Raises:
            OAIKitError: the file can't be read, or not be written.
        """
        try:
            with self._locked():
                self._seen = _UNREAD
                entries = list(self.read())
                yield entries
                self._write(entries)
        except OSError as exc:
            raise OAIKitError(f"{self._path} can't be changed: {exc.strerror}") from exc

    def _refresh(self) -> None:
        seen = self._signature()
        if seen == self._seen:
            return
        self._seen = seen  # from before reading: what changes meanwhile is seen next time
        try:
            self._entries, self._problem = self._parsed(), ""
        except OSError as exc:
            self._entries, self._problem = [], exc.strerror or str(exc)
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            self._entries, self._problem = [], f"not a file of oaikit's keys ({type(exc).__name__})"
        if self._problem:
            log.error("%s can't be read, so none of its keys is valid: %s", self._path, self._problem)

    def _signature(self) -> tuple[int, int, int] | None:
        """What changes with every replacement of the file; the time alone may not, within one tick of its clock."""
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _parsed(self) -> list[EntryT]:
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o077:
                    os.fchmod(file.fileno(), 0o600)
                content = json.load(file)
        except FileNotFoundError:
            return []
        if content["version"] != _VERSION:
            raise ValueError("another version")
        return [self._parse(entry) for entry in content["keys"]]

    def _write(self, entries: list[EntryT]) -> None:
        content = {"version": _VERSION, "keys": [entry.as_dict() for entry in entries]}
        # In the same folder, for only there it can be renamed; mkstemp makes files of mode 0600.
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with open(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self._path)
        except BaseException:
            os.unlink(name)
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One server at a time, from reading to writing: else the later one would undo the earlier one's change."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

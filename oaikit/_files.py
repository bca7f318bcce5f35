"""Files that are replaced, never truncated: whatever fails, the old one or the new one is there, whole."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from oaikit.errors import FileError


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A new file to be written in the block; at its end it takes the place of ``path``.

    The mode of an existing file is kept. Of a symbolic link the file that it leads to is replaced. A device or a pipe
    is written directly, as there is nothing to replace.

    Raises:
        FileError: The file cannot be written; the one that was there is unchanged.
    """
    target = Path(os.path.realpath(Path(path).expanduser()))
    try:
        before = _status(target)
        if before is not None and not stat.S_ISREG(before.st_mode) and not stat.S_ISDIR(before.st_mode):
            yield target
            return
        if before is not None and stat.S_ISDIR(before.st_mode):
            raise IsADirectoryError(f"it is a folder: {target}")
        beside = _created(target, before)
        try:
            yield beside
            _sync(beside)
            os.replace(beside, target)
        except BaseException:
            with suppress(OSError):
                beside.unlink()
            raise
    except OSError as exc:
        raise FileError(f"{path} can't be written: {_reason(exc, target)}") from exc


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Replace a file by a text in UTF-8.

    Raises:
        FileError: The file cannot be written; the one that was there is unchanged.
    """
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _status(target: Path) -> os.stat_result | None:
    try:
        return target.stat()
    except FileNotFoundError:
        return None


def _created(target: Path, before: os.stat_result | None) -> Path:
    """An empty file in the same folder, where a rename is one step; its name is short, whatever the target's is."""
    beside = target.parent / f".oaikit-{secrets.token_hex(6)}.tmp"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)  # less the user's umask
    try:
        if before is not None:
            os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
    finally:
        os.close(descriptor)
    return beside


def _sync(path: Path) -> None:
    """Have the content on the disk before the name: after a power failure there must not be an empty file."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _reason(exc: OSError, target: Path) -> str:
    if isinstance(exc, FileNotFoundError | NotADirectoryError) and not target.parent.is_dir():
        return f"there is no folder {target.parent}"
    if isinstance(exc, PermissionError):
        return f"no permission to write in {target.parent}"
    return exc.strerror or str(exc)

"""Write-ahead log or rollback journal: which one the file system allows, and the change from one to the other."""

from __future__ import annotations

import os
import re
import sqlite3
import time
from pathlib import Path
from typing import Final

from oaikit._sqlite.faults import primary_code
from oaikit._sqlite.schema import pragma

# A write-ahead log needs memory that every process with the file open shares (https://www.sqlite.org/wal.html). These
# file systems of the kernel provide it. Those of networks, clusters, virtual machines and FUSE may not, and neither may
# one that is not listed; the rollback journal works on all of them.
_WITH_SHARED_MEMORY: Final = frozenset(
    {
        *("aufs", "bcachefs", "btrfs", "ecryptfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2"),
        *("ntfs3", "overlay", "ramfs", "reiserfs", "rootfs", "tmpfs", "vfat", "xfs", "zfs"),
    }
)
_MOUNTS: Final = Path("/proc/self/mountinfo")
_PATIENCE_S: Final = 1.0  # beyond it, the journal that the file has is good enough


def supports_wal(folder: Path) -> bool:
    """Whether a database in this folder may have a write-ahead log.

    A file system of unknown type, as everywhere but on Linux, is taken for a local one.
    """
    kind = file_system(folder)
    return kind is None or kind in _WITH_SHARED_MEMORY


def file_system(folder: Path) -> str | None:
    """The type of the file system that a folder is on (``ext4``, ``nfs4``, ``fuse.sshfs``, …); None: unknown."""
    try:
        mount = _mount_id(folder)
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    # "<mount> <parent> <major:minor> <root> <mount point> … - <type> <source> <options>", see proc_pid_mountinfo(5)
    found = (line.partition(" - ")[2].split(" ")[0] for line in lines if line.split(" ", 1)[0] == mount)
    return next(found, None)


def _mount_id(folder: Path) -> str | None:
    """The kernel's number of the mount, which is right where one mount hides another of the same path too."""
    descriptor = os.open(folder, getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC)
    try:
        about = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
    finally:
        os.close(descriptor)
    found = re.search(r"^mnt_id:\s*(\d+)", about, re.MULTILINE)
    return found[1] if found else None


def avoid_shared_memory(database: sqlite3.Connection) -> None:
    """Before the first access: a write-ahead log can be read without shared memory by whoever is alone with the file.

    See https://www.sqlite.org/wal.html#noshm. `choose_journal` allows others in again.
    """
    database.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()


def choose_journal(database: sqlite3.Connection, *, wal: bool, timeout_s: float) -> None:
    """Have a write-ahead log, so that readers and a writer don't wait for each other, or a rollback journal.

    SQLite refuses the change at once while others use the file, whatever the connection's timeout is: two that wait to
    be alone with it would wait for each other. So several that create a file at the same time have to try again.
    """
    wanted = "wal" if wal else "delete"
    until = time.monotonic() + min(timeout_s, _PATIENCE_S)
    while pragma(database, "journal_mode") != wanted:
        try:
            database.execute(f"PRAGMA journal_mode = {wanted}").fetchall()
        except sqlite3.OperationalError as exc:
            if primary_code(exc) != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() > until:
                break
            time.sleep(0.01)
        else:
            break  # changed, or SQLite can't change it here
    if not wal:
        database.execute("PRAGMA locking_mode = NORMAL").fetchall()
        database.execute("SELECT 1 FROM sqlite_master").fetchone()  # only an access gives the lock back

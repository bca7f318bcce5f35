from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the user "nobody" can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    for each in folder.rglob("*"):
        each.chmod(0o777)
    shutil.rmtree(folder)


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Run as "nobody" if the tests run as root, because modes do not bind root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def old_file(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a file as an earlier release wrote it, readable for everybody, by the name of its SQL."""

    def restore(name: str) -> Path:
        path = tmp_path / f"{name}.db"
        database = sqlite3.connect(path, isolation_level=None)
        database.executescript((Path(__file__).parent / "old_files" / f"{name}.sql").read_text())
        database.close()
        path.chmod(0o644)
        return path

    return restore

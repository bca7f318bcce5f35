"""Files that are replaced: whole, with their mode, or not at all."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from oaikit._files import replacing, write_text
from oaikit.conversation import Conversation
from oaikit.errors import FileError


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for text in ("one\n", "zwölf\u2028"):
        write_text(path, text)
        assert path.read_bytes() == text.encode()
    assert list(tmp_path.iterdir()) == [path]


def test_modes(tmp_path: Path) -> None:
    """That of an old file is kept; a new one has the user's umask."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.touch()
    old.chmod(0o640)
    umask = os.umask(0o027)
    try:
        write_text(old, "x")
        write_text(new, "x")
    finally:
        os.umask(umask)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (old, new)] == [0o640, 0o640]
    assert old.read_text() == "x"


def test_links_stay(tmp_path: Path) -> None:
    """The file that a link leads to is replaced, also one that is not there yet."""
    (tmp_path / "folder").mkdir()
    target, link, further = tmp_path / "folder" / "target", tmp_path / "link", tmp_path / "further"
    link.symlink_to("folder/target")
    further.symlink_to(link)
    for text in ("one", "two"):
        write_text(further, text)
        assert (link.is_symlink(), further.is_symlink(), target.read_text()) == (True, True, text)
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    with pytest.raises(FileError, match="circle can't be written"):
        write_text(circle, "x")


def test_a_home_folder_and_a_long_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    name = "x" * 255
    write_text(f"~/{name}", "x")
    assert (tmp_path / name).read_text() == "x"


def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_text(pipe, "x")
    reader.join(5)
    assert read == ["x"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none/a", "there is no folder"),
        ("file/a", "there is no folder"),
        ("folder", "is a folder"),
        ("y" * 256, "File name too long"),
    ],
)
def test_what_cannot_be_written_is_said_in_a_sentence(tmp_path: Path, path: str, said: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileError) as caught:
        write_text(tmp_path / path, "x")
    assert isinstance(caught.value, OSError)
    assert f"{path} can't be written: " in caught.value.message
    assert said in caught.value.message
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


def test_a_device_that_is_full() -> None:
    with pytest.raises(FileError, match=r"^/dev/full can't be written: No space left on device$"):
        write_text("/dev/full", "x")


def test_a_disk_that_gets_full_loses_nothing(tmp_path: Path) -> None:
    """The system refuses to write more than a limit to any file."""
    path = tmp_path / "a"
    write_text(path, "old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(FileError, match="File too large"):
            Conversation(messages=[{"role": "user", "content": "x" * 200_000}]).save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def break_off(path: Path, error: BaseException) -> None:
    with replacing(path) as beside:
        beside.write_text("half")
        raise error


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt()])
def test_what_goes_wrong_in_between_loses_nothing(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a"
    write_text(path, "old")
    with pytest.raises(type(error)):
        break_off(path, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


READ_ONLY = """
import os, sys
from oaikit._files import write_text
from oaikit.errors import FileError
if os.getuid() == 0:
    os.setuid(65534)  # root may write anywhere
try:
    write_text(sys.argv[1], "new")
except FileError as exc:
    print(exc)
"""


def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    for folder in list(tmp_path.parents)[:-2]:  # pytest makes them for this user alone
        folder.chmod(0o755)
    path.chmod(0o666)
    tmp_path.chmod(0o555)
    run = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(path)], capture_output=True, text=True, timeout=30
    )
    tmp_path.chmod(0o755)
    assert run.stdout == f"{path} can't be written: no permission to write in {tmp_path}\n", run.stderr
    assert path.read_text() == "old"

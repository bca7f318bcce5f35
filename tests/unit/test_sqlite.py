"""The base of every SQLite file that oaikit keeps: how one is opened and upgraded, and what is said of every fault."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from oaikit._sqlite import Database, Schema, journal
from oaikit.errors import ConversationError, OAIKitError, StorageError

MARK = 0x74657374
FIRST = "CREATE TABLE notes (text TEXT NOT NULL);"
SECOND = "ALTER TABLE notes ADD COLUMN stars INTEGER;\nUPDATE notes SET stars = 3;"
NOTES = Schema("notebook", MARK, [FIRST], "name another file", refused=ConversationError)
STARS = replace(NOTES, migrations=[FIRST, SECOND])


def write(database: Database, *texts: str) -> None:
    with database.transaction() as db:
        db.executemany("INSERT INTO notes (text) VALUES (?)", [(text,) for text in texts])


def texts(database: Database) -> list[str]:
    return [text for (text,) in database.rows("SELECT text FROM notes ORDER BY rowid")]


def journal_mode(database: Database) -> str:
    row = database.row("PRAGMA journal_mode")
    assert row is not None
    return str(row[0])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes.db"


# -- opening -----------------------------------------------------------------------------------------------------------


def test_files_and_folders_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "own" / "notes.db"
    before = os.umask(0)
    try:
        database = Database(path, replace(NOTES, makes_folders=True))
        write(database, "a")
    finally:
        os.umask(before)
    assert {each.name: mode(each) for each in path.parent.iterdir()} == {
        "notes.db": 0o600,
        "notes.db-wal": 0o600,
        "notes.db-shm": 0o600,
    }
    assert [mode(each) for each in (path.parent, path.parent.parent)] == [0o700, 0o700]


def test_a_mode_that_the_user_chose_stays_unless_the_schema_says_otherwise(path: Path) -> None:
    Database(path, NOTES).close()
    path.chmod(0o640)
    Database(path, NOTES).close()
    assert mode(path) == 0o640
    database = Database(path, replace(NOTES, keeps_private=True))
    assert {mode(each) for each in path.parent.iterdir()} == {0o600}
    database.close()


def test_an_upgrade_makes_an_old_file_private(path: Path) -> None:
    Database(path, NOTES).close()
    path.chmod(0o644)
    Database(path, STARS).close()
    assert mode(path) == 0o600


def test_a_database_in_memory_is_like_any_other() -> None:
    database = Database(None, NOTES)
    write(database, "a")
    assert texts(database) == ["a"]
    database.close()
    with pytest.raises(StorageError, match="the notebook in memory is closed"):
        texts(database)


def test_names_that_mean_something_in_a_uri(tmp_path: Path) -> None:
    for name in ("a?mode=memory", "b#c", "d%20e", "f g", "ü€", "h\udcff"):
        database = Database(tmp_path / name, NOTES)
        write(database, name.encode(errors="replace").decode())
        database.close()
        assert (tmp_path / name).stat().st_size > 0


def mounted_as(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch, fake: Path) -> None:
    """Have the kernel say that the folder is on a file system of this kind."""
    number = journal._mount_id(folder)
    fake.write_text(f"{number} 1 0:5 / /elsewhere rw shared:1 - {kind} source rw\n")
    monkeypatch.setattr(journal, "_MOUNTS", fake)


def test_the_file_system_is_the_one_that_the_kernel_says() -> None:
    assert journal.file_system(Path("/proc/self")) == "proc"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        folder, kind = Path(line.split(" ")[4]), line.partition(" - ")[2].split(" ")[0]
        if kind == "tmpfs" and folder.is_dir():
            assert journal.file_system(folder) == "tmpfs"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        *((kind, "wal") for kind in ("ext4", "xfs", "overlay", "tmpfs", "btrfs")),
        *(
            (kind, "delete")
            for kind in ("nfs4", "cifs", "9p", "virtiofs", "fuse", "fuse.sshfs", "fuseblk", "new")
        ),
    ],
)
def test_the_journal_is_one_that_the_file_system_supports(
    kind: str,
    expected: str,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    mounted_as(kind, path.parent, monkeypatch, tmp_path_factory.mktemp("proc") / "mountinfo")
    database, other = Database(path, NOTES), Database(path, NOTES)
    write(database, "a")
    write(other, "b")
    assert texts(database) == ["a", "b"]
    assert journal_mode(database) == expected


def test_without_proc_the_disk_is_taken_for_a_local_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_MOUNTS", path.parent / "missing")
    assert journal_mode(Database(path, NOTES)) == "wal"


def test_a_file_that_moves_to_a_network_disk_gets_another_journal(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    in_a_killed_process(lambda: write_and_keep_open(path, "a", "b"))
    assert path.with_name("notes.db-wal").stat().st_size > 0
    mounted_as("nfs4", path.parent, monkeypatch, tmp_path_factory.mktemp("proc") / "mountinfo")
    database = Database(path, NOTES)
    assert texts(database) == ["a", "b"]
    assert journal_mode(database) == "delete"
    other = Database(path, NOTES, timeout_s=1)
    write(other, "c")
    write(database, "d")
    assert texts(other) == ["a", "b", "c", "d"]
    assert not path.with_name("notes.db-wal").exists()


def open_and_write(path: str, who: str) -> None:
    with_timeout = Database(Path(path), STARS)
    for number in range(10):
        write(with_timeout, f"{who}{number}")
    with_timeout.close()


def test_several_processes_may_create_one_file_at_once(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=open_and_write, args=(str(path), who)) for who in "abcdef"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 6
    assert len(set(texts(Database(path, STARS)))) == 60


def test_several_threads_may_create_one_file_at_once(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        databases = list(pool.map(lambda _: Database(path, NOTES), range(8)))
    write(databases[0], "a")
    assert all(texts(database) == ["a"] for database in databases)
    assert {journal_mode(database) for database in databases} == {"wal"}


def test_a_journal_that_cannot_be_changed_now_is_left(path: Path) -> None:
    """SQLite refuses the change at once while another reads, whatever the timeout is."""
    Database(path, NOTES).close()
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("PRAGMA journal_mode = DELETE")
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM notes").fetchall()
    database = Database(path, NOTES, timeout_s=0.1)
    assert texts(database) == []
    reader.execute("COMMIT")
    reader.close()
    assert journal_mode(database) == "delete"
    assert journal_mode(Database(path, NOTES)) == "wal"


TRY_TO_WRITE = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=0)
try:
    database.execute("INSERT INTO notes VALUES ('b')")
except sqlite3.OperationalError as exc:
    print(exc)
"""


def test_opening_a_file_leaves_the_locks_of_other_threads_alone(path: Path) -> None:
    """Closing any descriptor of a file drops all locks that the process holds on it."""
    Database(path, NOTES).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA journal_mode = DELETE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OAIKitError, match="locked"):
        Database(path, NOTES, timeout_s=0.05)
    said = subprocess.run(
        [sys.executable, "-c", TRY_TO_WRITE, path], capture_output=True, text=True, check=True
    )
    assert said.stdout == "database is locked\n"
    holder.close()


# -- migrations --------------------------------------------------------------------------------------------------------


def test_an_older_file_is_upgraded_and_keeps_its_contents(path: Path) -> None:
    old = Database(path, NOTES)
    write(old, "a", "b")
    old.close()
    database = Database(path, STARS)
    assert database.rows("SELECT text, stars FROM notes") == [("a", 3), ("b", 3)]
    assert database.row("PRAGMA user_version") == (2,)
    assert database.row("PRAGMA application_id") == (MARK,)


def test_a_migration_may_be_a_function_or_have_triggers(path: Path) -> None:
    Database(path, NOTES).close()

    def third(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO notes VALUES ('from a function', 1)")

    trigger = """
        CREATE TRIGGER more AFTER INSERT ON notes BEGIN
            UPDATE notes SET stars = 5; -- all of them; and a semicolon
        END
    """
    database = Database(path, replace(NOTES, migrations=[FIRST, SECOND, trigger, third]))
    assert database.rows("SELECT * FROM notes") == [("from a function", 5)]


def test_several_that_upgrade_at_once_do_it_once(path: Path) -> None:
    old = Database(path, NOTES)
    write(old, "a")
    old.close()
    with ThreadPoolExecutor(8) as pool:
        databases = list(pool.map(lambda _: Database(path, STARS), range(8)))
    assert [database.rows("SELECT * FROM notes") for database in databases] == [[("a", 3)]] * 8


def test_a_migration_that_fails_leaves_the_old_version(path: Path) -> None:
    old = Database(path, NOTES)
    write(old, "a")
    old.close()
    with pytest.raises(ConversationError, match="no such table: missing"):
        Database(path, replace(NOTES, migrations=[FIRST, SECOND, "DELETE FROM missing"]))
    again = Database(path, NOTES)
    assert again.rows("SELECT * FROM notes") == [("a",)]
    assert again.row("PRAGMA user_version") == (1,)


def test_a_kill_in_a_migration_leaves_the_old_version(path: Path) -> None:
    def die(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO notes SELECT hex(randomblob(5000)), 1 FROM notes, notes, notes")
        os.kill(os.getpid(), signal.SIGKILL)

    old = Database(path, NOTES)
    write(old, *map(str, range(10)))
    old.close()
    in_a_killed_process(lambda: Database(path, replace(NOTES, migrations=[FIRST, SECOND, die])))
    database = Database(path, STARS)
    assert database.rows("SELECT * FROM notes") == [(str(number), 3) for number in range(10)]


def test_a_newer_file_is_refused_and_left_as_it_is(path: Path) -> None:
    Database(path, STARS).close()
    before = path.read_bytes()
    with pytest.raises(
        ConversationError, match=r"notebook of version 2, made by a newer release .* version 1: update"
    ):
        Database(path, NOTES)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "made_by", ["CREATE TABLE theirs (x)", "PRAGMA user_version = 1", "PRAGMA application_id = 7"]
)
def test_a_file_of_another_program_is_refused_and_left_as_it_is(path: Path, made_by: str) -> None:
    theirs = sqlite3.connect(path, isolation_level=None)
    theirs.execute(made_by)
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(
        ConversationError, match=r"an SQLite file, but no notebook of oaikit: name another file"
    ):
        Database(path, NOTES)
    assert path.read_bytes() == before


def test_a_file_from_before_there_was_a_mark_is_recognized_by_a_table(path: Path) -> None:
    old = sqlite3.connect(path, isolation_level=None)
    old.executescript(f"{FIRST} INSERT INTO notes VALUES ('a'); PRAGMA user_version = 1;")
    old.close()
    database = Database(path, replace(STARS, unmarked_table="notes"))
    assert database.rows("SELECT * FROM notes") == [("a", 3)]
    assert database.row("PRAGMA application_id") == (MARK,)
    with sqlite3.connect(path.with_name("other")) as other:
        other.executescript("CREATE TABLE theirs (x); PRAGMA user_version = 1;")
    with pytest.raises(ConversationError, match="no notebook"):
        Database(path.with_name("other"), replace(STARS, unmarked_table="notes"))


# -- transactions ------------------------------------------------------------------------------------------------------


def test_a_transaction_is_whole_or_undone(path: Path) -> None:
    database, other = Database(path, NOTES), Database(path, NOTES)
    with suppress(ZeroDivisionError), database.transaction() as db:
        db.execute("INSERT INTO notes VALUES ('a')")
        assert texts(database) == ["a"]
        assert texts(other) == []
        _ = 1 / 0
    assert texts(database) == []
    write(database, "b")
    assert texts(other) == ["b"]


def test_a_snapshot_does_not_see_what_is_written_meanwhile(path: Path) -> None:
    database, other = Database(path, NOTES), Database(path, NOTES)
    write(database, "a")
    with database.snapshot() as db:
        assert db.execute("SELECT count(*) FROM notes").fetchone() == (1,)
        write(other, "b")
        assert db.execute("SELECT count(*) FROM notes").fetchone() == (1,)
    assert texts(database) == ["a", "b"]


def test_a_stamp_changes_with_the_contents(path: Path) -> None:
    database, other = Database(path, NOTES), Database(path, NOTES)
    stamps = [database.stamp(), database.stamp()]
    write(database, "a")
    stamps.append(database.stamp())
    write(other, "b")
    stamps.append(database.stamp())
    assert stamps[0] == stamps[1]
    assert len(set(stamps)) == 3


def test_any_thread_may_write(path: Path) -> None:
    database = Database(path, NOTES)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write(database, str(number)), range(100)))
    assert sorted(map(int, texts(database))) == list(range(100))


def test_a_mistake_in_a_statement_is_not_blamed_on_the_file(path: Path) -> None:
    database = Database(path, NOTES)
    with pytest.raises(sqlite3.IntegrityError):
        write(database, None)  # type: ignore[arg-type]
    write(database, "a")


# -- closing -----------------------------------------------------------------------------------------------------------


def test_a_closed_file_is_complete_by_itself(path: Path) -> None:
    with_log = Database(path, NOTES)
    write(with_log, "a")
    with_log.close()
    with_log.close()
    assert [each.name for each in path.parent.iterdir()] == ["notes.db"]
    with pytest.raises(StorageError, match=r"notes\.db is closed"):
        write(with_log, "b")


def test_the_file_is_complete_even_if_others_have_it_open(path: Path, tmp_path: Path) -> None:
    other, database = Database(path, NOTES), Database(path, NOTES)
    write(database, "a")
    database.close()
    shutil.copy(path, tmp_path / "alone.db")
    assert texts(Database(tmp_path / "alone.db", NOTES)) == ["a"]
    assert texts(other) == ["a"]


# -- files that can only be read ---------------------------------------------------------------------------------------


def in_a_killed_process(work: Callable[[], object]) -> None:
    """Do something in a process that has no time to close its files."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            _ = work()
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def write_and_keep_open(path: Path, *texts: str) -> Database:
    database = Database(path, NOTES)
    write(database, *texts)
    return database


def begin_to_change_all(path: Path) -> sqlite3.Connection:
    """With a small cache, so that half a transaction is in the file, and what it replaced in the journal."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = DELETE")
    database.execute("PRAGMA cache_size = 5")
    database.execute("BEGIN")
    database.execute("UPDATE notes SET text = 'half'")
    database.executemany("INSERT INTO notes VALUES (?)", [("x" * 4000,)] * 100)
    return database


def left_clean(path: Path) -> None:
    database = Database(path, NOTES)
    write(database, "a", "b")
    database.close()


def left_with_a_log(path: Path) -> None:
    in_a_killed_process(lambda: write_and_keep_open(path, "a", "b"))
    assert path.with_name("notes.db-wal").stat().st_size > 0


def left_with_a_log_alone(path: Path) -> None:
    left_with_a_log(path)
    path.with_name("notes.db-shm").unlink()


def left_in_a_transaction(path: Path) -> None:
    left_clean(path)
    in_a_killed_process(lambda: begin_to_change_all(path))
    assert path.with_name("notes.db-journal").stat().st_size > 0


@pytest.mark.parametrize("schema", [NOTES, STARS], ids=["of this version", "of an older version"])
@pytest.mark.parametrize("left", [left_clean, left_with_a_log, left_with_a_log_alone, left_in_a_transaction])
@pytest.mark.parametrize("locked", ["file", "folder", "both"])
def test_what_can_only_be_read_is_read_whole(
    left: Callable[[Path], None],
    locked: str,
    schema: Schema,
    open_folder: Path,
    request: pytest.FixtureRequest,
) -> None:
    path = open_folder / "notes.db"
    left(path)
    for each in open_folder.iterdir():
        each.chmod(0o444 if locked != "folder" else 0o666)
    open_folder.chmod(0o777 if locked == "file" else 0o555)
    request.getfixturevalue("unprivileged")
    before = {
        each.name: each.read_bytes() for each in open_folder.iterdir() if not each.name.endswith("-shm")
    }
    database = Database(path, schema, timeout_s=1)
    assert texts(database) == ["a", "b"]
    assert database.read_only
    with pytest.raises(
        StorageError, match=r"notes\.db can't be written: the file or its folder is read-only"
    ):
        write(database, "c")
    assert texts(database) == ["a", "b"]
    database.close()
    after = {each.name: each.read_bytes() for each in open_folder.iterdir() if not each.name.endswith("-shm")}
    assert after["notes.db"] == before["notes.db"]
    assert texts(Database(path, schema)) == ["a", "b"]


def test_a_copy_that_was_read_is_removed(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    left_with_a_log_alone(open_folder / "notes.db")
    for each in open_folder.iterdir():
        each.chmod(0o444)
    open_folder.chmod(0o555)
    copies = Path(tempfile.mkdtemp())
    copies.chmod(0o777)
    monkeypatch.setattr(tempfile, "tempdir", str(copies))
    request.getfixturevalue("unprivileged")
    for end in (Database.close, lambda database: None):
        database = Database(open_folder / "notes.db", NOTES)
        assert len(list(copies.iterdir())) == 1
        end(database)
        del database
        assert list(copies.iterdir()) == []


# -- faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"not a database " * 100, b"x", b"x" * 511, b"x" * 512, b"SQLite format 3\0" + b"\xff" * 4000]
)
def test_what_is_no_database_says_so(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(
        ConversationError, match=r"notes\.db is damaged, or not a database at all: name another file"
    ):
        Database(path, NOTES)
    assert path.read_bytes() == content


def test_a_damaged_file_says_so(path: Path) -> None:
    database = Database(path, NOTES)
    write(database, *("x" * 3000 for _ in range(50)))
    database.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with pytest.raises(StorageError, match=r"notes\.db is damaged \(.*\): name another file"):
        texts(Database(path, NOTES))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OAIKitError, match=r"notes\.db is damaged \(.*\): name another file"):
        texts(Database(path, NOTES))


@pytest.mark.parametrize("network", [False, True])
def test_a_file_that_is_deleted_while_it_is_open_says_so(
    path: Path, network: bool, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if network:
        mounted_as("nfs4", path.parent, monkeypatch, tmp_path_factory.mktemp("proc") / "mountinfo")
    database = Database(path, NOTES)
    write(database, "a")
    path.unlink()
    with pytest.raises(
        StorageError, match=r"notes\.db was deleted or replaced while it was open.*open it again"
    ):
        write(database, "b")
    assert texts(database) == ["a"], "what is in memory and on the disk can still be saved elsewhere"
    Database(path, NOTES)
    with pytest.raises(StorageError, match="deleted or replaced"):
        write(database, "b")
    database.close()
    assert texts(Database(path, NOTES)) == []


def test_a_folder_that_is_removed_while_a_file_is_open_says_so(tmp_path: Path) -> None:
    path = tmp_path / "own" / "notes.db"
    path.parent.mkdir()
    database = Database(path, NOTES)
    shutil.rmtree(path.parent)
    with pytest.raises(StorageError, match="deleted or replaced"):
        write(database, "b")


def test_a_locked_file_says_so(path: Path) -> None:
    database = Database(path, NOTES, timeout_s=0.1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(
        StorageError, match=r"another program has locked the notebook .*notes\.db for more than 0\.1 s"
    ):
        write(database, "a")
    assert texts(database) == []
    other.execute("ROLLBACK")
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.close()
    other.execute("INSERT INTO notes VALUES ('b')")
    with pytest.raises(ConversationError, match=r"another program has locked"):
        Database(path, NOTES, timeout_s=0.1)
    other.close()


def test_a_lock_that_ends_in_time_is_waited_for(path: Path) -> None:
    database = Database(path, NOTES)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.2, lambda: other.execute("COMMIT")).start()
    write(database, "a")
    assert texts(database) == ["a"]
    other.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing/notes.db", r"can't be opened: there is no folder .*missing$"),
        ("folder", r"can't be opened: it is a folder$"),
        ("file/notes.db", r"can't be opened: there is no folder .*file$"),
        ("nul\0", r"can't be used: embedded null"),
        ("x" * 300, r"can't be used: File name too long$"),
    ],
)
def test_a_place_that_cannot_be_used_says_why(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(ConversationError, match=said):
        Database(tmp_path / name, NOTES)


def test_a_file_that_should_exist_and_does_not(path: Path) -> None:
    with pytest.raises(ConversationError, match=r"notes\.db can't be opened: it does not exist"):
        Database(path, NOTES, create=False)
    assert not path.exists()


def test_places_that_the_user_may_not_use(open_folder: Path, request: pytest.FixtureRequest) -> None:
    path = open_folder / "notes.db"
    left_clean(path)
    path.chmod(0)
    (open_folder / "closed").mkdir(mode=0o555)
    request.getfixturevalue("unprivileged")
    with pytest.raises(ConversationError, match=r"can't be opened: you have no permission to read it"):
        Database(path, NOTES)
    with pytest.raises(ConversationError, match=r"can't be made: its folder is read-only"):
        Database(open_folder / "closed" / "notes.db", NOTES)


def test_a_full_database_says_so_and_keeps_what_it_has(path: Path) -> None:
    database = Database(path, NOTES)
    write(database, "a")
    database.rows("PRAGMA max_page_count = 3")
    with pytest.raises(
        StorageError, match=r"notes\.db can't be written: the disk is full. What was committed before"
    ):
        write(database, *["x" * 5000] * 10)
    assert texts(database) == ["a"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a disk takes root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def write_for_ever(database: Database) -> None:
    while True:
        write(database, "x" * 5000)


def fill(folder: Path) -> None:
    with suppress(OSError), (folder / "rest").open("wb", buffering=0) as rest:
        while True:
            rest.write(b"x" * 512)


def test_a_full_disk(small_disk: Path) -> None:
    database = Database(small_disk / "notes.db", NOTES)
    write(database, "a")
    with pytest.raises(StorageError, match=r"can't be written: the disk is full"):
        write_for_ever(database)
    kept = texts(database)
    assert kept[0] == "a"
    assert len(kept) > 3
    database.close()
    fill(small_disk)
    again = Database(small_disk / "notes.db", NOTES)
    assert texts(again) == kept
    with pytest.raises(StorageError, match=r"can't be written: the disk is full"):
        write_for_ever(again)
    again.close()
    with pytest.raises(ConversationError, match=r"can't be written: the disk is full"):
        Database(small_disk / "new.db", NOTES)


def test_a_disk_that_is_mounted_read_only(small_disk: Path) -> None:
    left_with_a_log_alone(small_disk / "notes.db")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    database = Database(small_disk / "notes.db", STARS)
    assert texts(database) == ["a", "b"]
    with pytest.raises(StorageError, match=r"can't be written: the file or its folder is read-only"):
        write(database, "c")
    with pytest.raises(ConversationError, match=r"can't be made: its folder is read-only"):
        Database(small_disk / "new.db", NOTES)
    database.close()


def use_after_fork(database: Database) -> None:
    with pytest.raises(StorageError, match=r"before this process was forked off.*open it again here"):
        texts(database)
    database.close()
    os._exit(7)


def test_a_forked_child_may_not_use_its_parents_connection(path: Path) -> None:
    database = Database(path, NOTES)
    write(database, "a")
    child = multiprocessing.get_context("fork").Process(target=use_after_fork, args=(database,))
    child.start()
    child.join(60)
    assert child.exitcode == 7
    write(database, "b")
    assert texts(database) == ["a", "b"]

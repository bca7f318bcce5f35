"""Chats on disk: what is written can be read again, whoever else writes, and whatever becomes of the file."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oaikit.conversation import Conversation
from oaikit.errors import ConversationError
from oaikit.widgets.history import History, Record, default_path
from oaikit.widgets.listing import HistoryList


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "data" / "chats.db")


@pytest.fixture
def talk() -> Conversation:
    made = Conversation("Be terse.")
    question = made.add({"role": "user", "content": "1 + 1?"})
    made.add({"role": "assistant", "content": "3 \ud83d"}, numbers={"ttft_s": 0.1})
    made.rewind(question.id)
    made.add({"role": "assistant", "content": "2"}, model="tiny")
    return made


def keep(history: History, talk: Conversation, id: str = "1", **about: Any) -> None:
    history.write(Record(id, about.pop("title", "Sums"), talk.leaf, about), talk)


def test_what_was_written_is_read_again(history: History, talk: Conversation) -> None:
    keep(history, talk, params={"temperature": 0.2})
    record, again = history.open("1")
    assert record == Record("1", "Sums", talk.leaf, {"params": {"temperature": 0.2}})
    assert again.to_json() == talk.to_json()


def test_the_list_is_last_changed_first(history: History, talk: Conversation) -> None:
    assert history.list() == []
    for id in "123":
        keep(history, talk, id, title=f"Number {id}")
    keep(history, talk, "1", title="Number 1 \udc00")
    entries = history.list()
    assert [(entry.id, entry.title, entry.messages) for entry in entries] == [
        ("1", "Number 1 ?", 3),
        ("3", "Number 3", 3),
        ("2", "Number 2", 3),
    ]
    assert abs(entries[0].updated - time.time()) < 60


def test_only_what_changed_needs_to_be_written(history: History, talk: Conversation) -> None:
    keep(history, talk)
    last = talk.revise(talk.leaf or "", {"role": "assistant", "content": "2, I think"}, state="done")
    more = talk.add({"role": "user", "content": "Sure?"})
    history.write(Record("1", "Sums", talk.leaf), [last, more])
    assert history.open("1")[1].to_json() == talk.to_json()


def test_a_prompt_put_before_and_taken_away(history: History) -> None:
    talk = Conversation()
    talk.add({"role": "user", "content": "Hello"})
    keep(history, talk)
    talk.system = "Be terse."
    keep(history, talk)
    assert history.open("1")[1].to_json() == talk.to_json()
    system = talk.path[0].id
    talk.system = ""
    history.write(Record("1", "Sums", talk.leaf), talk, removed=[system])
    assert history.open("1")[1].to_json() == talk.to_json()


def test_deleting(history: History, talk: Conversation) -> None:
    history.delete("1")
    keep(history, talk)
    keep(history, talk, "2")
    history.delete("1")
    assert [entry.id for entry in history.list()] == ["2"]
    assert len(history.open("2")[1]) == 4
    with pytest.raises(ConversationError, match="no conversation '1'"):
        history.open("1")


def test_it_is_for_its_owner_alone(history: History, talk: Conversation) -> None:
    keep(history, talk)
    assert stat.S_IMODE(history.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(history.path.parent.stat().st_mode) == 0o700


def test_the_default_path_is_in_the_users_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "oaikit" / "chats.db"
    assert History().path == default_path()


def write_many(path: str, who: str) -> None:
    history = History(path, timeout_s=30)
    talk = Conversation()
    for number in range(15):
        node = talk.add({"role": "user", "content": f"{who} {number}"})
        history.write(Record(who, who, talk.leaf), [node])
        history.write(Record("shared", "both", None), [node] if node.parent is None else [])


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(str(path), who)) for who in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    history = History(path)
    assert {(entry.id, entry.messages) for entry in history.list()} == {
        ("a", 15),
        ("b", 15),
        ("c", 15),
        ("shared", 3),
    }
    for who in "abc":
        assert [node.text for node in history.open(who)[1].path] == [
            f"{who} {number}" for number in range(15)
        ]


def test_what_a_killed_process_wrote_is_there(tmp_path: Path) -> None:
    path = tmp_path / "chats.db"
    code = f"""
        import os, signal
        from oaikit.conversation import Conversation
        from oaikit.widgets.history import History, Record
        talk = Conversation()
        node = talk.add({{"role": "user", "content": "the last words"}})
        History({str(path)!r}).write(Record("1", "t", node.id), [node])
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], timeout=60, check=False)
    assert [node.text for node in History(path).open("1")[1].path] == ["the last words"]


def test_a_damaged_file_is_an_error_that_says_so(history: History, talk: Conversation) -> None:
    keep(history, talk)
    content = bytearray(history.path.read_bytes())
    history.path.write_bytes(b"not a database, but long enough to be one " * 100)
    for work in (history.list, lambda: history.open("1"), lambda: keep(history, talk)):
        with pytest.raises(
            ConversationError, match=r"chats.db is damaged, or not a database at all: move it away"
        ):
            work()
    history.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ConversationError, match=r"chats.db"):
        history.open("1")


def test_damage_inside_is_an_error_too(history: History, talk: Conversation) -> None:
    keep(history, talk)
    database = sqlite3.connect(history.path)
    with database:
        database.execute("UPDATE nodes SET message = '{' WHERE role = 'user'")
    database.close()
    with pytest.raises(ConversationError, match=r"'1' in .*chats.db is damaged"):
        history.open("1")


def test_a_file_of_a_newer_version_is_left_alone(history: History, talk: Conversation) -> None:
    keep(history, talk)
    database = sqlite3.connect(history.path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    for work in (history.list, lambda: keep(history, talk)):
        with pytest.raises(ConversationError, match=r"history of version 99, made by a newer release"):
            work()


def test_a_file_of_the_first_release_keeps_its_chats(old_file: Callable[[str], Path]) -> None:
    history = History(old_file("chats_1"))
    (entry,) = history.list()
    assert (entry.id, entry.title, entry.messages) == ("1", "Sums", 3)
    record, talk = history.open("1")
    assert record.settings == {"params": {"temperature": 0.2}}
    assert [node.text for node in talk.path] == ["Be terse.", "1 + 1?", "2"]
    assert len(talk) == 4
    node = talk.add({"role": "user", "content": "Sure?"})
    history.write(Record("1", "Sums", node.id), [node])
    assert history.open("1")[1].to_json() == talk.to_json()


def test_a_history_that_is_read_only_can_be_read(
    open_folder: Path, talk: Conversation, request: pytest.FixtureRequest
) -> None:
    history = History(open_folder / "chats.db")
    keep(history, talk)
    history.path.chmod(0o444)
    open_folder.chmod(0o555)
    request.getfixturevalue("unprivileged")
    assert [entry.id for entry in history.list()] == ["1"]
    assert history.open("1")[1].to_json() == talk.to_json()
    with pytest.raises(ConversationError, match="can't be written: the file or its folder is read-only"):
        keep(history, talk)


def test_a_database_of_another_program_is_left_alone(history: History, talk: Conversation) -> None:
    history.path.parent.mkdir()
    database = sqlite3.connect(history.path)
    database.execute("CREATE TABLE theirs (a)")
    database.close()
    with pytest.raises(ConversationError, match="no history"):
        keep(history, talk)


def test_a_locked_file_is_an_error_that_says_so(history: History, talk: Conversation) -> None:
    keep(history, talk)
    other = sqlite3.connect(history.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    impatient = History(history.path, timeout_s=0.1)
    with pytest.raises(ConversationError, match=r"locked the history .* more than 0.1 s"):
        keep(impatient, talk, "2")
    other.execute("ROLLBACK")
    other.close()
    keep(impatient, talk, "2")


def test_a_folder_that_cannot_be_made(tmp_path: Path, talk: Conversation) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConversationError, match="can't be used"):
        keep(History(tmp_path / "file" / "chats.db"), talk)


def test_an_empty_file_is_an_empty_history(history: History) -> None:
    history.path.parent.mkdir()
    history.path.touch()
    assert history.list() == []


def test_a_leaf_that_is_lost_is_the_last_node(history: History, talk: Conversation) -> None:
    history.write(Record("1", "Sums", "nobody"), talk)
    assert history.open("1")[1].leaf == talk.leaf


def test_no_file_is_left_beside_it(history: History, talk: Conversation) -> None:
    keep(history, talk)
    assert os.listdir(history.path.parent) == ["chats.db"]


def test_the_list_that_a_notebook_shows(history: History, talk: Conversation) -> None:
    opened: list[str] = []
    assert "no chats in" in repr(HistoryList(history, opened.append))  # type: ignore[arg-type]
    for number in range(32):
        keep(history, talk, f"{number:032}", title=f"<b>{number}</b>")
    shown = HistoryList(history, opened.append)  # type: ignore[arg-type]
    assert len(repr(shown).splitlines()) == 31
    assert repr(shown).endswith("… and 2 more")
    assert "&lt;b&gt;31&lt;/b&gt;" in shown._repr_html_()
    shown[0], shown[f"{5:032}"]
    assert opened == [f"{31:032}", f"{5:032}"]
    assert shown.df.columns.tolist() == ["id", "title", "updated", "messages"]
    assert len(shown.df) == 32
    with pytest.raises(ConversationError, match="several begin with '0'"):
        shown["0"]

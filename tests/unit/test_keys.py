"""Keys: made once, stored as hashes, shared by servers, ended in time."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from oaikit._sqlite import database
from oaikit.errors import (
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    OAIKitError,
    StorageError,
    StorageLockedError,
)
from oaikit_server import key_store
from oaikit_server.key_store import KeyStore
from oaikit_server.keys import InferenceKey, Key, Scope, bearer

DAY = 24 * 3600


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Keys:
    """A `KeyStore` whose methods wait: each call has an event loop of its own."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.store = KeyStore(path, clock)

    def create(self, *args: Any, **kwargs: Any) -> tuple[Key, str]:
        return asyncio.run(self.store.create(*args, **kwargs))

    def list(self) -> list[dict[str, Any]]:
        return asyncio.run(self.store.list())

    def revoke(self, key_id: str) -> Key:
        return asyncio.run(self.store.revoke(key_id))

    def find(self, secret: str) -> Key | None:
        return asyncio.run(self.store.find(secret))

    def close(self) -> None:
        asyncio.run(self.store.close())


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "oaikit" / "keys.db"


@pytest.fixture
def store(path, clock):
    return Keys(path, clock)


def test_a_key_is_found_by_its_secret_and_by_nothing_else(store):
    key, secret = store.create("ci", ["infer"], requests_per_minute=30)
    other, _ = store.create("other")
    assert secret.startswith("sk-oaikit-")
    assert len(secret) > 50
    assert store.find(secret) == key
    assert (key.name, key.scopes, key.requests_per_minute) == ("ci", {Scope.INFER}, 30)
    assert other.scopes == {Scope.READ, Scope.INFER}
    for wrong in (
        "",
        "sk-oaikit-",
        secret[:-1],
        secret + "x",
        secret.upper(),
        key.id,
        key.sha256,
        "ключ",
        "\udcff",
    ):
        assert store.find(wrong) is None


def test_the_secret_is_nowhere_but_in_the_answer(store, path):
    key, secret = store.create("ci")
    stored = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert secret.removeprefix("sk-oaikit-").encode() not in stored
    assert key.sha256.encode() in stored
    shown = repr(key) + json.dumps(store.list())
    assert secret not in shown
    assert key.sha256 not in shown


def test_only_the_user_may_read_the_file(store, path):
    old = os.umask(0)
    try:
        store.create("ci")
    finally:
        os.umask(old)
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path.parent, path.parent.parent)] == [0o700, 0o700]


def test_a_file_that_others_may_read_is_closed_to_them(store, path):
    _, secret = store.create("ci")
    path.chmod(0o644)
    assert Keys(path).find(secret) is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_listed(store, clock):
    key, _ = store.create("ci", ["admin", "read"], expires_in_s=60)
    assert store.list() == [
        {
            "id": key.id,
            "name": "ci",
            "scopes": ["admin", "read"],
            "created": 1_800_000_000,
            "expires": 1_800_000_060,
            "revoked": None,
            "requests_per_minute": None,
            "state": "active",
        }
    ]


def test_an_expired_key_says_so(store, clock):
    _, secret = store.create("ci", expires_in_s=60)
    clock.now += 59
    assert store.find(secret) is not None
    clock.now += 1
    with pytest.raises(AuthenticationError, match=r"^this key has expired$") as caught:
        store.find(secret)
    assert (caught.value.status, caught.value.code) == (401, "invalid_api_key")
    assert store.list()[0]["state"] == "expired"


def test_a_revoked_key_says_so(store):
    key, secret = store.create("ci")
    _, kept = store.create("kept")
    assert store.revoke(key.id).revoked is not None
    assert store.revoke(key.id).id == key.id, "twice is as good as once"
    with pytest.raises(AuthenticationError, match=r"^this key was revoked$"):
        store.find(secret)
    assert store.find(kept) is not None
    assert [key["state"] for key in store.list()] == ["revoked", "active"]
    with pytest.raises(NotFoundError):
        store.revoke("key_0")


def test_what_ended_long_ago_is_forgotten(store, clock):
    store.create("expired", expires_in_s=DAY)
    revoked, _ = store.create("revoked")
    store.revoke(revoked.id)
    store.create("kept")
    clock.now += 92 * DAY
    store.create("new")
    assert [key["name"] for key in store.list()] == ["kept", "new"]


def test_another_server_sees_a_change_at_once(store, path, clock):
    other = Keys(path, clock)
    assert other.list() == []
    key, secret = store.create("ci")
    assert other.find(secret) == key
    other.revoke(key.id)
    with pytest.raises(AuthenticationError):
        store.find(secret)
    path.unlink()
    assert other.find(secret) is None
    other.create("new")
    assert [key["name"] for key in store.list()] == ["new"], "what was deleted stays so"


def create_some(path: Path, name: str) -> None:
    store = Keys(path)
    for number in range(20):
        store.create(f"{name}{number}")


def test_two_servers_that_change_it_at_once_lose_nothing(path):
    context = multiprocessing.get_context("fork")
    servers = [context.Process(target=create_some, args=(path, name)) for name in "abc"]
    for server in servers:
        server.start()
    for server in servers:
        server.join(60)
    assert [server.exitcode for server in servers] == [0, 0, 0]
    assert len({key["name"] for key in Keys(path).list()}) == 60


GARBAGE = b"not a database, but long enough to be one " * 100


def changed(statement: str) -> Callable[[Path], object]:
    """Makes a file with one key, and changes something in it."""

    def change(path: Path) -> None:
        store = Keys(path)
        store.create("old")
        store.close()
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute(statement)
        connection.close()

    return change


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"{}"),
        lambda path: path.write_bytes(GARBAGE),
        lambda path: path.write_bytes(b"SQLite format 3\0" + GARBAGE),
        changed("PRAGMA user_version = 2"),
        changed("PRAGMA application_id = 2"),
        changed("UPDATE keys SET scopes = 'root'"),
        changed("UPDATE keys SET scopes = x'00'"),
        changed("UPDATE keys SET sha256 = 'c'"),
        changed("UPDATE keys SET sha256 = 'ä'"),
        changed("UPDATE keys SET created = 'yesterday'"),
        changed("UPDATE keys SET expires = 0.5"),
        changed("UPDATE keys SET name = x'ff'"),
    ],
)
def test_a_file_that_is_broken_opens_nothing_and_is_not_overwritten(store, path, spoil, caplog):
    path.parent.mkdir(parents=True)
    spoil(path)
    content = path.read_bytes()
    with caplog.at_level(logging.ERROR):
        assert store.find("sk-oaikit-x") is None
        assert store.find("sk-oaikit-x") is None
    assert len(caplog.records) == 1, "said once, not with every request"
    with pytest.raises(OAIKitError, match=r"keys\.db"):
        store.list()
    store.close()
    assert path.read_bytes() == content


def test_a_file_that_is_broken_refuses_new_keys(store, path):
    path.parent.mkdir(parents=True)
    path.write_bytes(GARBAGE)
    with pytest.raises(
        StorageError, match=r"keys\.db is damaged, or not a database at all: repair it, or move it away"
    ):
        store.create("ci")
    assert path.read_bytes() == GARBAGE
    path.unlink()
    _, secret = store.create("ci")
    assert store.find(secret) is not None


def test_a_folder_that_can_not_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    store = Keys(tmp_path / "file" / "keys.db")
    assert store.find("sk-oaikit-x") is None
    with pytest.raises(StorageError, match="can't be used"):
        store.create("ci")


def test_a_known_key_is_found_without_reading_the_file(store, monkeypatch):
    key, secret = store.create("ci")
    assert store.find(secret) == key
    monkeypatch.setattr(store.store, "_read", None)
    assert store.find(secret) == key
    assert store.find("sk-oaikit-x") is None


def test_a_closed_store_leaves_one_file_and_opens_again(store, path):
    _, secret = store.create("ci")
    assert store.find(secret) is not None
    store.close()
    assert [file.name for file in path.parent.iterdir()] == ["keys.db"]
    assert store.find(secret) is not None


# -- keys of earlier releases ------------------------------------------------------------------------------------------

SECRET, ENDED = "sk-oaikit-old", "sk-oaikit-ended"
OLD_KEYS = {
    "version": 1,
    "keys": [
        {
            "id": "key_1",
            "name": "old",
            "scopes": ["infer", "read"],
            "created": 1_700_000_000,
            "sha256": hashlib.sha256(SECRET.encode()).hexdigest(),
            "expires": None,
            "revoked": None,
            "requests_per_minute": 5,
        },
        {
            "id": "key_2",
            "name": "ended",
            "scopes": ["admin"],
            "created": 1_700_000_001,
            "sha256": hashlib.sha256(ENDED.encode()).hexdigest(),
            "expires": 1_900_000_000,
            "revoked": 1_799_999_999,
            "requests_per_minute": None,
        },
    ],
}


@pytest.fixture
def legacy(path):
    path.parent.mkdir(parents=True)
    file = path.with_name("keys.json")
    file.write_text(json.dumps(OLD_KEYS, indent=1))
    return file


@pytest.mark.parametrize("first", ["find", "list", "create", "revoke"])
def test_keys_of_earlier_releases_are_taken_over(store, path, legacy, first):
    content = legacy.read_bytes()
    ways = {
        "find": lambda: store.find("sk-oaikit-x"),
        "list": store.list,
        "create": lambda: store.create("new"),
        "revoke": lambda: store.revoke("key_2"),
    }
    ways[first]()
    found = store.find(SECRET)
    assert found is not None
    assert found.as_dict() == OLD_KEYS["keys"][0]
    with pytest.raises(AuthenticationError, match="was revoked"):
        store.find(ENDED)
    assert [key["name"] for key in store.list()][:2] == ["old", "ended"]
    store.close()
    assert not legacy.exists()
    assert path.with_name("keys.json.imported").read_bytes() == content, "kept, out of the way"


def test_what_was_taken_over_once_does_not_come_back(store, path, legacy):
    store.revoke("key_1")
    legacy.write_text(
        json.dumps(OLD_KEYS)
    )  # as if the server had been killed before it could rename the file
    again = Keys(path)
    with pytest.raises(AuthenticationError, match="was revoked"):
        again.find(SECRET)
    assert [key["id"] for key in again.list()] == ["key_1", "key_2"]
    assert {file.name for file in path.parent.glob("keys.json*")} == {
        "keys.json.imported",
        "keys.json.imported.1",
    }
    path.unlink()
    assert Keys(path).find(SECRET) is None, "what was deleted stays so"


def test_several_servers_that_start_at_once_take_over_once(path, legacy):
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: Keys(path).find(SECRET), range(6)))
    assert [key.id if key else None for key in found] == ["key_1"] * 6
    assert sorted(file.name for file in path.parent.glob("keys.json*")) == ["keys.json.imported"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"version": 2, "keys": []}',
        b'{"version": 1}',
        b'{"version": 1, "keys": [{}]}',
        b'{"version": 1, "keys": [3]}',
        b'{"version": 1, "keys": [{"id": "a", "name": "b", "scopes": ["root"], "created": 1, "sha256": "c"}]}',
        b'{"version": 1, "keys": [{"id": "a", "name": "b", "scopes": ["read"], "created": 1, "sha256": null}]}',
        b'{"version": 1, "keys": [{"id": "a", "name": "b", "scopes": ["read"], "created": 1, "sha256": "c", "x": 1}]}',
        b'{"version": 1, "keys": [{"id": "a", "name": "b", "scopes": ["read"], "created": 1, "sha256": "\\u00e4"}]}',
    ],
)
def test_a_broken_file_of_earlier_releases_opens_nothing_and_is_kept(store, path, content, caplog):
    path.parent.mkdir(parents=True)
    legacy = path.with_name("keys.json")
    legacy.write_bytes(content)
    with caplog.at_level(logging.ERROR):
        assert store.find("sk-oaikit-x") is None
        assert store.find("sk-oaikit-x") is None
    assert len(caplog.records) == 1, "said once, not with every request"
    for work in (store.list, lambda: store.create("ci")):
        with pytest.raises(StorageError, match=r"keys\.json can't be read: .*; repair it, or move it away"):
            work()
    assert legacy.read_bytes() == content
    legacy.write_text(json.dumps(OLD_KEYS))
    assert store.find(SECRET) is not None, "repaired"


def test_a_broken_file_of_earlier_releases_does_not_stop_new_keys(store, path, caplog):
    _, secret = store.create("ci")
    store.close()
    path.with_name("keys.json").write_text("{")
    with caplog.at_level(logging.ERROR):
        assert store.find(secret) is not None
    assert "are not taken over" in caplog.text


# -- other programs ----------------------------------------------------------------------------------------------------


def longest_pause(work: Callable[[], Awaitable[object]]) -> tuple[object, float]:
    """What some work came to, and how long the event loop stood still meanwhile, in seconds."""

    async def measured() -> tuple[object, float]:
        task, longest = asyncio.ensure_future(work()), 0.0
        while not task.done():
            began = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - began - 0.005)
        return (task.exception() or task.result()), longest

    return asyncio.run(measured())


LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA locking_mode = " + sys.argv[2])
database.execute("BEGIN " + sys.argv[3])
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked_by_another_process(path: Path, mode: str, lock: str = "EXCLUSIVE") -> Iterator[None]:
    locker = subprocess.Popen(
        [sys.executable, "-c", LOCK, path, mode, lock],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert locker.stdout is not None
    try:
        assert locker.stdout.readline() == "locked\n"
        yield
    finally:
        locker.communicate()


@pytest.fixture(params=["wal", "delete"])
def journal(request, monkeypatch):
    """The journal that files get: a write-ahead log, or a rollback journal, as on a file system of a network."""
    monkeypatch.setattr(database, "supports_wal", lambda folder: request.param == "wal")
    return request.param


def test_a_lock_of_another_process_stops_neither_the_loop_nor_known_keys(path, monkeypatch):
    monkeypatch.setattr(key_store, "_LOCKED_S", 0.5)
    store = Keys(path)
    key, secret = store.create("ci")
    store.find(secret)
    with locked_by_another_process(path, "NORMAL"):
        found, pause = longest_pause(lambda: store.store.find(secret))
        assert (found, pause < 0.2) == (key, True)
        for work in (lambda: store.store.create("new"), lambda: store.store.revoke(key.id)):
            failure, pause = longest_pause(work)
            assert isinstance(failure, StorageLockedError)
            assert "another program has locked the key file" in str(failure)
            assert failure.status == 503
            assert pause < 0.2
    assert store.revoke(key.id).id == key.id


def test_a_lock_from_before_the_first_request_is_answered_with_503(path, journal):
    store = Keys(path)
    key, secret = store.create("ci")
    store.close()
    with locked_by_another_process(path, "EXCLUSIVE"):
        began = time.monotonic()
        failure, pause = longest_pause(lambda: store.store.find(secret))
        assert time.monotonic() - began < 1
        assert pause < 0.2
        assert isinstance(failure, StorageLockedError)
        assert (failure.status, failure.retryable) == (503, True)
    assert store.find(secret) == key, "the lock is gone"


def test_an_unread_change_does_not_wait_behind_a_write_that_waits_for_a_lock(path, journal):
    store, other = Keys(path), Keys(path)
    store.find(store.create("old")[1])
    key, secret = other.create("made by another server")

    async def find_during_a_write() -> tuple[Key | None, list[dict[str, Any]], float]:
        writing = asyncio.ensure_future(store.store.create("waits"))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        found, listed = await store.store.find(secret), await store.store.list()
        seconds = time.monotonic() - began
        assert not writing.done(), "it still waits"
        writing.cancel()
        return found, listed, seconds

    with locked_by_another_process(path, "NORMAL", "IMMEDIATE"):
        found, listed, seconds = asyncio.run(find_during_a_write())
    assert found == key
    assert [each["name"] for each in listed] == ["old", "made by another server"]
    assert seconds < 1
    store.close()


def test_keys_that_were_read_stay_valid_while_the_file_can_not_be_read(path, journal):
    store, other = Keys(path), Keys(path)
    key, secret = store.create("known")
    store.find(secret)
    _, unread = other.create("not read yet")
    other.close()
    with locked_by_another_process(path, "NORMAL"):
        began = time.monotonic()
        assert store.find(secret) == key
        # A write-ahead log can be read in spite of the lock.
        assert (store.find(unread) is not None) == (journal == "wal")
        assert time.monotonic() - began < 1
    assert store.find(unread) is not None


def test_keys_can_be_used_and_not_made_where_the_folder_is_read_only(open_folder, request):
    path = open_folder / "keys.db"
    store = Keys(path)
    key, secret = store.create("ci")
    store.close()
    path.chmod(0o444)
    open_folder.chmod(0o555)
    request.getfixturevalue("unprivileged")
    again = Keys(path)
    assert again.find(secret) == key
    with pytest.raises(StorageError, match="can't be written: the file or its folder is read-only"):
        again.create("new")
    again.close()


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "a" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": None}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": "read"}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"scopes": [["read"]]}, "scopes"),
        ({"scopes": {"read": 1}}, "scopes"),
        ({"expires_in_s": 0}, "expires_in_s"),
        ({"expires_in_s": -1}, "expires_in_s"),
        ({"expires_in_s": True}, "expires_in_s"),
        ({"expires_in_s": "1"}, "expires_in_s"),
        ({"expires_in_s": float("nan")}, "expires_in_s"),
        ({"expires_in_s": float("inf")}, "expires_in_s"),
        ({"expires_in_s": 10**400}, "expires_in_s"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"requests_per_minute": 1.5}, "requests_per_minute"),
        ({"requests_per_minute": True}, "requests_per_minute"),
        ({"requests_per_minute": 100_001}, "requests_per_minute"),
    ],
)
def test_a_bad_value_is_named_and_nothing_is_made(store, wanted, param):
    with pytest.raises(InvalidRequestError, match=param) as caught:
        store.create(**{"name": "ci", **wanted})
    assert caught.value.param == param
    assert store.list() == []


def test_the_minted_key():
    first, second = InferenceKey(), InferenceKey()
    assert first.value != second.value
    assert first.matches(first.value)
    for wrong in ("", second.value, first.value[:-1], "ключ", "\udcff"):
        assert not first.matches(wrong)
    assert first.key.scopes == {Scope.READ, Scope.INFER}
    assert first.value not in repr(first.key)


@pytest.mark.parametrize(
    ("header", "secret"),
    [
        ("Bearer sk-1", "sk-1"),
        ("bearer  sk-1 ", "sk-1"),
        ("token sk-1", ""),
        ("Basic sk-1", ""),
        ("sk-1", ""),
        ("Bearer", ""),
        ("", ""),
        ("Bearer ÿþ", "ÿþ"),
    ],
)
def test_only_a_bearer_header_has_a_key(header, secret):
    assert bearer(header) == secret

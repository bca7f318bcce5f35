"""Keys: made once, stored as hashes, shared by servers, ended in time."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from oaikit.errors import AuthenticationError, InvalidRequestError, NotFoundError, OAIKitError
from oaikit_server.keys import InferenceKey, KeyStore, Scope, bearer

DAY = 24 * 3600


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "oaikit" / "keys.json"


@pytest.fixture
def store(path, clock):
    return KeyStore(path, clock)


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
    assert [stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()] == [0o600, 0o600]
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_may_read_is_closed_to_them(store, path):
    _, secret = store.create("ci")
    path.chmod(0o644)
    assert KeyStore(path).find(secret) is not None
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
    other = KeyStore(path, clock)
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
    store = KeyStore(path)
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
    assert len({key["name"] for key in KeyStore(path).list()}) == 60
    assert sorted(file.name for file in path.parent.iterdir()) == ["keys.json", "keys.json.lock"]


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
def test_a_file_that_is_broken_opens_nothing_and_is_not_overwritten(store, path, content, caplog):
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with caplog.at_level(logging.ERROR):
        assert store.find("sk-oaikit-x") is None
        assert store.find("sk-oaikit-x") is None
    assert len(caplog.records) == 1, "said once, not with every request"
    with pytest.raises(OAIKitError, match="can't be read"):
        store.list()
    with pytest.raises(OAIKitError, match="can't be read"):
        store.create("ci")
    assert path.read_bytes() == content


def test_a_folder_that_can_not_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    store = KeyStore(tmp_path / "file" / "keys.json")
    assert store.find("sk-oaikit-x") is None
    with pytest.raises(OAIKitError, match="can't be changed"):
        store.create("ci")


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

"""Requests with a name, and who may end them."""

from __future__ import annotations

import pytest

from oaikit.errors import InvalidRequestError
from oaikit_server.aborts import Aborts
from oaikit_server.keys import Key, Scope

NAME = "a" * 32


def key(id: str) -> Key:
    return Key(id=id, name="", scopes=frozenset({Scope.INFER}), created=0, sha256="")


def test_a_request_is_ended_while_it_runs_and_not_after() -> None:
    aborts, ended = Aborts(), []
    with aborts.entered(NAME, None, lambda: ended.append(1)):
        assert aborts.abort("b" * 32, None) == 0
        assert aborts.abort(NAME, None) == 1
    assert aborts.abort(NAME, None) == 0
    assert ended == [1]


def test_a_key_ends_its_own_requests_alone_and_a_user_all() -> None:
    aborts, ended = Aborts(), []
    with (
        aborts.entered(NAME, key("key_1"), lambda: ended.append(1)),
        aborts.entered(NAME, key("key_2"), lambda: ended.append(2)),
        aborts.entered(NAME, None, lambda: ended.append(0)),
    ):
        assert aborts.abort(NAME, key("key_2")) == 1
        assert aborts.abort(NAME, key("key_3")) == 0
        assert ended == [2]
        assert aborts.abort(NAME, None) == 3


@pytest.mark.parametrize("name", ["", "short", "a" * 65, "a" * 20 + " ", "é" * 20, "a" * 20 + "\n"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="16 to 64"), Aborts().entered(name, None, print):
        pass

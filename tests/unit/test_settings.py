"""What kernels inherit from the server, and what they must not."""

from __future__ import annotations

import os
from unittest.mock import patch

import pytest

from oaikit.settings import PreservedEnvironment, announce_server, announced_server, openai_key, withdraw

URL, KEY = "http://127.0.0.1:8888/oaikit/v1", "sk-oaikit-1"
NAMES = ["OAIKIT_BASE_URL", "OAIKIT_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_KEY"]


@pytest.fixture(autouse=True)
def environment():
    """The real environment without our variables, put back afterwards."""
    with patch.dict(os.environ):
        for name in NAMES:
            os.environ.pop(name, None)
        yield os.environ


def test_nothing_is_announced_by_default():
    assert announced_server() is None
    assert openai_key() == ""


def test_a_stock_client_finds_the_server(environment):
    assert sorted(announce_server(URL, KEY, openai=True)) == sorted(NAMES)
    assert (environment["OPENAI_BASE_URL"], environment["OPENAI_API_KEY"]) == (URL, KEY)
    assert announced_server() == (URL, KEY)


def test_openai_variables_can_be_left_alone(environment):
    announce_server(URL, KEY, openai=False)
    assert "OPENAI_BASE_URL" not in environment
    assert announced_server() == (URL, KEY)


@pytest.mark.parametrize(
    "own",
    [
        {"OPENAI_API_KEY": "sk-own"},
        {"OPENAI_BASE_URL": "http://own/v1"},
        {"OPENAI_API_KEY": "sk-own", "OPENAI_BASE_URL": "http://own/v1"},
    ],
)
def test_the_users_own_openai_variables_are_kept(environment, own):
    """Half of ours beside half of the user's would send a user's key to the wrong server."""
    environment.update(own)
    names = announce_server(URL, KEY, openai=True)
    assert {name: environment[name] for name in NAMES[2:] if name in environment} == own
    assert announced_server() == (URL, KEY)
    withdraw(names)
    assert {name: environment[name] for name in NAMES if name in environment} == own


def test_an_empty_variable_counts_as_unset(environment):
    environment["OPENAI_API_KEY"] = ""
    announce_server(URL, KEY, openai=True)
    assert environment["OPENAI_API_KEY"] == KEY


def test_a_server_started_from_a_terminal_of_another_announces_itself(environment):
    """The OpenAI variables that it inherits are the outer server's, not the user's."""
    announce_server("http://127.0.0.1:8000/oaikit/v1", "sk-oaikit-outer", openai=True)
    announce_server(URL, KEY, openai=True)
    assert (environment["OPENAI_BASE_URL"], environment["OPENAI_API_KEY"]) == (URL, KEY)


def test_withdraw_takes_back_what_was_set(environment):
    withdraw(announce_server(URL, KEY, openai=True))
    assert not set(NAMES) & set(environment)


def test_the_users_openai_server_is_found_when_none_of_ours_is_running(environment):
    environment["OPENAI_BASE_URL"] = "http://own/v1"
    assert announced_server() == ("http://own/v1", "")
    environment["OPENAI_API_KEY"] = "sk-own"
    assert announced_server() == ("http://own/v1", "sk-own")
    assert openai_key() == "sk-own"


def test_a_key_of_one_server_never_goes_to_another(environment):
    environment.update({"OAIKIT_BASE_URL": URL, "OPENAI_API_KEY": "sk-own"})
    assert announced_server() == (URL, "")


def test_preserved_environment(environment):
    environment.update({"OAIKIT_TEST_KEPT": "1", "OAIKIT_TEST_CHANGED": "1", "OAIKIT_TEST_DELETED": "1"})
    before = dict(environment)
    preserved = PreservedEnvironment()
    preserved.set("OAIKIT_TEST_SET", "2")
    assert environment["OAIKIT_TEST_SET"] == "2"
    environment["LD_PRELOAD_OF_SOMEBODY"] = "2"
    environment["OAIKIT_TEST_CHANGED"] = "2"
    del environment["OAIKIT_TEST_DELETED"]
    preserved.restore()
    assert dict(environment) == before

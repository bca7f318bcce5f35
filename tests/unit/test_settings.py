"""What kernels inherit from the server, and what they must not."""

from __future__ import annotations

import os
import threading
from dataclasses import fields
from unittest.mock import patch

import pytest

from oaikit.errors import SettingError
from oaikit.settings import (
    Environment,
    ThreadEnvironment,
    announce_server,
    announced_server,
    openai_key,
    runpod_key,
    withdraw,
)

URL, KEY = "http://127.0.0.1:8888/oaikit/v1", "sk-oaikit-1"
NAMES = ["OAIKIT_BASE_URL", "OAIKIT_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_KEY"]
WORKER = {field.metadata["name"]: field.name for field in fields(Environment)}


@pytest.fixture(autouse=True)
def environment():
    """The real environment without our variables, put back afterwards."""
    with patch.dict(os.environ):
        for name in [*NAMES, *WORKER, "RUNPOD_API_KEY"]:
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


def test_a_threads_changes_are_taken_back(environment):
    environment.update({"OAIKIT_TEST_KEPT": "1", "OAIKIT_TEST_CHANGED": "1", "OAIKIT_TEST_DELETED": "1"})
    before = dict(environment)
    with ThreadEnvironment() as own:
        environment["LD_PRELOAD_OF_SOMEBODY"] = "1"
        environment["LD_PRELOAD_OF_SOMEBODY"] = "2"
        environment.setdefault("OAIKIT_TEST_SET", "2")
        environment |= {"OAIKIT_TEST_CHANGED": "2"}
        environment.pop("OAIKIT_TEST_DELETED")
        assert os.environ["OAIKIT_TEST_SET"] == "2"
    assert dict(environment) == before
    assert own.changes == {
        "LD_PRELOAD_OF_SOMEBODY": "2",
        "OAIKIT_TEST_SET": "2",
        "OAIKIT_TEST_CHANGED": "2",
        "OAIKIT_TEST_DELETED": None,
    }


def test_other_threads_changes_stay(environment):
    """While vLLM is loading, somebody may set a variable: another extension, or the user's own code in a kernel."""

    def other() -> None:
        environment["OAIKIT_TEST_OTHER"] = "other"
        environment["OAIKIT_TEST_BOTH"] = "other"
        environment.pop("OAIKIT_TEST_GONE")

    environment["OAIKIT_TEST_GONE"] = "1"
    with ThreadEnvironment() as own:
        environment["OAIKIT_TEST_BOTH"] = "own"
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert environment["OAIKIT_TEST_OTHER"] == environment["OAIKIT_TEST_BOTH"] == "other"
    assert "OAIKIT_TEST_GONE" not in environment
    assert own.changes == {"OAIKIT_TEST_BOTH": "own"}


def test_threads_environments_within_each_other(environment):
    environment.pop("OAIKIT_TEST_OUTER", None)
    with ThreadEnvironment() as outer:
        environment["OAIKIT_TEST_OUTER"] = "1"
        with ThreadEnvironment() as inner:
            environment["OAIKIT_TEST_OUTER"] = "2"
            environment["OAIKIT_TEST_INNER"] = "2"
        assert environment["OAIKIT_TEST_OUTER"] == "1"
        assert set(inner.changes) == {"OAIKIT_TEST_OUTER", "OAIKIT_TEST_INNER"}
    assert "OAIKIT_TEST_OUTER" not in environment
    assert outer.changes["OAIKIT_TEST_OUTER"] == "1"


# -- the variables of RunPod's worker ----------------------------------------------------------------------------------


def test_the_variables_have_the_documented_names():
    assert set(WORKER) == {
        "OPENAI_SERVED_MODEL_NAME_OVERRIDE",
        "OPENAI_RESPONSE_ROLE",
        "RAW_OPENAI_OUTPUT",
        "DEFAULT_BATCH_SIZE",
        "DEFAULT_MIN_BATCH_SIZE",
        "DEFAULT_BATCH_SIZE_GROWTH_FACTOR",
        "MAX_CONCURRENCY",
        "TOOL_CALL_PARSER",
        "ENABLE_AUTO_TOOL_CHOICE",
        "REASONING_PARSER",
    }


def test_unset_is_none():
    assert Environment.read() == Environment()
    assert set(vars(Environment()).values()) == {None}


@pytest.mark.parametrize("name", sorted(WORKER))
@pytest.mark.parametrize("empty", ["", " "])
def test_empty_is_unset(environment, name, empty):
    environment[name] = empty
    assert Environment.read() == Environment()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("OPENAI_SERVED_MODEL_NAME_OVERRIDE", "my/model-1.0", "my/model-1.0"),
        ("OPENAI_SERVED_MODEL_NAME_OVERRIDE", " mine ", "mine"),
        ("OPENAI_RESPONSE_ROLE", "model", "model"),
        ("RAW_OPENAI_OUTPUT", "1", True),
        ("RAW_OPENAI_OUTPUT", "true", True),
        ("RAW_OPENAI_OUTPUT", "True", True),
        ("RAW_OPENAI_OUTPUT", "2", True),
        ("RAW_OPENAI_OUTPUT", "0", False),
        ("RAW_OPENAI_OUTPUT", "false", False),
        ("RAW_OPENAI_OUTPUT", "FALSE", False),
        ("DEFAULT_BATCH_SIZE", "100", 100),
        ("DEFAULT_MIN_BATCH_SIZE", "2", 2),
        ("DEFAULT_BATCH_SIZE_GROWTH_FACTOR", "2", 2.0),
        ("DEFAULT_BATCH_SIZE_GROWTH_FACTOR", "1.5", 1.5),
        ("DEFAULT_BATCH_SIZE_GROWTH_FACTOR", "1", 1.0),
        ("MAX_CONCURRENCY", "30", 30),
        ("MAX_CONCURRENCY", "0", 0),
        ("TOOL_CALL_PARSER", "hermes", "hermes"),
        ("ENABLE_AUTO_TOOL_CHOICE", "true", True),
        ("ENABLE_AUTO_TOOL_CHOICE", "1", True),
        ("ENABLE_AUTO_TOOL_CHOICE", "False", False),
        ("ENABLE_AUTO_TOOL_CHOICE", "0", False),
        ("REASONING_PARSER", "deepseek_r1", "deepseek_r1"),
    ],
)
def test_a_value(environment, name, text, value):
    environment[name] = text
    read = Environment.read()
    assert getattr(read, WORKER[name]) == value
    assert type(getattr(read, WORKER[name])) is type(value)
    assert sum(each is not None for each in vars(read).values()) == 1


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("OPENAI_SERVED_MODEL_NAME_OVERRIDE", ["two words", "a\nb", "mod\u00e8le"]),
        ("OPENAI_RESPONSE_ROLE", ["the assistant"]),
        ("RAW_OPENAI_OUTPUT", ["yes", "on", "1.0", "tru", "none", "0x1"]),
        ("DEFAULT_BATCH_SIZE", ["0", "-1", "1.5", "many", "1e3", "inf"]),
        ("DEFAULT_MIN_BATCH_SIZE", ["0", "-1", "1.5", "few"]),
        ("DEFAULT_BATCH_SIZE_GROWTH_FACTOR", ["0", "0.5", "-3", "nan", "inf", "twice"]),
        ("MAX_CONCURRENCY", ["-1", "1.5", "unlimited", "9" * 5000]),
        ("TOOL_CALL_PARSER", ["hermes mistral"]),
        ("ENABLE_AUTO_TOOL_CHOICE", ["yes", "2", "on"]),
        ("REASONING_PARSER", ["deep seek"]),
    ],
)
def test_a_value_that_makes_no_sense_is_told_in_one_line(environment, name, texts):
    for text in texts:
        environment[name] = text
        with pytest.raises(SettingError) as caught:
            Environment.read()
        message = str(caught.value)
        assert name in message
        assert repr(text[:100]) in message
        assert "must be" in message
        assert "\n" not in message
        assert len(message) < 300


def test_the_key_for_runpod(environment):
    assert runpod_key() == ""
    environment["RUNPOD_API_KEY"] = "rpa_1"
    assert runpod_key() == "rpa_1"
    assert "rpa_1" not in repr(Environment.read())

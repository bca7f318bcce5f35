"""``%oai`` and ``%%oai`` in a kernel of the server's, as a notebook has them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness import Kernel, Server, kernel, printed, wait_until

SCHEMA = '{"type": "object", "properties": {"n": {"type": "null"}}, "required": ["n"], "additionalProperties": False}'


@pytest.fixture(scope="module")
def notebook(server: Server) -> Iterator[Kernel]:
    with kernel(server) as started:
        assert "error" not in {message["msg_type"] for message in started.run("%load_ext oaikit")}
        yield started


def said(notebook: Kernel, code: str) -> str:
    messages = notebook.run(code)
    errors = [message["content"] for message in messages if message["msg_type"] == "error"]
    assert not errors, errors
    text = printed(messages).strip()
    assert "UsageError" not in text  # which IPython prints
    return text


def test_an_answer_is_shown_and_kept_in_a_variable(notebook: Kernel) -> None:
    said(notebook, "city = 'Rome'")
    said(notebook, "%%oai --out reply -t 0 --max-tokens 8 --ignore-eos\nWhere is {city}?")
    assert said(notebook, "print(type(reply).__name__, reply.usage.completion_tokens)") == "Reply 8"


def test_a_chat_goes_on_and_is_forgotten(notebook: Kernel) -> None:
    for _ in range(2):
        said(notebook, "%%oai --chat a --system Brief. --max-tokens 4\nHello")
    find = (
        "print([m['role'] for m in get_ipython().magics_manager.registry['OAIMagics'].chats['a'].messages])"
    )
    assert said(notebook, find) == "['system', 'user', 'assistant', 'user', 'assistant']"
    said(notebook, "%oai reset a")
    assert "there is no chat 'a'" in printed(notebook.run("%oai reset a"))


def test_an_object_comes_out_as_the_schema_has_it(notebook: Kernel) -> None:
    said(notebook, f"schema = {SCHEMA}")
    said(notebook, "%%oai --schema schema --out found --max-tokens 100\nNothing, please")
    assert said(notebook, "print(found)") == "{'n': None}"


def test_an_interrupt_returns_the_prompt_ends_the_request_and_keeps_what_came(notebook: Kernel) -> None:
    cell = "%%oai --out partial --max-tokens 1500 --ignore-eos\nTell me a story"
    rest, seconds = notebook.interrupted_stream(cell)
    assert seconds < 1  # of which 0.2 s are ours: the interrupt's own way takes some too
    assert "KeyboardInterrupt" in printed(rest)
    wait_until(lambda: notebook.server.status()["in_flight"] == 0, 1)
    assert said(notebook, "print(partial.cancelled, len(partial.text) > 0)") == "True True"


def test_the_models_are_listed_and_the_asked_one_is_marked(notebook: Kernel) -> None:
    assert said(notebook, "%oai models").startswith("* ")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("%oai nonsense", "%oai has no 'nonsense'"),
        ("%oai use nobody", "the server has no model 'nobody'"),
        ("%%oai\n \n", "there is nothing to ask"),
        ("%%oai -t hot\nHello", "temperature"),
        ("%%oai --nonsense 1\nHello", "see %oai help"),
        ("%%oai --out 1a\nHello", "'1a' is no name for a variable"),
        ("%%oai --schema nothing\nHello", "there is no variable 'nothing'"),
    ],
)
def test_what_is_wrong_is_said(notebook: Kernel, code: str, error: str) -> None:
    assert error in printed(notebook.run(code))

"""``ok.stream`` in a real kernel: what it publishes, how it is stopped, and that nothing waits for it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import Kernel, Server, kernel, printed, wait_until

LONG = "max_tokens=1500, ignore_eos=True"
Messages = list[dict[str, Any]]


@pytest.fixture(scope="module")
def cell(server: Server) -> Iterator[Kernel]:
    with kernel(server) as started:
        assert "ready" in printed(started.run("import time, oaikit as ok; print('ready')"))
        yield started


def custom(messages: Messages) -> list[dict[str, Any]]:
    """The widgets' own messages."""
    return [
        message["content"]["data"]["content"]
        for message in messages
        if message["msg_type"] == "comm_msg" and message["content"]["data"].get("method") == "custom"
    ]


def applied(messages: list[dict[str, Any]]) -> str:
    """The text of the first column, put together from the messages as a browser does."""
    text, following = "", False
    for message in messages:
        if message["type"] == "snapshot":
            text = message["document"]["columns"][0]["text"]
        for op in message.get("ops", []):
            if op[0] == "+" and len(op) == 3:
                following = op[1] == ["columns", 0, "text"]
            if op[0] == "+" and following:
                text += op[-1]
    return text


def static(messages: Messages) -> dict[str, str]:
    """The display for notebooks without a kernel, as it was left."""
    shown = [m["content"]["data"] for m in messages if m["msg_type"] == "update_display_data"]
    return dict(shown[-1])


def test_the_text_arrives_in_pieces_and_stays(cell: Kernel) -> None:
    messages = cell.run(f"reply = ok.stream('Tell me a story', seed=1, {LONG}); print(repr(reply.text))")
    text = eval(printed(messages))
    sent = custom(messages)
    assert len(text) > 3000
    assert applied(sent) == text
    assert len(sent) > 3  # on a busy machine it comes in few pieces
    seqs = [each["seq"] for each in sent if each["type"] == "ops"]
    assert seqs == sorted(set(seqs))
    assert static(messages)["text/plain"] == text
    assert text[:20] in static(messages)["text/html"]


def test_three_thousand_tokens_are_few_bytes(cell: Kernel) -> None:
    """With a browser that has said that it listens."""
    seen: Messages = []
    for seed in range(2):
        begun = cell.run(f"reply = ok.stream('Tell', seed={seed}, wait=False, {LONG})")
        (opened,) = [
            m["content"]
            for m in begun
            if m["msg_type"] == "comm_open" and "kind" in m["content"]["data"]["state"]
        ]
        ready = {"comm_id": opened["comm_id"], "data": {"method": "custom", "content": {"type": "ready"}}}
        cell.client.shell_channel.send(cell.client.session.msg("comm_msg", ready))
        seen += begun
        while "1500" not in printed(seen[-8:]):
            seen += cell.run("time.sleep(0.5); print(reply.usage.completion_tokens)")
    data = [message["content"]["data"] for message in seen if message["msg_type"] == "comm_msg"]
    assert sum(len(json.dumps(each)) for each in data) <= 60_000


def test_an_interrupt_returns_the_prompt_and_ends_the_request(cell: Kernel) -> None:
    rest, seconds = cell.interrupted_stream(f"ok.stream('Tell me a story', {LONG})")
    assert seconds < 1  # of which 0.2 s are ours: the interrupt's own way takes some too
    assert "KeyboardInterrupt" in printed(rest)
    assert "stopped" in static(rest)["text/html"]
    assert len(static(rest)["text/plain"]) > 3
    wait_until(lambda: cell.server.status()["in_flight"] == 0, 1)


def test_what_does_not_wait_is_cancelled_from_another_cell(cell: Kernel) -> None:
    cell.run(f"reply = ok.stream('Tell me a story', wait=False, {LONG})")
    wait_until(lambda: "True" in printed(cell.run("print(len(reply.text) > 20)")), 20)
    said = printed(cell.run("reply.cancel(); time.sleep(0.2); print(reply.cancelled, reply.finish_reason)"))
    assert said.strip() == "True None"
    wait_until(lambda: cell.server.status()["in_flight"] == 0, 1)


def test_a_busy_cell_holds_up_nothing(cell: Kernel) -> None:
    cell.run("reply = ok.stream('Tell me a story', wait=False, max_tokens=300, ignore_eos=True)")
    messages = cell.run("time.sleep(4); print(reply.usage.completion_tokens)")
    assert printed(messages).strip() == "300"
    assert len(custom(messages)) > 3


def test_several_are_side_by_side(cell: Kernel) -> None:
    asked = "ok.stream(['One', 'Two'], labels=['a', 'b'], max_tokens=5)"
    messages = cell.run(f"print([len(reply.choices) for reply in {asked}])")
    assert printed(messages).strip() == "[1, 1]"
    assert all(f"<b>{label}</b>" in static(messages)["text/html"] for label in "ab")


def test_errors_are_raised_and_shown(cell: Kernel) -> None:
    messages = cell.run("ok.stream('x', temperature=9)")
    assert "`temperature` must be a number from 0 to 2" in printed(messages)
    assert "`temperature` must be" in static(messages)["text/html"]
    for code, said in (
        ("ok.stream([])", "nothing to ask"),
        ("ok.stream(['a'], labels=[])", "do not go together"),
    ):
        assert said in printed(cell.run(code))


def test_log_probabilities_are_in_the_document(cell: Kernel) -> None:
    messages = cell.run("reply = ok.stream('x', logprobs=True, max_tokens=3); print(len(reply.df))")
    assert printed(messages).strip() == "3"
    (extended, *_) = [op for each in custom(messages) for op in each.get("ops", []) if op[0] == ">"]
    text, logprob, alternatives = extended[2][0]
    assert isinstance(text, str)
    assert logprob <= 0
    assert 5 <= len(alternatives) <= 6


def test_a_script_prints_as_it_arrives(server: Server) -> None:
    code = f"""import oaikit as ok
ok.stream("Tell me a story", ok.connect({server.v1!r}, api_key={server.token!r}), {LONG})"""
    arrivals = []
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        while process.stdout.read(65536):
            arrivals.append(time.monotonic())
    assert process.returncode == 0
    assert len(arrivals) > 5
    assert arrivals[-1] - arrivals[0] > 0.3

"""The chat from Python, without a browser, against the engine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import oaikit as ok
from oaikit.backend import Backend
from oaikit.errors import ConversationError, InvalidRequestError, OAIKitError
from oaikit.reply import Reply
from oaikit.widgets.chat import Chat
from oaikit.widgets.history import History
from oaikit.widgets.live import LOOP
from tests.harness import Server, isolated_environment, jupyter_server, run_in_kernel, wait_until

SHORT = {"max_tokens": 12, "temperature": 1.0}


@pytest.fixture
def llm(server: Server) -> Iterator[ok.Connection]:
    made = ok.connect(server.v1, api_key=server.token)
    yield made
    made.close()


@pytest.fixture
def chat(llm: Backend, tmp_path: Path) -> Iterator[Chat]:
    made = Chat(llm, system="Be terse.", history=tmp_path / "chats.db", **SHORT)
    yield made
    made.close()


def document(chat: Chat) -> dict[str, Any]:
    return chat.widget.live.state


def shown(chat: Chat) -> dict[str, Any]:
    """The last message of the path, as the document has it."""
    state = document(chat)
    return dict(state["nodes"][state["leaf"]])


def command(chat: Chat, name: str, /, **args: Any) -> Any:
    """What a click in the browser does, but for the comm."""
    return LOOP.submit(chat.widget.commands()[name](**args)).result()  # type: ignore[arg-type]


def wait_until_free(chat: Chat) -> None:
    wait_until(lambda: not document(chat)["busy"], 60)


def test_a_turn_is_in_document_conversation_and_history(chat: Chat, tmp_path: Path) -> None:
    reply = chat.send("Hello")
    answer = shown(chat)
    assert answer["text"] == reply.text == chat.messages[-1]["content"]
    assert chat.widget.document["nodes"] == document(chat)["nodes"], "a notebook that is saved now has it"
    assert [message["role"] for message in chat.messages] == ["system", "user", "assistant"]
    assert (answer["state"], answer["finish_reason"], answer["model"]) == ("done", "length", "tiny")
    numbers = answer["numbers"]
    assert numbers["completion_tokens"] == 12
    assert numbers.pop("tokens_per_s") is None, "12 tokens are too few for a rate"
    assert all(numbers[name] > 0 for name in numbers)
    assert document(chat)["context"] == {"used": numbers["prompt_tokens"] + 12, "size": 2048}
    (entry,) = Chat.history(tmp_path / "chats.db")
    assert (entry.title, entry.messages) == ("Hello", 2)


def test_the_answer_may_fill_the_context(chat: Chat) -> None:
    """The seed's default of 16 tokens must not end a chat's answers."""
    chat.params.change(max_tokens=None, min_tokens=40, stop=["."])
    reply = chat.send("Hello")
    assert reply.usage.completion_tokens > 40
    assert reply.finish_reason == "stop"


def test_regenerate_edit_and_select(chat: Chat) -> None:
    first = chat.send("Hello")
    id = chat.conversation.leaf or ""
    chat.params["seed"] = 7
    second = chat.regenerate()
    assert [node.text for node in chat.conversation.siblings(id)] == [first.text, second.text]
    user = chat.conversation.path[1]
    assert isinstance(chat.edit(user.id, "Bye"), Reply)
    assert [node.text for node in chat.conversation.siblings(user.id)] == ["Hello", "Bye"]
    chat.select(id)
    assert chat.messages[-1]["content"] == first.text
    assert document(chat)["leaf"] == id
    assert chat.edit(id, "mine") is None
    chat.send("And?")
    assert [message["content"] for message in chat.messages[1:4]] == ["Hello", "mine", "And?"]


def test_what_is_set_is_sent(chat: Chat) -> None:
    chat.params.change(temperature=0, max_tokens=5, logprobs=True)
    chat.send("Hello")
    first = shown(chat)
    assert len(first["tokens"]) == 5
    assert all(row[0] == row[2][0][0] and len(row[2]) == 5 for row in first["tokens"]), "the likeliest"
    chat.regenerate()
    assert shown(chat)["text"] == first["text"]
    with pytest.raises(InvalidRequestError, match="temperature"):
        command(chat, "set_param", name="temperature", value=9)
    assert "temperature" in document(chat)["notice"]
    assert document(chat)["params"]["temperature"] == 0
    command(chat, "set_param", name="temperature", value=None)
    assert (document(chat)["params"].get("temperature"), document(chat)["notice"]) == (None, None)


def test_a_branch_goes_on_from_another_token(chat: Chat) -> None:
    chat.params["logprobs"] = True
    chat.send("Hello")
    id, rows = chat.conversation.leaf or "", shown(chat)["tokens"]
    other = next(text for text, _ in rows[4][2] if text != rows[4][0])
    reply = chat.branch(id, 4, other)
    assert reply is not None
    prefix = "".join(row[0] for row in rows[:4]) + other
    assert shown(chat)["text"] == prefix + reply.text
    assert reply.text
    assert "".join(row[0] for row in shown(chat)["tokens"]) == shown(chat)["text"]
    assert len(chat.conversation.siblings(id)) == 2
    with pytest.raises(ConversationError, match="tokens to branch at"):
        chat.branch(chat.conversation.path[1].id, 0, "x")


def test_several_answers_are_siblings(chat: Chat) -> None:
    chat.params["n"] = 3
    reply = chat.send("Hello")
    siblings = chat.conversation.siblings(chat.conversation.leaf or "")
    assert [node.text for node in siblings] == reply.texts


def test_stop_keeps_what_has_come_and_frees_the_engine(chat: Chat, server: Server) -> None:
    chat.params.change(max_tokens=None, ignore_eos=True)
    reply = chat.send("Hello", wait=False)
    wait_until(lambda: len(shown(chat)["text"]) > 20, 60)
    stop = document(chat)["stop"]
    assert len(stop["tokens"]) == 1
    began = time.perf_counter()
    command(chat, "stop")
    assert time.perf_counter() - began < 0.5
    assert (shown(chat)["state"], document(chat)["busy"], document(chat)["stop"]) == ("stopped", False, None)
    assert chat.messages[-1]["content"] == shown(chat)["text"]
    assert reply.cancelled
    assert shown(chat)["numbers"]["completion_tokens"] > 5, "a stopped answer has counts"
    wait_until(lambda: server.status()["running"] == 0, 5)
    chat.params.change(max_tokens=5)
    assert chat.send("And?").usage.completion_tokens == 5


def test_the_server_is_told_to_stop(chat: Chat, server: Server) -> None:
    """What the browser does when the kernel is too busy to hear the command."""
    chat.params.change(max_tokens=None, ignore_eos=True)
    reply = chat.send("Hello", wait=False)
    wait_until(lambda: len(shown(chat)["text"]) > 20, 60)
    (token,) = document(chat)["stop"]["tokens"]
    assert server.request("POST", "oaikit/api/abort", {"token": token}).json == {"aborted": 1}
    wait_until_free(chat)
    assert (shown(chat)["state"], shown(chat)["error"]) == ("stopped", None)
    assert shown(chat)["text"] == reply.text == chat.messages[-1]["content"]


def test_an_interrupt_stops_the_answer(chat: Chat) -> None:
    chat.params.change(max_tokens=None, ignore_eos=True)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        chat.send("Hello")
    assert shown(chat)["state"] == "stopped"
    assert shown(chat)["text"]


def test_one_run_at_a_time(chat: Chat) -> None:
    chat.params.change(max_tokens=None, ignore_eos=True)
    chat.send("Hello", wait=False)
    for refused in ("new", "regenerate"):
        with pytest.raises(ConversationError, match="on its way"):
            command(chat, refused)
    with pytest.raises(ConversationError, match="on its way"):
        chat.send("Hello?")
    chat.stop()
    assert [message["content"] for message in chat.messages[:2]] == ["Be terse.", "Hello"]


def test_listeners_hear_replies_and_may_go_on(chat: Chat) -> None:
    heard: list[str] = []

    @chat.on_reply
    def once(reply: Reply) -> None:
        heard.append(reply.text)
        if len(heard) == 1:
            chat.send("And?")
        else:
            raise ValueError("enough")

    first = chat.send("Hello")
    assert heard == [first.text, chat.messages[-1]["content"]]
    assert document(chat)["notice"] == "once failed: ValueError: enough"


def test_errors_are_shown_and_raised(chat: Chat, server: Server) -> None:
    with pytest.raises(OAIKitError, match="context"):
        chat.send("word " * 5000)
    assert shown(chat)["state"] == "failed"
    assert "context" in shown(chat)["error"]
    chat.new()
    chat.send("Hello")
    assert shown(chat)["state"] == "done"
    stranger = ok.connect(server.v1, api_key="wrong")
    barred = Chat(stranger, history=None)
    with pytest.raises(ok.OAIKitError, match="key"):
        barred.send("Hello")
    assert "key" in shown(barred)["error"]
    barred.close()
    stranger.close()


def test_a_chat_is_reopened_from_the_history(chat: Chat, llm: Backend, tmp_path: Path) -> None:
    chat.send("Hello")
    listed = Chat.history(tmp_path / "chats.db")
    assert len(listed) == 1
    assert "Hello" in repr(listed)
    assert "Hello" in listed._repr_html_()
    (entry,) = listed
    again = Chat.open(entry.id, llm, history=tmp_path / "chats.db")
    assert again.conversation.to_json() == chat.conversation.to_json()
    assert dict(again.params) == SHORT
    again.send("And?")
    assert next(iter(Chat.history(tmp_path / "chats.db"))).messages == 4
    with pytest.raises(ConversationError, match="none begins with 'x'"):
        listed["x"]
    listed.delete(entry.id[:6])
    assert len(listed) == len(Chat.history(tmp_path / "chats.db")) == 0
    again.close()


def test_save_and_load(chat: Chat, llm: Backend, tmp_path: Path) -> None:
    chat.send("Hello")
    chat.save(tmp_path / "talk.json")
    again = Chat.load(tmp_path / "talk.json", llm, history=None)
    assert again.conversation.to_json() == chat.conversation.to_json()
    assert Chat.load(tmp_path / "talk.json", llm, history=None, system="Be kind.").system == "Be kind."
    command(again, "load", text=json.dumps([{"role": "user", "content": "Hi"}]))
    assert again.messages == [{"role": "user", "content": "Hi"}]
    again.close()


def test_copied_as_python_it_runs(chat: Chat, server: Server, tmp_path: Path) -> None:
    chat.params.change(temperature=0, max_tokens=6)
    chat.send("Hello")
    exported = command(chat, "export", format="python")
    assert exported["filename"] == "hello.py"
    environment = isolated_environment(tmp_path) | {
        "OPENAI_BASE_URL": server.v1,
        "OPENAI_API_KEY": server.token,
    }
    done = subprocess.run(
        [sys.executable, "-c", exported["text"]], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == chat.messages[-1]["content"] + "\n", done.stderr


def test_what_the_browser_may_set(chat: Chat) -> None:
    wait_until(lambda: document(chat)["model"], 20)
    assert document(chat)["model"] == "tiny"
    other = document(chat)["models"][1]
    command(chat, "set_model", model=other)
    chat.send("Hello")
    assert chat.model == document(chat)["model"] == other
    with pytest.raises(InvalidRequestError, match="gpt-5"):
        command(chat, "set_model", model="gpt-5")
    command(chat, "set_system", text="Be kind.")
    assert chat.system == document(chat)["system"] == "Be kind."
    assert [row["title"] for row in command(chat, "history")] == ["Hello"]
    command(chat, "new")
    assert document(chat)["order"] == []
    command(chat, "send", text="Hi", images=[])
    wait_until_free(chat)
    assert shown(chat)["state"] == "done"


KERNEL = """
import os, signal, time, oaikit as ok
from oaikit.widgets.chat import Chat
chat = Chat(history={path!r}, max_tokens=None, ignore_eos=True)
reply = chat.send("the last words", wait=False)
while time.sleep(0.1) or len(reply.text) < 20: pass
time.sleep(1.5)
print(len(reply.text), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kernel_that_dies_loses_a_second_at_most(
    server: Server, kernel_key: str, llm: Backend, tmp_path: Path
) -> None:
    environment = isolated_environment(tmp_path) | {
        "OAIKIT_BASE_URL": server.v1,
        "OAIKIT_API_KEY": kernel_key,
    }
    code = textwrap.dedent(KERNEL.format(path=str(tmp_path / "chats.db")))
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    history = History(tmp_path / "chats.db")
    (entry,) = history.list()
    user, answer = history.open(entry.id)[1].path
    assert user.text == "the last words", done.stderr
    assert len(answer.text) > int(done.stdout) / 4
    again = Chat.open(entry.id, llm, history=history.path)
    assert shown(again)["state"] == "stopped"
    assert shown(again)["text"] == answer.text
    again.close()


def test_a_chat_goes_on_while_a_cell_is_busy(server: Server) -> None:
    code = """
        import time
        import oaikit as ok
        chat = ok.Chat(history=None, ignore_eos=True)
        reply = chat.send("Hello", wait=False)

        def longer(than):
            deadline = time.monotonic() + 30
            while len(chat.messages[-1]["content"]) <= than and time.monotonic() < deadline:
                time.sleep(0.02)
            return len(chat.messages[-1]["content"])

        first = longer(0)
        second = longer(first)
        chat.stop()
        print(second > first > 0, chat.messages[-1]["content"] == reply.text, reply.cancelled)
    """
    assert run_in_kernel(server, textwrap.dedent(code)) == "True True True"


def test_a_chat_in_a_kernel_with_its_key(server: Server) -> None:
    code = """
        from oaikit.widgets.chat import Chat
        chat = Chat(history=None, max_tokens=5)
        chat.send("Hello")
        state = chat.widget.live.state
        print(state["context"]["size"], state["stop"], len(chat.messages))
    """
    assert run_in_kernel(server, textwrap.dedent(code)) == "2048 None 2"


# -- tools -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def caller(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A server that makes the tiny model call tools: what it says then is held to the form of a call."""
    folder = tmp_path_factory.mktemp("caller")
    parser = {"TOOL_CALL_PARSER": "hermes", "ENABLE_AUTO_TOOL_CHOICE": "true"}
    with jupyter_server(folder, f"--OAIKit.model={model}", **parser) as running:
        running.wait_for("ready")
        made = ok.connect(running.v1, api_key=running.token)
        yield made
        made.close()


FLIP = {"type": "function", "function": {"name": "flip"}}


class Tools:
    """Functions to call, and what they were called with."""

    def __init__(self) -> None:
        self.calls: list[bool] = []

    def make(self) -> Any:
        def flip(up: bool) -> str:
            """Flip a switch."""
            self.calls.append(up)
            return f"it is {'up' if up else 'down'}"

        return flip


@pytest.fixture
def tools() -> Tools:
    return Tools()


@pytest.fixture(scope="module")
def no_spaces(model: Path) -> dict[str, int]:
    """Biases against tokens that are only spaces, with which random weights would fill JSON up to the last token."""
    vocabulary = json.loads((model / "tokenizer.json").read_text())["model"]["vocab"]
    # As byte-level tokenizers spell space, newline, tab and carriage return.
    return {str(id): -100 for token, id in vocabulary.items() if not token.strip("ĠĊĉč")}


@pytest.fixture
def calling(caller: Backend, no_spaces: dict[str, int]) -> Iterator[Callable[..., Chat]]:
    """Makes chats whose model has to call the tool ``flip`` first."""
    made: list[Chat] = []

    def make(tool: Any, **options: Any) -> Chat:
        sampling = {"max_tokens": 60, "tool_choice": FLIP, "logit_bias": no_spaces}
        made.append(Chat(caller, tools=[tool], history=None, **sampling, **options))
        return made[-1]

    yield make
    for chat in made:
        chat.close()


def test_a_tool_is_called_and_its_result_answered(calling: Callable[..., Chat], tools: Tools) -> None:
    chat = calling(tools.make(), approve="always")
    reply = chat.send("Flip it")
    _, asked, result, answer = chat.conversation.path
    (call,) = asked.message["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"up": tools.calls[0]}
    assert len(tools.calls) == 1
    assert result.message["tool_call_id"] == call["id"]
    assert result.text == f"it is {'up' if tools.calls[0] else 'down'}"
    assert answer.text == reply.text
    card = document(chat)["nodes"][asked.id]["tool_calls"][0]
    assert (card["name"], card["state"], card["result"]) == ("flip", "done", result.text)
    assert document(chat)["nodes"][result.id]["call_id"] == call["id"]


def test_a_call_waits_for_approval(calling: Callable[..., Chat], tools: Tools) -> None:
    chat = calling(tools.make())
    chat.send("Flip it", wait=False)
    with pytest.raises(ConversationError, match="still writing"):
        command(chat, "approve", call="any", yes=True)
    card = asked_for(chat)
    assert tools.calls == []
    assert document(chat)["stop"]["tokens"] == []
    with pytest.raises(ConversationError, match="waits for approval"):
        command(chat, "approve", call="nobody", yes=True, always=False)
    command(chat, "approve", call=card["id"], yes=False, always=False)
    wait_until_free(chat)
    assert tools.calls == []
    denied, answer = chat.conversation.path[-2:]
    assert "did not allow" in denied.text
    assert answer.role == "assistant"
    chat.regenerate(chat.conversation.path[1].id, wait=False)
    command(chat, "approve", call=asked_for(chat)["id"], yes=True, always=True)
    wait_until_free(chat)
    assert len(tools.calls) == 1
    chat.send("Again")
    assert len(tools.calls) == 2


def asked_for(chat: Chat) -> dict[str, Any]:
    """The call that waits, once the model has written it."""

    def look() -> Any:
        calls = shown(chat).get("tool_calls") or [{}]
        return calls[0].get("state") == "asked" and not document(chat)["stop"]["tokens"] and calls[0]

    found: dict[str, Any] = wait_until(look, 60)
    return found


def test_stop_while_a_call_waits(calling: Callable[..., Chat], tools: Tools) -> None:
    chat = calling(tools.make())
    chat.send("Flip it", wait=False)
    asked_for(chat)
    chat.stop()
    assert shown(chat)["tool_calls"][0]["state"] == "denied"
    assert not document(chat)["busy"]
    del chat.params["tool_choice"]
    chat.params["tool_choice"] = "none"
    chat.send("Never mind")
    assert shown(chat)["state"] == "done", "a call without a result is not sent"
    assert tools.calls == []


def test_a_tool_that_raises_and_one_that_is_stopped(calling: Callable[..., Chat]) -> None:
    def flip(up: bool) -> None:
        raise OSError("no power")

    chat = calling(flip, approve="always")
    chat.send("Flip it")
    asked, result = chat.conversation.path[1:3]
    assert result.text == "OSError: no power"
    assert document(chat)["nodes"][asked.id]["tool_calls"][0]["state"] == "failed"

    async def flips(up: bool) -> None:
        await asyncio.sleep(60)

    flips.__name__ = "flip"
    slow = calling(flips, approve="always")
    slow.send("Flip it", wait=False)
    wait_until(lambda: (shown(slow).get("tool_calls") or [{}])[0].get("state") == "running", 60)
    wait_until(lambda: not document(slow)["stop"]["tokens"], 60)
    slow.stop()
    assert shown(slow)["tool_calls"][0]["state"] == "failed"

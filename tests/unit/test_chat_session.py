"""The chat without a widget and without a model: its messages, parameters and document, and what goes wrong."""

from __future__ import annotations

import ast
import asyncio
import base64
import json
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from oaikit._images import checked_data_url, data_url
from oaikit.connection import Connection
from oaikit.conversation import Conversation
from oaikit.errors import ConversationError, InvalidRequestError, OAIKitError, ServerNotFoundError
from oaikit.reply import Choice, Delta, Reply, Token, Usage
from oaikit.sampling import CHAT, parameters
from oaikit.widgets import messages, room
from oaikit.widgets.answer import Answer, Beginning, branch, other_choices
from oaikit.widgets.document import LiveDocument
from oaikit.widgets.exports import export, filename, parse
from oaikit.widgets.history import History
from oaikit.widgets.mirror import Mirror, empty_document
from oaikit.widgets.parameters import Parameters, controls
from oaikit.widgets.session import Session
from oaikit.widgets.turn import Approvals

PIXEL = "data:image/png;base64,iVBORw0KGgo="
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}


Work = Callable[[Session], Awaitable[Any]]


@pytest.fixture
def chat(nowhere: Connection) -> Callable[..., dict[str, Any]]:
    """Runs something with a session, sees that document and conversation agree, and returns the document."""

    def run(work: Work, conversation: Conversation | None = None, **options: Any) -> dict[str, Any]:
        async def steps() -> dict[str, Any]:
            options.setdefault("params", Parameters())
            document = LiveDocument(empty_document())
            session = Session(nowhere, document, conversation or Conversation(), **options)
            await work(session)
            await session.stop()
            assert_agree(session)
            return document.state

        return asyncio.run(steps())

    return run


def assert_agree(session: Session) -> None:
    """The document is what it would be, were it made anew."""
    anew = LiveDocument(empty_document())
    Mirror(anew, session.conversation).size = session.mirror.size
    for key in ("nodes", "order", "leaf", "system", "title"):
        assert session.document.state[key] == anew.state[key], key
    json.dumps(session.document.state, allow_nan=False)


def said(*texts: str) -> Conversation:
    """A conversation in which user and assistant take turns."""
    made = Conversation("Be terse.")
    for number, text in enumerate(texts):
        made.add({"role": "assistant" if number % 2 else "user", "content": text})
    return made


# -- messages ----------------------------------------------------------------------------------------------------------


def test_a_request_has_no_thoughts_unless_they_are_wanted() -> None:
    talk = said("1 + 1?")
    talk.add({"role": "assistant", "content": "2", "reasoning": "hm"})
    assert messages.for_request(talk.path)[-1] == {"role": "assistant", "content": "2"}
    assert messages.for_request(talk.path, reasoning=True)[-1]["reasoning"] == "hm"


def test_a_request_has_no_empty_messages_and_no_loose_calls() -> None:
    talk = Conversation("")
    talk.add({"role": "user", "content": "a"})
    talk.add({"role": "assistant", "content": ""}, state="failed")
    talk.add({"role": "tool", "tool_call_id": "x", "content": "lost"})
    other = {**CALL, "id": "c2"}
    talk.add({"role": "assistant", "content": "", "tool_calls": [CALL, other]})
    talk.add({"role": "tool", "tool_call_id": "c1", "content": "1"})
    talk.add({"role": "assistant", "content": "", "tool_calls": [other]})
    talk.add({"role": "user", "content": "b"})
    assert messages.for_request(talk.path) == [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "user", "content": "b"},
    ]


def test_images_are_parts_of_a_message_and_stay_when_its_text_is_edited() -> None:
    talk = Conversation()
    node = talk.add(messages.user_message("Look", [PIXEL]))
    assert messages.images(node) == [PIXEL]
    changed = talk.edit(node.id, messages.with_text(node, "See"))
    assert (changed.text, messages.images(changed)) == ("See", [PIXEL])
    elsewhere = talk.add(
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}
    )
    assert messages.images(elsewhere) == []


def test_the_title_is_what_the_user_began_with() -> None:
    assert messages.title(said("One\n two ")) == "One two"
    assert len(messages.title(said("word " * 50))) == 60
    assert messages.title(Conversation("x")) == ""
    assert messages.title(Conversation(messages=[messages.user_message("", [PIXEL])])) == "(an image)"


def test_what_a_dead_kernel_left_is_settled() -> None:
    talk = said("a")
    talk.add({"role": "assistant", "content": "hal"}, state="streaming")
    calls = {"c1": {"state": "running", "result": None}, "c2": {"state": "asked", "result": None}}
    two = [CALL, {**CALL, "id": "c2"}]
    talk.add({"role": "assistant", "content": "", "tool_calls": two}, state="done", calls=calls)
    messages.settle(talk)
    half, called = (messages.answer(node) for node in talk.path[2:])
    assert (half["state"], half["text"]) == ("stopped", "hal")
    assert [call["state"] for call in called["tool_calls"]] == ["failed", "denied"]


# -- images ------------------------------------------------------------------------------------------------------------


def decoded(url: str) -> Any:
    image = pytest.importorskip("PIL.Image")
    import io

    return image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_images_of_every_kind(tmp_path: Path) -> None:
    import numpy as np

    image = pytest.importorskip("PIL.Image")
    red = np.zeros((2, 3, 3), np.uint8)
    red[..., 0] = 255
    (path := tmp_path / "red.png").write_bytes(base64.b64decode(data_url(red).partition(",")[2]))
    kinds = (
        red,
        red / 255.0,
        path,
        str(path),
        path.read_bytes(),
        image.open(path),
        image.open(path).convert("CMYK"),
    )
    for kind in kinds:
        opened = decoded(data_url(kind)).convert("RGB")
        assert (opened.size, opened.getpixel((2, 1))) == ((3, 2), (255, 0, 0))
    grey = decoded(data_url(np.array([[0.0, 0.5], [1.0, np.nan]])))
    assert (grey.mode, list(grey.tobytes())) == ("L", [0, 128, 255, 0])
    assert decoded(data_url(np.zeros((1, 1, 4), int))).mode == "RGBA"
    assert data_url(PIXEL) == PIXEL
    assert data_url(b"\xff\xd8\xff\xe0").startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize("image", [b"text", 3, "/no/such/file.png", "data:text/html;base64,AA", None])
def test_what_is_no_image_is_refused(image: Any) -> None:
    with pytest.raises(InvalidRequestError):
        data_url(image)


def test_an_array_of_a_wrong_shape_is_refused() -> None:
    import numpy as np

    for shape in ((3,), (2, 2, 2), (0, 3)):
        with pytest.raises(InvalidRequestError, match="height × width"):
            data_url(np.zeros(shape))


@pytest.mark.parametrize("url", ["https://x/y.png", "data:image/png,abc", "data:text/html;base64,AA", 3])
def test_only_data_urls_of_images_come_from_the_browser(url: Any) -> None:
    with pytest.raises(InvalidRequestError):
        checked_data_url(url)


# -- parameters --------------------------------------------------------------------------------------------------------


def test_every_parameter_that_shapes_an_answer_has_a_control() -> None:
    rows = {row["name"]: row for row in controls({"temperature": 0.6, "max_tokens": 9}, 1024)}
    table = parameters(CHAT)
    assert {name for name, row in table.items() if row.slider} <= set(rows)
    assert not {"messages", "model", "stream", "tools", "chat_template", "priority"} & set(rows)
    assert {row["control"] for row in rows.values()} == {
        "slider",
        "number",
        "switch",
        "text",
        "choice",
        "json",
    }
    assert rows["temperature"]["default"] == 0.6
    assert (rows["max_tokens"]["default"], rows["max_tokens"]["max"]) == (None, 1024)
    assert (rows["seed"]["min"], rows["seed"]["max"]) == (None, None)
    assert rows["truncation_side"]["choices"] == ["left", "right"]
    assert all(row["help"] and set(row) == set(rows["seed"]) for row in rows.values())


def test_a_wrong_value_is_refused_and_the_old_one_stays() -> None:
    params = Parameters({"temperature": 0.5})
    for values in ({"temperature": 3}, {"nonsense": 1}, {"top_logprobs": 5}, {"temperature": 0, "n": 2}):
        with pytest.raises(InvalidRequestError):
            params.change(values)
    assert dict(params) == {"temperature": 0.5}
    params.change({"logprobs": True, "top_logprobs": 5, "min_tokens": 20})
    del params["min_tokens"]
    params["temperature"] = None
    assert dict(params) == {"logprobs": True, "top_logprobs": 5}


def test_a_misspelt_parameter_and_one_that_a_chat_sets_itself() -> None:
    with pytest.raises(InvalidRequestError, match=r"no parameter 'temprature'; did you mean temperature\?"):
        Parameters({"temprature": 1})
    with pytest.raises(InvalidRequestError, match="a chat widget has no setting for 'stream'"):
        Parameters({"stream": True})


def test_parameters_of_other_servers_are_sent_besides(chat: Callable[..., dict[str, Any]]) -> None:
    async def work(session: Session) -> None:
        script = await session.export("python")
        assert "'mine': [1]" in script
        assert "'top_k': 2" in script

    chat(work, params=Parameters({"top_k": 1}), extra={"mine": [1], "top_k": 2})


def test_what_is_sent_never_leaves_the_length_to_the_server() -> None:
    assert Parameters().body(context=2048, of_model={}) == {"temperature": 0.7, "max_tokens": 2048}
    assert Parameters().body(context=None, of_model={"temperature": 0.6}) == {"temperature": 0.6}
    asked = Parameters({"max_tokens": 5, "temperature": 0, "logprobs": True}).body(context=9, of_model={})
    assert asked == {"max_tokens": 5, "temperature": 0, "logprobs": True, "top_logprobs": 5}


def test_the_engines_limit_of_alternatives_counts() -> None:
    params = Parameters({"logprobs": True})
    params.allow_logprobs(2)
    assert params.body(context=None, of_model={})["top_logprobs"] == 2
    with pytest.raises(InvalidRequestError, match="at most 2"):
        params["top_logprobs"] = 3
    params.allow_logprobs(-1)
    params["top_logprobs"] = 100


# -- an answer on its way ----------------------------------------------------------------------------------------------


def begun(talk: Conversation | None = None, **options: Any) -> tuple[Mirror, Answer]:
    mirror = Mirror(LiveDocument(empty_document()), talk or said("a"))
    options = {
        "model": "tiny",
        "sampling": {},
        "beginning": Beginning(),
        "asks": lambda name: True,
        **options,
    }
    return mirror, Answer(mirror, **options)


def test_an_answer_grows_in_document_and_conversation() -> None:
    mirror, answer = begun()
    shown = mirror.document.state["nodes"][answer.id]
    assert (shown["state"], mirror.document.state["leaf"]) == ("waiting", answer.id)
    answer.take(Delta("", reasoning="hm"))
    assert (shown["state"], shown["reasoning"], shown["reasoning_s"]) == ("streaming", "hm", None)
    token = Token("Yes", -0.1, {"Yes": -0.1, "No": -2.4})
    answer.take(Delta("Yes", tokens=(token,)))
    assert shown["reasoning_s"] is not None
    answer.take(Delta("", index=1))
    answer.take(Delta(".", finish_reason="stop"))
    reply = Reply("tiny-2", [Choice("Yes.", "stop")], Usage(3, 2), 0.1, 0.2)
    answer.end("done", reply)
    assert shown == messages.view(mirror.conversation[answer.id], mirror.conversation)
    assert (shown["text"], shown["state"], shown["finish_reason"], shown["model"]) == (
        "Yes.",
        "done",
        "stop",
        "tiny-2",
    )
    assert shown["tokens"] == [["Yes", -0.1, [["Yes", -0.1], ["No", -2.4]]]]
    assert shown["numbers"]["completion_tokens"] == 2
    assert mirror.document.state["context"]["used"] == 5
    assert mirror.conversation[answer.id].message == {
        "role": "assistant",
        "content": "Yes.",
        "reasoning": "hm",
    }


def test_tool_calls_are_shown_while_they_are_written() -> None:
    mirror, answer = begun()
    shown = mirror.document.state["nodes"][answer.id]["tool_calls"]
    answer.take(
        Delta("", tool_calls=[{"index": 0, "id": "c1", "function": {"name": "add", "arguments": '{"a"'}}])
    )
    assert shown == [{"id": "c1", "name": "add", "arguments": '{"a"', "state": "asked", "result": None}]
    answer.take(Delta("", tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]))
    answer.take(Delta("", tool_calls=[{"index": 1, "function": {"name": "add", "arguments": "{}"}}]))
    assert [call["arguments"] for call in shown] == ['{"a": 1}', "{}"]
    assert shown[1]["id"], "a call without an id gets one"
    answer.end("done", Reply())
    answer.set_call(0, "done", "1")
    node = mirror.conversation[answer.id]
    assert mirror.document.state["nodes"][answer.id] == messages.view(node, mirror.conversation)
    assert node.message["tool_calls"][0] == CALL


def test_half_of_a_call_is_none() -> None:
    mirror, answer = begun()
    answer.take(
        Delta("", tool_calls=[{"index": 0, "id": "c1", "function": {"name": "add", "arguments": '{"a"'}}])
    )
    answer.end("stopped", Reply())
    node = mirror.conversation[answer.id]
    assert "tool_calls" not in node.message
    assert mirror.document.state["nodes"][answer.id] == messages.view(node, mirror.conversation)


def test_further_choices_stand_beside_the_first() -> None:
    mirror, answer = begun()
    answer.take(Delta("one", finish_reason="stop"))
    reply = Reply("tiny", [Choice("one", "stop"), Choice("two", "length"), Choice("three", "stop")])
    answer.end("done", reply)
    other_choices(mirror, answer.id, reply)
    assert [node.text for node in mirror.conversation.siblings(answer.id)] == ["one", "two", "three"]
    assert mirror.document.state["leaf"] == mirror.conversation.leaf == answer.id
    assert (
        mirror.document.state["nodes"][mirror.conversation.siblings(answer.id)[1].id]["finish_reason"]
        == "length"
    )


def answered(tokens: list[Any], text: str, finish_reason: str = "stop") -> Any:
    talk = said("a")
    return talk.add({"role": "assistant", "content": text}, tokens=tokens, finish_reason=finish_reason)


def row(text: str, *others: str) -> list[Any]:
    return [text, -1.0, [[text, -1.0], *([other, -2.0] for other in others)]]


def test_a_branch_begins_with_the_text_before_and_the_other_token() -> None:
    node = answered([row("Yes", "No"), row(",", "."), row(" sir"), row("<|im_end|>")], "Yes, sir")
    beginning, ended = branch(node, 1, ".")
    assert (beginning.text, ended) == ("Yes.", False)
    assert beginning.tokens == [row("Yes", "No"), [".", -2.0, row(",", ".")[2]]]
    assert branch(node, 0, "No")[0].text == "No"
    beginning, ended = branch(node, 2, "<|im_end|>")
    assert (beginning.text, ended, len(beginning.tokens)) == ("Yes,", True, 2)


def test_there_is_no_branch_in_thoughts_or_without_tokens() -> None:
    node = answered([row("<think>"), row("hm"), row("</think>"), row("Yes"), row("!")], "Yes!")
    assert branch(node, 4, "?")[0].text == "Yes?"
    with pytest.raises(ConversationError, match="thoughts"):
        branch(node, 1, "ha")
    for bad in (5, -1, "1", None):
        with pytest.raises(ConversationError, match="log-probabilities"):
            branch(node, bad, "x")
    with pytest.raises(ConversationError, match="log-probabilities"):
        branch(answered([], "Yes"), 0, "x")


def test_approvals() -> None:
    async def steps() -> None:
        approvals = Approvals(always=False)
        approvals.decide("early", True)
        assert await approvals.ask("early")
        waiting = asyncio.ensure_future(approvals.ask("late"))
        await asyncio.sleep(0)
        approvals.decide("late", False)
        assert not await waiting
        assert approvals.asks("add")
        approvals.always("add")
        assert not approvals.asks("add")
        assert not Approvals(always=True).asks("anything")

    asyncio.run(steps())


# -- the session -------------------------------------------------------------------------------------------------------


def test_an_error_is_in_the_message_and_what_was_typed_stays(chat: Callable[..., Any]) -> None:
    async def work(session: Session) -> None:
        turn = await session.send("Hello", [PIXEL])
        assert session.document.state["busy"]
        assert session.document.state["leaf"] is not None
        for refused in (session.send("more"), session.new(), session.regenerate(), session.set_system("x")):
            with pytest.raises(ConversationError, match="on its way"):
                await refused
        await asyncio.wrap_future(turn.ended)
        assert isinstance(turn.error, ServerNotFoundError)

    state = chat(work)
    user, answer = (state["nodes"][id] for id in state["order"])
    assert (user["text"], user["images"], user["parent"]) == ("Hello", [PIXEL], None)
    assert (answer["state"], answer["text"]) == ("failed", "")
    assert "does not answer" in answer["error"]
    assert (state["busy"], state["stop"]) == (False, None)


def test_stop_before_the_first_token(chat: Callable[..., Any]) -> None:
    async def work(session: Session) -> None:
        turn = await session.send("Hello")
        await session.stop()
        await session.stop()
        assert turn.stopped
        assert turn.ended.done()

    state = chat(work)
    assert [state["nodes"][id].get("state") for id in state["order"]] == [None, "stopped"]
    assert not state["busy"]


@pytest.mark.parametrize(("text", "images"), [("  \n", []), (3, []), ("x", ["https://x/y.png"])])
def test_what_cannot_be_sent(chat: Callable[..., Any], text: Any, images: list[str]) -> None:
    async def work(session: Session) -> None:
        with pytest.raises(OAIKitError):
            await session.send(text, images)

    assert chat(work)["order"] == []


def test_an_answer_is_edited_beside_itself(chat: Callable[..., Any]) -> None:
    async def work(session: Session) -> None:
        first = session.conversation.path[2]
        assert await session.edit(first.id, "3") is None
        assert session.document.state["nodes"][session.document.state["leaf"]]["text"] == "3"
        await session.select(first.id)
        assert session.document.state["leaf"] == first.id
        system = session.conversation.path[0].id
        for id in ("nobody", system):
            with pytest.raises(ConversationError):
                await session.edit(id, "x")

    state = chat(work, said("1 + 1?", "2"))
    assert [state["nodes"][id]["text"] for id in state["order"]] == ["1 + 1?", "2", "3"]
    assert (state["system"], state["title"]) == ("Be terse.", "1 + 1?")


def test_the_system_prompt_is_no_node(chat: Callable[..., Any]) -> None:
    async def work(session: Session) -> None:
        assert session.document.state["leaf"] is None
        await session.set_system("Be kind.")
        assert session.conversation.messages == [{"role": "system", "content": "Be kind."}]
        await session.new()

    state = chat(work, Conversation())
    assert (state["nodes"], state["leaf"], state["system"]) == ({}, None, "Be kind.")


def test_parameters_of_the_document(chat: Callable[..., Any]) -> None:
    async def work(session: Session) -> None:
        await session.set_params({"temperature": 0.5, "top_k": 3})
        with pytest.raises(InvalidRequestError):
            await session.set_params({"temperature": 5})
        await session.set_params({"top_k": None})

    assert chat(work)["params"] == {"temperature": 0.5}


def test_no_tool_call_waits(chat: Callable[..., Any]) -> None:
    async def work(session: Session) -> None:
        with pytest.raises(ConversationError, match="waits for approval"):
            await session.approve("c1", True)

    chat(work, said("a", "b"))


def test_every_turn_is_kept_and_opened_again(chat: Callable[..., Any], tmp_path: Path) -> None:
    history = History(tmp_path / "chats.db")
    kept: list[Any] = []

    async def talk(session: Session) -> None:
        await session.set_params({"temperature": 0.5})
        turn = await session.send("Hello")
        await asyncio.wrap_future(turn.ended)
        await session.edit(session.conversation.leaf or "", "Hi")
        kept.extend((session.id, session.conversation.to_json()))
        await session.new()
        await session.set_params({"temperature": None, "top_k": 5})
        assert [entry["title"] for entry in await session.kept()] == ["Hello"], (
            "nothing was said in the new one"
        )

    async def again(session: Session) -> None:
        await session.open(kept[0])
        assert session.conversation.to_json() == kept[1]
        assert dict(session.params) == {"temperature": 0.5}
        with pytest.raises(ConversationError, match="no conversation 'x'"):
            await session.open("x")

    chat(talk, history=history)
    state = chat(again, history=history)
    assert state["title"] == "Hello"
    assert [(entry.title, entry.messages) for entry in history.list()] == [("Hello", 3)]


def test_a_history_that_fails_loses_nothing(chat: Callable[..., Any], tmp_path: Path) -> None:
    history = History(tmp_path / "chats.db", timeout_s=0.1)

    async def work(session: Session) -> None:
        await session.load(
            json.dumps([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
        )
        other = sqlite3.connect(history.path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        leaf = session.conversation.leaf or ""
        await session.edit(leaf, "c")
        assert "not being kept: another program has locked" in session.document.state["notice"]
        await session.edit(leaf, "d")
        other.execute("ROLLBACK")
        other.close()
        await session.edit(leaf, "e")
        assert session.document.state["notice"] is None

    chat(work, history=history)
    (entry,) = history.list()
    assert [node.text for node in history.open(entry.id)[1]] == ["a", "b", "c", "d", "e"]


def test_a_turn_that_begins_while_the_history_is_written_is_not_taken_away(
    chat: Callable[..., Any], tmp_path: Path
) -> None:
    async def work(session: Session) -> None:
        taking = asyncio.ensure_future(session.new())
        await asyncio.sleep(0)
        assert not taking.done(), "it waits for the history"
        turn = await session.send("more")
        with pytest.raises(ConversationError, match="on its way"):
            await taking
        await asyncio.wrap_future(turn.ended)

    state = chat(work, said("a", "b"), history=History(tmp_path / "chats.db"))
    assert [state["nodes"][id]["text"] for id in state["order"]] == ["a", "b", "more", ""]


def test_without_a_history_there_is_none(chat: Callable[..., Any]) -> None:
    async def work(session: Session) -> None:
        assert await session.kept() == []
        with pytest.raises(ConversationError, match="no history"):
            await session.open("x")

    chat(work, said("a", "b"))


# -- files -------------------------------------------------------------------------------------------------------------


def test_exports() -> None:
    talk = said("What's up?")
    talk.add({"role": "assistant", "content": "2", "reasoning": "hm"})
    assert parse(export(talk, "json", "tiny", {})).to_json() == talk.to_json()
    assert export(talk, "markdown", "tiny", {}) == talk.to_markdown()
    script = export(talk, "python", "tiny", {"temperature": 0.5})
    ast.parse(script)
    assert "hm" not in script
    assert "'temperature': 0.5" in script
    assert [filename(talk, kind) for kind in ("json", "markdown", "python")] == [
        "what-s-up.json",
        "what-s-up.md",
        "what-s-up.py",
    ]
    assert filename(Conversation(), "json") == "chat.json"
    with pytest.raises(InvalidRequestError, match="json, markdown, python"):
        export(talk, "html", "tiny", {})


@pytest.mark.parametrize("text", ["{", "3", '{"messages": 3}', None])
def test_what_is_no_conversation(chat: Callable[..., Any], text: Any) -> None:
    async def work(session: Session) -> None:
        with pytest.raises(ConversationError):
            await session.load(text)

    assert len(chat(work, said("a", "b"))["order"]) == 2


# -- room ----------------------------------------------------------------------------------------------------------


def test_the_oldest_turns_are_left_out_beside_the_whole_conversation(
    chat: Callable[..., dict[str, Any]],
) -> None:
    texts: list[list[str]] = []

    async def work(session: Session) -> None:
        whole = session.conversation.leaf
        assert whole is not None
        assert await room.drop_oldest(session) == 2
        texts.append([node.text for node in session.conversation.path])
        assert "left out" in session.document.state["notice"]
        await session.select(whole)
        texts.append([node.text for node in session.conversation.path])

    chat(work, said("a" * 40, "b" * 40, "c" * 40, "d" * 40, "e" * 5, "f" * 5), params=Parameters())
    assert [text[:1] for text in texts[0]] == ["B", "e", "f"]
    assert [text[:1] for text in texts[1]] == ["B", "a", "b", "c", "d", "e", "f"]


def test_a_message_is_deleted_with_the_results_of_its_calls(chat: Callable[..., dict[str, Any]]) -> None:
    talk = said("one")
    asked = talk.add({"role": "assistant", "content": "", "tool_calls": [CALL]})
    talk.add({"role": "tool", "tool_call_id": "c1", "content": "2"})
    talk.add({"role": "user", "content": "two"})

    async def work(session: Session) -> None:
        await room.forget(session, asked.id)
        assert [node.text for node in session.conversation.path] == ["Be terse.", "one", "two"]
        await room.forget(session, session.conversation.path[-1].id)
        assert [node.text for node in session.conversation.path] == ["Be terse.", "one"]
        with pytest.raises(ConversationError, match="that is shown"):
            await room.forget(session, asked.id)

    chat(work, talk)


def test_a_single_turn_cannot_be_left_out(chat: Callable[..., dict[str, Any]]) -> None:
    async def work(session: Session) -> None:
        with pytest.raises(ConversationError, match="no older turn"):
            await room.drop_oldest(session)
        with pytest.raises(ConversationError, match="cannot continue"):  # not a vLLM server
            await room.go_on(session, session.conversation.path[-1].id)

    chat(work, said("one", "two"))


@pytest.mark.parametrize(("size", "full"), [(12, True), (13, False), (None, False)])
def test_an_answer_is_cut_off_by_the_context_or_by_max_tokens(size: int | None, full: bool) -> None:
    talk = said("one")
    mirror = Mirror(LiveDocument(empty_document()), talk)
    mirror.size = size
    answer = Answer(mirror, model="m", sampling={}, beginning=Beginning(), asks=lambda name: False)
    answer.take(Delta(text="two", finish_reason="length"))
    reply = Reply(choices=[Choice(text="two")], usage=Usage(prompt_tokens=5, completion_tokens=7))
    answer.end("done", reply)
    assert mirror.document.state["nodes"][answer.id]["full"] is full


def test_the_cell_that_reopens_a_chat(tmp_path: Path, chat: Callable[..., dict[str, Any]]) -> None:
    path = tmp_path / "chats.db"

    async def work(session: Session) -> None:
        code = session.document.state["reopen"]
        assert f"ok.Chat.open({session.id!r}, llm, history={str(path)!r})" in code
        ast.parse(code)

    chat(work, said("one"), history=History(path))
    assert chat(lambda session: asyncio.sleep(0), said("one"))["reopen"] is None

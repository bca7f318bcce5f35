"""The tree of messages: what is added, edited and answered again stays; what is written can be read again."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from oaikit.conversation import FORMAT, Conversation, Node
from oaikit.errors import ConversationError

CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}


def said(conversation: Conversation) -> list[str]:
    return [node.text for node in conversation.path]


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


@pytest.fixture
def talk() -> Conversation:
    made = Conversation("Be terse.")
    made.add(user("1 + 1?"))
    made.add(assistant("2"), model="tiny", usage={"completion_tokens": 1})
    return made


def test_a_chat_is_the_messages_in_their_order(talk: Conversation) -> None:
    assert talk.messages == [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "2"},
    ]
    assert talk[talk.leaf or ""].info == {"model": "tiny", "usage": {"completion_tokens": 1}}
    assert [node.role for node in talk.path] == ["system", "user", "assistant"]


def test_an_answer_made_again_has_a_sibling(talk: Conversation) -> None:
    first = talk.leaf or ""
    assert talk.regenerate() == [dict(node.message) for node in talk.path_to(first)[:-1]]
    second = talk.add(assistant("two"))
    assert [node.id for node in talk.siblings(second.id)] == [first, second.id]
    assert said(talk) == ["Be terse.", "1 + 1?", "two"]
    talk.select(first)
    assert said(talk) == ["Be terse.", "1 + 1?", "2"]
    assert len(talk) == 4


def test_only_an_answer_is_made_again(talk: Conversation) -> None:
    with pytest.raises(ConversationError, match="user's"):
        talk.regenerate(talk.path[1].id)
    with pytest.raises(ConversationError, match="no message"):
        Conversation().regenerate()
    assert said(talk) == ["Be terse.", "1 + 1?", "2"]


def test_an_edit_begins_a_branch_and_the_old_one_stays(talk: Conversation) -> None:
    question = talk.path[1]
    edited = talk.edit(question.id, "2 + 2?")
    assert said(talk) == ["Be terse.", "2 + 2?"]
    talk.add(assistant("4"))
    talk.select(question.id)
    assert said(talk) == ["Be terse.", "1 + 1?", "2"], "on to the end of the branch"
    talk.select(edited.id)
    assert said(talk) == ["Be terse.", "2 + 2?", "4"]


def test_a_branch_that_is_chosen_leads_to_what_was_added_last(talk: Conversation) -> None:
    root = talk.path[0].id
    talk.rewind(talk.path[1].id)
    talk.add(assistant("two"))
    talk.select(root)
    assert said(talk)[-1] == "two"


def test_the_first_message_can_be_edited_too(talk: Conversation) -> None:
    talk.edit(talk.path[0].id, "Be kind.")
    assert said(talk) == ["Be kind."]
    assert [node.text for node in talk.children(None)] == ["Be terse.", "Be kind."]


def test_rewinding_to_nothing_begins_anew(talk: Conversation) -> None:
    talk.rewind(None)
    assert talk.messages == []
    talk.add(user("Hello"))
    assert said(talk) == ["Hello"]
    assert len(talk) == 4


def test_what_was_added_cannot_be_changed_from_outside(talk: Conversation) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "Look:"}]}
    node = talk.add(message)
    message["content"][0]["text"] = "changed"  # type: ignore[index]
    assert node.text == "Look:"


@pytest.mark.parametrize(
    "message",
    [
        "Hello",
        {},
        {"role": "wizard", "content": "x"},
        {"role": "user", "content": 3},
        {"role": "user", "content": ["x"]},
        {"role": "user", "content": "x", "at": {1}},
    ],
)
def test_what_is_no_message_is_refused_and_changes_nothing(talk: Conversation, message: object) -> None:
    with pytest.raises(ConversationError):
        talk.add(message)  # type: ignore[arg-type]
    with pytest.raises(ConversationError):
        talk.edit(talk.leaf or "", {1})
    assert said(talk) == ["Be terse.", "1 + 1?", "2"]


def test_an_unknown_message_is_told(talk: Conversation) -> None:
    for act in (talk.select, talk.rewind, talk.siblings, talk.path_to, talk.__getitem__):
        with pytest.raises(ConversationError, match="'nobody'"):
            act("nobody")
    assert said(talk)[-1] == "2"


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_saved_conversation_is_the_same_tree_when_it_is_loaded(talk: Conversation, tmp_path: Path) -> None:
    talk.edit(talk.path[1].id, "2 + 2 — naïve 🙂")
    talk.save(tmp_path / "talk.json")
    loaded = Conversation.load(tmp_path / "talk.json")
    assert loaded.to_json() == talk.to_json()
    assert list(loaded) == list(talk)
    assert loaded.leaf == talk.leaf
    assert json.loads((tmp_path / "talk.json").read_text())["messages"] == talk.messages


def test_an_empty_conversation_can_be_saved() -> None:
    assert Conversation.from_json(Conversation().to_json()).messages == []


@pytest.mark.parametrize("wrapped", [False, True])
def test_openai_messages_are_read_as_they_are(talk: Conversation, wrapped: bool) -> None:
    data = {"messages": talk.messages, "model": "x"} if wrapped else talk.messages
    assert Conversation.from_json(data).messages == talk.messages


def damaged(talk: Conversation) -> dict[str, object]:
    data = talk.to_json()
    nodes = data["nodes"]
    return {
        "a text": "Hello",
        "no messages": {"nodes": []},
        "a newer version": {**data, "oaikit_conversation": FORMAT + 1},
        "no nodes": {key: value for key, value in data.items() if key != "nodes"},
        "no leaf": {key: value for key, value in data.items() if key != "leaf"},
        "an unknown leaf": {**data, "leaf": "nobody"},
        "a child before its parent": {**data, "nodes": nodes[::-1]},
        "an id twice": {**data, "nodes": [*nodes, nodes[0]]},
        "its own parent": {**data, "nodes": [{**nodes[0], "parent": nodes[0]["id"]}, *nodes[1:]]},
        "a node that is none": {**data, "nodes": [*nodes, 3]},
        "a time that is none": {**data, "nodes": [{**nodes[0], "created": "now"}]},
        "a message that is none": {"messages": [{"role": "user", "content": 1}]},
    }


@pytest.mark.parametrize("what", damaged(Conversation(messages=[user("a"), assistant("b")])))
def test_what_is_damaged_is_an_error_that_says_so(talk: Conversation, what: str) -> None:
    with pytest.raises(ConversationError):
        Conversation.from_json(damaged(talk)[what])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"messages": [')
    for name in ("half.json", "none.json"):
        with pytest.raises(ConversationError, match=name):
            Conversation.load(tmp_path / name)


def test_markdown_has_every_message_with_thoughts_and_calls(talk: Conversation) -> None:
    talk.add({"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning": "One\n\ntwo"})
    text = talk.to_markdown()
    assert text.startswith(
        "## system\n\nBe terse.\n\n## user\n\n1 + 1?\n\n## assistant\n\n2\n\n## assistant\n\n"
    )
    assert text.endswith('> One\n>\n> two\n\n```\nadd({"a": 1})\n```\n')


def test_a_fence_is_longer_than_those_in_it() -> None:
    call = {**CALL, "function": {"name": "run", "arguments": '"```"'}}
    talk = Conversation(messages=[{"role": "assistant", "tool_calls": [call]}])
    assert '````\nrun("```")\n````' in talk.to_markdown()


def test_the_script_asks_what_the_last_answer_answered(talk: Conversation) -> None:
    script = talk.to_python("tiny", temperature=0.2, stop=["\n", "'"])
    values = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(script).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("messages", "sampling")
    }
    assert values == {"messages": talk.messages[:-1], "sampling": {"temperature": 0.2, "stop": ["\n", "'"]}}
    assert "model='tiny'" in script


def test_the_text_of_content_in_parts() -> None:
    parts = [
        {"type": "text", "text": "Look:"},
        {"type": "image_url", "image_url": {"url": "data:,"}},
        {"type": "text", "text": "Well?"},
    ]
    node = Node("1", None, {"role": "user", "content": parts}, 0.0)
    assert node.text == "Look:\nWell?"


def test_an_answer_that_grows_stays_in_its_place(talk: Conversation) -> None:
    before = [node.id for node in talk]
    leaf = talk.leaf or ""
    talk.revise(leaf, assistant("2, or"), state="streaming")
    grown = talk.revise(leaf, assistant("2, or so"), state="done", model="tiny")
    assert talk[leaf] is grown
    assert grown.text == "2, or so"
    assert dict(grown.info) == {"usage": {"completion_tokens": 1}, "state": "done", "model": "tiny"}
    assert [node.id for node in talk] == before
    with pytest.raises(ConversationError):
        talk.revise(leaf, {"role": "nobody"})


def test_the_system_prompt_is_changed_for_every_branch(talk: Conversation) -> None:
    before = {node.id: node.text for node in talk}
    assert talk.system == "Be terse."
    talk.system = "Be kind."
    assert talk.messages[0] == {"role": "system", "content": "Be kind."}
    assert [node.id for node in talk] == list(before)
    talk.system = ""
    assert talk.system == ""
    assert [node.role for node in talk.path] == ["user", "assistant"]
    assert len(talk) == len(before) - 1
    talk.system = "Be terse."
    assert talk.messages[0] == {"role": "system", "content": "Be terse."}
    assert {node.parent for node in talk if node.role == "user"} == {talk.path[0].id}
    assert Conversation.from_json(talk.to_json()).to_json() == talk.to_json()


def test_the_system_prompt_of_a_conversation_that_has_not_begun() -> None:
    talk = Conversation()
    talk.system = "Be terse."
    assert talk.messages == [{"role": "system", "content": "Be terse."}]
    talk.system = ""
    assert (talk.messages, talk.leaf, len(talk)) == ([], None, 0)

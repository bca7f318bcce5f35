"""Conversations as trees of messages: nothing that was said is overwritten, and each way through is a chat.

A message that is edited or answered again gets a sibling; the current path leads from a root to a leaf, and its
messages are what a model is asked with.
"""

from __future__ import annotations

import json
import pprint
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from oaikit._files import write_text
from oaikit.errors import ConversationError

FORMAT = 1
"""Version of the JSON that `Conversation.to_json` writes."""

_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
SYSTEM_ROLES = ("system", "developer")
"""The roles of a system prompt; OpenAI's newer models call it developer."""


@dataclass(frozen=True)
class Node:
    """One message in its place.

    ``message`` is an OpenAI message. ``parent`` is the id of the message before it, None at a beginning. ``created`` is
    a time (Unix, seconds). ``info`` is what else is known, in JSON's types, such as the model, the sampling parameters
    and the usage of an answer.
    """

    id: str
    parent: str | None
    message: Mapping[str, Any]
    created: float
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def role(self) -> str:
        """The message's role."""
        return str(self.message["role"])

    @property
    def text(self) -> str:
        """The message's text; of content in parts, the text of those that have any."""
        content = self.message.get("content") or ""
        if isinstance(content, str):
            return content
        return "\n".join(part["text"] for part in content if part.get("type") == "text")


class Conversation:
    """A tree of messages, and the path in it that is current.

    ``Conversation("You are terse.")`` begins with a system prompt; ``Conversation(messages=[…])`` with OpenAI messages.
    """

    def __init__(self, system: str | None = None, *, messages: Iterable[Mapping[str, Any]] = ()) -> None:
        self._nodes: dict[str, Node] = {}  # in the order in which they came, parents before children
        self._leaf: str | None = None
        if system is not None:
            self.add(_system(system))
        for message in messages:
            self.add(message)

    # -- reading ---------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(list(self._nodes.values()))  # another thread may be adding, in a chat

    def __getitem__(self, id: str) -> Node:
        """The node with that id.

        Raises:
            ConversationError: there is none.
        """
        try:
            return self._nodes[id]
        except KeyError:
            raise ConversationError(f"this conversation has no message {id!r}") from None

    @property
    def leaf(self) -> str | None:
        """The id of the current path's last message; None before the first."""
        return self._leaf

    @property
    def path(self) -> list[Node]:
        """The current path, from its root to the leaf."""
        return self.path_to(self._leaf)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The current path as OpenAI messages."""
        return [dict(node.message) for node in self.path]

    @property
    def system(self) -> str:
        """The system prompt with which the current path begins, "" if with none.

        To set it is to change it for all that begins with it; where the path has none, for all that begins without.
        """
        root = next(iter(self.path), None)
        return root.text if root is not None and root.role in SYSTEM_ROLES else ""

    @system.setter
    def system(self, text: str) -> None:
        root = next(iter(self.path), None)
        if root is not None and root.role in SYSTEM_ROLES:
            if text:
                self.revise(root.id, {**root.message, "content": text})
            else:
                self._remove_root(root)
        elif text:
            self._put_before_roots(Node(uuid.uuid4().hex, None, _checked(_system(text)), time.time()))

    def path_to(self, id: str | None) -> list[Node]:
        """The nodes from a root to one of them; none for None."""
        path = []
        while id is not None:
            node = self[id]
            path.append(node)
            id = node.parent
        return path[::-1]

    def children(self, id: str | None) -> list[Node]:
        """What follows a message, oldest first; for None the roots."""
        return [node for node in self if node.parent == id]

    def siblings(self, id: str) -> list[Node]:
        """The alternatives to a message, itself among them, oldest first."""
        return self.children(self[id].parent)

    # -- writing ---------------------------------------------------------------------------------------------------

    def add(self, message: Mapping[str, Any], **info: Any) -> Node:
        """Put an OpenAI message at the end of the current path, and make it the leaf.

        Raises:
            ConversationError: it is no message.
        """
        node = Node(uuid.uuid4().hex, self._leaf, _checked(message), time.time(), info)
        self._nodes[node.id] = node
        self._leaf = node.id
        return node

    def rewind(self, id: str | None) -> None:
        """Make a message the leaf: what is added next follows it. None begins anew. Nothing is removed."""
        if id is not None:
            self[id]
        self._leaf = id

    def edit(self, id: str, content: Any, **info: Any) -> Node:
        """Put a message with other content beside one, and make it the leaf.

        Raises:
            ConversationError: there is no such message, or the content is none.
        """
        node = self[id]
        message = _checked({**node.message, "content": content})
        self.rewind(node.parent)
        return self.add(message, **info)

    def revise(self, id: str, message: Mapping[str, Any], **info: Any) -> Node:
        """Put another message in the place of one, as an answer that is still arriving needs it; ``info`` is added.

        Raises:
            ConversationError: there is no such message, or the new one is none.
        """
        node = self[id]
        node = replace(node, message=_checked(message), info={**node.info, **info})
        self._nodes[id] = node
        return node

    def regenerate(self, id: str | None = None) -> list[dict[str, Any]]:
        """Make room for another answer beside one, by default the leaf; returns the messages to ask with.

        Raises:
            ConversationError: that message is not the assistant's.
        """
        node = self[id or self._leaf or ""]
        if node.role != "assistant":
            raise ConversationError(
                f"only an assistant's message can be made again; this is the {node.role}'s"
            )
        self.rewind(node.parent)
        return self.messages

    def select(self, id: str) -> None:
        """Lead the current path through a message, and from there on through what was added last."""
        self.rewind(id)
        while following := self.children(self._leaf):
            self._leaf = following[-1].id

    def _put_before_roots(self, node: Node) -> None:
        """Let what begins without a system prompt begin with one."""
        rest = {
            id: replace(each, parent=node.id)
            if each.parent is None and each.role not in SYSTEM_ROLES
            else each
            for id, each in self._nodes.items()
        }
        self._nodes = {node.id: node, **rest}
        self._leaf = self._leaf or node.id

    def _remove_root(self, root: Node) -> None:
        """Let what follows a root begin by itself."""
        del self._nodes[root.id]
        for node in self.children(root.id):
            self._nodes[node.id] = replace(node, parent=None)
        if self._leaf == root.id:
            self._leaf = None

    # -- export and import -----------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """The whole tree in JSON's types: ``messages`` (the current path, as OpenAI has it), ``nodes`` and ``leaf``."""
        nodes = [
            {
                "id": node.id,
                "parent": node.parent,
                "message": dict(node.message),
                "created": node.created,
                "info": dict(node.info),
            }
            for node in self
        ]
        return {
            "oaikit_conversation": FORMAT,
            "messages": self.messages,
            "leaf": self._leaf,
            "nodes": nodes,
        }

    @classmethod
    def from_json(cls, data: Any) -> Conversation:
        """What `to_json` gave, or a plain list of OpenAI messages, or any object that has one as ``messages``.

        Raises:
            ConversationError: it is none of these, or of a newer version.
        """
        if isinstance(data, list):
            return cls(messages=data)
        if not isinstance(data, dict) or not isinstance(data.get("messages"), list):
            raise ConversationError(
                "this is no conversation: neither a list of messages nor an object with `messages`"
            )
        version = data.get("oaikit_conversation")
        if version is None:
            return cls(messages=data["messages"])
        if version != FORMAT:
            raise ConversationError(
                f"this conversation is of version {version}, and this oaikit reads version {FORMAT}"
            )
        made = cls()
        try:
            for entry in data["nodes"]:
                made._restore(entry)
            made.rewind(data["leaf"])
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise ConversationError(f"this conversation is damaged: {type(exc).__name__}: {exc}") from exc
        return made

    def _restore(self, entry: Mapping[str, Any]) -> None:
        id, parent = entry["id"], entry["parent"]
        if not isinstance(id, str) or id in self._nodes:
            raise ConversationError(f"this conversation is damaged: {id!r} is no id, or there twice")
        if parent is not None:
            self[parent]
        self._nodes[id] = Node(
            id, parent, _checked(entry["message"]), float(entry["created"]), dict(entry["info"])
        )

    def save(self, path: str | Path) -> None:
        """Write `to_json` to a file, in place of one that is there.

        Raises:
            FileError: It cannot be written; what was there stays.
        """
        text = json.dumps(self.to_json(), ensure_ascii=False, indent=1)
        write_text(path, text + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Conversation:
        """Read what `save` wrote, or any JSON that `from_json` takes.

        Raises:
            ConversationError: it can't be read, or is no conversation.
        """
        try:
            data = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
        except OSError as exc:
            raise ConversationError(f"{path} can't be read: {exc.strerror or exc}") from exc
        except ValueError as exc:
            raise ConversationError(f"{path} can't be read: {exc}") from exc
        return cls.from_json(data)

    def to_markdown(self) -> str:
        """The current path for readers: a heading per message, tool calls and thoughts as they are."""
        return "\n\n".join(_in_markdown(node) for node in self.path) + "\n"

    def to_python(self, model: str, **sampling: Any) -> str:
        """A script that asks for the next answer of the current path with OpenAI's client.

        A path that ends with the assistant's words asks for those again.
        """
        messages = self.messages
        if messages and messages[-1]["role"] == "assistant":
            messages.pop()
        # extra_body takes every parameter, those of vLLM that the client has no name for among them.
        return _SCRIPT.format(
            model=model,
            messages=_literal(messages, "messages = "),
            sampling=_literal(sampling, "sampling = "),
        )


_SCRIPT = """\
from openai import OpenAI

# OPENAI_BASE_URL and OPENAI_API_KEY are set in the notebooks and terminals of a Jupyter with oaikit.
client = OpenAI()
messages = {messages}
sampling = {sampling}
reply = client.chat.completions.create(model={model!r}, messages=messages, extra_body=sampling)
print(reply.choices[0].message.content)
"""


def _system(text: str) -> dict[str, Any]:
    return {"role": "system", "content": text}


def _literal(value: Any, before: str) -> str:
    """Python source for a value in JSON's types, to stand behind ``before``."""
    lines = pprint.pformat(value, width=100, sort_dicts=False).splitlines()
    return ("\n" + " " * len(before)).join(lines)


def _in_markdown(node: Node) -> str:
    parts = [f"## {node.role}"]
    thought = node.message.get("reasoning") or node.message.get("reasoning_content")
    if thought:
        parts.append("\n".join(f"> {line}".rstrip() for line in str(thought).splitlines()))
    if node.text:
        parts.append(node.text)
    for call in node.message.get("tool_calls") or ():
        function = call["function"]
        parts.append(_fenced(f"{function['name']}({function['arguments']})"))
    return "\n\n".join(parts)


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def _checked(message: Any) -> dict[str, Any]:
    """A copy of an OpenAI message that nobody else can change."""
    if not isinstance(message, Mapping) or message.get("role") not in _ROLES:
        raise ConversationError(f"a message is an object whose `role` is one of {', '.join(_ROLES)}")
    content = message.get("content")
    in_parts = isinstance(content, list) and all(isinstance(part, Mapping) for part in content)
    if not (content is None or isinstance(content, str) or in_parts):
        raise ConversationError("a message's `content` is a string, or a list of parts")
    try:
        copied: dict[str, Any] = json.loads(json.dumps(message))
    except (TypeError, ValueError) as exc:
        raise ConversationError(f"a message has what JSON has not: {exc}") from exc
    return copied

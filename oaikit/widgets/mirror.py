"""A chat's conversation, and its document, which follows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from oaikit.conversation import SYSTEM_ROLES, Conversation, Node
from oaikit.widgets import messages
from oaikit.widgets.document import LiveDocument
from oaikit.widgets.engine_status import engine_view
from oaikit.widgets.parameters import controls


def empty_document() -> dict[str, Any]:
    """The document of a chat in which nothing has been said."""
    return {
        "nodes": {},
        "order": [],
        "leaf": None,
        "system": "",
        "model": "",
        "models": [],
        "params": {},
        "parameters": controls({}),
        "context": {"used": None, "size": None},
        "stop": None,
        "busy": False,
        "notice": None,
        "title": "",
        "accepts_images": True,
        "engine": engine_view({}, own=False),
        "reopen": None,
    }


class Mirror:
    """The conversation, whose changes go through here so that the document has them too."""

    def __init__(self, document: LiveDocument, conversation: Conversation) -> None:
        self.document, self.conversation = document, conversation
        self.size: int | None = None
        self.show_all()

    def replace(self, conversation: Conversation) -> None:
        """Take another conversation."""
        self.conversation = conversation
        self.show_all()

    def show_all(self) -> None:
        """Show the conversation from scratch."""
        shown = list(messages.shown(self.conversation))
        self.document.set(["nodes"], {node.id: messages.view(node, self.conversation) for node in shown})
        self.document.set(["order"], [node.id for node in shown])
        self.show_path()

    def show_path(self) -> None:
        """Show which path is current, and what belongs to it."""
        path = self.conversation.path
        leaf = path[-1] if path else None
        at_beginning = leaf is None or (leaf.parent is None and leaf.role in SYSTEM_ROLES)
        self._set("leaf", None if at_beginning or leaf is None else leaf.id)
        self._set("system", self.conversation.system)
        self._set("title", messages.title(self.conversation))
        self._set("context", {"used": _used(path), "size": self.size})

    def add(self, message: Mapping[str, Any], **info: Any) -> Node:
        """Put a message behind the leaf."""
        node = self.conversation.add(message, **info)
        self.show(node)
        return node

    def show(self, node: Node) -> None:
        """Show a node that has been added."""
        self.document.set(["nodes", node.id], messages.view(node, self.conversation))
        self.document.extend(["order"], [node.id])
        self.show_path()

    def _set(self, key: str, value: Any) -> None:
        if self.document.state.get(key) != value:
            self.document.set([key], value)


def _used(path: list[Node]) -> int | None:
    """Tokens of the context that the path fills, as the last answer counted them."""
    for node in reversed(path):
        numbers = node.info.get("numbers") or {}
        if node.role == "assistant" and numbers.get("prompt_tokens") is not None:
            return int(numbers["prompt_tokens"]) + int(numbers.get("completion_tokens") or 0)
    return None

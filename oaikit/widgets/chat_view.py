"""The chat as a widget: the browser's commands, and what a notebook without a kernel shows."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from html import escape
from typing import Any

from oaikit.backend import Backend
from oaikit.conversation import Conversation
from oaikit.transcript import conversation_html
from oaikit.widgets import room
from oaikit.widgets.displayed import DisplayedWidget, telling
from oaikit.widgets.exports import filename
from oaikit.widgets.live import Command, kernel_id
from oaikit.widgets.messages import for_reading
from oaikit.widgets.mirror import empty_document
from oaikit.widgets.session import Session


class ChatView(DisplayedWidget):
    """What a `Chat` shows."""

    def __init__(self) -> None:
        self._session: Session | None = None
        super().__init__("chat", empty_document())

    async def begin(self, llm: Backend, conversation: Conversation, options: dict[str, Any]) -> Session:
        """On the loop: make the session, and look at the model meanwhile."""
        self._session = Session(llm, self.live, conversation, save=self.save, kernel=kernel_id(), **options)
        self._session.look_soon()
        self.save()
        return self._session

    def static(self) -> tuple[str, str]:
        """The transcript, and its title."""
        path = [] if self._session is None else for_reading(self._session.conversation)
        title = self.live.state["title"] or "A chat"
        return conversation_html(
            path
        ) + self._how_to_go_on(), f"{title} ({len(path)} messages)" if path else ""

    def _how_to_go_on(self) -> str:
        code = self.live.state["reopen"]
        if not code or self._session is None or not self._session.conversation.leaf:
            return ""
        return f"<p><em>To go on with this chat, run in a cell:</em></p><pre>{escape(code)}</pre>"

    def commands(self) -> Mapping[str, Command]:
        """What the browser may ask for; an error is shown as the notice too."""
        if (session := self._session) is None:
            return {}
        named: dict[str, Command] = {
            "send": session.send,
            "stop": session.stop,
            "regenerate": session.regenerate,
            "edit": session.edit,
            "select": session.select,
            "branch": session.branch,
            "set_param": functools.partial(_set_param, session),
            "set_model": session.set_model,
            "set_system": session.set_system,
            "approve": session.approve,
            "export": functools.partial(_export, session),
            "load": session.load,
            "history": session.kept,
            "open": session.open,
            "new": session.new,
            "look": session.look,
            "forget": functools.partial(room.forget, session),
            "drop_oldest": functools.partial(room.drop_oldest, session),
            "go_on": functools.partial(room.go_on, session),
        }
        return {name: telling(session.tell, command) for name, command in named.items()}


async def _set_param(session: Session, name: str, value: Any) -> None:
    await session.set_params({name: value})


async def _export(session: Session, format: str) -> dict[str, str]:
    return {"filename": filename(session.conversation, format), "text": await session.export(format)}

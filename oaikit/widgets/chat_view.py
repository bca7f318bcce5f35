"""The chat as a widget: the browser's commands, and what a notebook without a kernel shows."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from oaikit.backend import Backend
from oaikit.conversation import Conversation
from oaikit.errors import OAIKitError
from oaikit.transcript import conversation_html
from oaikit.widgets.companion import Companion
from oaikit.widgets.exports import filename
from oaikit.widgets.live import LOOP, LiveWidget, kernel_id
from oaikit.widgets.messages import for_reading
from oaikit.widgets.session import Session, empty_document
from oaikit.widgets.turn import Turn

Command = Callable[..., Awaitable[Any]]


class ChatView(LiveWidget):
    """What a `Chat` shows."""

    def __init__(self) -> None:
        self._id = uuid.uuid4().hex
        self._companions: list[Companion] = []
        super().__init__("chat", {"id": self._id, **empty_document()})
        self._session: Session | None = None

    async def begin(self, llm: Backend, conversation: Conversation, options: dict[str, Any]) -> Session:
        """On the loop: make the session, and look at the model meanwhile."""
        self._session = Session(llm, self.live, conversation, save=self.save, kernel=kernel_id(), **options)
        self._session.look_soon()
        self.save()
        return self._session

    def show(self) -> None:
        """Display it, and beside it what a saved notebook shows."""
        from IPython.display import display

        display(self)  # type: ignore[no-untyped-call]
        self._companions.append(Companion(self._id))
        LOOP.call(self._refresh)

    def save(self) -> None:
        """The end of a turn: send what has changed, and have notebooks that are saved now show it."""
        super().save()
        self._refresh()

    def _refresh(self) -> None:
        if self._session is None or not self._companions:
            return
        path = for_reading(self._session.conversation)
        title = self.live.state["title"] or "A chat"
        for companion in self._companions:
            companion.update(conversation_html(path), f"{title} ({len(path)} messages)" if path else "")

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
        }
        return {name: _told(session, command) for name, command in named.items()}


def _told(session: Session, command: Command) -> Command:
    async def obey(**args: Any) -> Any:
        session.tell(None)  # of an earlier command
        try:
            value = await command(**args)
        except OAIKitError as exc:
            session.tell(exc.message)
            raise
        return None if isinstance(value, Turn) else value

    return obey


async def _set_param(session: Session, name: str, value: Any) -> None:
    await session.set_params({name: value})


async def _export(session: Session, format: str) -> dict[str, str]:
    return {"filename": filename(session.conversation, format), "text": await session.export(format)}

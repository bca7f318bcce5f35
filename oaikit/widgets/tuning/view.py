"""The tuning table as a widget: the browser's commands, and what a notebook without a kernel shows."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping
from typing import Any

from oaikit.backend import Backend
from oaikit.errors import OAIKitError
from oaikit.widgets.companion import Companion
from oaikit.widgets.live import LOOP, Command, LiveWidget, kernel_id
from oaikit.widgets.tuning.exports import row_python, static, table_python
from oaikit.widgets.tuning.session import Session, empty_document
from oaikit.widgets.tuning.state import State


class TuningView(LiveWidget):
    """What a `TuningTable` shows."""

    def __init__(self) -> None:
        self._id = uuid.uuid4().hex
        self._companions: list[Companion] = []
        self._session: Session | None = None
        super().__init__("tuning", {"id": self._id, **empty_document()})

    async def begin(self, llm: Backend, state: State) -> Session:
        """On the loop: make the session, and look at the model meanwhile."""
        self._session = Session(llm, self.live, state, save=self.save, kernel=kernel_id())
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
        """A run has ended, or something was edited: have notebooks that are saved now show it."""
        super().save()
        self._refresh()

    def _refresh(self) -> None:
        html, text = static(self.live.state) if self._companions else ("", "")
        for companion in self._companions:
            companion.update(html, text)

    def commands(self) -> Mapping[str, Command]:
        """What the browser may ask for; an error is shown as the notice too."""
        if (session := self._session) is None:
            return {}
        named: dict[str, Command] = {
            "set": session.set,
            "add": session.add,
            "duplicate": session.duplicate,
            "remove": session.remove,
            "move": session.move,
            "add_column": session.add_column,
            "remove_column": session.remove_column,
            "set_prompt": session.set_prompt,
            "add_prompt": session.add_prompt,
            "remove_prompt": session.remove_prompt,
            "set_variable": session.set_variable,
            "add_item": session.add_item,
            "remove_item": session.remove_item,
            "set_layout": session.set_layout,
            "set_base": session.set_base,
            "vote": session.vote,
            "note": session.note,
            "run": session.run,
            "stop": session.stop,
            "export": functools.partial(_export, session),
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
        return value if isinstance(value, str) else None

    return obey


async def _export(session: Session, row: str | None = None) -> str:
    """The table, or what one row asks, as Python."""
    state = session.state
    return table_python(state) if row is None else row_python(state, state.row(row))

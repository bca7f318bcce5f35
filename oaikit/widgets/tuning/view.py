"""The tuning table as a widget: the browser's commands, and what a notebook without a kernel shows."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from oaikit.backend import Backend
from oaikit.widgets.displayed import DisplayedWidget, telling
from oaikit.widgets.live import Command, kernel_id
from oaikit.widgets.tuning.exports import row_python, static, table_python
from oaikit.widgets.tuning.session import Session, empty_document
from oaikit.widgets.tuning.state import State


class TuningView(DisplayedWidget):
    """What a `TuningTable` shows."""

    def __init__(self) -> None:
        self._session: Session | None = None
        super().__init__("tuning", empty_document())

    async def begin(self, llm: Backend, state: State) -> Session:
        """On the loop: make the session, and look at the model meanwhile."""
        self._session = Session(llm, self.live, state, save=self.save, kernel=kernel_id())
        self._session.look_soon()
        self.save()
        return self._session

    def static(self) -> tuple[str, str]:
        """The table as it is now."""
        return static(self.live.state)

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
        return {name: telling(session.tell, command) for name, command in named.items()}


async def _export(session: Session, row: str | None = None) -> str:
    """The table, or what one row asks, as Python."""
    state = session.state
    return table_python(state) if row is None else row_python(state, state.row(row))

"""A widget with its static display: what the chat and the tuning table have in common."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from oaikit.errors import OAIKitError
from oaikit.widgets.companion import Companion
from oaikit.widgets.live import LOOP, Command, LiveWidget


class DisplayedWidget(LiveWidget):
    """A live widget beside which stands, wherever it is shown, what a notebook without a kernel shows.

    Parameters: which view is drawn, and the document's state at the beginning, to which its ``id`` is added.
    """

    def __init__(self, kind: str, state: dict[str, Any]) -> None:
        self._id = uuid.uuid4().hex
        self._companions: list[Companion] = []
        super().__init__(kind, {"id": self._id, **state})

    def static(self) -> tuple[str, str]:
        """What is shown without a kernel: safe HTML, and the same as plain text."""
        raise NotImplementedError

    def show(self) -> None:
        """Display it, and beside it what a saved notebook shows."""
        from IPython.display import display

        display(self)  # type: ignore[no-untyped-call]
        self._companions.append(Companion(self._id))
        LOOP.call(self._refresh)

    def save(self) -> None:
        """Send what has changed, and have notebooks that are saved now show it."""
        super().save()
        self._refresh()

    def _refresh(self) -> None:
        if not self._companions:
            return
        html, text = self.static()
        for companion in self._companions:
            companion.update(html, text)


def telling(tell: Callable[[str | None], object], command: Command) -> Command:
    """The command, whose error is told as well as raised; what was told of an earlier one is taken away.

    What it returns goes to the browser if it is JSON: turns and rows are for Python alone.
    """

    async def obey(**args: Any) -> Any:
        tell(None)
        try:
            value = await command(**args)
        except OAIKitError as exc:
            tell(exc.message)
            raise
        return value if isinstance(value, str | list | dict) else None

    return obey

"""What a saved notebook shows in place of a widget: a static display, which the widget hides while it lives."""

from __future__ import annotations

from html import escape
from typing import Any


class Companion:
    """Displayed when it is made, empty; `update` may be called from any thread.

    Parameters: the id that the widget's document has as ``id``.
    """

    def __init__(self, id: str) -> None:
        from IPython.display import display

        self._class = f"oaikit-transcript-{escape(id)}"
        self._handle: Any = display(self._bundle("", ""), raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def update(self, html: str, text: str) -> None:
        """Show this: safe HTML (`oaikit.transcript`), and the same as plain text."""
        self._handle.update(self._bundle(html, text), raw=True)

    def _bundle(self, html: str, text: str) -> dict[str, str]:
        return {"text/html": f'<div class="{self._class}">{html}</div>', "text/plain": text}

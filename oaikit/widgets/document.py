"""What a widget shows: one JSON document, which the kernel owns and whose changes it sends.

frontend/README.md has the protocol, and frontend/src/document.ts the browser's side.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

Path = Sequence[str | int]
Message = dict[str, Any]


class LiveDocument:
    """A JSON document that keeps account of its changes.

    It has one owner, the thread that changes it and takes the changes; there are no locks. ``state`` is to be read, and
    changed by the methods alone. ``changed`` is called after each change.
    """

    def __init__(self, state: dict[str, Any], changed: Callable[[], object] = lambda: None) -> None:
        self.state = state
        self._changed = changed
        self._ops: list[list[Any]] = []
        self._seq = 0
        self._appended_to: list[str | int] | None = None  # by the last "+" that was sent or is to be

    def set(self, path: Path, value: Any) -> None:
        """Set a value, or add a key."""
        container, key = self._at(path)
        container[key] = value
        self._note(["=", list(path), copy.deepcopy(value)])

    def delete(self, path: Path) -> None:
        """Remove a key."""
        container, key = self._at(path)
        del container[key]
        self._note(["-", list(path)])

    def append(self, path: Path, text: str) -> None:
        """Append to a string."""
        if not text:
            return
        container, key = self._at(path)
        container[key] += text
        again = list(path) == self._appended_to
        if again and self._ops and self._ops[-1][0] == "+":
            self._ops[-1][-1] += text
            self._changed()
            return
        self._appended_to = list(path)
        self._note(["+", text] if again else ["+", list(path), text])

    def extend(self, path: Path, items: Sequence[Any]) -> None:
        """Append to a list."""
        if not items:
            return
        container, key = self._at(path)
        container[key].extend(items)
        self._note([">", list(path), copy.deepcopy(list(items))])

    def take(self) -> Message | None:
        """The message with all changes since the last one; None if there were none."""
        if not self._ops:
            return None
        ops, self._ops = self._ops, []
        self._seq += 1
        return {"type": "ops", "seq": self._seq, "ops": ops}

    def snapshot(self) -> Message:
        """The message with the whole document. It takes the place of the next message, if there is one to `take`."""
        self._seq += bool(self._ops)
        self._ops.clear()
        self._appended_to = None  # whoever gets this has not seen which string was appended to
        return {"type": "snapshot", "seq": self._seq, "document": copy.deepcopy(self.state)}

    def _note(self, op: list[Any]) -> None:
        self._ops.append(op)
        self._changed()

    def _at(self, path: Path) -> tuple[Any, Any]:
        """The container that a path leads into, and the last key."""
        container: Any = self.state
        for key in path[:-1]:
            container = container[key]
        return container, path[-1]

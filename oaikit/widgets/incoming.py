"""An answer as it arrives in a document: the stream's columns and the tuning table's cells show it alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oaikit.reply import Delta, Reply
from oaikit.widgets.document import LiveDocument

_NUMBERS_EVERY_S = 1.0


class Incoming:
    """The answer at a path of a document. All of it is on the widgets' loop.

    Parameters: the document, the path, and what an answer's numbers are there.
    """

    def __init__(
        self, live: LiveDocument, path: Sequence[str | int], numbers: Callable[[Reply], Mapping[str, Any]]
    ) -> None:
        self._live, self._path, self._numbers = live, path, numbers
        self._begun = False
        self._thinking_since: float | None = None
        self._numbered_at = 0.0

    def take(self, delta: Delta, reply: Reply) -> None:
        """Add a piece of the first choice's thoughts and text, and once a second the numbers so far."""
        if not self._begun:
            self._begun = True
            self.set("state", "streaming")
        if delta.reasoning:
            self._thinking_since = self._thinking_since or time.perf_counter()
            self._live.append([*self._path, "reasoning"], delta.reasoning)
        elif delta.text or delta.tool_calls:
            self._end_of_thoughts()
        self._live.append([*self._path, "text"], delta.text)
        if (now := time.perf_counter()) > self._numbered_at + _NUMBERS_EVERY_S:
            self._numbered_at = now
            self.set("numbers", self._numbers(reply))

    def extend(self, key: str, items: Sequence[Any]) -> None:
        """Add to one of its lists."""
        self._live.extend([*self._path, key], items)

    def end(self, reply: Reply, state: str) -> None:
        """Nothing more will come."""
        self._end_of_thoughts()
        self.set("finish_reason", reply.finish_reason)
        self.set("model", reply.model)
        self.set("numbers", self._numbers(reply))
        self.set("state", state)

    def set(self, key: str, value: Any) -> None:
        """Set one of its values."""
        self._live.set([*self._path, key], value)

    def _end_of_thoughts(self) -> None:
        if self._thinking_since is not None:
            self.set("reasoning_s", round(time.perf_counter() - self._thinking_since, 3))
            self._thinking_since = None

"""Keeps a running chat in the history: what changed, one write at a time, off the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from oaikit._threads import in_thread
from oaikit.conversation import SYSTEM_ROLES, Conversation, Node
from oaikit.errors import OAIKitError
from oaikit.widgets.history import History, Record


class Keeper:
    """Writes a conversation to a history.

    Parameters: the history (None: nothing is kept), what there is to keep now, and who is told of an error, and with
    None that there is none any more. An error ends nothing: the next write has all that is missing.
    """

    def __init__(
        self,
        history: History | None,
        now: Callable[[], tuple[Record, Conversation]],
        tell: Callable[[str | None], object],
    ) -> None:
        self._history, self._now, self._tell = history, now, tell
        self._written: dict[str, Node] = {}
        self._id = ""
        self._failed = False
        self._wanted = False
        self._task: asyncio.Task[None] | None = None

    def note(self) -> None:
        """Write what has changed, soon."""
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write())

    async def flush(self) -> None:
        """Write what has changed, and wait for it."""
        self.note()
        if self._task is not None:
            await asyncio.shield(self._task)

    def read(self, id: str, conversation: Conversation) -> None:
        """Take a conversation as written, because it has just been read."""
        self._id, self._written = id, {node.id: node for node in conversation}

    async def _write(self) -> None:
        while self._wanted:
            self._wanted = False
            if self._history is not None:
                await self._write_to(self._history)

    async def _write_to(self, history: History) -> None:
        record, conversation = self._now()
        if record.id != self._id:
            self._id, self._written = record.id, {}
        nodes = {node.id: node for node in conversation}
        if not self._written and all(node.role in SYSTEM_ROLES for node in nodes.values()):
            return  # nothing has been said yet
        # A node is never changed, but replaced.
        changed = [node for id, node in nodes.items() if self._written.get(id) is not node]
        removed = [id for id in self._written if id not in nodes]
        try:
            await asyncio.wrap_future(in_thread(lambda: history.write(record, changed, removed)))
        except OAIKitError as exc:
            self._failed = True
            self._tell(f"This chat is not being kept: {exc.message}")
            return
        if self._id == record.id:
            self._written = nodes
        if self._failed:
            self._failed = False
            self._tell(None)

"""The list of the chats that were kept, as a notebook shows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from html import escape
from typing import TYPE_CHECKING

from oaikit._distribution import needed_for
from oaikit.errors import ConversationError
from oaikit.widgets.history import Entry, History

if TYPE_CHECKING:
    import pandas as pd

    from oaikit.widgets.chat import Chat

_COLUMNS = ("id", "title", "updated", "messages")
_SHOWN = 30


class HistoryList:
    """Conversations that were kept, last changed first.

    Iterating gives entries (``id``, ``title``, ``updated``, ``messages``). ``chats[0]`` and ``chats["id"]`` reopen one;
    of the id the first characters do.
    """

    def __init__(self, history: History, reopen: Callable[[str], Chat]) -> None:
        self._history, self._reopen = history, reopen
        self._entries = history.list()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __getitem__(self, which: int | str) -> Chat:
        """Reopen a conversation, by its place in the list or by its id.

        Raises:
            IndexError: the list is shorter.
            ConversationError: there is none with that id, or there are several that begin so.
        """
        return self._reopen(self._id(which))

    def delete(self, which: int | str) -> None:
        """Remove a conversation from the file, and from this list."""
        id = self._id(which)
        self._history.delete(id)
        self._entries = [entry for entry in self._entries if entry.id != id]

    @property
    def df(self) -> pd.DataFrame:
        """The same as a DataFrame: id, title, updated (UTC), messages.

        Raises:
            SettingError: pandas is not installed.
        """
        with needed_for("df"):
            import pandas as pd
        rows = [(each.id, each.title, each.updated, each.messages) for each in self]
        frame = pd.DataFrame(rows, columns=list(_COLUMNS))
        frame["updated"] = pd.to_datetime(frame["updated"], unit="s", utc=True)
        return frame

    def __repr__(self) -> str:
        if not self._entries:
            return f"no chats in {self._history.path}"
        lines = [
            f"{number:3}  {each.id[:8]}  {_when(each)}  {each.messages:4}  {each.title}".rstrip()
            for number, each in enumerate(self._entries[:_SHOWN])
        ]
        return "\n".join([*lines, *self._rest()])

    def _repr_html_(self) -> str:
        if not self._entries:
            return escape(repr(self))
        rows = "".join(
            f"<tr><td>{number}</td><td><code>{escape(each.id[:8])}</code></td><td>{_when(each)}</td>"
            f'<td>{each.messages}</td><td style="text-align:left">{escape(each.title)}</td></tr>'
            for number, each in enumerate(self._entries[:_SHOWN])
        )
        rows += "".join(f'<tr><td colspan="5">{line}</td></tr>' for line in self._rest())
        heads = "".join(f"<th>{name}</th>" for name in ("", *_COLUMNS[:1], "updated", "messages", "title"))
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"

    def _rest(self) -> list[str]:
        """A line about those that are not shown."""
        rest = len(self) - _SHOWN
        return [f"… and {rest} more"] if rest > 0 else []

    def _id(self, which: int | str) -> str:
        if not isinstance(which, str):
            return self._entries[which].id
        found = [entry.id for entry in self if entry.id.startswith(which)]
        if which in found or len(found) == 1:
            return which if which in found else found[0]
        problem = "several begin" if found else "none begins"
        raise ConversationError(f"of the chats in {self._history.path} {problem} with {which!r}")


def _when(entry: Entry) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.updated))

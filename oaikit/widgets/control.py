"""Messages to widgets on the kernel's control channel, which a running cell does not hold up.

Widgets usually hear the browser on the shell channel. A cell that runs holds that channel up: always before
ipykernel 7, and since then whenever the widget last published on behalf of the running cell, because ipykernel then
routes the browser's replies back to that cell's shell. A chat that waits for approval inside ``chat.send(…)`` would
wait forever. ipykernel reads the control channel on a thread of its own.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping
from typing import Any, Protocol

MESSAGE_TYPE = "comm_msg"
"""Jupyter does not track the activity of this type, so the kernel is not shown as idle while its cell still runs."""


class Listener(Protocol):
    """A widget that takes messages of the browser, on any thread."""

    def hear(self, content: Any) -> None:
        """Take a message. It must return at once."""


_LISTENERS: weakref.WeakValueDictionary[str, Listener] = weakref.WeakValueDictionary()


def listen(id: str, listener: Listener) -> bool:
    """Pass the messages that name this id to a listener, for as long as it lives.

    Returns:
        Whether this process is a kernel with a control channel.
    """
    handlers = _handlers()
    if handlers is None:
        return False
    _LISTENERS[id] = listener
    handlers.setdefault(MESSAGE_TYPE, _take)
    return True


def _handlers() -> dict[str, Any] | None:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    handlers = getattr(getattr(shell, "kernel", None), "control_handlers", None)
    return handlers if isinstance(handlers, dict) else None


async def _take(stream: object, ident: object, message: Mapping[str, Any]) -> None:
    content = message["content"]
    listener = _LISTENERS.get(str(content.get("comm_id")))
    if listener is not None:
        listener.hear(content.get("data"))

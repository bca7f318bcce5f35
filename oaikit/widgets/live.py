"""The base of the widgets: a live document, published from a thread of its own, and the commands of the browser.

Everything that changes a document runs on one background loop, so that a busy cell holds up nothing; what comes from
the browser is only put onto that loop, whichever thread it comes on.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from oaikit._loop import LoopThread
from oaikit.errors import OAIKitError, SettingError
from oaikit.widgets import control
from oaikit.widgets.document import LiveDocument

log = logging.getLogger("oaikit.widgets")

INTERVAL_S, LONGEST_INTERVAL_S = 0.1, 0.5
"""The time between two messages with changes: Jupyter drops messages that come too fast."""

CHARACTERS_PER_S = 500
"""Faster than that nobody reads: what comes faster is sent in fewer messages, up to the longest interval. Each costs
600 bytes besides its text."""

UNASKED_S = (0.3, 0.7, 1.5, 3.0, 6.0, 12.0, 24.0)
"""When the document is sent unasked, after the widget was made: a kernel whose cell is busy can't hear the browser ask,
and what was sent before the browser listened is lost."""

LOOP = LoopThread("oaikit-widgets")
"""Where documents are changed, and answers to widgets arrive."""

_STATIC = Path(__file__).with_name("static")

Command = Callable[..., Awaitable[Any]]


class LiveWidget(anywidget.AnyWidget):
    """A widget that draws a `LiveDocument`.

    Args:
        kind: Which view is drawn: ``"stream"``, ``"chat"`` or ``"tuning"``.
        state: The document's first state. Its ``id`` is unique.
    """

    kind = traitlets.Unicode().tag(sync=True)
    document = traitlets.Dict().tag(sync=True)
    control = traitlets.Bool().tag(sync=True)
    """Whether the kernel's control channel passes messages on to the document's id; see `oaikit.widgets.control`."""

    def __init__(self, kind: str, state: dict[str, Any]) -> None:
        self._esm, self._css = static_file("widgets.js"), static_file("widgets.css")
        self.live = LiveDocument(state, self._change)
        self._free_at = 0.0  # when the next message may go, the loop's time
        self._due: asyncio.TimerHandle | None = None
        self._heard = False
        past_cells = control.listen(state["id"], self)
        super().__init__(kind=kind, document=copy.deepcopy(state), control=past_cells)
        self.on_msg(self._hear)
        LOOP.submit(self._announce())

    def __repr__(self) -> str:
        return f"<oaikit's {self.kind} widget>"  # what is saved for those who can't show it

    def commands(self) -> Mapping[str, Command]:
        """What the browser may ask for: coroutine functions by name, called on `LOOP` with the command's arguments."""
        return {}

    # -- on the loop -----------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send what has changed now, without waiting for company."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if (message := self.live.take()) is not None:
            pause = min(len(str(message)) / CHARACTERS_PER_S, LONGEST_INTERVAL_S)
            self._free_at = time.monotonic() + max(pause, INTERVAL_S)
            self.send(message)

    def save(self) -> None:
        """The end of a turn: send what has changed, and have notebooks that are saved now show it."""
        self.flush()
        self.document = copy.deepcopy(self.live.state)
        if self._heard:
            self.send({"type": "saved"})

    def _should_send_property(self, key: str, value: Any) -> bool:
        """A browser that listens has followed all changes, and is not sent the whole document at the end as well."""
        return not (key == "document" and self._heard) and super()._should_send_property(key, value)

    def _change(self) -> None:
        if self._due is None:
            wait = self._free_at - time.monotonic()
            self._due = asyncio.get_running_loop().call_later(max(wait, 0.0), self._publish)

    def _publish(self) -> None:
        self._due = None
        self.flush()

    async def _announce(self) -> None:
        began = time.monotonic()
        for when in UNASKED_S:
            await asyncio.sleep(began + when - time.monotonic())
            if self._heard:
                return
            self.send(self.live.snapshot())

    def _handle(self, content: Mapping[str, Any]) -> None:
        self._heard = True
        match content.get("type"):
            case "ready" | "snapshot":
                self.send(self.live.snapshot())
            case "maths":
                self.send({"type": "maths", "code": static_file("maths.js")})
            case "command":
                _keep(asyncio.get_running_loop().create_task(self._obey(content)))

    async def _obey(self, content: Mapping[str, Any]) -> None:
        value, error = None, None
        try:
            name = str(content.get("name"))
            command = self.commands().get(name)
            if command is None:
                raise SettingError(f"this widget has no command {name!r}")
            value = await command(**content.get("args") or {})
        except OAIKitError as exc:
            error = exc.message
        except Exception as exc:
            log.exception("a command of a widget failed")
            error = f"{type(exc).__name__}: {exc}"
        self.flush()
        self.send({"type": "result", "id": content.get("id"), "value": value, "error": error})

    # -- on whatever thread the kernel reads messages on -----------------------------------------------------------

    def hear(self, content: Any) -> None:
        """Take a message of the browser."""
        if isinstance(content, Mapping):
            LOOP.call(self._handle, dict(content))

    def _hear(self, _: object, content: Any, buffers: object) -> None:
        self.hear(content)


def kernel_id() -> str | None:
    """Jupyter's id of this kernel; None outside a kernel that a Jupyter server started."""
    try:
        from ipykernel.connect import get_connection_file

        name = Path(get_connection_file()).stem
    except (ImportError, RuntimeError):
        return None
    return name.removeprefix("kernel-") if name.startswith("kernel-") else None


@cache
def static_file(name: str) -> str:
    """A file of the front end.

    Raises:
        SettingError: it was not built.
    """
    try:
        return (_STATIC / name).read_text(encoding="utf-8")
    except OSError as exc:
        raise SettingError(
            f"oaikit's widgets are not built ({name} is missing): run `make frontend`"
        ) from exc


_tasks: set[asyncio.Task[None]] = set()


def _keep(task: asyncio.Task[None]) -> None:
    """The loop itself holds tasks only weakly."""
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)

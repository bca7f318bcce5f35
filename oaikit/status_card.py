"""What a connection or an engine shows of itself: a small card in a notebook, lines in a terminal."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any, Final

RATE_OVER_S = 0.25
"""Tokens per second are counted over so long."""

UPDATE_EVERY_S: Final = 1.0
FOLLOW_AT_MOST_S: Final = 3600.0
"""A card follows a load for so long. Downloads of large models take tens of minutes."""

_UNSETTLED: Final = ("loading", "hung")

Look = Callable[[], tuple[Mapping[str, Any], float | None]]
"""Finds out the status and the tokens per second."""

_CARD = (
    "display:inline-block;border:1px solid var(--jp-border-color2,#8884);border-radius:8px;padding:8px 14px;"
    "font-family:var(--jp-ui-font-family,sans-serif);font-size:13px;color:var(--jp-ui-font-color1,inherit)"
)
_COLOURS = {"ready": "#2e9d4f", "loading": "#d98e04", "hung": "#d03b3b", "failed": "#d03b3b"}


def bundle(title: str, status: Mapping[str, Any], tokens_per_s: float | None = None) -> dict[str, str]:
    """``text/html`` and ``text/plain``. Parameters: what it is (a URL, say), and its status, as oaikit/api/status
    gives it; ``{"error": …}`` alone if there is none."""
    rows = list(_rows(status, tokens_per_s))
    state = str(status.get("state") or "does not answer")
    dot = f'<span style="color:{_COLOURS.get(state, "#888888")}">●</span>'
    cells = "".join(
        f'<tr><td style="opacity:.65;text-align:left;padding-right:1em">{escape(name)}</td>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for name, value in rows
    )
    html = f'<div style="{_CARD}"><div>{dot} <b>{escape(title)}</b> {escape(state)}</div><table>{cells}</table></div>'
    lines = [f"{title} {state}", *(f"  {name}: {value}" for name, value in rows)]
    return {"text/html": html, "text/plain": "\n".join(lines)}


def show(title: str, look: Look) -> None:
    """Display the card in a notebook. While a model loads the card updates itself.

    Raises:
        NotImplementedError: This process is no kernel. IPython then prints the text.
    """
    ipython = sys.modules.get("IPython")
    if ipython is None or getattr(ipython.get_ipython(), "kernel", None) is None:
        raise NotImplementedError
    status, rate = look()
    handle = ipython.display.display(bundle(title, status, rate), raw=True, display_id=True)
    if status.get("state") in _UNSETTLED:

        def update(found: Mapping[str, Any], rate: float | None) -> None:
            handle.update(bundle(title, found, rate), raw=True)

        threading.Thread(target=follow, args=(look, update), name="oaikit-card", daemon=True).start()


def follow(look: Look, update: Callable[[Mapping[str, Any], float | None], object]) -> None:
    """Pass on the status every second until a load has ended, well or badly."""
    until = time.monotonic() + FOLLOW_AT_MOST_S
    while time.monotonic() < until:
        time.sleep(UPDATE_EVERY_S)
        status, rate = look()
        update(status, rate)
        if "state" in status and status["state"] not in _UNSETTLED:
            return


def _rows(status: Mapping[str, Any], tokens_per_s: float | None) -> Iterator[tuple[str, str]]:
    names = status.get("served_names") or [status.get("model")]
    if names[0]:
        yield "model", str(names[0])
    if device := status.get("device"):
        yield "device", str(device)
    if progress := status.get("progress"):
        yield (
            "phase",
            f"{progress['phase']}, {progress['phase_s']:.0f} s (loading for {progress['load_s']:.0f} s)",
        )
    if context := status.get("max_model_len"):
        yield "context", f"{context} tokens"
    if status.get("state") == "ready" and "running" in status:
        yield "requests", f"{status['running']:.0f} running, {status['waiting']:.0f} waiting"
        yield "KV cache", f"{status['kv_cache_usage']:.1%} used"
    if tokens_per_s is not None:
        yield "speed", f"{tokens_per_s:.0f} tokens/s"
    if error := status.get("error"):
        yield "error", str(error)

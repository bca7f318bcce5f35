"""What a connection or an engine shows of itself: a small card in a notebook, lines in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

RATE_OVER_S = 0.25
"""Tokens per second are counted over so long."""

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

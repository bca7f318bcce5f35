"""Waiting that can be seen: a line that says what is going on, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

Show = Callable[[Mapping[str, Any] | None], None]


@contextmanager
def bar() -> Iterator[Show]:
    """A bar of tqdm's, in notebooks as a widget; nothing is shown until something is said.

    What it yields takes a load's progress as oaikit/api/status gives it (phase, phase_s, load_s), or None.
    """
    shown: list[Any] = []

    def show(progress: Mapping[str, Any] | None) -> None:
        if progress is None:
            return
        if not shown:
            from tqdm.auto import tqdm

            shown.append(tqdm(bar_format="{desc}"))
        text = f"{progress['phase']} ({progress['phase_s']:.0f} s, loading for {progress['load_s']:.0f} s)"
        shown[0].set_description_str(text)

    try:
        yield show
    finally:
        for each in shown:
            each.close()

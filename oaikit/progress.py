"""Waiting that can be seen: a line that says what is going on, and for how long."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

Show = Callable[[Mapping[str, Any] | None], None]


def in_kernel() -> bool:
    """Whether this runs in a kernel of Jupyter's, whose front end may show widgets."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


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
            # tqdm.auto alone takes any process that has imported ipykernel for a notebook, and prints nothing.
            if in_kernel():
                from tqdm.auto import tqdm
            else:
                from tqdm.std import tqdm

            shown.append(tqdm(bar_format="{desc}"))
        text = f"{progress['phase']} ({progress['phase_s']:.0f} s, loading for {progress['load_s']:.0f} s)"
        shown[0].set_description_str(text)

    try:
        yield show
    finally:
        for each in shown:
            each.close()

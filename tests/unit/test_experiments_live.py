"""What is shown while a sweep runs."""

from __future__ import annotations

import io
import sys
import threading
import time
from typing import cast

import pytest

from oaikit.experiments.run.execution import Prepared
from oaikit.experiments.run.live import CellCount, TerminalView, summary, table
from oaikit.experiments.run.runner import Progress


def test_a_line_says_how_far_it_is_and_what_it_waits_for() -> None:
    progress = Progress(total=200, done=49, failed=1, tokens=1000, began=time.monotonic() - 10)
    assert summary(progress) == "50 of 200 rows, 1 errors, 100 tokens/s, 00:00:30 left"
    progress.waits = "the server went away"
    assert summary(progress).endswith("the server went away")
    progress.waits, progress.done = "", 199
    assert summary(progress).startswith("200 of 200 rows, 1 errors")
    assert "left" not in summary(progress)


def test_the_table_is_escaped_and_no_longer_than_people_read() -> None:
    cells = [{"system": "<script>alert(1)</script>"}, *({"system": None} for _ in range(99))]
    counts = {cell: CellCount(total=8, done=cell % 9, tokens=1234) for cell in range(100)}
    shown = table(Progress(total=800), counts, ["system"], cells)
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert shown.count("<tr>") == 1 + 30
    assert "and 70 more cells" in shown
    assert "0 of 8" in shown
    assert "1,234" in shown


def test_the_bar_is_drawn_where_no_interrupt_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that came inside tqdm left its lock taken: every later bar of the process hung."""
    threads = set()

    class Terminal(io.StringIO):
        def write(self, text: str) -> int:
            threads.add(threading.current_thread())
            return super().write(text)

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    view, prepared = TerminalView(), cast(Prepared, None)
    view.update(Progress(), {}, prepared)
    view.update(Progress(total=4, done=1), {}, prepared)
    view.update(Progress(total=4, done=2, failed=1, waits="the server went away"), {}, prepared)
    view.close()
    assert "3/4" in terminal.getvalue()
    assert "1 errors, the server went away" in terminal.getvalue()
    assert threads
    assert threading.main_thread() not in threads

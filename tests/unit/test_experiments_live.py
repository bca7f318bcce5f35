"""What is shown while a sweep runs."""

from __future__ import annotations

import io
import sys
import threading
import time
from typing import cast

import pytest

from oaikit.experiments.run.execution import Prepared
from oaikit.experiments.run.live import CellCount, TerminalView, TimeLeft, summary, table
from oaikit.experiments.run.runner import Progress


def test_a_line_says_how_far_it_is_and_what_it_waits_for() -> None:
    progress = Progress(total=200, done=49, failed=1, tokens=1000, began=time.monotonic() - 10)
    assert summary(progress, 30.2) == "50 of 200 rows, 1 errors, 100 tokens/s, 0:10 so far, about 0:30 left"
    progress.waits = "the server went away"
    assert summary(progress).endswith("the server went away")
    progress.waits, progress.done = "", 199
    assert summary(progress).startswith("200 of 200 rows, 1 errors")
    assert "so far" not in summary(progress)
    assert "1:02:05 left" in summary(Progress(total=200, done=1), 3725)


def test_before_the_first_answer_the_time_so_far_is_shown() -> None:
    assert summary(Progress(total=200, began=time.monotonic() - 15)) == "0 of 200 rows, 0:15 so far"


def test_the_time_left_is_that_of_answers_that_come_side_by_side() -> None:
    """500 rows of which 512 are in flight at once: the first comes after 7 s, the last after 48 s."""
    left = TimeLeft()
    estimates = {now: left.estimate(int((now - 7) * 500 / 41) + 1, 500, now) for now in range(7, 48)}
    assert estimates[7] is None, "it said 58 minutes"
    assert all(estimates[now] == pytest.approx(48 - now, abs=3) for now in range(9, 48))


def test_there_is_no_time_left_where_it_cannot_be_told() -> None:
    left = TimeLeft()
    assert left.estimate(0, 100, 1.0) is None
    assert left.estimate(40, 100, 20.0) is None, "the first that is seen, from an earlier run perhaps"
    assert left.estimate(44, 100, 60.0) is None
    assert left.estimate(100, 100, 90.0) is None


def test_the_table_is_escaped_and_no_longer_than_people_read() -> None:
    cells = [{"system": "<script>alert(1)</script>"}, *({"system": None} for _ in range(99))]
    counts = {cell: CellCount(total=8, done=cell % 9, tokens=1234) for cell in range(100)}
    shown = table(Progress(total=800), counts, ["system"], cells, "0 of 800 rows")
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

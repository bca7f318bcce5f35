"""``ok.Sweep`` in JupyterLab: its table is renewed while it runs, an interrupt keeps what is done."""

from __future__ import annotations

import re

from playwright.sync_api import Browser

from tests.browser.lab import Notebook, notebook
from tests.harness import Server, wait_until

SWEEP = """
import oaikit as ok
sweep = ok.Sweep(
    space=ok.grid(temperature=[0.5, 1, 1.5]), prompts=[f"Tell me about {n}." for n in range(40)],
    n=2, max_tokens=60, min_tokens=60, concurrency=8,
)
"""
ROWS = 240
DONE = "print(sweep.df['text'].notna().sum(), sweep.plan().to_run)"


def done(opened: Notebook, index: int) -> int:
    """How many rows the table says are done."""
    found = re.search(rf"([\d,]+) of {ROWS} rows", opened.output(index))
    return int(found[1].replace(",", "")) if found else 0


def test_the_table_is_renewed_and_an_interrupt_keeps_what_is_done(browser: Browser, server: Server) -> None:
    with notebook(browser, server, SWEEP, "sweep.run()", DONE, "sweep.run();", "sweep.cells") as opened:
        opened.run(0)
        opened.run(1, wait=False)
        early = wait_until(lambda: done(opened, 1), 60)
        later = wait_until(lambda: (now := done(opened, 1)) > early and now, 60)
        table = opened.cell(1).locator("table")
        assert table.count() == 1
        assert all(f"{temperature}" in table.inner_text() for temperature in (0.5, 1, 1.5))
        opened.command("notebook:interrupt-kernel")
        opened.wait_until_idle()
        assert "KeyboardInterrupt" in opened.output(1)
        wait_until(lambda: server.status()["running"] == 0, 2)
        opened.run(2)
        kept, left = map(int, opened.output(2).split())
        assert later <= kept < ROWS
        assert left == ROWS - kept
        opened.run(3)
        assert f"{left} of {left} rows" in opened.output(3)
        opened.run(4)
        assert "temperature" in opened.output(4)
        assert (opened.errors, opened.outside) == ([], [])

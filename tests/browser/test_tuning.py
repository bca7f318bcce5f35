"""``ok.TuningTable`` in JupyterLab: edited, run, stopped, judged and compared with mouse and keyboard."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, Locator

from tests.browser.chatting import LONG
from tests.browser.lab import Notebook, notebook
from tests.harness import Server, wait_until


@dataclass
class TablePage:
    """The notebook, whose first cell shows the table ``table``."""

    notebook: Notebook

    def part(self, name: str, within: Locator | None = None) -> Locator:
        return self.notebook.part(name, within)

    def entry(self, set: int, name: str) -> Locator:
        """The input of a parameter, of a set counted from 0."""
        cells = self.notebook.page.locator(f'[data-oaikit="cell"][data-name="{name}"]')
        return self.part("cell-input", cells.nth(set))

    def enter(self, set: int, name: str, value: str) -> None:
        """Type a value, and leave the cell with Enter."""
        self.entry(set, name).fill(value)
        self.entry(set, name).press("Enter")

    def states(self) -> list[str | None]:
        """Of each answer."""
        return [each.get_attribute("data-state") for each in self.part("answer").all()]

    def wait(self, *states: str, timeout_s: float = 60) -> None:
        """Until the answers are in these states."""
        wait_until(lambda: self.states() == list(states), timeout_s)

    def python(self, index: int = 1) -> str:
        """Run a cell of the notebook, by default the second; what it printed."""
        self.notebook.run(index)
        return self.notebook.output(index).strip()


@contextmanager
def table_page(browser: Browser, server: Server, arguments: str, *cells: str) -> Iterator[TablePage]:
    """A notebook with a table of these arguments in its first cell, and what else its cells run."""
    first = (
        "import oaikit as ok\nfrom oaikit.widgets.tuning.table import TuningTable\n"
        f"table = TuningTable(ok.connect(), {arguments})\ntable"
    )
    with notebook(browser, server, first, *cells) as opened:
        opened.run(0)
        wait_until(lambda: opened.part("table").count() == 1, 60)
        yield TablePage(opened)
        assert (opened.errors, opened.outside) == ([], [])


def test_edit_run_judge_compare_and_reopen(browser: Browser, server: Server) -> None:
    arguments = "'Hello {who}', [{'temperature': 0}], data=[{'who': 'Ada'}], max_tokens=12, ignore_eos=True"
    found = "df = table.df; print(df['temperature'].tolist(), df['winner'].tolist(), df['note'].tolist()[1])"
    texts = "print(df['text'].tolist(), df['prompt'].tolist()[0])"
    with table_page(browser, server, arguments, found, texts) as page:
        # Another set, and a value that can't be.
        page.part("duplicate").click()
        wait_until(lambda: page.part("set").count() == 2, 20)
        page.enter(1, "temperature", "7")
        error = page.part("cell-error")
        wait_until(lambda: error.count() == 1 and "from 0 to 2" in error.inner_text(), 20)
        assert page.entry(1, "temperature").get_attribute("aria-invalid") == "true"
        page.part("run-all").click()
        wait_until(lambda: "set 2" in page.part("notice-text").inner_text(), 20)
        assert page.states() == ["", ""], "nothing was asked"
        page.enter(1, "temperature", "1.5")
        wait_until(lambda: error.count() == 0, 20)
        # Another parameter, and another value in the prompt.
        page.part("add-column").select_option("seed")
        wait_until(lambda: page.part("cell").count() == 4, 20)
        page.enter(1, "seed", "7")
        page.part("variable").fill("Bob")
        page.part("variable").press("Tab")
        # Run by the keyboard.
        page.entry(0, "temperature").press("Control+Shift+Enter")
        page.wait("done", "done")
        numbers = page.part("numbers").first.inner_text()
        assert "12 tokens" in numbers
        assert "first token" in numbers
        assert "mean log-probability -" in numbers
        # Judge and compare.
        page.part("vote").nth(1).click()
        page.part("note").nth(1).fill("odd")
        page.part("note").nth(1).press("Tab")
        wait_until(lambda: page.part("vote").nth(1).get_attribute("aria-pressed") == "true", 20)
        assert page.python() == "[0.0, 1.5] [0.0, 1.0] odd"
        one, two = eval(page.python(2).rsplit(" Hello", 1)[0])
        assert page.python(2).endswith("Hello Bob")
        assert one != two
        page.part("base").first.click()
        diff = page.part("diff")
        wait_until(lambda: diff.count() == 1, 20)
        assert diff.locator("del, ins").count() > 0
        assert (
            "".join(
                diff.evaluate(
                    "d => [...d.childNodes].filter(n => n.tagName !== 'DEL').map(n => n.textContent)"
                )
            )
            == two
        )
        # As columns, and moved.
        page.part("layout").click()
        wait_until(lambda: page.notebook.page.locator(".oai-table thead [data-oaikit=set]").count() == 2, 20)
        page.entry(1, "temperature").press("Alt+ArrowUp")
        wait_until(lambda: page.entry(0, "temperature").input_value() == "1.5", 20)
        assert page.notebook.page.evaluate("document.activeElement.value") == "1.5", "the focus moves along"
        static = page.notebook.page.locator("[class^=oaikit-transcript]")
        wait_until(lambda: static.count() == 1 and "★ winner" in (static.text_content() or ""), 20)
        assert not static.is_visible()
        content = page.notebook.save()
    with notebook(browser, server, content=content) as again:
        shown = again.cell(0).locator(".jp-Cell-outputWrapper")
        assert again.page.locator("[class^=oaikit-transcript]").is_visible()
        assert "★ winner" in shown.inner_text()
        assert "odd" in shown.inner_text()
        assert "Hello {who}" in shown.inner_text()


def test_answers_stream_side_by_side_and_are_stopped(browser: Browser, long_server: Server) -> None:
    arguments = f"'Tell me a story', [{{'temperature': 0.5}}, {{'temperature': 1}}], {LONG}"
    blocking = "table.run(); print(len(table.df))"
    with table_page(browser, long_server, arguments, "print(table.df['error'].tolist())", blocking) as page:
        page.part("run-all").click()
        page.wait("streaming", "streaming")
        answers = page.part("answer")
        boxes = [answers.nth(index).bounding_box() for index in range(2)]
        assert boxes[0] is not None
        assert boxes[1] is not None
        assert boxes[0]["x"] == boxes[1]["x"], "a row for each set"
        wait_until(lambda: all(len(each.inner_text()) > 60 for each in answers.all()), 60)
        # One set by its button, the rest with Escape.
        page.part("stop-set").first.click()
        page.wait("stopped", "streaming", timeout_s=5)
        wait_until(lambda: long_server.status()["running"] == 1, 2)
        page.entry(1, "temperature").press("Escape")
        began = time.monotonic()
        wait_until(lambda: long_server.status()["running"] == 0, 2, every=0.01)
        print(f"the engine was idle after {time.monotonic() - began:.3f} s")
        page.wait("stopped", "stopped", timeout_s=5)
        assert page.part("stop").is_hidden()
        assert all(len(each.inner_text()) > 60 for each in answers.all()), "what had come stays"
        assert page.python() == str(["stopped before its end"] * 2)
        # The button works while a cell waits for the answers, too.
        page.notebook.run(2, wait=False)
        page.wait("streaming", "streaming")
        page.part("stop").click()
        wait_until(lambda: long_server.status()["running"] == 0, 2)
        page.notebook.wait_until_idle()
        assert page.notebook.output(2).strip() == "2"
        page.wait("stopped", "stopped", timeout_s=5)
        # A value that has changed marks the answer.
        page.enter(0, "temperature", "0.6")
        wait_until(lambda: page.part("stale").count() == 1, 20)

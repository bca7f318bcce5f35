"""A chat widget in a page of JupyterLab, as its user handles it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, Locator

from tests.browser.lab import Notebook, notebook, show
from tests.harness import Server, wait_until

LONG = "max_tokens=12_000, ignore_eos=True"  # half a minute's work for the tiny model, on `long_server`


@dataclass
class ChatPage:
    """The notebook, whose first cell shows the chat ``chat``."""

    notebook: Notebook

    def part(self, name: str) -> Locator:
        return self.notebook.part(name)

    @property
    def messages(self) -> Locator:
        return self.part("message")

    @property
    def last(self) -> Locator:
        return self.messages.last

    def text(self, message: Locator | None = None) -> str:
        """What a message says, without its buttons and numbers; by default the last one."""
        return (message or self.last).locator(".oai-markdown").last.inner_text()

    @property
    def busy(self) -> bool:
        return self.notebook.page.locator(".oai-chat").first.get_attribute("data-busy") == "true"

    def say(self, text: str, wait: bool = True) -> None:
        """Type a message, and send it with Enter."""
        count = self.messages.count()
        self.part("input").fill(text)
        self.part("input").press("Enter")
        wait_until(lambda: self.messages.count() >= count + 2, 60)
        if wait:
            self.wait()

    def wait(self, timeout_s: float = 90) -> None:
        """Until the answer is complete."""
        wait_until(lambda: not self.busy, timeout_s)

    def streaming(self) -> None:
        """Until a good part of an answer has come."""
        wait_until(lambda: self.last.get_attribute("data-state") != "waiting", 60)
        wait_until(lambda: len(self.text()) > 60, 60)
        assert self.last.get_attribute("data-state") == "streaming", self.last.inner_text()

    def python(self, index: int = 1) -> str:
        """Run a cell of the notebook, by default the second; what it printed."""
        self.notebook.run(index)
        return self.notebook.output(index).strip()

    def enter(self, name: str, value: str) -> Locator:
        """Type a parameter's value in the panel; its row."""
        if not self.part("settings-panel").is_visible():
            self.part("settings").click()
        row = self.notebook.page.locator(f'[data-oaikit="param"][data-name="{name}"]')
        if not row.is_visible():
            self.notebook.page.locator(".oai-settings details summary").click()
        entry = row.locator('[data-oaikit="param-input"]').last
        entry.fill(value)
        entry.press("Tab")
        return row

    def set(self, name: str, value: str) -> None:
        """Set a parameter in the panel."""
        row = self.enter(name, value)
        wait_until(lambda: row.get_attribute("data-set") == "true", 20)


def bytes_received(page: ChatPage) -> list[int]:
    """The sizes of what the page's sockets receive from now on; the page is loaded anew.

    Playwright tells of sockets when they open, and a new page opens the kernel's anew.
    """
    received: list[int] = []
    page.notebook.page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda payload: received.append(len(payload))),
    )
    page.notebook.save()
    show(page.notebook)
    page.part("input").wait_for(timeout=60_000)
    page.notebook.page.wait_for_timeout(1000)
    received.clear()
    return received


@contextmanager
def chat_page(
    browser: Browser, server: Server, options: str = "max_tokens=30", *cells: str
) -> Iterator[ChatPage]:
    """A notebook with a chat of these options in its first cell, and what else its cells run."""
    first = f"import oaikit as ok\nchat = ok.Chat(history=None, {options})\nchat"
    with notebook(browser, server, first, *cells) as opened:
        opened.run(0)
        page = ChatPage(opened)
        wait_until(lambda: page.part("input").count() == 1, 60)
        yield page
        assert (opened.errors, opened.outside) == ([], [])

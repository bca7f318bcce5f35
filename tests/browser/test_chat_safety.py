"""What a model writes is text: no script of it runs and no host hears of it, live, reopened or exported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.lab import Notebook, notebook
from tests.harness import Server, wait_until

PAYLOADS = json.loads(
    (Path(__file__).resolve().parents[2] / "frontend" / "tests" / "xss-payloads.json").read_text()
)
A_CHAT = 20  # payloads: more do not fit in the model's context
# The engine can be made to say anything. Some replies are shown by themselves too: of many outputs Lab shows 50.
CELL = """
import oaikit as ok
from IPython.display import display
for start in range(0, len(payloads), {step}):
    chat = ok.Chat(history=None, max_tokens=300)
    display(chat)
    for payload in payloads[start : start + {step}]:
        chat.params["structured_outputs"] = {{"choice": [payload]}}
        reply = chat.send("x")
        assert reply.text == payload, (reply.text, payload)
        if payloads.index(payload) % 4 == 0:
            display(reply)
print("all said")
"""
STREAMED = """
shown = [ok.stream("x", max_tokens=300, structured_outputs={"choice": [payload]}) for payload in payloads[::4]]
print("all streamed")
"""


def harmless(page: Page) -> None:
    """Nothing ran, and nothing would if it was clicked."""
    assert page.evaluate("() => window.pwned === undefined || window.pwned instanceof Element")
    assert page.evaluate("() => typeof document.getElementById === 'function'")
    links = page.evaluate("() => [...document.querySelectorAll('a[href]')].map(link => link.protocol)")
    assert set(links) <= {"http:", "https:", "file:", "mailto:"}


def settled(opened: Notebook) -> None:
    opened.page.wait_for_timeout(1500)
    harmless(opened.page)
    assert opened.outside == []


@pytest.fixture(scope="module")
def saved(browser: Browser, server: Server) -> dict[str, Any]:
    """A notebook in which the model said all of it, looked at while it did."""
    first = f"payloads = {PAYLOADS!r}\n" + CELL.format(step=A_CHAT)
    with notebook(browser, server, first, STREAMED) as opened:
        opened.run_all()
        assert "all said" in opened.output(0)
        assert "all streamed" in opened.output(1)
        messages = opened.page.locator('[data-oaikit="message"][data-role="assistant"]')
        wait_until(lambda: messages.count() == len(PAYLOADS), 60)
        for index in range(opened.part("log").count()):
            opened.part("log").nth(index).scroll_into_view_if_needed()
        settled(opened)
        return opened.save()


def test_live(saved: dict[str, Any]) -> None:
    assert len(PAYLOADS) >= 60
    assert saved["cells"][0]["outputs"]


def test_reopened(browser: Browser, server: Server, saved: dict[str, Any]) -> None:
    with notebook(browser, server, content=saved) as again:
        assert "all said" in again.output(0)
        assert "onerror" in again.output(0), "it is there, as text"
        settled(again)


def test_names_of_characters(browser: Browser, server: Server) -> None:
    """The bundle leaves their table to the browser."""
    said, meant = "caf&eacute; &amp; &lt;b&gt; &notit; &nosuch; x&semi;", "café & <b> &notit; &nosuch; x;"
    cell = f"import oaikit as ok\nok.stream('x', max_tokens=60, structured_outputs={{'choice': [{said!r}]}});"
    with notebook(browser, server, cell) as opened:
        opened.run(0)
        wait_until(lambda: opened.page.locator(".oai-markdown").inner_text() == meant, 20)


def test_through_nbconvert(browser: Browser, saved: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "said.ipynb").write_text(json.dumps(saved))
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "said.ipynb"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    asked: list[str] = []
    page = browser.new_page()
    # nbconvert's own template asks for MathJax and the like; there is no network in any case.
    page.on("request", lambda request: asked.append(request.url))
    page.route("http*://**", lambda route: route.abort())
    page.goto((tmp_path / "said.html").as_uri(), wait_until="domcontentloaded")
    page.wait_for_timeout(1500)
    harmless(page)
    assert [url for url in asked if ".invalid" in url] == []
    assert "onerror" in page.inner_text("body")
    page.close()

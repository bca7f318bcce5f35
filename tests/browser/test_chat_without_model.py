"""A chat on a server without a model: what it offers, its accessibility, and what is left when its kernel ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from playwright.sync_api import Browser

from tests.browser.chatting import ChatPage
from tests.browser.lab import notebook
from tests.harness import Server, jupyter_server, wait_until

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
CHAT = dedent("""
    import oaikit as ok
    from oaikit.conversation import Conversation
    chat = ok.Chat(history="chats.db")
    said = [{"role": "user", "content": "What is *this*?"}, {"role": "assistant", "content": "**That**, `x`."}]
    Conversation(messages=said).save("said.json")
    chat = ok.Chat.load("said.json", history="chats.db")
    chat
""")
SLEEP = "import time; time.sleep(20)"
VIOLATIONS = """() => axe.run('.oai-chat').then(found => found.violations.map(
    each => `${each.id}: ${each.nodes.map(node => node.html.slice(0, 200)).join(' ')}`))"""


@pytest.fixture(scope="module")
def empty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    options = ("--OAIKit.model=", "--LabApp.expose_app_in_browser=True")
    with jupyter_server(tmp_path_factory.mktemp("empty"), *options) as running:
        yield running


@pytest.fixture
def page(browser: Browser, empty_server: Server) -> Iterator[ChatPage]:
    with notebook(browser, empty_server, CHAT, SLEEP) as opened:
        opened.run(0)
        shown = ChatPage(opened)
        shown.part("input").wait_for(timeout=60_000)
        yield shown
        assert (opened.errors, opened.outside) == ([], [])


def test_a_model_is_offered_to_be_loaded(page: ChatPage) -> None:
    page.part("load-model").wait_for(timeout=20_000)
    assert page.part("engine-text").inner_text() == "No model is loaded."
    assert page.part("notice").is_hidden(), "nobody is told to POST to a URL"
    assert page.part("load-model-name").input_value() != ""


def test_a_message_is_taken_while_a_cell_runs(page: ChatPage) -> None:
    page.notebook.run(1, wait=False)
    wait_until(lambda: "[*]" in page.notebook.cell(1).inner_text(), 10)
    page.part("input").fill("Are you there?")
    page.part("input").press("Enter")
    wait_until(lambda: page.messages.count() == 4, 10)
    assert "[*]" in page.notebook.cell(1).inner_text(), "the cell still runs"
    page.notebook.command("notebook:interrupt-kernel")
    page.notebook.wait_until_idle()


def test_a_kernel_that_has_ended_leaves_the_transcript_and_a_way_back(page: ChatPage) -> None:
    page.notebook.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    page.part("gone").wait_for(timeout=20_000)
    page.notebook.wait_until_idle()
    assert page.part("input").is_hidden()
    assert "That" in page.text()
    code = page.part("reopen").inner_text()
    page.notebook.page.evaluate(
        "code => jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.setSource(code)", code
    )
    page.notebook.run(1)
    reopened = page.notebook.cell(1)
    wait_until(lambda: page.notebook.part("message", reopened).count() == 2, 30)
    assert page.notebook.part("input", reopened).is_visible()


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_axe_finds_nothing(page: ChatPage, theme: str) -> None:
    lab = page.notebook.page
    lab.evaluate(
        "name => jupyterapp.commands.execute('apputils:change-theme', { theme: name })", f"JupyterLab {theme}"
    )
    wait_until(lambda: lab.locator(f'body[data-jp-theme-name="JupyterLab {theme}"]').count(), 20)
    page.part("settings").click()
    lab.add_script_tag(path=AXE)
    assert lab.evaluate(VIOLATIONS) == []

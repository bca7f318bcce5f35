"""A chat whose kernel runs a cell: what the person clicks and types is obeyed all the same."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.browser.chatting import ChatPage
from tests.browser.lab import notebook
from tests.browser.test_chat_demo import QUESTION, TOOL
from tests.harness import Server, wait_until

ASK = f"reply = chat.send({QUESTION!r}); print(calls, reply.text)"
SLEEP = "import time; time.sleep(40)"


def test_a_call_is_approved_while_the_cell_waits_for_the_answer(
    browser: Browser, demo_server: Server
) -> None:
    with notebook(browser, demo_server, TOOL, ASK) as opened:
        opened.run(0)
        page = ChatPage(opened)
        page.part("input").wait_for(timeout=60_000)
        opened.run(1, wait=False)
        page.part("approve").wait_for(timeout=90_000)
        page.part("approve").click()
        wait_until(lambda: "sunny in Lisbon" in opened.output(1), 30)
        assert "['Lisbon']" in opened.output(1)
        assert (opened.errors, opened.outside) == ([], [])


def test_a_message_is_sent_while_a_cell_runs(browser: Browser, demo_server: Server) -> None:
    with notebook(browser, demo_server, TOOL, SLEEP) as opened:
        opened.run(0)
        page = ChatPage(opened)
        page.part("input").wait_for(timeout=60_000)
        opened.run(1, wait=False)
        wait_until(lambda: "[*]" in opened.cell(1).inner_text(), 10)
        page.say("Hello!")
        assert len(page.text()) > 5
        assert "[*]" in opened.cell(1).inner_text(), "the cell still runs"
        opened.command("notebook:interrupt-kernel")
        opened.wait_until_idle()
        assert (opened.errors, opened.outside) == ([], [])

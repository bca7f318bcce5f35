"""``ok.Chat`` in JupyterLab: what its user does with mouse and keyboard, and what the engine then gets."""

from __future__ import annotations

import time

from playwright.sync_api import Browser

from tests.browser.chatting import LONG, ChatPage, chat_page
from tests.browser.lab import notebook, show
from tests.harness import Server, wait_until

PATH = "print([message['content'] for message in chat.messages])"


def test_send(browser: Browser, server: Server) -> None:
    with chat_page(browser, server, "max_tokens=30", PATH) as page:
        page.say("Hello")
        assert page.messages.count() == 2
        assert page.python() == str(["Hello", page.text()])
        numbers = page.part("numbers").last.inner_text()
        assert "30 tokens" in numbers
        assert "cut off at max_tokens" in numbers
        assert "first token" in numbers
        assert "tokens of the context are used" in (page.part("context").get_attribute("title") or "")
        assert page.part("title").inner_text() == "Hello"
        page.say("And\nmore?")
        assert page.messages.count() == 4
        assert len(page.text()) > 20


def test_the_button_to_stop_is_there_first_and_ends_the_request(
    browser: Browser, long_server: Server
) -> None:
    with chat_page(browser, long_server, LONG, PATH) as page:
        page.part("input").fill("Tell me a story")
        page.part("input").press("Enter")
        assert page.part("stop").is_visible(), "before the kernel has answered"
        wait_until(lambda: page.messages.count() == 2, 60)
        page.streaming()
        page.part("stop").click()
        began = time.monotonic()
        wait_until(lambda: long_server.status()["running"] == 0, 2, every=0.01)
        print(f"the engine was idle after {time.monotonic() - began:.3f} s")
        page.wait(2)
        assert page.last.get_attribute("data-state") == "stopped"
        kept = page.text()
        assert len(kept) > 60
        assert page.python() == str(["Tell me a story", kept])
        assert page.part("send").is_visible()


def test_escape_stops_too(browser: Browser, long_server: Server) -> None:
    with chat_page(browser, long_server, LONG) as page:
        page.say("Tell me a story", wait=False)
        page.streaming()
        page.part("input").press("Escape")
        page.wait(5)
        assert page.last.get_attribute("data-state") == "stopped"


def test_regenerate_edit_and_branch(browser: Browser, server: Server) -> None:
    with chat_page(browser, server, "max_tokens=12", PATH) as page:
        page.say("One")
        first = page.text()
        page.part("regenerate").last.click()
        wait_until(lambda: page.part("siblings").last.inner_text() == "2/2", 30)
        page.wait()
        second = page.text()
        assert first != second
        page.part("siblings-prev").last.click()
        wait_until(lambda: page.text() == first, 10)
        assert page.python() == str(["One", first])
        page.part("input").press("ArrowUp")  # edits the last message
        page.part("editor").fill("Two")
        page.part("editor").press("Enter")
        wait_until(lambda: page.text(page.messages.first) == "Two", 30)
        page.wait()
        assert page.part("siblings").first.inner_text() == "2/2"
        page.part("siblings-prev").first.click()
        wait_until(lambda: page.text() == second, 10)  # what was added last
        page.part("edit").last.click()  # the answer itself
        page.part("editor").fill("My own words")
        page.part("editor-save").click()
        wait_until(lambda: page.text() == "My own words", 10)
        page.say("Go on")
        assert page.python().startswith("['One', 'My own words', 'Go on', ")


def test_a_parameter_is_set_sent_and_reset(browser: Browser, server: Server) -> None:
    sent = "print(dict(chat.params), chat.conversation.path[-1].info['numbers']['completion_tokens'])"
    with chat_page(browser, server, "max_tokens=30", sent) as page:
        page.set("max_tokens", "7")
        page.set("temperature", "0")
        page.say("Hello")
        assert "7 tokens" in page.part("numbers").last.inner_text()
        assert page.python() == "{'max_tokens': 7, 'temperature': 0} 7"
        once = page.text()
        page.part("regenerate").last.click()
        wait_until(lambda: page.part("siblings").last.inner_text() == "2/2", 30)
        page.wait()
        assert page.text() == once, "temperature 0"
        row = page.notebook.page.locator('[data-name="temperature"]')
        row.locator('[data-oaikit="param-reset"]').click()
        wait_until(lambda: row.get_attribute("data-set") == "false", 10)
        page.enter("top_p", "7")
        wait_until(lambda: "top_p" in page.part("notice-text").inner_text(), 10)
        assert page.python().startswith("{'max_tokens': 7} ")


def test_probabilities_and_a_branch_at_a_token(browser: Browser, server: Server) -> None:
    with chat_page(browser, server, "max_tokens=8", PATH) as page:
        page.part("probabilities").click()
        page.say("Hello")
        tokens = page.notebook.page.locator(".oai-token")
        assert tokens.count() == 8
        before = [tokens.nth(index).inner_text() for index in range(3)]
        tokens.nth(3).hover()
        page.part("alternative").nth(1).click()
        wait_until(lambda: page.part("siblings").last.inner_text() == "2/2", 30)
        page.wait()
        assert [tokens.nth(index).inner_text() for index in range(3)] == before
        assert len(page.python()) > 20


def test_a_busy_cell_holds_up_nothing(browser: Browser, long_server: Server) -> None:
    with chat_page(browser, long_server, LONG, "import time; time.sleep(20)") as page:
        page.say("Tell me a story", wait=False)
        page.streaming()
        page.notebook.run(1, wait=False)
        wait_until(lambda: "[*]" in page.notebook.cell(1).inner_text(), 10)
        seen = len(page.text())
        wait_until(lambda: len(page.text()) > seen + 60, 30)
        page.part("stop").click()
        wait_until(lambda: long_server.status()["running"] == 0, 2)
        page.wait(5)
        assert page.last.get_attribute("data-state") == "stopped"
        assert "[*]" in page.notebook.cell(1).inner_text(), "all that while the cell slept"
        page.notebook.command("notebook:interrupt-kernel")
        page.notebook.wait_until_idle()


def test_other_cells_run_while_a_chat_streams(browser: Browser, long_server: Server) -> None:
    with chat_page(browser, long_server, LONG, "print(6 * 7)") as page:
        page.say("Tell me a story", wait=False)
        page.streaming()
        assert page.python() == "42"
        assert page.busy
        page.part("stop").click()
        page.wait(5)


def test_the_page_is_reloaded_in_the_middle(browser: Browser, long_server: Server) -> None:
    with chat_page(browser, long_server, LONG, PATH) as page:
        page.say("Tell me a story", wait=False)
        page.streaming()
        page.notebook.save()
        show(page.notebook)
        wait_until(lambda: page.messages.count() == 2, 60)
        wait_until(lambda: page.busy, 5)
        seen = len(page.text())
        wait_until(lambda: len(page.text()) > seen + 60, 30)
        page.part("stop").click()
        page.wait(5)
        assert page.python() == str(["Tell me a story", page.text()])
        page.say("Again", wait=False)
        page.streaming()
        page.part("stop").click()
        page.wait(5)


def test_two_views_of_one_chat_and_the_cell_run_again(browser: Browser, server: Server) -> None:
    with chat_page(browser, server, "max_tokens=10", "chat", PATH) as page:
        page.notebook.run(1)
        wait_until(lambda: page.part("input").count() == 2, 30)
        page.part("input").first.fill("Hello")
        page.part("input").first.press("Enter")
        wait_until(lambda: page.messages.count() == 4, 30)
        page.wait()
        wait_until(lambda: page.text(page.messages.nth(1)) == page.text(), 10)
        page.notebook.run(0)  # another chat takes the name
        wait_until(lambda: page.messages.count() == 2, 30)
        assert page.python(2) == "[]"


def test_the_kernel_is_restarted(browser: Browser, server: Server) -> None:
    with chat_page(browser, server, "max_tokens=10") as page:
        page.say("Hello")
        text = page.text()
        page.notebook.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
        page.notebook.wait_until_idle()
        assert text in page.notebook.output(0), "what was said can still be read"
        page.notebook.run(0)
        wait_until(lambda: page.messages.count() == 0 and page.part("input").count() == 1, 60)
        page.say("Hello again")
        assert page.messages.count() == 2


def test_a_saved_notebook_is_reopened(browser: Browser, server: Server) -> None:
    with chat_page(browser, server, "system='Be terse.', max_tokens=10") as page:
        page.say("Hello")
        text = page.text()
        content = page.notebook.save()
    with notebook(browser, server, content=content) as again:
        assert "Hello" in again.output(0)
        assert text in again.output(0)
        again.run(0)
        reopened = ChatPage(again)
        wait_until(lambda: reopened.part("input").count() == 1, 60)
        reopened.say("Hello again")
        assert (again.errors, again.outside) == ([], [])


def test_the_theme_is_jupyterlabs(browser: Browser, server: Server) -> None:
    with chat_page(browser, server) as page:
        background = "() => getComputedStyle(document.querySelector('.oai-chat')).backgroundColor"
        light = page.notebook.page.evaluate(background)
        page.notebook.page.evaluate(
            "() => jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })"
        )
        wait_until(lambda: page.notebook.page.evaluate(background) != light, 20)
        channels = [int(each) for each in page.notebook.page.evaluate(background)[4:-1].split(",")[:3]]
        assert max(channels) < 60
        page.notebook.page.evaluate(
            "() => jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Light' })"
        )
        wait_until(lambda: page.notebook.page.evaluate(background) == light, 20)

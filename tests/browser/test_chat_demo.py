"""What of the chat only the built-in model can show: tools that are approved, thoughts that fold."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent

import pytest
from playwright.sync_api import Browser

from tests.browser.chatting import ChatPage, chat_page
from tests.browser.lab import notebook
from tests.harness import Server, wait_until

CALLS = "print(calls)"
TOOL = dedent('''
    import oaikit as ok
    calls = []

    def get_weather(city: str) -> dict:
        """Get the weather in a city."""
        calls.append(city)
        return {"temperature_c": 21, "sky": "sunny"}

    chat = ok.Chat(tools=[get_weather], history=None, temperature=0, max_tokens=80)
    chat
''')
QUESTION = "What is the weather in Lisbon?"


@pytest.fixture
def with_tool(browser: Browser, demo_server: Server) -> Iterator[ChatPage]:
    with notebook(browser, demo_server, TOOL, CALLS) as opened:
        opened.run(0)
        page = ChatPage(opened)
        wait_until(lambda: page.part("input").count() == 1, 60)
        yield page
        assert (opened.errors, opened.outside) == ([], [])


def test_a_call_waits_for_approval(with_tool: ChatPage) -> None:
    page = with_tool
    page.say(QUESTION, wait=False)
    page.part("approve").wait_for(timeout=90_000)  # the engine may have to load first
    card = page.part("tool-call").inner_text()
    assert "get_weather" in card
    assert "Lisbon" in card
    assert page.python() == "[]", "not before it is allowed"
    page.part("approve").click()
    page.wait()
    assert page.python() == "['Lisbon']"
    assert "sunny" in page.part("tool-result").inner_text()
    assert "sunny in Lisbon" in page.text()


def test_a_call_is_refused(with_tool: ChatPage) -> None:
    page = with_tool
    page.say(QUESTION, wait=False)
    page.part("deny").wait_for(timeout=90_000)
    page.part("deny").click()
    page.wait()
    assert page.python() == "[]"
    assert "not run" in page.part("tool-call").first.inner_text()


def test_a_tool_is_always_allowed(with_tool: ChatPage) -> None:
    page = with_tool
    page.say(QUESTION, wait=False)
    page.part("always").wait_for(timeout=90_000)
    page.part("always").click()
    page.wait()
    page.part("regenerate").nth(1).click()  # of the first answer
    wait_until(lambda: page.python() == "['Lisbon', 'Lisbon']", 60)
    page.wait()


def test_thoughts_are_folded(browser: Browser, demo_server: Server) -> None:
    options = "temperature=0, max_tokens=80, chat_template_kwargs={'enable_thinking': True}"
    with chat_page(browser, demo_server, options, "print(chat.conversation.path[-1].message)") as page:
        page.say("What is 8 + 5?")
        thoughts = page.part("reasoning")
        assert thoughts.count() == 1
        assert thoughts.get_attribute("open") is None
        assert "Thought for" in thoughts.locator("summary").inner_text()
        assert page.text() not in thoughts.locator("summary").inner_text()
        thoughts.locator("summary").click()
        assert len(thoughts.inner_text()) > 20
        assert "'reasoning':" in page.python()

"""3,000 tokens into the chat as fast as the engine makes them: what the browser is sent, and what it makes of it."""

from __future__ import annotations

import json
import time

from playwright.sync_api import Browser

from tests.browser.chatting import bytes_received, chat_page
from tests.harness import Server

TOKENS = 3000
MOST_BYTES = 60_000
# Where the engine has a core to share, the tokens come slowly and in more messages: their text, and so much a second.
TEXT_BYTES, MOST_BYTES_PER_S = 45_000, 2_500
SAY = "chat.send('Tell me a story');"
TOLD = "import json; print(json.dumps(chat.messages[-1]['content']))"


def test_three_thousand_tokens(browser: Browser, long_server: Server) -> None:
    options = f"max_tokens={TOKENS}, min_tokens={TOKENS}, ignore_eos=True"
    with chat_page(browser, long_server, options, SAY, TOLD) as page:
        received = bytes_received(page)
        began = time.monotonic()
        page.notebook.run(1)
        page.wait()
        seconds, size = time.monotonic() - began, sum(received)  # before a cell prints the text once more
        told = json.loads(page.python(2))
        assert " ".join(page.text().split()) == " ".join(told.split())
        assert f"{TOKENS} tokens" in page.part("numbers").last.inner_text()
        print(f"{size} bytes in {len(received)} messages and {seconds:.1f} s")
        assert size <= max(MOST_BYTES, TEXT_BYTES + MOST_BYTES_PER_S * seconds)

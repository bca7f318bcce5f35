"""What the chat costs the browser: 3,000 tokens streamed into it at full speed.

``python -m benchmarks.widget`` prints the bytes from kernel to browser, the longest task and the longest time between
two frames in the page, and how long the engine still works after a click on Stop. It takes a minute, and wants a
machine that does nothing else.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.chatting import LONG, bytes_received, chat_page
from tests.browser.lab import chromium, long_options
from tests.harness import Server, jupyter_server, wait_until
from tools import tiny_model

TOKENS = 3000
STOPS = 5
SAY = "chat.send('Tell me a story');"
WATCH = """() => {
    window.longest = { task: 0, frame: 0 };
    new PerformanceObserver(list => {
        for (const entry of list.getEntries()) longest.task = Math.max(longest.task, entry.duration);
    }).observe({ entryTypes: ['longtask'] });
    let last = performance.now();
    const frame = now => {
        longest.frame = Math.max(longest.frame, now - last);
        last = now;
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
}"""


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        jupyter_server(Path(folder), *long_options(tiny_model.build())) as server,
        sync_playwright() as playwright,
    ):
        server.wait_for("ready")
        browser = chromium(playwright)
        full_speed(browser, server)
        stopping(browser, server)
        browser.close()


def full_speed(browser: Browser, server: Server) -> None:
    sampling = f"max_tokens={TOKENS}, min_tokens={TOKENS}, ignore_eos=True"
    with chat_page(browser, server, sampling, SAY) as page:
        received = bytes_received(page)
        page.notebook.page.evaluate(WATCH)
        began = time.monotonic()
        page.notebook.run(1)
        page.wait()
        seconds = time.monotonic() - began
        longest = page.notebook.page.evaluate("() => longest")
    print(f"{TOKENS} tokens in {seconds:.1f} s: {sum(received) / 1000:.1f} kB in {len(received)} messages")
    print(f"longest task {longest['task']:.0f} ms, longest time between two frames {longest['frame']:.0f} ms")


def stopping(browser: Browser, server: Server) -> None:
    taken = []
    with chat_page(browser, server, LONG) as page:
        for _ in range(STOPS):
            page.say("Tell me a story", wait=False)
            page.streaming()
            page.part("stop").click()
            began = time.monotonic()
            wait_until(lambda: server.status()["running"] == 0, 5, every=0.005)
            taken.append(time.monotonic() - began)
            page.wait()
    milliseconds = [1000 * each for each in taken]
    print(
        f"idle after Stop: median {statistics.median(milliseconds):.0f} ms, at most {max(milliseconds):.0f} ms"
    )


if __name__ == "__main__":
    main()

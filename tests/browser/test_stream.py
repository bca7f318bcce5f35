"""``ok.stream`` in JupyterLab: the text appears, the button stops it even while the cell blocks the kernel."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.browser.chatting import LONG
from tests.browser.lab import Notebook, notebook, wait_for_text
from tests.harness import Server, wait_until

WHOLE = "max_tokens=1500, ignore_eos=True"
# How long the text was, each time that it was longer.
LENGTHS = """() => {
    window.lengths = new Set();
    setInterval(() => lengths.add(document.querySelector('.oai-markdown')?.textContent.length ?? 0), 20);
}"""


def shown(opened: Notebook) -> str:
    return opened.page.locator(".oai-stream").inner_text()


def test_the_text_appears_and_stays(browser: Browser, server: Server) -> None:
    with notebook(
        browser,
        server,
        f"import oaikit as ok\nreply = ok.stream('Tell me a story', {WHOLE})",
        "print(len(reply.text))",
    ) as opened:
        opened.page.evaluate(LENGTHS)
        opened.run(0)
        opened.run(1)
        wait_until(lambda: opened.part("column").get_attribute("data-state") == "done", 10)
        text = opened.page.locator(".oai-markdown").inner_text()
        assert len(text) == int(opened.output(1).split()[-1])
        lengths = opened.page.evaluate("() => [...lengths]")
        assert len(lengths) > 5
        assert lengths == sorted(lengths)
        assert "cut off at max_tokens" in opened.part("numbers").inner_text()
        assert (opened.errors, opened.outside) == ([], [])


def test_the_button_stops_while_the_cell_blocks_the_kernel(browser: Browser, long_server: Server) -> None:
    with notebook(
        browser,
        long_server,
        f"import oaikit as ok\nreply = ok.stream('Tell', {LONG})\nprint(reply.cancelled)",
    ) as opened:
        opened.run(0, wait=False)
        stop = opened.part("stop")
        stop.wait_for(timeout=60_000)
        wait_until(lambda: len(shown(opened)) > 100, 60)
        stop.click()
        wait_until(lambda: long_server.status()["running"] == 0, 2)
        opened.wait_until_idle()
        wait_until(lambda: opened.part("column").get_attribute("data-state") == "stopped", 10)
        assert "True" in opened.output(0)
        assert len(shown(opened)) > 100


def test_several_are_side_by_side_with_coloured_tokens(browser: Browser, server: Server) -> None:
    asked = "ok.stream(['One', 'Two'], labels=['first', 'second'], logprobs=True, max_tokens=20)"
    with notebook(browser, server, f"import oaikit as ok\nreplies = {asked}") as opened:
        opened.run_all()
        columns = opened.part("column")
        wait_until(lambda: columns.count() == 2, 20)
        boxes = [columns.nth(index).bounding_box() for index in range(2)]
        assert boxes[0] is not None
        assert boxes[1] is not None
        assert boxes[0]["y"] == boxes[1]["y"]
        assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
        token = columns.first.locator(".oai-token").nth(2)
        token.hover()
        assert columns.first.locator(".oai-alternative").count() >= 5
        wait_for_text(columns.first, "first")


def test_a_saved_notebook_shows_the_text_without_a_kernel(browser: Browser, server: Server) -> None:
    with notebook(
        browser, server, "import oaikit as ok\nreply = ok.stream('Hi', max_tokens=8)\nprint(reply.text)"
    ) as opened:
        opened.run_all()
        wait_until(lambda: opened.part("column").get_attribute("data-state") == "done", 20)
        text = opened.output(0).splitlines()[-1]
        static = opened.page.locator("[class^=oaikit-transcript]")
        assert static.count() == 1
        assert not static.is_visible()
        content = opened.save()
    saved = [output for output in content["cells"][0]["outputs"] if "text/html" in output.get("data", {})]
    assert any(text[:20] in "".join(output["data"]["text/html"]) for output in saved)
    with notebook(browser, server, content=content) as again:
        assert text[:20] in again.output(0)
        assert again.page.locator("[class^=oaikit-transcript]").is_visible()

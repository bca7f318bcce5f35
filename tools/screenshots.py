"""Makes the pictures of docs/images from the real thing: JupyterLab, the built-in model, Chromium.

``python -m tools.screenshots`` makes all of them anew, in about two minutes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chatting import ChatPage
from tests.browser.lab import Notebook, chromium, notebook
from tests.harness import Server, jupyter_server, wait_until

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1100, 1300
THEME = "theme => jupyterapp.commands.execute('apputils:change-theme', { theme })"

CHAT = """
import oaikit as ok
chat = ok.Chat(temperature=0.3, seed=4, max_tokens=120, history=None)
chat
"""
TOOL = '''
import oaikit as ok

def get_weather(city: str) -> dict:
    """Get the weather in a city."""
    return {"temperature_c": 21, "sky": "sunny"}

chat = ok.Chat(tools=[get_weather], temperature=0, max_tokens=80, history=None)
chat
'''
STREAM = """
import oaikit as ok
ok.stream("Tell me a story.", logprobs=True, temperature=0.8, seed=3, max_tokens=90);
prompts = ["Tell me a story about a fox.", "Tell me a story about a dog."]
ok.stream(prompts, labels=["a fox", "a dog"], seed=1, max_tokens=60);
"""
SWEEP = """
import oaikit as ok
import pandas as pd
sums = pd.DataFrame({"sum": [f"{a} + {a + 25}" for a in range(11, 71, 3)]})
sums["answer"] = [sum(map(int, each.split(" + "))) for each in sums["sum"]]
sweep = ok.Sweep(space=ok.grid(temperature=[0, 0.5, 1, 1.5]), data=sums, prompt="What is {sum}?",
                 n=4, seed=0, score=ok.exact("answer"), max_tokens=8)
sweep.run().plot("temperature", "exact").properties(width=360, height=180)
"""
TUNING = """
import oaikit as ok
table = ok.TuningTable(
    prompt="Tell me a story about a fox.", max_tokens=40,
    rows=[{"temperature": 0}, {"temperature": 0.8, "seed": 1}, {"temperature": 1.5, "seed": 1}],
)
table
"""


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        options = ("--LabApp.expose_app_in_browser=True", "--OAIKit.model=oaikit-demo")
        with jupyter_server(Path(folder), *options) as server:
            server.wait_for("ready")
            browser = chromium(playwright)
            for picture in (quickstart, chat, chat_dark, tool, stream, sweep, tuning):
                print(picture.__name__)
                picture(browser, server)
            browser.close()


def quickstart(browser: Browser, server: Server) -> None:
    content = json.loads((ROOT / "notebooks" / "01_quickstart.ipynb").read_text())
    with notebook(browser, server, content=content) as opened:
        opened.run_all()
        without_sidebar(opened)
        opened.page.set_viewport_size({"width": WIDTH, "height": 900})
        opened.page.locator(".jp-WindowedPanel-outer").evaluate("panel => { panel.scrollTop = 0; }")
        opened.page.wait_for_timeout(1000)
        opened.page.screenshot(path=IMAGES / "quickstart.png")


def chat(browser: Browser, server: Server) -> None:
    talk(browser, server, "chat", lambda opened: opened.part("settings").click())


def chat_dark(browser: Browser, server: Server) -> None:
    talk(browser, server, "chat_dark", lambda opened: opened.page.evaluate(THEME, "JupyterLab Dark"))


def talk(browser: Browser, server: Server, name: str, last: Callable[[Notebook], object]) -> None:
    with notebook(browser, server, CHAT.strip()) as opened:
        page = begun(opened)
        page.say("What is temperature?")
        page.say("Write a function that adds two numbers.")
        page.part("regenerate").last.click()
        wait_until(lambda: page.part("siblings").last.inner_text() == "2/2", 30)
        page.wait()
        last(opened)
        of_cell(opened, name)
        opened.page.evaluate(THEME, "JupyterLab Light")  # which the server remembers


def tool(browser: Browser, server: Server) -> None:
    with notebook(browser, server, TOOL.strip()) as opened:
        page = begun(opened)
        page.say("What is the weather in Lisbon?", wait=False)
        page.part("approve").wait_for(timeout=60_000)
        of_cell(opened, "chat_tool")


def stream(browser: Browser, server: Server) -> None:
    with notebook(browser, server, STREAM.strip()) as opened:
        opened.run_all()
        without_sidebar(opened)
        opened.page.locator(".oai-token").nth(6).hover()
        of_cell(opened, "stream")


def sweep(browser: Browser, server: Server) -> None:
    with notebook(browser, server, SWEEP.strip()) as opened:
        opened.run_all()
        of_cell(opened, "sweep")


def tuning(browser: Browser, server: Server) -> None:
    with notebook(browser, server, TUNING.strip(), "table.run(); table.vote(1)") as opened:
        opened.run_all()
        of_cell(opened, "tuning")


def begun(opened: Notebook) -> ChatPage:
    opened.run(0)
    page = ChatPage(opened)
    page.part("input").wait_for(timeout=60_000)
    return page


def of_cell(opened: Notebook, name: str) -> None:
    """The first cell with its outputs, as high as they are."""
    without_sidebar(opened)
    opened.page.wait_for_timeout(1000)
    opened.cell(0).screenshot(path=IMAGES / f"{name}.png")


def without_sidebar(opened: Notebook) -> None:
    page: Page = opened.page
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.evaluate("() => jupyterapp.shell.collapseLeft()")
    page.add_style_tag(content=".Toastify { display: none }")  # JupyterLab's news
    page.wait_for_timeout(500)


if __name__ == "__main__":
    main()

"""A real JupyterLab in a real Chromium: notebooks opened, cells run, widgets found."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright

from tests.harness import SERVED, Server, wait_until

# Without a sandbox as root; and no calls home.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
READY_MS = 120_000  # until a page or a kernel is up, on busy cores


def chromium(playwright: Playwright) -> Browser:
    """The system's Chromium, headless."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("Chromium is missing; `make test` installs it on Debian, as root")
    return playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))


def long_options(model: Path) -> tuple[str, ...]:
    """For a server whose answers last longer than the model's own context lets them.

    The model's config has to say so too: vLLM's VLLM_ALLOW_LONG_MAX_MODEL_LEN alone lets positions be read from
    behind the end of the rotary table. What stands there may be NaN, stays in the cache's blocks, and then makes
    whatever request uses them next answer with token 0 for ever.
    """
    engine_args = {"max_model_len": 16384, "hf_overrides": {"max_position_embeddings": 16384}}
    return (
        f"--OAIKit.model={model}",
        f"--OAIKit.served_model_name={SERVED}",
        f"--OAIKit.engine_args={engine_args}",
        "--LabApp.expose_app_in_browser=True",
    )


@dataclass
class Notebook:
    """A notebook that is open in a page of JupyterLab."""

    server: Server
    page: Page
    name: str
    errors: list[str] = field(default_factory=list)
    """What the page's scripts threw."""
    outside: list[str] = field(default_factory=list)
    """URLs of other hosts that the page asked for."""

    def run_all(self) -> None:
        """Run every cell, and wait until the last has ended."""
        self.command("notebook:run-all-cells")
        self.wait_until_idle()

    def run(self, index: int, wait: bool = True) -> None:
        """Run one cell."""
        self.page.evaluate(
            "i => { const content = jupyterapp.shell.currentWidget.content;"
            " content.deselectAll(); content.activeCellIndex = i; }",
            index,
        )
        self.command("notebook:run-cell")
        if wait:
            self.wait_until_idle()

    def command(self, name: str) -> None:
        """One of JupyterLab's commands. Does not wait for what it begins."""
        self.page.evaluate("name => { jupyterapp.commands.execute(name); }", name)

    def wait_until_idle(self) -> None:
        """Wait until no cell runs or waits."""
        self.page.wait_for_timeout(150)
        self.page.wait_for_function(
            """() => {
                const panel = jupyterapp.shell.currentWidget;
                const kernel = panel?.sessionContext?.session?.kernel;
                return kernel?.status === 'idle' && kernel.connectionStatus === 'connected'
                    && ![...panel.content.node.querySelectorAll('.jp-InputPrompt')]
                        .some(prompt => prompt.textContent.includes('[*]'));
            }""",
            timeout=READY_MS,
        )

    def cell(self, index: int) -> Locator:
        """A cell, with its outputs."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> str:
        """The text of a cell's outputs."""
        return self.cell(index).locator(".jp-Cell-outputWrapper").inner_text()

    def part(self, name: str, within: Locator | None = None) -> Locator:
        """What the widgets call by that name (``data-oaikit``)."""
        return (within or self.page).locator(f'[data-oaikit="{name}"]')

    def save(self) -> dict[str, Any]:
        """Save the notebook; its content."""
        self.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
        return dict(json.loads((self.server.folder / self.name).read_text()))


@contextmanager
def notebook(
    browser: Browser, server: Server, *cells: str, content: dict[str, Any] | None = None
) -> Iterator[Notebook]:
    """Open a new notebook with these cells (or this content) in JupyterLab; its kernel ends with it."""
    name = f"{uuid.uuid4().hex}.ipynb"
    (server.folder / name).write_text(json.dumps(content or with_cells(cells)))
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    opened = Notebook(server, page, name)
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    page.on("request", lambda request: _note_outside(opened, request.url))
    try:
        show(opened)
        yield opened
    finally:
        page.context.close()
        for session in server.request("GET", "api/sessions").json:
            if session["path"] == name:
                server.request("DELETE", f"api/sessions/{session['id']}")


def show(opened: Notebook) -> None:
    """Load the page, anew if it was there, and wait for the kernel."""
    page, server = opened.page, opened.server
    page.goto(
        f"{server.url}lab/workspaces/{opened.name[:8]}/tree/{opened.name}?token={server.token}",
        timeout=READY_MS,
    )
    page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.sessionContext", timeout=READY_MS)
    opened.wait_until_idle()


def with_cells(cells: tuple[str, ...]) -> dict[str, Any]:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel},
        "cells": [
            {
                "id": f"cell{i}",
                "cell_type": "code",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": s,
            }
            for i, s in enumerate(cells)
        ],
    }


def _note_outside(opened: Notebook, url: str) -> None:
    if not url.startswith((opened.server.url, "data:", "blob:", opened.server.url.replace("http", "ws", 1))):
        opened.outside.append(url)


def wait_for_text(locator: Locator, text: str, timeout_s: float = 60) -> None:
    """Wait until a part of the page has a text."""
    wait_until(lambda: text in (locator.inner_text() or ""), timeout_s)

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.lab import chromium, long_options
from tests.harness import Server, jupyter_server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module. As long as it is there, asyncio.run fails in this process: not for the whole run."""
    with sync_playwright() as playwright:
        opened = chromium(playwright)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def long_server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose answers last: on a busy machine the engine may be through with 2,000 tokens before the page is."""
    with jupyter_server(tmp_path_factory.mktemp("long"), *long_options(model)) as running:
        running.wait_for("ready")
        yield running

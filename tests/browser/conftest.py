from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.lab import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module. As long as it is there, asyncio.run fails in this process: not for the whole run."""
    with sync_playwright() as playwright:
        opened = chromium(playwright)
        yield opened
        opened.close()

"""The examples of docs/notebook.md that need no browser run, and do what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import oaikit as ok
from tests.harness import Server

PAGE = Path(__file__).parents[2] / "docs" / "notebook.md"
SECTION = re.compile(r"^## (?P<title>[^\n]+)\n(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
RUN = ("Objects, tools and images: `llm.chat`", "Vectors, tokens and prompts")


def blocks(title: str) -> list[str]:
    (text,) = (found["text"] for found in SECTION.finditer(PAGE.read_text()) if found["title"] == title)
    return BLOCK.findall(text)


@pytest.mark.parametrize("title", RUN)
def test_the_examples_run(demo_server: Server, title: str) -> None:
    names: dict[str, Any] = {"ok": ok, "llm": ok.connect(demo_server.v1, api_key=demo_server.token)}
    assert blocks(title)
    for block in blocks(title):
        exec(compile(block, "<notebook.md>", "exec"), names)
    names["llm"].close()

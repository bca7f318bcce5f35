"""The examples of docs/experiments.md and docs/analysis.md run, one after the other, as in a notebook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Server

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str) -> list[str]:
    text = (DOCS / page).read_text()
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def notebook(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of a notebook in an empty folder, beside the server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_BASE_URL", server.v1)
    monkeypatch.setenv("OPENAI_API_KEY", server.token)
    monkeypatch.delenv("OAIKIT_BASE_URL", raising=False)
    return {}


def test_the_examples_of_the_analysis_run(notebook: dict[str, Any]) -> None:
    examples = blocks("analysis.md")
    assert len(examples) >= 7
    for block in examples:
        exec(compile(block, "<analysis.md>", "exec"), notebook)
    assert notebook["sw"].df["error"].isna().all()
    assert notebook["pairs"]["p_holm"].between(0, 1).all()
    assert notebook["best"].low <= notebook["best"].mean
    assert notebook["calibration"].agreement.votes == 20
    assert notebook["corrected"]["corrected"].between(0, 1).all()
    assert notebook["stars"].agreement.votes == 2
    assert notebook["planned"].items > 100
    assert notebook["changed"].overall.items == 16
    notebook["table"].close()
    notebook["llm"].close()


def test_the_examples_run(notebook: dict[str, Any], tmp_path: Path) -> None:
    names, examples = notebook, blocks("experiments.md")
    assert len(examples) >= 9
    for block in examples:
        exec(compile(block, "<experiments.md>", "exec"), names)
        if block.startswith("space = "):
            assert len(names["space"]) == 5
    assert names["sw"].df["error"].isna().all()
    assert len(names["found"].df) == 12
    assert (tmp_path / "sums.html").exists()
    names["llm"].close()

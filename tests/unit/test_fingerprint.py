"""Functions that could give other scores have other names; the same function has the same name in every process."""

from __future__ import annotations

import functools
import operator
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest

from oaikit.experiments.scoring.fingerprint import fingerprint


def closing(over: Any) -> Any:
    return lambda text: (over, text)


class Slotted:
    __slots__ = ("limit",)

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __call__(self, text: str) -> bool:
        return len(text) < self.limit


class Plain:
    def __init__(self, limit: int) -> None:
        self.limit = limit

    def score(self, text: str) -> bool:
        return len(text) < self.limit


def made(source: str) -> Any:
    """A function without a source that could be read."""
    names: dict[str, Any] = {}
    exec(source, names)
    return names["f"]


def frame(last: float) -> pd.DataFrame:
    return pd.DataFrame({"x": np.arange(5000.0), "y": ["same"] * 4999 + [str(last)]})


def array(last: float) -> np.ndarray[Any, Any]:
    values = np.zeros(10_000)
    values[5_000] = last
    return values


ONE, TWO = {"one": lambda text: 1, "two": lambda text: 2}.values()


@pytest.mark.parametrize(
    ("make", "other"),
    [
        (lambda: ONE, lambda: TWO),
        (lambda: closing(array(1)), lambda: closing(array(2))),
        (lambda: closing(frame(1)), lambda: closing(frame(2))),
        (lambda: closing({"a": [1, (2, 3.0)]}), lambda: closing({"a": [1, (2, 3.5)]})),
        (lambda: closing(1), lambda: closing(1.0)),
        (lambda: closing(True), lambda: closing(1)),
        (lambda: Slotted(1), lambda: Slotted(2)),
        (lambda: Plain(1).score, lambda: Plain(2).score),
        (lambda: operator.methodcaller("count", "a"), lambda: operator.methodcaller("count", "b")),
        (lambda: operator.itemgetter(1), lambda: operator.itemgetter(2)),
        (lambda: "abc".count, lambda: "abd".count),
        (lambda: functools.partial(int, base=2), lambda: functools.partial(int, base=3)),
        (
            lambda: made("f = lambda text: [c for c in text if c == 'a']"),
            lambda: made("f = lambda text: [c for c in text if c == 'b']"),
        ),
        (lambda: made("def f(text, at=1): return at"), lambda: made("def f(text, at=2): return at")),
        (lambda: made("def f(text, *, at=1): return at"), lambda: made("def f(text, *, at=2): return at")),
        (lambda: made("def f(text): return text.upper()"), lambda: made("def f(text): return text.lower()")),
        (lambda: made("class f:\n def g(self): return 1"), lambda: made("class f:\n def g(self): return 2")),
    ],
)
def test_what_differs_has_another_name_and_what_is_made_again_the_same(make: Any, other: Any) -> None:
    assert fingerprint(make()) == fingerprint(make())
    assert fingerprint(make()) != fingerprint(other())


def test_what_nobody_can_look_into_is_like_nothing_else() -> None:
    lock = threading.Lock()
    assert fingerprint(closing(lock)) != fingerprint(closing(lock))
    assert fingerprint(closing(iter(()))) is not None


def test_what_holds_itself_has_a_name() -> None:
    listed: list[Any] = [1]
    listed.append(listed)
    assert fingerprint(closing(listed)) == fingerprint(closing(listed))


def test_another_process_gives_the_same_name() -> None:
    code = (
        "from oaikit.experiments.scoring.fingerprint import fingerprint\n"
        "def f(text, at={'x', 'y', 'z'}): return text in {'a', 'b', 'c'}\n"
        "print(fingerprint(f))"
    )
    found = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(found) == 1

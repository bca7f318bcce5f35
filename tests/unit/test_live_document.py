"""The kernel's live document and the messages about it: whoever applies them has the same document."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from oaikit.widgets.document import LiveDocument


class Reader:
    """What a browser does with the messages, as frontend/README.md has it."""

    def __init__(self, message: dict[str, Any]) -> None:
        self.seq, self.document = message["seq"], message["document"]
        self._appended_to: list[Any] = []

    def read(self, message: dict[str, Any] | None) -> None:
        if message is None:
            return
        message = json.loads(json.dumps(message))
        assert message["seq"] == self.seq + 1
        self.seq += 1
        for op in message["ops"]:
            self._apply(*op)

    def _apply(self, kind: str, *args: Any) -> None:
        if kind == "+" and len(args) == 1:
            args = (self._appended_to, *args)
        *parents, key = args[0]
        container = self.document
        for parent in parents:
            container = container[parent]
        match kind:
            case "=":
                container[key] = args[1]
            case "-":
                del container[key]
            case "+":
                container[key] += args[1]
                self._appended_to = args[0]
            case ">":
                container[key].extend(args[1])


PATHS = (["a"], ["b", "text"], ["list", 0, "text"])


def start() -> dict[str, Any]:
    return {"a": "", "b": {"text": ""}, "list": [{"text": ""}], "items": [], "extra": {}}


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from(PATHS), st.text(max_size=5)),
        st.tuples(
            st.just("set"), st.sampled_from((["a"], ["b", "text"], ["extra", "x"])), st.text(max_size=5)
        ),
        st.tuples(st.just("extend"), st.just(["items"]), st.lists(st.integers(), max_size=3)),
        st.tuples(st.just("delete"), st.just(["extra", "x"]), st.none()),
        st.tuples(st.just("take"), st.none(), st.none()),
        st.tuples(st.just("snapshot"), st.none(), st.none()),
    ),
    max_size=40,
)


@given(steps)
def test_whoever_applies_the_messages_has_the_document(changes: list[tuple[str, Any, Any]]) -> None:
    live = LiveDocument(start())
    reader = Reader(live.snapshot())
    for kind, path, value in changes:
        match kind:
            case "take":
                reader.read(live.take())
            case "snapshot":
                reader = Reader(live.snapshot())
            case "delete":
                if "x" in live.state["extra"]:
                    live.delete(path)
            case _:
                getattr(live, kind)(path, value)
    reader.read(live.take())
    assert reader.document == live.state


def test_text_is_coalesced_and_its_path_said_once() -> None:
    live = LiveDocument(start())
    live.append(["a"], "Hel")
    live.append(["a"], "lo")
    assert live.take() == {"type": "ops", "seq": 1, "ops": [["+", ["a"], "Hello"]]}
    live.append(["a"], ", you")
    assert live.take() == {"type": "ops", "seq": 2, "ops": [["+", ", you"]]}
    live.append(["b", "text"], "x")
    live.append(["a"], "y")
    live.append(["a"], "")
    assert live.take() == {"type": "ops", "seq": 3, "ops": [["+", ["b", "text"], "x"], ["+", ["a"], "y"]]}
    assert live.take() is None


def test_a_snapshot_counts_as_the_message_that_it_replaces() -> None:
    """Whoever misses it must notice."""
    live = LiveDocument(start())
    live.append(["a"], "x")
    live.take()
    assert live.snapshot()["seq"] == 1
    live.append(["a"], "y")
    snapshot = live.snapshot()
    assert (snapshot["seq"], snapshot["document"]["a"]) == (2, "xy")
    assert live.take() is None
    live.append(["a"], "z")
    assert live.take() == {"type": "ops", "seq": 3, "ops": [["+", ["a"], "z"]]}


def test_values_are_copied() -> None:
    live = LiveDocument(start())
    value = {"deep": [1]}
    live.set(["extra", "x"], value)
    message = live.take()
    snapshot = live.snapshot()
    live.extend(["extra", "x", "deep"], [2])
    assert message is not None
    assert message["ops"] == [["=", ["extra", "x"], {"deep": [1]}]]
    assert snapshot["document"]["extra"] == {"x": {"deep": [1]}}


def test_changes_are_told() -> None:
    told: list[int] = []
    live = LiveDocument(start(), lambda: told.append(1))
    live.append(["a"], "x")
    live.append(["a"], "y")
    live.set(["a"], copy.copy("z"))
    live.append(["a"], "")
    assert len(told) == 3

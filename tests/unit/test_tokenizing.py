from __future__ import annotations

import subprocess
import sys
import threading
import time
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from oaikit.engine.tokenizing import LONG, TwoLanes, remember_tokens

SOON_S = 10  # far more than anything here takes


class Recorder:
    """Functions that note their order; one that waits until it may go on."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.begun, self.may_go_on = threading.Event(), threading.Event()

    def note(self, text: str) -> str:
        self.order.append(text[:8])
        return text

    def wait(self, text: str) -> None:
        self.begun.set()
        assert self.may_go_on.wait(SOON_S)


@pytest.mark.parametrize("thread_safe", [True, False])
def test_the_shortest_text_goes_first(thread_safe: bool) -> None:
    lanes, recorder = TwoLanes(thread_safe=thread_safe), Recorder()
    lanes.submit(recorder.wait, "x")
    assert recorder.begun.wait(SOON_S)
    texts = ["b" * 500, "c" * 50_000, "a"]
    # vLLM calls with a partial, and the text lies in a dictionary.
    futures = [
        lanes.submit(partial(lambda prompt: recorder.note(prompt["prompt"]), {"prompt": each}))
        for each in texts
    ]
    recorder.may_go_on.set()
    assert [each.result(SOON_S) for each in futures] == texts
    assert recorder.order == ["a", "b" * 8, "c" * 8]


def test_texts_of_one_length_keep_their_order() -> None:
    lanes, recorder = TwoLanes(thread_safe=True), Recorder()
    lanes.submit(recorder.wait, "x")
    assert recorder.begun.wait(SOON_S)
    futures = [lanes.submit(recorder.note, f"text {number}") for number in range(9)]
    recorder.may_go_on.set()
    for each in futures:
        each.result(SOON_S)
    assert recorder.order == [f"text {number}" for number in range(9)]


@pytest.mark.parametrize(
    "long", ["x" * (LONG + 1), ["x" * LONG, "x"], [7] * LONG, [{"content": "x" * LONG}, "y"]]
)
def test_a_short_text_does_not_wait_for_a_long_one(long: Any) -> None:
    lanes, recorder = TwoLanes(thread_safe=True), Recorder()
    waiting = lanes.submit(recorder.wait, long)
    assert recorder.begun.wait(SOON_S)
    assert lanes.submit(recorder.note, "short").result(SOON_S) == "short"
    assert not waiting.done()
    recorder.may_go_on.set()
    waiting.result(SOON_S)


def test_a_tokenizer_that_is_not_thread_safe_is_used_by_one_thread() -> None:
    lanes = TwoLanes(thread_safe=False)
    threads = [
        lanes.submit(lambda _: threading.get_ident(), text).result(SOON_S) for text in ("x", "x" * LONG * 2)
    ]
    assert threads[0] == threads[1]


def test_what_is_cancelled_or_left_at_the_shutdown_is_not_done() -> None:
    lanes, recorder = TwoLanes(thread_safe=True), Recorder()
    running = lanes.submit(recorder.wait, "x")
    assert recorder.begun.wait(SOON_S)
    cancelled, left = lanes.submit(recorder.note, "cancelled"), lanes.submit(recorder.note, "left")
    assert cancelled.cancel()
    lanes.shutdown(wait=False)
    lanes.shutdown()
    assert left.cancelled()
    recorder.may_go_on.set()
    running.result(SOON_S)
    assert recorder.order == []
    with pytest.raises(RuntimeError, match="shut down"):
        lanes.submit(recorder.note, "too late")


def test_an_exception_reaches_who_asked() -> None:
    with pytest.raises(ZeroDivisionError):
        TwoLanes(thread_safe=True).submit(lambda _: 1 / 0, "x").result(SOON_S)


def test_the_process_ends_without_waiting_for_what_is_queued() -> None:
    code = (
        "import time; from oaikit.engine.tokenizing import TwoLanes; lanes = TwoLanes(thread_safe=True)\n"
        "for text in ('x', 'x' * 200_000): [lanes.submit(lambda _: time.sleep(60), text) for _ in range(5)]\n"
        "print('end', flush=True)"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert (done.stdout, done.returncode) == ("end\n", 0), done.stderr
    assert time.monotonic() - began < 50


def test_single_tokens_are_decoded_once() -> None:
    calls: list[Any] = []

    def decode(token_ids: Any, *args: Any, **options: Any) -> str:
        calls.append((token_ids, args, options))
        return f"<{token_ids}>"

    tokenizer = SimpleNamespace(decode=decode)
    remember_tokens(tokenizer)  # type: ignore[arg-type]
    assert [tokenizer.decode([7]) for _ in range(3)] == ["<[7]>"] * 3
    assert len(calls) == 1
    # Everything else is passed on, since options and neighbours change the text.
    assert tokenizer.decode([7, 8]) == "<[7, 8]>"
    assert tokenizer.decode(7) == "<7>"
    assert tokenizer.decode([7], skip_special_tokens=True) == "<[7]>"
    assert calls[1:] == [([7, 8], (), {}), (7, (), {}), ([7], (), {"skip_special_tokens": True})]

"""Keeps vLLM's tokenizer from holding up short requests, and the end of the process."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Protocol

from oaikit.sampling.length import characters

# A text of more characters is long: it takes a fast tokenizer more than about 50 ms.
LONG = 100_000
_CHARACTERS_PER_TOKEN = 4  # of English text, roughly

_Task = tuple[int, int, Callable[[], None]]  # size, number, work: the shortest first, then the oldest


class Tokenizer(Protocol):
    """A tokenizer, as far as it is needed here."""

    def decode(self, token_ids: Any, *args: Any, **options: Any) -> str:
        """Return the text of tokens."""


class TwoLanes(Executor):
    """Runs vLLM's work with texts: the shortest first, and long texts on a thread of their own.

    vLLM's own pool has one thread and takes texts in the order of their arrival, so that a short chat waits until every
    long text before it has been tokenized. Python waits at its exit for everything that is queued in such a pool. The
    threads here are daemons, which end with the process.
    """

    def __init__(self, *, thread_safe: bool) -> None:
        """Start the threads.

        Args:
            thread_safe: Whether two threads may use the tokenizer at once. If not, there is one lane.
        """
        self._short: queue.PriorityQueue[_Task] = queue.PriorityQueue()
        self._long = queue.PriorityQueue[_Task]() if thread_safe else self._short
        self._numbers = itertools.count()
        self._closed = threading.Event()
        for lane in {id(each): each for each in (self._short, self._long)}.values():
            threading.Thread(target=self._work, args=(lane,), name="oaikit-tokenizer", daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a function called. Its size is that of the texts in its arguments.

        Raises:
            RuntimeError: `shutdown` has been called.
        """
        if self._closed.is_set():
            raise RuntimeError("the tokenizer has been shut down")
        future: Future[Any] = Future()
        size = _size(fn, args, kwargs)

        def work() -> None:
            if not future.set_running_or_notify_cancel():  # its client is gone
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as exc:
                future.set_exception(exc)
            else:
                future.set_result(result)

        def task() -> None:
            future.cancel() if self._closed.is_set() else work()

        (self._long if size > LONG else self._short).put((size, next(self._numbers), task))
        return future

    def _work(self, lane: queue.PriorityQueue[_Task]) -> None:
        while True:
            size, _, task = lane.get()
            task()
            if size < 0:
                return

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel what has not begun. Nothing is waited for."""
        if self._closed.is_set():
            return
        self._closed.set()
        for lane in {id(each): each for each in (self._short, self._long)}.values():
            waiting = []
            with lane.mutex:
                waiting, lane.queue[:] = list(lane.queue), []
            for _, _, task in waiting:
                task()  # cancels its future
            lane.put((-1, next(self._numbers), lambda: None))


def _size(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """How much text a function is called with, in characters. vLLM hands over a `functools.partial`."""
    bound = (*getattr(fn, "args", ()), *args, *getattr(fn, "keywords", {}).values(), *kwargs.values())
    return sum(map(_text_size, bound))


def _text_size(value: Any) -> int:
    if isinstance(value, list) and value and isinstance(value[0], int):  # token ids, to be decoded
        return _CHARACTERS_PER_TOKEN * len(value)
    return characters(value)


def remember_tokens(tokenizer: Tokenizer) -> None:
    """Have a tokenizer remember the text of each single token.

    vLLM decodes each of a prompt's log-probabilities by itself, on the loop that serves everybody: 20 for each token of
    the prompt.
    """
    decode, known = tokenizer.decode, dict[int, str]()

    def remembered(token_ids: Any, *args: Any, **options: Any) -> str:
        if args or options or type(token_ids) is not list or len(token_ids) != 1:
            return decode(token_ids, *args, **options)
        token_id = token_ids[0]
        text = known.get(token_id)
        if text is None:
            text = known[token_id] = decode(token_ids)
        return text

    tokenizer.decode = remembered  # type: ignore[method-assign]

"""An answer on its way from a server or an engine: read from either side of an event loop, and ended from anywhere."""

from __future__ import annotations

import asyncio
import json
import queue
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from oaikit._loop import LoopThread
from oaikit._sse import EventReader
from oaikit.errors import EngineError, InvalidRequestError, from_body
from oaikit.reply import Delta, Reply

T = TypeVar("T")


class _Arrived(NamedTuple):
    """A JSON object of an answer, and its pieces."""

    event: dict[str, Any]
    deltas: list[Delta]


def _deltas(arrived: _Arrived) -> Iterable[Delta]:
    return arrived.deltas


def _event_alone(arrived: _Arrived) -> Iterable[dict[str, Any]]:
    return (arrived.event,)


class Stream:
    """An answer on its way. Iterate over its `Delta` pieces (``for`` or ``async for``), or take the whole `reply`.

    The request begins when the object is made and goes on whether anyone reads or not. `close`, leaving a ``with``
    block, or an interrupt while waiting aborts it, at the engine too. `events` and `aevents` give the server's JSON
    objects in place of the pieces; each part of an answer is read once, in one of the two forms.

    Args:
        events: Sends the request; gives the JSON objects that answer it, as they arrive.
        loop: Where ``events`` runs.
        streamed: Whether a stream was asked for; without one there is no time to first token.
    """

    def __init__(
        self, events: Callable[[], AsyncIterator[dict[str, Any]]], loop: LoopThread, *, streamed: bool
    ) -> None:
        self.reply = Reply()
        self.reply.on_cancel(self.close)
        self._streamed = streamed
        self._arrived: queue.SimpleQueue[_Arrived | None] = queue.SimpleQueue()  # None: the end
        self._error: Exception | None = None
        self._complete = False  # nothing more will come, and nothing was broken off
        self._wake: Callable[[], object] | None = None
        self._loop, self._forks = loop, loop.forks
        self._began = time.perf_counter()
        self._task: Future[None] = loop.submit(self._receive(events))

    def close(self) -> None:
        """Abort the request, if it has not ended. What has arrived stays in `reply`, whose ``cancelled`` is set."""
        if not self._complete and self._is_of_this_process() and self._task.cancel():
            self.reply.cancelled = True

    def wait(self) -> Reply:
        """The complete reply; an interrupt while waiting aborts the request."""
        for _ in self:
            pass
        return self.reply

    async def await_(self) -> Reply:
        """The complete reply, awaited; cancelling the awaiting task aborts the request."""
        async for _ in self:
            pass
        return self.reply

    def events(self) -> Iterator[dict[str, Any]]:
        """The JSON objects as the server sent them: the chunks of a stream, or the one object of a whole answer."""
        return self._read(_event_alone)

    def aevents(self) -> AsyncIterator[dict[str, Any]]:
        """`events`, for ``async for``."""
        return self._aread(_event_alone)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Delta]:
        return self._read(_deltas)

    def __aiter__(self) -> AsyncIterator[Delta]:
        return self._aread(_deltas)

    def _read(self, parts: Callable[[_Arrived], Iterable[T]]) -> Iterator[T]:
        self._check_process()
        try:
            while (arrived := self._arrived.get()) is not None:
                yield from parts(arrived)
                self._check_process()
            self._finish_reading()
        finally:
            self.close()

    async def _aread(self, parts: Callable[[_Arrived], Iterable[T]]) -> AsyncIterator[T]:
        self._check_process()
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(woken.set)
        try:
            while True:
                woken.clear()
                with suppress(queue.Empty):
                    while (arrived := self._arrived.get_nowait()) is not None:
                        for part in parts(arrived):
                            yield part
                    self._finish_reading()
                    return
                await woken.wait()
        finally:
            self._wake = None
            self.close()

    async def _receive(self, events: Callable[[], AsyncIterator[dict[str, Any]]]) -> None:
        """On the backend's loop: pass on what arrives, then the end or the error."""
        try:
            async for event in events():
                elapsed = time.perf_counter() - self._began
                deltas = self.reply.add(event, elapsed, streamed=self._streamed)
                self._put(_Arrived(event, deltas))
            self._complete = True
        except Exception as exc:
            self._error, self._complete = exc, True
        finally:
            self._put(None)

    def _is_of_this_process(self) -> bool:
        return self._forks == self._loop.forks

    def _check_process(self) -> None:
        """Refuse to wait in a forked process for what only its parent receives."""
        if not self._complete and not self._is_of_this_process():
            raise EngineError(
                "this answer goes to the process that asked for it, of which this one is a fork; ask again here"
            )

    def _finish_reading(self) -> None:
        self._arrived.put(None)  # for whoever reads again
        if self._error is not None:
            raise self._error

    def _put(self, arrived: _Arrived | None) -> None:
        self._arrived.put(arrived)
        if wake := self._wake:
            with suppress(RuntimeError):  # the reader's loop has been closed
                wake()


Follow = Callable[[Stream], Awaitable[Reply]]
"""Reads an answer to its end, and returns its reply."""


class ToolStream(Stream):
    """The answers of a chat that runs tools, one after the other as one stream; `reply` is the current, then the last.

    Args:
        rounds: Makes the requests, and has each answer followed.
        loop: Where it runs.
    """

    def __init__(self, rounds: Callable[[Follow], Awaitable[Reply]], loop: LoopThread) -> None:
        self._rounds = rounds
        super().__init__(_no_events, loop, streamed=True)

    def events(self) -> Iterator[dict[str, Any]]:
        """There are none: they would be those of several answers."""
        raise InvalidRequestError("a stream that runs tools has no events; read its pieces", param="tools")

    def aevents(self) -> AsyncIterator[dict[str, Any]]:
        """See `events`."""
        raise InvalidRequestError("a stream that runs tools has no events; read its pieces", param="tools")

    async def _receive(self, events: Callable[[], AsyncIterator[dict[str, Any]]]) -> None:
        try:
            self.reply = await self._rounds(self._follow)
            self._complete = True
        except Exception as exc:
            self._error, self._complete = exc, True
        finally:
            self._put(None)

    async def _follow(self, stream: Stream) -> Reply:
        self.reply = stream.reply
        async for delta in stream:
            self._put(_Arrived({}, [delta]))
        return stream.reply


async def _no_events() -> AsyncIterator[dict[str, Any]]:
    return
    yield {}


async def parse_answer(
    status: int, content_type: str, chunks: AsyncIterator[bytes]
) -> AsyncIterator[dict[str, Any]]:
    """The JSON objects of an HTTP answer: one, or those of an event stream.

    Args:
        status: The HTTP status.
        content_type: The answer's header of that name.
        chunks: The body, cut anywhere.

    Raises:
        OAIKitError: The status is an error, an event is one, or the stream ends without ``[DONE]``.
    """
    if status < 400 and content_type.lower().startswith("text/event-stream"):
        reader = EventReader()
        async for chunk in chunks:
            for data in reader.feed(chunk):
                if data == "[DONE]":
                    return
                yield _event(data)
        if reader.end() == ["[DONE]"]:
            return
        raise EngineError("the stream ended before the answer was complete")
    answer = json_or_text(b"".join([chunk async for chunk in chunks]).decode(errors="replace"))
    if status >= 400 or not isinstance(answer, dict):
        raise from_body(status, answer)
    yield answer


def _event(data: str) -> dict[str, Any]:
    """The JSON object of an event.

    Raises:
        OAIKitError: It is an error, or no JSON object.
    """
    event = json_or_text(data)
    if not isinstance(event, dict):
        raise EngineError(f"the stream has an event that is not a JSON object: {data[:80]}")
    if "error" in event:
        raise from_body(None, event)
    return event


def json_or_text(text: str) -> Any:
    """What the text says in JSON, or else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text

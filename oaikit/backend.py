"""What everything above the engine talks to: a model that answers, here or over HTTP.

`Backend` builds the synchronous, asynchronous and streaming calls once, on one primitive that each kind of backend
supplies: the JSON objects that answer a request, as they arrive.
"""

from __future__ import annotations

import asyncio
import json
import queue
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from oaikit._loop import LoopThread
from oaikit._sse import EventReader
from oaikit.errors import EngineError, from_body
from oaikit.reply import Delta, Reply

Messages = str | Sequence[Mapping[str, Any]]
Prompt = str | Sequence[int]

# vLLM computes these whole: asking for a stream is an error.
_NOT_STREAMED = ("use_beam_search", "best_of")


class Backend(ABC):
    """A model that answers chats and completions.

    Sampling parameters are passed by vLLM's own names (``temperature=0.2, max_tokens=64, top_k=20, …``); what is not
    given is left to the server, where ``max_tokens`` may be as few as 16. Every call raises the OAIKitError that the
    server's answer stands for.
    """

    @property
    @abstractmethod
    def model(self) -> str:
        """The model that is asked unless a call names another."""

    @property
    @abstractmethod
    def _loop(self) -> LoopThread:
        """Where `_events` runs."""

    @abstractmethod
    def _events(
        self, path: str, body: dict[str, Any], abort: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """The JSON objects that answer a POST to ``path`` (such as ``"chat/completions"``), as they arrive.

        A body without a model is for the one that `model` names. ``abort`` is a name for the request by which a server
        of oaikit's can be told from elsewhere to end it.
        """

    def chat(self, messages: Messages, **sampling: Any) -> Reply:
        """Answer a chat: a user's message, or a list of OpenAI messages."""
        return self._chat(messages, sampling).wait()

    def complete(self, prompt: Prompt, **sampling: Any) -> Reply:
        """Continue a text, or a list of token ids."""
        return self._complete(prompt, sampling).wait()

    def stream(self, messages: Messages, **sampling: Any) -> Stream:
        """Answer a chat piece by piece: ``for delta in llm.stream("Count to ten"): ...``."""
        return self._chat(messages, sampling)

    def stream_completion(self, prompt: Prompt, **sampling: Any) -> Stream:
        """Continue a text piece by piece."""
        return self._complete(prompt, sampling)

    async def achat(self, messages: Messages, **sampling: Any) -> Reply:
        """`chat`, awaited."""
        return await self._chat(messages, sampling).await_()

    async def acomplete(self, prompt: Prompt, **sampling: Any) -> Reply:
        """`complete`, awaited."""
        return await self._complete(prompt, sampling).await_()

    def astream(self, messages: Messages, **sampling: Any) -> Stream:
        """`stream`, for ``async for``."""
        return self._chat(messages, sampling)

    def _chat(self, messages: Messages, sampling: dict[str, Any]) -> Stream:
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        return self._ask("chat/completions", {"messages": list(messages), **sampling})

    def _complete(self, prompt: Prompt, sampling: dict[str, Any]) -> Stream:
        return self._ask("completions", {"prompt": prompt, **sampling})

    def _ask(self, path: str, body: dict[str, Any], *, abort: str | None = None) -> Stream:
        streamed = not any(body.get(name) for name in _NOT_STREAMED)
        if streamed:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return Stream(lambda: self._events(path, body, abort), self._loop, streamed=streamed)


_END = object()


class Stream:
    """An answer on its way. Iterate over its `Delta` pieces (``for`` or ``async for``), or take the whole `reply`.

    The request begins when the object is made and goes on whether anyone reads or not; `close`, leaving a ``with``
    block, or an interrupt while waiting aborts it, at the engine too.
    """

    def __init__(
        self, events: Callable[[], AsyncIterator[dict[str, Any]]], loop: LoopThread, *, streamed: bool
    ) -> None:
        self.reply = Reply()
        self.reply.on_cancel(self.close)
        self._streamed = streamed
        self._deltas: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._error: Exception | None = None
        self._complete = False  # nothing more will come, and nothing was broken off
        self._wake: Callable[[], object] | None = None
        self._began = time.perf_counter()
        self._task: Future[None] = loop.submit(self._receive(events))

    def close(self) -> None:
        """Abort the request, if it has not ended. What has arrived stays in `reply`, whose ``cancelled`` tells."""
        if not self._complete and self._task.cancel():
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

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Delta]:
        try:
            while (item := self._deltas.get()) is not _END:
                yield item
            self._finish_reading()
        finally:
            self.close()

    async def __aiter__(self) -> AsyncIterator[Delta]:
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(arrived.set)
        try:
            while True:
                arrived.clear()
                with suppress(queue.Empty):
                    while (item := self._deltas.get_nowait()) is not _END:
                        yield item
                    self._finish_reading()
                    return
                await arrived.wait()
        finally:
            self._wake = None
            self.close()

    async def _receive(self, events: Callable[[], AsyncIterator[dict[str, Any]]]) -> None:
        """On the backend's loop: pass the pieces on, then the end or the error."""
        try:
            async for chunk in events():
                elapsed = time.perf_counter() - self._began
                for delta in self.reply.add(chunk, elapsed, streamed=self._streamed):
                    self._put(delta)
            self._complete = True
        except Exception as exc:
            self._error, self._complete = exc, True
        finally:
            self._put(_END)

    def _finish_reading(self) -> None:
        self._deltas.put(_END)  # for whoever reads again
        if self._error is not None:
            raise self._error

    def _put(self, item: object) -> None:
        self._deltas.put(item)
        if wake := self._wake:
            with suppress(RuntimeError):  # the reader's loop has been closed
                wake()


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

"""What everything above the engine talks to: a model that answers, here or over HTTP.

All calls of a `Backend` are built on one primitive, `Backend.request`, whose answer is a `Stream`.
"""

from __future__ import annotations

import asyncio
import json
import queue
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from oaikit._body import WHOLE_CONTEXT, Messages, Prompt, chat_body, completion_body
from oaikit._json import plain
from oaikit._loop import LoopThread
from oaikit._sse import EventReader
from oaikit.errors import EngineError, InvalidRequestError, from_body
from oaikit.reply import AnswerForm, Delta, Reply
from oaikit.sampling import CHAT, COMPLETIONS, Endpoint

if TYPE_CHECKING:
    from oaikit.tools.functions import Functions
    from oaikit.tools.loop import Approve, ChatLoop

_ROUNDS = LoopThread("oaikit-rounds")  # where the tool calls of synchronous chats are run from
T = TypeVar("T")
# vLLM computes these whole: asking for a stream is an error.
_NOT_STREAMED: Final = ("use_beam_search", "best_of")


class Backend(ABC):
    """A model that answers chats and completions.

    Sampling parameters are passed by vLLM's own names (``temperature=0.2, max_tokens=64, top_k=20, …``). The server
    decides on what is not given; its ``max_tokens`` may be as low as 16. A name that is not in docs/parameters.md is
    refused before anything is sent; ``extra_body={"name": value}`` sends parameters of other servers unchecked. Every
    call raises the `OAIKitError` that the server's answer stands for.
    """

    @property
    @abstractmethod
    def model(self) -> str:
        """The model that is asked unless a call names another."""

    @property
    def is_vllm(self) -> bool:
        """Whether it is known to be vLLM, which takes more parameters than other servers."""
        return True

    @abstractmethod
    def request(self, endpoint: Endpoint, body: Mapping[str, Any], *, abort: str | None = None) -> Stream:
        """Send a request. All other calls are built on this one, which each kind of backend supplies.

        Args:
            endpoint: The path below ``v1/``: ``"chat/completions"`` or ``"completions"``.
            body: The JSON object to send. Without ``model`` it is for `model`; without ``stream`` the answer is
                streamed where vLLM can do so.
            abort: A name for the request, by which ``oaikit/api/abort`` ends it from elsewhere.

        Returns:
            The answer on its way.

        Raises:
            InvalidRequestError: A value has no form in JSON. Numpy's numbers and arrays, pydantic models, dataclasses
                and integer keys have one.
        """

    def chat(
        self,
        messages: Messages,
        *,
        schema: Any = None,
        tools: Any = None,
        max_rounds: int | None = None,
        approve: Approve | None = None,
        images: Any = (),
        **sampling: Any,
    ) -> Reply:
        """Answer a chat: ``llm.chat("Why is the sky blue?", max_tokens=200)``.

        With ``schema`` or functions as ``tools``, ``max_tokens`` is what the context leaves unless it is given: half of
        an object is none.

        Args:
            messages: A user's message, or a list of OpenAI messages.
            schema: What the answer must be like: a pydantic model, a dataclass, any type that pydantic can check, or a
                JSON schema (dict). `Reply.parsed` is then the object.
            tools: Python functions and MCP servers (`oaikit.mcp`) that the model may call. Calls are run, and the model
                is asked again, until it calls nothing more; the last reply is returned, and its ``calls`` are those
                that were run. Or OpenAI's descriptions of tools (dicts), which are only sent.
            max_rounds: Rounds of calls after which the model has to answer; 8 unless given.
            approve: Called before each call with the tool's name and its arguments (dict); the call is run if it
                returns true. Without it all calls are run.
            images: An image, or a list of them, for the last message: a path, the bytes of a file, a PIL image, an
                array, or a URL.
            **sampling: Sampling parameters by name.

        Raises:
            InvalidRequestError: A name is unknown, or a value makes no sense.
            OAIKitError: What else the server's answer stands for.
        """
        own = _functions(tools)
        if own is None:
            _refuse_without_functions(max_rounds, approve)
            return self.stream(messages, schema=schema, tools=tools, images=images, **sampling).wait()
        loop = self._chat_loop(messages, own, schema, max_rounds, approve, images, sampling)
        return _ROUNDS.run(loop.reply())

    def complete(self, prompt: Prompt, **sampling: Any) -> Reply:
        """Continue a text, or a list of token ids."""
        return self.stream_completion(prompt, **sampling).wait()

    def stream(
        self, messages: Messages, *, schema: Any = None, tools: Any = None, images: Any = (), **sampling: Any
    ) -> Stream:
        """Answer a chat piece by piece: ``for delta in llm.stream("Count to ten"): ...``.

        The arguments are those of `chat`. A stream is one answer, so functions are not run: ``tools`` are OpenAI's
        descriptions.

        Raises:
            InvalidRequestError: ``tools`` holds a function.
        """
        if _functions(tools) is not None:
            raise InvalidRequestError(
                "a stream does not run functions; use llm.chat(tools=…) or ok.Chat(tools=…)", param="tools"
            )
        if tools is not None:
            sampling["tools"] = tools
        form = None
        if schema is not None:
            form = _form(schema, sampling)
        stream = self.request(CHAT, chat_body(messages, sampling, images))
        stream.reply.form = form
        return stream

    def stream_completion(self, prompt: Prompt, **sampling: Any) -> Stream:
        """Continue a text piece by piece."""
        return self.request(COMPLETIONS, completion_body(prompt, sampling))

    async def achat(
        self,
        messages: Messages,
        *,
        schema: Any = None,
        tools: Any = None,
        max_rounds: int | None = None,
        approve: Approve | None = None,
        images: Any = (),
        **sampling: Any,
    ) -> Reply:
        """`chat`, awaited."""
        own = _functions(tools)
        if own is None:
            _refuse_without_functions(max_rounds, approve)
            return await self.stream(messages, schema=schema, tools=tools, images=images, **sampling).await_()
        return await self._chat_loop(messages, own, schema, max_rounds, approve, images, sampling).reply()

    async def acomplete(self, prompt: Prompt, **sampling: Any) -> Reply:
        """`complete`, awaited."""
        return await self.stream_completion(prompt, **sampling).await_()

    def astream(self, messages: Messages, **options: Any) -> Stream:
        """`stream`, for ``async for``."""
        return self.stream(messages, **options)

    def _chat_loop(
        self,
        messages: Messages,
        functions: Functions,
        schema: Any,
        max_rounds: int | None,
        approve: Approve | None,
        images: Any,
        sampling: dict[str, Any],
    ) -> ChatLoop:
        """The loop of tool calls. The form of the answer, if there is one, comes when the calls are over."""
        from oaikit.tools.loop import MOST_ROUNDS, ChatLoop

        rounds = MOST_ROUNDS if max_rounds is None else max_rounds
        if rounds < 1:
            raise InvalidRequestError(f"`max_rounds` is at least 1, not {rounds}", param="max_rounds")
        sampling.setdefault("max_tokens", WHOLE_CONTEXT)
        form: AnswerForm | None = None
        final: dict[str, Any] = {}
        if schema is not None:
            form = _form(schema, final)

        async def ask(body: Mapping[str, Any]) -> Reply:
            reply = await self.request(CHAT, body).await_()
            reply.form = form
            return reply

        body = chat_body(messages, sampling, images)
        return ChatLoop(
            ask, body, functions, rounds, strict=self.is_vllm, approve=approve, final=final or None
        )


def _functions(tools: Any) -> Functions | None:
    """What of a call's ``tools`` is to be run; None if they are OpenAI's descriptions, or there are none.

    Raises:
        InvalidRequestError: They are both, or neither.
    """
    if tools is None or (
        isinstance(tools, list | tuple) and all(isinstance(each, Mapping) for each in tools)
    ):
        return None
    from oaikit.tools.functions import Functions

    return Functions([tools] if callable(tools) or hasattr(tools, "functions") else tools)


def _refuse_without_functions(max_rounds: int | None, approve: Approve | None) -> None:
    for name, value in (("max_rounds", max_rounds), ("approve", approve)):
        if value is not None:
            raise InvalidRequestError(f"`{name}` needs functions as tools=[…]", param=name)


def _form(schema: Any, sampling: dict[str, Any]) -> AnswerForm:
    """The form of the answer, and in ``sampling`` what asks for it.

    Raises:
        InvalidRequestError: It has no JSON schema, or another form is asked for too.
    """
    from oaikit.schema import Schema

    for name in ("response_format", "structured_outputs"):
        if sampling.get(name) is not None:
            raise InvalidRequestError(f"`schema` does not go with `{name}`: give one of them", param="schema")
    form = schema if isinstance(schema, Schema) else Schema(schema)
    sampling["response_format"] = form.response_format()
    if "max_completion_tokens" not in sampling:
        sampling.setdefault("max_tokens", WHOLE_CONTEXT)
    return form


def prepared(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body as `Backend.request` sends it: in JSON's own types, and for a stream where vLLM can stream.

    Raises:
        InvalidRequestError: A value has no form in JSON.
    """
    sent = plain(body)
    if "stream" not in sent:
        options = sent.pop("stream_options", None) or {}
        if not any(sent.get(name) for name in _NOT_STREAMED):
            sent |= {"stream": True, "stream_options": {"include_usage": True, **options}}
    return sent


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

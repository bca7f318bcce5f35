"""Has vLLM's app answer a request alike, streamed or whole: in what it says, and in whether it refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from pydantic_core import from_json

from oaikit.engine.call import ERROR_EVENT
from oaikit.engine.parsers import Types, is_json, same_in_a_stream

# How long a stream is kept back at most, seconds, in case its request is refused. That happens before any work is done,
# unless the engine is busy; and a client has to hear something in time.
_PATIENCE_S: Final = 5.0

# What streamed responses begin with before the engine has been asked.
_PREAMBLE: Final = frozenset({"response.created", "response.in_progress"})
# In the first chunk of each choice of a chat, which has nothing else.
_ROLE: Final = '"delta":{"role":'

_ERROR_TEXT: Final = ERROR_EVENT.decode()


def answer_alike(state: Any, types: Types, error: type[Any]) -> None:
    """Have requests answered alike, streamed or whole.

    Args:
        state: The state of vLLM's app, which has an object for each kind of request.
        types: vLLM's classes.
        error: `ErrorResponse`, with which vLLM refuses a request.
    """
    for name in ("openai_serving_chat", "openai_serving_chat_batch", "anthropic_serving_messages"):
        if (chats := getattr(state, name, None)) is None:
            continue
        if chats.parser_cls is not None:
            chats.parser_cls = same_in_a_stream(chats.parser_cls, types)
        chats.chat_completion_full_generator = _with_the_engines_reason(chats.chat_completion_full_generator)
        chats.create_chat_completion = refusing_first(chats.create_chat_completion, error)
    if (messages := getattr(state, "anthropic_serving_messages", None)) is not None:
        messages.messages_full_converter = _with_unfinished_calls(messages.messages_full_converter)
    if (completions := getattr(state, "openai_serving_completion", None)) is not None:
        completions.create_completion = refusing_first(completions.create_completion, error)
    if (responses := getattr(state, "openai_serving_responses", None)) is not None:
        if responses.parser is not None:
            responses.parser = same_in_a_stream(responses.parser, types)
        responses.create_responses = refusing_first(responses.create_responses, error)


def _with_the_engines_reason(answer: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Have whole chats say ``length`` if they were cut off, and ``tool_calls`` only if they have some.

    That is what vLLM says in a stream, and since 0.33 of a whole chat too.

    Args:
        answer: `OpenAIServingChat.chat_completion_full_generator`.
    """

    async def answer_with_it(request: Any, results: AsyncIterator[Any], *args: Any, **kwargs: Any) -> Any:
        reasons: dict[int, str | None] = {}

        async def noted() -> AsyncIterator[Any]:
            async for result in results:
                reasons.update((output.index, output.finish_reason) for output in result.outputs)
                yield result

        response = await answer(request, noted(), *args, **kwargs)
        for choice in getattr(response, "choices", ()):
            reason = reasons.get(choice.index)
            if choice.finish_reason == "tool_calls" and (not choice.message.tool_calls or reason == "length"):
                choice.finish_reason = reason or "stop"
        return response

    return answer_with_it


def _with_unfinished_calls(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Have whole messages take tool calls that were cut off, as streamed ones do.

    Args:
        convert: `AnthropicServingMessages.messages_full_converter`, which fails on arguments that are not JSON.
    """

    def converted(response: Any) -> Any:
        choice = response.choices[0]
        unfinished = [
            call.function for call in choice.message.tool_calls if not is_json(call.function.arguments)
        ]
        for function in unfinished:
            function.arguments = json.dumps(_so_far(function.arguments))
        message = convert(response)
        if unfinished and choice.finish_reason != "length" and isinstance(choice.stop_reason, str):
            message.stop_reason, message.stop_sequence = "stop_sequence", choice.stop_reason
        return message

    return converted


def _so_far(arguments: str) -> dict[str, Any]:
    """What there is of arguments that were cut off, as Anthropic's client reads them in a stream."""
    try:
        found = from_json(arguments, allow_partial="trailing-strings")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def refusing_first(ask: Callable[..., Awaitable[Any]], error: type[Any]) -> Callable[..., Awaitable[Any]]:
    """Have a request refused before its stream begins, with the status that it has if it asks for a whole answer.

    vLLM looks at some of a request only when the first token is asked for. The stream has begun then.

    Args:
        ask: A method of vLLM's that returns the events of a stream, or else an answer.
        error: `ErrorResponse`.
    """

    async def asked(*args: Any, **kwargs: Any) -> Any:
        answer = await ask(*args, **kwargs)
        return await _begun(answer, error) if hasattr(answer, "__anext__") else answer

    return asked


async def _begun(events: Any, error: type[Any]) -> Any:
    """The events of a stream from the first on that tells something, or the error that it is."""
    head: list[Any] = []
    coming = asyncio.ensure_future(_take(events, head))
    try:
        await asyncio.wait((coming,), timeout=_PATIENCE_S)
    except asyncio.CancelledError:
        coming.cancel()
        raise
    if not coming.done():
        return _Stream(head, coming, events)
    coming.result()
    if head and isinstance(head[-1], str) and head[-1].startswith(_ERROR_TEXT):
        await events.aclose()
        return error.model_validate_json(head[-1].removeprefix("data: "))
    return _Stream(head, None, events)


async def _take(events: AsyncIterator[Any], head: list[Any]) -> None:
    """Append the events up to the first that tells something."""
    async for event in events:
        head.append(event)
        if not (_ROLE in event if isinstance(event, str) else getattr(event, "type", None) in _PREAMBLE):
            return


class _Stream:
    """A stream whose first events have been taken already, or are being taken. The others come straight from it."""

    def __init__(self, head: list[Any], coming: asyncio.Future[None] | None, events: Any) -> None:
        self._head, self._coming, self._events = head, coming, events
        self._next = events.__anext__

    def __aiter__(self) -> _Stream:
        return self

    def __anext__(self) -> Awaitable[Any]:
        return self._taken() if self._head or self._coming is not None else self._next()

    async def _taken(self) -> Any:
        if not self._head and self._coming is not None:
            await self._coming
            self._coming = None
        return self._head.pop(0) if self._head else await self._next()

    async def aclose(self) -> None:
        """End the stream."""
        if self._coming is not None:
            self._coming.cancel()
        await self._events.aclose()

"""Rounds of tool calls: ask, run what the model calls, ask again. The chat widget and `Backend.chat` share it."""

from __future__ import annotations

import asyncio
import inspect
import json
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from oaikit._stream import Follow, Stream
from oaikit._threads import off_loop
from oaikit.reply import CalledTool, Reply
from oaikit.tools.functions import Functions, Outcome

MOST_ROUNDS: Final = 8
"""Rounds of tool calls after which a model has to answer, unless told otherwise."""
REFUSED: Final = Outcome("The user did not allow this call.", failed=True)

ToolCall = Mapping[str, Any]
Approve = Callable[[str, dict[str, Any]], bool | Awaitable[bool]]


class ToolLoop(ABC):
    """Asks until an answer has no tool calls, or the most rounds are over.

    Args:
        functions: What the model may call.
        most_rounds: Rounds of calls; after them the model has to answer.
    """

    def __init__(self, functions: Functions, most_rounds: int) -> None:
        self.functions, self.most_rounds = functions, most_rounds

    async def run(self) -> None:
        """Run to the end. Cancelling ends the calls that are running."""
        for round in range(self.most_rounds + 1):
            calls = await self.ask(round)
            if not calls:
                return
            self.keep(calls, await self._outcomes(calls))

    @abstractmethod
    async def ask(self, round: int) -> Sequence[ToolCall]:
        """Get an answer; returns its tool calls, none if the loop is to end."""

    @abstractmethod
    async def call(self, index: int, call: ToolCall) -> Outcome:
        """Run one call of the current answer, if it may be run."""

    @abstractmethod
    def keep(self, calls: Sequence[ToolCall], outcomes: Sequence[Outcome]) -> None:
        """Put the results behind the answer, in the order of the calls."""

    def offer(self, body: Mapping[str, Any], round: int, *, strict: bool) -> dict[str, Any]:
        """The body of a request with the tools in it.

        A tool choice that forces a call counts for the first answer only: the model would never come to another.

        Args:
            body: The request's body.
            round: The number of the answer, from 0.
            strict: Hold the arguments to their schema; see `Function.spec`.
        """
        offered = dict(body)
        if not self.functions:
            offered.pop("tool_choice", None)
            offered.pop("parallel_tool_calls", None)
            return offered
        offered["tools"] = self.functions.specs(strict=strict)
        forced = offered.get("tool_choice", "auto") not in ("auto", "none")
        if round and (forced or round >= self.most_rounds):
            offered["tool_choice"] = "none"
        return offered

    async def _outcomes(self, calls: Sequence[ToolCall]) -> list[Outcome]:
        running = [asyncio.create_task(self.call(index, call)) for index, call in enumerate(calls)]
        try:
            return await asyncio.gather(*running)
        except BaseException:
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            raise


class ChatLoop(ToolLoop):
    """The loop of a call from Python.

    Args:
        ask: Sends a request's body; returns the answer on its way.
        body: The first request.
        functions: What the model may call.
        most_rounds: Rounds of calls; after them the model has to answer.
        strict: Hold the arguments to their schema.
        approve: Asked before each call, with the tool's name and its arguments; None: all calls are run.
        final: What a last request has in place of the tools, such as the form of the answer; empty: there is none.
    """

    def __init__(
        self,
        ask: Callable[[Mapping[str, Any]], Stream],
        body: Mapping[str, Any],
        functions: Functions,
        most_rounds: int,
        *,
        strict: bool,
        approve: Approve | None = None,
        final: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(functions, most_rounds)
        self._request, self._body, self._strict = ask, dict(body), strict
        self._approve, self._final = approve, dict(final or {})
        self._messages = list(body["messages"])
        self._called: list[CalledTool] = []
        self._reply = Reply()
        self._follow: Follow = Stream.await_

    async def reply(self, follow: Follow) -> Reply:
        """Run to the end; the last answer, with the calls that led to it. ``follow`` reads each answer."""
        self._follow = follow
        await self.run()
        if self._final and not self._reply.cancelled:
            # A form would keep the model from calling anything, so it comes when the calls are over.
            self._reply = await follow(self._request(self._with_messages(self._body | self._final)))
        self._reply.calls = self._called
        self._reply.messages = [*self._messages, {"role": "assistant", "content": self._reply.text}]
        return self._reply

    async def ask(self, round: int) -> Sequence[ToolCall]:
        body = self._with_messages(self.offer(self._body, round, strict=self._strict))
        self._reply = await self._follow(self._request(body))
        if self._reply.cancelled or round >= self.most_rounds:
            return ()
        for call in self._reply.tool_calls:
            call["id"] = call["id"] or uuid.uuid4().hex  # not every server gives one
        return self._reply.tool_calls

    async def call(self, index: int, call: ToolCall) -> Outcome:
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        if not await self._may_run(name, arguments):
            return REFUSED
        return await self.functions.call(name, arguments)

    def keep(self, calls: Sequence[ToolCall], outcomes: Sequence[Outcome]) -> None:
        text = self._reply.text or None
        self._messages.append({"role": "assistant", "content": text, "tool_calls": list(calls)})
        for call, outcome in zip(calls, outcomes, strict=True):
            function = call["function"]
            self._called.append(
                CalledTool(function["name"], function["arguments"], outcome.text, outcome.failed)
            )
            self._messages.append({"role": "tool", "tool_call_id": call["id"], "content": outcome.text})

    def _with_messages(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {**body, "messages": self._messages}

    async def _may_run(self, name: str, arguments: str) -> bool:
        approve = self._approve
        if approve is None:
            return True
        try:
            given = json.loads(arguments or "{}")
        except ValueError:
            return True  # the call will say what is wrong with them, and run nothing
        answer = await off_loop(lambda: approve(name, given))
        return bool(await answer if inspect.isawaitable(answer) else answer)

"""One run of a chat: an answer, and whatever its tool calls lead to."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

from oaikit.backend import Backend
from oaikit.connection import Connection
from oaikit.errors import OAIKitError
from oaikit.reply import Reply
from oaikit.sampling import CHAT
from oaikit.sampling.length import CONTEXT_LENGTH_EXCEEDED
from oaikit.tools.functions import Functions, Outcome
from oaikit.tools.loop import MOST_ROUNDS, REFUSED, ToolCall, ToolLoop
from oaikit.widgets.answer import Answer, Beginning, other_choices
from oaikit.widgets.figures import COUNTED
from oaikit.widgets.messages import for_request
from oaikit.widgets.mirror import Mirror

KEEP_EVERY_S: Final = 1.0
_CONTINUE: Final = {"continue_final_message": True, "add_generation_prompt": False}
# How an answer ends that the server was told to end: vLLM's finish reason, and the code of oaikit's server.
_ABORTED: Final = "abort"
_ABORTED_CODE: Final = "request_aborted"


class Approvals:
    """Which tool calls may be run: none needs to be asked for with ``always``."""

    def __init__(self, *, always: bool) -> None:
        self._always, self._names = always, set[str]()
        self._waiting: dict[str, asyncio.Future[bool]] = {}
        self._decided: dict[str, bool] = {}

    def asks(self, name: str) -> bool:
        """Whether a tool needs approval."""
        return not self._always and name not in self._names

    def always(self, name: str) -> None:
        """Do not ask for this tool again."""
        self._names.add(name)

    def decide(self, call: str, yes: bool) -> None:
        """Take the user's word, which may come a moment before it is waited for."""
        waiting = self._waiting.get(call)
        if waiting is None:
            self._decided[call] = yes
        elif not waiting.done():
            waiting.set_result(yes)

    async def ask(self, call: str) -> bool:
        """Wait for the user's word."""
        if call in self._decided:
            return self._decided.pop(call)
        self._waiting[call] = asyncio.get_running_loop().create_future()
        try:
            return await self._waiting[call]
        finally:
            del self._waiting[call]


@dataclass(frozen=True)
class Asking:
    """How the answers of a turn are asked for.

    ``model`` None: the backend's own, which is shown as ``shown_model``. ``said`` are the sampling parameters that the
    user set, ``sampling`` finds out what is sent. ``reasoning``: thoughts are sent back. ``most_rounds``: of tool
    calls; after them the model has to answer.
    """

    llm: Backend
    model: str | None
    shown_model: str
    said: Mapping[str, Any]
    sampling: Callable[[], Awaitable[Mapping[str, Any]]]
    functions: Functions = field(default_factory=Functions)
    reasoning: bool = False
    most_rounds: int = MOST_ROUNDS

    async def body(self) -> dict[str, Any]:
        """A request's body without its messages and tools."""
        body = dict(await self.sampling())
        if self.llm.is_vllm:
            body["stream_options"] = COUNTED
        if self.model:
            body["model"] = self.model
        return body


class Turn(ToolLoop):
    """An answer behind the leaf, tool calls and their results, until the model is done.

    ``reply`` is the last answer, so far; ``began`` is set when it is asked for, ``streaming`` while it is on its way.
    ``error`` is what ended the turn, ``stopped`` whether it was stopped; then what had come is kept. ``ended`` is for
    whoever waits on another thread.
    """

    def __init__(
        self,
        mirror: Mirror,
        asking: Asking,
        approvals: Approvals,
        keep: Callable[[], object],
        beginning: Beginning | None = None,
    ) -> None:
        super().__init__(asking.functions, asking.most_rounds)
        self._mirror, self._asking, self._approvals, self._keep = mirror, asking, approvals, keep
        self._beginning = beginning or Beginning()
        self.reply = Reply()
        self.began = asyncio.Event()
        self.ended: Future[None] = Future()
        self.error: OAIKitError | None = None
        self.streaming = self.stopped = False
        self._token: str | None = None
        self._answer = self._new_answer()  # there is something to see, and a way to stop it, from now on

    async def run(self) -> None:
        """Run to the end, which cancelling brings about at once."""
        try:
            await super().run()
        except asyncio.CancelledError:
            self.stopped = True

    async def ask(self, round: int) -> Sequence[ToolCall]:
        if round:
            self._beginning = Beginning()
            self._answer = self._new_answer()
        await self._ask(round)
        return () if self.error or self.stopped else self._answer.calls

    def close(self) -> None:
        """The run is over, or was cancelled before it began: nothing is on its way any more."""
        if not self._answer.ended:
            self._answer.end("stopped", self.reply)
        self.began.set()

    def _new_answer(self) -> Answer:
        llm = self._asking.llm
        if isinstance(llm, Connection) and llm.is_oaikit:  # another server cannot be told to end a request
            self._token = uuid.uuid4().hex
            self._mirror.document.set(["stop", "tokens"], [self._token])
        answer = Answer(
            self._mirror,
            model=self._asking.shown_model,
            sampling=self._asking.said,
            beginning=self._beginning,
            asks=self._approvals.asks,
        )
        self._keep()
        return answer

    async def _ask(self, round: int) -> None:
        """Ask for the current answer."""
        conversation, beginning = self._mirror.conversation, self._beginning
        before = conversation.path_to(conversation[self._answer.id].parent)
        body: dict[str, Any] = {"messages": for_request(before, reasoning=self._asking.reasoning)}
        if beginning.text:
            body["messages"].append({"role": "assistant", "content": beginning.text})
            body |= _CONTINUE
        keeping = asyncio.get_running_loop().create_task(self._keep_up(self._answer))
        try:
            await self._receive(self._answer, round, body)
        finally:
            keeping.cancel()
            self._mirror.document.set(["stop", "tokens"], [])
            self._keep()

    async def _receive(self, answer: Answer, round: int, body: Mapping[str, Any]) -> None:
        try:
            sampling = await self._asking.body()
            asked = {**self.offer(sampling, round, strict=self._asking.llm.is_vllm), **body}
            stream = self._asking.llm.request(CHAT, asked, abort=self._token)
            self.reply, self.streaming = stream.reply, True
            self.began.set()
            async for delta in stream:
                answer.take(delta, self.reply.ttft_s)
            self.stopped |= self.reply.cancelled or self.reply.finish_reason == _ABORTED
            answer.end("stopped" if self.stopped else "done", self.reply)
            other_choices(self._mirror, answer.id, self.reply)
        except asyncio.CancelledError:
            answer.end("stopped", self.reply)
            raise
        except Exception as exc:
            error = exc if isinstance(exc, OAIKitError) else OAIKitError(f"{type(exc).__name__}: {exc}")
            if error.code == _ABORTED_CODE:
                self.stopped = True
                answer.end("stopped", self.reply)
            else:
                self.error = error
                answer.end("failed", self.reply, error.message, full=error.code == CONTEXT_LENGTH_EXCEEDED)
        finally:
            self.streaming = False

    async def _keep_up(self, answer: Answer) -> None:
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            answer.keep()
            self._keep()

    # -- tools -----------------------------------------------------------------------------------------------------

    def keep(self, calls: Sequence[ToolCall], outcomes: Sequence[Outcome]) -> None:
        for call, outcome in zip(calls, outcomes, strict=True):
            self._mirror.add({"role": "tool", "tool_call_id": call["id"], "content": outcome.text})
        self._keep()

    async def call(self, index: int, call: ToolCall) -> Outcome:
        answer, name = self._answer, call["function"]["name"]
        try:
            if self._approvals.asks(name):
                answer.set_call(index, "asked")
                self._keep()
                if not await self._approvals.ask(call["id"]):
                    answer.set_call(index, "denied")
                    return REFUSED
            answer.set_call(index, "running")
            outcome = await self.functions.call(name, call["function"]["arguments"])
        except asyncio.CancelledError:
            waited = self._mirror.conversation[answer.id].info["calls"][call["id"]]["state"] == "asked"
            answer.set_call(index, "denied" if waited else "failed", None if waited else "stopped")
            raise
        self._show(answer, index, outcome)
        return outcome

    def _show(self, answer: Answer, index: int, outcome: Outcome) -> None:
        answer.set_call(index, "failed" if outcome.failed else "done", outcome.text)
        self._keep()

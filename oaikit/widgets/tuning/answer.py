"""An answer in a cell of a tuning table: from the request to its end, in the document and for the results."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oaikit.backend import Backend, Stream
from oaikit.errors import OAIKitError
from oaikit.reply import Delta, Reply, Token
from oaikit.sampling import Endpoint
from oaikit.widgets.document import LiveDocument

_NUMBERS_EVERY_S = 1.0
STOPPED = "stopped before its end"


@dataclass(frozen=True)
class Asked:
    """What was asked: a row's values and a question's, as they were then, and the request they came to.

    ``question`` is the question's id, ``prompt`` the title of its prompt, ``digest`` equal for equal requests.
    """

    question: str
    values: Mapping[str, Any]
    prompt: str
    item: Any
    data: Mapping[str, Any]
    body: Mapping[str, Any]
    digest: str
    run: str


@dataclass
class Result:
    """An answer that has ended, with what its reader thought of it."""

    asked: Asked
    reply: Reply
    error: str | None
    winner: bool = False
    note: str = ""


@dataclass
class Answer:
    """An answer on its way into the document, at a path. All of it is on the widgets' loop."""

    live: LiveDocument
    path: Sequence[str]
    asked: Asked
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    stopped: bool = False
    _stream: Stream | None = None
    _thinking_since: float | None = None
    _numbered_at: float = 0.0

    def __post_init__(self) -> None:
        self.live.set(self.path, {**empty(), "abort": self.token})

    def stop(self) -> None:
        """End it, if it has not ended; what has come stays."""
        self.stopped = True
        if self._stream is not None:
            self._stream.reply.cancel()

    async def run(self, llm: Backend, endpoint: Endpoint, places: asyncio.Semaphore) -> Result:
        """Ask as soon as there is a place, and show the answer as it comes."""
        reply, error = Reply(), None
        async with places:
            if not self.stopped:
                self._stream = llm._ask(endpoint, dict(self.asked.body), abort=self.token)
                reply, error = self._stream.reply, await self._receive(self._stream)
        self.stopped |= reply.cancelled or getattr(error, "code", None) == "request_aborted"
        said = None if error is None or self.stopped else error
        self._end(reply, said)
        if said is not None:
            return Result(self.asked, reply, f"{type(said).__name__}: {said.message}")
        return Result(self.asked, reply, STOPPED if self.stopped else None)

    async def _receive(self, stream: Stream) -> OAIKitError | None:
        try:
            async for delta in stream:
                self._take(delta, stream.reply)
        except OAIKitError as exc:
            return exc
        return None

    def _take(self, delta: Delta, reply: Reply) -> None:
        if delta.index:  # there is one answer in a cell
            return
        if self._numbered_at == 0.0:
            self._set("state", "streaming")
        if delta.reasoning:
            self._thinking_since = self._thinking_since or time.perf_counter()
            self.live.append([*self.path, "reasoning"], delta.reasoning)
        elif delta.text or delta.tool_calls:
            self._end_of_thoughts()
        self.live.append([*self.path, "text"], delta.text)
        if (now := time.perf_counter()) > self._numbered_at + _NUMBERS_EVERY_S:
            self._numbered_at = now
            self._set("numbers", numbers(reply))

    def _end_of_thoughts(self) -> None:
        if self._thinking_since is not None:
            self._set("reasoning_s", round(time.perf_counter() - self._thinking_since, 3))
            self._thinking_since = None

    def _end(self, reply: Reply, error: OAIKitError | None) -> None:
        self._end_of_thoughts()
        self._set("finish_reason", reply.finish_reason)
        self._set("model", reply.model)
        self._set("numbers", numbers(reply))
        if error is not None:
            self._set("error", error.message)
        self._set("abort", None)
        self._set("state", "stopped" if self.stopped else "failed" if error else "done")

    def _set(self, key: str, value: Any) -> None:
        self.live.set([*self.path, key], value)


def empty() -> dict[str, Any]:
    """An answer of which nothing has come."""
    return {
        "state": "waiting",
        **dict.fromkeys(("text", "reasoning", "model", "note"), ""),
        **dict.fromkeys(("reasoning_s", "finish_reason", "error", "abort")),
        **dict.fromkeys(("stale", "winner"), False),
        "tool_calls": [],
        "tokens": [],
        "numbers": numbers(Reply()),
    }


def numbers(reply: Reply) -> dict[str, float | int | None]:
    """An answer's numbers as the document has them: seconds, tokens, tokens per second, nats; None: not known."""
    usage = reply.usage
    return {
        "ttft_s": _rounded(reply.ttft_s),
        "tokens_per_s": _rounded(reply.tokens_per_s),
        "prompt_tokens": usage.prompt_tokens or None,
        "completion_tokens": tokens(reply),
        "latency_s": _rounded(reply.latency_s or None),
        "mean_logprob": _rounded(mean_logprob(reply.tokens)),
    }


def tokens(reply: Reply) -> int | None:
    """The tokens of the answer: as the server counted them, or as many as came with log-probabilities."""
    return reply.usage.completion_tokens or len(reply.tokens) or None


def mean_logprob(tokens: Sequence[Token]) -> float | None:
    """In nats, over the tokens whose log-probability is known; None where none is."""
    known = [token.logprob for token in tokens if token.logprob is not None]
    return sum(known) / len(known) if known else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

"""An answer in a cell of a tuning table: from the request to its end, in the document and for the results."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oaikit._stream import Stream
from oaikit.backend import Backend
from oaikit.errors import OAIKitError
from oaikit.reply import Reply, mean_logprob
from oaikit.sampling import Endpoint
from oaikit.widgets import figures
from oaikit.widgets.document import LiveDocument
from oaikit.widgets.incoming import Incoming

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


class Answer:
    """An answer on its way into the document, at a path. All of it is on the widgets' loop.

    ``token`` is the name by which the server can end it.
    """

    def __init__(self, live: LiveDocument, path: Sequence[str], asked: Asked) -> None:
        self.asked, self.token = asked, uuid.uuid4().hex
        self._stopped = False
        self._stream: Stream | None = None
        live.set(path, {**empty(), "abort": self.token})
        self._shown = Incoming(live, path, numbers)

    def stop(self) -> None:
        """End it, if it has not ended; what has come stays."""
        self._stopped = True
        if self._stream is not None:
            self._stream.reply.cancel()

    async def run(self, llm: Backend, endpoint: Endpoint, places: asyncio.Semaphore) -> Result:
        """Ask as soon as there is a place, and show the answer as it comes."""
        reply, error = Reply(), None
        async with places:
            if not self._stopped:
                counted = {"stream_options": figures.COUNTED} if llm.is_vllm else {}
                self._stream = llm.request(endpoint, {**counted, **self.asked.body}, abort=self.token)
                reply, error = self._stream.reply, await self._receive(self._stream)
        stopped = self._stopped or reply.cancelled or getattr(error, "code", None) == "request_aborted"
        said = None if stopped else error
        if said is not None:
            self._shown.set("error", said.message)
        self._shown.set("abort", None)
        self._shown.end(reply, "stopped" if stopped else "failed" if said else "done")
        if said is not None:
            return Result(self.asked, reply, f"{type(said).__name__}: {said.message}")
        return Result(self.asked, reply, STOPPED if stopped else None)

    async def _receive(self, stream: Stream) -> OAIKitError | None:
        try:
            async for delta in stream:
                if not delta.index:  # there is one answer in a cell
                    self._shown.take(delta, stream.reply)
        except OAIKitError as exc:
            return exc
        return None


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


def numbers(reply: Reply) -> figures.Numbers:
    """An answer's numbers as the document has them, with the mean log-probability in nats."""
    return figures.numbers(reply) | {"mean_logprob": figures.rounded(mean_logprob(reply.tokens))}


def tokens(reply: Reply) -> int | None:
    """The tokens of the answer: as the server counted them, or as many as came with log-probabilities."""
    return reply.usage.completion_tokens or len(reply.tokens) or None

"""The widget of ``ok.stream``: columns of answers in one live document."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from oaikit._stream import Stream
from oaikit.errors import OAIKitError
from oaikit.reply import Delta, Reply, Token
from oaikit.transcript import answer_html, numbers, side_by_side
from oaikit.widgets import figures
from oaikit.widgets.companion import Companion
from oaikit.widgets.document import LiveDocument
from oaikit.widgets.incoming import Incoming
from oaikit.widgets.live import Command, LiveWidget, kernel_id
from oaikit.widgets.stream_view import Asked


class StreamWidget(LiveWidget):
    """The columns of a display, and the requests that fill them. The requests begin when it is made.

    ``replies`` are those of the requests, complete or so far.
    """

    def __init__(self, asked: Sequence[Asked]) -> None:
        self.id = uuid.uuid4().hex
        tokens = [uuid.uuid4().hex for _ in asked]
        stop = {"tokens": tokens, "kernel": kernel_id()}
        super().__init__("stream", {"id": self.id, "columns": [_empty(each) for each in asked], "stop": stop})
        self._streams = [
            each.llm.request(each.endpoint, each.body, abort=token)
            for each, token in zip(asked, tokens, strict=True)
        ]
        self.replies = [stream.reply for stream in self._streams]

    def commands(self) -> Mapping[str, Command]:
        return {"stop": self.stop}

    def cancel(self) -> None:
        """Abort all requests; from any thread."""
        for reply in self.replies:
            reply.cancel()

    async def stop(self, column: int | None = None) -> None:
        """The command of the button."""
        for reply in self.replies if column is None else [self.replies[column]]:
            reply.cancel()

    async def run(self, companion: Companion) -> list[Exception | None]:
        """On the widgets' loop: fill the columns. What went wrong with each, or None."""
        columns = [_Column(self.live, index, each) for index, each in enumerate(self._streams)]
        errors = await asyncio.gather(*(column.run() for column in columns))
        self.live.set(["stop"], None)
        self.save()
        companion.update(*self._static())
        return list(errors)

    def _static(self) -> tuple[str, str]:
        """The answers for readers without the widget: HTML and plain text."""
        columns = self.live.state["columns"]
        shown = [(column["label"] or column["prompt"], _column_html(column)) for column in columns]
        html = shown[0][1] if len(shown) == 1 else side_by_side(shown)
        return html, "\n\n".join(column["text"] for column in columns)


class _Column:
    """One answer in the document. All of it runs on the widgets' loop."""

    def __init__(self, live: LiveDocument, index: int, stream: Stream) -> None:
        self._stream = stream
        self._shown = Incoming(live, ("columns", index), figures.numbers)

    async def run(self) -> Exception | None:
        error: Exception | None = None
        try:
            async for delta in self._stream:
                self._take(delta)
        except OAIKitError as exc:
            error = exc
        reply = self._stream.reply
        aborted = reply.cancelled or getattr(error, "code", None) == "request_aborted"
        if aborted:
            reply.cancelled, error = True, None
        elif error is not None:
            self._shown.set("error", str(error))
        self._shown.end(reply, "stopped" if aborted else "failed" if error else "done")
        return error

    def _take(self, delta: Delta) -> None:
        if delta.index:  # further choices are in the reply
            return
        self._shown.take(delta, self._stream.reply)
        self._shown.extend("tokens", [row(token) for token in delta.tokens])
        if delta.tool_calls:
            self._shown.set("tool_calls", [_call(call) for call in self._stream.reply.tool_calls])


def _empty(asked: Asked) -> dict[str, Any]:
    nothing = dict.fromkeys(("reasoning_s", "finish_reason", "error"))
    return {
        "label": asked.label,
        "prompt": asked.prompt,
        "state": "waiting",
        "text": "",
        "reasoning": "",
        "tool_calls": [],
        "tokens": [],
        "model": "",
        "numbers": figures.numbers(Reply()),
        **nothing,
    }


def row(token: Token) -> list[Any]:
    """A token as the documents have it; the alternatives likeliest first."""
    top = sorted(token.top.items(), key=lambda item: -item[1])
    return [token.text, token.logprob, [list(item) for item in top]]


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {
        "id": call["id"],
        "name": function["name"],
        "arguments": function["arguments"],
        "state": "asked",
        "result": None,
    }


def _column_html(column: Mapping[str, Any]) -> str:
    known = {
        name: value for name, value in column["numbers"].items() if name not in ("prompt_tokens", "latency_s")
    }
    state = "" if column["state"] == "done" else column["error"] or column["state"]
    footer = numbers(model=column["model"], finish_reason=column["finish_reason"], state=state, **known)
    return answer_html(
        column["text"], reasoning=column["reasoning"], tool_calls=column["tool_calls"], footer=footer
    )

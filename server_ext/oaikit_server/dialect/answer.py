"""vLLM's answer to one request, as it goes to the client: from ASGI messages to ASGI messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from http import HTTPStatus

from oaikit.engine.call import EVENTS, Message, Send
from oaikit.sampling.requests import CHAT
from oaikit_server.dialect import reasoning
from oaikit_server.dialect.errors import FORM_FAILED, failed_on_form, openai_error, openai_event
from oaikit_server.dialect.request import Resolved
from oaikit_server.raw_output import RAW_OUTPUT, BatchSizes, RawOutput

_JSON = b"application/json"
# Else a cache could keep a stream, and proxies such as nginx would collect it into lumps.
_NOT_HELD_BACK = {b"cache-control": b"no-cache", b"x-accel-buffering": b"no"}
_CUT_OFF = b'"finish_reason":"length"'


class Answer:
    """Takes the messages of vLLM's app in their order, and gives those for the client."""

    def __init__(
        self,
        resolved: Resolved | None = None,
        raw: BatchSizes | None = None,
        cut_off: Callable[[], object] | None = None,
        *,
        has_form: bool = False,
        warnings: Sequence[str] = (),
    ) -> None:
        """Begin an answer.

        Args:
            resolved: The request as it was resolved; None on routes that are passed on as they are.
            raw: How a stream is cut into lines of JSON lists; None for server-sent events.
            cut_off: Called if the answer ends at a limit of tokens that the request did not ask for.
            has_form: Whether the answer is held to a form (a schema, a grammar), which it may be impossible to meet.
            warnings: What the client is told in the header ``x-oaikit-warning``, in ASCII.
        """
        self._has_form = has_form
        self._resolved, self._sizes, self._cut_off = resolved, raw, cut_off
        self._defaulted = resolved is not None and resolved.defaulted_max_tokens is not None
        self._is_chat = resolved is not None and resolved.endpoint == CHAT
        self._prompt = resolved.prompt if resolved is not None else None
        self._headers = {b"x-oaikit-warning": "; ".join(warnings).encode()} if warnings else {}
        self._status = 0
        self._gathered: list[bytes] | None = None  # of an answer that is changed as a whole
        self._raw: RawOutput | None = None
        self._is_stream = False  # known when the start has been taken
        self._start: Message | None = None

    def sending(self, send: Send) -> Send:
        """Return the ``send`` for vLLM's app, which gives ``send`` the client's messages."""

        async def translate(message: Message) -> None:
            for translated in self.take(message):
                await send(translated)

        return translate

    def take(self, message: Message) -> list[Message]:
        """What the client gets for a message; nothing while it is kept back."""
        if message["type"] == "http.response.start":
            return self._begin(message)
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._gathered is not None:
            self._gathered.append(body)
            return [] if more else self._whole(b"".join(self._gathered))
        return [{**message, "body": self._part(body, more)}]

    def _begin(self, message: Message) -> list[Message]:
        status, headers = message["status"], {**dict(message["headers"]), **self._headers}
        # vLLM says "not implemented" where a request asks for what this model or engine can't do.
        self._status = HTTPStatus.BAD_REQUEST if status == HTTPStatus.NOT_IMPLEMENTED else status
        content_type = headers.get(b"content-type", b"")
        self._is_stream = content_type.startswith(EVENTS)
        if self._status >= HTTPStatus.BAD_REQUEST:
            headers[b"content-type"] = _JSON
            self._gathered = []
        elif not self._is_stream and self._resolved is not None:
            self._gathered = []
        elif self._is_stream and self._sizes is not None and self._resolved is not None:
            self._raw = RawOutput(self._sizes)
            headers[b"content-type"] = RAW_OUTPUT
        if self._is_stream:
            headers |= _NOT_HELD_BACK
        if self._is_stream and self._defaulted:  # its end isn't known when its headers are sent
            headers |= self._limit_header("ends")
        if self._gathered is not None or self._raw is not None:
            headers.pop(b"content-length", None)  # of what vLLM has sent
        start = {**message, "status": int(self._status), "headers": list(headers.items())}
        if self._gathered is None:
            return [start]
        self._start = start
        return []

    def _part(self, body: bytes, more: bool) -> bytes:
        """A part of an answer that is passed on as it comes."""
        if not self._is_stream:
            return body
        if self._defaulted and _CUT_OFF in body:
            self._tell()
        events = openai_event(body, prompt=self._prompt, has_form=self._has_form)
        if self._is_chat:
            events = reasoning.in_events(events)
        if self._raw is None:
            return events
        return self._raw.feed(events) + (b"" if more else self._raw.close())

    def _whole(self, body: bytes) -> list[Message]:
        assert self._start is not None
        if self._has_form and failed_on_form(self._status, body):
            self._status = self._start["status"] = int(HTTPStatus.BAD_REQUEST)
            body = FORM_FAILED
        if self._status >= HTTPStatus.BAD_REQUEST:
            body = openai_error(self._status, body, prompt=self._prompt)
        else:
            assert self._resolved is not None
            if self._resolved.candidates:
                body = json.dumps(self._resolved.choose(json.loads(body)), separators=(",", ":")).encode()
            if self._is_chat:
                body = reasoning.in_whole_answer(body)
            if self._defaulted and _CUT_OFF in body:
                self._start["headers"] += self._limit_header("ended").items()
                self._tell()
        self._start["headers"].append((b"content-length", str(len(body)).encode()))
        return [self._start, {"type": "http.response.body", "body": body, "more_body": False}]

    def _limit_header(self, verb: str) -> dict[bytes, bytes]:
        assert self._resolved is not None
        text = (
            f"max_tokens was not given: the answer {verb} after {self._resolved.defaulted_max_tokens} tokens"
        )
        return {b"x-oaikit-max-tokens": text.encode()}

    def _tell(self) -> None:
        self._defaulted = False
        if self._cut_off is not None:
            self._cut_off()

"""One request to the engine's ASGI app, on the engine's loop."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from oaikit.engine.lifecycle import crashed
from oaikit.errors import EngineError, OAIKitError

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]

# How long the app has to notice a disconnect by itself, before its task is cancelled.
_DISCONNECT_GRACE_S = 1.0
# How long a client that does not read may keep the last message of its request waiting.
_LAST_MESSAGE_S = 60.0

log = logging.getLogger("oaikit.engine")


def http_scope(method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """An ASGI HTTP scope (https://asgi.readthedocs.io/en/latest/specs/www.html).

    ``spec_version`` 2.3 makes starlette listen for disconnects while it streams; from 2.4 on it would notice them
    only when it sends, which is too late for a request that waits for its first token.
    """
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }


EVENTS = b"text/event-stream"
"""The content type of server-sent events."""

# The start of the event with which vLLM ends a stream that failed.
ERROR_EVENT = b'data: {"error"'


def sse_error(error: OAIKitError) -> bytes:
    """The end of a stream that failed: an error event, and the ``[DONE]`` that clients wait for."""
    return b"data: " + json.dumps(error.body()).encode() + b"\n\ndata: [DONE]\n\n"


async def send_error(send: Send, error: OAIKitError) -> None:
    """Answer with an error where nothing of an answer has been sent yet."""
    headers = [(name.lower().encode(), value.encode()) for name, value in error.headers().items()]
    headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    body = json.dumps(error.body()).encode()
    await send({"type": "http.response.body", "body": body, "more_body": False})


class Call:
    """Runs the app for one request, and answers in its place when the engine cannot.

    Everything but the constructor belongs to the engine's loop. ``send`` receives ASGI messages and must take the start
    of a response without waiting. Whatever happens, the last message has ``more_body`` False: a stream never ends
    silently. The engine's request is released at once, however long the client takes to read the error.
    """

    def __init__(self, scope: dict[str, Any], body: bytes, send: Send) -> None:
        self._scope, self._out = scope, send
        self._body: bytes | None = body
        self._disconnected = asyncio.Event()  # as the app sees it
        self._task: asyncio.Task[None] | None = None  # runs the app; None before and after that
        self._grace: asyncio.TimerHandle | None = None
        self._error: asyncio.Task[None] | None = None  # sends the error that ends the request
        self._started = self._complete = self._is_stream = False

    async def run(
        self, app: Callable[..., Awaitable[None]], cause_of_death: Callable[[], str | None]
    ) -> None:
        """Let the app answer; if it fails, answer for it. ``cause_of_death`` says why the engine is dead, if it is."""
        self._cause_of_death = cause_of_death
        if not self._disconnected.is_set():
            await self._run(app)
        await self.refuse(EngineError("the engine failed on this request; see Jupyter's log"))

    async def _run(self, app: Callable[..., Awaitable[None]]) -> None:
        self._task = asyncio.current_task()
        try:
            await app(self._scope, self._receive, self._send_of_app)
        except asyncio.CancelledError:
            if not self._disconnected.is_set():
                raise
        except Exception:
            log.exception("the request %s to %s failed", self._request_id(), self._scope["path"])
        finally:
            self._task = None
            if self._grace is not None:
                self._grace.cancel()

    async def refuse(self, error: OAIKitError) -> None:
        """Answer with an error, unless the answer is complete or another error has been sent.

        Returns when the client's side has taken the error, or has had time enough for it.
        """
        if self._complete:
            return
        if self._error is None:
            self._error = asyncio.create_task(self._send_error(error))
        await asyncio.wait([self._error], timeout=_LAST_MESSAGE_S)
        self._error.cancel()

    def disconnect(self) -> None:
        """The client went away: nothing more is sent, and the app aborts the engine's request."""
        self._complete = True
        if self._error is not None:
            self._error.cancel()
        self._release()

    async def fail(self, error: OAIKitError) -> None:
        """End the request with an error. The engine's request is released before the client reads anything."""
        if not self._complete:
            self._release()
            await self.refuse(error)

    def _release(self) -> None:
        """Tell the app that the client is gone, and cancel it if it takes no notice."""
        self._disconnected.set()
        if self._task is not None and self._grace is None:
            self._grace = asyncio.get_running_loop().call_later(_DISCONNECT_GRACE_S, self._task.cancel)

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._disconnected.wait()
        return {"type": "http.disconnect"}

    async def _send_of_app(self, message: Message) -> None:
        """Pass on a message of the app. If the engine died, all that the app knows is an internal error."""
        if self._complete or self._error is not None:
            return
        failed = message.get("status", 0) >= 500 or message.get("body", b"").startswith(ERROR_EVENT)
        if failed and (cause := self._cause_of_death()):
            await self.fail(crashed(cause))
        else:
            await self._send(message)

    async def _send_error(self, error: OAIKitError) -> None:
        try:
            if not self._started:
                await send_error(self._send, error)
                return
            body = sse_error(error) if self._is_stream else b""
            await self._send({"type": "http.response.body", "body": body, "more_body": False})
        except Exception:
            log.exception("the error of request %s could not be sent", self._request_id())

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._out(message)
            self._started = True
            self._is_stream = any(
                name.lower() == b"content-type" and value.startswith(EVENTS)
                for name, value in message["headers"]
            )
            return
        if not message.get("more_body", False):
            self._complete = True
        await self._out(message)

    def _request_id(self) -> str:
        return next((value.decode() for name, value in self._scope["headers"] if name == b"x-request-id"), "")

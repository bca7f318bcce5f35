"""The dialect as ASGI 3 middleware, so that any ASGI server can host vLLM's app with it.

Jupyter's handlers use its parts one by one: there a request waits for its turn between being translated and being
answered.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from oaikit.engine.call import Message, Receive, Send, send_error
from oaikit.errors import OAIKitError, RequestTooLargeError
from oaikit_server.dialect.answer import Answer
from oaikit_server.dialect.request import Policy
from oaikit_server.dialect.translation import Translation, is_json, translate
from oaikit_server.json_body import json_object
from oaikit_server.raw_output import BatchSizes

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Longer bodies (bytes) are translated on another thread, so that streams go on meanwhile.
_SHORT = 50_000


class Dialect:
    """vLLM's app as OpenAI's clients expect it.

    Requests are checked and filled in before the app gets them, and its answers and errors have OpenAI's shape.
    Authentication, limits for the number of requests and comments in silent streams are left to the host.
    """

    def __init__(
        self,
        app: App,
        policy: Callable[[], Policy],
        *,
        max_body_size: int,
        raw: BatchSizes | None = None,
        cut_off: Callable[[], object] | None = None,
    ) -> None:
        """Wrap an app.

        Args:
            app: vLLM's app.
            policy: Returns what the server's owner has set, and what is known of the model. It is called for each
                request.
            max_body_size: The largest body that a request may have, bytes.
            raw: How streams of chats and completions are cut into lines of JSON lists; None for server-sent events.
            cut_off: Called if an answer ends at a limit of tokens that its request did not ask for.
        """
        self._app, self._policy = app, policy
        self._max_body_size = max_body_size
        self._raw, self._cut_off = raw, cut_off

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. What is not HTTP goes to the app as it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._body(receive)
            if body is None:  # the client went away
                return
            body, answer = await self._translated(scope, body)
        except OAIKitError as exc:
            await send_error(send, exc)
            return
        headers = [(name, value) for name, value in scope["headers"] if name.lower() != b"content-length"]
        if body:
            headers.append((b"content-length", str(len(body)).encode()))
        await self._app({**scope, "headers": headers}, _replayed(body, receive), answer.sending(send))

    async def _body(self, receive: Receive) -> bytes | None:
        """Return the whole body, or None if the client goes away before it has come.

        Raises:
            RequestTooLargeError: It is too large.
        """
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._max_body_size:
                raise RequestTooLargeError(f"the body is larger than {self._max_body_size} bytes")
        return bytes(body)

    async def _translated(self, scope: Scope, body: bytes) -> tuple[bytes, Answer]:
        path = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
        content_type = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
        if scope["method"] != "POST" or not is_json(path, content_type, body):
            return body, Answer()

        def translated() -> tuple[bytes, Translation]:
            translation = translate(path, json_object(body), self._policy(), self._raw, self._cut_off)
            return json.dumps(translation.body).encode(), translation

        sent, translation = translated() if len(body) < _SHORT else await asyncio.to_thread(translated)
        return sent, translation.answer


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives a body, and then what the host gives."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay

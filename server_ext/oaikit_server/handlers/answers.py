"""The routes that vLLM's own app answers."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import allow_unauthenticated

from oaikit._distribution import installed_version
from oaikit.errors import InvalidRequestError, RequestAbortedError
from oaikit.sampling.length import characters
from oaikit.sampling.requests import BOTH, CHAT, COMPLETIONS, Endpoint
from oaikit_server.aborts import HEADER
from oaikit_server.bridge import Bridge
from oaikit_server.handlers.base import OAIKitHandler
from oaikit_server.json_body import json_object
from oaikit_server.keys import Scope
from oaikit_server.limits import Gate, Place

if TYPE_CHECKING:
    from oaikit_server.dialect import Answer

# The dialect is imported where it is used first: its tables take tens of milliseconds of Jupyter's start.

# What vLLM's app may be asked, under the paths that it has there. Its administrative and development routes (LoRA
# loading, sleep, profiling, elastic scaling, raw token generation, /invocations) stay closed.
VLLM_ROUTES = (
    r"v1/chat/completions/batch",
    r"v1/models",
    r"v1/embeddings",
    r"v1/responses(?:/resp_[\w-]+(?:/cancel)?)?",
    r"v1/messages(?:/count_tokens)?",
    r"v1/audio/(?:transcriptions|translations)",
    r"v[12]/rerank",
    r"(?:v1/)?score",
    r"(?:v1/)?rerank",
    r"pooling",
    r"classify",
    r"tokenize",
    r"detokenize",
)
# These two are resolved: checked, filled in, and translated back.
RESOLVED_ROUTES = tuple(f"v1/{endpoint}" for endpoint in BOTH)
# Those that the model has no part in. They are open to more keys.
_READING = frozenset({"v1/models", "tokenize", "detokenize"})


# Requests with more text than this (characters) are answered one at a time: vLLM tokenizes all prompts in one thread,
# and so nobody waits for more than one of them.
_LONG = 1_000_000

_ABORTED = "the request was ended through oaikit/api/abort"


class VLLMHandler(OAIKitHandler):
    """A request that vLLM's own app answers, passed on as it is."""

    _gone = False
    _bridge: Bridge | None = None
    _work: asyncio.Task[None] | None = None
    _aborted = False

    def initialize(self) -> None:
        """Called by tornado for each request."""
        self._places: list[Place] = []

    def scopes(self) -> frozenset[Scope]:
        """To read, or to infer."""
        return frozenset({Scope.READ if self.path_args[0] in _READING else Scope.INFER})

    @allow_unauthenticated
    async def get(self, path: str) -> None:
        """Pass the request on, when it is its turn."""
        name = self.request.headers.get(HEADER)
        if name is None:
            await self._take_turn(path)
            return
        self._work = asyncio.ensure_future(self._take_turn(path))
        try:
            with self.service.aborts.entered(name, self._key, self._abort):
                await self._work
        except asyncio.CancelledError:
            if not self._aborted:
                raise
            raise RequestAbortedError(_ABORTED) from None
        finally:
            self._work.cancel()

    def _abort(self) -> None:
        """Somebody wants this request ended."""
        self._aborted = True
        if self._bridge is not None:
            self._bridge.abort(RequestAbortedError(_ABORTED))
        elif self._work is not None:  # it waits for its turn, or for the model
            self._work.cancel()

    async def _take_turn(self, path: str) -> None:
        if path == "v1/models":  # no work, so it is not counted
            await self._answer(path)
            return
        try:
            if await self._let_in(self.service.gate):
                await self._answer(path)
        finally:
            self._leave()

    async def _let_in(self, gate: Gate) -> bool:
        """Wait for a place. False: the client went away meanwhile."""
        place = gate.enter()
        self._places.append(place)
        return await place.granted()

    def _leave(self) -> None:
        for place in self._places:
            place.leave()

    async def _let_text_in(self, asked: Any) -> bool:
        """Wait for the turn of a request with much text."""
        if len(self._kept or b"") <= _LONG or await self.off_loop(characters, asked) <= _LONG:
            return True
        return await self._let_in(self.service.long_texts)

    post = get

    async def _answer(self, path: str) -> None:
        # A body that is not JSON is refused before anything is waited for.
        asked = await self._asked(path)
        await self.service.until_ready()
        from oaikit_server import dialect

        body, answer = self.body, dialect.Answer()
        if asked is not None:
            service = self.service
            translation = await self.off_loop(
                dialect.translate, path, asked, service.policy(), service.raw_output, self._was_cut_off
            )
            if not await self._let_text_in(asked):
                return
            body = (await self.off_loop(json.dumps, translation.body)).encode()
            answer = translation.answer
        await self._forward(path, body, answer)

    async def _asked(self, path: str) -> dict[str, Any] | None:
        """The body of the request, or None if it has none that is read as JSON."""
        from oaikit_server import dialect

        if not dialect.is_json(path, self.request.headers.get("Content-Type", ""), self.body):
            return None
        return await self.off_loop(json_object, self.body)

    def _was_cut_off(self) -> None:
        self.service.tell_of_default(self.client)

    async def _forward(self, path: str, body: bytes, answer: Answer) -> None:
        if not self._gone:
            service = self.service
            self._bridge = Bridge(self, service.host, service.turn, service.write_timeout_s, answer)
            await self._bridge.forward(f"/{path}", self.request_id, body)

    def on_connection_close(self) -> None:
        """The client went away: its place is free, and the engine's request is aborted."""
        super().on_connection_close()
        self._gone = True
        self._leave()
        if self._bridge is not None:
            self._bridge.disconnect()


class CompletionHandler(VLLMHandler):
    """``POST v1/chat/completions`` and ``v1/completions``: resolved, answered by vLLM's app, translated back."""

    get = OAIKitHandler.get
    post = VLLMHandler.get


class AbortHandler(OAIKitHandler):
    """``POST oaikit/api/abort``: end the requests that were sent with a name."""

    def scopes(self) -> frozenset[Scope]:
        """Whoever may ask may stop asking: with a key only what was asked with it."""
        return frozenset({Scope.INFER})

    @allow_unauthenticated
    async def post(self) -> None:
        """How many requests of that name were in flight: none, if it has just ended."""
        name = (await self.off_loop(json_object, self.body, {"token"})).get("token")
        if not isinstance(name, str):
            raise InvalidRequestError(
                f"token must be what a request has in its header {HEADER}", param="token"
            )
        self.finish_json({"aborted": self.service.aborts.abort(name, self._key)})


class ExplainHandler(OAIKitHandler):
    """``POST oaikit/api/explain``: what a request to one of the two endpoints comes to, without asking the model."""

    def scopes(self) -> frozenset[Scope]:
        """Whoever may ask for answers, or look."""
        return frozenset({Scope.READ, Scope.INFER})

    @allow_unauthenticated
    async def post(self) -> None:
        """The effective parameters and where each comes from. ``messages`` make it a chat."""
        from oaikit_server import dialect

        body = await self.off_loop(json_object, self.body)
        endpoint: Endpoint = CHAT if "messages" in body else COMPLETIONS
        resolved = await self.off_loop(dialect.resolve, endpoint, body, self.service.policy())
        self.finish_json(resolved.explain())


class DescriptionHandler(OAIKitHandler):
    """``GET oaikit/openapi.json``: what is served here, in OpenAPI's terms."""

    def scopes(self) -> frozenset[Scope]:
        """Whoever may look."""
        return frozenset({Scope.READ})

    @allow_unauthenticated
    def get(self) -> None:
        """OpenAPI 3.1."""
        from oaikit_server import openapi

        self.finish_json(
            openapi.description(self.base_url, self.service.policy().limits, installed_version())
        )

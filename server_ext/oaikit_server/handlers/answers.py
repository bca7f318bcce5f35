"""The routes that vLLM's own app answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_server.auth.decorator import allow_unauthenticated

from oaikit._distribution import installed_version
from oaikit.errors import InvalidRequestError, RequestAbortedError
from oaikit.sampling.requests import BOTH, CHAT, COMPLETIONS, Endpoint
from oaikit_server.aborts import HEADER
from oaikit_server.bridge import Bridge
from oaikit_server.handlers.base import OAIKitHandler, json_object
from oaikit_server.keys import Scope
from oaikit_server.limits import Place

if TYPE_CHECKING:
    from oaikit_server.dialect import Answer

# The dialect is imported where it is used first: its tables take tens of milliseconds of Jupyter's start.

# What vLLM's app may be asked, under the paths that it has there. Its administrative and development routes (LoRA
# loading, sleep, profiling, elastic scaling, raw token generation, /invocations) stay closed.
VLLM_ROUTES = (
    r"v1/chat/completions/(?:batch|render)",
    r"v1/completions/render",
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
# Those that the model has no part in. They are open to more keys, and are not counted.
_READING = frozenset({"v1/models", "tokenize", "detokenize"})


# Longer bodies (bytes) are read and checked on another thread: Jupyter's loop would wait for milliseconds.
_SHORT = 50_000

_ABORTED = "the request was ended through oaikit/api/abort"

_T = TypeVar("_T")


class VLLMHandler(OAIKitHandler):
    """A request that vLLM's own app answers, passed on as it is."""

    _gone = False
    _bridge: Bridge | None = None
    _place: Place | None = None
    _work: asyncio.Task[None] | None = None
    _aborted = False

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
        if path in _READING:
            await self._answer(path)
            return
        self._place = self.service.gate.enter()
        try:
            if await self._place.granted():
                await self._answer(path)
        finally:
            self._place.leave()

    post = get

    async def _answer(self, path: str) -> None:
        await self.service.until_ready()
        from oaikit_server import dialect

        body = self.body
        # vLLM reads JSON under more than one spelling of its type; what it takes besides are forms with files.
        if body and not self.request.headers.get("Content-Type", "").lower().startswith("multipart/"):
            asked = await self._off_loop(json_object, body)
            passed = await self._off_loop(dialect.pass_on, path, asked, self.service.policy())
            if passed.warnings:
                self.set_header("x-oaikit-warning", "; ".join(passed.warnings))
            body = (await self._off_loop(json.dumps, passed.body)).encode()
        await self._forward(path, body, dialect.Answer())

    async def _off_loop(self, function: Callable[..., _T], *args: Any) -> _T:
        if len(self._kept or b"") < _SHORT:
            return function(*args)
        return await asyncio.to_thread(function, *args)

    async def _forward(self, path: str, body: bytes, answer: Answer) -> None:
        if not self._gone:
            service = self.service
            self._bridge = Bridge(self, service.host, service.turn, service.write_timeout_s, answer)
            await self._bridge.forward(f"/{path}", self.request_id, body)

    def on_connection_close(self) -> None:
        """The client went away: its place is free, and the engine's request is aborted."""
        super().on_connection_close()
        self._gone = True
        if self._place is not None:
            self._place.leave()
        if self._bridge is not None:
            self._bridge.disconnect()


class CompletionHandler(VLLMHandler):
    """``POST v1/chat/completions`` and ``v1/completions``: resolved, answered by vLLM's app, translated back."""

    get = OAIKitHandler.get
    post = VLLMHandler.get

    async def _answer(self, path: str) -> None:
        # What is no JSON is refused before anything is waited for.
        asked = await self._off_loop(json_object, self.body)
        await self.service.until_ready()
        from oaikit_server import dialect

        endpoint: Endpoint = CHAT if path == f"v1/{CHAT}" else COMPLETIONS
        resolved = await self._off_loop(dialect.resolve, endpoint, asked, self.service.policy())
        if resolved.warnings:
            self.set_header("x-oaikit-warning", "; ".join(resolved.warnings))
        body = await self._off_loop(json.dumps, resolved.body)
        answer = dialect.Answer(resolved, self.service.raw_output, self._was_cut_off)
        await self._forward(path, body.encode(), answer)

    def _was_cut_off(self) -> None:
        self.service.tell_of_default(self.client)


class AbortHandler(OAIKitHandler):
    """``POST oaikit/api/abort``: end the requests that were sent with a name."""

    def scopes(self) -> frozenset[Scope]:
        """Whoever may ask may stop asking: with a key only what was asked with it."""
        return frozenset({Scope.INFER})

    @allow_unauthenticated
    def post(self) -> None:
        """How many requests of that name were in flight: none, if it has just ended."""
        name = json_object(self.body, {"token"}).get("token")
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

        body = json_object(self.body)
        endpoint: Endpoint = CHAT if "messages" in body else COMPLETIONS
        self.finish_json(dialect.resolve(endpoint, body, self.service.policy()).explain())


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

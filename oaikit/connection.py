"""A model behind an OpenAI-compatible URL, found or given."""

from __future__ import annotations

import asyncio
import os
import re
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from oaikit import progress, settings, status_card
from oaikit._body import BESIDE_V1, WHOLE_CONTEXT, Route
from oaikit._loop import LoopThread
from oaikit._openai_errors import check_redirects, translated
from oaikit._stream import Stream, parse_answer
from oaikit._url import base_url
from oaikit.backend import Backend, prepared
from oaikit.errors import (
    AuthenticationError,
    EngineError,
    EngineFailedError,
    InvalidRequestError,
    NotFoundError,
    OAIKitError,
    ServerNotFoundError,
    from_body,
)
from oaikit.sampling import BOTH, CHAT

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

_SUFFIX = "oaikit/v1"
_POLL_S = 0.5  # between two looks at a load
_CARD_S = 1.0  # how long a card waits for the server
_CLIENTS = LoopThread("oaikit-client")
_CLIENT_NAMES = ("openai", "async_openai", "_client")
_CONNECTIONS: weakref.WeakSet[Connection] = weakref.WeakSet()


def connect(
    url: str | None = None,
    *,
    api_key: str | None = None,
    model: str | None = None,
    runpod: str | None = None,
) -> Connection:
    """Connect to the engine of this Jupyter server, to any OpenAI-compatible URL, or to an endpoint at RunPod.

    Without a URL: the server that started this kernel or terminal; else the server that ``OPENAI_BASE_URL`` names;
    else the first running Jupyter server of this user that has oaikit.

    Args:
        url: The base URL, ending in ``/v1``. A user name and a password in it are sent as HTTP Basic authentication,
            and are shown nowhere.
        api_key: Its key; by default ``OPENAI_API_KEY``.
        model: The model that is asked unless a call names another; by default the first that the server lists.
        runpod: The id of a serverless endpoint of RunPod's vLLM worker, in place of the URL. Its key is
            ``RUNPOD_API_KEY``, unless one is given.

    Raises:
        ServerNotFoundError: There is no such server.
        AuthenticationError: There is no key for RunPod.
        InvalidRequestError: The URL or the id is malformed, or both are given.
    """
    if runpod is not None:
        if url is not None:
            raise InvalidRequestError("give a URL or the id of a RunPod endpoint, not both", param="runpod")
        return _connect_runpod(runpod, api_key, model)
    if url is not None:
        if api_key is None and base_url(url).authorization is None:
            api_key = settings.openai_key()
        return Connection(url, api_key or "", model)
    found = settings.announced_server() or _running_server()
    if found is None:
        raise ServerNotFoundError(
            "no Jupyter server with oaikit is running; start one with: jupyter lab --OAIKit.model=NAME, "
            "or give the URL of an OpenAI-compatible server"
        )
    return Connection(found[0], found[1] if api_key is None else api_key, model)


def _connect_runpod(
    endpoint: str, api_key: str | None, model: str | None, base: str = "https://api.runpod.ai"
) -> Connection:
    """https://docs.runpod.io/serverless/vllm/openai-compatibility: the layout of the URL, and whose key it wants."""
    if not re.fullmatch(r"[\w-]+", endpoint, re.ASCII):
        raise InvalidRequestError(
            f"{endpoint!r} is no id of a RunPod endpoint; it stands in the console, and in its URL after /v2/",
            param="runpod",
        )
    key = settings.runpod_key() if api_key is None else api_key
    if not key:
        raise AuthenticationError(
            "RunPod wants a RunPod API key, not an OpenAI key: set RUNPOD_API_KEY, or give it as api_key"
        )
    return Connection(f"{base}/v2/{endpoint}/openai/v1", key, model)


def _running_server() -> tuple[str, str] | None:
    """The first of this user's Jupyter servers that answers under ``oaikit/v1``: its URL and token."""
    from jupyter_server.serverapp import list_running_servers
    from openai import OpenAI, OpenAIError

    for server in list_running_servers():
        url, token = f"{server['url']}{_SUFFIX}", server.get("token") or ""
        try:
            OpenAI(
                base_url=f"{server['url']}oaikit/api", api_key=token or "none", timeout=2, max_retries=0
            ).get("/status", cast_to=object)
        except OpenAIError:
            continue
        return url, token
    return None


class Connection(Backend):
    """A model behind a URL; see `connect`.

    ``openai`` and ``async_openai`` are stock clients, configured.
    """

    def __init__(self, url: str, api_key: str = "", model: str | None = None) -> None:
        self.url, self._basic = base_url(url)
        if self._basic and api_key:
            raise InvalidRequestError(
                "the URL has a user name, and there is an API key: a request has room for one of them",
                param="api_key",
            )
        # OpenAI's clients refuse an empty key. Servers without keys ignore it.
        self._api_key = api_key or "none"
        self._model = model
        self._contexts: dict[str, int | None] = {}  # tokens, by the model's name
        _CONNECTIONS.add(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies, and those that are sent to another process, open connections of their own."""
        return Connection, (self.url, self._api_key, self._model), {"_basic": self._basic}

    def __repr__(self) -> str:
        return f"Connection({self.url!r})"

    @property
    def model(self) -> str:
        """The model that is asked unless a call names another: the one given, else the first that is listed."""
        return _CLIENTS.run(self._default_model())

    async def amodel(self) -> str:
        """`model`, awaited."""
        return await asyncio.wrap_future(_CLIENTS.submit(self._default_model()))

    @property
    def is_oaikit(self) -> bool:
        """Whether this is a server of oaikit, by its URL: it has a status, and can be told to end a request."""
        return self.url.endswith(_SUFFIX)

    @property
    def is_own_server(self) -> bool:
        """Whether this is the Jupyter server that started this kernel or terminal."""
        own = settings.announced_server()
        return self.is_oaikit and own is not None and own[0].rstrip("/") == self.url

    @property
    def is_vllm(self) -> bool:
        return self.is_oaikit

    @property
    def authorization(self) -> str:
        """The value of the ``Authorization`` header of each request."""
        return self._basic or f"Bearer {self._api_key}"

    def request(self, endpoint: Route, body: Mapping[str, Any], *, abort: str | None = None) -> Stream:
        sent = prepared(endpoint, body)
        streamed = bool(sent.get("stream"))
        return Stream(lambda: self._events(endpoint, sent, abort), _CLIENTS, streamed=streamed)

    def context_length(self, model: str | None = None) -> int | None:
        return _CLIENTS.run(self._listed_context(model))

    def models(self) -> list[str]:
        """The names that the server lists."""
        return _CLIENTS.run(self._models())

    def status(self) -> dict[str, Any]:
        """The engine's state, as ``oaikit/api/status`` gives it (state, model, device, progress, error, …).

        Raises:
            NotFoundError: the server is not one of oaikit's.
        """
        return _CLIENTS.run(self._get_api("status"))

    async def amodels(self) -> list[str]:
        """`models`, awaited."""
        return await asyncio.wrap_future(_CLIENTS.submit(self._models()))

    async def astatus(self) -> dict[str, Any]:
        """`status`, awaited."""
        return await asyncio.wrap_future(_CLIENTS.submit(self._get_api("status")))

    def load(self, model: str, *, wait: bool = True, **engine_args: Any) -> dict[str, Any]:
        """Load a model in place of the one that is loaded, and wait for it with a bar that names the phase.

        An interrupt ends the waiting, not the load. Whoever asks needs Jupyter's own token or a key that may ``admin``
        (``ok.connect(api_key=…)``): the one that notebooks have may only infer, for everybody uses the same engine.

        Parameters: a Hugging Face name or a path (``"oaikit-demo"``: the built-in model), whether to wait, and any of
        vLLM's engine arguments.

        Returns:
            The status, as `status` gives it.

        Raises:
            PermissionDeniedError: the key may not do that.
            EngineArgumentError: vLLM has no argument of that name.
            EngineFailedError: vLLM could not start; the message has the cause.
        """
        return _CLIENTS.run(self._load(model, engine_args, wait))

    async def aload(self, model: str, *, wait: bool = True, **engine_args: Any) -> dict[str, Any]:
        """`load`, awaited."""
        return await asyncio.wrap_future(_CLIENTS.submit(self._load(model, engine_args, wait)))

    def unload(self) -> dict[str, Any]:
        """Stop the engine and free the device, until somebody loads a model; see `load` for who may."""
        return _CLIENTS.run(self._post_api("unload", {}))

    async def aunload(self) -> dict[str, Any]:
        """`unload`, awaited."""
        return await asyncio.wrap_future(_CLIENTS.submit(self._post_api("unload", {})))

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """A card: model, device, state, requests, use of the KV cache, tokens per second."""
        return status_card.bundle(self.url, *_CLIENTS.run(self._for_card()))

    def _ipython_display_(self) -> None:
        """Show the card, and keep it up to date while a model loads."""
        status_card.show(self.url, lambda: _CLIENTS.run(self._for_card()))

    def close(self) -> None:
        """Close the connections that are kept open. The next call opens others."""
        own, sync = self.__dict__.pop("_client", None), self.__dict__.pop("openai", None)
        if own is not None:
            _CLIENTS.submit(own.close()).result()
        if sync is not None:
            sync.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @cached_property
    def openai(self) -> OpenAI:
        """A stock client for this server."""
        from openai import OpenAI

        return OpenAI(base_url=self.url, api_key=self._api_key, default_headers=self._client_headers)

    @cached_property
    def async_openai(self) -> AsyncOpenAI:
        """A stock asynchronous client for this server."""
        return self._new_client()

    @cached_property
    def _client(self) -> AsyncOpenAI:
        """The client of this connection's own loop; clients must not change loops."""
        return self._new_client()

    def _new_client(self) -> AsyncOpenAI:
        from openai import AsyncOpenAI

        return AsyncOpenAI(base_url=self.url, api_key=self._api_key, default_headers=self._client_headers)

    @property
    def _client_headers(self) -> dict[str, str]:
        """What a client cannot make of the key."""
        return {"Authorization": self._basic} if self._basic else {}

    async def _default_model(self) -> str:
        if self._model is None:
            names = await self._models()
            if not names:
                raise NotFoundError(f"{self.url} lists no model: load one first")
            self._model = names[0]
        return self._model

    async def _models(self) -> list[str]:
        listed = await self._api(self._client.get("/models", cast_to=object))
        entries = listed.get("data")
        if not isinstance(entries, list):
            raise NotFoundError(f"{self.url} has no list of models; is it an API's base URL, ending in /v1?")
        listed_models = [entry for entry in entries if isinstance(entry, dict) and "id" in entry]
        self._contexts = {str(entry["id"]): entry.get("max_model_len") for entry in listed_models}
        return [str(entry["id"]) for entry in listed_models]

    async def _context_of(self, model: str) -> int | None:
        """The most tokens to ask a model for; None where nothing is to be said, because the server sets no limit.

        oaikit's servers cut it to what is left of the context. Others refuse more than is left.
        """
        return await self._listed_context(model) if self.is_oaikit else None

    async def _listed_context(self, model: str | None) -> int | None:
        name = model or await self._default_model()
        if name not in self._contexts:
            await self._models()
        return self._contexts.get(name)

    async def _get_api(self, name: str, *, retry: bool = True) -> dict[str, Any]:
        client = self._client if retry else self._client.with_options(max_retries=0)
        return await self._api(client.get(self._api_url(name), cast_to=object))

    async def _post_api(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        return await self._api(self._client.post(self._api_url(name), cast_to=object, body=body))

    def _api_url(self, name: str) -> str:
        if not self.is_oaikit:
            raise NotFoundError(f"{self.url} is not a server of oaikit's")
        return f"{self.url.removesuffix('v1')}api/{name}"

    async def _api(self, request: Awaitable[object]) -> dict[str, Any]:
        from openai import OpenAIError

        try:
            answer = await request
        except OpenAIError as exc:
            raise translated(exc, self.url) from None  # the sentence has all that the client knows
        if not isinstance(answer, dict):
            raise from_body(200, answer)
        return answer

    async def _load(self, model: str, engine_args: dict[str, Any], wait: bool) -> dict[str, Any]:
        status = await self._post_api("load", {"model": model, "engine_args": engine_args})
        self._model, self._contexts = None, {}  # the names are others now
        with progress.bar() as show:
            while wait and status["state"] in ("loading", "hung"):
                show(status.get("progress"))
                await asyncio.sleep(_POLL_S)
                status = await self._get_api("status")
        if status["state"] == "failed":
            raise EngineFailedError(str(status["error"]))
        return status

    async def _for_card(self) -> tuple[dict[str, Any], float | None]:
        """The status, and tokens per second; what went wrong in its place. It does not keep a notebook waiting."""
        before: dict[str, Any] = {}
        _ = self._client  # the first one imports openai, which may take longer than the server
        try:
            async with asyncio.timeout(_CARD_S):
                before, began = await self._get_api("status", retry=False), time.monotonic()
                if before["state"] != "ready" or "generated_tokens" not in before:
                    return before, None
                await asyncio.sleep(status_card.RATE_OVER_S)
                after = await self._get_api("status", retry=False)
            generated = after["generated_tokens"] - before["generated_tokens"]
            return after, generated / (time.monotonic() - began)
        except TimeoutError:
            return before or {"error": f"no answer within {_CARD_S:g} s"}, None
        except NotFoundError:
            return {"state": "not a server of oaikit's"}, None
        except OAIKitError as exc:
            return before or {"error": str(exc)}, None

    async def _events(
        self, endpoint: Route, body: dict[str, Any], abort: str | None
    ) -> AsyncIterator[dict[str, Any]]:
        from openai import OpenAIError

        client = self._client
        body = {**body, "model": body.get("model") or await self._default_model()}
        if endpoint not in BOTH:
            base = self.url.removesuffix("/v1") if endpoint in BESIDE_V1 else self.url
            yield await self._api(client.post(f"{base}/{endpoint}", cast_to=object, body=body))
            return
        route: Any = client.chat.completions if endpoint == CHAT else client.completions
        if body.get("max_tokens") == WHOLE_CONTEXT:
            body |= {"max_tokens": await self._context_of(body["model"])}
        required = {name: body.pop(name) for name in ("model", "messages", "prompt") if name in body}
        headers = {"X-OAIKit-Abort": abort} if abort else {}
        try:
            async with route.with_streaming_response.create(
                **required, extra_body=body, extra_headers=headers
            ) as response:
                check_redirects(response.http_response, self.url)
                content_type = response.headers.get("content-type", "")
                async for event in parse_answer(response.status_code, content_type, response.iter_bytes()):
                    yield event
        except OpenAIError as exc:
            raise translated(exc, self.url) from None  # the sentence has all that the client knows
        except OAIKitError:
            raise
        except Exception as exc:  # of the HTTP library that this release of openai uses
            raise EngineError(f"the connection to {self.url} broke before the answer was complete") from exc

    def leave_clients_to_parent(self) -> list[object]:
        """In a forked process: take the parent's clients out of use, and return them to be kept.

        Both processes have their sockets, and to close one would end the parent's TLS session.
        """
        return [self.__dict__.pop(name, None) for name in _CLIENT_NAMES]


_OF_PARENT: list[object] = []


def _leave_clients_to_parent() -> None:
    for connection in list(_CONNECTIONS):
        _OF_PARENT.append(connection.leave_clients_to_parent())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_clients_to_parent)

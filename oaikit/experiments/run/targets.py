"""Whom a sweep asks. Over HTTP not by OpenAI's client, which takes ten times as long for a request."""

from __future__ import annotations

import json
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from oaikit._distribution import needed_for
from oaikit._openai_errors import CHANGES_METHOD
from oaikit._stream import json_or_text, parse_answer
from oaikit._url import redirected
from oaikit.backend import Backend
from oaikit.connection import Connection
from oaikit.errors import (
    EngineError,
    OAIKitError,
    ServerNotFoundError,
    from_body,
)
from oaikit.experiments.design.identity import model_identity
from oaikit.experiments.store.keys import digest
from oaikit.reply import Choice, Reply
from oaikit.sampling import Endpoint

if TYPE_CHECKING:
    import aiohttp

    from oaikit.experiments.run.http1 import Connections

_CONNECT_S: Final = 10.0
_EVENTS: Final = "text/event-stream"
# Rendered and hashed, it tells the chat template and the tokenizer apart from others.
_PROBE: Final = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]


@dataclass
class Answer:
    """A reply, and the tokens of each of its choices where they are known."""

    reply: Reply
    tokens: list[int | None]


@dataclass(frozen=True)
class Facts:
    """What is known of a model.

    ``identity`` is what its results are kept under; ``provenance`` is all that its server says of itself. ``vllm``:
    parameters that only vLLM has may be sent. ``max_num_seqs`` is how many sequences its engine works on at once.
    """

    label: str
    identity: Mapping[str, Any]
    provenance: Mapping[str, Any]
    vllm: bool
    max_num_seqs: int | None


class Target(ABC):
    """A model to be asked, on the loop that opened it."""

    @abstractmethod
    async def open(self) -> Facts:
        """Get ready, and find out what the model is.

        Raises:
            OAIKitError: the server does not answer, or has no model.
        """

    @abstractmethod
    async def ask(self, endpoint: Endpoint, body: dict[str, Any]) -> Answer:
        """Ask, and wait for the whole answer; a body with ``stream`` gets its time to first token.

        Raises:
            ServerNotFoundError: the server is not there, or went away before the answer was complete.
            OAIKitError: what else it answered.
        """

    @abstractmethod
    async def alive(self) -> bool:
        """Whether the server answers."""

    @abstractmethod
    async def close(self) -> None:
        """Close what was opened."""


def target_of(llm: Backend, timeout_s: float) -> Target:
    """The fast way to ask a backend."""
    return _HTTPTarget(llm, timeout_s) if isinstance(llm, Connection) else _BackendTarget(llm)


class _BackendTarget(Target):
    """A backend of any other kind, on its own loop."""

    def __init__(self, llm: Backend) -> None:
        self._llm = llm

    async def open(self) -> Facts:
        status = getattr(self._llm, "status", None)
        told = vars(status()) if callable(status) else {}
        name = self._llm.model
        facts = {key: value for key, value in told.items() if key not in _PASSING and _is_plain(value)}
        return Facts(
            name,
            model_identity(self._llm, name, told, {}),
            {"model": name, **facts},
            vllm=bool(told.get("vllm_version")),
            max_num_seqs=told.get("max_num_seqs"),
        )

    async def ask(self, endpoint: Endpoint, body: dict[str, Any]) -> Answer:
        return _answer(await self._llm.request(endpoint, {"stream": False, **body}).await_())

    async def alive(self) -> bool:
        return True  # it is in this process; what it answers tells the rest

    async def close(self) -> None:
        pass  # whoever made it closes it


class _HTTPTarget(Target):
    """A server behind a URL."""

    def __init__(self, llm: Connection, timeout_s: float) -> None:
        self._llm, self._timeout_s = llm, timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._connections: Connections | None = None
        self._model = ""

    async def open(self) -> Facts:
        listed = await self._models()
        self._model = chosen = await self._llm.amodel()
        entry: Mapping[str, Any] = next((each for each in listed if each.get("id") == chosen), {})
        status = await self._get("api/status") if self._llm.is_oaikit else {}
        told = {key: value for key, value in status.items() if key not in _PASSING and _is_plain(value)}
        identity = model_identity(self._llm, chosen, status, entry)
        if fingerprint := await self._fingerprint():
            identity["template"] = fingerprint
        return Facts(
            chosen,
            identity,
            {"url": self._llm.url, **identity, **told},
            vllm=bool(status.get("vllm_version")) or entry.get("owned_by") == "vllm",
            max_num_seqs=status.get("max_num_seqs"),
        )

    async def ask(self, endpoint: Endpoint, body: dict[str, Any]) -> Answer:
        import aiohttp

        began = time.perf_counter()
        body = {"model": self._model, **body}
        try:
            if self._connections is not None and not body.get("stream"):
                status, headers, text = await self._connections.post(
                    endpoint, _compact(body), self._timeout_s
                )
                if not 300 <= status < 400:
                    return await _read_whole(status, headers, text, began)
            async with self._opened().post(f"{self._llm.url}/{endpoint}", json=body) as response:
                if any(each.status in CHANGES_METHOD for each in response.history):
                    raise redirected(self._llm.url, str(response.url))
                if response.status < 400 and response.content_type == _EVENTS:
                    events = parse_answer(response.status, _EVENTS, response.content.iter_any())
                    return await _read(events, began, streamed=True)
                text = await response.text(errors="replace")
                return await _read_whole(response.status, response.headers, text, began)
        except TimeoutError as exc:
            raise EngineError(f"no answer within {self._timeout_s:g} s") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise ServerNotFoundError(f"{self._llm.url} does not answer: {exc}") from exc

    async def alive(self) -> bool:
        try:
            return bool(await self._models())
        except OAIKitError:
            return False

    async def close(self) -> None:
        if self._connections is not None:
            self._connections.close()
        if self._session is not None:
            await self._session.close()
        self._connections = self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            with needed_for("a sweep"):
                import aiohttp

                from oaikit.experiments.run.http1 import Connections
            headers = {"Authorization": self._llm.authorization, "User-Agent": "oaikit"}
            proxy = _proxy(self._llm.url)
            if proxy is None and self._llm.url.startswith("http:"):
                self._connections = Connections(self._llm.url, headers, _CONNECT_S)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # the window is the limit
                cookie_jar=aiohttp.DummyCookieJar(),  # the key is enough, and cookies are sought for each request
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=self._timeout_s),
                json_serialize=_compact,
                proxy=proxy,
            )
        return self._session

    async def _models(self) -> list[Mapping[str, Any]]:
        listed = await self._request("GET", f"{self._llm.url}/models")
        return [each for each in listed.get("data") or () if isinstance(each, dict)]

    async def _get(self, path: str) -> Mapping[str, Any]:
        return await self._request("GET", f"{self._llm.url.removesuffix('v1')}{path}")

    async def _fingerprint(self) -> str | None:
        """A name for tokenizer and chat template, from a server that shows how it renders a chat."""
        url = f"{self._llm.url.removesuffix('/v1')}/tokenize"
        try:
            told = await self._request("POST", url, {"model": self._model, "messages": _PROBE})
        except OAIKitError:
            return None  # no server of vLLM's, or a model without a chat template
        return digest(told["tokens"]) if told.get("tokens") else None

    async def _request(self, method: str, url: str, body: Any = None) -> Mapping[str, Any]:
        session = self._opened()
        import aiohttp

        limit = aiohttp.ClientTimeout(total=_CONNECT_S)
        try:
            async with session.request(method, url, json=body, timeout=limit) as response:
                text = await response.text(errors="replace")
                if response.status >= 400:
                    raise _refusal(response.status, response.headers, text)
                told = json_or_text(text)
                return told if isinstance(told, dict) else {}
        except TimeoutError as exc:
            raise ServerNotFoundError(f"{url} did not answer within {_CONNECT_S:g} s") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise ServerNotFoundError(f"{url} does not answer: {exc}; is the server running?") from exc


# What a status says of the moment, not of the model.
_PASSING: Final = frozenset(
    {"state", "progress", "uptime_s", "error", "restarts", "in_flight", "queued"}
    | {"running", "waiting", "kv_cache_usage", "generated_tokens"}
)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | list | tuple | dict)


def only_vllm(body: dict[str, Any], *, several: bool, streamed: bool) -> dict[str, Any]:
    """What a request to vLLM has besides.

    The tokens of each answer are counted; in latency mode in every event, because the first one may bring several, and
    no cached prompts are used.
    """
    if streamed:
        salted = {**body, "cache_salt": body.get("cache_salt") or uuid.uuid4().hex}
        if options := body.get("stream_options"):
            salted["stream_options"] = {**options, "continuous_usage_stats": True}
        return salted
    counted = several and body.get("logprobs") in (None, False)
    return {**body, "return_token_ids": True} if counted else body


def _proxy(url: str) -> str | None:
    """The user's proxy, which OpenAI's client would take too. Left to aiohttp it is looked up for each request."""
    parts = urlsplit(url)
    bypassed = parts.hostname is None or proxy_bypass(parts.netloc)
    return None if bypassed else getproxies().get(parts.scheme)


async def _read_whole(status: int, headers: Mapping[str, str], text: str, began: float) -> Answer:
    if status >= 400:
        raise _refusal(status, headers, text)
    if headers.get("content-type", "").lower().startswith(_EVENTS):  # some servers stream unasked
        return await _read(parse_answer(status, _EVENTS, _whole(text)), began, streamed=False)
    told = json_or_text(text)
    if not isinstance(told, dict):
        raise EngineError(f"the answer is no JSON object: {str(told)[:80]}")
    reply = Reply()
    reply.add(told, time.perf_counter() - began, streamed=False)
    return _answer(reply)


def _refusal(status: int, headers: Mapping[str, str], text: str) -> OAIKitError:
    error = from_body(status, json_or_text(text))
    with suppress(KeyError, ValueError):  # there is none, or it is a date
        error.retry_after_s = int(float(headers["retry-after"]))
    if (told := headers.get("x-should-retry")) in ("true", "false"):
        error.retryable = told == "true"
    return error


async def _whole(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


async def _read(events: AsyncIterator[dict[str, Any]], began: float, *, streamed: bool) -> Answer:
    """The answer to a request that was sent at a time of ``time.perf_counter``."""
    reply = Reply()
    async for event in events:
        reply.add(event, time.perf_counter() - began, streamed=streamed)
    return _answer(reply)


def _answer(reply: Reply) -> Answer:
    return Answer(reply, [_token_count(reply, choice) for choice in reply.choices])


def _token_count(reply: Reply, choice: Choice) -> int | None:
    """The tokens of a choice; None where only the sum of all choices is known."""
    if len(reply.choices) == 1 and reply.usage.completion_tokens:
        return reply.usage.completion_tokens
    return len(choice.token_ids) or len(choice.tokens) or None


_compact: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

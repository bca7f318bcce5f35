"""A model loaded in this very process."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, NoReturn

from oaikit import status_card
from oaikit._body import BESIDE_V1, WHOLE_CONTEXT, Route
from oaikit._stream import Stream, parse_answer
from oaikit.backend import Backend, prepared
from oaikit.engine import _child, metrics
from oaikit.engine.call import Message, http_scope
from oaikit.engine.host import EngineHost
from oaikit.engine.state import EngineSpec, EngineStatus
from oaikit.errors import EngineError


class Engine(Backend):
    """vLLM in this kernel or script: ``with ok.Engine("Qwen/Qwen3-0.6B") as llm: llm.chat("…")``.

    Returns when the model is loaded. `close`, or the end of the ``with`` block, frees the device.

    Parameters: a Hugging Face name or a path, and any of vLLM's engine arguments by its own name
    (``max_model_len=4096, gpu_memory_utilization=0.8, …``).

    Raises:
        EngineArgumentError: vLLM has no argument of that name.
        EngineFailedError: vLLM could not start; the message has the cause.
    """

    def __init__(self, model: str, **engine_args: Any) -> None:
        _child.refuse_to_begin_anew()
        self._pid, self._own_host = os.getpid(), EngineHost()
        try:
            self._host.load(EngineSpec(model, options=engine_args)).result()
        except BaseException:  # an interrupt too: nothing must be left running
            self.close()
            raise

    @property
    def _host(self) -> EngineHost:
        """The engine's host.

        Raises:
            EngineError: This is a forked process, and the engine is its parent's.
        """
        if os.getpid() != self._pid:
            raise EngineError(
                f"this engine runs in process {self._pid}, of which this one ({os.getpid()}) is a fork; only that one "
                "can use it: ask there, or connect to a server with ok.connect()"
            )
        return self._own_host

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "an Engine can't be copied or sent to another process; ask in this one, or connect to a server there with "
            "ok.connect()"
        )

    @property
    def model(self) -> str:
        """The first name that the model is served under."""
        names = self._host.status().served_names
        return names[0] if names else ""

    def context_length(self, model: str | None = None) -> int | None:
        del model  # an adapter has the context of its base
        return self._host.status().max_model_len

    def status(self) -> EngineStatus:
        """The engine's state now."""
        return self._host.status()

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """A card: model, device, state, requests, use of the KV cache, tokens per second."""
        before, began = metrics.scheduler_figures(), time.monotonic()
        time.sleep(status_card.RATE_OVER_S)
        after = metrics.scheduler_figures()
        rate = (after["generated_tokens"] - before["generated_tokens"]) / (time.monotonic() - began)
        return status_card.bundle("Engine", {**self.status().as_dict(), **after}, rate)

    def __repr__(self) -> str:
        return f"Engine({self._own_host.status().model!r})"

    def close(self) -> None:
        """Stop the engine and free the device. Requests in flight end with an error.

        In a forked process it does nothing: the engine is its parent's.
        """
        if os.getpid() == self._pid:
            self._own_host.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def request(self, endpoint: Route, body: Mapping[str, Any], *, abort: str | None = None) -> Stream:
        del abort  # a name for others to end it by: nobody else can reach this engine
        sent = prepared(endpoint, body)
        streamed = bool(sent.get("stream"))
        return Stream(lambda: self._events(endpoint, sent), self._host.loop, streamed=streamed)

    async def _events(self, endpoint: Route, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        body = {**body, "model": body.get("model") or self.model}
        if body.get("max_tokens") == WHOLE_CONTEXT:
            del body["max_tokens"]  # vLLM's own default
        messages: asyncio.Queue[Message] = asyncio.Queue()
        path = f"/{endpoint}" if endpoint in BESIDE_V1 else f"/v1/{endpoint}"
        scope = http_scope("POST", path, b"", [(b"content-type", b"application/json")])
        call = self._host.open(scope, json.dumps(body).encode(), messages.put)
        try:
            start = await messages.get()
            content_type = dict(start["headers"]).get(b"content-type", b"").decode()
            async for event in parse_answer(start["status"], content_type, _body(messages)):
                yield event
        finally:
            call.disconnect()


async def _body(messages: asyncio.Queue[Message]) -> AsyncIterator[bytes]:
    """An ASGI response's body, as it arrives."""
    more = True
    while more:
        message = await messages.get()
        more = message.get("more_body", False)
        yield message.get("body", b"")

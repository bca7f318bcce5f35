"""What the handlers share: the engine's host, the keys, the limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from oaikit.engine.host import EngineHost
from oaikit.engine.state import EngineSpec, EngineStatus, State
from oaikit.errors import EngineLoadingError, EngineStoppedError
from oaikit_server.aborts import Aborts
from oaikit_server.direct import Turn
from oaikit_server.key_store import KeyStore
from oaikit_server.keys import PREFIX, InferenceKey, Key, bearer
from oaikit_server.limits import Gate, RateLimits
from oaikit_server.raw_output import BatchSizes

if TYPE_CHECKING:
    from oaikit_server.dialect import Policy

log = logging.getLogger("oaikit.server")


@dataclass
class Service:
    """One per server. ``spec`` is the model to load at the first request that needs one, None after an unload.

    ``owners_policy`` gives what the server's owner has set for requests; `policy` adds what the model says.
    ``max_body_size`` is in bytes, the times are in seconds. ``raw_output`` None: streams are server-sent events, else
    lines of JSON lists of these sizes.
    """

    host: EngineHost
    spec: EngineSpec | None
    keys: KeyStore
    gate: Gate
    load_timeout_s: float
    write_timeout_s: float
    max_body_size: int
    body_timeout_s: float
    raw_output: BatchSizes | None
    owners_policy: Callable[[], Policy]
    key: InferenceKey = field(default_factory=InferenceKey)
    rates: RateLimits = field(default_factory=RateLimits)
    long_texts: Gate = field(default_factory=lambda: Gate(1, 64))  # one at a time
    turn: Turn = field(default_factory=Turn)
    aborts: Aborts = field(default_factory=Aborts)
    _configured: EngineSpec | None = field(init=False)
    _told: set[str] = field(default_factory=set)
    _policy: tuple[EngineStatus, Policy, Policy] | None = None  # for this state and this owner's

    def __post_init__(self) -> None:
        self._configured = self.spec  # which stays the same, whatever is loaded later

    def trusted_specs(self) -> list[EngineSpec]:
        """What the server's owner has configured, and what is loaded now: whoever may load may load these."""
        return [spec for spec in (self._configured, self.spec) if spec is not None]

    async def holder(self, authorization: str) -> Key | None:
        """The key in an ``Authorization`` header, minted or made by a user; None if the header has no key of oaikit.

        Raises:
            AuthenticationError: the key has expired or was revoked.
        """
        secret = bearer(authorization)
        if not secret.startswith(PREFIX):  # Jupyter's token, mostly
            return None
        return self.key.key if self.key.matches(secret) else await self.keys.find(secret)

    def policy(self) -> Policy:
        """How requests are resolved now; of the model only what is known, if none is loaded."""
        status, owners = self.host.last_change, self.owners_policy()
        if self._policy is None or self._policy[0] is not status or self._policy[1] is not owners:
            self._policy = status, owners, _with_model(owners, status)
        return self._policy[2]

    def tell_of_default(self, client: str) -> None:
        """Log, once per client, that an answer ended at a number of tokens that the request did not ask for."""
        if client in self._told:
            return
        self._told.add(client)
        log.warning(
            "an answer to %s was cut off, because the request has no max_tokens and the default is small; send "
            "max_tokens, or set c.OAIKit.default_sampling = {'max_tokens': None} for what is left of the context",
            client,
        )

    async def until_ready(self) -> None:
        """Wait for the engine, loading the configured model if nothing has been loaded yet.

        Raises:
            EngineUnavailableError: there is no model, it can't be loaded, or it takes longer than ``load_timeout_s``.
        """
        if self.host.last_change.state is State.STOPPED:
            if self.spec is None:
                raise EngineStoppedError(
                    'no model is loaded; start Jupyter with --OAIKit.model=NAME, or POST {"model": NAME} to '
                    "oaikit/api/load"
                )
            self.host.load(self.spec, if_stopped=True)
            await self.host.until_handled()
        try:
            await self.host.until_ready(self.load_timeout_s)
        except TimeoutError:
            raise EngineLoadingError(
                f"{self.host.status().model} is still loading after {self.load_timeout_s:g} s; try again"
            ) from None

    async def unload(self) -> None:
        """Stop the engine; it stays stopped until it is loaded again."""
        self.spec = None
        await asyncio.wrap_future(self.host.unload())


def _with_model(owners: Policy, status: EngineStatus) -> Policy:
    if status.max_logprobs is None:
        return owners
    limits = replace(
        owners.limits,
        logprobs=status.max_logprobs,
        stop_strings=status.max_stop_strings or owners.limits.stop_strings,
        context=status.max_model_len,
        token_characters=status.max_token_characters,
    )
    return replace(
        owners,
        limits=limits,
        truncation_side=status.truncation_side,
        context=status.max_model_len,
        models=status.served_names,
        of_model=status.generation_config,
        release=status.vllm_version,
    )

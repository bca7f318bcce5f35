"""What the handlers share: the engine's host, the key, the limits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from oaikit.engine.host import EngineHost
from oaikit.engine.state import EngineSpec, State
from oaikit.errors import EngineLoadingError, EngineStoppedError
from oaikit_server.direct import Turn
from oaikit_server.keys import InferenceKey


@dataclass
class Service:
    """One per server. ``spec`` is the model to load at the first request that needs one, None after an unload."""

    host: EngineHost
    key: InferenceKey
    spec: EngineSpec | None
    load_timeout_s: float
    write_timeout_s: float
    turn: Turn = field(default_factory=Turn)

    async def until_ready(self) -> None:
        """Wait for the engine, loading the configured model if nothing has been loaded yet.

        Raises:
            EngineUnavailableError: there is no model, it can't be loaded, or it takes longer than ``load_timeout_s``.
        """
        status = self.host.status()
        if status.state is State.STOPPED:
            if self.spec is None:
                raise EngineStoppedError(
                    'no model is loaded; start Jupyter with --OAIKit.model=NAME, or POST {"model": NAME} to '
                    "oaikit/api/load"
                )
            self.host.load(self.spec)
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

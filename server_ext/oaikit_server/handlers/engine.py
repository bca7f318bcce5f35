"""The engine's state, its figures, and the model that it has."""

from __future__ import annotations

from jupyter_server.auth.decorator import allow_unauthenticated

from oaikit.engine import metrics
from oaikit.engine.key_arguments import check_key_may_load
from oaikit.engine.state import EngineSpec
from oaikit.errors import InvalidRequestError
from oaikit_server.handlers.base import OAIKitHandler
from oaikit_server.json_body import json_object
from oaikit_server.keys import Scope


class _ReadHandler(OAIKitHandler):
    def scopes(self) -> frozenset[Scope]:
        """A notebook has only a key, and asks here first."""
        return frozenset({Scope.READ})


class _AdminHandler(OAIKitHandler):
    def scopes(self) -> frozenset[Scope]:
        """Who may change what everybody asks."""
        return frozenset({Scope.ADMIN})


class StatusHandler(_ReadHandler):
    """``GET oaikit/api/status``: the engine's state, and what its scheduler does."""

    @allow_unauthenticated
    def get(self) -> None:
        """Answer at once, whatever the engine does."""
        gate = self.service.gate
        counts = {"in_flight": gate.in_flight, "queued": gate.waiting}
        self.finish_json({**self.service.host.status().as_dict(), **counts, **metrics.scheduler_figures()})


class MetricsHandler(_ReadHandler):
    """``GET oaikit/metrics``: vLLM's metrics in Prometheus' text format."""

    @allow_unauthenticated
    def get(self) -> None:
        """Empty until an engine has run."""
        self.set_header("Content-Type", metrics.CONTENT_TYPE)
        self.finish(metrics.exposition())


class LoadHandler(_AdminHandler):
    """``POST oaikit/api/load`` with ``{"model": NAME, "engine_args": {…}, "served_model_name": NAME or [NAME, …]}``."""

    @allow_unauthenticated
    async def post(self) -> None:
        """202 when the load has begun; its progress is in the status. A bad value leaves the engine as it is."""
        spec = load_spec(self.body, self.service.spec)
        if self._key is not None:
            check_key_may_load(spec, self.service.trusted_specs())
        await self.service.host.check(spec)
        self.service.spec = spec
        self.service.host.load(spec)
        await self.service.host.until_handled()
        self.set_status(202)
        self.finish_json(self.service.host.status().as_dict())


class UnloadHandler(_AdminHandler):
    """``POST oaikit/api/unload``: free the device."""

    @allow_unauthenticated
    async def post(self) -> None:
        """200 with the status, when the engine has stopped."""
        await self.service.unload()
        self.finish_json(self.service.host.status().as_dict())


def load_spec(body: bytes, configured: EngineSpec | None) -> EngineSpec:
    """What a body asks to load; an empty one means the configured model.

    Raises:
        InvalidRequestError: a field is missing, unknown or of a wrong type.
    """
    wanted = json_object(body, {"model", "engine_args", "served_model_name"})
    if not wanted and configured is not None:
        return configured
    model, options, names = (
        wanted.get("model"),
        wanted.get("engine_args", {}),
        wanted.get("served_model_name", []),
    )
    if not isinstance(model, str) or not model:
        raise InvalidRequestError("model must be a model's name or path", param="model")
    if not isinstance(options, dict):
        raise InvalidRequestError(
            "engine_args must be an object of vLLM's engine arguments", param="engine_args"
        )
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise InvalidRequestError(
            "served_model_name must be a name or a list of names", param="served_model_name"
        )
    return EngineSpec(model, tuple(names), options)

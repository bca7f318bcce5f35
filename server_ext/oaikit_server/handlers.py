"""The routes under ``<base url>/oaikit``, who may use them, and how each error looks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async
from tornado.web import HTTPError

from oaikit.engine import metrics
from oaikit.engine.state import EngineSpec
from oaikit.errors import (
    AuthenticationError,
    InvalidRequestError,
    MethodNotAllowedError,
    NotFoundError,
    OAIKitError,
    PermissionDeniedError,
    from_body,
)
from oaikit_server.bridge import Bridge
from oaikit_server.service import Service

_Method = Callable[..., Any]

# What vLLM's app may be asked, under the paths that it has there. Its administrative and development routes (LoRA
# loading, sleep, profiling, elastic scaling, raw token generation, /invocations) stay closed.
VLLM_ROUTES = (
    r"v1/chat/completions(?:/batch|/render)?",
    r"v1/completions(?:/render)?",
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


class OAIKitHandler(JupyterHandler):
    """Base of all routes: Jupyter's own authentication, or oaikit's key where ``accepts_key``; errors in JSON."""

    accepts_key: ClassVar[bool] = False
    _has_key = False

    @property
    def service(self) -> Service:
        """What the handlers share."""
        service: Service = self.settings["oaikit_service"]
        return service

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse whoever may not use the route, in JSON, before anything else happens."""
        self._has_key = self.accepts_key and self._bears_key()
        await super().prepare()  # the Host check and Jupyter's own authentication
        if self._has_key:
            return
        if self.current_user is None:
            raise AuthenticationError(self._wanted())
        action = "read" if self.request.method in ("GET", "HEAD") else "execute"
        if not await ensure_async(self.authorizer.is_authorized(self, self.current_user, action, "oaikit")):
            raise PermissionDeniedError(f"{self.current_user.username} is not authorized to {action} oaikit")

    def _bears_key(self) -> bool:
        scheme, _, value = self.request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.service.key.matches(value.strip())

    def _wanted(self) -> str:
        wrong = "this key is not valid here" if "Authorization" in self.request.headers else "a key is needed"
        if self.accepts_key:
            return (
                f"{wrong}: use the OAIKIT_API_KEY of this server's kernels and terminals, or Jupyter's token, "
                "as 'Authorization: Bearer …'"
            )
        return f"{wrong}: use Jupyter's own token, as 'Authorization: Bearer …'"

    def check_xsrf_cookie(self) -> None:
        """A key in a header is no cookie, so nobody can be tricked into sending it; without a user there is a 401."""
        if self._has_key or getattr(self, "_jupyter_current_user", None) is None:
            return
        super().check_xsrf_cookie()

    def set_cookie(self, *args: Any, **kwargs: Any) -> None:
        """No answer sets a cookie; Jupyter would hand a 30-day login to every client that sends its token."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """OpenAI's shape, whatever was raised. What went wrong inside is for the log, not for the client."""
        exc = kwargs.get("exc_info", (None, None))[1]
        if not isinstance(exc, OAIKitError):
            reason = exc.log_message if isinstance(exc, HTTPError) else None
            exc = from_body(status_code, {"message": reason or self._reason, "type": "server_error"})
        self.finish_error(exc)

    def finish_error(self, error: OAIKitError) -> None:
        """Answer with an error."""
        self.set_status(error.status)
        for name, value in error.headers().items():
            self.set_header(name, value)
        self.finish_json(error.body())

    def finish_json(self, answer: Any) -> None:
        """Answer with JSON."""
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(answer))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Errors meant for the client are not failures of the server."""
        if not isinstance(value, OAIKitError):
            super().log_exception(typ, value, tb)

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Tornado knows the status of its own exceptions only."""
        exc = kwargs.get("exc_info", (None, None))[1]
        super().send_error(exc.status if isinstance(exc, OAIKitError) else status_code, **kwargs)

    @allow_unauthenticated
    def options(self, *args: str) -> None:
        """Cross-origin preflight; which origins may is Jupyter's ``allow_origin``."""
        self.set_header("Access-Control-Allow-Headers", "accept, authorization, content-type, x-xsrftoken")
        self.set_header("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
        self.set_status(204)
        self.finish()

    @allow_unauthenticated
    def _refuse_method(self, *args: str) -> None:
        raise MethodNotAllowedError(f"{self.request.method} is not a method of {self.request.path}")

    get: _Method = _refuse_method
    post: _Method = _refuse_method
    put: _Method = _refuse_method
    patch: _Method = _refuse_method
    delete: _Method = _refuse_method
    head: _Method = _refuse_method


class VLLMHandler(OAIKitHandler):
    """The routes that vLLM's own app answers."""

    accepts_key = True
    _gone = False
    _bridge: Bridge | None = None

    @allow_unauthenticated
    async def get(self, path: str) -> None:
        """Pass the request on, once there is an engine."""
        await self.service.until_ready()
        if not self._gone:
            self._bridge = Bridge(self, self.service.host, self.service.turn, self.service.write_timeout_s)
            await self._bridge.forward(f"/{path}")

    post = get

    def on_connection_close(self) -> None:
        """The client went away: the engine's request is aborted."""
        super().on_connection_close()
        self._gone = True
        if self._bridge is not None:
            self._bridge.disconnect()


class StatusHandler(OAIKitHandler):
    """``GET oaikit/api/status``: the engine's state, and what its scheduler does."""

    accepts_key = True  # a notebook has only the key, and asks this first

    @allow_unauthenticated
    def get(self) -> None:
        """Answer at once, whatever the engine does."""
        self.finish_json({**self.service.host.status().as_dict(), **metrics.scheduler_figures()})


class LoadHandler(OAIKitHandler):
    """``POST oaikit/api/load`` with ``{"model": NAME, "engine_args": {…}, "served_model_name": NAME or [NAME, …]}``."""

    @allow_unauthenticated
    async def post(self) -> None:
        """202 when the load has begun; its progress is in the status. A bad argument leaves the engine as it is."""
        spec = _load_spec(self.request.body, self.service.spec)
        await self.service.host.check(spec)
        self.service.spec = spec
        self.service.host.load(spec)
        self.set_status(202)
        self.finish_json(self.service.host.status().as_dict())


def _load_spec(body: bytes, configured: EngineSpec | None) -> EngineSpec:
    try:
        wanted = json.loads(body or b"{}")
    except ValueError as exc:
        raise InvalidRequestError(f"the body is not JSON: {exc}") from exc
    if not isinstance(wanted, dict):
        raise InvalidRequestError("the body must be a JSON object")
    if unknown := set(wanted) - {"model", "engine_args", "served_model_name"}:
        raise InvalidRequestError(f"unknown field {sorted(unknown)[0]!r}", param=sorted(unknown)[0])
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


class UnloadHandler(OAIKitHandler):
    """``POST oaikit/api/unload``: free the device."""

    @allow_unauthenticated
    async def post(self) -> None:
        """200 with the status, when the engine has stopped."""
        await self.service.unload()
        self.finish_json(self.service.host.status().as_dict())


class MetricsHandler(OAIKitHandler):
    """``GET oaikit/metrics``: vLLM's metrics in Prometheus' text format."""

    accepts_key = True

    @allow_unauthenticated
    def get(self) -> None:
        """Empty until an engine has run."""
        self.set_header("Content-Type", metrics.CONTENT_TYPE)
        self.finish(metrics.exposition())


class UnknownHandler(OAIKitHandler):
    """Everything else."""

    accepts_key = True

    @allow_unauthenticated
    def get(self, *args: str) -> None:
        """404, for every method."""
        raise NotFoundError(f"{self.request.method} {self.request.path} is not a route of oaikit's")

    post = put = patch = delete = head = get


ROUTES: list[tuple[str, type[OAIKitHandler]]] = [
    (r"/oaikit/api/status", StatusHandler),
    (r"/oaikit/api/load", LoadHandler),
    (r"/oaikit/api/unload", UnloadHandler),
    (r"/oaikit/metrics", MetricsHandler),
    (rf"/oaikit/({'|'.join(VLLM_ROUTES)})", VLLMHandler),
    (r"/oaikit(?:/(.*))?", UnknownHandler),
]

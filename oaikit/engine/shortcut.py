"""A short way to the two routes of vLLM's app that are asked most.

On its own way a request passes through middleware, three walks over the list of routes, FastAPI's dependencies and its
stacks of contexts, none of which does anything for a request from Jupyter.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, get_type_hints

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("oaikit.engine")

# Middleware that does nothing for a request from Jupyter: vLLM's CORS (Jupyter has its own), counts of HTTP requests
# (`oaikit.engine.metrics` shows vLLM's own figures only), and 503 while an elastic deployment grows (its routes are
# closed). If there is any other, the user has asked for it, by an environment variable: then nothing is left out.
_IDLE: Final = frozenset({"CORSMiddleware", "PrometheusInstrumentatorMiddleware", "ScalingMiddleware"})

# Dependencies of routes that are done here as well: this one looks at the content type.
_IDLE_DEPENDENCIES: Final = frozenset({"validate_json_request"})

_JSON: Final = (b"content-type", b"application/json")
_Endpoint = Callable[[Any, Request], Awaitable[Response | None]]


def shortened(app: FastAPI, paths: Iterable[str]) -> ASGIApp:
    """The same app, with a short way to some of its POST routes, which take one JSON body and the request."""
    if any(getattr(middleware.cls, "__name__", "") not in _IDLE for middleware in app.user_middleware):
        return app
    return _Shortened(app, frozenset(paths))


class _Shortened:
    """Has vLLM's own function answer a request that it can answer; everything else goes to the app."""

    def __init__(self, app: FastAPI, paths: frozenset[str]) -> None:
        self._app = app
        routes = [
            each
            for each in app.routes
            if isinstance(each, APIRoute) and each.path in paths and _may_skip_dependencies(each)
        ]
        self._endpoints: dict[str, tuple[_Endpoint, TypeAdapter[Any]]] = {
            route.path: (route.endpoint, TypeAdapter(get_type_hints(route.endpoint)["request"]))
            for route in routes
        }
        handlers = dict(app.exception_handlers)
        otherwise = handlers.pop(Exception, None)
        self._short = ServerErrorMiddleware(ExceptionMiddleware(self._answer, handlers), otherwise)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in self._endpoints and scope["method"] == "POST" and _JSON in scope["headers"]:
            scope["app"] = self._app  # as the app itself does
            await self._short(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint, body = self._endpoints[scope["path"]]
        message = await receive()
        try:
            asked = body.validate_python(json.loads(message["body"]))
        except (ValueError, RecursionError):
            await self._app(scope, _again(message, receive), send)  # it says what is wrong
            return
        response = await endpoint(asked, Request(scope, receive))
        if response is not None:  # else the client is gone
            await response(scope, receive, send)


def _may_skip_dependencies(route: APIRoute) -> bool:
    """Whether nothing that a route depends on would be missed. An unknown dependency keeps the route in the app."""
    names = {getattr(each.dependency, "__name__", repr(each.dependency)) for each in route.dependencies}
    unknown = sorted(names - _IDLE_DEPENDENCIES)
    if unknown:
        log.warning("%s goes through all of vLLM's app, because of %s", route.path, ", ".join(unknown))
    return not unknown


def _again(message: Message, receive: Receive) -> Receive:
    """The ``receive`` of a request of which a message has been read."""
    unread = [message]

    async def read() -> Message:
        return unread.pop() if unread else await receive()

    return read

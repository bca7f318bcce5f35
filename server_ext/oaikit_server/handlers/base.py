"""What all routes have in common: who may use them, how an error looks, what browsers of other origins may see."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Callable
from functools import cached_property
from http.client import responses
from typing import Any, TypeVar

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async
from tornado.iostream import IOStream
from tornado.web import HTTPError

from oaikit.errors import (
    AuthenticationError,
    MethodNotAllowedError,
    NotFoundError,
    OAIKitError,
    PermissionDeniedError,
    from_body,
)
from oaikit_server.body import LimitedBody
from oaikit_server.keys import Key, Scope
from oaikit_server.service import Service
from oaikit_server.unread import close_if_unread

_Method = Callable[..., Any]
_T = TypeVar("_T")

# Longer bodies (bytes) are read and checked on another thread: Jupyter's loop would wait for milliseconds.
_SHORT = 50_000

# What a page of another origin may read of an answer, and which of its own headers it may send if it asks for none.
_EXPOSED = "x-request-id, retry-after, x-should-retry, x-oaikit-warning, x-oaikit-max-tokens"
_ALLOWED = "accept, authorization, content-type, x-xsrftoken"
_HEADER_NAMES = r"(?a)[\w-]+(?:, *[\w-]+)*"


class OAIKitHandler(LimitedBody, JupyterHandler):
    """Base of all routes: Jupyter's own authentication, or a key of oaikit's with the right scope; errors in JSON."""

    _key: Key | None = None

    @property
    def service(self) -> Service:
        """What the handlers share."""
        service: Service = self.settings["oaikit_service"]
        return service

    @cached_property
    def request_id(self) -> str:
        """Ours, not the client's: the engine's id is made of it, and two requests with one id would meet there."""
        return uuid.uuid4().hex

    @property
    def client(self) -> str:
        """Who asks: the id of the key, or the address. With Jupyter's token in a header every request is a new user."""
        return self._key.id if self._key is not None else str(self.request.remote_ip)

    def scopes(self) -> frozenset[Scope]:
        """A key needs one of these; none: no key will do."""
        return frozenset()

    # -- who may -------------------------------------------------------------------------------------------------

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse whoever may not use the route, in JSON, before anything of the body is kept."""
        refusal: Exception | None = None
        try:
            await self._admit()
        except (OAIKitError, HTTPError) as exc:
            refusal = exc
        await self.receive_body(self.service.max_body_size, self.service.body_timeout_s, refusal)

    async def _admit(self) -> None:
        ended: AuthenticationError | None = None
        try:
            self._key = await self.service.holder(self.request.headers.get("Authorization", ""))
        except AuthenticationError as exc:
            ended = exc
        await super().prepare()  # the Host check and Jupyter's own authentication
        if self.request.method == "OPTIONS":  # browsers ask without credentials whether they may send them
            return
        if ended is not None:
            raise ended
        if self._key is not None:
            self._check_key(self._key)
        else:
            await self._check_user()
        self._check_encoding()

    def _check_encoding(self) -> None:
        encoding = self.request.headers.get("Content-Encoding", "").strip()
        if encoding.lower() not in ("", "identity"):
            raise from_body(
                415,
                {
                    "message": f"the body has the Content-Encoding {encoding[:40]!r}, and none is taken here: "
                    "send it as it is",
                    "type": "invalid_request_error",
                    "code": "unsupported_content_encoding",
                },
            )

    def _check_key(self, key: Key) -> None:
        scopes = self.scopes()
        if not scopes:
            raise PermissionDeniedError(
                "no key of oaikit's is good for this; use Jupyter's own token, or log in to Jupyter"
            )
        if not scopes & key.scopes:
            raise PermissionDeniedError(
                f"this key may {', '.join(sorted(key.scopes))}; this needs one that may {' or '.join(sorted(scopes))}"
            )
        if key.requests_per_minute is not None:
            self.service.rates.count(key.id, key.requests_per_minute)

    async def _check_user(self) -> None:
        if self.current_user is None:
            raise AuthenticationError(self._wanted())
        action = "read" if self.request.method in ("GET", "HEAD") else "execute"
        if not await ensure_async(self.authorizer.is_authorized(self, self.current_user, action, "oaikit")):
            raise PermissionDeniedError(f"{self.current_user.username} is not authorized to {action} oaikit")

    def _wanted(self) -> str:
        wrong = "this key is not valid here" if "Authorization" in self.request.headers else "a key is needed"
        keys = "Jupyter's own token"
        if scopes := self.scopes():
            keys = (
                "the OAIKIT_API_KEY of this server's kernels and terminals, a key made at oaikit/api/keys that may "
                f"{' or '.join(sorted(scopes))}, or {keys}"
            )
        return f"{wrong}: use {keys}, as 'Authorization: Bearer …'"

    def check_xsrf_cookie(self) -> None:
        """A key in a header is no cookie, so nobody can be tricked into sending it; without a user there is a 401."""
        if self._key is not None or getattr(self, "_jupyter_current_user", None) is None:
            return
        try:
            super().check_xsrf_cookie()
        except HTTPError as exc:
            if exc.status_code != 404:  # Jupyter's status for a page of another origin
                raise
            raise PermissionDeniedError(
                f"a page of {self.request.headers.get('Origin')} may not send requests with this login; Jupyter's "
                "setting allow_origin names the origins that may"
            ) from exc

    def set_cookie(self, *args: Any, **kwargs: Any) -> None:
        """No answer sets a cookie; Jupyter would hand a 30-day login to every client that sends its token."""

    set_signed_cookie = set_secure_cookie = set_cookie  # else one would be signed first

    async def off_loop(self, function: Callable[..., _T], *args: Any) -> _T:
        """Call a function, on another thread if its work grows with a body that is long."""
        if len(self._kept or b"") < _SHORT:
            return function(*args)
        return await asyncio.to_thread(function, *args)

    # -- headers -------------------------------------------------------------------------------------------------

    def set_default_headers(self) -> None:
        """Those that errors have too."""
        super().set_default_headers()
        self.set_header("x-request-id", self.request_id)

    def set_cors_headers(self) -> None:
        """What Jupyter's ``allow_origin`` says; with it, a page may read what clients need besides the body."""
        if self.allow_origin or self.allow_origin_pat or hasattr(self, "_jupyter_current_user"):
            super().set_cors_headers()
        origin = self._headers.get("Access-Control-Allow-Origin")
        if origin:
            self.set_header("Access-Control-Expose-Headers", _EXPOSED)
        else:  # Jupyter sets an empty one for a request with its token and without an origin
            self.clear_header("Access-Control-Allow-Origin")
        if origin != "*":
            self.set_header("Vary", "Origin")  # what is here for one origin is not for another

    # -- answers -------------------------------------------------------------------------------------------------

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """OpenAI's shape, whatever was raised."""
        error = kwargs.get("exc_info", (None, None))[1]
        self.finish(self.error_answer(error or HTTPError(status_code)))

    def error_answer(self, error: BaseException) -> bytes:
        """Status, headers and body of an error. What went wrong inside is for the log, not for the client."""
        if not isinstance(error, OAIKitError):
            error = _translated(error)
        self.set_cors_headers()  # tornado cleared them
        self.set_status(error.status)
        for name, value in error.headers().items():
            self.set_header(name, value)
        self.set_header("Content-Type", "application/json")
        return json.dumps(error.body()).encode()

    def finish(self, chunk: Any = None) -> asyncio.Future[None]:
        """Send the rest. If the client leaves it unread for ``write_timeout_s``, the connection is closed."""
        written = super().finish(chunk)
        if not written.done() and self.service.write_timeout_s:
            stream: IOStream = self.request.connection.stream  # type: ignore[union-attr]
            close_if_unread(stream, written, self.service.write_timeout_s)
        return written

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

    # -- methods -------------------------------------------------------------------------------------------------

    @allow_unauthenticated
    def options(self, *args: str) -> None:
        """Cross-origin preflight; which origins may is Jupyter's ``allow_origin``.

        OpenAI's JavaScript client sends a dozen headers of its own, new ones with every release.
        """
        if "Access-Control-Allow-Origin" in self._headers:
            asked = self.request.headers.get("Access-Control-Request-Headers", "")
            allowed = asked if re.fullmatch(_HEADER_NAMES, asked) else _ALLOWED
            self.set_header("Access-Control-Allow-Headers", allowed)
            self.set_header("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS")
            self.set_header("Access-Control-Max-Age", "600")
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


class UnknownHandler(OAIKitHandler):
    """Everything else."""

    def scopes(self) -> frozenset[Scope]:
        """Any key: what is not there is open to nobody."""
        return frozenset(Scope)

    @allow_unauthenticated
    def get(self, *args: str) -> None:
        """404, for every method."""
        raise NotFoundError(f"{self.request.method} {self.request.path} is not a route of oaikit's")

    post = put = patch = delete = head = get


def _translated(error: BaseException) -> OAIKitError:
    """An exception of tornado's, or of anybody's, in OpenAI's words."""
    status = error.status_code if isinstance(error, HTTPError) else 500
    told = error.log_message if isinstance(error, HTTPError) and status < 500 else None
    reason = error.reason if isinstance(error, HTTPError) else None
    message = told or reason or responses.get(status, "the request failed")
    return from_body(status, {"message": message, "type": "server_error"})

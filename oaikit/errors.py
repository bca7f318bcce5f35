"""Every error that oaikit raises, with what an OpenAI client is told of it.

OAIKitError
├── InvalidRequestError        400
│   └── EngineArgumentError    400  an unknown or refused engine argument
├── AuthenticationError        401
├── PermissionDeniedError      403
├── NotFoundError              404
│   └── ModelNotFoundError     404
├── MethodNotAllowedError      405
├── RequestTooLargeError       413
├── RateLimitError             429
├── RequestAbortedError        499  somebody else ended the request, through oaikit/api/abort
├── ServerNotFoundError        –    no server to connect to
├── SettingError               –    a setting or environment variable that makes no sense
├── InvalidAnswerError         –    an answer that does not fit the schema it was asked for with
├── ConversationError          –    a message or a file of messages that makes no sense
├── StorageError               500  a file that oaikit keeps can't be read or written
│   └── StorageLockedError     503  try again: another program has locked the file
├── SweepStoppedError          –    more of a sweep failed than was allowed
├── FileError                  –    a file that cannot be written
├── RequestError               –    any other status a server answered
└── EngineError                500
    ├── EngineCrashedError     500  EngineCore died while it worked on the request
    └── EngineUnavailableError 503
        ├── EngineLoadingError 503  try again: the model is loading
        ├── EngineStoppedError 503  no model is loaded, or the engine was stopped
        └── EngineFailedError  503  do not try again: the engine could not be started
"""

from __future__ import annotations

import html
import re
from typing import Any


class OAIKitError(Exception):
    """Base class.

    Attributes: ``message`` (what to do about it, in one or two sentences), ``status`` (HTTP), and OpenAI's ``type``,
    ``code`` and ``param`` (strings or None). ``retry_after_s`` (seconds or None) and ``retryable`` tell a client
    whether and when to try again.
    """

    status: int = 500
    type: str = "server_error"
    code: str | None = None
    retry_after_s: int | None = None
    retryable: bool | None = None

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback (an IPython protocol)."""
        from oaikit import _traceback  # imported here: few processes show an error

        return _traceback.rendered(self)

    def body(self) -> dict[str, Any]:
        """The error as OpenAI's API shows it: ``{"error": {message, type, param, code}}``."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}

    def headers(self) -> dict[str, str]:
        """HTTP headers that tell OpenAI's clients when to try again, or not to."""
        headers = {}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        if self.retryable is not None:
            # https://github.com/openai/openai-python: x-should-retry wins over the status code.
            headers["x-should-retry"] = "true" if self.retryable else "false"
        return headers


class InvalidRequestError(OAIKitError):
    """The request can't be answered as it is."""

    status = 400
    type = "invalid_request_error"


class EngineArgumentError(InvalidRequestError):
    """An engine argument that vLLM does not know, or that has no meaning inside Jupyter."""

    code = "invalid_engine_argument"


class AuthenticationError(OAIKitError):
    """No key, or a wrong one."""

    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"


class PermissionDeniedError(OAIKitError):
    """The key is right, but not for this."""

    status = 403
    type = "invalid_request_error"
    code = "permission_denied"


class NotFoundError(OAIKitError):
    """There is no such route or key."""

    status = 404
    type = "invalid_request_error"
    code = "not_found"


class ModelNotFoundError(NotFoundError):
    """No such model is served."""

    code = "model_not_found"


class MethodNotAllowedError(OAIKitError):
    """The route exists, but not for this HTTP method."""

    status = 405
    type = "invalid_request_error"
    code = "method_not_allowed"


class RequestTooLargeError(OAIKitError):
    """The body is larger than the server takes."""

    status = 413
    type = "invalid_request_error"
    code = "request_too_large"


class RateLimitError(OAIKitError):
    """Too many requests, of one key or in all; ``retry_after_s`` says when there is room again."""

    status = 429
    type = "requests"  # OpenAI's word for a limit on requests, as "tokens" is for one on tokens
    code = "rate_limit_exceeded"
    retryable = True

    def __init__(self, message: str, *, param: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(message, param=param)
        self.retry_after_s = retry_after_s


class RequestAbortedError(OAIKitError):
    """Somebody ended the request from elsewhere; what had come by then was all."""

    status = 499  # nginx's "client closed request": HTTP has no word for it
    type = "invalid_request_error"
    code = "request_aborted"
    retryable = False


class ServerNotFoundError(OAIKitError):
    """`connect()` found no server, or the server does not answer."""

    code = "server_not_found"


class SettingError(OAIKitError):
    """A setting or an environment variable has a value that makes no sense."""

    code = "invalid_setting"


class InvalidAnswerError(OAIKitError):
    """An answer does not fit the schema that it was asked for with."""

    code = "invalid_answer"


class ConversationError(OAIKitError):
    """A message or a file of messages makes no sense, or a conversation has no such message."""

    code = "invalid_conversation"


class StorageError(OAIKitError):
    """A file that oaikit keeps (a sweep store, a server's keys) can't be read or written."""

    code = "storage_error"


class StorageLockedError(StorageError):
    """Another program has locked a file that oaikit keeps; trying again may help."""

    status = 503
    code = "storage_locked"
    retry_after_s = 1
    retryable = True


class SweepStoppedError(OAIKitError):
    """A run of a sweep was ended because more of its requests failed than ``stop_if_errors`` allows."""

    code = "sweep_stopped"


class FileError(OAIKitError, OSError):
    """A file cannot be written. It is an OSError too."""

    code = "file_not_written"


class RequestError(OAIKitError):
    """A server answered with an error; its status, type, code and param are the attributes of this one."""

    def __init__(
        self, message: str, *, status: int, type: str, code: str | None, param: str | None = None
    ) -> None:
        super().__init__(message, param=param)
        self.status, self.type, self.code = status, type, code

    def __reduce__(self) -> tuple[Any, ...]:
        return _request_error, (self.message, self.status, self.type, self.code, self.param)


class EngineError(OAIKitError):
    """The engine could not do its work."""


class EngineCrashedError(EngineError):
    """vLLM's EngineCore died while it worked on the request."""

    code = "engine_crashed"


class EngineUnavailableError(EngineError):
    """No engine can answer now."""

    status = 503
    code = "engine_unavailable"


class EngineLoadingError(EngineUnavailableError):
    """The model is still loading."""

    code = "model_loading"
    retry_after_s = 5
    retryable = True


class EngineStoppedError(EngineUnavailableError):
    """No model is loaded, or the engine was stopped."""

    code = "engine_stopped"
    retryable = False


class EngineFailedError(EngineUnavailableError):
    """The engine could not be started; trying again won't help."""

    code = "engine_failed"
    retryable = False


_BY_STATUS: dict[int, type[OAIKitError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    413: RequestTooLargeError,
    429: RateLimitError,
}
_BY_CODE: dict[str, type[OAIKitError]] = {
    cls.code: cls
    for cls in (
        EngineArgumentError,
        EngineCrashedError,
        EngineUnavailableError,
        EngineLoadingError,
        EngineStoppedError,
        EngineFailedError,
        ModelNotFoundError,
        RequestAbortedError,
        StorageError,
        StorageLockedError,
    )
    if cls.code
}


def from_body(status: int | None, body: Any) -> OAIKitError:
    """The exception for an error that a server answered.

    Parameters: the HTTP status (None: what the error itself says, as in an event of a stream) and the decoded body
    (OpenAI's ``{"error": {...}}``, its inner object, vLLM's bare string, a framework's ``{"detail": ...}``, anything).
    """
    error = body.get("error", body.get("detail", body)) if isinstance(body, dict) else body
    if isinstance(error, str) and (page := re.match(r"\s*<(!doctype|html)", error, re.IGNORECASE)):
        title = re.search(r"<title>(.*?)</title>", error[page.end() :], re.IGNORECASE | re.DOTALL)
        named = f" ({html.unescape(title[1]).strip()[:80]})" if title else ""
        error = (
            f"the server answered {status or 200} with a web page{named}; is the URL an API's, ending in /v1?"
        )
    if not isinstance(error, dict):
        error = {"message": str(error or "")}
    code = error.get("code")
    known = _BY_CODE.get(code) if isinstance(code, str) else None
    if status is None:
        status = code if isinstance(code, int) else known.status if known else 500
    code = code if isinstance(code, str) else None
    message, param = str(error.get("message") or f"the server answered {status}"), error.get("param")
    known = known or _BY_STATUS.get(status)
    if known is not None:
        found = known(message, param=param)
        found.status, found.code = status, code or known.code
        return found
    return RequestError(
        message, status=status, type=str(error.get("type") or "server_error"), code=code, param=param
    )


def _request_error(message: str, status: int, type: str, code: str | None, param: str | None) -> RequestError:
    return RequestError(message, status=status, type=type, code=code, param=param)

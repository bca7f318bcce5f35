"""The exceptions of OpenAI's client as ours, and redirects that a request could not follow."""

from __future__ import annotations

import socket
import ssl
from typing import Any, Final

from oaikit._url import redirected
from oaikit.errors import OAIKitError, ServerNotFoundError, from_body

# They turn a POST into a GET without a body (https://fetch.spec.whatwg.org/#http-redirect-fetch).
CHANGES_METHOD: Final = frozenset((301, 302, 303))


def translated(exc: Exception, url: str) -> OAIKitError:
    """The error for an exception of OpenAI's client, of a request to a base URL."""
    from openai import APIConnectionError, APIStatusError, APITimeoutError

    if isinstance(exc, APIStatusError):
        error = from_body(exc.status_code, exc.body)
        return redirected(url, str(exc.response.url), error.message) if exc.response.history else error
    if isinstance(exc, APITimeoutError):
        return ServerNotFoundError(f"{url} did not answer in time")
    if isinstance(exc, APIConnectionError):
        # The class is of the HTTP library that this release of openai uses.
        if type(exc.__cause__).__name__ == "TooManyRedirects":
            return ServerNotFoundError(f"{url} redirects in a circle; connect to the server's own URL")
        return ServerNotFoundError(f"{url} does not answer{_reason(exc)}")
    return OAIKitError(str(exc))


def _reason(exc: BaseException) -> str:
    """What kept a connection from being made, as the end of a sentence about the server.

    The operating system's error is at the end of the chain; the HTTP libraries only say that all attempts failed.
    """
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return ": there is no host of that name; is the URL right?"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f": its certificate was not accepted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return ": it does not speak TLS; is the URL's scheme http?"
        if isinstance(cause, ConnectionRefusedError):
            return ": nothing listens at that port; is the server running?"
        cause = cause.__cause__ or cause.__context__
    return "; is the server running?"


def check_redirects(response: Any, url: str) -> None:
    """See that a POST was answered as a POST.

    Args:
        response: A response of the HTTP library, with its ``history``.
        url: The base URL that was asked.

    Raises:
        ServerNotFoundError: A redirect made it a GET.
    """
    if any(each.status_code in CHANGES_METHOD for each in response.history):
        raise redirected(url, str(response.url))

"""Base URLs of servers: checked, and without what must not be shown."""

from __future__ import annotations

import base64
import re
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from oaikit.errors import InvalidRequestError, ServerNotFoundError


class BaseURL(NamedTuple):
    """A base URL without user, password and trailing slashes, and the ``Authorization`` header that those two make."""

    url: str
    authorization: str | None


def base_url(text: str) -> BaseURL:
    """Take a base URL apart.

    Raises:
        InvalidRequestError: It is not a URL that requests can go to. The message holds no password and no token.
    """
    text = text.strip()
    parts = _split(text)
    if "@" in parts.path:  # what follows a slash in a password would be taken for the path, and shown
        raise _refused(
            "the URL has an @ after its host; in a user name or password write / as %2F, ? as %3F, # as %23 and @ as "
            "%40"
        )
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise _refused(
            f"{shown(text)} goes on with a ? or #: leave out what follows, and give a token as api_key=…"
        )
    user, _, host = parts.netloc.rpartition("@")
    return BaseURL(f"{parts.scheme}://{host}{parts.path.rstrip('/')}", _basic(user) if user else None)


def _split(text: str) -> SplitResult:
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        rest = re.sub(r"^(https?:)?/*", "", shown(text))
        raise _refused(f"the URL has no scheme: write http://{rest} or https://{rest}")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or re.search(r"\s", text):
        raise _refused(
            "the URL has no valid host and port; an IPv6 address stands in brackets, as in http://[::1]:8888/v1"
        )
    if parts.scheme not in ("http", "https"):
        raise _refused(f"the URL must begin with http:// or https://, not with {parts.scheme}://")
    return parts


def _basic(user: str) -> str:
    """https://datatracker.ietf.org/doc/html/rfc7617"""
    name, _, password = user.partition(":")
    return "Basic " + base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()


def _refused(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, param="url")


def shown(url: str) -> str:
    """A URL for a message: without user, password, query and fragment."""
    scheme, separator, rest = url.rpartition("://") if "://" in url else ("", "", url)
    return scheme + separator + re.split(r"[?#]", rest.rpartition("@")[2])[0]


def redirected(url: str, target: str, answer: str = "") -> ServerNotFoundError:
    """The error for a request that could not follow a redirect.

    Args:
        url: Where it was sent.
        target: Where it was redirected to.
        answer: What the target said, if that explains something.
    """
    said = f" ({answer})" if answer else ""
    return ServerNotFoundError(
        f"{url} redirects to {shown(target)}, which did not answer the request{said}; connect to the server's own URL"
    )

"""Requests that can be ended from elsewhere: by a name that whoever sends one makes up for it.

A notebook's stop button needs that. Its kernel, which sent the request, may be busy and not hear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from oaikit.errors import InvalidRequestError
from oaikit_server.keys import Key

HEADER = "X-OAIKit-Abort"
"""The request's header with its name."""

NAME = re.compile(r"^[A-Za-z0-9_-]{16,64}$", re.ASCII)


class Aborts:
    """The requests in flight that have a name. It belongs to Jupyter's loop."""

    def __init__(self) -> None:
        self._entered: dict[str, list[tuple[str | None, Callable[[], object]]]] = {}

    @contextmanager
    def entered(self, name: str, key: Key | None, abort: Callable[[], object]) -> Iterator[None]:
        """While a request runs: what ends it.

        Raises:
            InvalidRequestError: nothing can be called so.
        """
        if not NAME.fullmatch(name):
            raise InvalidRequestError(
                f"the header {HEADER} must be 16 to 64 letters, digits, hyphens and underscores", param=HEADER
            )
        entry = (key.id if key else None, abort)
        self._entered.setdefault(name, []).append(entry)
        try:
            yield
        finally:
            entries = self._entered[name]
            entries.remove(entry)
            if not entries:
                del self._entered[name]

    def abort(self, name: str, key: Key | None) -> int:
        """End the requests of that name; with a key only those that were sent with it. How many there were."""
        found = [abort for owner, abort in self._entered.get(name, ()) if key is None or owner == key.id]
        for abort in found:
            abort()
        return len(found)

"""Keys for programs that only need answers: one that each server mints, and those that its user makes.

Jupyter's token lets its holder run code. These let their holder do what their scopes say, and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from oaikit.errors import InvalidRequestError

PREFIX = "sk-oaikit-"
_MAX_NAME = 100


class Scope(StrEnum):
    """What a key is good for: the engine's state and tokens, answers, or loading and unloading models."""

    READ = "read"
    INFER = "infer"
    ADMIN = "admin"


DEFAULT_SCOPES = (Scope.READ, Scope.INFER)


@dataclass(frozen=True)
class Key:
    """A key without its secret. Times are seconds since 1970; None: it never expires, was not revoked, has no limit."""

    id: str
    name: str
    scopes: frozenset[Scope]
    created: int
    sha256: str = field(repr=False)
    expires: int | None = None
    revoked: int | None = None
    requests_per_minute: int | None = None

    def state(self, now: float) -> str:
        """``"active"``, ``"expired"`` or ``"revoked"``."""
        if self.revoked is not None:
            return "revoked"
        return "active" if self.expires is None or now < self.expires else "expired"

    def as_dict(self) -> dict[str, Any]:
        """The fields in JSON's types."""
        return {**asdict(self), "scopes": sorted(self.scopes)}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Key:
        """Make a key of what `as_dict` returned.

        Raises:
            KeyError, TypeError, ValueError: it is anything else.
        """
        key = cls(**{**stored, "scopes": frozenset(map(Scope, stored["scopes"]))})
        for name, kinds in _STORED_TYPES.items():
            if not isinstance(getattr(key, name), kinds):
                raise TypeError(f"{name} of key {key.id!r} has the wrong type")
        if not re.fullmatch("[0-9a-f]{64}", key.sha256):
            raise ValueError(f"sha256 of key {key.id!r} is not a hash")
        return key

    @classmethod
    def new(
        cls,
        name: str,
        scopes: Collection[str],
        now: float,
        *,
        expires_in_s: float | None = None,
        requests_per_minute: int | None = None,
    ) -> tuple[Key, str]:
        """A key and its secret.

        Raises:
            InvalidRequestError: a value is out of range.
        """
        secret = new_secret()
        key = cls(
            id=f"key_{secrets.token_hex(8)}",
            name=_checked_name(name),
            scopes=_checked_scopes(scopes),
            created=int(now),
            sha256=hash_of(secret),
            expires=None if expires_in_s is None else int(now + _checked_time(expires_in_s)),
            requests_per_minute=_checked_limit(requests_per_minute),
        )
        return key, secret


_STORED_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("id", "name", "sha256"), (str,)),
    "created": (int,),
    **dict.fromkeys(("expires", "revoked", "requests_per_minute"), (int, type(None))),
}


def new_secret() -> str:
    """A secret of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """SHA-256. A secret of 256 random bits needs no salt and no slow hash: nobody can try them all."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


class InferenceKey:
    """The key that a server mints at its start, for its kernels and terminals. It ends with the server."""

    def __init__(self) -> None:
        self.value = new_secret()
        self.key = Key(
            "minted",
            "kernels and terminals",
            frozenset(DEFAULT_SCOPES),
            int(time.time()),
            hash_of(self.value),
        )

    def matches(self, candidate: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(hash_of(candidate), self.key.sha256)


def bearer(authorization: str) -> str:
    """The secret in the value of an ``Authorization`` header, or an empty string."""
    scheme, _, value = authorization.partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name.isprintable() or not 0 < len(name.strip()) <= _MAX_NAME:
        raise InvalidRequestError(f"name must be a text of 1 to {_MAX_NAME} characters", param="name")
    return name.strip()


def _checked_scopes(scopes: object) -> frozenset[Scope]:
    allowed = ", ".join(Scope)
    if not isinstance(scopes, (list, tuple, set, frozenset)) or not scopes:
        raise InvalidRequestError(f"scopes must be a list with one or more of {allowed}", param="scopes")
    for scope in scopes:
        if not isinstance(scope, str) or scope not in list(Scope):
            raise InvalidRequestError(
                f"scopes has an unknown {str(scope)[:50]!r}; there are {allowed}", param="scopes"
            )
    return frozenset(map(Scope, scopes))


def _checked_time(seconds: object) -> float:
    """A time from now. A hundred years are for ever; beyond, JSON and calendars have ends of their own."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 1 <= seconds <= 3.2e9:
        raise InvalidRequestError(
            "expires_in_s must be a number of seconds from 1 on, or null for a key that never expires",
            param="expires_in_s",
        )
    return float(seconds)


def _checked_limit(limit: object) -> int | None:
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= 100_000:
        raise InvalidRequestError(
            "requests_per_minute must be a whole number from 1 to 100000, or null for no limit",
            param="requests_per_minute",
        )
    return limit

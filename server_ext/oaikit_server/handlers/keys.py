"""Making, listing and revoking keys, with Jupyter's own credentials only."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated

from oaikit.errors import InvalidRequestError
from oaikit_server.handlers.base import OAIKitHandler
from oaikit_server.json_body import json_object

_FIELDS = {"name", "scopes", "expires_in_s", "requests_per_minute"}


class KeysHandler(OAIKitHandler):
    """``oaikit/api/keys``."""

    @allow_unauthenticated
    async def get(self) -> None:
        """All keys without their secrets: ``{"data": [{id, name, scopes, created, expires, …, state}, …]}``."""
        self.finish_json({"data": await self.service.keys.list()})

    @allow_unauthenticated
    async def post(self) -> None:
        """A new key from ``{"name", "scopes", "expires_in_s", "requests_per_minute"}``.

        201 with its description and, this once, the secret in ``key``.
        """
        wanted: dict[str, Any] = json_object(self.body, _FIELDS)
        if "name" not in wanted:
            raise InvalidRequestError("name is missing: say what the key is for", param="name")
        key, secret = await self.service.keys.create(**wanted)
        self.set_status(201)
        self.set_header("Cache-Control", "no-store")
        self.finish_json({**self.service.keys.describe(key), "key": secret})


class KeyHandler(OAIKitHandler):
    """``oaikit/api/keys/<id>``."""

    @allow_unauthenticated
    async def delete(self, key_id: str) -> None:
        """Revoke a key, at once and for good."""
        keys = self.service.keys
        self.finish_json(keys.describe(await keys.revoke(key_id)))

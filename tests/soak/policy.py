"""Who may do what, in one table that was written from docs/server.md. The access matrix is derived from it alone."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from re import _constants as kinds  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

READ, INFER, ADMIN = frozenset({"read"}), frozenset({"infer"}), frozenset({"admin"})
JUPYTER_ONLY: frozenset[str] = frozenset()
ANY_KEY = READ | INFER | ADMIN
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SAMPLE_ID = "0123456789abcdef"


@dataclass(frozen=True)
class Rule:
    """A row of the table.

    Args:
        scopes: A key needs one of these. Empty: only Jupyter's own credentials will do.
        methods: Those that the route has; the others are answered with 405. None: vLLM's app decides.
    """

    scopes: frozenset[str]
    methods: frozenset[str] | None = None


_GET, _POST = frozenset({"GET"}), frozenset({"POST"})

POLICY: dict[str, Rule] = {
    "v1/chat/completions": Rule(INFER, _POST),
    "v1/completions": Rule(INFER, _POST),
    "v1/chat/completions/batch": Rule(INFER),
    "v1/embeddings": Rule(INFER),
    "v1/responses": Rule(INFER),
    f"v1/responses/resp_{SAMPLE_ID}": Rule(INFER),
    f"v1/responses/resp_{SAMPLE_ID}/cancel": Rule(INFER),
    "v1/messages": Rule(INFER),
    "v1/messages/count_tokens": Rule(INFER),
    "v1/audio/transcriptions": Rule(INFER),
    "v1/audio/translations": Rule(INFER),
    "v1/score": Rule(INFER),
    "score": Rule(INFER),
    "v1/rerank": Rule(INFER),
    "v2/rerank": Rule(INFER),
    "rerank": Rule(INFER),
    "pooling": Rule(INFER),
    "classify": Rule(INFER),
    "v1/models": Rule(READ),
    "tokenize": Rule(READ),
    "detokenize": Rule(READ),
    "metrics": Rule(READ, _GET),
    "openapi.json": Rule(READ, _GET),
    "api/status": Rule(READ, _GET),
    "api/load": Rule(ADMIN, _POST),
    "api/unload": Rule(ADMIN, _POST),
    "api/abort": Rule(INFER, _POST),
    "api/explain": Rule(READ | INFER, _POST),
    "api/keys": Rule(JUPYTER_ONLY, _GET | _POST),
    f"api/keys/key_{SAMPLE_ID}": Rule(JUPYTER_ONLY, frozenset({"DELETE"})),
}

# What is no route: everybody who may ask anything learns that it is not there, nobody else does. vLLM's
# administration stays closed even to Jupyter's own credentials.
CLOSED = (
    "",
    "no/such",
    "v1",
    "v1/",
    "v1/models/",
    "v1/models/../../api/status",
    "v1/load_lora_adapter",
    "inference/v1/generate",
    "invocations",
    "collective_rpc",
    "sleep",
    "wake_up",
    "reset_prefix_cache",
    "server_info",
    "start_profile",
    "scale_elastic_ep",
    "docs",
    "version",
    "ping",
    "health",
)


def undescribed(patterns: list[str]) -> list[str]:
    """The routes that have no rule, and the rules that have no route."""
    served = {path for pattern in patterns for path in expand(pattern)}
    return sorted(served ^ set(POLICY))


def expand(pattern: str) -> set[str]:
    """Every path that a route's pattern matches, with one sample in place of an id."""
    return set(_texts(list(parser.parse(pattern))))


def _texts(parsed: list[tuple[Any, Any]]) -> list[str]:
    return ["".join(parts) for parts in itertools.product(*map(_alternatives, parsed))]


def _alternatives(item: tuple[Any, Any]) -> list[str]:
    """The texts that one item of a parsed pattern stands for."""
    kind, value = item
    if kind is kinds.LITERAL:
        return [chr(value)]
    if kind is kinds.ANY:
        return ["."] if value is None else []
    if kind is kinds.BRANCH:
        return [text for branch in value[1] for text in _texts(list(branch))]
    if kind is kinds.SUBPATTERN:
        return _texts(list(value[-1]))
    if kind is kinds.IN:
        return [chr(value[0][1])] if len(value) == 1 and value[0][0] is kinds.LITERAL else _class(value)
    if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT):
        low, high, inner = value
        if high == kinds.MAXREPEAT:
            return [SAMPLE_ID]
        inside = _texts(list(inner))
        return [text * count for count in range(low, high + 1) for text in inside]
    raise ValueError(f"a route's pattern has {kind}, which is not expected: {re.escape(str(value))}")


def _class(value: list[tuple[Any, Any]]) -> list[str]:
    """The characters of a class such as [12]."""
    if all(kind is kinds.LITERAL for kind, _ in value):
        return [chr(code) for _, code in value]
    return [chr(code) for _, (low, high) in value for code in range(low, high + 1)]

"""The routes under ``<base url>/oaikit``, who may use them, and how each error looks."""

from __future__ import annotations

from oaikit_server.handlers.answers import (
    RESOLVED_ROUTES,
    VLLM_ROUTES,
    AbortHandler,
    CompletionHandler,
    DescriptionHandler,
    ExplainHandler,
    VLLMHandler,
)
from oaikit_server.handlers.base import OAIKitHandler, UnknownHandler
from oaikit_server.handlers.engine import LoadHandler, MetricsHandler, StatusHandler, UnloadHandler
from oaikit_server.handlers.keys import KeyHandler, KeysHandler

ROUTES: list[tuple[str, type[OAIKitHandler]]] = [
    (r"/oaikit/api/status", StatusHandler),
    (r"/oaikit/api/load", LoadHandler),
    (r"/oaikit/api/unload", UnloadHandler),
    (r"/oaikit/api/abort", AbortHandler),
    (r"/oaikit/api/explain", ExplainHandler),
    (r"/oaikit/api/keys", KeysHandler),
    (r"/oaikit/api/keys/(key_[0-9a-f]+)", KeyHandler),
    (r"/oaikit/metrics", MetricsHandler),
    (r"/oaikit/openapi.json", DescriptionHandler),
    (rf"/oaikit/({'|'.join(RESOLVED_ROUTES)})", CompletionHandler),
    (rf"/oaikit/({'|'.join(VLLM_ROUTES)})", VLLMHandler),
    (r"/oaikit(?:/(.*))?", UnknownHandler),
]

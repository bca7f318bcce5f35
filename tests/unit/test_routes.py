"""Which of vLLM's routes a key opens, and what a request to load a model may say."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from tornado.web import URLSpec

from oaikit.engine.state import EngineSpec
from oaikit.errors import InvalidRequestError
from oaikit_server.handlers import (
    ROUTES,
    CompletionHandler,
    KeyHandler,
    KeysHandler,
    LoadHandler,
    MetricsHandler,
    StatusHandler,
    UnknownHandler,
    UnloadHandler,
    VLLMHandler,
)
from oaikit_server.handlers.engine import load_spec as parsed
from oaikit_server.keys import Scope

OPEN = {
    "/classify",
    "/detokenize",
    "/pooling",
    "/rerank",
    "/score",
    "/tokenize",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
    "/v1/chat/completions",
    "/v1/chat/completions/batch",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/models",
    "/v1/rerank",
    "/v1/responses",
    "/v1/responses/resp_0a1b-2c",
    "/v1/responses/resp_0a1b-2c/cancel",
    "/v1/score",
    "/v2/rerank",
}
# Administration, development (/openapi.json is oaikit's own), and what answers for a server that is not there.
CLOSED = {
    "/abort_requests",
    "/cohere/v2/chat",
    "/cohere/v2/chat/render",
    "/collective_rpc",
    "/docs",
    "/fault_tolerance/apply",
    "/fault_tolerance/status",
    "/finish_weight_update",
    "/generative_scoring",
    "/get_world_size",
    "/health",
    "/inference/v1/abort_requests",
    "/inference/v1/generate",
    "/init_weight_transfer_engine",
    "/invocations",
    "/is_paused",
    "/is_scaling_elastic_ep",
    "/is_sleeping",
    "/kv_event_sources",
    "/load",
    "/pause",
    "/ping",
    "/ready",
    "/readyz",
    "/redoc",
    "/release_kv_cache_memory",
    "/reset_encoder_cache",
    "/reset_mm_cache",
    "/reset_prefix_cache",
    "/resume",
    "/scale_elastic_ep",
    "/server_info",
    "/shutdown_weight_transfer_engine",
    "/sleep",
    "/start_draft_weight_update",
    "/start_profile",
    "/start_weight_update",
    "/static/swagger-ui.css",
    "/stop_profile",
    "/tokenizer_info",
    "/update_weight_version",
    "/update_weights",
    "/v1/chat/completions/derender",
    "/v1/chat/completions/render",  # vLLM answers 403 unless it is started as a part of a larger deployment
    "/v1/completions/derender",
    "/v1/completions/render",
    "/v1/load_lora_adapter",
    "/v1/messages/render",
    "/v1/realtime",
    "/v1/systemone",
    "/v1/unload_lora_adapter",
    "/v2/embed",
    "/version",
    "/wake_up",
    "/weight_checker",
    "/weight_info",
}
TRICKS = {
    "/",
    "//sleep",
    "/v1",
    "/v1/",
    "/v1/../sleep",
    "/v1/%2e%2e/sleep",
    "/v1/%2E%2E%2Fsleep",
    "/v1//models",
    "/v1/models/",
    "/v1/models/../../sleep",
    "/v1/models%0a",
    "/v1/models%2f..%2f..%2fsleep",
    "/v1/models/some/model",
    "/v1/responses/..",
    "/v1/responses/../load_lora_adapter",
    "/v1/responses/%2e%2e",
    "/v1/responses/%2e%2e/cancel",
    "/v1/responses/x%2fy",
    "/v1/responses/x/y",
    "/v1/responses/x/cancel/y",
    "/v1/chat/completions/batch/..",
    "/v1/chat/completions;/sleep",
    "/v1/Models",
    "/V1/models",
    "/v3/rerank",
    "/x/v1/models",
    "/sleep/v1/models",
    "/tokenize_info",
}


def handler_of(path: str) -> type | None:
    """As tornado finds it: the first pattern that matches the whole path, as it came over the wire."""
    return next((handler for pattern, handler in ROUTES if URLSpec(pattern, handler).regex.match(path)), None)


@pytest.mark.parametrize("path", sorted(OPEN))
def test_what_answers_is_open(path):
    resolved = path in ("/v1/chat/completions", "/v1/completions")
    assert handler_of(f"/oaikit{path}") is (CompletionHandler if resolved else VLLMHandler)


@pytest.mark.parametrize("path", sorted(CLOSED | TRICKS))
def test_everything_else_is_closed(path):
    """It is refused in JSON, not handed to whatever handler of Jupyter's comes next."""
    assert handler_of(f"/oaikit{path}") is UnknownHandler


def test_oaikits_own_routes():
    own = {
        "api/status": StatusHandler,
        "api/load": LoadHandler,
        "api/unload": UnloadHandler,
        "api/keys": KeysHandler,
        "api/keys/key_0a1b": KeyHandler,
        "api/keys/": UnknownHandler,
        "api/keys/0a1b": UnknownHandler,
        "api/keys/key_0a1b/x": UnknownHandler,
    }
    assert {path: handler_of(f"/oaikit/{path}") for path in own} == own
    assert handler_of("/oaikit/metrics") is MetricsHandler, (
        "ours, without Jupyter's own metrics; not the app's"
    )
    assert handler_of("/oaikit") is UnknownHandler


READ, INFER, ADMIN = ({scope} for scope in (Scope.READ, Scope.INFER, Scope.ADMIN))


@pytest.mark.parametrize(
    ("path", "scopes"),
    [
        *((path, READ) for path in ("/v1/models", "/tokenize", "/detokenize", "/api/status", "/metrics")),
        *((path, INFER) for path in sorted(OPEN - {"/v1/models", "/tokenize", "/detokenize"})),
        *((path, ADMIN) for path in ("/api/load", "/api/unload")),
        *((path, set()) for path in ("/api/keys", "/api/keys/key_0a1b")),
        ("/no/such", READ | INFER | ADMIN),
    ],
)
def test_what_a_key_needs(path, scopes):
    handler = handler_of(f"/oaikit{path}")
    assert handler.scopes(SimpleNamespace(path_args=[path.removeprefix("/")])) == scopes


@pytest.mark.parametrize("path", ["/", "/api/status", "/v1/models", "/oaikitx", "/x/oaikit/v1/models"])
def test_the_rest_of_jupyter_is_left_alone(path):
    assert handler_of(path) is None


def test_every_route_of_the_installed_vllm_is_known_here():
    """A new release's new routes stay closed until somebody has decided about them."""
    vllm = importlib.util.find_spec("vllm")
    if vllm is None:
        pytest.skip("vLLM is not installed")
    pattern = re.compile(
        r"""(?:router|app)\.(?:get|post|put|delete|patch|websocket|api_route)\(\s*"(/[^"]*)"""
    )
    entrypoints = Path(vllm.submodule_search_locations[0]) / "entrypoints"
    routes = {route for path in entrypoints.rglob("*.py") for route in pattern.findall(path.read_text())}
    examples = {re.sub(r"\{\w+\}", "resp_0a1b-2c", route) for route in routes}
    assert len(examples) > 30
    assert examples - OPEN - CLOSED - {"/v1/responses/render"} == set()


# -- oaikit/api/load ---------------------------------------------------------------------------------------------------


def load_spec(wanted: object, configured: EngineSpec | None = None) -> EngineSpec:
    return parsed(json.dumps(wanted).encode(), configured)


@pytest.mark.parametrize(
    ("wanted", "spec"),
    [
        ({"model": "m"}, EngineSpec("m")),
        ({"model": "m", "engine_args": {"seed": 1}}, EngineSpec("m", (), {"seed": 1})),
        ({"model": "m", "served_model_name": "a"}, EngineSpec("m", ("a",))),
        ({"model": "m", "served_model_name": ["a", "b"]}, EngineSpec("m", ("a", "b"))),
        ({"model": "m", "served_model_name": []}, EngineSpec("m")),
    ],
)
def test_a_good_body(wanted, spec):
    assert load_spec(wanted, EngineSpec("configured", ("x",), {"seed": 9})) == spec


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_an_empty_body_means_the_configured_model(body):
    configured = EngineSpec("configured", ("x",), {"seed": 9})
    assert parsed(body, configured) == configured
    with pytest.raises(InvalidRequestError) as caught:
        parsed(body, None)
    assert caught.value.param == "model"


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"model": 3}, "model"),
        ({"engine_args": {"seed": 1}}, "model"),
        ({"model": "m", "engine_args": []}, "engine_args"),
        ({"model": "m", "engine_args": None}, "engine_args"),
        ({"model": "m", "served_model_name": 3}, "served_model_name"),
        ({"model": "m", "served_model_name": ""}, "served_model_name"),
        ({"model": "m", "served_model_name": ["a", ""]}, "served_model_name"),
        ({"model": "m", "served_model_name": None}, "served_model_name"),
        ({"model": "m", "max_model_len": 512}, "max_model_len"),
        ({"Model": "m"}, "Model"),
    ],
)
def test_a_bad_body_names_what_is_wrong(wanted, param):
    with pytest.raises(InvalidRequestError, match=param) as caught:
        load_spec(wanted)
    assert caught.value.param == param


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[]", b'"m"', b"null", b"model=m"])
def test_a_body_that_is_no_json_object(body):
    with pytest.raises(InvalidRequestError, match=r"JSON"):
        parsed(body, EngineSpec("configured"))

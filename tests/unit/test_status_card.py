"""The card that a connection or an engine shows of itself."""

from __future__ import annotations

import oaikit as ok
from oaikit.status_card import bundle

READY = {
    "state": "ready",
    "served_names": ["tiny", "/path"],
    "device": "cpu",
    "max_model_len": 2048,
    "running": 3.0,
    "waiting": 1.0,
    "kv_cache_usage": 0.256,
}


def test_what_is_known_is_shown() -> None:
    text = bundle("http://host/v1", READY, 120.4)["text/plain"]
    assert text.splitlines() == [
        "http://host/v1 ready",
        "  model: tiny",
        "  device: cpu",
        "  context: 2048 tokens",
        "  requests: 3 running, 1 waiting",
        "  KV cache: 25.6% used",
        "  speed: 120 tokens/s",
    ]


def test_a_load_names_its_phase() -> None:
    progress = {"phase": "loading the weights", "phase_s": 2.2, "load_s": 9.8}
    text = bundle("x", {"state": "loading", "model": "m", "progress": progress})["text/plain"]
    assert "phase: loading the weights, 2 s (loading for 10 s)" in text


def test_everything_is_escaped() -> None:
    html = bundle("<b>", {"state": "failed", "model": "<i>", "error": "<script>"})["text/html"]
    assert "&lt;b&gt;" in html
    assert "<script>" not in html
    assert "<i>" not in html


def test_a_server_that_does_not_answer_is_a_card_and_no_exception() -> None:
    text = ok.connect("http://127.0.0.1:1/oaikit/v1", api_key="x")._repr_mimebundle_()["text/plain"]
    assert text.startswith("http://127.0.0.1:1/oaikit/v1 does not answer")
    text = ok.connect("http://127.0.0.1:1/v1", api_key="x")._repr_mimebundle_()["text/plain"]
    assert "not a server of oaikit's" in text

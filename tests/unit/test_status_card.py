"""The card that a connection or an engine shows of itself."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

import oaikit as ok
from oaikit import status_card
from oaikit.status_card import bundle, follow

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


def test_a_card_follows_a_load_until_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_card, "UPDATE_EVERY_S", 0.0)
    states: list[dict[str, Any]] = [{"state": "loading"}, {"error": "no answer"}, READY, {"state": "later"}]
    looks, shown = iter(states), list[Mapping[str, Any]]()
    follow(lambda: (next(looks), None), lambda status, rate: shown.append(status))
    assert shown == states[:3]


class _Status(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"state": "loading", "served_names": ["tiny"]}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_the_first_card_of_a_process_does_not_count_the_import_of_openai() -> None:
    code = """
import sys, time
class Slow:  # as an import is on a busy machine
    def find_spec(self, name, path=None, target=None):
        if name == "openai":
            time.sleep(1.5)
sys.meta_path.insert(0, Slow())
import oaikit as ok
print(ok.connect(sys.argv[1], api_key="x")._repr_mimebundle_()["text/plain"])
"""
    with HTTPServer(("127.0.0.1", 0), _Status) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/oaikit/v1"
        done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
        server.shutdown()
    assert done.stdout.startswith(f"{url} loading"), done.stdout

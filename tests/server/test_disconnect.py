"""A client that goes away costs nothing."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection

from tests.harness import SERVED, Server, wait_until


def open_request(server: Server, *, stream: bool, model: str = SERVED) -> HTTPConnection:
    """A request that would go on for two thousand tokens, and its first bytes if it streams."""
    connection = server.connection()
    body = {"model": model, "prompt": "The", "max_tokens": 2000, "ignore_eos": True, "stream": stream}
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    connection.request("POST", f"{server.path}oaikit/v1/completions", json.dumps(body), headers)
    if stream:
        connection.getresponse().read(200)
    return connection


def busy(server: Server) -> float:
    status = server.status()
    return status["running"] + status["waiting"]


def test_fifty_streams_closed_half_way(server: Server) -> None:
    connections = [open_request(server, stream=True) for _ in range(50)]
    wait_until(lambda: busy(server) >= 45, 20)
    for connection in connections:
        connection.sock.close() if connection.sock else None
        connection.close()
    closed = time.monotonic()
    wait_until(lambda: busy(server) == 0, 10, every=0.02)
    assert time.monotonic() - closed < 1
    wait_until(lambda: server.status()["kv_cache_usage"] == 0, 2)


def test_a_request_that_does_not_stream_is_aborted_too(server: Server) -> None:
    connection = open_request(server, stream=False)
    wait_until(lambda: busy(server) == 1, 10)
    connection.close()
    wait_until(lambda: busy(server) == 0, 1)

"""What the engine is told of a request, and what a client hears while the engine is silent."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor

from tests.harness import SERVED, Server
from tests.server.test_http import CHAT, in_openais_shape


def test_the_engines_id_is_the_servers_not_the_clients(server: Server) -> None:
    for stream in (False, True):
        answer = server.request(
            "POST", "oaikit/v1/chat/completions", {**CHAT, "stream": stream}, headers={"X-Request-Id": "mine"}
        )
        assert answer.status == 200
        assert f"chatcmpl-{answer.headers['x-request-id']}".encode() in answer.body
        assert b"mine" not in answer.body


def test_two_requests_with_one_id_do_not_meet(server: Server) -> None:
    def ask() -> int:
        body = {**CHAT, "max_tokens": 200, "ignore_eos": True}
        headers = {"X-Request-Id": "same"}
        return server.request("POST", "oaikit/v1/chat/completions", body, headers=headers).status

    with ThreadPoolExecutor() as pool:
        assert [asked.result() for asked in [pool.submit(ask) for _ in range(4)]] == [200] * 4


def test_vllms_own_cors_stays_out(server: Server, kernel_key: str) -> None:
    """Its app would let every page read every answer."""
    for stream in (False, True):
        answer = server.request(
            "POST",
            "oaikit/v1/chat/completions",
            {**CHAT, "stream": stream},
            key=kernel_key,
            headers={"Origin": "https://evil.test"},
        )
        assert answer.status == 200
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_body_near_the_limit_reaches_the_engine(server: Server) -> None:
    """And is refused there for its length, not for its size."""
    body = {"model": SERVED, "prompt": "word " * 3_000_000, "max_tokens": 1}
    answer = server.request("POST", "oaikit/v1/completions", body)
    assert answer.status == 400
    body["prompt"] = "word " * 3_400_000
    answer = server.request("POST", "oaikit/v1/completions", body)
    assert answer.status == 413
    assert in_openais_shape(answer)["code"] == "request_too_large"


def test_a_silent_stream_has_comments(server: Server) -> None:
    """An engine that is stopped by a signal says nothing; proxies give up a silent connection after a minute."""
    body = {**CHAT, "max_tokens": 1500, "ignore_eos": True, "stream": True}
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    connection = server.connection()
    connection.request("POST", f"{server.path}oaikit/v1/chat/completions", json.dumps(body), headers)
    response = connection.getresponse()
    assert response.readline().startswith(b"data: {")
    processes = server.engine_processes()
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        line = b""
        while not line.startswith(b":"):
            line = response.readline()
            assert line, "the stream ended"
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)
    assert line == b": keep-alive\n"
    assert response.readline() == b"\n"
    assert response.readline().startswith(b"data: {")
    connection.close()


def test_many_seeded_prompts_at_once(server: Server) -> None:
    """vLLM splits what does not fit into one step, and on a CPU a seeded prompt that was split ended its engine."""

    def ask(number: int) -> int:
        body = {
            "model": SERVED,
            "prompt": f"{number} " * 150,
            "seed": number,
            "temperature": 1,
            "max_tokens": 2,
        }
        return server.request("POST", "oaikit/v1/completions", body).status

    with ThreadPoolExecutor(64) as pool:
        assert set(pool.map(ask, range(96))) == {200}
    assert server.status()["restarts"] == 0

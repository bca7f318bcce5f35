"""Who may ask what, and how a refusal looks."""

from __future__ import annotations

import json
import select
import signal
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.harness import SERVED, Answer, Server, wait_until

CHAT = {"model": SERVED, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}


def in_openais_shape(answer: Answer) -> dict[str, Any]:
    """The error, having checked its shape."""
    assert answer.headers["content-type"].startswith("application/json")
    assert set(answer.json) == {"error"}
    error = answer.json["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["type"], str)
    assert error["code"] is None or isinstance(error["code"], str)
    assert "set-cookie" not in answer.headers
    return error


@pytest.mark.parametrize(
    "path", ["v1/models", "v1/chat/completions", "api/status", "api/load", "metrics", "no/such"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("key", [None, "sk-wrong"])
def test_without_the_right_key_everything_is_401(
    server: Server, path: str, method: str, key: str | None
) -> None:
    answer = server.request(method, f"oaikit/{path}", CHAT if method == "POST" else None, key=key)
    assert answer.status == 401
    assert in_openais_shape(answer)["code"] == "invalid_api_key"


@pytest.mark.parametrize("path", ["", "no/such", "v1", "v1/", "v1/no-such", "v1/models/../../api/status"])
def test_an_unknown_route_is_404(server: Server, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = server.request(method, f"oaikit/{path}", b"{}" if method == "POST" else None)
        assert answer.status == 404, method
        in_openais_shape(answer)


@pytest.mark.parametrize(
    "path",
    [
        "v1/load_lora_adapter",
        "v1/unload_lora_adapter",
        "invocations",
        "inference/v1/generate",
        "inference/v1/abort_requests",
        "scale_elastic_ep",
        "sleep",
        "collective_rpc",
        "docs",
        "server_info",
        "v1/chat/completions/derender",
        "v1/chat/completions/render",
        "v1/completions/render",
    ],
)
def test_vllms_administration_stays_closed(server: Server, path: str) -> None:
    assert server.request("POST", f"oaikit/{path}", {}).status == 404
    assert server.request("GET", f"oaikit/{path}").status == 404


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["v1/chat/completions", "api/status", "metrics"])
def test_a_wrong_method_is_405(server: Server, method: str, path: str) -> None:
    answer = server.request(method, f"oaikit/{path}", b"{}")
    assert answer.status == 405
    in_openais_shape(answer)


def test_a_method_that_vllm_does_not_have_is_405(server: Server) -> None:
    answer = server.request("GET", "oaikit/v1/chat/completions")
    assert answer.status == 405
    in_openais_shape(answer)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"model": "tiny"}',
        b'{"model": "tiny", "messages": 3}',
        b'{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "temperature": "hot"}',
        b'{"model": "tiny", "messages": [{"role": "user", "content": "x"}], "max_tokens": -1}',
        b"[" * 100_000,
        b'{"model": "tiny", "n": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: body[:30],
)
def test_a_malformed_body_is_400(server: Server, body: bytes) -> None:
    answer = server.request(
        "POST", "oaikit/v1/chat/completions", body, headers={"Content-Type": "application/json"}
    )
    assert answer.status == 400, answer.body
    assert in_openais_shape(answer)["type"] == "invalid_request_error"


def test_an_unknown_model_is_404(server: Server) -> None:
    answer = server.request("POST", "oaikit/v1/chat/completions", {**CHAT, "model": "gpt-9"})
    assert answer.status == 404
    assert in_openais_shape(answer)["code"] == "model_not_found"


def login(server: Server) -> str:
    """The cookies of a person who opened Jupyter in a browser."""
    connection = server.connection()
    connection.request("GET", f"{server.path}api/status?token={server.token}")
    response = connection.getresponse()
    response.read()
    cookies = [value.split(";")[0] for name, value in response.getheaders() if name.lower() == "set-cookie"]
    connection.request("GET", f"{server.path}tree", headers={"Cookie": "; ".join(cookies)})
    response = connection.getresponse()
    response.read()
    cookies += [value.split(";")[0] for name, value in response.getheaders() if name.lower() == "set-cookie"]
    connection.close()
    return "; ".join(cookies)


def test_a_cookie_needs_the_xsrf_token(server: Server) -> None:
    cookies = login(server)
    assert server.request("GET", "oaikit/v1/models", key=None, headers={"Cookie": cookies}).status == 200
    refused = server.request(
        "POST", "oaikit/v1/chat/completions", CHAT, key=None, headers={"Cookie": cookies}
    )
    assert refused.status == 403
    in_openais_shape(refused)
    xsrf = next(part.split("=", 1)[1] for part in cookies.split("; ") if part.startswith("_xsrf"))
    headers = {"Cookie": cookies, "X-XSRFToken": xsrf}
    assert server.request("POST", "oaikit/v1/chat/completions", CHAT, key=None, headers=headers).status == 200
    headers["Origin"] = "https://evil.example"
    foreign = server.request("POST", "oaikit/v1/chat/completions", CHAT, key=None, headers=headers)
    assert (foreign.status, foreign.json["error"]["code"]) == (403, "permission_denied")
    assert "https://evil.example" in foreign.json["error"]["message"]


def test_a_foreign_host_header_is_refused(server: Server) -> None:
    """What stops DNS rebinding."""
    answer = server.request("GET", "oaikit/v1/models", headers={"Host": "evil.example"})
    assert answer.status == 403
    in_openais_shape(answer)


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=utf-8", "application/x+json"]
)
def test_what_reaches_into_the_server_is_refused_however_json_is_spelled(
    server: Server, content_type: str
) -> None:
    body = json.dumps({"model": SERVED, "messages": CHAT["messages"], "chat_template": "{{ 1 }}"}).encode()
    for path in ("tokenize", "v1/responses", "v1/chat/completions"):
        answer = server.request("POST", f"oaikit/{path}", body, headers={"Content-Type": content_type})
        assert answer.status == 400
        assert in_openais_shape(answer)["param"] == "chat_template"


def test_the_log_says_once_per_client_that_the_default_cut_an_answer_off(server: Server) -> None:
    asked = {name: value for name, value in CHAT.items() if name != "max_tokens"}
    for _ in range(2):
        answer = server.request("POST", "oaikit/v1/chat/completions", asked)
        assert "x-oaikit-max-tokens" in answer.headers
    assert server.log.read_text().count("an answer to 127.0.0.1 was cut off") == 1


def test_answers_set_no_cookies(server: Server) -> None:
    assert "set-cookie" not in server.request("GET", "oaikit/v1/models").headers
    assert "set-cookie" not in server.request("POST", "oaikit/v1/chat/completions", CHAT).headers


def test_streams_are_not_to_be_collected_by_proxies(server: Server) -> None:
    answer = server.request("POST", "oaikit/v1/chat/completions", {**CHAT, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.body.endswith(b"data: [DONE]\n\n")


def test_a_burst_of_connections_finds_room(server: Server) -> None:
    """While the server looks away, as Jupyter does for a moment now and then. Tornado's own queue takes 128."""
    parts = urlsplit(server.url)
    sockets = [socket.socket() for _ in range(400)]
    watched = select.poll()
    server.process.send_signal(signal.SIGSTOP)
    try:
        for each in sockets:
            each.setblocking(False)
            each.connect_ex((parts.hostname, parts.port))
            watched.register(each, select.POLLOUT)
        wait_until(lambda: len(watched.poll(0)) == len(sockets), 0.8)  # a second try would come after 1 s
    finally:
        server.process.send_signal(signal.SIGCONT)
        for each in sockets:
            each.close()


def test_connections_are_kept_alive(server: Server) -> None:
    connection = server.connection()
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    for stream in (False, True, False):
        body = json.dumps({**CHAT, "stream": stream})
        connection.request("POST", f"{server.path}oaikit/v1/chat/completions", body, headers)
        response = connection.getresponse()
        assert response.status == 200
        response.read()
        assert not response.will_close
    connection.close()


def test_status_and_metrics(server: Server, model: Path) -> None:
    status = server.status()
    assert status["state"] == "ready"
    assert status["served_names"] == [SERVED, str(model)]
    assert status["device"] == "cpu"
    assert status["vllm_version"]
    assert status["uptime_s"] > 0
    assert status["progress"] is None
    assert status["error"] is None
    assert 0 <= status["kv_cache_usage"] <= 1
    metrics = server.request("GET", "oaikit/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    lines = [line for line in metrics.body.decode().splitlines() if not line.startswith("#")]
    assert any(line.startswith("vllm:generation_tokens_total") for line in lines)
    assert all(line.startswith("vllm:") for line in lines)


def test_a_bad_load_leaves_the_engine_alone(server: Server) -> None:
    before = server.status()["uptime_s"]
    for body, param in (
        ({"model": 3}, "model"),
        ({"model": "x", "engine_args": []}, "engine_args"),
        ({"model": "x", "modle": 1}, "modle"),
        ({"model": "x", "engine_args": {"max_model_length": 9}}, "max_model_length"),
        ({"model": "x", "engine_args": {"port": 9}}, "port"),
        ({"model": "x", "served_model_name": [1]}, "served_model_name"),
    ):
        answer = server.request("POST", "oaikit/api/load", body)
        assert answer.status == 400, body
        assert in_openais_shape(answer)["param"] == param
    near = server.request("POST", "oaikit/api/load", {"model": "x", "engine_args": {"max_model_length": 9}})
    assert "max_model_len" in near.json["error"]["message"]
    assert server.status()["uptime_s"] > before


def test_a_slow_reader_loses_nothing(server: Server) -> None:
    connection = server.connection()
    body = json.dumps(
        {
            "model": SERVED,
            "prompt": "The",
            "max_tokens": 1500,
            "stream": True,
            "ignore_eos": True,
            "return_token_ids": True,
        }
    )
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    connection.request("POST", f"{server.path}oaikit/v1/completions", body, headers)
    time.sleep(3)
    *events, done, _ = connection.getresponse().read().split(b"\n\n")
    assert done == b"data: [DONE]"
    choices = [json.loads(event.removeprefix(b"data: "))["choices"][0] for event in events]
    assert sum(len(choice["token_ids"] or ()) for choice in choices) == 1500
    connection.close()

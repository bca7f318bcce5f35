"""A connection to servers that behave, and to some that do not, over real sockets."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import oaikit as ok
from oaikit.errors import (
    AuthenticationError,
    EngineStoppedError,
    NotFoundError,
    OAIKitError,
    ServerNotFoundError,
)


class Handler(BaseHTTPRequestHandler):
    """One model, ``tiny``, that says "Hello"; the path before ``/v1`` says what goes wrong."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers["Authorization"] == "Bearer wrong":
            self.answer(401, {"error": "Unauthorized"})
        else:
            listed = {"id": "tiny", "object": "model", "created": 1, "owned_by": "vllm"}
            self.answer(200, {"object": "list", "data": [listed]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.startswith("/stopped"):
            error = EngineStoppedError("no model is loaded")
            return self.answer(error.status, error.body(), **error.headers())
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")  # a Connection keeps its sockets until the process ends
        self.end_headers()
        choice = {"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}
        self.event(json.dumps({"model": asked["model"], "choices": [choice]}))
        if self.path.startswith("/breaks"):
            self.close_connection = True  # in the middle of the body
        else:
            self.event("[DONE]")
            self.wfile.write(b"0\r\n\r\n")
        return None

    def answer(self, status: int, body: object, **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            "Connection": "close",
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def url():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_named_model_is_asked(url):
    reply = ok.connect(f"{url}/v1", model="tiny").chat("Hi")
    assert (reply.text, reply.model, reply.finish_reason) == ("Hello", "tiny", "stop")


def test_the_first_listed_model_is_asked_by_default(url):
    llm = ok.connect(f"{url}/v1")
    assert llm.models() == ["tiny"]
    assert llm.model == "tiny"


def test_an_answer_that_breaks_off_is_an_error(url):
    with pytest.raises(OAIKitError):
        ok.connect(f"{url}/breaks/v1", model="tiny").chat("Hi")


def test_the_servers_errors_are_raised_as_what_they_are(url):
    with pytest.raises(EngineStoppedError, match=r"^no model is loaded$"):
        ok.connect(f"{url}/stopped/v1", model="tiny").chat("Hi")
    with pytest.raises(AuthenticationError, match="Unauthorized"):
        ok.connect(f"{url}/v1", api_key="wrong").models()


def test_a_server_that_is_not_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(ServerNotFoundError, match=r"127\.0\.0\.1"):
            ok.connect(url).models()


def test_only_oaikits_servers_have_a_status(url):
    with pytest.raises(NotFoundError, match="not a server of oaikit"):
        ok.connect(f"{url}/v1").status()


def test_a_chat_asks_the_first_listed_model_by_default(url):
    """In a process of its own, which can be ended if it hangs."""
    code = f"import oaikit; print(oaikit.connect('{url}/v1').chat('Hi').model)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=15, check=True)
    assert run.stdout == "tiny\n"

"""A connection to servers that behave, and to some that do not, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import oaikit as ok
from oaikit.connection import _connect_runpod
from oaikit.errors import (
    AuthenticationError,
    EngineStoppedError,
    InvalidRequestError,
    NotFoundError,
    OAIKitError,
    ServerNotFoundError,
)
from oaikit.experiments.run.targets import target_of

# str.splitlines cuts at the three in the middle; in JSON they may stand unescaped.
SEPARATED = "one\u2028two\u2029three\u0085four"


class Handler(BaseHTTPRequestHandler):
    """One model, ``tiny``, that says "Hello"; the path before ``/v1`` says what goes wrong."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/v2/"):
            self.at_runpod()
        elif self.path.startswith("/moved-"):
            self.moved()
        elif self.path.startswith("/login"):
            self.answer(
                200,
                "<!doctype html><title>Sign &amp; in</title>" + 900 * "x",
                **{"Content-Type": "text/html"},
            )
        elif self.path.startswith("/headers"):
            self.answer(200, {"data": [{"id": self.headers["Authorization"]}]})
        elif self.headers["Authorization"] == "Bearer wrong":
            self.answer(401, {"error": "Unauthorized"})
        else:
            listed = {"id": "tiny", "object": "model", "created": 1, "owned_by": "vllm"}
            self.answer(200, {"object": "list", "data": [listed]})

    def do_POST(self) -> None:
        if self.path.startswith("/moved-"):
            return self.moved()
        if self.path.startswith("/v2/") and not self.path.startswith("/v2/abc-123/openai/v1/"):
            return self.answer(404, {"error": "endpoint not found"})
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.startswith("/echo"):
            return self.answer(
                200,
                {
                    "asked": asked,
                    **{name: self.headers[name] for name in ("X-OAIKit-Abort", "Authorization")},
                },
            )
        if self.path.startswith("/stopped"):
            error = EngineStoppedError("no model is loaded")
            return self.answer(error.status, error.body(), **error.headers())
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")  # a Connection keeps its sockets until the process ends
        self.end_headers()
        content = SEPARATED if self.path.startswith("/separators") else "Hello"
        choice = {"index": 0, "delta": {"content": content}, "finish_reason": "stop"}
        self.event(json.dumps({"model": asked["model"], "choices": [choice]}, ensure_ascii=False))
        if self.path.startswith("/breaks"):
            self.close_connection = True  # in the middle of the body
        else:
            self.event("[DONE]")
            self.wfile.write(b"0\r\n\r\n")
        return None

    def moved(self) -> None:
        """``/moved-307/a/v1/…`` is now at ``/a/v1/…``; ``/moved-302/login`` is for whoever is not signed in."""
        status, _, rest = self.path.removeprefix("/moved-").partition("/")
        target = "/login?secret=s3cret" if rest.startswith("login") else f"/{rest}"
        target = self.path if rest.startswith("circle") else target
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(int(status), {}, Location=target)

    def at_runpod(self) -> None:
        """RunPod's URL layout, its key, and its answer to any other path."""
        if self.path != "/v2/abc-123/openai/v1/models":
            self.answer(404, {"error": "endpoint not found"})
        elif self.headers["Authorization"] != "Bearer rpa_right":
            self.answer(401, {"error": "Unauthorized"})
        else:
            self.answer(200, {"object": "list", "data": [{"id": "mine", "object": "model"}]})

    def answer(self, status: int, body: object, **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
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


def asked(url: str, body: dict, **more) -> dict:
    """What the server was asked."""
    (event,) = ok.connect(f"{url}/echo/v1", model="tiny").request("completions", body, **more).events()
    return event


def test_a_request_is_streamed_unless_it_says_otherwise_or_cannot_be(url):
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    assert asked(url, {"prompt": "a"})["asked"] == {"prompt": "a", "model": "tiny", **streamed}
    assert asked(url, {"prompt": "a", "stream": False})["asked"] == {
        "prompt": "a",
        "model": "tiny",
        "stream": False,
    }
    assert "stream" not in asked(url, {"prompt": "a", "best_of": 2})["asked"]


def test_a_request_may_name_a_model_and_itself(url):
    got = asked(url, {"prompt": "a", "model": "other"}, abort="me")
    assert (got["asked"]["model"], got["X-OAIKit-Abort"]) == ("other", "me")


def test_a_request_leaves_its_body_alone(url):
    body = {"prompt": "a"}
    asked(url, body)
    assert body == {"prompt": "a"}


def test_numpys_values_and_integer_keys_can_be_sent(url):
    import numpy as np

    body = {
        "prompt": np.array([1, 2]),
        "top_k": np.int64(5),
        "logit_bias": {np.int64(7): np.float32(-1), 8: 1},
    }
    got = asked(url, body)["asked"]
    assert (got["prompt"], got["top_k"], got["logit_bias"]) == ([1, 2], 5, {"7": -1.0, "8": 1})


def test_bytes_in_a_message_are_refused_in_a_sentence(url):
    with pytest.raises(InvalidRequestError, match="`messages` holds bytes"):
        ok.connect(f"{url}/v1", model="tiny").chat([{"role": "user", "content": b"Hi"}])


@pytest.mark.parametrize("call", ["chat", "complete", "stream", "stream_completion", "astream"])
def test_a_misspelt_parameter_is_refused_before_anything_is_sent(nowhere, call):
    with pytest.raises(
        InvalidRequestError, match=r"no parameter 'temprature'; did you mean temperature\?"
    ) as caught:
        getattr(nowhere, call)("Hi", temprature=0.1)
    assert caught.value.param == "temprature"


def test_so_it_is_where_the_answer_is_awaited_or_shown(nowhere):
    for call in (nowhere.achat, nowhere.acomplete):
        with pytest.raises(InvalidRequestError, match="did you mean top_k"):
            asyncio.run(call("Hi", topk=3))
    with pytest.raises(InvalidRequestError, match="did you mean top_k"):
        ok.stream("Hi", nowhere, topk=3)


def test_a_parameter_of_the_other_kind_of_request_is_refused(nowhere):
    with pytest.raises(InvalidRequestError, match="'suffix'; it is one of completions"):
        nowhere.chat("Hi", suffix="x")
    with pytest.raises(InvalidRequestError, match="'tools'; it is one of chats"):
        nowhere.complete("Hi", tools=[])


def test_parameters_of_other_servers_are_sent_as_extra_body(url):
    llm = ok.connect(f"{url}/echo/v1", model="tiny")
    (event,) = llm.stream_completion("Hi", top_k=1, extra_body={"mine": [1], "top_k": 2}).events()
    assert (event["asked"]["mine"], event["asked"]["top_k"]) == ([1], 2)
    (event,) = llm.stream("Hi", extra_body=None).events()
    assert "extra_body" not in event["asked"]
    with pytest.raises(InvalidRequestError, match="`extra_body` must be a mapping"):
        llm.chat("Hi", extra_body=["mine"])


@pytest.mark.parametrize("messages", [{"role": "user", "content": "Hi"}, b"Hi", 3, None])
def test_messages_are_a_text_or_a_list(nowhere, messages):
    with pytest.raises(InvalidRequestError, match="a text or a list of messages"):
        nowhere.chat(messages)


def test_a_text_may_have_unicodes_line_separators(url):
    assert ok.connect(f"{url}/separators/v1", model="tiny").chat("Hi").text == SEPARATED


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


# -- URLs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:8888/oaikit/v1", "write http://localhost:8888/oaikit/v1 or https://localhost"),
        ("//host/v1", "write http://host/v1"),
        ("http:/host/v1", "write http://host/v1"),
        ("ada:s3cret@host/v1", "write http://host/v1"),
        ("ada:s3/cret@host/v1?token=s3cret", "write http://host/v1"),
        ("", "no scheme"),
        ("ftp://ada:s3cret@host/v1", "not with ftp://"),
        ("http://", "no valid host"),
        ("http:///v1", "no valid host"),
        ("http://ada:s3cret@/v1", "no valid host"),
        ("http://host:port/v1", "no valid host and port"),
        ("http://host:99999/v1", "no valid host and port"),
        ("http://::1:8888/v1", "brackets"),
        ("http://[::1/v1", "brackets"),
        ("http://ho st/v1", "no valid host"),
        ("http://ada:s3/cret@host/v1", "no valid host"),
        ("http://ada:1/s3cret@host/v1", "an @ after its host"),
        ("http://ada:s3cret@host/lab?token=s3cret", "http://host/lab goes on with a ?"),
        ("http://host/lab?", "goes on with a ?"),
        ("http://host/v1#s3cret", "http://host/v1 goes on"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused_in_a_sentence(url, said):
    with pytest.raises(InvalidRequestError) as caught:
        ok.connect(url)
    assert said in caught.value.message
    assert caught.value.param == "url"
    assert "s3" not in caught.value.message
    assert "\n" not in caught.value.message


def test_slashes_spaces_and_capitals_of_a_url_do_not_matter():
    for url in ("http://h/v1", "http://h/v1/", "http://h/v1//", " HTTP://h/v1 \n"):
        assert ok.connect(url).url == "http://h/v1"


def test_user_and_password_of_a_url_are_sent_and_not_shown(url, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ambient")
    base = url.replace("http://", "http://ada:s3%2Fcret@")
    basic = "Basic " + base64.b64encode(b"ada:s3/cret").decode()
    llm = ok.connect(f"{base}/echo/v1", model="tiny")
    for each in (llm, pickle.loads(pickle.dumps(llm))):
        (event,) = each.request("completions", {"prompt": "a"}).events()
        assert event["Authorization"] == each.authorization == basic
        assert each.url == f"{url}/echo/v1"
        assert "s3" not in repr(each)
    listing = ok.connect(f"{base}/headers/v1")
    assert listing.models() == [basic]
    assert [model.id for model in listing.openai.models.list()] == [basic]
    with pytest.raises(InvalidRequestError, match="room for one of them"):
        ok.connect(f"{base}/v1", api_key="sk")
    for each in (llm, listing):
        each.close()


def test_an_ipv6_address():
    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6

    try:
        server = Server(("::1", 0), Handler)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        llm = ok.connect(f"http://[::1]:{server.server_port}/v1/")
        assert llm.chat("Hi").text == "Hello"
        llm.close()
        server.shutdown()


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_that_keeps_the_request_is_followed(url, status):
    llm = ok.connect(f"{url}/moved-{status}/v1")
    assert llm.chat("Hi").text == "Hello"


@pytest.mark.parametrize("status", [301, 302, 303])
@pytest.mark.parametrize("path", ["v1", "login/v1"])
def test_one_that_loses_the_request_is_told(url, status, path):
    llm = ok.connect(f"{url}/moved-{status}/{path}", model="tiny")
    with pytest.raises(ServerNotFoundError) as caught:
        llm.chat("Hi")
    assert caught.value.message.startswith(f"{url}/moved-{status}/{path} redirects to {url}/")
    assert "s3cret" not in caught.value.message


def test_a_redirect_in_a_circle(url):
    llm = ok.connect(f"{url}/moved-302/circle/v1", model="tiny")
    with pytest.raises(ServerNotFoundError, match="redirects in a circle"):
        llm.models()


def test_a_web_page_in_place_of_an_answer(url):
    for path in ("login", "moved-302/login"):
        with pytest.raises(OAIKitError, match=r"answered 200 with a web page \(Sign & in\)"):
            ok.connect(f"{url}/{path}").models()


@pytest.mark.parametrize("stream", [True, False])
def test_a_sweep_tells_of_redirects_too(url, stream):
    async def ask(path: str) -> str:
        target = target_of(ok.connect(f"{url}/{path}", model="tiny"), 5.0)
        try:
            await target.open()
            return (await target.ask("chat/completions", {"messages": [], "stream": stream})).reply.text
        finally:
            await target.close()

    assert asyncio.run(ask("moved-307/v1")) == "Hello"
    with pytest.raises(ServerNotFoundError, match=r"moved-302/v1 redirects to .*/v1/chat/completions"):
        asyncio.run(ask("moved-302/v1"))
    assert asyncio.run(ask("separators/v1")) == SEPARATED


# -- RunPod ------------------------------------------------------------------------------------------------------------


def test_an_endpoint_at_runpod(url, monkeypatch):
    monkeypatch.setenv("RUNPOD_API_KEY", "rpa_right")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    llm = _connect_runpod("abc-123", None, None, base=url)
    assert llm.url == f"{url}/v2/abc-123/openai/v1"
    assert llm.models() == ["mine"]
    reply = llm.chat("Hi")
    assert (reply.text, reply.model) == ("Hello", "mine")
    assert [model.id for model in llm.openai.models.list()] == ["mine"]
    llm.close()


def test_a_key_that_is_given_wins(url, monkeypatch):
    monkeypatch.setenv("RUNPOD_API_KEY", "rpa_right")
    with pytest.raises(AuthenticationError):
        _connect_runpod("abc-123", "rpa_wrong", None, base=url).models()
    monkeypatch.setenv("RUNPOD_API_KEY", "rpa_wrong")
    assert _connect_runpod("abc-123", "rpa_right", "mine", base=url).models() == ["mine"]


def test_another_endpoint_is_not_found(url):
    with pytest.raises(NotFoundError, match="endpoint not found"):
        _connect_runpod("other", "rpa_right", None, base=url).models()


def test_the_public_call_goes_to_runpod(monkeypatch):
    monkeypatch.setenv("RUNPOD_API_KEY", "rpa_right")
    assert ok.connect(runpod="abc-123").url == "https://api.runpod.ai/v2/abc-123/openai/v1"


def test_runpod_wants_a_key_of_its_own(monkeypatch):
    monkeypatch.delenv("RUNPOD_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    with pytest.raises(AuthenticationError, match="RUNPOD_API_KEY"):
        ok.connect(runpod="abc-123")


@pytest.mark.parametrize(
    "endpoint", ["", "a/b", "../x", "a b", "https://api.runpod.ai/v2/abc", "<ENDPOINT_ID>", "é"]
)
def test_what_is_no_endpoint_id(endpoint):
    with pytest.raises(InvalidRequestError) as caught:
        ok.connect(runpod=endpoint, api_key="rpa_right")
    assert caught.value.param == "runpod"


def test_a_url_and_an_endpoint_are_one_too_many():
    with pytest.raises(InvalidRequestError, match="not both"):
        ok.connect("http://127.0.0.1:9/v1", runpod="abc-123", api_key="x")

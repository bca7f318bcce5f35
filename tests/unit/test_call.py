"""One request to an ASGI app: whatever the app, the client or the engine does, the answer has an end."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from oaikit.engine import call as call_module
from oaikit.engine.call import Call, http_scope
from oaikit.errors import EngineCrashedError, EngineLoadingError

SSE_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream; charset=utf-8")],
}
JSON_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json")],
}


def part(data: bytes, *, more: bool = True) -> dict:
    return {"type": "http.response.body", "body": data, "more_body": more}


class Client:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.began = asyncio.Event()

    async def __call__(self, message) -> None:
        await asyncio.sleep(0)  # a real client makes the app wait, too
        self.messages.append(dict(message))
        self.began.set()

    @property
    def status(self) -> int:
        return self.messages[0]["status"]

    @property
    def headers(self) -> dict[bytes, bytes]:
        return {name.lower(): value for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def is_complete(self) -> bool:
        """Whether the last message, and no other, ends a response that has begun once."""
        starts = [message["type"] == "http.response.start" for message in self.messages]
        more = [message.get("more_body", False) for message in self.messages[1:]]
        return starts == [True, *[False] * len(more)] and more == [*[True] * (len(more) - 1), False]

    @property
    def events(self) -> list[str]:
        return [line[6:] for line in self.body.decode().splitlines() if line.startswith("data: ")]


def begin(app, body: bytes = b"{}") -> tuple[Client, Call, asyncio.Task]:
    client = Client()
    call = Call(http_scope("POST", "/v1/completions", b"", []), body, client)
    return client, call, asyncio.create_task(call.run(app, lambda: None))


def answer_of(app, body: bytes = b"{}") -> Client:
    async def scenario() -> Client:
        client, _, task = begin(app, body)
        await asyncio.wait_for(task, 5)
        return client

    return asyncio.run(scenario())


class Streaming:
    """An app in the middle of a stream. It goes on when it is told to, and remembers how it ended."""

    def __init__(self, *, listens: bool) -> None:
        self.listens = listens
        self.began, self.go_on = asyncio.Event(), asyncio.Event()
        self.outcome = "running"

    async def __call__(self, scope, receive, send) -> None:
        await receive()
        await send(SSE_START)
        await send(part(b'data: {"n": 1}\n\n'))
        self.began.set()
        try:
            if self.listens:
                self.outcome = (await receive())["type"]
                return
            await self.go_on.wait()
            await send(part(b'data: {"n": 2}\n\n'))
            await send(part(b"data: [DONE]\n\n", more=False))
            self.outcome = "completed"
        except asyncio.CancelledError:
            self.outcome = "cancelled"
            raise


def test_a_complete_answer_is_passed_on_as_it_is():
    async def app(scope, receive, send) -> None:
        request = await receive()
        assert request["more_body"] is False
        await send(JSON_START)
        await send(part(b"you said "))
        await send(part(request["body"], more=False))

    client = answer_of(app, b"hello")
    assert client.body == b"you said hello"
    assert client.is_complete


def test_an_app_that_fails_before_its_answer(caplog):
    async def app(scope, receive, send) -> None:
        raise ValueError("secret")

    client = answer_of(app)
    assert (client.status, client.headers[b"content-type"]) == (500, b"application/json")
    error = json.loads(client.body)["error"]
    assert error["type"] == "server_error"
    assert "secret" not in error["message"], "what went wrong inside is for the log"
    assert "secret" in caplog.text
    assert client.is_complete


def test_an_app_that_fails_in_mid_stream(caplog):
    async def app(scope, receive, send) -> None:
        await send(SSE_START)
        await send(part(b'data: {"n": 1}\n\n'))
        raise ValueError("secret")

    client = answer_of(app)
    first, error, done = client.events
    assert (json.loads(first), done) == ({"n": 1}, "[DONE]")
    assert json.loads(error)["error"]["message"]
    assert b"secret" not in client.body
    assert client.is_complete
    assert "secret" in caplog.text


def test_an_app_that_just_stops_in_mid_stream():
    async def app(scope, receive, send) -> None:
        await send(SSE_START)
        await send(part(b'data: {"n": 1}\n\n'))

    client = answer_of(app)
    assert "error" in json.loads(client.events[1])
    assert client.events[-1] == "[DONE]"
    assert client.is_complete


def test_an_app_that_fails_in_the_middle_of_json_gets_no_event_appended():
    async def app(scope, receive, send) -> None:
        await send(JSON_START)
        await send(part(b'{"a": '))
        raise ValueError

    client = answer_of(app)
    assert client.body == b'{"a": '
    assert client.is_complete


def test_an_app_that_fails_after_its_answer_adds_nothing():
    async def app(scope, receive, send) -> None:
        await send(JSON_START)
        await send(part(b"{}", more=False))
        raise ValueError

    client = answer_of(app)
    assert client.body == b"{}"
    assert client.is_complete


def test_the_app_sees_a_disconnect():
    async def scenario() -> None:
        app = Streaming(listens=True)
        client, call, task = begin(app)
        await app.began.wait()
        call.disconnect()
        await asyncio.wait_for(task, call_module._DISCONNECT_GRACE_S / 2)
        assert app.outcome == "http.disconnect"
        assert client.events == ['{"n": 1}'], "nobody is there to read an error"

    asyncio.run(scenario())


def test_an_app_that_ignores_a_disconnect_is_cancelled(monkeypatch):
    monkeypatch.setattr(call_module, "_DISCONNECT_GRACE_S", 0.1)

    async def scenario() -> None:
        app = Streaming(listens=False)
        client, call, task = begin(app)
        await app.began.wait()
        call.disconnect()
        await asyncio.sleep(0.05)
        assert app.outcome == "running", "it has its time to clean up"
        await asyncio.wait([task], timeout=2)
        assert app.outcome == "cancelled"
        assert client.events == ['{"n": 1}']

    asyncio.run(scenario())


def test_a_client_that_left_before_the_app_began(monkeypatch):
    """A page reload while the request waits for the engine's loop: its answer must not be computed for nobody."""
    monkeypatch.setattr(call_module, "_DISCONNECT_GRACE_S", 0.1)

    async def scenario() -> None:
        app = Streaming(listens=False)
        client, call, task = begin(app)
        call.disconnect()
        await asyncio.wait([task], timeout=1)
        ended = task.done()
        task.cancel()
        assert ended
        assert client.messages == []

    asyncio.run(scenario())


def test_an_engine_that_fails_in_mid_stream_ends_it_at_once(monkeypatch):
    monkeypatch.setattr(call_module, "_DISCONNECT_GRACE_S", 0.1)

    async def scenario() -> None:
        app = Streaming(listens=False)
        client, call, task = begin(app)
        await app.began.wait()
        await call.fail(EngineCrashedError("EngineCore died"))
        first, error, done = client.events
        assert (first, done) == ('{"n": 1}', "[DONE]")
        assert json.loads(error)["error"]["code"] == "engine_crashed"
        assert client.is_complete
        app.go_on.set()
        await asyncio.wait_for(task, 5)
        assert app.outcome == "completed"
        assert client.is_complete, "what the app said later is dropped"
        assert b'"n": 2' not in client.body

    asyncio.run(scenario())


def test_an_engine_that_fails_takes_the_app_with_it(monkeypatch):
    monkeypatch.setattr(call_module, "_DISCONNECT_GRACE_S", 0.1)

    async def scenario() -> None:
        app = Streaming(listens=False)
        _, call, task = begin(app)
        await app.began.wait()
        await call.fail(EngineCrashedError("EngineCore died"))
        await asyncio.wait([task], timeout=2)
        assert app.outcome == "cancelled"

    asyncio.run(scenario())


def test_an_engine_that_fails_before_the_answer_gives_a_status():
    async def app(scope, receive, send) -> None:
        await receive()
        await receive()  # waits for its first token until it is told to go

    async def scenario() -> None:
        client, call, task = begin(app)
        await asyncio.sleep(0)
        await call.fail(EngineCrashedError("EngineCore died"))
        await asyncio.wait_for(task, 0.5)
        assert client.status == 500
        assert json.loads(client.body)["error"]["code"] == "engine_crashed"
        assert client.is_complete

    asyncio.run(scenario())


def test_a_request_can_be_refused_without_an_app():
    async def scenario() -> Client:
        client = Client()
        call = Call(http_scope("POST", "/v1/completions", b"", []), b"{}", client)
        await call.refuse(EngineLoadingError("the model is loading"))
        await call.refuse(EngineLoadingError("again"))
        return client

    client = asyncio.run(scenario())
    assert (client.status, client.headers[b"content-type"]) == (503, b"application/json")
    assert (client.headers[b"retry-after"], client.headers[b"x-should-retry"]) == (b"5", b"true")
    assert json.loads(client.body) == EngineLoadingError("the model is loading").body()
    assert client.is_complete


def test_starlette_notices_a_disconnect_while_it_waits_for_the_first_token():
    """The reason for the scope's spec_version: vLLM's app is starlette's."""
    responses = pytest.importorskip("starlette.responses")

    async def tokens():
        await asyncio.sleep(3600)
        yield b"never"

    async def scenario() -> float:
        response = responses.StreamingResponse(tokens(), media_type="text/event-stream")
        client, call, task = begin(response)
        await client.began.wait()
        began = time.perf_counter()
        call.disconnect()
        await asyncio.wait_for(task, 5)
        return time.perf_counter() - began

    assert asyncio.run(scenario()) < call_module._DISCONNECT_GRACE_S / 2


def test_starlette_reads_the_scope():
    """Path, query, headers and body arrive as a real framework understands them."""
    requests = pytest.importorskip("starlette.requests")
    seen = {}

    async def app(scope, receive, send) -> None:
        request = requests.Request(scope, receive)
        seen.update(
            method=request.method,
            path=request.url.path,
            query=dict(request.query_params),
            key=request.headers["x-a"],
        )
        seen["json"] = await request.json()

    async def scenario() -> None:
        scope = http_scope("POST", "/v1/models", b"a=1&b=%20", [(b"x-a", b"1")])
        await Call(scope, b'{"n": 1}', Client()).run(app, lambda: None)

    asyncio.run(scenario())
    assert seen == {
        "method": "POST",
        "path": "/v1/models",
        "query": {"a": "1", "b": " "},
        "key": "1",
        "json": {"n": 1},
    }


class Reluctant(Client):
    """Takes the first messages, and the rest when it is told to read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads, self.stalled = asyncio.Event(), asyncio.Event()

    async def __call__(self, message) -> None:
        if self.messages[1:]:
            self.stalled.set()
            await self.reads.wait()
        self.messages.append(dict(message))


class Listening:
    """Streams until the client is gone."""

    def __init__(self) -> None:
        self.outcome = "running"

    async def __call__(self, scope, receive, send) -> None:
        await receive()
        await send(SSE_START)
        await send(part(b'data: {"n": 1}\n\n'))
        sending = asyncio.create_task(send(part(b'data: {"n": 2}\n\n')))
        self.outcome = (await receive())["type"]
        sending.cancel()


def test_the_engine_is_released_before_the_client_reads_the_error():
    async def scenario() -> None:
        app, client = Listening(), Reluctant()
        call = Call(http_scope("POST", "/v1/completions", b"", []), b"{}", client)
        task = asyncio.create_task(call.run(app, lambda: None))
        await client.stalled.wait()
        failing = asyncio.create_task(call.fail(EngineCrashedError("EngineCore died")))
        await asyncio.sleep(0.05)
        assert app.outcome == "http.disconnect"
        assert (failing.done(), task.done()) == (False, False), "the request ends with its answer"
        client.reads.set()
        await asyncio.wait_for(asyncio.gather(failing, task), 1)
        assert client.events[0] == '{"n": 1}'
        assert json.loads(client.events[1])["error"]["code"] == "engine_crashed"
        assert client.is_complete

    asyncio.run(scenario())


@pytest.mark.parametrize("leaves", [True, False])
def test_a_client_that_never_reads_does_not_keep_a_failed_request(monkeypatch, leaves: bool):
    monkeypatch.setattr(call_module, "_LAST_MESSAGE_S", 5 if leaves else 0.1)

    async def scenario() -> None:
        client = Reluctant()
        call = Call(http_scope("POST", "/v1/completions", b"", []), b"{}", client)
        task = asyncio.create_task(call.run(Listening(), lambda: None))
        await client.stalled.wait()
        failing = asyncio.create_task(call.fail(EngineCrashedError("EngineCore died")))
        await asyncio.sleep(0.01)
        if leaves:
            call.disconnect()
        await asyncio.wait_for(asyncio.gather(failing, task), 1)

    asyncio.run(scenario())


def test_a_client_that_can_take_nothing_ends_the_request(caplog):
    async def broken(message) -> None:
        raise ValueError("no room")

    async def app(scope, receive, send) -> None:
        await send(JSON_START)

    scope = http_scope("POST", "/v1/completions", b"", [(b"x-request-id", b"id-1")])
    asyncio.run(asyncio.wait_for(Call(scope, b"{}", broken).run(app, lambda: None), 1))
    assert "id-1" in caplog.text
    assert "no room" in caplog.text

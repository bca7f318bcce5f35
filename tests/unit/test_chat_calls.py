"""``llm.chat`` with schemas, tools and images: what is sent, and what comes of the answers. Over real sockets."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import oaikit as ok
from oaikit.errors import InvalidRequestError, OAIKitError
from oaikit.tools.functions import Functions
from oaikit.tools.loop import ChatLoop
from tests.unit.json_handler import JSONHandler

Answers = list[dict[str, Any]]


class Scripted(ThreadingHTTPServer):
    """A server that gives the answers it was told to, one after the other, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: Answers = []
        self.asked: list[dict[str, Any]] = []
        self.connections: list[ok.Connection] = []

    def llm(self, *answers: dict[str, Any], path: str = "oaikit/v1") -> ok.Connection:
        self.answers, self.asked = list(answers), []
        self.connections.append(
            ok.connect(f"http://127.0.0.1:{self.server_address[1]}/{path}", api_key="key")
        )
        return self.connections[-1]


class Handler(JSONHandler):
    server: Scripted

    def do_GET(self) -> None:
        self.answer(200, {"object": "list", "data": [{"id": "tiny", "max_model_len": 512}]})

    def do_POST(self) -> None:
        if self.path.startswith("/refuses/"):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(401, {"error": {"message": "this key may not infer"}})
            return
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        message = self.server.answers.pop(0)
        reason = "tool_calls" if message.get("tool_calls") else "stop"
        self.answer(
            200, {"model": "tiny", "choices": [{"index": 0, "message": message, "finish_reason": reason}]}
        )


@pytest.fixture(scope="module")
def running() -> Iterator[Scripted]:
    with Scripted() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        for connection in server.connections:
            connection.close()
        server.shutdown()


@dataclass
class Person:
    name: str
    age: int


ADA = {"content": '{"name": "Ada", "age": 36}'}


def calls(*given: tuple[str, str]) -> dict[str, Any]:
    """An answer that calls tools: names and arguments."""
    made = [
        {"id": f"call-{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate(given)
    ]
    return {"content": None, "tool_calls": made}


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def fail() -> None:
    """Never works."""
    raise OSError("no disk")


# -- schema ------------------------------------------------------------------------------------------------------------


def test_a_schema_is_sent_and_the_answer_is_the_object(running: Scripted) -> None:
    reply = running.llm(ADA).chat("Who?", schema=Person)
    assert reply.parsed == Person("Ada", 36)
    (asked,) = running.asked
    assert asked["response_format"]["json_schema"]["name"] == "Person"
    assert asked["max_tokens"] == 512, "oaikit's servers stop at 16 tokens unless told otherwise"


def test_a_given_max_tokens_stays_and_other_servers_are_sent_none(running: Scripted) -> None:
    running.llm(ADA).chat("Who?", schema=Person, max_tokens=40)
    assert running.asked[0]["max_tokens"] == 40
    running.llm(ADA, path="v1").chat("Who?", schema=Person)
    assert running.asked[0].get("max_tokens") is None


def test_a_schema_awaited_and_streamed(running: Scripted) -> None:
    assert asyncio.run(running.llm(ADA).achat("Who?", schema=Person)).parsed == Person("Ada", 36)
    stream = running.llm(ADA).stream("Who?", schema=Person)
    assert [delta.text for delta in stream] == [ADA["content"]]
    assert stream.reply.parsed == Person("Ada", 36)


def test_two_forms_are_refused(running: Scripted) -> None:
    with pytest.raises(InvalidRequestError, match="response_format"):
        running.llm().chat("Who?", schema=Person, response_format={"type": "json_object"})


# -- tools -------------------------------------------------------------------------------------------------------------


def test_calls_are_run_until_the_model_answers(running: Scripted) -> None:
    llm = running.llm(
        calls(("add", '{"a": 2, "b": 3}'), ("fail", "")), calls(("add", '{"a": 5, "b": 1}')), {"content": "6"}
    )
    reply = llm.chat("2 + 3 + 1?", tools=[add, fail], temperature=0)
    assert reply.text == "6"
    assert [(call.name, call.result, call.failed) for call in reply.calls] == [
        ("add", "5", False),
        ("fail", "OSError: no disk", True),
        ("add", "6", False),
    ]
    assert len(running.asked) == 3
    assert [tool["function"]["name"] for tool in running.asked[0]["tools"]] == ["add", "fail"]
    assert [message["role"] for message in running.asked[1]["messages"]] == [
        "user",
        "assistant",
        "tool",
        "tool",
    ]
    assert reply.messages[-1] == {"role": "assistant", "content": "6"}
    assert [message["role"] for message in reply.messages][-3:] == ["assistant", "tool", "assistant"]
    assert running.asked[2]["temperature"] == 0


def test_after_the_most_rounds_the_model_has_to_answer(running: Scripted) -> None:
    llm = running.llm(*[calls(("add", '{"a": 1, "b": 1}'))] * 2, {"content": "enough"})
    reply = llm.chat("?", tools=add, max_rounds=2)
    assert (reply.text, len(reply.calls)) == ("enough", 2)
    assert [asked.get("tool_choice") for asked in running.asked] == [None, None, "none"]


def test_a_forced_call_counts_for_the_first_answer_alone(running: Scripted) -> None:
    running.llm(calls(("add", '{"a": 1, "b": 1}')), {"content": "2"}).chat(
        "?", tools=[add], tool_choice="required"
    )
    assert [asked.get("tool_choice") for asked in running.asked] == ["required", "none"]


NAMED = {"type": "function", "function": {"name": "add"}}


@pytest.mark.parametrize(
    ("choice", "functions", "sent"),
    [
        (NAMED, [add], [NAMED, "none", "none"]),
        ("required", [add], ["required", "none", "none"]),
        (None, [add], [None, None, "none"]),
        ("required", [], [None, None, None]),
    ],
)
def test_which_tool_choice_is_sent_in_each_round(choice: Any, functions: list[Any], sent: list[Any]) -> None:
    def never(body: Any) -> Any:
        raise AssertionError

    body = {"messages": []} | ({} if choice is None else {"tool_choice": choice})
    loop = ChatLoop(never, body, Functions(functions), 2, strict=True)
    assert [loop.offer(body, round, strict=True).get("tool_choice") for round in range(3)] == sent


def test_a_call_that_is_not_approved_is_not_run(running: Scripted) -> None:
    asked: list[Any] = []

    def approve(name: str, arguments: dict[str, Any]) -> bool:
        asked.append((name, arguments))
        return False

    llm = running.llm(calls(("add", '{"a": 1, "b": 1}')), {"content": "so be it"})
    reply = llm.chat("?", tools=[add], approve=approve)
    assert asked == [("add", {"a": 1, "b": 1})]
    assert reply.calls[0].failed
    assert "did not allow" in reply.calls[0].result


def test_wrong_arguments_and_unknown_tools_are_told_to_the_model(running: Scripted) -> None:
    llm = running.llm(calls(("add", '{"a": "x"}'), ("subtract", "{}")), {"content": "sorry"})
    wrong, unknown = llm.chat("?", tools=[add]).calls
    assert "b: Field required" in wrong.result
    assert "there is no tool 'subtract'" in unknown.result


def test_an_async_chat_runs_async_functions(running: Scripted) -> None:
    async def slow(city: str) -> str:
        """Look up a city."""
        await asyncio.sleep(0)
        return city.upper()

    llm = running.llm(calls(("slow", '{"city": "rome"}')), {"content": "done"})
    reply = asyncio.run(llm.achat("?", tools=[slow]))
    assert reply.calls[0].result == "ROME"


def test_a_form_comes_when_the_calls_are_over(running: Scripted) -> None:
    llm = running.llm(calls(("add", '{"a": 30, "b": 6}')), {"content": "Ada is 36"}, ADA)
    reply = llm.chat("How old is Ada?", tools=[add], schema=Person)
    assert reply.parsed == Person("Ada", 36)
    assert len(reply.calls) == 1
    assert ["response_format" in asked for asked in running.asked] == [False, False, True]
    assert "tools" not in running.asked[2]


def test_a_stream_has_the_pieces_of_all_answers(running: Scripted) -> None:
    answers = [{**calls(("add", '{"a": 2, "b": 3}')), "content": "Let me see. "}, {"content": "5"}]
    with running.llm(*answers).stream("2 + 3?", tools=[add]) as stream:
        assert "".join(delta.text for delta in stream) == "Let me see. 5"
    assert stream.reply.text == "5"
    assert [call.result for call in stream.reply.calls] == ["5"]

    async def pieces() -> list[str]:
        return [delta.text async for delta in running.llm(*answers).astream("2 + 3?", tools=[add])]

    assert "".join(asyncio.run(pieces())) == "Let me see. 5"
    with pytest.raises(InvalidRequestError, match="has no events"):
        running.llm({"content": "5"}).stream("?", tools=[add]).events()


def test_an_error_of_a_later_round_is_raised(running: Scripted) -> None:
    llm = running.llm(calls(("add", '{"a": 2, "b": 3}')))  # and then no answer
    with pytest.raises(OAIKitError):
        llm.chat("2 + 3?", tools=[add])


def test_closing_a_stream_ends_the_tool_that_runs(running: Scripted) -> None:
    began, ended = threading.Event(), threading.Event()

    async def slow() -> str:
        """Never ends by itself."""
        began.set()
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()
        return ""

    stream = running.llm(calls(("slow", "{}"))).stream("?", tools=[slow])
    assert began.wait(10)
    stream.close()
    assert ended.wait(10)
    assert list(stream) is not None


def test_descriptions_of_tools_are_only_sent(running: Scripted) -> None:
    spec = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
    reply = running.llm(calls(("add", "{}"))).chat("?", tools=[spec])
    assert reply.tool_calls[0]["function"]["name"] == "add"
    assert reply.calls == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tools": [add], "max_rounds": 0}, "max_rounds"),
        ({"max_rounds": 3}, "needs functions"),
        ({"approve": print}, "needs functions"),
        ({"tools": [add, {"type": "function"}]}, "a tool is a function"),
        ({"tools": [add, add]}, "two tools"),
        ({"tools": [add], "temprature": 1}, "temperature"),
        ({"max_round": 1}, r"did you mean max_rounds\?"),
        ({"image": "a.png"}, r"did you mean images\?"),
        ({"shema": Person}, r"did you mean schema\?"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    running: Scripted, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        running.llm().chat("?", **options)
    with pytest.raises(InvalidRequestError, match=said):
        running.llm().stream("?", **options)
    assert running.asked == []


# -- images ------------------------------------------------------------------------------------------------------------


def test_images_go_into_the_last_message(running: Scripted, tmp_path: Path) -> None:
    pil = pytest.importorskip("PIL.Image")
    path = tmp_path / "dot.png"
    picture = pil.new("RGB", (2, 2), "red")
    picture.save(path)
    sent = [
        path,
        str(path),
        path.read_bytes(),
        picture,
        np.zeros((2, 2, 3), np.uint8),
        "https://example.org/a.png",
    ]
    running.llm({"content": "red"}).chat("What is this?", images=sent)
    (message,) = running.asked[0]["messages"]
    text, *parts = message["content"]
    assert text == {"type": "text", "text": "What is this?"}
    urls = [part["image_url"]["url"] for part in parts]
    assert (
        urls[0]
        == urls[1]
        == urls[2]
        == f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    )
    assert all(url.startswith("data:image/png;base64,") for url in urls[:5])
    assert urls[5] == "https://example.org/a.png"


def test_one_image_needs_no_list_and_messages_keep_their_parts(running: Scripted) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "Look"}]}]
    running.llm({"content": "grey"}).chat(messages, images=np.zeros((1, 1)))
    assert [part["type"] for part in running.asked[0]["messages"][0]["content"]] == ["text", "image_url"]
    assert len(messages[0]["content"]) == 1, "the caller's messages stay as they are"


@pytest.mark.parametrize("image", ["nothing.png", b"no image", 3, {"a": 1}])
def test_what_is_no_image_is_refused(running: Scripted, image: object) -> None:
    with pytest.raises(InvalidRequestError, match="image"):
        running.llm().chat("What is this?", images=image)

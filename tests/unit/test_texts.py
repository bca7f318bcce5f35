"""Vectors, rankings and tokens: what is sent and what comes of the answers, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

import oaikit as ok
from oaikit.errors import InvalidRequestError, NotFoundError
from oaikit.rendered import Rendered
from tests.unit.json_handler import JSONHandler

REFUSED = "a text that the server refuses"


class Server(ThreadingHTTPServer):
    """A server whose vectors are a text's length and its first letter; it keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.lists = False  # whether vectors are lists, as of servers that know no base64

    @property
    def llm(self) -> ok.Connection:
        return ok.connect(f"http://127.0.0.1:{self.server_address[1]}/base/oaikit/v1", api_key="key")


class Handler(JSONHandler):
    server: Server

    def do_GET(self) -> None:
        self.answer(200, {"object": "list", "data": [{"id": "tiny"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        match self.path:
            case "/base/oaikit/v1/embeddings" if REFUSED in body["input"]:
                self.answer(
                    400, {"error": {"message": "a text is too long", "type": "invalid_request_error"}}
                )
            case "/base/oaikit/v1/embeddings":
                rows = [{"index": n, "embedding": self.vector(text)} for n, text in enumerate(body["input"])]
                self.answer(200, {"data": rows[::-1]})  # servers may answer in any order
            case "/base/oaikit/v1/rerank":
                found = [
                    {"index": n, "relevance_score": len(text) / 10, "document": {"text": text}}
                    for n, text in enumerate(body["documents"])
                ]
                self.answer(200, {"results": found})
            case "/base/oaikit/tokenize":
                said = body.get("prompt") or "".join(f"<{m['role']}>{m['content']}" for m in body["messages"])
                self.answer(200, {"tokens": [ord(letter) for letter in said]})
            case "/base/oaikit/detokenize":
                self.answer(200, {"prompt": "".join(map(chr, body["tokens"]))})
            case _:
                self.answer(404, {"detail": "Not Found"})

    def vector(self, text: str) -> Any:
        values = np.array([len(text), ord(text[0])], "<f4")
        return values.tolist() if self.server.lists else base64.b64encode(values.tobytes()).decode()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        made.shutdown()


@pytest.mark.parametrize("lists", [False, True])
def test_vectors_are_rows_in_the_order_of_the_texts(server: Server, lists: bool) -> None:
    server.lists = lists
    found = server.llm.embed(["a", "bb", "ccc"], dimensions=2)
    assert found.dtype == np.float32
    assert found.tolist() == [[1, 97], [2, 98], [3, 99]]
    (_, body), *_ = server.asked
    assert (body["model"], body["dimensions"]) == ("tiny", 2)
    assert server.llm.embed("dd").tolist() == [2, 100], "one text, one vector"
    assert server.llm.embed([]).shape == (0, 0)


def test_many_texts_go_in_several_requests(server: Server) -> None:
    texts = [chr(97 + number % 26) * (1 + number % 7) for number in range(700)]
    found = asyncio.run(server.llm.aembed(np.array(texts)))
    assert found[:, 0].tolist() == [len(text) for text in texts]
    assert sorted(len(body["input"]) for _, body in server.asked) == [188, 256, 256]


def test_documents_come_best_first(server: Server) -> None:
    found = server.llm.rerank("which?", ["a", "ccc", "bb"], top_n=3)
    assert [(each.index, each.score, each.text) for each in found] == [
        (1, 0.3, "ccc"),
        (2, 0.2, "bb"),
        (0, 0.1, "a"),
    ]
    assert server.asked[0][1]["top_n"] == 3
    assert server.llm.rerank("which?", []) == []


def test_tokens_of_texts_and_of_chats(server: Server) -> None:
    llm = server.llm
    assert llm.tokenize("ab") == [97, 98]
    assert llm.count_tokens([{"role": "user", "content": "ab"}]) == len("<user>ab")
    assert llm.detokenize([97, 98]) == "ab"
    assert asyncio.run(llm.acount_tokens("abc")) == 3


def test_a_prompt_is_rendered_with_what_the_template_takes(server: Server) -> None:
    def add(a: int) -> int:
        """Add."""
        return a

    found = server.llm.render("Hi", tools=[add], add_generation_prompt=False, enable_thinking=True)
    assert str(found) == "<user>Hi"
    assert len(found) == 8
    asked = server.asked[0][1]
    assert asked["tools"][0]["function"]["name"] == "add"
    assert asked["chat_template_kwargs"] == {"enable_thinking": True}
    assert asked["add_generation_prompt"] is False


def test_what_is_no_text_is_refused(server: Server) -> None:
    with pytest.raises(InvalidRequestError, match="`texts` must be texts, and number 1 is of type int"):
        server.llm.embed(["a", 3])  # type: ignore[list-item]
    with pytest.raises(InvalidRequestError, match="`documents` must be texts, and number 0 is of type float"):
        server.llm.rerank("a", [float("nan")])  # type: ignore[list-item]
    assert server.asked == []


def test_a_server_without_a_route_says_which(server: Server) -> None:
    llm = ok.connect(f"http://127.0.0.1:{server.server_address[1]}/elsewhere/v1", api_key="k", model="m")
    with pytest.raises(NotFoundError, match="has no tokenize: "):
        llm.tokenize("a")
    with pytest.raises(NotFoundError, match="has no embeddings: "):
        llm.embed("a")


def test_the_words_of_each_role_are_told_from_the_templates() -> None:
    messages = [
        {"role": "system", "content": " Be <brief>. "},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "user", "content": "left out by the template"},
    ]
    found = Rendered("<|system|>Be <brief>.<|user|>Hi<|assistant|>", (1, 2, 3), messages)
    assert found.segments == [
        (None, "<|system|>"),
        ("system", "Be <brief>."),
        (None, "<|user|>"),
        ("user", "Hi"),
        (None, "<|assistant|>"),
    ]
    html = found.to_html()
    assert "&lt;brief&gt;" in html
    assert "<brief>" not in html
    assert "3 tokens" in html

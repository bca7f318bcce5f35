"""Requests for the tests of parameters, and what they look at in the answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

import pytest

from oaikit.sampling import BOTH, CHAT, COMPLETIONS, Endpoint
from tests.harness import SERVED, Answer, Server

both: Final = pytest.mark.parametrize("endpoint", BOTH)

# After each of these one of eight words comes next, so that the 20 likeliest tokens are all that there are.
PROMPT: Final = "The old river sings near"
ASKS: Final[dict[Endpoint, dict[str, Any]]] = {
    CHAT: {"messages": [{"role": "user", "content": "Hello"}]},
    COMPLETIONS: {"prompt": PROMPT},
}
LOGPROBS: Final[dict[Endpoint, dict[str, Any]]] = {
    CHAT: {"logprobs": True, "top_logprobs": 20},
    COMPLETIONS: {"logprobs": 20},
}
GREEDY: Final = {"temperature": 0}
TOOL: Final = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


@dataclass(frozen=True)
class Reply:
    """An answer of 200, and what tests look at in it."""

    answer: Answer

    @property
    def choices(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.answer.json["choices"]
        return found

    @property
    def texts(self) -> list[str]:
        return [
            choice["text"] if "text" in choice else choice["message"]["content"] for choice in self.choices
        ]

    @property
    def text(self) -> str:
        (text,) = self.texts
        return text

    @property
    def ends(self) -> list[str]:
        return [choice["finish_reason"] for choice in self.choices]

    @property
    def generated(self) -> int:
        """Tokens, of all choices."""
        return int(self.answer.json["usage"]["completion_tokens"])

    @property
    def warning(self) -> str:
        return self.answer.headers.get("x-oaikit-warning", "")

    @property
    def logprobs(self) -> list[list[float]]:
        """Of each token of each choice."""
        return [
            [token["logprob"] for token in found["content"]]
            if "content" in found
            else found["token_logprobs"]
            for found in (choice["logprobs"] for choice in self.choices)
        ]


def post(server: Server, endpoint: Endpoint, **extra: Any) -> Answer:
    return server.request("POST", f"oaikit/v1/{endpoint}", {"model": SERVED, **ASKS[endpoint], **extra})


def ask(server: Server, endpoint: Endpoint, **extra: Any) -> Reply:
    answer = post(server, endpoint, **extra)
    assert answer.status == 200, answer.body
    return Reply(answer)


def refused(server: Server, endpoint: Endpoint, **extra: Any) -> dict[str, Any]:
    """The error of a request that is answered with 400."""
    answer = post(server, endpoint, **extra)
    assert answer.status == 400, answer.body
    error: dict[str, Any] = answer.json["error"]
    return error


def events(server: Server, endpoint: Endpoint, **extra: Any) -> list[dict[str, Any]]:
    """The events of a streamed answer, without the end mark."""
    answer = post(server, endpoint, stream=True, **extra)
    assert answer.headers["content-type"].startswith("text/event-stream"), answer.body
    *sent, last, nothing = answer.body.decode().split("\n\n")
    assert (last, nothing) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in sent]


def pieces(chunks: list[dict[str, Any]]) -> list[str]:
    """The texts of the first choice in a stream."""
    choices = [choice for chunk in chunks for choice in chunk["choices"] if choice["index"] == 0]
    return [
        choice["text"] if "text" in choice else choice["delta"].get("content") or "" for choice in choices
    ]


def token(server: Server, text: str) -> int:
    """The id of a text that is one token."""
    asked = {"model": SERVED, "prompt": text, "add_special_tokens": False}
    (found,) = server.request("POST", "oaikit/tokenize", asked).json["tokens"]
    return int(found)

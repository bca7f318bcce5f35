"""``reasoning_content`` stands in a chat's messages and deltas, and nowhere else."""

from __future__ import annotations

import json
import re
import timeit
from typing import Any

import pytest

from oaikit_server.dialect import Answer, Policy, Resolved, reasoning, resolve
from tests.unit.test_answer import completion, part, start

TEXTS = [
    "2 + 2 = 4.",
    'a "quoted" word',
    "back\\slash\\",
    "zwölf\n",
    '{"reasoning":"x"}',
    "",
    "\\",
    '\\"',
    "🐅" * 50,
]


def chat() -> Resolved:
    return resolve(
        "chat/completions", {"model": "m", "messages": [{"role": "user", "content": "x"}]}, Policy()
    )


def dumped(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def chunk(delta: dict[str, Any], **more: Any) -> dict[str, Any]:
    """As vLLM writes it."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": 'a "model"'}
    return {**head, "choices": [choice], **more}


def streamed(answer: Answer, body: bytes) -> bytes:
    answer.take(start(content_type=b"text/event-stream"))
    return bytes(answer.take(part(body))[0]["body"])


def whole(answer: Answer, body: bytes) -> bytes:
    messages = [*answer.take(start()), *answer.take(part(body, more=False))]
    return b"".join(message.get("body", b"") for message in messages)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "beside", [{}, {"role": "assistant"}, {"content": None}, {"role": "a", "content": 'x"'}]
)
def test_a_delta_has_both_names(text: str, beside: dict[str, Any]) -> None:
    sent = chunk({**beside, "reasoning": text})
    other_order = {"choices": sent["choices"], "id": "1"}
    for chunks in ([sent], [other_order], [sent, chunk({"content": "a"}), sent]):
        body = b"".join(b"data: " + dumped(each) + b"\n\n" for each in chunks)
        events = streamed(Answer(chat()), body).split(b"\n\n")
        got = [json.loads(event.removeprefix(b"data: ")) for event in events[:-1]]
        for each in chunks:
            delta = each["choices"][0]["delta"]
            both = {"reasoning_content": delta["reasoning"]} if "reasoning" in delta else {}
            assert got.pop(0)["choices"][0] == {**each["choices"][0], "delta": {**delta, **both}}


@pytest.mark.parametrize("text", TEXTS)
def test_a_message_has_both_names(text: str) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"reasoning":"x"}'}}
    messages = [
        {"role": "assistant", "content": text, "tool_calls": [call], "reasoning": text},
        {"role": "assistant", "content": '"reasoning":"x"', "reasoning": None},
    ]
    body = {"choices": [{"index": index, "message": each} for index, each in enumerate(messages)]}
    got = json.loads(whole(Answer(chat()), dumped(body)))
    messages[0]["reasoning_content"] = text
    assert got == body


USERS: list[Any] = [
    {"metadata": {"reasoning": "mine"}},
    {"content": [{"type": "tool_use", "input": {"reasoning": "because"}}]},
    {"choices": [{"message": {"parsed": {"reasoning": "x"}}}], "kv_transfer_params": {"reasoning": "x"}},
    {"choices": [{"reasoning": "x"}], "reasoning": "x"},
    {"choices": {"message": {"reasoning": "x"}}},
    [{"message": {"reasoning": "x"}}],
]


@pytest.mark.parametrize("sent", USERS, ids=repr)
def test_whatever_else_is_called_reasoning_stays_as_it_is(sent: Any) -> None:
    body = dumped(sent)
    assert whole(Answer(chat()), body) == body
    event = b"data: " + body + b"\n\n"
    assert streamed(Answer(chat()), event) == event


def test_a_chunk_is_changed_in_its_delta_alone() -> None:
    parameters = {"choices": [{"index": 0, "delta": {"reasoning": "mine"}}]}
    sent = chunk({"reasoning": "hm"}, kv_transfer_params=parameters)
    (event,) = streamed(Answer(chat()), b"data: " + dumped(sent) + b"\n\n").strip().split(b"\n\n")
    got = json.loads(event.removeprefix(b"data: "))
    assert got["kv_transfer_params"] == parameters
    assert got["choices"][0]["delta"] == {"reasoning": "hm", "reasoning_content": "hm"}


@pytest.mark.parametrize("resolved", [None, completion()])
def test_other_routes_are_left_alone(resolved: Resolved | None) -> None:
    body = dumped({"choices": [{"message": {"reasoning": "x"}, "delta": {"reasoning": "x"}}]})
    assert whole(Answer(resolved), body) == body
    event = b"data: " + body + b"\n\n"
    assert streamed(Answer(resolved), event) == event


@pytest.mark.parametrize(
    "body", [b"", b"data: [DONE]\n\n", b': "reasoning":"\n\n', b'data: {"reasoning":"\n\n']
)
def test_what_is_not_json_is_passed_on(body: bytes) -> None:
    assert reasoning.in_events(body) == body


def test_vllms_chunks_need_no_json_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one whose string is long: the pattern must not try a string's end again and again."""
    monkeypatch.setattr(json, "loads", pytest.fail)
    event = b"data: " + dumped(chunk({"role": "assistant", "reasoning": 'a\\"' * 1000})) + b"\n\n"
    assert reasoning.in_events(event).count(b"reasoning_content") == 1
    broken = re.sub(rb'"\}.*', b"", event)
    assert timeit.timeit(lambda: reasoning._CHUNK.match(broken), number=10) < 0.5

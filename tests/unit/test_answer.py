"""vLLM's messages in, the client's out: what is translated, what is kept back until it is whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oaikit.engine.call import Message
from oaikit_server.dialect import Answer, Policy, Resolved, resolve
from oaikit_server.raw_output import BatchSizes

CHUNK = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
LAST = b'data: {"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}\n\n'
DONE = b"data: [DONE]\n\n"


def completion(**parameters: Any) -> Resolved:
    return resolve("completions", {"model": "m", "prompt": "p", **parameters}, Policy())


def start(status: int = 200, content_type: bytes = b"application/json") -> Message:
    return {"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type)]}


def part(body: bytes, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


def streamed(answer: Answer, *bodies: bytes) -> tuple[dict[bytes, bytes], list[bytes]]:
    """The headers, and the body that comes out for each that goes in."""
    (head,) = answer.take(start(content_type=b"text/event-stream; charset=utf-8"))
    out = [answer.take(part(body)) for body in bodies] + [answer.take(part(b"", more=False))]
    assert all(len(messages) == 1 for messages in out)
    assert [messages[0]["more_body"] for messages in out] == [True] * len(bodies) + [False]
    return dict(head["headers"]), [messages[0]["body"] for messages in out]


def whole(answer: Answer, status: int, *bodies: bytes) -> tuple[int, dict[bytes, bytes], Any]:
    messages = answer.take(start(status))
    for index, body in enumerate(bodies):
        messages += answer.take(part(body, more=index + 1 < len(bodies)))
    head, body = messages
    assert not body["more_body"]
    return head["status"], dict(head["headers"]), json.loads(body["body"])


def test_events_are_passed_on_as_they_come():
    headers, bodies = streamed(Answer(completion(max_tokens=4)), CHUNK, LAST, DONE)
    assert bodies == [CHUNK, LAST, DONE, b""]
    assert headers == {
        b"content-type": b"text/event-stream; charset=utf-8",
        b"cache-control": b"no-cache",
        b"x-accel-buffering": b"no",
    }


def test_an_error_event_is_in_openais_shape():
    event = b'data: {"error":{"message":"no","type":"X","param":null,"code":400}}\n\n'
    _, bodies = streamed(Answer(completion(max_tokens=4)), event)
    assert json.loads(bodies[0].removeprefix(b"data: "))["error"]["type"] == "invalid_request_error"


def test_raw_output_is_lines_of_lists():
    headers, bodies = streamed(
        Answer(completion(max_tokens=4), BatchSizes(2, 1.0, 2)), CHUNK, CHUNK, CHUNK, DONE
    )
    assert headers[b"content-type"] == b"application/x-ndjson"
    assert [len(json.loads(line)) for line in b"".join(bodies).splitlines()] == [2, 1]


def test_routes_that_are_passed_on_stay_events_whatever_the_output():
    headers, bodies = streamed(Answer(None, BatchSizes(1, 1.0, 1)), CHUNK, DONE)
    assert headers[b"content-type"].startswith(b"text/event-stream")
    assert bodies == [CHUNK, DONE, b""]


def test_an_error_is_translated_when_it_is_whole():
    body = b'{"error":{"message":"n must be 1","type":"BadRequestError","param":"n","code":400}}'
    status, headers, answer = whole(Answer(completion()), 400, body[:20], body[20:])
    assert (status, headers[b"content-type"]) == (400, b"application/json")
    assert answer["error"] == {
        "message": "n must be 1",
        "type": "invalid_request_error",
        "param": "n",
        "code": None,
    }


def test_what_the_model_cannot_do_is_the_clients_error():
    body = b'{"error":{"message":"The model does not support Chat Completions API","code":501}}'
    status, _, answer = whole(Answer(), 501, body)
    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error"
    assert "does not support" in answer["error"]["message"]


def test_the_best_of_the_candidates():
    def choice(index: int, logprob: float) -> dict[str, Any]:
        logprobs = {"token_logprobs": [logprob], "tokens": ["a"], "top_logprobs": None, "text_offset": [0]}
        return {"index": index, "text": str(index), "logprobs": logprobs, "finish_reason": "stop"}

    body = {"choices": [choice(0, -3.0), choice(1, -1.0), choice(2, -2.0)], "usage": {"prompt_tokens": 1}}
    _, _, answer = whole(Answer(completion(best_of=3, n=2, max_tokens=4)), 200, json.dumps(body).encode())
    assert [each["text"] for each in answer["choices"]] == ["1", "2"]
    assert [each["logprobs"] for each in answer["choices"]] == [None, None]


@pytest.mark.parametrize(("finish", "told"), [("length", 1), ("stop", 0)])
def test_an_answer_that_ended_at_a_default_says_so(finish: str, told: int):
    calls: list[int] = []
    body = f'{{"choices":[{{"text":"a","finish_reason":"{finish}"}}]}}'.encode()
    _, headers, _ = whole(Answer(completion(), None, lambda: calls.append(1)), 200, body)
    assert len(calls) == told
    assert (b"x-oaikit-max-tokens" in headers) == bool(told)


def test_an_answer_that_ended_at_a_limit_of_its_own_does_not():
    body = b'{"choices":[{"text":"a","finish_reason":"length"}]}'
    _, headers, _ = whole(Answer(completion(max_tokens=1), None, pytest.fail), 200, body)
    assert b"x-oaikit-max-tokens" not in headers


def test_a_stream_says_before_where_it_will_end_and_tells_once():
    calls: list[int] = []
    headers, _ = streamed(Answer(completion(), None, lambda: calls.append(1)), CHUNK, LAST, LAST, DONE)
    assert headers[b"x-oaikit-max-tokens"] == b"max_tokens was not given: the answer ends after 16 tokens"
    assert calls == [1]

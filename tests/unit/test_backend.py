"""Replies put together from real JSON of the API, and the reading of a stream from every side."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from contextlib import suppress

import pytest

from oaikit._loop import LoopThread
from oaikit._stream import Stream, parse_answer
from oaikit.errors import (
    EngineCrashedError,
    EngineError,
    EngineLoadingError,
    InvalidRequestError,
    OAIKitError,
    RequestError,
)
from oaikit.reply import Choice, Delta, Reply, Token, Usage


def chat_chunk(delta: dict, index: int = 0, finish_reason: str | None = None, **more) -> dict:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "tiny",
        "choices": [choice],
        **more,
    }


FIRST = chat_chunk({"role": "assistant", "content": ""})
USAGE = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "tiny",
    "choices": [],
    "usage": {"prompt_tokens": 5, "total_tokens": 8, "completion_tokens": 3},
}


def texts(*pieces: str) -> list[dict]:
    return [FIRST, *(chat_chunk({"content": piece}) for piece in pieces), chat_chunk({}, 0, "stop"), USAGE]


# -- Reply -------------------------------------------------------------------------------------------------------------


def reply_of(chunks: list[dict], *, streamed: bool = True) -> tuple[Reply, list[Delta]]:
    """The reply of chunks that come one second apart, and the pieces."""
    reply = Reply()
    deltas = [
        delta for s, chunk in enumerate(chunks, 1) for delta in reply.add(chunk, float(s), streamed=streamed)
    ]
    return reply, deltas


def test_streamed_chat():
    reply, deltas = reply_of(texts("Hel", "lo"))
    assert deltas == [Delta("Hel"), Delta("lo"), Delta("", 0, "stop")]
    assert (reply.text, str(reply), reply.finish_reason, reply.model) == ("Hello", "Hello", "stop", "tiny")
    assert reply.usage == Usage(5, 3)
    assert reply.usage.total_tokens == 8
    # The first chunk has the role, the second the first text.
    assert (reply.ttft_s, reply.latency_s) == (2.0, 5.0)


def test_streamed_completion_with_two_choices():
    def chunk(index: int, text: str, reason: str | None = None) -> dict:
        return {
            "id": "cmpl-1",
            "object": "text_completion",
            "created": 1,
            "model": "tiny",
            "choices": [{"index": index, "text": text, "logprobs": None, "finish_reason": reason}],
        }

    # The second choice may well be the first to say something.
    reply, deltas = reply_of([chunk(1, "b"), chunk(0, "a"), chunk(1, "B", "length"), chunk(0, "", "stop")])
    assert [(delta.index, delta.text) for delta in deltas] == [(1, "b"), (0, "a"), (1, "B"), (0, "")]
    assert reply.texts == ["a", "bB"]
    assert reply.finish_reasons == ["stop", "length"]


def test_whole_chat_response():
    message = {"role": "assistant", "content": "Hello", "tool_calls": []}
    response = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny",
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"},
            {"index": 1, "message": {**message, "content": None}, "finish_reason": "tool_calls"},
        ],
        "usage": {"prompt_tokens": 5, "total_tokens": 15, "completion_tokens": 10},
    }
    reply, _ = reply_of([response], streamed=False)
    assert (reply.texts, reply.finish_reasons) == (["Hello", ""], ["stop", "tool_calls"])
    assert reply.usage == Usage(5, 10)
    assert reply.ttft_s is None, "there was no first token to see"
    assert reply.latency_s == 1.0


def test_whole_completion_response():
    choices = [{"index": 0, "text": " pass", "finish_reason": "length"}]
    reply, deltas = reply_of([{"model": "tiny", "choices": choices}], streamed=False)
    assert deltas == [Delta(" pass", 0, "length")]
    assert reply.text == " pass"


# -- log-probabilities -------------------------------------------------------------------------------------------------


def entry(token: str, logprob: float, *others: tuple[str, float]) -> dict:
    top = [{"token": text, "logprob": value, "bytes": None} for text, value in others]
    return {"token": token, "logprob": logprob, "bytes": list(token.encode()), "top_logprobs": top}


def with_logprobs(chunk: dict, *content: dict) -> dict:
    chunk["choices"][0]["logprobs"] = {"content": list(content)}
    return chunk


def test_tokens_of_a_streamed_chat_in_their_order():
    chunks = [
        FIRST,
        with_logprobs(chat_chunk({"content": "Hel"}), entry("Hel", -0.5, ("Hel", -0.5), ("Yo", -1.0))),
        with_logprobs(chat_chunk({"content": "lo"}, 0, "stop"), entry("l", -1.5), entry("o", 0.0)),
    ]
    reply, deltas = reply_of(chunks)
    assert reply.tokens == [
        Token("Hel", -0.5, {"Hel": -0.5, "Yo": -1.0}),
        Token("l", -1.5, {"l": -1.5}),
        Token("o", 0.0, {"o": 0.0}),
    ]
    assert [len(delta.tokens) for delta in deltas] == [1, 2]
    assert reply.tokens[2].probability == 1.0


def test_tokens_of_a_completion_with_its_prompt_echoed():
    """Nothing comes before the first token that could make it likely; the token itself need not be in the top list."""
    logprobs = {
        "tokens": ["The", " cat"],
        "token_logprobs": [None, -2.0],
        "top_logprobs": [None, {" dog": -1.0}],
        "text_offset": [0, 3],
    }
    choices = [{"index": 0, "text": "The cat", "finish_reason": "length", "logprobs": logprobs}]
    reply, _ = reply_of([{"model": "tiny", "choices": choices}], streamed=False)
    assert reply.tokens == [Token("The"), Token(" cat", -2.0, {" dog": -1.0, " cat": -2.0})]
    assert reply.tokens[0].probability is None


def test_a_frame_has_a_row_for_each_token_of_each_choice():
    chunks = [
        with_logprobs(chat_chunk({"content": "b"}, 1), entry("b", -1.0, ("a", -0.5))),
        with_logprobs(chat_chunk({"content": "a"}, 0), entry("a", -0.5)),
        with_logprobs(chat_chunk({"content": "!"}, 1), entry("!", 0.0)),
    ]
    frame = reply_of(chunks)[0].df
    assert list(frame.columns) == ["choice", "position", "token", "logprob", "probability", "top"]
    assert frame[["choice", "position", "token"]].to_numpy().tolist() == [
        [0, 0, "a"],
        [1, 0, "b"],
        [1, 1, "!"],
    ]
    assert frame.probability.tolist() == pytest.approx([0.6065306597, 0.3678794412, 1.0])
    assert frame.top[1] == {"a": -0.5, "b": -1.0}


def test_without_log_probabilities_there_is_no_frame():
    with pytest.raises(InvalidRequestError, match="logprobs=True"):
        _ = reply_of(texts("Hello"))[0].df


# -- thoughts and tool calls -------------------------------------------------------------------------------------------


def test_streamed_reasoning():
    """The thought comes first and counts as the first token; both names of the field are known."""
    pieces = [{"reasoning": "2 + 2"}, {"reasoning_content": " = 4."}, {"content": "4"}]
    reply, deltas = reply_of([FIRST, *map(chat_chunk, pieces), chat_chunk({}, 0, "stop")])
    assert [delta.reasoning for delta in deltas] == ["2 + 2", " = 4.", "", ""]
    assert (reply.reasoning, reply.text, reply.ttft_s) == ("2 + 2 = 4.", "4", 2.0)


def call_piece(index: int, arguments: str, **named: str) -> dict:
    name = {"name": named["name"]} if "name" in named else {}
    call = {"index": index, "function": {**name, "arguments": arguments}}
    return {"tool_calls": [call | ({"id": named["id"], "type": "function"} if "id" in named else {})]}


def test_streamed_tool_calls():
    pieces = [
        call_piece(0, "", id="call-a", name="add"),
        call_piece(0, '{"a": 1, '),
        call_piece(0, '"b": 2}'),
        call_piece(1, "{}", id="call-b", name="now"),
    ]
    reply, deltas = reply_of([FIRST, *map(chat_chunk, pieces), chat_chunk({}, 0, "tool_calls")])
    assert reply.tool_calls == [
        {"id": "call-a", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}},
        {"id": "call-b", "type": "function", "function": {"name": "now", "arguments": "{}"}},
    ]
    assert len(deltas) == 5
    assert (reply.text, reply.finish_reason) == ("", "tool_calls")


def test_token_ids_of_each_choice():
    """They come with ``return_token_ids``, also in pieces that have no text yet."""
    chunks = [chat_chunk({"content": "x"}), chat_chunk({"content": ""}), chat_chunk({"content": "é"}, 1)]
    for chunk, ids in zip(chunks, ([5], [6, 7], [8]), strict=True):
        chunk["choices"][0]["token_ids"] = ids
    reply, deltas = reply_of(chunks)
    assert [choice.token_ids for choice in reply.choices] == [[5, 6, 7], [8]]
    assert [delta.token_ids for delta in deltas] == [[5], [8]]


def test_whole_tool_calls():
    calls = [{"id": "call-a", "type": "function", "function": {"name": "now", "arguments": "{}"}}]
    message = {"role": "assistant", "content": None, "tool_calls": calls, "reasoning": "What time is it?"}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    reply, _ = reply_of([{"model": "tiny", "choices": [choice]}], streamed=False)
    assert (reply.tool_calls, reply.reasoning) == (calls, "What time is it?")


def test_a_reply_before_its_first_chunk():
    reply = Reply()
    assert (reply.text, reply.finish_reason, reply.tokens_per_s) == ("", None, None)


def streamed_reply(times: list[float], tokens: int, *, end_s: float | None = None, n: int = 1) -> Reply:
    """A reply whose pieces came at these times (seconds), and whose tokens the server counted at the end."""
    reply = Reply()
    for number, at in enumerate(times):
        reply.add(chat_chunk({"content": "x"}, number % n), at, streamed=True)
    usage = {"prompt_tokens": 5, "completion_tokens": tokens}
    reply.add({"model": "tiny", "choices": [], "usage": usage}, end_s or times[-1], streamed=True)
    return reply


def steps(count: int, every_s: float, first_s: float = 1.0) -> list[float]:
    return [first_s + number * every_s for number in range(count)]


@pytest.mark.parametrize(
    ("reply", "rate"),
    [
        (streamed_reply(steps(51, 0.1), 51), 10.0),  # 50 tokens after the first in 5 s
        (streamed_reply(steps(60, 0.1), 60, n=3), 10.0),  # over all choices
        (streamed_reply(steps(50, 0.1), 100), 20.0),  # two tokens a piece
        (streamed_reply([*[1.0] * 30, *steps(30, 0.1, 1.1)], 60), 10.0),  # the first read had half of them
    ],
)
def test_tokens_per_second(reply: Reply, rate: float) -> None:
    assert reply.tokens_per_s == pytest.approx(rate, rel=0.03)


@pytest.mark.parametrize(
    "reply",
    [
        streamed_reply(steps(40, 0.00002), 40),  # all in one read: it was 25,234 tokens/s
        streamed_reply([1.0, 1.3, 1.6], 300),  # held back by a proxy
        streamed_reply(steps(12, 0.1), 12),  # fewer than 16 tokens
        streamed_reply(steps(40, 0.004), 40),  # less than 0.2 s
        streamed_reply(steps(40, 0.1), 0),  # a server that counts nothing
        Reply(choices=[Choice("x")], usage=Usage(1, 15), latency_s=5.0),
        Reply(choices=[Choice("x")], usage=Usage(1, 500), latency_s=0.1),
    ],
)
def test_a_rate_that_cannot_be_told_is_none(reply: Reply) -> None:
    assert reply.tokens_per_s is None


def test_tokens_per_second_of_a_whole_answer() -> None:
    assert Reply(choices=[Choice("x")], usage=Usage(1, 100), latency_s=5.0).tokens_per_s == 20.0


def counted(delta: dict, tokens: int, index: int = 0, cached: int | None = None) -> dict:
    """A chunk of a stream with vLLM's ``continuous_usage_stats``."""
    usage: dict = {"prompt_tokens": 5, "total_tokens": 5 + tokens, "completion_tokens": tokens}
    if cached is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    return chat_chunk(delta, index, usage=usage)


@pytest.mark.parametrize("counting", [True, False])
def test_tokens_that_came_with_the_first_read_are_not_later_ones(counting: bool) -> None:
    """Five tokens in the first event, then one each: known where the server counts as it goes, else estimated."""
    reply = Reply()
    for number in range(20):
        chunk = counted({"content": "x"}, 5 + number) if counting else chat_chunk({"content": "x"})
        reply.add(chunk, 1 + 0.1 * number, streamed=True)
    usage = {"prompt_tokens": 5, "completion_tokens": 24}
    reply.add({"model": "tiny", "choices": [], "usage": usage}, 3.0, streamed=True)
    assert reply.later_tokens == pytest.approx(19 if counting else 24 * 19 / 20)
    assert reply.tokens_per_s == pytest.approx(reply.later_tokens / 2)


def test_a_whole_answer_has_no_later_tokens() -> None:
    assert Reply(choices=[Choice("x")], usage=Usage(1, 100), latency_s=5.0).later_tokens is None
    assert streamed_reply([1.0], 30).later_tokens == 0


def test_each_of_several_choices_has_its_own_count() -> None:
    chunks = [
        counted({"content": "a"}, 1),
        counted({"content": "b c"}, 2, index=1),
        counted({"content": "d"}, 2),
    ]
    reply, _ = reply_of(chunks)
    assert [choice.completion_tokens for choice in reply.choices] == [2, 2]
    assert reply.usage == Usage(5, 4), "a stopped answer has counts"
    reply.add({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 9}}, 4.0, streamed=True)
    assert reply.usage == Usage(5, 9)


def test_the_sum_of_several_choices_is_nobodys_own_count() -> None:
    choices = [{"index": index, "message": {"content": "x"}, "finish_reason": "stop"} for index in range(3)]
    reply, _ = reply_of([{"choices": choices, "usage": {"completion_tokens": 30}}], streamed=False)
    assert [choice.completion_tokens for choice in reply.choices] == [None, None, None]
    assert reply.usage.completion_tokens == 30
    assert "30 tokens" in reply.to_html()
    assert "3 answers together" in reply.to_html()


def test_cached_tokens_of_the_prompt() -> None:
    reply, _ = reply_of([counted({"content": "a"}, 1, cached=4)])
    assert reply.usage == Usage(5, 1, cached_tokens=4)
    assert reply_of(texts("a"))[0].usage.cached_tokens is None


# -- parse_answer ------------------------------------------------------------------------------------------------------


def parse(status: int, content_type: str, body: str) -> list[dict]:
    """The events of an answer; those before an error are in the error's notes."""

    async def chunks():
        yield body.encode()

    async def collect() -> list[dict]:
        events = []
        try:
            async for event in parse_answer(status, content_type, chunks()):
                events.append(event)
        except OAIKitError as exc:
            exc.add_note(f"after {len(events)}")
            raise
        return events

    return asyncio.run(collect())


SSE = "text/event-stream; charset=utf-8"


def test_an_event_stream():
    body = ': comment\nevent: x\ndata: {"a": 1}\n\ndata:{"a": 2}\n\ndata: [DONE]\n\n'
    assert parse(200, SSE, body) == [{"a": 1}, {"a": 2}]


def test_the_blank_line_after_done_may_be_missing():
    assert parse(200, SSE, 'data: {"a": 1}\n\ndata: [DONE]') == [{"a": 1}]


def test_characters_that_only_python_takes_for_line_ends_stay_in_their_event():
    text = "a\u2028b\u2029c\u0085d\x7fe"
    event = json.dumps({"a": text}, ensure_ascii=False)
    assert parse(200, SSE, f"data: {event}\n\ndata: [DONE]\n\n") == [{"a": text}]


def test_a_json_answer():
    assert parse(200, "application/json", '{\n "a": 1\n}') == [{"a": 1}]


def test_an_error_event_is_raised_after_what_came_before_it():
    event = json.dumps(EngineCrashedError("EngineCore died").body())
    with pytest.raises(EngineCrashedError, match="EngineCore died") as caught:
        parse(200, SSE, f'data: {{"a": 1}}\n\ndata: {event}\n\ndata: [DONE]\n\n')
    assert caught.value.__notes__ == ["after 1"]


def test_a_stream_that_breaks_off_is_an_error():
    with pytest.raises(EngineError, match="before the answer was complete"):
        parse(200, SSE, 'data: {"a": 1}\n\n')


@pytest.mark.parametrize("event", ["{broken", "null", "3"])
def test_an_event_that_is_no_json_object_is_one_of_our_errors(event):
    with pytest.raises(OAIKitError):
        parse(200, SSE, f"data: {event}\n\ndata: [DONE]\n\n")


def test_an_error_status_is_its_exception():
    with pytest.raises(EngineLoadingError):
        parse(503, "application/json", json.dumps(EngineLoadingError("wait").body()))
    with pytest.raises(InvalidRequestError, match="bad n"):
        # Some servers answer a request for a stream with the stream's content type even when they refuse it.
        parse(400, SSE, '{"error": {"message": "bad n"}}')


def test_a_page_of_a_proxy_is_no_answer():
    with pytest.raises(RequestError, match="answered 200 with a web page"):
        parse(200, "text/html", "<html>\nSign in</html>")
    with pytest.raises(RequestError, match="Bad Gateway"):
        parse(502, "text/html", "Bad Gateway")


# -- Stream ------------------------------------------------------------------------------------------------------------


class Producer:
    """The events of a request: the chunks, then an error if there is one, or no end if it is to ``hang``."""

    def __init__(self, chunks: list[dict], error: Exception | None = None, *, hang: bool = False) -> None:
        self.chunks, self.error, self.hang = chunks, error, hang
        self.ended = threading.Event()

    async def __call__(self):
        try:
            for chunk in self.chunks:
                await asyncio.sleep(0.001)
                yield chunk
            if self.error:
                raise self.error
            if self.hang:
                await asyncio.sleep(3600)
        finally:
            self.ended.set()

    def was_aborted(self) -> bool:
        return self.ended.wait(5)


@pytest.fixture
def loop():
    loop = LoopThread("test")
    yield loop
    loop.stop()


def stream(producer: Producer, loop: LoopThread) -> Stream:
    return Stream(producer, loop, streamed=True)


def promptly(function, seconds: float = 3.0):
    """What a function returns that must not hang; in a thread, so that the test ends if it does."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    return results[0]


def test_for_gives_the_pieces_in_order(loop):
    answer = stream(Producer(texts("a", "b", "c")), loop)
    assert [delta.text for delta in answer] == ["a", "b", "c", ""]
    assert (answer.reply.text, answer.reply.finish_reason) == ("abc", "stop")
    assert 0 < answer.reply.ttft_s <= answer.reply.latency_s


def test_async_for_in_another_loop_gives_the_pieces_in_order(loop):
    async def read() -> list[str]:
        return [delta.text async for delta in stream(Producer(texts("a", "b", "c")), loop)]

    assert asyncio.run(read()) == ["a", "b", "c", ""]
    assert asyncio.run(read()) == ["a", "b", "c", ""], "each reader may have a loop of its own"


def test_wait_and_await_give_the_complete_reply(loop):
    assert stream(Producer(texts("a", "b")), loop).wait().text == "ab"
    assert asyncio.run(stream(Producer(texts("a", "b")), loop).await_()).text == "ab"


def test_the_events_are_there_as_the_server_sent_them(loop):
    chunks = texts("a", "b")
    answer = stream(Producer(chunks), loop)
    assert list(answer.events()) == chunks
    assert answer.reply.text == "ab"

    async def read() -> list[dict]:
        return [event async for event in stream(Producer(chunks), loop).aevents()]

    assert asyncio.run(read()) == chunks


def test_an_error_comes_after_the_events_before_it(loop):
    answer = stream(Producer([FIRST], EngineCrashedError("died")), loop).events()
    assert next(answer) == FIRST
    with pytest.raises(EngineCrashedError):
        next(answer)


def test_to_leave_the_events_is_to_abort(loop):
    producer = Producer(texts("a"), hang=True)
    for _ in stream(producer, loop).events():
        break
    assert producer.was_aborted()


def test_the_request_goes_on_while_nobody_reads(loop):
    producer = Producer(texts("a", "b"))
    answer = stream(producer, loop)
    assert producer.ended.wait(5)
    assert answer.wait().text == "ab"


def test_a_slow_reader_misses_nothing(loop):
    pieces = []
    for delta in stream(Producer(texts(*"abcdef")), loop):
        time.sleep(0.005)
        pieces.append(delta.text)
    assert "".join(pieces) == "abcdef"


def test_a_stream_that_was_read_to_its_end_can_be_asked_again(loop):
    answer = stream(Producer(texts("a")), loop)
    assert [delta.text for delta in answer] == ["a", ""]
    assert promptly(answer.wait).text == "a"
    assert promptly(lambda: list(answer)) == []


def test_two_streams_at_once_on_one_loop(loop):
    """Each waits for the other's first piece: one after the other they would never end."""
    seen = {name: asyncio.Event() for name in "ab"}

    def producer(own: str, other: str):
        async def events():
            yield chat_chunk({"content": own})
            seen[own].set()
            await seen[other].wait()
            yield chat_chunk({"content": own.upper()})

        return events

    first = Stream(producer("a", "b"), loop, streamed=True)
    second = Stream(producer("b", "a"), loop, streamed=True)
    assert (promptly(first.wait).text, promptly(second.wait).text) == ("aA", "bB")


def test_two_async_streams_at_once(loop):
    async def read() -> list[str]:
        answers = [stream(Producer(texts(*word)), loop) for word in ("abc", "xyz")]
        return [reply.text for reply in await asyncio.gather(*(answer.await_() for answer in answers))]

    assert asyncio.run(read()) == ["abc", "xyz"]


def test_an_async_reader_leaves_its_loop_free(loop):
    async def read() -> int:
        beats = 0
        reading = asyncio.create_task(stream(Producer(texts("a"), hang=True), loop).await_())
        for _ in range(20):
            await asyncio.sleep(0.005)
            beats += 1
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        return beats

    assert asyncio.run(read()) == 20


def test_close_aborts_and_keeps_what_has_arrived(loop):
    producer = Producer(texts("a", "b"), hang=True)
    answer = stream(producer, loop)
    pieces = iter(answer)
    assert next(pieces).text == "a"
    answer.close()
    assert producer.was_aborted()
    assert promptly(lambda: [delta.text for delta in pieces]) in (["b", ""], [""], [])
    assert answer.reply.text.startswith("a")


def test_a_stream_closed_before_its_request_began_ends(loop):
    loop.call(time.sleep, 0.2)  # the loop is busy: an engine's is, while it loads
    answer = stream(Producer(texts("a")), loop)
    answer.close()
    assert promptly(lambda: list(answer)) == []


@pytest.mark.parametrize("leave", ["break", "with", "exception"])
def test_leaving_aborts(loop, leave):
    producer = Producer(texts("a", "b"), hang=True)
    if leave == "break":
        for _ in stream(producer, loop):
            break
    elif leave == "with":
        with stream(producer, loop):
            pass
    else:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the loop is the point
            for _ in stream(producer, loop):
                1 / 0  # noqa: B018
    assert producer.was_aborted()


@pytest.mark.parametrize("leave", ["break", "cancel"])
def test_leaving_an_async_reader_aborts(loop, leave):
    producer = Producer(texts("a"), hang=True)

    async def read() -> None:
        if leave == "break":
            async for _ in stream(producer, loop):
                break
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(stream(producer, loop).await_(), 0.1)
        assert await asyncio.to_thread(producer.was_aborted)

    asyncio.run(read())


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_error_reaches_the_reader_after_the_pieces_before_it(loop, asynchronous):
    answer = stream(Producer(texts("a")[:2], EngineCrashedError("it died")), loop)
    pieces = []

    def read() -> None:
        for delta in answer:
            pieces.append(delta.text)

    async def aread() -> None:
        async for delta in answer:
            pieces.append(delta.text)

    with pytest.raises(EngineCrashedError, match="it died"):
        asyncio.run(aread()) if asynchronous else read()
    assert pieces == ["a"]
    assert answer.reply.text == "a"


def test_an_interrupt_while_waiting_aborts(loop):
    """The kernel's stop button: a real SIGINT in the main thread."""
    producer = Producer(texts("a"), hang=True)
    main = threading.main_thread().ident
    interrupt = threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the signal must come inside
        interrupt.start()
        stream(producer, loop).wait()
    interrupt.join()
    assert producer.was_aborted()


# -- LoopThread --------------------------------------------------------------------------------------------------------


def test_a_loop_thread_starts_at_its_first_use_and_again_after_a_stop():
    loop = LoopThread("test")
    assert not loop.running
    for _ in range(2):
        assert loop.submit(asyncio.sleep(0, "done")).result(5) == "done"
        assert loop.running
        loop.stop()
        assert not loop.running
    loop.stop()
    assert "test" not in {thread.name for thread in threading.enumerate()}


def test_a_cancelled_reply_says_so_and_keeps_what_came(loop):
    async def endless():
        for piece in texts("a", "b"):
            if piece["choices"] and piece["choices"][0]["finish_reason"]:
                await asyncio.sleep(60)
            yield piece

    stream = Stream(endless, loop, streamed=True)
    deltas = iter(stream)
    assert [next(deltas).text, next(deltas).text] == ["a", "b"]
    stream.reply.cancel()
    assert list(deltas) == []
    assert (stream.reply.text, stream.reply.finish_reason, stream.reply.cancelled) == ("ab", None, True)


def test_a_complete_reply_was_not_cancelled(loop):
    async def one():
        for piece in texts("a"):
            yield piece

    for _ in range(200):  # the end of reading and the end of the request race
        stream = Stream(one, loop, streamed=True)
        assert not stream.wait().cancelled
        stream.reply.cancel()
        assert not stream.reply.cancelled

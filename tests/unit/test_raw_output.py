"""Streams as RunPod's worker yields them with RAW_OPENAI_OUTPUT=0."""

from __future__ import annotations

import json
import random

import pytest

from oaikit.errors import SettingError
from oaikit_server.raw_output import BatchSizes, RawOutput

DEFAULT = BatchSizes(first=1, growth=3, largest=50)


def chunk(number: int) -> dict[str, object]:
    text = f'{number} "quoted" \n\n data: [DONE] é'
    return {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": text}}]}


def event(data: object) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def stream(count: int) -> bytes:
    return b"".join(event(chunk(number)) for number in range(count)) + b"data: [DONE]\n\n"


def lines(raw: bytes) -> list[list[object]]:
    assert raw == b"" or raw.endswith(b"\n")
    return [json.loads(line) for line in raw.splitlines()]


def sizes_of(raw: bytes) -> list[int]:
    return [len(line) for line in lines(raw)]


def test_the_batches_grow_as_documented():
    output = RawOutput(DEFAULT)
    found = lines(output.feed(stream(200)) + output.close())
    assert [len(line) for line in found] == [1, 3, 9, 27, 50, 50, 50, 10]
    assert [each for line in found for each in line] == [chunk(number) for number in range(200)]


@pytest.mark.parametrize(
    ("sizes", "count", "expected"),
    [
        (BatchSizes(1, 3, 50), 0, []),
        (BatchSizes(1, 3, 50), 1, [1]),
        (BatchSizes(1, 3, 50), 4, [1, 3]),
        (BatchSizes(2, 2, 5), 17, [2, 4, 5, 5, 1]),
        (BatchSizes(1, 1.5, 4), 14, [1, 1, 2, 3, 4, 3]),
        (BatchSizes(3, 1, 50), 10, [3, 3, 3, 1]),
        (BatchSizes(1, 3, 1), 3, [1, 1, 1]),
        (BatchSizes(7, 3, 7), 15, [7, 7, 1]),
    ],
)
def test_sizes(sizes, count, expected):
    output = RawOutput(sizes)
    assert sizes_of(output.feed(stream(count)) + output.close()) == expected


def test_a_line_goes_out_as_soon_as_it_is_full():
    output = RawOutput(DEFAULT)
    came = [bool(output.feed(event(chunk(number)))) for number in range(13)]
    assert came == [True] + [False, False, True] + [False] * 8 + [True]
    assert output.close() == b""


def test_how_the_stream_is_cut_makes_no_difference():
    whole = RawOutput(DEFAULT)
    expected = whole.feed(stream(60)) + whole.close()
    cuts = random.Random(0)
    for _ in range(50):
        output, rest, found = RawOutput(DEFAULT), stream(60), b""
        while rest:
            size = cuts.randint(1, 200)
            found, rest = found + output.feed(rest[:size]), rest[size:]
        assert found + output.close() == expected


def test_an_error_is_a_line_of_its_own_at_once_and_nothing_before_it_is_lost():
    error = {
        "error": {
            "message": "the engine crashed",
            "type": "server_error",
            "param": None,
            "code": "engine_crashed",
        }
    }
    output = RawOutput(DEFAULT)
    output.feed(event(chunk(0)))
    assert output.feed(event(chunk(1))) == b""
    assert lines(output.feed(event(error) + b"data: [DONE]\n\n")) == [[chunk(1)], [error]]
    assert output.close() == b""


def test_a_stream_that_begins_with_an_error():
    output = RawOutput(DEFAULT)
    assert lines(output.feed(event({"error": {"message": "no"}}))) == [[{"error": {"message": "no"}}]]


def test_what_is_no_chunk_is_dropped():
    output = RawOutput(DEFAULT)
    assert output.feed(b": keep-alive\n\nevent: ping\n\n\n\n") == b""
    assert lines(output.feed(b"id: 7\nevent: x\n" + event(chunk(1)))) == [[chunk(1)]]


def test_other_line_ends_and_data_of_several_lines():
    output = RawOutput(DEFAULT)
    assert lines(output.feed(b'data:{"a":\r\ndata: 1}\r\n\r\n')) == [[{"a": 1}]]


def test_a_stream_that_ends_without_its_last_line_break():
    output = RawOutput(DEFAULT)
    assert output.feed(event(chunk(0))[:-1]) == b""
    assert lines(output.close()) == [[chunk(0)]]


def test_a_first_batch_larger_than_the_largest_makes_no_sense():
    with pytest.raises(
        SettingError, match=r"DEFAULT_MIN_BATCH_SIZE.* 60: must be at most .*DEFAULT_BATCH_SIZE.* 50"
    ):
        BatchSizes(60, 3, 50)

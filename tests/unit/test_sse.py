"""Event streams as servers may write them, cut at any byte."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oaikit._sse import EventReader

# What str.splitlines cuts at and the format does not.
SEPARATORS = "\u2028\u2029\u0085\x0b\x0c\x1c\x1d\x1e"


def read(*chunks: bytes) -> list[str]:
    reader = EventReader()
    return [data for chunk in chunks for data in reader.feed(chunk)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\ndata: b\n\n", ["a", "b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
        (b"data: a\r\rdata: b\r\r", ["a", "b"]),
        (b"data:a\n\n", ["a"]),
        (b"data:  a\n\n", [" a"]),
        (b"data: a\ndata: b\ndata:\ndata\n\n", ["a\nb\n\n"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"data: \xef\xbb\xbfa\n\n", ["\ufeffa"]),
        (b": ping\n\n\n\n:\ndata: a\n: ping\n\n", ["a"]),
        (b"event: x\nid: 1\nretry: 2\ndata: a\nother: y\ndatas: z\n\n", ["a"]),
        (b"event: x\n\n", []),
        (b"data: a", []),
        (b"data: a\n", []),
        (b"data: \xff\n\n", ["\ufffd"]),
        (b"", []),
    ],
)
def test_a_stream_and_its_events_however_it_is_cut(stream: bytes, events: list[str]) -> None:
    assert read(stream) == events
    assert read(*(stream[place : place + 1] for place in range(len(stream)))) == events
    for place in range(len(stream)):
        assert read(stream[:place], b"", stream[place:]) == events


def test_an_event_without_its_blank_line_comes_at_the_end() -> None:
    for stream in (b"data: a", b"data: a\r", b"data: a\r\n"):
        reader = EventReader()
        assert (reader.feed(stream), reader.end()) == ([], ["a"])
    assert EventReader().end() == []


text = st.text(
    st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]) | st.sampled_from(SEPARATORS)
)


@given(
    events=st.lists(st.lists(text, min_size=1, max_size=4), max_size=6),
    ends=st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=1),
    comment=text,
    bom=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_what_was_written_is_read(
    events: list[list[str]], ends: list[str], comment: str, bom: bool, seed: int
) -> None:
    """With every kind of line end, comments between, and cuts at random bytes."""
    rng = random.Random(seed)
    stream = b"\xef\xbb\xbf" if bom else b""
    for event in events:
        for line in (f":{comment}", *(f"data: {each}" for each in event), "id: 7"):
            stream += (line + rng.choice(ends)).encode()
        # A LF after a CR would be its second half, not an empty line.
        stream += b"\r" if stream.endswith(b"\r") else rng.choice(ends).encode()
        if stream.endswith(b"\r"):
            stream += b": next\n"
    cuts = sorted(rng.choices(range(len(stream) + 1), k=rng.randrange(12)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert read(*chunks) == ["\n".join(event) for event in events]


def test_a_long_event_in_many_pieces_takes_linear_time() -> None:
    piece = b"x" * 1000
    reader = EventReader()
    for _ in range(20_000):  # 20 MB: copying the line for each piece would move 200 GB
        assert reader.feed(piece) == []
    reader.feed(b"\ndata: a\n")
    assert reader.feed(b"\n") == ["a"]

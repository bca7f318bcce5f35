"""What vLLM generates is cut into single tokens, each with its whole text."""

from __future__ import annotations

import pytest

from oaikit.engine.pieces import Piece, Pieces, joined

TEXTS = {1: "So", 2: " it", 3: " is", 4: "</think>", 5: "", 6: "!", 0: "<end>"}


class Words:
    """A detokenizer of whole words."""

    def __init__(self) -> None:
        self.token_ids: list[int] = []

    def decode_next(self, next_token_id: int) -> str:
        return TEXTS[next_token_id]


def test_a_token_alone_is_taken_as_it_is() -> None:
    pieces = Pieces(lambda: pytest.fail("no detokenizer is needed"), holds_back=False)
    assert pieces.cut("So", [1], finished=False) == [("So", [1])]
    assert pieces.cut("", [0], finished=True) == [("", [0])]


def test_a_group_is_cut() -> None:
    pieces = Pieces(Words, holds_back=False)
    assert pieces.cut("So", [1], finished=False) == [("So", [1])]
    assert pieces.cut(" it is", [2, 3], finished=False) == [(" it", [2]), (" is", [3])]
    assert pieces.cut("!", [5, 6, 0], finished=True) == [("", [5]), ("!", [6]), ("", [0])]


def test_a_token_waits_for_its_text() -> None:
    pieces = Pieces(Words, holds_back=True)
    assert pieces.cut("", [1], finished=False) == []
    assert pieces.cut("So i", [2], finished=False) == [("So", [1])]
    assert pieces.cut("t i", [3, 4], finished=False) == [(" it", [2])]


def test_tokens_that_a_stop_string_has_cut_are_left_out() -> None:
    pieces = Pieces(Words, holds_back=True)
    assert pieces.cut("So", [1, 2, 3], finished=False) == [("So", [1])]
    assert pieces.cut(" i", [], finished=True) == [(" i", [])]


def test_the_end_is_told_once() -> None:
    pieces = Pieces(Words, holds_back=True)
    assert pieces.cut("So", [1], finished=False) == [("So", [1])]
    assert pieces.cut("", [2, 3], finished=True) == [("", [])]


def test_long_runs_are_joined() -> None:
    run: list[Piece] = [("a", [7])] * 200
    mark: Piece = ("<m>", [4])
    assert joined([*run, mark, *run[:100]], {4}) == [("a" * 136, [7] * 136), *run[:64], mark, *run[:100]]
    assert joined([*run[:5], mark], {4}) == [*run[:5], mark]

"""Cuts what vLLM generates into single tokens, each with its whole text."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import Final, Protocol


class Detokenizer(Protocol):
    """vLLM's incremental detokenizer, as far as it is needed here."""

    token_ids: list[int]

    def decode_next(self, next_token_id: int) -> str:
        """Return the text that a token adds."""


Piece = tuple[str, list[int]]
"""A text and the ids of its tokens: one id, or none if the text is a part of a token that a stop string has cut."""


class Pieces:
    """Cuts an answer into single tokens, each with its whole text."""

    def __init__(self, detokenizer: Callable[[], Detokenizer], *, holds_back: bool) -> None:
        """Begin an answer.

        Args:
            detokenizer: Makes a detokenizer for the answer, which is needed for a group of tokens.
            holds_back: Whether vLLM may give a token before its text, as it does with stop strings.
        """
        self._make_detokenizer = detokenizer
        self._detokenizer = detokenizer() if holds_back else None
        self._seen: list[int] = []  # the tokens before there was a detokenizer
        self._waiting: deque[tuple[int, int]] = deque()  # ids, and where the text of each ends
        self._text = ""  # given by vLLM, and not yet passed on
        self._passed = self._end = 0  # characters that are passed on, and those of all tokens

    def cut(self, text: str, token_ids: list[int], *, finished: bool) -> list[Piece]:
        """Cut the next part of the answer.

        Args:
            text: What vLLM gives of the text.
            token_ids: The tokens that it has generated.
            finished: Whether this is the end. Tokens whose text a stop string has cut are left out then.
        """
        if self._detokenizer is None:
            if len(token_ids) <= 1:
                self._seen += token_ids
                return [(text, token_ids)]
            self._detokenizer = self._make_detokenizer()
            self._read(self._seen)
            self._passed = self._end
            self._waiting.clear()
        self._text += text
        self._read(token_ids)
        return self._released(finished=finished)

    def _read(self, token_ids: list[int]) -> None:
        assert self._detokenizer is not None
        for token_id in token_ids:
            self._detokenizer.token_ids.append(token_id)
            self._end += len(self._detokenizer.decode_next(token_id))
            self._waiting.append((token_id, self._end))

    def _released(self, *, finished: bool) -> list[Piece]:
        pieces: list[Piece] = []
        start, begin = self._passed, 0
        while self._waiting and self._waiting[0][1] - start <= len(self._text):
            token_id, end = self._waiting.popleft()
            pieces.append((self._text[begin : end - start], [token_id]))
            begin = end - start
        self._text, self._passed = self._text[begin:], start + begin
        if finished:
            # A stop token has no text, and is one; it may mean something to the parser.
            stop_token = [] if self._text else [token_id for token_id, _ in self._waiting]
            last = (self._text, stop_token if len(stop_token) == 1 else [])
            pieces += [last] if any(last) or not pieces else []
        return pieces


# Tokens in a row that are worth joining.
_MANY: Final = 64


def joined(pieces: list[Piece], marks: Collection[int]) -> list[Piece]:
    """Join long runs of pieces without special tokens. The last of each run stay as they are.

    Args:
        pieces: An answer, cut into tokens.
        marks: The ids of special tokens.
    """
    result: list[Piece] = []
    run: list[Piece] = []
    for piece in [*pieces, None]:
        if piece is not None and piece[1] and piece[1][0] not in marks:
            run.append(piece)
            continue
        if len(run) >= 2 * _MANY:
            start, run = run[:-_MANY], run[-_MANY:]
            result.append(("".join(text for text, _ in start), [ids[0] for _, ids in start]))
        result += run
        run = []
        result += [piece] if piece is not None else []
    return result

"""What a model answers: pieces as they arrive, the reply they make, and its tokens with their probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oaikit._distribution import missing
from oaikit.errors import InvalidRequestError
from oaikit.transcript import answer_html, markdown_of, numbers, side_by_side

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Usage:
    """Tokens of the prompt and of all choices together."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        """Both together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True)
class Token:
    """A token of an answer that was asked for with log-probabilities.

    ``logprob`` is in nats; None for the first token of a prompt that is echoed. ``top`` has the likeliest tokens at
    this place and their log-probabilities, as many as were asked for, and this one.
    """

    text: str
    logprob: float | None = None
    top: Mapping[str, float] = field(default_factory=dict)

    @property
    def probability(self) -> float | None:
        """Between 0 and 1; None where `logprob` is."""
        return None if self.logprob is None else math.exp(self.logprob)


def mean_logprob(tokens: Sequence[Token]) -> float | None:
    """In nats, over the tokens whose log-probability is known; None where none is."""
    known = [token.logprob for token in tokens if token.logprob is not None]
    return sum(known) / len(known) if known else None


@dataclass(frozen=True)
class Delta:
    """A piece of an answer: its text, the choice it belongs to, and in a choice's last piece the reason it ended.

    ``reasoning`` is a piece of what a model thinks before it answers, told apart by vLLM's ``reasoning_parser``;
    ``tool_calls`` are pieces of calls as OpenAI's API streams them, joined in `Reply.tool_calls`. ``tokens`` are there
    if log-probabilities were asked for, ``token_ids`` if ``return_token_ids`` was.
    """

    text: str
    index: int = 0
    finish_reason: str | None = None
    reasoning: str = ""
    tool_calls: Sequence[Mapping[str, Any]] = ()
    tokens: Sequence[Token] = ()
    token_ids: Sequence[int] = ()

    def __bool__(self) -> bool:
        return bool(self.text or self.reasoning or self.tool_calls or self.finish_reason or self.tokens)


@dataclass
class Choice:
    """One of the answers to a request, complete or so far.

    ``tool_calls`` has OpenAI's shape: ``{"id", "type", "function": {"name", "arguments"}}``, the arguments as JSON.
    ``token_ids`` is empty unless ``return_token_ids`` was asked for.
    """

    text: str = ""
    finish_reason: str | None = None
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)

    def add(self, delta: Delta) -> None:
        """Append a piece."""
        self.text += delta.text
        self.reasoning += delta.reasoning
        self.tokens += delta.tokens
        self.token_ids += delta.token_ids
        self.finish_reason = delta.finish_reason or self.finish_reason
        for place, piece in enumerate(delta.tool_calls):
            self._add_tool_call(piece.get("index", place), piece)

    def _add_tool_call(self, index: int, piece: Mapping[str, Any]) -> None:
        while len(self.tool_calls) <= index:
            self.tool_calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        call, function = self.tool_calls[index], piece.get("function") or {}
        call["id"] = piece.get("id") or call["id"]
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""


@dataclass
class Reply:
    """An answer, complete or so far.

    ``ttft_s`` is the time from the call to the first token that came through, seconds; None when the answer was not
    streamed. ``latency_s`` is the time from the call to the end, seconds. ``cancelled``: it was broken off from here,
    and is what had come by then.
    """

    model: str = ""
    choices: list[Choice] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    ttft_s: float | None = None
    latency_s: float = 0.0
    cancelled: bool = False
    # What aborts the request; no part of the value.
    _cancel: Callable[[], object] | None = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The text of the first choice."""
        return self._first.text

    @property
    def texts(self) -> list[str]:
        """The texts of all choices."""
        return [choice.text for choice in self.choices]

    @property
    def finish_reasons(self) -> list[str | None]:
        """Why each choice ended."""
        return [choice.finish_reason for choice in self.choices]

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended: ``"stop"``, ``"length"``, ``"tool_calls"``, …; None before its end."""
        return self._first.finish_reason

    @property
    def reasoning(self) -> str:
        """What the model thought before the first choice's text, if the server tells that apart."""
        return self._first.reasoning

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """The tool calls of the first choice, in OpenAI's shape."""
        return self._first.tool_calls

    @property
    def tokens(self) -> list[Token]:
        """The tokens of the first choice; none unless ``logprobs`` were asked for."""
        return self._first.tokens

    @property
    def df(self) -> pd.DataFrame:
        """A row for each token of each choice, of an answer with log-probabilities.

        Columns: ``choice`` and ``position`` (integers from 0), ``token`` (text), ``logprob`` (nats), ``probability``
        (0 to 1; both missing for the first token of a prompt that is echoed), ``top`` (dict: token → logprob).

        Raises:
            InvalidRequestError: the answer came without log-probabilities.
            SettingError: pandas is not installed.
        """
        rows = list(self._rows())
        if not rows:
            raise InvalidRequestError(
                "this reply has no log-probabilities: ask with logprobs=True, top_logprobs=5 (chat) or logprobs=5 "
                "(completion)",
                param="logprobs",
            )
        try:
            import pandas as pd
        except ImportError as exc:
            raise missing("Reply.df needs pandas", "experiments") from exc
        return pd.DataFrame(rows, columns=["choice", "position", "token", "logprob", "probability", "top"])

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for number, choice in enumerate(self.choices):
            for position, token in enumerate(choice.tokens):
                yield number, position, token.text, token.logprob, token.probability, dict(token.top)

    @property
    def _first(self) -> Choice:
        return self.choices[0] if self.choices else Choice()

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens per second after the first one, over all choices; None where that can't be told."""
        seconds = self.latency_s - (self.ttft_s or 0.0)
        tokens = self.usage.completion_tokens - (0 if self.ttft_s is None else len(self.choices))
        return tokens / seconds if tokens > 0 and seconds > 0 else None

    def cancel(self) -> None:
        """Abort the request, if it has not ended: from another cell, or another thread. What has arrived stays."""
        if self._cancel is not None:
            self._cancel()

    def on_cancel(self, cancel: Callable[[], object]) -> None:
        """Say what `cancel` calls."""
        self._cancel = cancel

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cancel": None}  # a copy, or one that was pickled, has no request

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """Rendered markdown with a line of numbers; plain text in a terminal."""
        return {"text/plain": self.text, "text/markdown": markdown_of(self.text), "text/html": self.to_html()}

    def to_html(self) -> str:
        """All choices, rendered and safe to show, with a line of numbers below."""
        html = [
            answer_html(choice.text, reasoning=choice.reasoning, tool_calls=choice.tool_calls)
            for choice in self.choices
        ]
        footer = numbers(
            model=self.model,
            completion_tokens=self.usage.completion_tokens,
            ttft_s=self.ttft_s,
            tokens_per_s=self.tokens_per_s,
            finish_reason=self.finish_reason,
            state="stopped" if self.cancelled else "",
        )
        columns = html if len(html) < 2 else [side_by_side(("", each) for each in html)]
        return "".join([*columns, answer_html("", footer=footer)])

    def add(self, chunk: Mapping[str, Any], elapsed_s: float, *, streamed: bool) -> list[Delta]:
        """Take in one JSON object of the API (a response, or a chunk of one); returns the pieces that were in it."""
        self.latency_s, self.model = elapsed_s, chunk.get("model") or self.model
        if usage := chunk.get("usage"):
            self.usage = Usage(usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0)
        deltas = [_delta(choice) for choice in chunk.get("choices") or ()]
        for delta in deltas:
            if streamed and self.ttft_s is None and (delta.text or delta.reasoning or delta.tool_calls):
                self.ttft_s = elapsed_s
            while len(self.choices) <= delta.index:
                self.choices.append(Choice())
            self.choices[delta.index].add(delta)
        return [delta for delta in deltas if delta]


def _delta(choice: Mapping[str, Any]) -> Delta:
    """A choice of a chat or completion, whole or chunk."""
    message = choice.get("delta") or choice.get("message") or choice
    return Delta(
        text=message.get("content") or message.get("text") or "",
        index=choice.get("index") or 0,
        finish_reason=choice.get("finish_reason"),
        # vLLM calls it reasoning, DeepSeek and others reasoning_content.
        reasoning=message.get("reasoning") or message.get("reasoning_content") or "",
        tool_calls=message.get("tool_calls") or (),
        tokens=tuple(_tokens(choice.get("logprobs") or {})),
        token_ids=choice.get("token_ids") or (),
    )


def _tokens(logprobs: Mapping[str, Any]) -> Iterator[Token]:
    """The tokens of a choice: chats have a list of objects, completions have three lists side by side."""
    for entry in logprobs.get("content") or ():
        top = {other["token"]: other["logprob"] for other in entry.get("top_logprobs") or ()}
        yield _token(entry["token"], entry["logprob"], top)
    texts = logprobs.get("tokens") or ()
    tops = logprobs.get("top_logprobs") or [None] * len(texts)
    for text, logprob, top in zip(texts, logprobs.get("token_logprobs") or (), tops, strict=False):
        yield _token(text, logprob, top or {})


def _token(text: str, logprob: float | None, top: Mapping[str, float]) -> Token:
    return Token(text, logprob, top if logprob is None else {**top, text: logprob})

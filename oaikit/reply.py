"""What a model answers: pieces as they arrive, the reply they make, and its tokens with their probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from oaikit._distribution import needed_for
from oaikit.errors import InvalidRequestError
from oaikit.transcript import answer_html, markdown_of, numbers, side_by_side

if TYPE_CHECKING:
    import pandas as pd


FEWEST_TOKENS: Final = 16
SHORTEST_S: Final = 0.2
"""A rate over fewer tokens or less time says nothing: it is the time of a few reads from a socket."""
_FIRST_READ_S: Final = 0.005
"""Pieces that come this soon after the first were read together with it. They took no measurable time."""


@dataclass(frozen=True)
class Usage:
    """Tokens of the prompt, and of all choices together.

    ``cached_tokens`` are those of the prompt that the engine did not compute again, because an earlier request began
    alike (prefix caching); None where the server does not say.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int | None = None

    @property
    def total_tokens(self) -> int:
        """Those of the prompt and of the choices."""
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
    ``token_ids`` is empty unless ``return_token_ids`` was asked for. ``counted_tokens`` is what the server said of this
    choice alone; see `completion_tokens`.
    """

    text: str = ""
    finish_reason: str | None = None
    reasoning: str = ""
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)
    counted_tokens: int | None = field(default=None, repr=False, compare=False)

    @property
    def completion_tokens(self) -> int | None:
        """The tokens of this choice; None where the server gives only the sum of several."""
        return self.counted_tokens or len(self.token_ids) or len(self.tokens) or None

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


@dataclass(frozen=True)
class CalledTool:
    """A tool call that was run on the way to a reply.

    ``arguments`` is JSON as the model wrote it, ``result`` the text that the model was told; ``failed``: the call was
    not made, or the tool raised.
    """

    name: str
    arguments: str
    result: str
    failed: bool = False


class AnswerForm(Protocol):
    """The schema that an answer was asked for with; see `oaikit.schema.Schema`."""

    def parse(self, text: str, finish_reason: str | None = None) -> Any:
        """The object that an answer stands for."""


@dataclass
class Reply:
    """An answer, complete or so far.

    ``ttft_s`` is the time from the call to the first token that came through, seconds; None when the answer was not
    streamed. ``latency_s`` is the time from the call to the end, seconds. ``cancelled``: it was broken off from here,
    and is what had come by then. If tools were run, ``calls`` has their calls in order, and ``messages`` all that was
    said, this answer included, to go on from.
    """

    model: str = ""
    choices: list[Choice] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    ttft_s: float | None = None
    latency_s: float = 0.0
    cancelled: bool = False
    calls: list[CalledTool] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list, repr=False)
    # What the answer has to be like, of a call with ``schema``.
    form: AnswerForm | None = field(default=None, repr=False, compare=False)
    # Tokens that came with the first read, where the server counts as it goes; for `later_tokens`.
    _first_tokens: int | None = field(default=None, repr=False, compare=False)
    # Pieces with content, and those of them that came after the first read; for the same.
    _pieces: int = field(default=0, repr=False, compare=False)
    _later_pieces: int = field(default=0, repr=False, compare=False)
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
    def parsed(self) -> Any:
        """The object that the first choice stands for, of a call with ``schema``.

        Raises:
            InvalidAnswerError: The text does not fit the schema; `text` has it.
            InvalidRequestError: No schema was given.
        """
        return self._parsed(self._first)

    @property
    def all_parsed(self) -> list[Any]:
        """The objects of all choices; see `parsed`."""
        return [self._parsed(choice) for choice in self.choices]

    def _parsed(self, choice: Choice) -> Any:
        if self.form is None:
            raise InvalidRequestError("this reply was not asked for with schema=…", param="schema")
        return self.form.parse(choice.text, choice.finish_reason)

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
        with needed_for("Reply.df"):
            import pandas as pd
        return pd.DataFrame(rows, columns=["choice", "position", "token", "logprob", "probability", "top"])

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for number, choice in enumerate(self.choices):
            for position, token in enumerate(choice.tokens):
                yield number, position, token.text, token.logprob, token.probability, dict(token.top)

    @property
    def _first(self) -> Choice:
        return self.choices[0] if self.choices else Choice()

    @property
    def later_tokens(self) -> float | None:
        """Tokens of a streamed answer that came after the first read, over all choices; None where that can't be told.

        The first read may have brought several. Where the server counts only at the end, the tokens are taken to be
        spread evenly over the pieces that they came in.
        """
        tokens = self.usage.completion_tokens
        if self.ttft_s is None or not tokens or not self._pieces:
            return None
        if self._first_tokens is not None:
            return float(max(tokens - self._first_tokens, 0))
        return tokens * self._later_pieces / self._pieces

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens per second over all choices; None where that can't be told.

        Of a streamed answer it is measured from the first read on, so that the prompt's time does not count. There is
        no rate for fewer than 16 tokens or less than 0.2 s, nor for an answer that came in fewer than 16 pieces after
        the first read, such as one that a proxy held back.
        """
        tokens, seconds = float(self.usage.completion_tokens), self.latency_s
        if self.ttft_s is not None:
            if self._later_pieces < FEWEST_TOKENS:
                return None
            tokens = self.later_tokens or 0.0
            seconds -= self.ttft_s
        return tokens / seconds if tokens >= FEWEST_TOKENS and seconds >= SHORTEST_S else None

    def tokens_per_s_of(self, index: int) -> float | None:
        """The rate of one choice: its share of `tokens_per_s`; None where its tokens are not known."""
        rate, tokens = self.tokens_per_s, self.choices[index].completion_tokens if self.choices else None
        if rate is None or tokens is None or tokens < FEWEST_TOKENS:
            return None
        return rate * tokens / self.usage.completion_tokens

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
        several = len(self.choices) > 1
        html = [
            answer_html(
                choice.text,
                reasoning=choice.reasoning,
                tool_calls=choice.tool_calls,
                footer=numbers(completion_tokens=choice.completion_tokens, finish_reason=choice.finish_reason)
                if several
                else "",
            )
            for choice in self.choices
        ]
        footer = numbers(
            model=self.model,
            completion_tokens=self.usage.completion_tokens,
            ttft_s=self.ttft_s,
            tokens_per_s=self.tokens_per_s,
            finish_reason=f"{len(self.choices)} answers together" if several else self.finish_reason,
            state="stopped" if self.cancelled else "",
        )
        columns = [side_by_side(("", each) for each in html)] if several else html
        return "".join([*columns, answer_html("", footer=footer)])

    def add(self, chunk: Mapping[str, Any], elapsed_s: float, *, streamed: bool) -> list[Delta]:
        """Take in one JSON object of the API (a response, or a chunk of one); returns the pieces that were in it."""
        self.latency_s, self.model = elapsed_s, chunk.get("model") or self.model
        deltas = [_delta(choice) for choice in chunk.get("choices") or ()]
        for delta in deltas:
            if streamed and (delta.text or delta.reasoning or delta.tool_calls):
                self._clock(elapsed_s)
            while len(self.choices) <= delta.index:
                self.choices.append(Choice())
            self.choices[delta.index].add(delta)
        if usage := chunk.get("usage"):
            self._count(usage, deltas[0].index if streamed and len(deltas) == 1 else None)
        if self.ttft_s is not None and elapsed_s <= self.ttft_s + _FIRST_READ_S:
            counts = [choice.completion_tokens for choice in self.choices]
            self._first_tokens = None if None in counts else sum(count or 0 for count in counts)
        return [delta for delta in deltas if delta]

    def _clock(self, elapsed_s: float) -> None:
        if self.ttft_s is None:
            self.ttft_s = elapsed_s
        self._pieces += 1
        self._later_pieces += elapsed_s > self.ttft_s + _FIRST_READ_S

    def _count(self, usage: Mapping[str, Any], index: int | None) -> None:
        """Take in the server's counts.

        A chunk with a choice counts that choice so far (vLLM's ``continuous_usage_stats``); ``index`` is None for the
        sum of all, which comes at the end or with a whole answer.
        """
        tokens = usage.get("completion_tokens") or 0
        if index is not None:
            self.choices[index].counted_tokens = tokens
            tokens = sum(choice.counted_tokens or 0 for choice in self.choices)
        elif len(self.choices) == 1:
            self.choices[0].counted_tokens = tokens
        details = usage.get("prompt_tokens_details") or {}
        cached = details.get("cached_tokens", self.usage.cached_tokens)
        self.usage = Usage(usage.get("prompt_tokens") or 0, tokens, cached)


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

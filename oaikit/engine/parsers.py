"""Makes a streamed answer and a whole answer of the same request equal, whichever of vLLM's parsers reads it.

vLLM reads a stream with one half of a parser (`parse_delta`) and a whole answer with the other (`parse`). The halves
disagree about calls that are cut off, about white space, and about how arguments are written. Besides, the first half
depends on how the tokens happen to be grouped, and on a stop string: vLLM holds back the text that may be the beginning
of one, but not the ids of its tokens.

Here a parser gets one token at a time, each with its whole text, and a whole answer is what its stream adds up to.
What the streaming half loses is taken from the other half at the end, in both kinds of answer.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from oaikit.engine.pieces import Detokenizer, Piece, Pieces, joined

log = logging.getLogger("oaikit.engine")


@dataclass(frozen=True)
class Types:
    """What vLLM's parsers give back, and what reads their tokens.

    Attributes:
        detokenizer: Makes the detokenizer of a tokenizer, a request and the ids of its prompt, without stop strings.
        message: `DeltaMessage`.
        call: `DeltaToolCall`, a part of a tool call in a `DeltaMessage`.
        function: `DeltaFunctionCall`, the name and arguments of a `DeltaToolCall`.
        whole_call: `FunctionCall`, a tool call of a whole answer.
        new_id: Makes the id of a tool call.
        delegating: `DelegatingParser`, which passes text on as it is where it has nothing to look for.
    """

    detokenizer: Callable[[Any, Any, Sequence[int]], Detokenizer]
    message: type[Any]
    call: type[Any]
    function: type[Any]
    whole_call: type[Any]
    new_id: Callable[[], str]
    delegating: type[Any]


@dataclass
class _Call:
    """What the parts of a tool call have added up to."""

    id: str | None = None
    name: str = ""
    parts: list[str] = field(default_factory=list)

    @property
    def arguments(self) -> str:
        return "".join(self.parts)


@dataclass
class _Total:
    """What the parts of an answer have added up to."""

    contents: list[str] = field(default_factory=list)
    calls: list[_Call] = field(default_factory=list)

    @property
    def content(self) -> str:
        return "".join(self.contents)

    def add(self, delta: Any) -> None:
        if delta.content:
            self.contents.append(delta.content)
        for part in delta.tool_calls or ():
            while len(self.calls) <= part.index:
                self.calls.append(_Call())
            call, function = self.calls[part.index], part.function
            call.id = call.id or part.id
            if function is not None:
                call.name = call.name or function.name or ""
                call.parts += [function.arguments] if function.arguments else []


def merged(deltas: Sequence[Any]) -> Any:
    """Make one delta of some, or None of none, with at most one entry for each tool call.

    OpenAI's clients take the first entries for tool calls as they are, and with two for one call add up wrongly.
    """
    deltas = [delta for delta in deltas if delta is not None]
    if not deltas:
        return None
    delta = deltas[0]
    if len(deltas) > 1:
        for name in ("content", "reasoning"):
            if texts := [text for each in deltas if (text := getattr(each, name))]:
                setattr(delta, name, "".join(texts))
        if parts := [part for each in deltas for part in each.tool_calls or ()]:
            delta.tool_calls = parts
    if len(delta.tool_calls or ()) > 1:
        delta.tool_calls = _one_for_each(delta.tool_calls)
    return delta


def _one_for_each(parts: Sequence[Any]) -> list[Any]:
    entries: dict[int, Any] = {}
    arguments: dict[int, list[str]] = {}
    for part in parts:
        first = entries.setdefault(part.index, part)
        if part.function is None:
            continue
        if first.function is None:
            first.function = part.function
        if part.function.arguments:
            arguments.setdefault(part.index, []).append(part.function.arguments)
    for index, texts in arguments.items():
        entries[index].function.arguments = "".join(texts)
    return list(entries.values())


def is_json(text: str) -> bool:
    """Whether a text is complete JSON."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _lost(total: _Total, content: str | None, calls: Sequence[Any], types: Types) -> Any:
    """Find what a whole answer has that a stream has not.

    Args:
        total: What the stream has added up to.
        content: The content of the whole answer.
        calls: Its tool calls.
        types: vLLM's classes.

    Returns:
        A delta with it, or None. What the stream has given stays.
    """
    parts: list[Any] = []
    if [call.name for call in total.calls] == [call.name for call in calls[: len(total.calls)]]:
        for index, call in enumerate(calls):
            if index >= len(total.calls):
                function = types.function(name=call.name, arguments=call.arguments)
                id_ = call.id or types.new_id()
                parts.append(types.call(index=index, id=id_, type="function", function=function))
                continue
            given = total.calls[index].arguments
            if call.arguments.startswith(given) and call.arguments != given and not is_json(given):
                rest = types.function(arguments=call.arguments[len(given) :])
                parts.append(types.call(index=index, function=rest))
    # Of a call that was begun and cannot be read as a whole, the markup is not content.
    markup = total.calls and not calls
    given = total.content
    text = content[len(given) :] if content and content.startswith(given) and not markup else ""
    if not text and not parts:
        return None
    delta = types.message()
    if text:
        delta.content = text
    if parts:
        delta.tool_calls = parts
    return delta


if TYPE_CHECKING:
    _Parser: TypeAlias = Any
else:
    _Parser = object


class SameInAStream(_Parser):  # type: ignore[misc]  # mypy does not follow into vLLM
    """What is put before a class of vLLM's parsers; see the module."""

    _types: ClassVar[Types]
    _vllms: ClassVar[type[Any]]

    _prompt: Sequence[int] | None = None
    _pieces: Pieces | None = None
    _may_call = False
    _white_space = ""  # that is kept back
    _has_content = False
    _marks_of: ClassVar[frozenset[int] | None] = None

    def __init__(self, tokenizer: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(tokenizer, *args, **kwargs)
        self._made_with = (tokenizer, args, kwargs)
        self._total = _Total()
        self._answer: list[Piece] = []

    def set_prompt_token_ids(self, prompt_token_ids: Sequence[int]) -> None:
        """Take the prompt, which says whether the answer begins with reasoning."""
        self._prompt = prompt_token_ids
        super().set_prompt_token_ids(prompt_token_ids)

    def parse(
        self,
        model_output: str,
        request: Any,
        enable_auto_tools: bool = False,
        model_output_token_ids: Sequence[int] = (),
    ) -> tuple[str | None, str | None, list[Any] | None]:
        """Parse a whole answer, as the stream of its tokens."""
        if self._prompt is None or not model_output_token_ids:
            return super().parse(  # type: ignore[no-any-return]
                model_output, request, enable_auto_tools, model_output_token_ids
            )
        prompt = list(self._prompt)
        if self._passes_on(request, prompt):
            return None, model_output, None
        delta = self._replayed(model_output, list(model_output_token_ids), request, prompt)
        if delta is None:
            return None, "", None
        total = _Total()
        total.add(delta)
        calls = [
            self._types.whole_call(id=call.id, name=call.name, arguments=call.arguments)
            for call in total.calls
        ]
        nothing = None if delta.reasoning or calls else ""
        return delta.reasoning or None, delta.content or nothing, calls or None

    def _replayed(self, text: str, token_ids: list[int], request: Any, prompt: list[int]) -> Any:
        """What the stream of an answer adds up to.

        Parsers look at all that there has been again for each token, so long plain text goes through in one piece. That
        is as good if it comes out as it is. If not, it goes token by token, with all that follows.
        """
        pieces = self._new_pieces(request, prompt).cut(text, token_ids, finished=True)
        longer = joined(pieces, self._marks())
        while True:
            tokenizer, args, kwargs = self._made_with
            stream = type(self)(tokenizer, *args, **kwargs)
            stream._may_call = _may_call(request)
            deltas: list[Any] = []
            for number, (part, ids) in enumerate(longer):
                end = number == len(longer) - 1
                delta = super(SameInAStream, stream).parse_delta(part, ids, request, prompt, finished=end)
                if len(ids) > 1 and not _is_only(delta, part):
                    break
                deltas.append(delta)
            else:
                return stream._given(merged(deltas), longer, request, prompt, finished=True)
            before = sum(len(ids) or 1 for _, ids in longer[:number])
            longer = [*longer[:number], *pieces[before:]]

    def _marks(self) -> frozenset[int]:
        """The tokens that may mean something to a parser."""
        made = type(self)
        if made._marks_of is None:
            tokenizer = self._made_with[0]
            made._marks_of = frozenset([*tokenizer.get_added_vocab().values(), *tokenizer.all_special_ids])
        return made._marks_of

    def _new_pieces(self, request: Any, prompt: Sequence[int] | None) -> Pieces:
        return Pieces(
            lambda: self._types.detokenizer(self.model_tokenizer, request, prompt or ()),
            holds_back=bool(getattr(request, "stop", None)),
        )

    def _passes_on(self, request: Any, prompt: list[int]) -> bool:
        """Whether the parser has nothing to look for: neither reasoning nor tool calls."""
        if self._vllms.parse_delta is not self._types.delegating.parse_delta:
            return False
        if self._engine_based or _may_call(request):
            return False
        return self.reasoning_parser is None or bool(self.is_reasoning_end(prompt))

    def parse_delta(
        self,
        delta_text: str,
        delta_token_ids: list[int],
        request: Any,
        prompt_token_ids: list[int] | None = None,
        *,
        finished: bool,
    ) -> Any:
        """Parse the next part of a stream."""
        if self._pieces is None:
            self._may_call = _may_call(request)
            self._pieces = self._new_pieces(request, prompt_token_ids)
        pieces = self._pieces.cut(delta_text, delta_token_ids, finished=finished)
        last = len(pieces) - 1
        deltas = [
            super(SameInAStream, self).parse_delta(
                text, token_ids, request, prompt_token_ids, finished=finished and number == last
            )
            for number, (text, token_ids) in enumerate(pieces)
        ]
        return self._given(merged(deltas), pieces, request, prompt_token_ids, finished=finished)

    def _given(
        self, delta: Any, pieces: list[Piece], request: Any, prompt: list[int] | None, *, finished: bool
    ) -> Any:
        """Return the delta for the client, from the delta that the parser made of some pieces."""
        if not self._may_call:
            # vLLM may send the end of a tool call although the request has no tools.
            if delta is not None and delta.tool_calls:
                delta.tool_calls = []
            return delta
        self._answer += pieces
        if delta is not None:
            self._total.add(delta)
        if finished:
            lost = self._lost(request, prompt)
            if lost is not None:
                self._total.add(lost)
            delta = merged([delta, lost])
        return self._without_white_space_beside_calls(delta, finished=finished)

    def _lost(self, request: Any, prompt: list[int] | None) -> Any:
        """What the parser finds in the whole answer, and has not found in its stream."""
        tokenizer, args, kwargs = self._made_with
        whole = self._vllms(tokenizer, *args, **kwargs)
        text = "".join(text for text, _ in self._answer)
        ids = [token_id for _, token_ids in self._answer for token_id in token_ids]
        try:
            whole.set_prompt_token_ids(prompt or [])
            _, content, calls = whole.parse(text, request, True, ids)
        except Exception:  # of a parser; the stream has been answered already
            log.exception("vLLM's parser failed on a whole answer")
            return None
        return _lost(self._total, content, calls or (), self._types)

    def _without_white_space_beside_calls(self, delta: Any, *, finished: bool) -> Any:
        """Keep white space back until there is other content. With tool calls alone there is no content."""
        if self._has_content or (delta is None and not (finished and self._white_space)):
            return delta
        delta = self._types.message() if delta is None else delta
        content = self._white_space + (delta.content or "")
        self._white_space = ""
        if content.strip():
            self._has_content = True
        elif not finished:
            self._white_space, content = content, ""
        elif self._total.calls:
            content = ""
        if content != (delta.content or ""):
            delta.content = content or None
        return delta if content or delta.reasoning or delta.tool_calls else None


def same_in_a_stream(parser: type[Any], types: Types) -> type[Any]:
    """Make a subclass of one of vLLM's parsers that reads a stream and a whole answer alike.

    Args:
        parser: A subclass of vLLM's `Parser`.
        types: vLLM's classes.
    """
    return type(parser.__name__, (SameInAStream, parser), {"_types": types, "_vllms": parser})


def _is_only(delta: Any, text: str) -> bool:
    """Whether a delta has this text and nothing else, as content or as reasoning."""
    if delta is None or delta.tool_calls:
        return False
    return not (delta.content and delta.reasoning) and text == (delta.content or delta.reasoning)


def _may_call(request: Any) -> bool:
    return bool(request.tools) and request.tool_choice != "none"

"""An answer on its way: a node of the conversation that grows, and the document with it."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from oaikit.conversation import Node
from oaikit.errors import ConversationError
from oaikit.reply import Choice, Delta, Reply, Token
from oaikit.widgets.figures import Numbers, numbers, rounded
from oaikit.widgets.mirror import Mirror

# Tokens that end an answer, as the tokenizers of most models spell them.
_ENDS: Final = re.compile(r"<\|[^|<>]+\|>|</s>|<eos>|<end_of_turn>|<｜end▁of▁sentence｜>")


@dataclass(frozen=True)
class Beginning:
    """The text from which an answer goes on, and its tokens as the document has them."""

    text: str = ""
    tokens: Sequence[Any] = ()


def branch(node: Node, position: int, token: str) -> tuple[Beginning, bool]:
    """How an answer begins that is as one of them up to a token, and goes on with another in its place.

    Returns the beginning, and whether the answer ends with it: the token is the one that ends answers.

    Raises:
        ConversationError: the message has no such token, or it belongs to what the model thought.
    """
    rows = node.info.get("tokens") or ()
    if node.role != "assistant" or not isinstance(position, int) or not 0 <= position < len(rows):
        raise ConversationError("only an answer that came with log-probabilities has tokens to branch at")
    texts = [row[0] for row in rows]
    before, joined = "".join(texts[:position]), "".join(texts)
    start = max(joined.find(node.text), 0)  # after the thoughts, if there are some
    if len(before) < start:
        raise ConversationError("a branch begins in the answer's text, not in the model's thoughts")
    kept = [[text, logprob, top] for text, logprob, top in rows[:position]]
    ends = _ENDS.fullmatch(token) or joined[start + len(node.text) :] == token
    if ends and node.info.get("finish_reason") is not None:
        return Beginning(before[start:], kept), True
    logprob = dict(map(tuple, rows[position][2])).get(token)
    return Beginning(before[start:] + token, [*kept, [token, logprob, rows[position][2]]]), False


class Answer:
    """A node behind the leaf, to which the pieces of an answer are added.

    Parameters: the model's name, the sampling parameters, how the answer begins, and whether a tool of that name is
    called only after approval.
    """

    def __init__(
        self,
        mirror: Mirror,
        *,
        model: str,
        sampling: Mapping[str, Any],
        beginning: Beginning,
        asks: Callable[[str], bool],
    ) -> None:
        self._mirror, self._asks = mirror, asks
        self._choice, self._tokens = Choice(text=beginning.text), list(beginning.tokens)
        self._info: dict[str, Any] = {"state": "waiting", "model": model, "calls": {}}
        self._thinking_since: float | None = None
        node = mirror.add(self._message(), sampling=dict(sampling), tokens=list(self._tokens), **self._info)
        self.id = node.id
        self._path = ("nodes", node.id)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._info["state"] not in ("waiting", "streaming")

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The tool calls, in OpenAI's shape."""
        return self._choice.tool_calls

    # -- pieces ----------------------------------------------------------------------------------------------------

    def take(self, delta: Delta, ttft_s: float | None = None) -> None:
        """Add a piece, and show how long the first one took. Those of further choices wait for the end."""
        if delta.index:
            return
        if self._info["state"] == "waiting":
            self._set("state", "streaming")
            self._mirror.document.set((*self._path, "numbers", "ttft_s"), rounded(ttft_s))
        self._take_thoughts(delta)
        self._append("text", delta.text)
        known = len(self._choice.tool_calls)
        self._choice.add(delta)
        if delta.tool_calls:
            self._show_calls(delta, known)
        rows = [_row(token) for token in delta.tokens]
        self._tokens += rows
        self._mirror.document.extend([*self._path, "tokens"], rows)

    def _take_thoughts(self, delta: Delta) -> None:
        if delta.reasoning:
            self._thinking_since = self._thinking_since or time.perf_counter()
            self._append("reasoning", delta.reasoning)
        elif delta.text or delta.tool_calls:
            self._end_of_thoughts()

    def _end_of_thoughts(self) -> None:
        if self._thinking_since is not None and "reasoning_s" not in self._info:
            self._set("reasoning_s", round(time.perf_counter() - self._thinking_since, 3))

    def _show_calls(self, delta: Delta, known: int) -> None:
        """Show the calls that have begun, and of those that were there already what was added to their arguments."""
        path = (*self._path, "tool_calls")
        for call in self.calls[known:]:
            call["id"] = call["id"] or uuid.uuid4().hex  # not every server gives one
            name = call["function"]["name"]
            state = "asked" if self._asks(name) else "running"
            self._info["calls"][call["id"]] = {"state": state, "result": None}
            shown = {"id": call["id"], "name": name, "arguments": call["function"]["arguments"]}
            self._mirror.document.extend(path, [{**shown, "state": state, "result": None}])
        for place, piece in enumerate(delta.tool_calls):
            index, function = piece.get("index", place), piece.get("function") or {}
            if index < known:
                self._mirror.document.append((*path, index, "arguments"), function.get("arguments") or "")
                if function.get("name"):
                    self._mirror.document.set((*path, index, "name"), self.calls[index]["function"]["name"])

    # -- tool calls ------------------------------------------------------------------------------------------------

    def set_call(self, index: int, state: str, result: str | None = None) -> None:
        """Say what has become of a call."""
        known = {"state": state, "result": result}
        self._info["calls"][self.calls[index]["id"]] = known
        for key, value in known.items():
            self._mirror.document.set((*self._path, "tool_calls", index, key), value)
        self.keep()

    # -- keeping ---------------------------------------------------------------------------------------------------

    def keep(self) -> None:
        """Put what there is into the conversation."""
        info = {**self._info, "calls": dict(self._info["calls"]), "tokens": list(self._tokens)}
        self._mirror.conversation.revise(self.id, self._message(), **info)

    def end(self, state: str, reply: Reply, error: str | None = None, *, full: bool = False) -> None:
        """The last piece has come, or none will come. ``full``: because nothing more fits into the context."""
        self._end_of_thoughts()
        if state != "done" and self.calls:  # half of a call is none
            self._choice.tool_calls.clear()
            self._info["calls"] = {}
            self._mirror.document.set((*self._path, "tool_calls"), [])
        figures = numbers(reply)
        self._info["numbers"] = figures
        self._mirror.document.set((*self._path, "numbers"), dict(figures))
        if reply.model:
            self._set("model", reply.model)
        self._set("finish_reason", self._choice.finish_reason)
        if error is not None:
            self._set("error", error)
        if full or self._fills_context(figures):
            self._set("full", True)
        self._set("state", state)
        self.keep()
        self._mirror.show_path()

    def _fills_context(self, figures: Numbers) -> bool:
        """Whether the answer was cut off by the end of the context and not by max_tokens."""
        used, size = (figures["prompt_tokens"] or 0) + (figures["completion_tokens"] or 0), self._mirror.size
        return self._choice.finish_reason == "length" and size is not None and used >= size

    def _message(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self._choice.text}
        if self._choice.reasoning:
            message["reasoning"] = self._choice.reasoning
        if self.calls:
            message["tool_calls"] = self.calls
        return message

    def _set(self, key: str, value: Any) -> None:
        self._info[key] = value
        self._mirror.document.set((*self._path, key), value)

    def _append(self, key: str, text: str) -> None:
        self._mirror.document.append((*self._path, key), text)


def other_choices(mirror: Mirror, id: str, reply: Reply) -> None:
    """Put the further choices of a reply beside its first one."""
    node = mirror.conversation[id]
    for index, choice in enumerate(reply.choices[1:], 1):
        message = {"role": "assistant", "content": choice.text}
        if choice.reasoning:
            message["reasoning"] = choice.reasoning
        tokens = [_row(token) for token in choice.tokens]
        info = {**node.info, "calls": {}, "tokens": tokens, "numbers": numbers(reply, index)}
        mirror.conversation.rewind(node.parent)
        mirror.add(message, **info | {"finish_reason": choice.finish_reason, "reasoning_s": None})
    mirror.conversation.rewind(id)
    mirror.show_path()


def _row(token: Token) -> list[Any]:
    """A token as the document has it; the alternatives likeliest first."""
    top = sorted(token.top.items(), key=lambda item: -item[1])
    return [token.text, token.logprob, [list(item) for item in top]]

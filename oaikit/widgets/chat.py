"""The chat widget, and what Python can do with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

from oaikit._body import EXTRA, checked_options
from oaikit._images import data_url
from oaikit.backend import Backend
from oaikit.connection import connect
from oaikit.conversation import Conversation
from oaikit.errors import InvalidRequestError
from oaikit.reply import Reply
from oaikit.sampling import CHAT, UNSET, Unset
from oaikit.tools.functions import Functions
from oaikit.widgets.chat_view import ChatView
from oaikit.widgets.history import History
from oaikit.widgets.listing import HistoryList
from oaikit.widgets.live import LOOP
from oaikit.widgets.parameters import Parameters
from oaikit.widgets.session import Session
from oaikit.widgets.turn import Turn

T = TypeVar("T")
HistoryPath = str | os.PathLike[str] | None | Unset


class Chat:
    """A chat with a model, in the notebook and from Python: ``chat = ok.Chat(system="You are terse."); chat``.

    Every turn is a message in a tree, `conversation`: editing and regenerating adds to it and overwrites nothing. It
    is kept in a file as it happens, so that it can be reopened after the kernel has died: `history`, `open`. ``widget``
    is what is shown, for layouts of ipywidgets.

    Parameters:
        llm: any Backend; None: `connect()`.
        system: the system prompt.
        tools: Python functions that the model may call, whose schemas come from signature and docstring, and MCP
            servers (`oaikit.mcp`).
        approve: whether a call of a tool is run only after approval in the widget (``"ask"``), or ``"always"``.
        history: the file in which the chat is kept; None: none. Left out: one in the user's data folder.
        model: the model that is asked; None: the backend's own.
        send_reasoning: whether the model is sent back what it thought before earlier answers.
        max_rounds: the most rounds of tool calls in one turn; after them the model has to answer.
        extra_body: parameters of other servers than oaikit's, sent unchecked with every request.
        sampling: sampling parameters by vLLM's names, such as ``temperature=0.2``. What is left out can be set in the
            widget; without max_tokens an answer may fill what is left of the context.

    Raises:
        InvalidRequestError: a sampling parameter that there isn't, or a wrong value; a tool that can't be one.
        ServerNotFoundError: no ``llm`` was given, and there is no server to connect to.
    """

    def __init__(
        self,
        llm: Backend | None = None,
        *,
        system: str | None = None,
        tools: Sequence[Any] = (),
        approve: Literal["ask", "always"] = "ask",
        history: HistoryPath = UNSET,
        model: str | None = None,
        send_reasoning: bool = False,
        max_rounds: int = 8,
        extra_body: Mapping[str, Any] | None = None,
        **sampling: Any,
    ) -> None:
        if approve not in ("ask", "always"):
            raise InvalidRequestError(f'`approve` is "ask" or "always", not {approve!r}', param="approve")
        params, functions = Parameters(sampling), Functions(tools)
        llm = connect() if llm is None else llm
        self.widget = ChatView()
        options = {
            "params": params,
            "functions": functions,
            "always": approve == "always",
            "history": _history(history),
            "model": model,
            "reasoning": send_reasoning,
            "most_rounds": max_rounds,
            "extra": checked_options(CHAT, {EXTRA: extra_body}),
        }
        self._session: Session = self._run(self.widget.begin(llm, Conversation(system or None), options))

    def __repr__(self) -> str:
        messages = len(self.conversation.path)
        model = self._session.shown_model or "no model yet"
        return f"Chat({model}, {messages} message{'' if messages == 1 else 's'})"

    # -- talking ---------------------------------------------------------------------------------------------------

    def send(self, text: str, *, images: Sequence[Any] = (), wait: bool = True) -> Reply:
        """Say something, and take the answer; the widget shows both.

        Parameters: the text; images for a model that takes them, each a path, a file's bytes, a PIL image, an array
        or a data URL; and whether to wait for the end. Without waiting, the reply grows as the answer arrives. With
        tools it is the last answer, without waiting the first.

        An interrupt while waiting stops the answer; what has come is kept.

        Raises:
            OAIKitError: what the server answered; an answer is still on its way.
        """
        urls = [data_url(image) for image in images]
        return self._turn(self._session.send(text, urls, waited=wait), wait=wait)

    def regenerate(self, id: str | None = None, *, wait: bool = True) -> Reply:
        """Another answer beside one of the assistant's messages, by default the last; see `send`."""
        return self._turn(self._session.regenerate(id, waited=wait), wait=wait)

    def edit(self, id: str, text: str, *, wait: bool = True) -> Reply | None:
        """Another text beside a message: of a user's, with an answer to it; see `send`. None where nobody answers."""
        turn = self._run(self._session.edit(id, text, waited=wait))
        return None if turn is None else self._reply(turn, wait=wait)

    def branch(self, id: str, position: int, token: str, *, wait: bool = True) -> Reply | None:
        """Another answer, as one was up to a token, with another token there; None where that ends the answer.

        The answer must have come with ``logprobs``. The reply has what follows the token.
        """
        turn = self._run(self._session.branch(id, position, token, waited=wait))
        return None if turn is None else self._reply(turn, wait=wait)

    def stop(self) -> None:
        """Stop the answer that is on its way, at the engine too. What has come is kept."""
        self._run(self._session.stop())

    def approve(self, call: str, yes: bool = True, *, always: bool = False) -> None:
        """Run a tool call that waits for approval, or refuse it; ``always``: and do not ask for this tool again."""
        self._run(self._session.approve(call, yes, always))

    def on_reply(self, listener: Callable[[Reply], object]) -> Callable[[Reply], object]:
        """Call a function with each complete reply, on a thread of its own; usable as a decorator.

        What it raises is shown in the widget.
        """
        self._session.listeners.append(listener)
        return listener

    # -- what is set -----------------------------------------------------------------------------------------------

    @property
    def params(self) -> ChatParameters:
        """The sampling parameters that were set, like a dictionary; setting one checks it, None unsets it."""
        return ChatParameters(self._session)

    @property
    def system(self) -> str:
        """The system prompt, "" if there is none. It can be set."""
        return self.conversation.system

    @system.setter
    def system(self, text: str | None) -> None:
        self._run(self._session.set_system(text or ""))

    @property
    def model(self) -> str:
        """The model that is asked. It can be set; None is the backend's own."""
        return self._session.shown_model or self.llm.model

    @model.setter
    def model(self, name: str | None) -> None:
        self._run(self._session.set_model(name))

    @property
    def llm(self) -> Backend:
        """The backend that answers."""
        return self._session.llm

    # -- the conversation ------------------------------------------------------------------------------------------

    @property
    def conversation(self) -> Conversation:
        """The tree of messages. To be read: what changes it is `send`, `edit`, `regenerate`, `select`."""
        return self._session.conversation

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The current path as OpenAI messages."""
        return self.conversation.messages

    def select(self, id: str) -> None:
        """Lead the current path through a message."""
        self._run(self._session.select(id))

    def new(self) -> None:
        """Begin an empty conversation, with the same system prompt and parameters."""
        self._run(self._session.take(Conversation(self.system or None)))

    def export(self, format: Literal["json", "markdown", "python"]) -> str:
        """The conversation as JSON (the whole tree), as Markdown (the current path), or as a script that asks again."""
        return self._run(self._session.export(format))

    def save(self, path: str | Path) -> None:
        """Write the whole conversation to a JSON file, which `load` reads."""
        self.conversation.save(path)

    @classmethod
    def load(cls, path: str | Path, llm: Backend | None = None, **options: Any) -> Chat:
        """A chat that goes on with a conversation from a JSON file: one of `save`, or OpenAI messages.

        ``options`` are those of a new `Chat`.

        Raises:
            ConversationError: it can't be read, or is no conversation.
        """
        conversation = Conversation.load(path)
        chat = cls(llm, **options)
        chat._run(chat._session.take(conversation))
        if options.get("system") is not None:
            chat.system = options["system"]
        return chat

    # -- history ---------------------------------------------------------------------------------------------------

    @classmethod
    def history(cls, path: HistoryPath = UNSET) -> HistoryList:
        """The conversations that were kept, last changed first; index it, by number or id, to reopen one."""
        found = _history(UNSET if path is None else path)
        assert found is not None
        return HistoryList(found, lambda id: cls.open(id, history=found.path))

    @classmethod
    def open(
        cls, id: str, llm: Backend | None = None, *, history: HistoryPath = UNSET, **options: Any
    ) -> Chat:
        """A chat that goes on with a conversation of the history.

        ``options`` are those of a new `Chat`; sampling parameters are those that the conversation had.

        Raises:
            ConversationError: there is none with that id, or the file can't be read.
        """
        chat = cls(llm, history=history, **options)
        chat._run(chat._session.open(id))
        if options.get("system") is not None:
            chat.system = options["system"]
        return chat

    # -- the loop --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop the answer that is on its way, and take the widget off the page."""
        self._run(self._session.close())
        with suppress(KeyError):  # outside a kernel nobody knows of its comm
            self.widget.close()

    def _ipython_display_(self) -> None:
        self.widget.show()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return LOOP.submit(work).result()

    def _turn(self, begin: Coroutine[Any, Any, Turn], *, wait: bool) -> Reply:
        return self._reply(self._run(begin), wait=wait)

    def _reply(self, turn: Turn, *, wait: bool) -> Reply:
        if not wait:
            self._run(_began(turn))
            return turn.reply
        try:
            turn.ended.result()
        except BaseException:  # an interrupt
            self.stop()
            raise
        if turn.error is not None:
            raise turn.error
        return turn.reply


class ChatParameters(MutableMapping[str, Any]):
    """The sampling parameters of a chat; see `Chat.params`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def change(self, **values: Any) -> None:
        """Set several at once: those that go together only.

        Raises:
            InvalidRequestError: no such parameter, or a wrong value; the old ones stay.
        """
        LOOP.submit(self._session.set_params(values)).result()

    def __getitem__(self, name: str) -> Any:
        return self._session.params[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.change(**{name: value})

    def __delitem__(self, name: str) -> None:
        self.change(**{name: None})

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._session.params))

    def __len__(self) -> int:
        return len(self._session.params)

    def __repr__(self) -> str:
        return repr(self._session.params)


async def _began(turn: Turn) -> None:
    await turn.began.wait()


def _history(path: HistoryPath) -> History | None:
    if path is None:
        return None
    return History(None if isinstance(path, Unset) else path)

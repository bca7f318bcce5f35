"""A chat's state and what can be done with it. All of it belongs to the widget's loop."""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from oaikit._images import checked_data_url
from oaikit._threads import off_loop
from oaikit.backend import Backend
from oaikit.conversation import Conversation
from oaikit.errors import ConversationError, InvalidRequestError, OAIKitError
from oaikit.reply import Reply
from oaikit.tools.functions import Functions
from oaikit.widgets import messages
from oaikit.widgets.answer import Beginning, branch
from oaikit.widgets.document import LiveDocument
from oaikit.widgets.engine_status import engine_view, is_own_server, status_of
from oaikit.widgets.exports import export, parse, reopening
from oaikit.widgets.history import History, Record
from oaikit.widgets.keeper import Keeper
from oaikit.widgets.mirror import Mirror
from oaikit.widgets.parameters import Parameters, controls
from oaikit.widgets.turn import Approvals, Asking, Turn

_BUSY: Final = "An answer is on its way: wait for it, or stop it first."


class Session:
    """The logic of a chat, without a widget.

    Parameters: the model's backend, the document, the functions that the model may call and whether they are called
    without asking, the sampling parameters, the history (None: nothing is kept), whether the model is sent back what
    it thought, the most rounds of tool calls, and what is called when the state has settled: the
    end of a turn. ``kernel`` is the id of this process as a kernel, None if it is none. ``extra`` is sent too,
    unchecked.
    """

    def __init__(
        self,
        llm: Backend,
        document: LiveDocument,
        conversation: Conversation,
        *,
        params: Parameters,
        functions: Functions | None = None,
        always: bool = False,
        history: History | None = None,
        reasoning: bool = False,
        most_rounds: int = 8,
        model: str | None = None,
        save: Callable[[], object] = lambda: None,
        kernel: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.llm, self.document, self.params = llm, document, params
        self.mirror = Mirror(document, conversation)
        self.functions, self.approvals = functions or Functions(), Approvals(always=always)
        self.history = history
        self.keeper = Keeper(history, self._record, self._tell_of_history)
        self.listeners: list[Callable[[Reply], object]] = []
        self.id = uuid.uuid4().hex
        self.model = model
        self._replacement: str | None = None
        self.turn: Turn | None = None
        self._work: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None  # so that it is not collected
        self._reasoning, self._most_rounds = reasoning, most_rounds
        self._save, self._kernel, self._extra = save, kernel, dict(extra or {})
        self._status: dict[str, Any] | None = None
        document.set(["params"], dict(params))
        document.set(["model"], model or "")
        document.set(["reopen"], self._reopening())

    @property
    def conversation(self) -> Conversation:
        """The tree of messages."""
        return self.mirror.conversation

    @property
    def shown_model(self) -> str:
        """The name of the model that is asked, "" if it isn't known yet."""
        return str(self.document.state["model"])

    # -- what is known of the model --------------------------------------------------------------------------------

    async def look(self) -> None:
        """Find out which models there are, and what the engine says of the one that is asked.

        Raises:
            OAIKitError: the server can't be reached.
        """
        models = getattr(self.llm, "models", None)
        await self._look_at_engine()
        try:
            names = list(await off_loop(models if callable(models) else lambda: [self.llm.model]))
        except OAIKitError:
            if self.document.state["engine"]["state"] in ("", "ready"):
                raise
            return  # the engine's state, which is shown, says why
        self._set("models", names)
        if names and not self.model:
            own = await off_loop(
                lambda: self.llm.model
            )  # a connection may have been told which of them to ask
            self._replacement = None if own in names else names[0]  # another model was loaded since
            if not self.model:  # which may have been set meanwhile
                self._set("model", self._replacement or own)
        await self._look_at_engine()

    def look_soon(self) -> None:
        """`look`, while something else goes on; what goes wrong is the notice."""
        self._task = asyncio.get_running_loop().create_task(self._look_soon())

    async def _look_soon(self) -> None:
        try:
            await self.look()
        except OAIKitError as exc:
            self.tell(exc.message)

    async def _look_at_engine(self) -> None:
        told = await off_loop(lambda: status_of(self.llm))
        served = self.shown_model in (told.get("served_names") or [self.shown_model])
        ready = told.get("state", "ready") == "ready"
        self._status = dict(told) if ready else None
        self._set("engine", engine_view(told, own=is_own_server(self.llm)))
        known = told if served and ready else {}
        self.mirror.size = known.get("max_model_len")
        self.params.allow_logprobs(known.get("max_logprobs"))
        images = known.get("accepts_images")
        self._set("accepts_images", True if images is None else bool(images))
        self._set("parameters", controls(known.get("generation_config") or {}, self.mirror.size))
        self.mirror.show_path()

    async def _sampling(self) -> dict[str, Any]:
        """What of the sampling parameters is sent, for which the engine is asked if nothing is known of it."""
        if self._status is None:
            with suppress(OAIKitError):  # the request will say what is wrong
                await self.look()
        of_model = (self._status or {}).get("generation_config") or {}
        return self.params.body(context=self.mirror.size, of_model=of_model) | self._extra

    # -- turns -----------------------------------------------------------------------------------------------------

    async def send(self, text: str, images: Sequence[str] = (), *, waited: bool = False) -> Turn:
        """Put a user's message behind the leaf, and begin to answer it.

        Parameters: the text, the images as data URLs, and whether a cell waits for the end.
        """
        self.check_free()
        text, urls = _text(text), [checked_data_url(image) for image in images]
        if not text.strip() and not urls:
            raise ConversationError("there is nothing to send")
        self.mirror.add(messages.user_message(text, urls))
        return self.begin(waited=waited)

    async def regenerate(self, id: str | None = None, *, waited: bool = False) -> Turn:
        """Begin another answer beside one of the assistant's, by default the last."""
        self.check_free()
        self.conversation.regenerate(id)
        return self.begin(waited=waited)

    async def edit(self, id: str, text: str, *, waited: bool = False) -> Turn | None:
        """Put another text beside a message: of a user's, with an answer to it; of the assistant's, as the answer."""
        self.check_free()
        node, text = self.conversation[id], _text(text)
        if node.role == "user":
            message = {**node.message, "content": messages.with_text(node, text)}
        elif node.role == "assistant":
            message = {"role": "assistant", "content": text}
        else:
            raise ConversationError(
                f"only a user's or an assistant's message can be edited, not the {node.role}'s"
            )
        self.conversation.rewind(node.parent)
        self.mirror.add(message, **({"edited": True} if node.role == "assistant" else {}))
        if node.role == "user":
            return self.begin(waited=waited)
        await self.settle()
        return None

    async def branch(self, id: str, position: int, token: str, *, waited: bool = False) -> Turn | None:
        """Begin an answer that is as one of them up to a token, and goes on with another in its place."""
        self.check_free()
        node = self.conversation[id]
        beginning, ended = branch(node, position, _text(token))
        self.conversation.rewind(node.parent)
        if not ended:
            return self.begin(beginning, waited=waited)
        info = {"model": node.info.get("model"), "tokens": list(beginning.tokens), "finish_reason": "stop"}
        self.mirror.add({"role": "assistant", "content": beginning.text}, **info)
        await self.settle()
        return None

    async def stop(self) -> None:
        """End the turn, if there is one, and wait until it has ended. What has come is kept."""
        turn, work = self.turn, self._work
        if turn is not None and work is not None and not work.done():
            turn.stopped = True
            if turn.streaming:
                turn.reply.cancel()  # what has come is still taken
            else:
                work.cancel()
            await asyncio.shield(asyncio.wrap_future(turn.ended))

    async def close(self) -> None:
        """End the turn, and wait until nothing asks the server any more."""
        await self.stop()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=5)

    async def approve(self, call: str, yes: bool, always: bool = False) -> None:
        """Run a tool call, or refuse it; ``always``: and do not ask for this tool again."""
        leaf = self.document.state["nodes"].get(self.document.state["leaf"]) or {}
        if leaf.get("state") in ("waiting", "streaming"):  # nobody can approve what is not there yet
            raise ConversationError("The model is still writing: look at the call when it is complete.")
        calls = leaf.get("tool_calls") or ()
        waiting = {each["id"]: each["name"] for each in calls if each["state"] == "asked"}
        if call not in waiting:
            raise ConversationError(f"no tool call {call!r} waits for approval")
        decided = [call]
        if yes and always:
            self.approvals.always(waiting[call])
            decided = [id for id, name in waiting.items() if name == waiting[call]]
        for id in decided:
            self.approvals.decide(id, bool(yes))

    def begin(self, beginning: Beginning | None = None, *, waited: bool) -> Turn:
        """Begin a turn behind the leaf."""
        self._set("busy", True)
        self._set("notice", None)
        # A cell that runs something else is not to be interrupted for this chat.
        self._set("stop", {"tokens": [], "kernel": self._kernel if waited else None})
        self.mirror.show_path()
        asking = Asking(
            llm=self.llm,
            model=self.model or self._replacement,
            shown_model=self.shown_model,
            said=dict(self.params),
            sampling=self._sampling,
            functions=self.functions,
            reasoning=self._reasoning,
            most_rounds=self._most_rounds,
        )
        self.turn = Turn(self.mirror, asking, self.approvals, self.keeper.note, beginning)
        self._work = asyncio.get_running_loop().create_task(self.turn.run())
        self._task = asyncio.get_running_loop().create_task(self._see_to(self.turn, self._work))
        return self.turn

    async def _see_to(self, turn: Turn, work: asyncio.Task[None]) -> None:
        await asyncio.wait([work])  # which may have been cancelled before it began
        turn.close()
        self._set("stop", None)
        self._set("busy", False)
        self.mirror.show_path()
        try:
            await self.settle()
            if turn.error is None and not turn.stopped:
                await self._tell_listeners(turn.reply)
        finally:
            turn.ended.set_result(None)
        with suppress(OAIKitError):  # another model may have been loaded
            await self._look_at_engine()

    async def settle(self) -> None:
        """The end of a turn: what has been said is on disk, and in the notebook when that is saved."""
        self._save()
        await self.keeper.flush()

    async def _tell_listeners(self, reply: Reply) -> None:
        for listener in list(self.listeners):
            try:
                await off_loop(functools.partial(listener, reply))
            except Exception as exc:
                name = getattr(listener, "__name__", repr(listener))
                self._set("notice", f"{name} failed: {type(exc).__name__}: {exc}")
                self._save()

    # -- what is set -----------------------------------------------------------------------------------------------

    async def set_params(self, values: Mapping[str, Any]) -> None:
        """Set sampling parameters, all or none of them; None unsets."""
        self.params.change(values)
        self._set("params", dict(self.params))
        self.keeper.note()

    async def set_model(self, model: str | None) -> None:
        """Ask another model from now on; None: the backend's own."""
        name = _text(model) if model else None
        known = self.document.state["models"]
        if name and known and name not in known:
            raise InvalidRequestError(
                f"no model is served as {name!r}; there are: {', '.join(known)}", param="model"
            )
        self.model = name
        self._set("model", name or await off_loop(lambda: self.llm.model))
        with suppress(OAIKitError):
            await self._look_at_engine()

    async def set_system(self, text: str) -> None:
        """Change the system prompt; "" is none."""
        self.check_free()
        self.conversation.system = _text(text)
        self.mirror.show_all()
        await self.settle()

    async def select(self, id: str) -> None:
        """Lead the path through a message."""
        self.check_free()
        self.conversation.select(id)
        self.mirror.show_path()
        await self.settle()

    # -- whole conversations ---------------------------------------------------------------------------------------

    async def take(self, conversation: Conversation, id: str | None = None) -> None:
        """Show another conversation; without an id it is kept as a new one."""
        await self.keeper.flush()
        self.check_free()  # now: a turn may have begun meanwhile
        messages.settle(conversation)
        self.id = id or uuid.uuid4().hex
        self._set("reopen", self._reopening())
        self.mirror.replace(conversation)
        self._set("notice", None)
        await self.settle()

    async def new(self) -> None:
        """Show an empty conversation, with the same system prompt."""
        await self.take(Conversation(self.conversation.system or None))

    async def load(self, text: str) -> None:
        """Show a conversation from JSON."""
        await self.take(parse(text))

    async def export(self, format: str) -> str:
        """The conversation in another form; see `exports.export`."""
        sent = await self._sampling()
        if self.functions:
            sent["tools"] = self.functions.specs(strict=self.llm.is_vllm)
        return export(self.conversation, format, self.shown_model, sent)

    async def kept(self) -> list[dict[str, Any]]:
        """The conversations of the history."""
        history = self.history
        entries = [] if history is None else await off_loop(history.list)
        return [asdict(entry) for entry in entries]

    async def open(self, id: str) -> None:
        """Show a conversation of the history, with its sampling parameters."""
        if self.history is None:
            raise ConversationError("this chat keeps no history (history=None)")
        history = self.history
        record, conversation = await off_loop(lambda: history.open(_text(id)))
        self.check_free()
        self.keeper.read(record.id, conversation)
        with suppress(OAIKitError):  # of an oaikit with other parameters
            params = Parameters(record.settings.get("params") or {})
            await self.set_params({**dict.fromkeys(self.params), **params})
        await self.take(conversation, record.id)

    def _reopening(self) -> str | None:
        """The cell that reopens this conversation in another kernel; None: it is not kept."""
        if self.history is None:
            return None
        llm = None if is_own_server(self.llm) else "llm"
        return reopening(self.id, self.history.path, llm=llm, tools=list(self.functions))

    def _record(self) -> tuple[Record, Conversation]:
        settings = {"params": dict(self.params), "model": self.shown_model}
        title = messages.title(self.conversation)
        return Record(self.id, title, self.conversation.leaf, settings), self.conversation

    # -- small things ----------------------------------------------------------------------------------------------

    def check_free(self) -> None:
        """See that no answer is being written.

        Raises:
            ConversationError: one is.
        """
        if self.document.state["busy"]:
            raise ConversationError(_BUSY)

    def tell(self, notice: str | None) -> None:
        """Show a text that is no message's; None takes it away."""
        self._set("notice", notice)

    def _tell_of_history(self, notice: str | None) -> None:
        self.tell(notice)
        self._save()

    def _set(self, key: str, value: Any) -> None:
        if self.document.state.get(key) != value:
            self.document.set([key], value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidRequestError(f"a text is wanted, not {type(value).__name__}")
    return value

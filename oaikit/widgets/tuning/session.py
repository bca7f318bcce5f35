"""A tuning table at work: what the browser and Python ask of it, its runs, and its document.

All of it is on the widgets' loop.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from oaikit._threads import off_loop
from oaikit.backend import Backend
from oaikit.errors import InvalidRequestError, OAIKitError
from oaikit.experiments.run.provenance import provenance
from oaikit.sampling import Limits
from oaikit.widgets.document import LiveDocument
from oaikit.widgets.engine_status import status_of
from oaikit.widgets.tuning.answer import Answer, Asked, Result
from oaikit.widgets.tuning.parameters import controls
from oaikit.widgets.tuning.state import Question, Row, State

AT_ONCE: Final = 64
"""Answers on their way at a time; others wait here. An engine works on that many unless it was told otherwise."""
LAYOUTS: Final = ("rows", "columns")

Key = tuple[str, str]  # a row's id and a question's


def empty_document() -> dict[str, Any]:
    """The document before anything is known."""
    return {
        "completion": False,
        **{
            name: []
            for name in ("rows", "columns", "prompts", "items", "variables", "questions", "parameters")
        },
        "fixed": {},
        "answers": {},
        "layout": "rows",
        "busy": False,
        **dict.fromkeys(("base", "stop", "notice")),
    }


class Session:
    """The table's owner.

    Parameters: the model, the document, what is asked, what is called at the end of a run or another change that is to
    be kept, and Jupyter's id of this kernel.
    """

    def __init__(
        self,
        llm: Backend,
        document: LiveDocument,
        state: State,
        *,
        save: Callable[[], object] = lambda: None,
        kernel: str | None = None,
    ) -> None:
        self.llm, self.document, self.state = llm, document, state
        self._save, self._kernel = save, kernel
        self.results: dict[Key, Result] = {}
        self.provenance: dict[str, Any] = {}
        self._answers: dict[Key, Answer] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._status: Mapping[str, Any] = {}
        self._looked: asyncio.Task[None] | None = None
        self.show()

    # -- what is known of the model --------------------------------------------------------------------------------

    def look_soon(self) -> None:
        """Ask the engine what it is, while something else goes on; a run waits for that."""
        self._looked = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        try:
            told = await off_loop(lambda: status_of(self.llm))
        except OAIKitError as exc:
            self.tell(exc.message)
            return
        if told.get("state", "ready") != "ready":
            told = {}
        if told.get("model") != self._status.get("model"):
            self.provenance = {}
        self._status, state = told, self.state
        state.context = self._status.get("max_model_len")
        most = self._status.get("max_logprobs")
        state.limits = Limits() if most is None else Limits(logprobs=most)
        state.check_all()
        self.show()

    async def _known(self) -> None:
        """Look at the engine: another model may have been loaded."""
        if self._looked is None or self._looked.done():
            self.look_soon()
        if self._looked is not None:
            await self._looked
        if not self.provenance:
            self.provenance = await off_loop(lambda: provenance([_of_model(self.llm, self._status)], {}))

    # -- editing ---------------------------------------------------------------------------------------------------

    async def set(self, row: str, name: str, value: Any) -> None:
        """Take a cell's value as it was typed; a wrong one is marked, and keeps the row from running."""
        self.state.enter(row, name, value)
        self.changed()

    async def set_values(self, row: str, values: Mapping[str, Any]) -> None:
        """Set several values of a row, all of them right."""
        self.state.set(row, values)
        self.changed()

    async def add(self, values: Mapping[str, Any] | None = None) -> Row:
        """Another row, behind the last."""
        row = self.state.add(values or {})
        self.changed()
        return row

    async def duplicate(self, row: str) -> None:
        """A copy of a row, without its answers, behind it."""
        self.state.duplicate(row)
        self.changed()

    async def remove(self, row: str) -> None:
        """Take a row away, and its answers."""
        self._check_idle(key for key in self._tasks if key[0] == row)
        self.state.remove(row)
        if self.document.state["base"] == row:
            self._set("base", None)
        self._forget(lambda key: key[0] == row)
        self.changed()

    async def move(self, row: str, to: int) -> None:
        """Give a row another place, counted from 0."""
        self.state.move(row, to)
        self.changed()

    async def add_column(self, name: str) -> None:
        """Show a parameter as a column."""
        self.state.add_column(name)
        self.changed()

    async def remove_column(self, name: str) -> None:
        """Take a column away, and its values."""
        self.state.remove_column(name)
        self.changed()

    async def set_prompt(self, prompt: str, text: str) -> None:
        """Give a prompt another text."""
        self.state.set_prompt(prompt, text)
        self.changed()

    async def add_prompt(self) -> None:
        """Another prompt, empty."""
        self.state.add_prompt()
        self.changed()

    async def remove_prompt(self, prompt: str) -> None:
        """Take a prompt away, and the answers to it."""
        self._check_idle(self._tasks)
        self.state.remove_prompt(prompt)
        self._forget(lambda key: key[1].startswith(f"{prompt}."))
        self.changed()

    async def set_variable(self, item: str, name: str, value: Any) -> None:
        """Say what stands for a name in braces; None: nothing yet."""
        self.state.set_variable(item, name, value)
        self.changed()

    async def add_item(self) -> None:
        """Another item, without values."""
        self.state.add_item()
        self.changed()

    async def remove_item(self, item: str) -> None:
        """Take an item away, and the answers about it."""
        self._check_idle(self._tasks)
        self.state.remove_item(item)
        self._forget(lambda key: key[1].endswith(f".{item}"))
        self.changed()

    async def set_layout(self, layout: str) -> None:
        """A row per set of parameters, or a column."""
        if layout not in LAYOUTS:
            raise InvalidRequestError(
                f"layout is one of {', '.join(LAYOUTS)}, not {layout!r}", param="layout"
            )
        self._set("layout", layout)
        self._save()

    # -- judging ---------------------------------------------------------------------------------------------------

    async def set_base(self, row: str | None) -> None:
        """Show how the answers differ from this row's; None: don't."""
        if row is not None:
            self.state.row(row)
        self._set("base", row)
        self._save()

    async def vote(self, row: str, question: str) -> None:
        """Take an answer for the best one to its question; the one that was, if it is voted for again, for none."""
        result = self._result(row, question)
        winner = not result.winner
        for (other, asked), each in self.results.items():
            if asked == question:
                self._judge(other, question, winner=winner and each is result)
        self._save()

    async def note(self, row: str, question: str, text: str) -> None:
        """Write something about an answer."""
        self._result(row, question)
        self._judge(row, question, note=str(text))
        self._save()

    def _result(self, row: str, question: str) -> Result:
        if (row, question) not in self.results:
            raise InvalidRequestError("there is no answer yet", param="row")
        return self.results[row, question]

    def _judge(self, row: str, question: str, **judgement: Any) -> None:
        for name, value in judgement.items():
            setattr(self.results[row, question], name, value)
            if self.document.state["answers"][row][question][name] != value:
                self.document.set(["answers", row, question, name], value)

    # -- running ---------------------------------------------------------------------------------------------------

    async def run(self, row: str | None = None, *, waited: bool = False) -> None:
        """Begin to ask what a row asks, or all rows; what is on its way already is left alone.

        Parameters: the row, and whether a cell of the notebook waits for the end.

        Raises:
            InvalidRequestError: a value is wrong, or a place in a prompt has none; nothing is asked.
        """
        await self._known()
        state = self.state  # which nothing changes from here on
        rows = state.rows if row is None else [state.row(row)]
        for each in rows:
            if problem := state.problem(each):
                raise InvalidRequestError(problem, param="row")
        questions = state.questions()
        wanted = [(each, question) for each in rows for question in questions]
        run = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        asked = {
            (each.id, question.id): self._asked(each, question, run)
            for each, question in wanted
            if (each.id, question.id) not in self._tasks
        }
        for key, request in asked.items():
            self._begin(key, request)
        self._show_running(waited=waited)

    async def wait(self) -> None:
        """Until nothing is on its way."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def stop(self, row: str | None = None) -> None:
        """End what a row asks, or all that is on its way, and wait until it has ended. What has come is kept."""
        stopped = [key for key in self._tasks if row in (None, key[0])]
        for key in stopped:
            self._answers[key].stop()
        if tasks := [self._tasks[key] for key in stopped]:
            await asyncio.wait(tasks)

    def _asked(self, row: Row, question: Question, run: str) -> Asked:
        state = self.state
        title = f"prompt {state.prompts.index(question.prompt) + 1}"
        return Asked(
            question=question.id,
            values={**state.fixed, **row.values},
            prompt=title,
            item=question.item.id,
            data=dict(question.item.data),
            body=state.body(row, question),
            digest=state.asked(row, question) or "",
            run=run,
        )

    def _begin(self, key: Key, asked: Asked) -> None:
        row, question = key
        answers = self.document.state["answers"]
        if row not in answers:
            self.document.set(["answers", row], {})
        self.results.pop(key, None)
        answer = Answer(self.document, ("answers", row, question), asked)
        self._answers[key] = answer
        self._tasks[key] = asyncio.get_running_loop().create_task(self._answer(key, answer))

    async def _answer(self, key: Key, answer: Answer) -> None:
        try:
            self.results[key] = await answer.run(self.llm, self.state.endpoint, self._places)
        finally:
            del self._tasks[key], self._answers[key]
            self._show_stale()
            if self._tasks:
                self._show_running()
            else:
                self._set("stop", None)
                self._set("busy", False)
                self._save()

    def _show_running(self, *, waited: bool = False) -> None:
        if not self._tasks:
            return
        known = self.document.state["stop"]
        kernel = self._kernel if waited else known and known["kernel"]
        tokens = [answer.token for answer in self._answers.values()]
        # The server knows nothing of those that wait here: a cell that waits for them is interrupted.
        self._set("stop", {"tokens": [] if kernel and len(tokens) > AT_ONCE else tokens, "kernel": kernel})
        self._set("busy", True)

    def _check_idle(self, running: Iterable[Key]) -> None:
        for _ in running:
            raise InvalidRequestError("stop what is running there first", param="row")

    # -- the document ----------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """Show what was edited, and have it kept."""
        self.show()
        self._save()

    def show(self) -> None:
        """Bring the document to what the state is."""
        state = self.state
        for key, value in state.view().items():
            self._set(key, value)
        of_model = self._status.get("generation_config") or {}
        free = [name for name in state.places() if name not in state.variables()]
        places = [*dict.fromkeys([*free, *(name for name in state.columns if name in state.places())])]
        self._set("parameters", controls(state.endpoint, places, state.fixed, of_model, state.context))
        self._show_stale()

    def tell(self, notice: str | None) -> None:
        """Show a text that belongs to no cell."""
        self._set("notice", notice)

    def _show_stale(self) -> None:
        """Mark the answers to what would now be asked otherwise."""
        questions = {question.id: question for question in self.state.questions()}
        for (row, id), result in self.results.items():
            now = self.state.asked(self.state.row(row), questions[id])
            stale = now != result.asked.digest
            if self.document.state["answers"][row][id]["stale"] != stale:
                self.document.set(["answers", row, id, "stale"], stale)

    def _forget(self, gone: Callable[[Key], bool]) -> None:
        self.results = {key: each for key, each in self.results.items() if not gone(key)}
        for row, answers in list(self.document.state["answers"].items()):
            for question in [each for each in answers if gone((row, each))]:
                self.document.delete(["answers", row, question])
            if not self.document.state["answers"][row]:
                self.document.delete(["answers", row])

    def _set(self, key: str, value: Any) -> None:
        if self.document.state.get(key) != value:
            self.document.set([key], value)


def _of_model(llm: Backend, status: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of the model with results."""
    known = ("vllm_version", "device", "max_model_len", "generation_config")
    return {
        "model": status.get("model") or llm.model,
        **{name: status[name] for name in known if name in status},
    }

"""The tuning table, and what Python can do with it."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from oaikit.backend import Backend
from oaikit.connection import connect
from oaikit.errors import InvalidRequestError
from oaikit.experiments.design.items import items_of
from oaikit.sampling import CHAT, COMPLETIONS
from oaikit.widgets.live import LOOP
from oaikit.widgets.tuning.answer import Result
from oaikit.widgets.tuning.exports import sweep_arguments, table_python
from oaikit.widgets.tuning.frame import frame
from oaikit.widgets.tuning.session import Session
from oaikit.widgets.tuning.state import State
from oaikit.widgets.tuning.view import TuningView

if TYPE_CHECKING:
    import pandas as pd

    from oaikit.experiments.sweep import Sweep

T = TypeVar("T")


class TuningTable:
    """An editable table of parameter sets, whose answers stream in side by side.

    ``table = ok.TuningTable(llm, prompt="Tell me a joke", rows=[{"temperature": 0}, {"temperature": 1}]); table``

    What is run, voted on and edited in the notebook is there in Python, and the other way round. ``widget`` is what is
    shown, for layouts of ipywidgets. Rows and questions are counted from 0.

    Parameters:
        llm: any Backend; None: `connect()`.
        prompt: a text with names in braces, for a user's message; or a few such texts, each of which every row is
            asked.
        rows: a dict for each set of parameters, by vLLM's names. ``system`` (the system message) and names in the
            prompt's braces may be among them.
        data: a DataFrame, or what makes one, with the values for the names in braces: every row is asked about each
            of its rows.
        messages: in place of prompt: OpenAI messages with names in braces.
        completion: ask for the continuation of a text, without a chat template.
        sampling: parameters that are the same for all rows, unless a row says otherwise. Log-probabilities are asked
            for unless ``logprobs=False``; without max_tokens an answer may fill what is left of the context.

    Raises:
        InvalidRequestError: an unknown parameter, a value out of range, no prompt; ``param`` names it.
        ServerNotFoundError: no ``llm`` was given, and there is no server to connect to.
    """

    def __init__(
        self,
        llm: Backend | None = None,
        prompt: str | Sequence[str] | None = None,
        rows: Iterable[Mapping[str, Any]] = ({},),
        *,
        data: Any = None,
        messages: Sequence[Mapping[str, Any]] | None = None,
        completion: bool = False,
        **sampling: Any,
    ) -> None:
        templates = _templates(prompt, messages, completion)
        logprobs = {"logprobs": 0 if completion else True}  # the tokens' own and no alternatives
        state = State(
            COMPLETIONS if completion else CHAT,
            templates,
            items_of(data, None),
            rows,
            {**logprobs, **sampling},
        )
        llm = connect() if llm is None else llm
        if not isinstance(llm, Backend):
            raise InvalidRequestError(f"{llm!r} is no model: give ok.connect(…) or ok.Engine(…)", param="llm")
        self.widget = TuningView()
        self._session: Session = self._on_loop(self.widget.begin(llm, state))

    def __repr__(self) -> str:
        state = self._session.state
        return f"TuningTable({len(state.rows)} rows × {len(state.questions())} questions)"

    # -- rows ------------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The parameters of each row; copies."""
        return [dict(row.values) for row in self._session.state.rows]

    def add(self, **values: Any) -> None:
        """Put a row behind the last.

        Raises:
            InvalidRequestError: an unknown parameter or a wrong value.
        """
        self._on_loop(self._session.add(values))

    def set(self, row: int, **values: Any) -> None:
        """Set values of a row; None unsets.

        Raises:
            InvalidRequestError: no such row, an unknown parameter, a wrong value; the old ones stay.
        """
        self._on_loop(self._session.set_values(self._row(row), values))

    def remove(self, row: int) -> None:
        """Take a row away, with its answers.

        Raises:
            InvalidRequestError: no such row, or it is running.
        """
        self._on_loop(self._session.remove(self._row(row)))

    # -- running ---------------------------------------------------------------------------------------------------

    def run(self, row: int | None = None, *, wait: bool = True) -> TuningTable:
        """Ask what a row asks, or all rows; the answers take the place of the earlier ones.

        An interrupt while waiting stops the answers; what has come is kept. A request that fails is an answer with its
        error.

        Raises:
            InvalidRequestError: a value is wrong, or a name in braces has none; nothing is asked.
        """
        self._on_loop(self._session.run(None if row is None else self._row(row), waited=wait))
        if wait:
            try:
                self._on_loop(self._session.wait())
            except BaseException:  # an interrupt
                self.stop()
                raise
        return self

    def stop(self) -> None:
        """Stop the answers that are on their way, at the engine too. What has come is kept."""
        self._on_loop(self._session.stop())

    # -- results ---------------------------------------------------------------------------------------------------

    @property
    def df(self) -> pd.DataFrame:
        """One row per answer that has ended, in the table's order.

        The columns are those of `Sweep.df`: the parameters that rows have, as they were when the answer was asked for,
        ``item``, the data's columns, ``replicate`` (0), ``seed``, ``prompt`` (as it was filled in), ``text``,
        ``finish_reason``, ``prompt_tokens``, ``completion_tokens``, ``latency_s`` and ``ttft_s`` (seconds),
        ``later_tokens``, ``tokens_per_s``, ``mean_logprob`` (nats), ``winner`` (1.0 for the answer that was voted for,
        0.0 for the others to its question, missing where nobody voted), ``error`` (of an answer that was stopped too),
        ``note``, ``cached`` and ``shared`` (False), ``mode`` ("interactive"), ``run``, ``cell`` (the row's place),
        ``key`` (equal for equal requests). ``df.attrs`` has the units and what the answers were made by.
        """
        session = self._session
        results, provenance = self._on_loop(_found(session))
        return frame(results, fixed=session.state.fixed, provenance=provenance)

    def vote(self, row: int, question: int = 0) -> None:
        """Take a row's answer for the best one to a question; voted for again, it is so no more.

        Raises:
            InvalidRequestError: there is no such answer.
        """
        self._on_loop(self._session.vote(self._row(row), self._question(question)))

    def note(self, row: int, text: str, question: int = 0) -> None:
        """Write something about an answer.

        Raises:
            InvalidRequestError: there is no such answer.
        """
        self._on_loop(self._session.note(self._row(row), self._question(question), text))

    def to_sweep(self, **options: Any) -> Sweep:
        """A `Sweep` that asks what the table asks, to be run with more replicates, data or scores.

        Parameters: those of `Sweep`, which overrule what the table says (``n=8, score=…, data=…, store=…``). A sweep
        gives every replicate a seed of its own, made from the first of the table's.

        Raises:
            InvalidRequestError: what the table has can't be asked.
        """
        from oaikit.experiments.sweep import Sweep

        return Sweep(self._session.llm, **{**sweep_arguments(self._session.state), **options})

    def to_python(self) -> str:
        """A script that makes this table anew."""
        return table_python(self._session.state)

    def close(self) -> None:
        """Stop what is running, and take the widget off the page."""
        self.stop()
        with suppress(KeyError):  # outside a kernel nobody knows of its comm
            self.widget.close()

    def _ipython_display_(self) -> None:
        self.widget.show()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _row(self, place: int) -> str:
        rows = self._session.state.rows
        if not -len(rows) <= place < len(rows):
            raise InvalidRequestError(f"this table has {len(rows)} rows, and no row {place}", param="row")
        return rows[place].id

    def _question(self, place: int) -> str:
        questions = self._session.state.questions()
        if not -len(questions) <= place < len(questions):
            raise InvalidRequestError(
                f"this table has {len(questions)} questions, and no question {place}", param="question"
            )
        return questions[place].id

    def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return LOOP.submit(work).result()


async def _found(session: Session) -> tuple[list[tuple[int, Result]], dict[str, Any]]:
    """The answers in the table's order, each with its row's place, and by what they were made."""
    state, results = session.state, session.results
    found = [
        (place, results[row.id, question.id])
        for place, row in enumerate(state.rows)
        for question in state.questions()
        if (row.id, question.id) in results
    ]
    return found, dict(session.provenance)


def _templates(
    prompt: str | Sequence[str] | None, messages: Sequence[Mapping[str, Any]] | None, completion: bool
) -> list[Any]:
    if (prompt is None) == (messages is None):
        raise InvalidRequestError("say what is asked by one of prompt=… and messages=…", param="prompt")
    if prompt is not None:
        texts = [prompt] if isinstance(prompt, str) else list(prompt)
        if not all(isinstance(text, str) for text in texts):
            raise InvalidRequestError(
                "prompt is a text or a few; a conversation is messages=…", param="prompt"
            )
        return texts
    if completion:
        raise InvalidRequestError("a completion has no messages: give a prompt", param="messages")
    return [[dict(message) for message in messages or ()]]

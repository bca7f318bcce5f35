"""A model that scores answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oaikit.backend import Backend
from oaikit.errors import InvalidRequestError
from oaikit.experiments.columns import Bounds, Kind
from oaikit.experiments.design.identity import judge_identity
from oaikit.experiments.design.templates import fields_of, fill
from oaikit.experiments.scoring.scorer import Row, identity_of

if TYPE_CHECKING:
    from oaikit.experiments.calibration import Calibration


@dataclass(frozen=True)
class Judge:
    """A model that is asked a question about an answer; see `judge`."""

    name: str
    reads: tuple[str, ...]
    identity: str
    llm: Backend = field(repr=False)
    question: str
    answers: Mapping[str, float]
    sampling: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """Binary if its answers count as 0 and 1, else bounded."""
        return "binary" if {*self.answers.values()} <= {0, 1} else "bounded"

    @property
    def bounds(self) -> Bounds:
        """The least and the greatest value of its answers."""
        return float(min(self.answers.values())), float(max(self.answers.values()))

    def messages(self, row: Row) -> list[dict[str, str]]:
        """What the judge is asked about a row."""
        said = ", ".join(self.answers)
        question = fill(self.question, row)
        text = f"Text:\n{row['text']}\n\nQuestion about the text: {question}\nAnswer with one of: {said}."
        return [{"role": "user", "content": text}]

    def calibrate(self, votes: Any, *, column: str | None = None) -> Calibration:
        """Compare the judge with human votes: ``judge.calibrate(votes)``, where ``votes`` may be a `TuningTable`.

        The judge is asked about each answer that was voted on, unless the votes have a column of its name.

        Args:
            votes: a DataFrame, or a `TuningTable` with stars. It needs the columns ``text`` and ``vote``, and those
                that the judge's question names. Votes are the judge's answers ("yes", "no") or the numbers that these
                count as. With the columns ``item`` or ``prompt``, votes on one item count as one.
            column: the column of the votes (default: ``vote``, or a TuningTable's ``winner``).

        Returns:
            How far they agree, and with `Calibration.correct` the means of a sweep without the judge's errors.

        Raises:
            InvalidRequestError: there are no votes, a column is missing, or a vote is none of the judge's answers.
            OAIKitError: the judge's server is not there.
        """
        from oaikit.experiments.calibration import calibrate

        return calibrate(self, votes, column=column)

    def score(self, text: str) -> float | None:
        """What the judge's answer counts as; None if it is none of the answers."""
        said = text.strip().strip(".!'\"*").casefold()
        found = [score for answer, score in self.answers.items() if said == answer.casefold()]
        return found[0] if found else None


def judge(
    question: str,
    llm: Backend,
    *,
    answers: Mapping[str, float] | None = None,
    constrain: bool = True,
    name: str = "judge",
    **sampling: Any,
) -> Judge:
    """A model's answer to a question about each answer: ``ok.judge("Is it polite?", llm)``.

    Parameters: the question, which may name columns (``"Does it say the same as: {reference}"``), the model, and what
    its answers count as (default: yes 1, no 0). ``constrain`` holds it to these answers with ``structured_outputs``,
    which servers of vLLM know; without, anything else that it says gives no score. The rest are sampling parameters.

    Raises:
        InvalidRequestError: there are no answers, or the question is not a template.
    """
    answers = {"yes": 1.0, "no": 0.0} if answers is None else dict(answers)
    if len(answers) < 2:
        raise InvalidRequestError("a judge needs at least two answers to choose from", param="answers")
    asked: dict[str, Any] = {"temperature": 0, "max_tokens": 16}
    if constrain:
        asked["structured_outputs"] = {"choice": list(answers)}
    asked |= sampling
    identity = identity_of("judge", question, dict(answers), asked, judge_identity(llm))
    return Judge(name, tuple(fields_of(question)), identity, llm, question, answers, asked)

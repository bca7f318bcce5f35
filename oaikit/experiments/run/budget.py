"""What a run may cost at most: requests, tokens, and a share of errors."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Final

from oaikit.errors import InvalidRequestError
from oaikit.experiments.run.runner import Job, Progress
from oaikit.experiments.run.targets import Answer

_FEWEST: Final = 10  # rows that a share of errors is of, at least: the first one of many may well fail


@dataclass(frozen=True)
class Caps:
    """Limits of one run; None means no limit.

    Attributes:
        max_requests: requests that are sent, those to judges and those that are repeated included.
        max_tokens_total: tokens of prompts and answers together.
        stop_if_errors: the share of failed rows, from 0 to 1, above which the run ends.
    """

    max_requests: int | None = None
    max_tokens_total: int | None = None
    stop_if_errors: float | None = None

    def __post_init__(self) -> None:
        for name in ("max_requests", "max_tokens_total"):
            value = getattr(self, name)
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1
            ):
                raise InvalidRequestError(
                    f"{name} is a whole number of at least 1, not {value!r}", param=name
                )
        share = self.stop_if_errors
        if share is not None and (
            isinstance(share, bool) or not isinstance(share, Real) or not 0 <= float(share) <= 1
        ):
            raise InvalidRequestError(
                f"stop_if_errors is a share from 0 to 1, such as 0.2, not {share!r}", param="stop_if_errors"
            )

    def __bool__(self) -> bool:
        """Whether anything is limited."""
        return self != NO_CAPS


NO_CAPS: Final = Caps()


class Budget:
    """What is left of the caps of a run. All feeders of a run share one, on one loop."""

    def __init__(self, caps: Caps, progress: Progress) -> None:
        self._caps, self._progress = caps, progress
        self._reserved: dict[int, int] = {}  # tokens that a job in flight may cost, by the job's id
        self._in_flight_tokens = 0
        self.requests = 0
        self.tokens = 0
        self.spent = ""
        """Which cap the run has reached, in words; empty while it has reached none."""
        self.failing = False
        """Whether that is the share of errors."""

    def reserve(self, job: Job, *, alone: bool) -> bool:
        """Take what a job may cost; false if it does not fit.

        Args:
            job: the job that is about to begin.
            alone: nothing else is in flight, so that what doesn't fit now never will.
        """
        caps = self._caps
        if self._has_too_many_errors():
            return False
        if caps.max_requests is not None and self.requests >= caps.max_requests:
            self.spent = f"max_requests={caps.max_requests}"
            return False
        if caps.max_tokens_total is not None:
            cost = self._at_most(job)
            if self.tokens + self._in_flight_tokens + cost > caps.max_tokens_total:
                # What is in flight may turn out cheaper than it might have been.
                if alone and not self._in_flight_tokens:
                    self.spent = f"max_tokens_total={caps.max_tokens_total}"
                return False
            self._reserved[id(job)] = cost
            self._in_flight_tokens += cost
        self.requests += 1
        return True

    def settle(self, job: Job, answer: Answer | None) -> None:
        """Put what a job did cost in the place of what it might have."""
        self._in_flight_tokens -= self._reserved.pop(id(job), 0)
        if answer is not None:
            usage = answer.reply.usage
            self.tokens += (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)

    def _has_too_many_errors(self) -> bool:
        share, progress = self._caps.stop_if_errors, self._progress
        if share is None or not progress.failed:
            return False
        finished = progress.done + progress.failed
        if progress.failed <= share * max(finished, min(progress.total, _FEWEST)):
            return False
        self.failing = True
        self.spent = f"stop_if_errors={share:g} ({progress.failed} of {finished} rows failed)"
        return True

    def check_errors(self) -> None:
        """Look at the errors once more, when nothing is in flight."""
        self._has_too_many_errors()

    def _at_most(self, job: Job) -> int:
        """Tokens that a job may cost: its prompt's characters, and ``max_tokens`` for each answer."""
        body = job.body
        most = body.get("max_tokens") or body.get("max_completion_tokens") or 0
        return _characters(body.get("messages") or body.get("prompt")) + int(most) * job.sequences


def _characters(value: Any) -> int:
    """The characters of all texts in a prompt; a token of a list of ids counts as one."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_characters, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_characters, value))
    return 1

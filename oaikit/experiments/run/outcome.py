"""How a run ended, in words: nothing that went wrong is passed over in silence."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

_SHOWN: Final = 3  # kinds of errors that are named; `Results.errors` has all


class SweepWarning(UserWarning):
    """A sweep ended, and not as one would expect: all of it failed, or it reached a limit."""


# Python shows a warning once per line of code; the second run of a notebook's cell would be silent.
warnings.filterwarnings("always", category=SweepWarning, append=True)


@dataclass
class Judged:
    """How the questions to a judge ended."""

    asked: int = 0
    unclear: int = 0
    errors: Counter[str] = field(default_factory=Counter)


@dataclass
class Outcome:
    """How a run ended.

    Attributes:
        asked: rows that were made, and questions to judges.
        errors: how often each error came.
        judges: the same of each judge, by its name.
        stopped: the limit that ended the run, in words; empty if none did.
        left: rows that are still to be made then.
    """

    asked: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    judges: dict[str, Judged] = field(default_factory=dict)
    stopped: str = ""
    left: int = 0

    def of_judge(self, name: str) -> Judged:
        """The outcome of a judge."""
        return self.judges.setdefault(name, Judged())

    def said_of_end(self) -> str:
        """Why the run stopped before its end."""
        rest = (
            f"{self.left} rows are left" if self.left > 0 else "judges have not been asked about everything"
        )
        errors = f"; {_counted(self.errors)}" if self.errors and "errors" in self.stopped else ""
        return (
            f"the run stopped at {self.stopped}{errors}. {rest}; what was answered is kept, and run() goes on"
        )

    def warnings(self) -> list[str]:
        """What has to be said when a run has ended."""
        said = []
        failed, judged = sum(self.errors.values()), sum(each.asked for each in self.judges.values())
        if self.stopped:
            said.append(self.said_of_end())
        if failed and failed >= self.asked - judged:
            said.append(
                f"nothing was answered: all {failed} rows that were asked failed with {_counted(self.errors)}. "
                "The next run() tries them again"
            )
        for name, judge in self.judges.items():
            wrong = sum(judge.errors.values())
            if wrong and wrong == judge.asked:
                said.append(
                    f"the judge {name!r} failed on all {wrong} answers, with {_counted(judge.errors)}. "
                    "The next run() asks it again"
                )
            elif judge.unclear and judge.unclear + wrong == judge.asked:
                said.append(
                    f"the judge {name!r} gave none of its answers to any of {judge.unclear} questions: "
                    "they have no score"
                )
        return said


def _counted(errors: Counter[str]) -> str:
    shown = [f"{error} ({count} times)" for error, count in errors.most_common(_SHOWN)]
    more = len(errors) - _SHOWN
    return "; ".join([*shown, *([f"and {more} other errors"] if more > 0 else [])])

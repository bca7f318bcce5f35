"""What a sweep would do, before it does anything."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from oaikit.experiments.run.execution import Prepared
from oaikit.experiments.scoring.contexts import Contexts
from oaikit.experiments.scoring.scorers import AnyScorer, Judge
from oaikit.experiments.store.database import Store
from oaikit.experiments.store.keys import canonical

_CHARACTERS_A_TOKEN = 4.0  # English, roughly: https://platform.openai.com/tokenizer


@dataclass(frozen=True)
class Plan:
    """What a sweep would do.

    ``rows`` = cells × items × replicates. Of these ``shared`` show the execution of another one, ``cached`` are in the
    store, and ``to_run`` are to be made, in ``requests`` requests. ``prompt_tokens``, ``completion_tokens`` and
    ``time_s`` (seconds) are for what is to be made, estimated from what the store has: None where it has nothing. Then
    ``prompt_tokens`` is guessed from the length, and ``completion_tokens`` is what ``max_tokens`` allows.
    ``judge_requests`` are those to judges besides, about what there is and what is to be made; tokens and time are
    without them.
    """

    cells: int
    items: int
    replicates: int
    rows: int
    shared: int
    cached: int
    to_run: int
    requests: int
    judge_requests: int
    prompt_tokens: int
    completion_tokens: int | None
    time_s: float | None

    def __str__(self) -> str:
        lines = [
            f"{self.cells} cells × {self.items} items × {self.replicates} replicates = {self.rows} rows",
            f"{self.shared} shared with others, {self.cached} in the store, {self.to_run} to run "
            f"({self.requests} requests)",
            f"about {self.prompt_tokens:,} tokens of prompts, "
            + ("unknown" if self.completion_tokens is None else f"about {self.completion_tokens:,}")
            + " of answers, "
            + ("time unknown: nothing has run yet" if self.time_s is None else f"{self.time_s:.0f} s"),
        ]
        if self.judge_requests:
            lines.insert(
                2, f"{self.judge_requests} requests to judges besides, without whose tokens and time:"
            )
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def as_dict(self) -> dict[str, Any]:
        """The figures by name."""
        return asdict(self)


def plan_of(prepared: Prepared, store: Store, scorers: Iterable[AnyScorer] = ()) -> Plan:
    """What is to be done, less what the store has."""
    spec, requests = prepared.spec, prepared.questions.requests
    missing = prepared.missing
    executions = sum(request.executions for request in requests.values())
    to_run = sum(map(len, missing.values()))
    rate = store.rate()
    characters = sum(len(canonical(requests[name].body)) for name in missing)
    completion = _completion_tokens(prepared, missing, rate[1] if rate else None)
    return Plan(
        cells=len(spec.cells),
        items=len(spec.items),
        replicates=spec.n,
        rows=spec.rows,
        shared=spec.rows - executions,
        cached=executions - to_run,
        to_run=to_run,
        requests=sum(map(len, prepared.stretches.values())),
        judge_requests=sum(
            _judgements(prepared, store, judge) for judge in scorers if isinstance(judge, Judge)
        ),
        prompt_tokens=round(characters / (rate[2] if rate else _CHARACTERS_A_TOKEN)),
        completion_tokens=completion,
        time_s=completion / rate[0] if rate and rate[0] and completion is not None else None,
    )


def _judgements(prepared: Prepared, store: Store, judge: Judge) -> int:
    """How many questions a judge has not answered, about answers that are there or will be."""
    contexts, known = Contexts(prepared.spec), store.scores(prepared.sweep, judge.identity)
    asked = {
        (each.request, replicate, contexts.key(judge.reads, each.cell, each.item))
        for each in prepared.questions.asked
        for replicate in range(each.executions)
    }
    return len(asked - known.keys())


def _completion_tokens(prepared: Prepared, missing: dict[str, list[int]], mean: float | None) -> int | None:
    total = 0.0
    for name, replicates in missing.items():
        body = prepared.questions.requests[name].body
        most = body.get("max_tokens") or body.get("max_completion_tokens")
        each = mean if most is None else most if mean is None else min(mean, most)
        if each is None:
            return None
        total += each * len(replicates)
    return round(total)

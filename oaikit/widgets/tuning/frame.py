"""The answers of a tuning table as a DataFrame like that of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from oaikit.experiments.analysis import tables
from oaikit.experiments.columns import UNITS
from oaikit.experiments.design.cells import TEMPLATE, shown_prompt
from oaikit.reply import mean_logprob
from oaikit.widgets.tuning.answer import Result, tokens
from oaikit.widgets.tuning.parameters import SEED

if TYPE_CHECKING:
    import pandas as pd

MODE: Final = "interactive"
"""Answers were streamed side by side: their times are neither those of an engine at rest nor of one that is full."""
WINNER: Final = "winner"

_MEASURED: Final = (
    *("replicate", "seed", "prompt", "text", "finish_reason", "prompt_tokens", "completion_tokens"),
    *("latency_s", "ttft_s", "later_tokens", "tokens_per_s", "mean_logprob"),
)
_TRACE: Final = ("error", "note", "cached", "shared", "mode", "run", "cell", "key")


def frame(
    results: Sequence[tuple[int, Result]], *, fixed: Mapping[str, Any], provenance: Mapping[str, Any]
) -> pd.DataFrame:
    """One row per answer; see `TuningTable.df` for the columns.

    Parameters: the answers, each with the place of its row in the table; what is the same for all rows and is
    therefore no axis; and by what the answers were made.
    """
    tables.need_pandas()
    import pandas as pd

    axes = _axes([result for _, result in results], fixed)
    data = list(dict.fromkeys(name for _, result in results for name in result.asked.data))
    judged = {result.asked.question for _, result in results if result.winner}
    records = [_record(place, result, axes, judged) for place, result in results]
    names = [*axes, "item", *data, *_MEASURED, WINNER, *_TRACE]
    names += ["reasoning"] if any(record["reasoning"] is not None for record in records) else []
    columns = {name: _column(name, records, axes, ["item", *data]) for name in dict.fromkeys(names)}
    made = pd.DataFrame(columns)
    made.attrs = {
        "units": dict(UNITS),
        "axes": axes,
        "scores": [WINNER],
        "mode": MODE,
        "provenance": dict(provenance),
    }
    return made


def _axes(results: Sequence[Result], fixed: Mapping[str, Any]) -> list[str]:
    names = dict.fromkeys(name for result in results for name in result.asked.values)
    prompts = {result.asked.prompt for result in results}
    own = [
        name
        for name in names
        if name != SEED
        and (name not in fixed or any(result.asked.values.get(name) != fixed[name] for result in results))
    ]
    return [*([TEMPLATE] if len(prompts) > 1 else []), *own]


def _record(place: int, result: Result, axes: Sequence[str], judged: set[str]) -> dict[str, Any]:
    asked, reply = result.asked, result.reply
    values = {**asked.values, TEMPLATE: asked.prompt}
    return {
        **asked.data,
        **{axis: values.get(axis) for axis in axes},
        "item": asked.item,
        "replicate": 0,
        "seed": asked.values.get(SEED),
        "prompt": shown_prompt(asked.body),
        "text": reply.text,
        "reasoning": reply.reasoning or None,
        "finish_reason": reply.finish_reason,
        "prompt_tokens": reply.usage.prompt_tokens or None,
        "completion_tokens": tokens(reply),
        "latency_s": reply.latency_s or None,
        "ttft_s": reply.ttft_s,
        "later_tokens": reply.later_tokens,
        "tokens_per_s": reply.tokens_per_s,
        "mean_logprob": mean_logprob(reply.tokens),
        WINNER: float(result.winner) if asked.question in judged else None,
        "error": result.error,
        "note": result.note or None,
        **dict.fromkeys(("cached", "shared"), False),
        "mode": MODE,
        "run": asked.run,
        "cell": place,
        "key": asked.digest,
    }


def _column(
    name: str, records: Sequence[Mapping[str, Any]], axes: Sequence[str], given: Sequence[str]
) -> Any:
    """A column with its dtype; those that were given have the dtype that pandas gives their values."""
    import pandas as pd

    values = [record.get(name) for record in records]
    if name == "note":
        return pd.array(values, dtype="string")
    if name in given:
        return pd.Series(values).array
    return tables.column(name, values, axes=axes, cells=records, scores=[WINNER])

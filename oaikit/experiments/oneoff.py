"""Without the ceremony of a sweep: one prompt under a few settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from oaikit.backend import Backend
from oaikit.experiments.design.space import Point
from oaikit.experiments.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd

_COMPARED: Final = ("text", "finish_reason", "completion_tokens", "latency_s", "error")


def compare(
    prompt: Any,
    rows: Iterable[Point],
    llm: Backend | None = None,
    *,
    completion: bool = False,
    n: int = 1,
    **sampling: Any,
) -> pd.DataFrame:
    """One prompt under a few settings: ``ok.compare("Tell me a joke", [{"temperature": 0}, {"temperature": 1}])``.

    Parameters: a text or OpenAI messages, a dict of parameters for each setting (``system`` may be among them), the
    model (default: `connect`), answers to each, and parameters that are the same for all.

    Returns:
        One row per answer: the parameters, ``text``, ``finish_reason``, ``completion_tokens``, ``latency_s``
        (seconds, of the request), ``error``.

    Raises:
        InvalidRequestError: there are no settings, an unknown parameter, a value out of range.
        OAIKitError: the server is not there.
    """
    settings = [dict(row) for row in rows]
    sweep = Sweep(llm, settings, prompts=[prompt], completion=completion, n=n, **sampling).run()
    df = sweep.df
    several = ["replicate"] if n > 1 else []
    return df[[*df.attrs["axes"], *several, *_COMPARED]]

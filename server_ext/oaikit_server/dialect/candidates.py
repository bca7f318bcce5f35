"""best_of: several candidates from one request to the engine, and the best of them as the answer.

vLLM has dropped the parameter. Here the engine is asked for n = best_of answers with their tokens' log-probabilities,
and of these the n with the highest mean log-probability per token are passed on, which is how OpenAI's API defines
the best (https://platform.openai.com/docs/api-reference/completions/create#completions-create-best_of).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from oaikit.errors import EngineError
from oaikit.sampling import CHAT, Endpoint


def ask_for_candidates(endpoint: Endpoint, body: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The request for that many candidates per prompt.

    Beam search ranks its answers by itself. For the others each token's log-probability is asked for, and of no other
    token, unless the request asks for more: ``logprobs`` is a switch on chats, and elsewhere a number of alternatives.
    """
    wider = {**body, "n": count}
    wider.pop("best_of", None)
    if not body.get("use_beam_search") and not asks_for_logprobs(endpoint, body):
        wider["logprobs"] = True if endpoint == CHAT else 0
    return wider


def asks_for_logprobs(endpoint: Endpoint, body: Mapping[str, Any]) -> bool:
    """Whether a request wants log-probabilities in its answer; 0 asks for them on completions."""
    asked = body.get("logprobs")
    return bool(asked) if endpoint == CHAT else asked is not None


def choose(
    answer: Mapping[str, Any],
    n: int,
    asked_logprobs: bool,
    *,
    candidates: int | None = None,
    ranked: bool = False,
    asked_prompt_logprobs: bool = True,
) -> dict[str, Any]:
    """The answer with the best ``n`` choices of each prompt, best first, numbered anew.

    Parameters: vLLM's whole answer to a chat or completion; how many choices a prompt is to have; whether the request
    asked for log-probabilities, which are taken out otherwise; how many candidates each prompt has (None: one prompt
    has all); whether they are ranked already, as those of beam search are; and whether the request asked for the
    prompt's log-probabilities, which vLLM adds to an echoed prompt as soon as there are any of the answer. Of equals
    the first counts as better. ``usage`` stays as it is: it counts all candidates.

    Raises:
        EngineError: log-probabilities are missing from the answer.
    """
    choices = answer["choices"]
    size = candidates or len(choices) or 1
    best: list[dict[str, Any]] = []
    for start in range(0, len(choices), size):
        group = choices[start : start + size]
        if not ranked:
            group = sorted(group, key=lambda choice: _score(choice, answer), reverse=True)
        best.extend(group[:n])
    asked = {"logprobs": asked_logprobs, "prompt_logprobs": asked_prompt_logprobs}
    return {**answer, "choices": [_numbered(choice, index, asked) for index, choice in enumerate(best)]}


def _numbered(choice: dict[str, Any], index: int, asked: dict[str, bool]) -> dict[str, Any]:
    """A choice at its new place, with null for what was not asked for."""
    return {**choice, **{name: None for name in asked if name in choice and not asked[name]}, "index": index}


def _score(choice: Mapping[str, Any], answer: Mapping[str, Any]) -> float:
    """Mean log-probability per generated token; an answer without tokens is worst."""
    values = _token_logprobs(choice, answer)
    return math.fsum(values) / len(values) if values else -math.inf


def _token_logprobs(choice: Mapping[str, Any], answer: Mapping[str, Any]) -> Sequence[float]:
    found = choice.get("logprobs")
    if not isinstance(found, dict):
        raise EngineError("vLLM gave no log-probabilities, so the best of the candidates can't be told")
    if "content" in found:  # a chat
        return [token["logprob"] for token in found["content"] or ()]
    values = found["token_logprobs"]
    if (
        values and values[0] is None
    ):  # with echo the prompt's tokens come first, and its first has no probability
        return list(values[answer["usage"]["prompt_tokens"] :])
    return list(values)

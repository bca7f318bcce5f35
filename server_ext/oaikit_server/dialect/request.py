"""A request as it is sent to vLLM: the defaults filled in, what vLLM lacks worked out, what it would drop named."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from oaikit import sampling
from oaikit._hints import did_you_mean
from oaikit.errors import InvalidRequestError, ModelNotFoundError
from oaikit.sampling import BOTH, CHAT, COMPLETIONS, UNSET, Endpoint, Limits, Parameter
from oaikit.sampling.length import TEXTS, is_too_long, prompts_of
from oaikit.sampling.messages import lost_arguments
from oaikit.sampling.parameter import OLDEST_RELEASE, is_older
from oaikit.sampling.rules import FORMS
from oaikit_server.dialect.candidates import ask_for_candidates, asks_for_logprobs, choose

Source = Literal["request", "trait", "model", "seed default"]

# What is asked; not among the parameters of how it is answered.
_INPUTS: Final = frozenset({"messages", "prompt", "prompt_embeds", "suffix", "documents", "tools"})
# What shapes a sampled answer and has no place in vLLM's BeamSearchParams.
_UNHEEDED_BY_BEAM_SEARCH: Final = (
    *("top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty", "logit_bias"),
    *("stop", "stop_token_ids", "min_tokens", "bad_words", "allowed_token_ids", "repetition_detection"),
    *("response_format", "structured_outputs", "thinking_token_budget", "prompt_logprobs"),
)
# Of these, what it heeds from some release of vLLM on.
_HEEDED_BY_BEAM_SEARCH_SINCE: Final[Mapping[str, str]] = {"allowed_token_ids": "0.33"}
# Parameters that the oldest supported release of vLLM lacks.
_YOUNG: Final = frozenset(
    name
    for endpoint in BOTH
    for name, row in sampling.parameters(endpoint).items()
    if row.since != OLDEST_RELEASE
)
# Names that clients of other servers send, and what they are here.
_ELSEWHERE: Final[Mapping[str, str]] = {
    "functions": "tools",
    "function_call": "tool_choice",
    "guided_json": "structured_outputs",
    "guided_regex": "structured_outputs",
    "guided_choice": "structured_outputs",
    "guided_grammar": "structured_outputs",
    "max_length": "max_tokens",
    "max_new_tokens": "max_tokens",
    "max_output_tokens": "max_tokens",
    "num_beams": "use_beam_search and n",
    "num_predict": "max_tokens",
    "repeat_penalty": "repetition_penalty",
    "stop_sequences": "stop",
}
# A body of 16 MB has room for a million unknown names.
_MOST_WARNINGS: Final = 10


@dataclass(frozen=True)
class Policy:
    """What the server's owner has set.

    Attributes:
        defaults: what requests leave out: values over the seed's, or "model" for what the model's own
            generation_config says. None as a value leaves that parameter to the model; as ``max_tokens`` it is what is
            left of the context.
        unknown: whether a parameter that nobody knows is ignored with a warning, or refused.
        allowed: names that are passed on all the same: trusted parameters, and unknown ones.
        limits: how much one request may ask for.
        context: the model's context length, tokens; None if it isn't known.
        models: the names that are served; empty if they aren't known.
        of_model: what the model's generation_config says, by vLLM's names (``get_diff_sampling_param``).
        truncation_side: the end of a prompt that the model's tokenizer cuts; None if it isn't known.
        release: the engine's release of vLLM; None if it isn't known, which is taken as the newest.
    """

    defaults: Literal["model"] | Mapping[str, Any] = field(default_factory=dict)
    unknown: Literal["warn", "refuse"] = "warn"
    allowed: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    context: int | None = None
    models: tuple[str, ...] = ()
    of_model: Mapping[str, Any] = field(default_factory=dict)
    truncation_side: str | None = None
    release: str | None = None


@dataclass(frozen=True)
class Resolved:
    """A request, resolved.

    Attributes:
        endpoint: chat/completions or completions.
        body: what is sent to vLLM.
        values: what each parameter comes to, by the names of the API. ``max_tokens`` None: what is left of the context.
        sources: where each of the values comes from.
        warnings: one line each, in ASCII, for a header: what the request says and nothing heeds.
        defaulted_max_tokens: the limit that the request did not ask for; None if it asked, or if there is none.
        candidates: how many candidates per prompt vLLM is asked for, of which `choose` takes ``n``; None if it isn't
            asked for more than the answer has.
        wants_logprobs: whether the request asked for log-probabilities.
    """

    endpoint: Endpoint
    body: dict[str, Any]
    values: dict[str, Any]
    sources: dict[str, Source]
    warnings: tuple[str, ...]
    defaulted_max_tokens: int | None
    candidates: int | None
    wants_logprobs: bool

    @property
    def has_form(self) -> bool:
        """Whether answers are held to a form."""
        return any(self.values.get(name) is not None for name in FORMS)

    @property
    def prompt(self) -> str:
        """The parameter that has the prompt."""
        return "messages" if self.endpoint == CHAT else "prompt"

    def choose(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """vLLM's answer with the best of the candidates."""
        return choose(
            answer,
            self.values["n"] or 1,
            self.wants_logprobs,
            candidates=self.candidates,
            ranked=bool(self.values.get("use_beam_search")),
            asked_prompt_logprobs=self.values.get("prompt_logprobs") is not None,
        )

    def explain(self) -> dict[str, Any]:
        """The effective parameters for a reader: value and source of each, and the warnings."""
        return {
            "endpoint": self.endpoint,
            "parameters": {
                name: {"value": value, "source": self.sources[name]}
                for name, value in self.values.items()
                if name not in _INPUTS
            },
            "warnings": list(self.warnings),
            "defaulted_max_tokens": self.defaulted_max_tokens,
            "candidates": self.candidates,
        }


def resolve(endpoint: Endpoint, body: Mapping[str, Any], policy: Policy | None = None) -> Resolved:
    """Check a request and fill in what it leaves out.

    Parameters: the endpoint, the decoded body (which stays as it is), and what the server's owner has set.

    Raises:
        InvalidRequestError: the request can't be answered as it is; ``param`` names the parameter.
        ModelNotFoundError: no model is served under that name.
    """
    policy = policy or Policy()
    given = sampling.check_each(endpoint, body, allowed=policy.allowed)
    if policy.models and given["model"] not in policy.models:
        raise ModelNotFoundError(
            f"no model is served as {given['model'][:200]!r} here; use {' or '.join(policy.models)}",
            param="model",
        )
    unknown = [name for name in sampling.unknown(endpoint, body) if name not in policy.allowed]
    if unknown and policy.unknown == "refuse":
        raise InvalidRequestError(_about(unknown[0], endpoint, "is unknown"), param=unknown[0][:200])
    filled = _Filled(endpoint, given, policy)
    sampling.check_together(endpoint, filled.values, policy.limits)
    passed_on = {name: value for name, value in body.items() if name in policy.allowed and name not in given}
    for name, value in passed_on.items():
        sampling.check_contents(name, value)
    sent, candidates = {**passed_on, **filled.sent()}, _candidates(filled.values)
    name_truncation_side(sent, policy)
    limit = filled.values.get("max_tokens")
    return Resolved(
        endpoint=endpoint,
        body=ask_for_candidates(endpoint, sent, candidates) if candidates else sent,
        values=filled.values,
        sources=filled.sources,
        warnings=(
            *_warnings(endpoint, given, unknown, policy.release),
            *lost(lost_arguments(body.get("messages"), given.get("messages"))),
        ),
        defaulted_max_tokens=limit if filled.sources.get("max_tokens", "request") != "request" else None,
        candidates=candidates,
        wants_logprobs=asks_for_logprobs(endpoint, given),
    )


def name_truncation_side(body: dict[str, Any], policy: Policy) -> None:
    """Say from which end a long prompt is cut: only then vLLM cuts the text before it tokenizes it."""
    if (
        body.get("truncate_prompt_tokens") is None
        or "truncation_side" in body
        or policy.truncation_side is None
    ):
        return
    prompts = (prompt for name in TEXTS if name in body for prompt in prompts_of(body[name]))
    if any(is_too_long(prompt, policy.limits) for prompt in prompts):
        body["truncation_side"] = policy.truncation_side


_DEFAULTED: Final = {
    endpoint: [name for name, row in sampling.parameters(endpoint).items() if row.default is not UNSET]
    for endpoint in BOTH
}


class _Filled:
    """The values of all parameters of an endpoint that have one, and where they come from."""

    def __init__(self, endpoint: Endpoint, given: Mapping[str, Any], policy: Policy) -> None:
        self._endpoint, self._policy = endpoint, policy
        self.values: dict[str, Any] = dict(given)
        self.sources: dict[str, Source] = dict.fromkeys(given, "request")
        trait = {} if policy.defaults == "model" else policy.defaults
        table, newer_name = sampling.parameters(endpoint), "max_completion_tokens" in given
        for name in (*_DEFAULTED[endpoint], *trait):
            if name in table and name not in self.values and not (newer_name and name == "max_tokens"):
                self._fill(table[name], trait)

    def _fill(self, parameter: Parameter, trait: Mapping[str, Any]) -> None:
        if parameter.name in trait:
            self._fill_from_trait(parameter, trait[parameter.name])
        elif parameter.from_model and self._policy.defaults == "model":
            self._fill_from_model(parameter)
        else:
            self._set(parameter.name, parameter.default, "seed default")

    def _fill_from_trait(self, parameter: Parameter, value: Any) -> None:
        rest_of_context = parameter.name == "max_tokens" and (self._policy.context or self._endpoint == CHAT)
        if value is None and parameter.from_model and not rest_of_context:
            self._fill_from_model(parameter)
        else:
            self._set(parameter.name, value, "trait")

    def _fill_from_model(self, parameter: Parameter) -> None:
        name, of_model = parameter.name, self._policy.of_model
        if name == "max_tokens" and self._endpoint == COMPLETIONS and name not in of_model:
            # Here vLLM has a fixed default, the seed's, whatever the model says.
            self._set(name, parameter.default, "seed default")
        else:
            self._set(name, of_model.get(name, parameter.unsent), "model")

    def _set(self, name: str, value: Any, source: Source) -> None:
        self.values[name], self.sources[name] = value, source

    def sent(self) -> dict[str, Any]:
        """The body for vLLM: what the model decides is left out, best_of (which vLLM would ignore) too."""
        sent = {
            name: value for name, value in self.values.items() if value is not None and self._is_sent(name)
        }
        if self.values.get("max_tokens", 0) is None and self.sources["max_tokens"] == "trait":
            # vLLM cuts it to what is left of the context; without it, it would take a limit of its own.
            sent |= {} if self._policy.context is None else {"max_tokens": self._policy.context}
        return sent

    def _is_sent(self, name: str) -> bool:
        by_model = self.sources[name] == "model"
        # On completions vLLM does not ask the model for max_tokens.
        return name != "best_of" and not (by_model and (name != "max_tokens" or self._endpoint == CHAT))


def _candidates(values: Mapping[str, Any]) -> int | None:
    """How many candidates are needed. Streamed, best_of is n (the rules see to that) and nothing can be chosen."""
    best_of = values.get("best_of") or 1
    return best_of if best_of > 1 and not values.get("stream") else None


def _warnings(
    endpoint: Endpoint, given: Mapping[str, Any], unknown: Collection[str], release: str | None
) -> Iterable[str]:
    """What the request says and nothing heeds."""
    for name in list(unknown)[:_MOST_WARNINGS]:
        yield _about(name, endpoint, "is unknown and was ignored")
    if len(unknown) > _MOST_WARNINGS:
        yield f"{len(unknown) - _MOST_WARNINGS} more parameters are unknown and were ignored"
    if "max_tokens" in given and "max_completion_tokens" in given:
        yield "max_tokens was ignored: max_completion_tokens is given too"
    table = sampling.parameters(endpoint)
    for name in _YOUNG & given.keys():
        if is_older(release, table[name].since):
            yield f"{name} was ignored: vLLM {release} does not have it"
    yield from ignored_in_form(given)
    if given.get("use_beam_search"):
        for name in unheeded_by_beam_search(release):
            if name in given and given[name] != table[name].unsent:
                yield f"{name} was ignored: beam search does not heed it"
    elif given.get("length_penalty", 1) != 1:
        yield "length_penalty was ignored: it is for use_beam_search"


def lost(places: Collection[str]) -> Iterable[str]:
    """Which arguments of earlier tool calls the model is not shown."""
    for place in list(places)[:_MOST_WARNINGS]:
        yield f"{place} is not a JSON object and was replaced with an empty one"


def ignored_in_form(given: Mapping[str, Any]) -> Iterable[str]:
    """Options of a form that vLLM takes and does not use."""
    form = given.get("structured_outputs")
    if not isinstance(form, dict):
        return
    for name in ("disable_any_whitespace", "disable_additional_properties"):
        if form.get(name):
            yield (
                f"structured_outputs.{name} was ignored: vLLM heeds it only in the engine argument "
                "structured_outputs_config"
            )
    if form.get("whitespace_pattern"):
        yield "structured_outputs.whitespace_pattern was ignored: vLLM does not use it"


def ignored_elsewhere(body: Mapping[str, Any]) -> Iterable[str]:
    """Parameters of other servers that vLLM's routes ignore without a word."""
    for name in body:
        if name.startswith("guided_") and body[name] is not None:
            yield f"parameter {json.dumps(name[:60])} was ignored; use structured_outputs"


def unheeded_by_beam_search(release: str | None) -> Iterable[str]:
    """The parameters that beam search ignores in a release of vLLM."""
    for name in _UNHEEDED_BY_BEAM_SEARCH:
        since = _HEEDED_BY_BEAM_SEARCH_SINCE.get(name)
        if since is None or is_older(release, since):
            yield name


def _about(name: str, endpoint: Endpoint, finding: str) -> str:
    """What became of an unknown parameter, and what may have been meant. ASCII, whatever the name holds."""
    short = name[:60]
    return f"parameter {json.dumps(short)} {finding}{_hint(short, endpoint)}"


def _hint(name: str, endpoint: Endpoint) -> str:
    if name in _ELSEWHERE:
        return f"; use {_ELSEWHERE[name]}"
    if name in sampling.parameters(COMPLETIONS if endpoint == CHAT else CHAT):
        return f"; it is a parameter of v1/{COMPLETIONS if endpoint == CHAT else CHAT}"
    return did_you_mean(name, sampling.parameters(endpoint), cutoff=0.75)

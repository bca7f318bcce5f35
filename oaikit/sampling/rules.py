"""What parameters may not be together, and how much of some a request may ask for.

Each rule stands for an error of vLLM's that says less, names no parameter or comes too late, or for something that
vLLM would do silently. The rules see a request with the defaults of the server filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from oaikit.sampling.forms import check_form
from oaikit.sampling.length import TEXTS, check_lengths
from oaikit.sampling.requests import CHAT, COMPLETIONS, Endpoint, Limits
from oaikit.sampling.structures import CONSTRAINTS
from oaikit.sampling.types import refuse

# The parameters of chats and completions that hold forms.
FORMS: Final = ("response_format", "structured_outputs", "tools")

# vllm/sampling_params.py: _SAMPLING_EPS. Below it vLLM takes the likeliest token.
GREEDY_BELOW: Final = 1e-5


class Request:
    """A request's values as the rules see them: None for what is not there."""

    def __init__(self, endpoint: Endpoint, values: Mapping[str, Any], limits: Limits) -> None:
        self.endpoint, self.values, self.limits = endpoint, values, limits

    def __getattr__(self, name: str) -> Any:
        return self.values.get(name)

    @property
    def answers(self) -> int:
        """Answers per prompt."""
        return self.n or 1

    @property
    def sampled(self) -> int:
        """Answers per prompt that the engine makes, or the width of the beam."""
        return max(self.answers, self.best_of or 1)


Rule = Callable[[Request], None]


def check_together(endpoint: Endpoint, values: Mapping[str, Any], limits: Limits) -> None:
    """Hold a request, each of whose values has been checked, against the rules.

    Raises:
        InvalidRequestError: the first rule that it breaks.
    """
    request = Request(endpoint, values, limits)
    present = {name for name, value in values.items() if value is not None}
    for rule, names in _RULES:
        if not names.isdisjoint(present):
            rule(request)


def check_count(values: Mapping[str, Any], limits: Limits) -> None:
    """Hold the number of answers that a request asks for against the server's limit.

    Raises:
        InvalidRequestError: it is more.
    """
    for name in ("n", "best_of"):
        if (value := values.get(name) or 1) > limits.n:
            refuse(
                name,
                f"`{name}` is {value}, and this server takes at most {limits.n} (max_n): send several requests",
            )


def _count(request: Request) -> None:
    check_count(request.values, request.limits)


def check_stop(name: str, stop: Any, limits: Limits) -> None:
    """Hold the number of texts that end an answer against the engine's limit.

    Raises:
        InvalidRequestError: there are more.
    """
    if isinstance(stop, list) and len(stop) > limits.stop_strings:
        refuse(
            name,
            f"`{name}` has {len(stop)} texts, and this engine takes at most {limits.stop_strings}; the environment "
            "variable VLLM_MAX_STOP_STRINGS raises that",
        )


def _stop(request: Request) -> None:
    check_stop("stop", request.stop, request.limits)


def _length(request: Request) -> None:
    if request.truncate_prompt_tokens is None:
        check_lengths({name: request.values.get(name) for name in TEXTS}, request.limits)


def _prompts(request: Request) -> None:
    check_prompts("prompt", count_prompts(request.prompt), request.limits)


def check_prompts(name: str, count: int, limits: Limits) -> None:
    """Hold the number of prompts against the server's limit.

    Raises:
        InvalidRequestError: there are more.
    """
    if count > limits.prompts:
        refuse(
            name,
            f"`{name}` has {count} prompts, and this server takes at most {limits.prompts} (max_prompts): send several "
            "requests",
        )


def count_prompts(prompt: Any) -> int:
    """How many prompts a value of ``prompt`` has: a list of token ids is one."""
    return len(prompt) if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int) else 1


def _sequences(request: Request) -> None:
    check_sequences(request.answers, request.best_of, count_prompts(request.prompt), request.limits)


def check_sequences(n: int, best_of: int | None, prompts: int, limits: Limits) -> None:
    """Hold the number of answers that the engine is to make for one request against the server's limit.

    Raises:
        InvalidRequestError: there are more.
    """
    name, width = ("best_of", best_of) if best_of and best_of > n else ("n", n)
    if prompts * width > limits.sequences:
        refuse(
            name,
            f"{prompts} prompts with `{name}` {width} are {prompts * width} answers, and this server makes at most "
            f"{limits.sequences} for one request (max_sequences): send several requests",
        )


def _best_of(request: Request) -> None:
    best_of, n = request.best_of, request.answers
    if best_of < n:
        refuse(
            "best_of", f"`best_of` ({best_of}) must not be less than `n` ({n}), the answers chosen from it"
        )
    if request.stream and best_of > n:
        refuse(
            "best_of",
            f"`best_of` ({best_of}) above `n` ({n}) can't be streamed: which answers are the best is known only when "
            "all are complete. Leave out `stream` or `best_of`",
        )
    if best_of == 1 or request.use_beam_search:
        return
    if request.include_reasoning is False:
        refuse(
            "best_of",
            "`best_of` needs the log-probabilities that `include_reasoning`: false hides; leave it out",
        )
    if request.echo and request.endpoint == COMPLETIONS and _several(request.prompt):
        refuse("best_of", "`best_of` with `echo` takes one prompt; send a request for each")


def _several(prompt: Any) -> bool:
    return count_prompts(prompt) > 1


def _greedy(request: Request) -> None:
    temperature = request.temperature
    if temperature >= GREEDY_BELOW or request.use_beam_search or request.sampled == 1:
        return
    name = "n" if request.answers > 1 else "best_of"
    refuse(
        name,
        f"with `temperature` {temperature:g} (greedy) all {request.sampled} answers would be the same: raise "
        f"`temperature`, or leave out `{name}`",
    )


def _beam_search(request: Request) -> None:
    if not request.use_beam_search:
        return
    if request.stream:
        refuse(
            "use_beam_search",
            "`use_beam_search` can't be streamed: its answers are known only at the end. Leave out `stream`",
        )
    if request.max_tokens == 0:  # vLLM gives one answer per prompt then, however wide the beam
        refuse(
            "max_tokens",
            "`max_tokens` must be at least 1 for beam search: it has nothing to search otherwise",
        )
    if request.logprob_token_ids:
        refuse("logprob_token_ids", "beam search does not support `logprob_token_ids`; leave it out")
    if request.endpoint == COMPLETIONS and request.echo and request.logprobs is not None:
        refuse(
            "echo", "beam search computes no log-probabilities of the prompt: leave out `echo` or `logprobs`"
        )
    # vllm/entrypoints/generate/beam_search/online.py asks the engine for 2 * width log-probabilities per step.
    width, most = request.sampled, request.limits.logprobs
    if most >= 0 and 2 * width > most:
        name = "best_of" if width > request.answers else "n"
        refuse(
            name,
            f"a beam as wide as `{name}` ({width}) needs {2 * width} log-probabilities per step, and this engine gives "
            f"{most}: take at most {most // 2}, or load the model with the engine argument max_logprobs={2 * width}",
        )


def _max_tokens(request: Request) -> None:
    if request.max_tokens == 0 and not (request.endpoint == COMPLETIONS and request.echo):
        refuse("max_tokens", "`max_tokens` must be an integer of at least 1 (0 is for `echo` on completions)")
    most = request.max_completion_tokens or request.max_tokens
    if most and (request.min_tokens or 0) > most:
        refuse(
            "min_tokens",
            f"`min_tokens` ({request.min_tokens}) must not be more than `max_tokens`, which is {most} here",
        )


def _stream_options(request: Request) -> None:
    if request.stream_options and not request.stream:
        refuse(
            "stream_options",
            "`stream_options` is for streamed answers: set `stream` to true, or leave it out",
        )


def _logprobs(request: Request) -> None:
    most, asked = request.limits.logprobs, ["prompt_logprobs"]
    asked.append("top_logprobs" if request.endpoint == CHAT else "logprobs")
    for name in asked:
        value = getattr(request, name) or 0
        if most >= 0 and not 0 <= value <= most:
            amount = "the whole vocabulary" if value < 0 else value
            refuse(
                name,
                f"`{name}` asks for {amount}, and this engine gives at most {most} per token; "
                f"the engine argument max_logprobs={value} raises that",
            )
    if request.top_logprobs and not request.logprobs:
        refuse("top_logprobs", "`top_logprobs` needs `logprobs`: true")
    if request.prompt_logprobs and request.stream:
        refuse("prompt_logprobs", "`prompt_logprobs` can't be streamed; leave out `stream`")
    echoes = request.endpoint == COMPLETIONS and request.echo and request.logprobs is not None
    if echoes and request.stream and request.answers > 1:
        # vLLM 0.32 streams the prompt's log-probabilities with the first answer, and breaks the stream at the next.
        refuse("echo", "`echo` with `logprobs` can be streamed for one answer: leave out `n` or `stream`")


def _logprob_token_ids(request: Request) -> None:
    if not request.logprob_token_ids:
        return
    if request.logprobs is None or request.logprobs is False:
        refuse("logprob_token_ids", "`logprob_token_ids` needs `logprobs`")
    if request.echo and request.max_tokens == 0:
        refuse("logprob_token_ids", "`logprob_token_ids` needs tokens that are generated: raise `max_tokens`")


def _forms(request: Request) -> None:
    for name in FORMS:
        check_form(name, getattr(request, name), request.limits)


def _response_format(request: Request) -> None:
    form = request.response_format
    if form["type"] == "text":
        return
    schema = (form.get("json_schema") or {}).get("schema")
    if form["type"] == "json_schema" and schema is None:
        refuse(
            "response_format",
            "`response_format` of type json_schema needs the schema: "
            '{"type": "json_schema", "json_schema": {"name": "…", "schema": {…}}}',
        )
    if request.structured_outputs is not None:
        refuse(
            "structured_outputs",
            "`structured_outputs` and `response_format` both hold the answer to a form; send one of them",
        )


def _structured_outputs(request: Request) -> None:
    form = request.structured_outputs
    given = [name for name in CONSTRAINTS if form.get(name) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        refuse(
            "structured_outputs",
            f"`structured_outputs` takes exactly one of {', '.join(CONSTRAINTS)}; this one has {found}",
        )
    if form.get("json_object") is False:
        refuse(
            "structured_outputs",
            "`structured_outputs.json_object` must be true; leave out `structured_outputs` for text",
        )


def _banned_tokens(request: Request) -> None:
    """Where what is allowed and what the form asks for have no token in common, vLLM ends the request with 500."""
    form = request.structured_outputs or (request.response_format or {}).get("type", "text") != "text"
    forced = isinstance(request.tool_choice, dict) or request.tool_choice == "required"
    for name in ("allowed_token_ids", "bad_words"):
        if getattr(request, name) and (form or forced):
            refuse(name, f"`{name}` does not go with an answer that is held to a form; leave it out")


def _tools(request: Request) -> None:
    choice, tools = request.tool_choice, request.tools
    if choice == "none":
        return
    if not tools:
        refuse("tool_choice", "`tool_choice` needs `tools` to choose from")
    if not isinstance(choice, dict):
        return
    name, known = choice["function"]["name"], [tool["function"]["name"] for tool in tools]
    if name not in known:
        refuse(
            "tool_choice", f"`tool_choice` names {name!r}, which is none of the `tools`: {', '.join(known)}"
        )
    if request.structured_outputs is not None:
        refuse(
            "structured_outputs",
            "a named `tool_choice` and `structured_outputs` exclude each other; send one",
        )


def _repetition_detection(request: Request) -> None:
    sizes = request.repetition_detection
    least, most = sizes.get("min_pattern_size", 0), sizes.get("max_pattern_size", 0)
    if least > most:
        refuse(
            "repetition_detection",
            f"`repetition_detection.min_pattern_size` ({least}) must not be more than `max_pattern_size` ({most})",
        )
    if most and sizes.get("min_count", 0) < 2:
        refuse(
            "repetition_detection",
            "`repetition_detection.min_count` must be at least 2: what is said once is no repetition",
        )


def _generation_prompt(request: Request) -> None:
    if request.continue_final_message and request.add_generation_prompt:
        refuse(
            "add_generation_prompt",
            "`continue_final_message` goes on with the last message: set `add_generation_prompt` to false",
        )


# Each with the parameters of which it needs one to have anything to say: most requests have few of them.
_RULES: Final[tuple[tuple[Rule, frozenset[str]], ...]] = (
    (_count, frozenset({"n", "best_of"})),
    (_stop, frozenset({"stop"})),
    (_prompts, frozenset({"prompt"})),
    (_length, frozenset({"messages", "prompt"})),
    (_sequences, frozenset({"prompt"})),
    (_best_of, frozenset({"best_of"})),
    (_greedy, frozenset({"temperature"})),
    (_beam_search, frozenset({"use_beam_search"})),
    (_max_tokens, frozenset({"max_tokens", "max_completion_tokens", "min_tokens"})),
    (_stream_options, frozenset({"stream_options"})),
    (_logprobs, frozenset({"logprobs", "top_logprobs", "prompt_logprobs"})),
    (_logprob_token_ids, frozenset({"logprob_token_ids"})),
    (_forms, frozenset(FORMS)),
    (_response_format, frozenset({"response_format"})),
    (_structured_outputs, frozenset({"structured_outputs"})),
    (_banned_tokens, frozenset({"allowed_token_ids", "bad_words"})),
    (_tools, frozenset({"tool_choice"})),
    (_repetition_detection, frozenset({"repetition_detection"})),
    (_generation_prompt, frozenset({"continue_final_message"})),
)

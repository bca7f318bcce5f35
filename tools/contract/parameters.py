"""Hold the tables of `oaikit.sampling` against the request classes of one release of vLLM."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from oaikit import sampling
from oaikit.sampling import BOTH, PARAMETERS, Endpoint, Limits
from oaikit.sampling.parameter import OLDEST_RELEASE, is_older
from oaikit.sampling.rules import GREEDY_BELOW
from oaikit.sampling.structures import CONSTRAINTS, STRUCTURED_OUTPUTS
from oaikit.sampling.vllm_table import MAX_LOGPROB_TOKEN_IDS, WITHOUT_EFFECT
from oaikit_server.dialect import request
from tools.contract import table
from tools.contract.sources import Function, Sources

# The part of StructuredOutputsParams that constrains nothing by itself.
_OPTIONS_OF_CONSTRAINTS = {"disable_any_whitespace", "disable_additional_properties", "whitespace_pattern"}
# vLLM's request takes 0 for "off", the table -1, as the seed has it.
_OTHER_WORDS: dict[str, tuple[Any, ...]] = {"top_k": (0, -1)}


def parameters(sources: Sources) -> Iterator[str | None]:
    """What is wrong, or None for what is right, of each thing that is compared."""
    for endpoint in BOTH:
        yield from _fields(sources, endpoint)
        yield from _defaults(sources, endpoint)
    yield from _limits(sources)
    yield from _structured_outputs(sources)
    yield from _beam_search(sources)


def _request_fields(sources: Sources, endpoint: Endpoint) -> dict[str, ast.AnnAssign]:
    path, name = table.PROTOCOLS[endpoint]
    return sources.fields("vllm." + path.removesuffix(".py").replace("/", "."), name)


def _fields(sources: Sources, endpoint: Endpoint) -> Iterator[str | None]:
    """The table has every field of a request, and nothing that vLLM would ignore."""
    there = set(_request_fields(sources, endpoint))
    yield None if there else f"{table.PROTOCOLS[endpoint]} is gone"
    rows = sampling.parameters(endpoint)
    younger = {
        row.name
        for row in rows.values()
        if row.since != OLDEST_RELEASE and is_older(sources.release, row.since)
    }
    # vLLM dropped best_of: oaikit works it out itself.
    here = {name for name, row in rows.items() if not row.trusted} - younger - {"best_of"}
    trusted = {parameter.name for parameter in PARAMETERS if parameter.trusted}
    for name in sorted(there - set(WITHOUT_EFFECT) - trusted | here):
        if name not in here:
            yield f"{endpoint}: vLLM has a parameter {name} that the table lacks"
        else:
            yield None if name in there else f"{endpoint}: vLLM has no parameter {name} and would ignore it"
    for name in WITHOUT_EFFECT:
        yield None if name in there else f"{endpoint}: vLLM has no field {name} any more"


def _defaults(sources: Sources, endpoint: Endpoint) -> Iterator[str | None]:
    """What vLLM takes when a parameter isn't sent is what the table says."""
    path, name = table.PROTOCOLS[endpoint]
    unsent = sources.constant(path, "_DEFAULT_SAMPLING_PARAMS") or {}
    rows = sampling.parameters(endpoint)
    from_model = {row for row in rows if rows[row].from_model}
    same = from_model == {*unsent, "max_tokens"}
    yield None if same else f"{endpoint}: of the model, vLLM takes {sorted(unsent)}"
    for parameter, value in unsent.items():
        right = parameter in rows and rows[parameter].unsent in _OTHER_WORDS.get(parameter, (value,))
        yield None if right else f"{endpoint}: {parameter} is {value!r} in vLLM if it isn't sent"
    fields = _request_fields(sources, endpoint)
    fallbacks = _fallbacks(sources, path, name)
    for parameter in sorted(sampling.seed_defaults(endpoint).keys() - from_model):
        default = fields[parameter].value if parameter in fields else None
        if isinstance(default, ast.Constant):
            value = fallbacks.get(parameter) if default.value is None else default.value
            right = value == rows[parameter].default
            yield None if right else f"{endpoint}: the default of {parameter} is {value!r} in vLLM"


def _fallbacks(sources: Sources, path: str, name: str) -> dict[str, Any]:
    """What a request takes for a field that is None: the literals of ``default_sampling_params.get("field", …)``."""
    function = sources.function(path, f"{name}.to_sampling_params")
    found: dict[str, Any] = {}
    for node in ast.walk(function) if function else ():
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "default_sampling_params.get":
            match node.args:
                case [ast.Constant(value=str(field)), ast.Constant(value=value)]:
                    found[field] = value
    return found


def _limits(sources: Sources) -> Iterator[str | None]:
    """vLLM's limits are those of the tables, or above oaikit's own."""
    for path, name, ours in (
        ("envs.py", "VLLM_MAX_STOP_STRINGS", Limits().stop_strings),
        ("sampling_params.py", "MAX_LOGPROB_TOKEN_IDS", MAX_LOGPROB_TOKEN_IDS),
        ("sampling_params.py", "_SAMPLING_EPS", GREEDY_BELOW),
        ("entrypoints/generate/base/protocol.py", "_MAX_CACHE_SALT_LENGTH", 128),
    ):
        theirs = sources.constant(path, name)
        yield None if theirs == ours else f"{path}: {name} is {theirs}, and ours {ours}"
    for name, limit in (
        ("VLLM_MAX_N_SEQUENCES", Limits().n),
        ("VLLM_MAX_COMPLETION_PROMPTS", Limits().prompts),
    ):
        most = sources.constant("envs.py", name)
        yield (
            None
            if most is not None and limit <= most
            else f"envs.py: {name} is {most}, and our limit {limit}"
        )
    field = sources.fields("vllm.config.model", "ModelConfig").get("max_logprobs")
    text = ast.unparse(field.value) if field and field.value else "gone"
    right = f"default={Limits().logprobs}" in text
    yield (
        None
        if right
        else f"config/model.py: ModelConfig.max_logprobs is {text}, and ours {Limits().logprobs}"
    )


def _structured_outputs(sources: Sources) -> Iterator[str | None]:
    there = set(sources.fields("vllm.sampling_params", "StructuredOutputsParams"))
    differing = sorted(set(STRUCTURED_OUTPUTS.fields) ^ there)
    yield f"StructuredOutputsParams differs in {', '.join(differing)}" if differing else None
    differing = sorted(set(CONSTRAINTS) ^ (there - _OPTIONS_OF_CONSTRAINTS))
    yield f"the constraints of an answer differ in {', '.join(differing)}" if differing else None


def _beam_search(sources: Sources) -> Iterator[str | None]:
    """What the dialect warns of with beam search has no effect there."""
    unheeded = set(request.unheeded_by_beam_search(sources.release))
    since = set(request._HEEDED_BY_BEAM_SEARCH_SINCE) - unheeded
    heeded = set(sources.fields("vllm.sampling_params", "BeamSearchParams")) - {"structured_outputs"}
    yield None if heeded else "sampling_params.py: BeamSearchParams is gone"
    for path, name in table.PROTOCOLS.values():
        method = sources.function(path, f"{name}.to_beam_search_params")
        read = _attributes(method) if method else set()
        yield None if method else f"{path}: {name}.to_beam_search_params is gone"
        wrong = sorted((heeded | read) & unheeded)
        yield f"{name}: beam search heeds {', '.join(wrong)}" if wrong else None
        wrong = sorted(since - heeded & read)
        yield f"{name}: beam search does not heed {', '.join(wrong)}" if wrong else None


def _attributes(function: Function) -> set[str]:
    return {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}

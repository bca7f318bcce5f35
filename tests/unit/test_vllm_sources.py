"""The tables and the dialect agree with vLLM's sources. These are read, not imported: that would load torch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from oaikit import sampling
from oaikit.sampling import BOTH, CHAT, COMPLETIONS, PARAMETERS, Endpoint, Limits
from oaikit.sampling.openai_table import MAX_STOP_STRINGS
from oaikit.sampling.rules import GREEDY_BELOW
from oaikit.sampling.structures import CONSTRAINTS, STRUCTURED_OUTPUTS
from oaikit.sampling.vllm_table import MAX_LOGPROB_TOKEN_IDS, WITHOUT_EFFECT
from oaikit_server.dialect import errors, request

SPEC = find_spec("vllm")
pytestmark = pytest.mark.skipif(SPEC is None, reason="vLLM is not installed")

PROTOCOLS = {
    CHAT: ("entrypoints/openai/chat_completion/protocol.py", "ChatCompletionRequest"),
    COMPLETIONS: ("entrypoints/openai/completion/protocol.py", "CompletionRequest"),
}
# Where the texts stand that the dialect recognizes.
TEXTS = (
    "entrypoints/openai/models/serving.py",
    "entrypoints/openai/chat_completion/api_router.py",
    "entrypoints/serve/engine/serving.py",
    "entrypoints/serve/exception_handling/handlers/validation.py",
    "entrypoints/serve/utils/api_utils.py",
    "exceptions.py",
    "multimodal/media/connector.py",
    "renderers/chat_utils.py",
    "renderers/hf.py",
    "renderers/online_renderer.py",
    "renderers/params.py",
    "sampling_params.py",
    "v1/engine/input_processor.py",
)


@cache
def tree(path: str) -> ast.Module:
    assert SPEC is not None
    assert SPEC.origin is not None
    return ast.parse((Path(SPEC.origin).parent / path).read_text())


def class_of(path: str, name: str) -> ast.ClassDef:
    (found,) = (node for node in tree(path).body if isinstance(node, ast.ClassDef) and node.name == name)
    return found


def fields(path: str, name: str) -> dict[str, ast.AnnAssign]:
    return {
        node.target.id: node
        for node in class_of(path, name).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id[0] != "_"
    }


def constant(path: str, name: str) -> Any:
    """The value of a module's or a class's ``NAME = literal`` or ``NAME: type = literal``."""
    for node in ast.walk(tree(path)):
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return ast.literal_eval(node.value)  # type: ignore[attr-defined]
    raise AssertionError(f"{path} has no {name}")


@pytest.mark.parametrize("endpoint", BOTH)
def test_the_table_has_every_field_of_vllms_requests(endpoint: Endpoint) -> None:
    there = set(fields(*PROTOCOLS[endpoint])) - set(WITHOUT_EFFECT)
    here = {name for name, row in sampling.parameters(endpoint).items() if not row.trusted}
    trusted = {parameter.name for parameter in PARAMETERS if parameter.trusted}
    assert there - here - trusted == set(), "vLLM has more"
    assert here - there == {"best_of"}, "vLLM would ignore these"


def test_what_is_without_effect_is_there_still() -> None:
    for endpoint in BOTH:
        assert set(WITHOUT_EFFECT) <= set(fields(*PROTOCOLS[endpoint]))


@pytest.mark.parametrize("endpoint", BOTH)
def test_what_vllm_takes_when_a_parameter_is_not_sent(endpoint: Endpoint) -> None:
    """Of the model, of which it takes seven; and the seed's defaults are what it would take, but for these."""
    unsent = constant(PROTOCOLS[endpoint][0], "_DEFAULT_SAMPLING_PARAMS")
    table = sampling.parameters(endpoint)
    from_model = {name for name, row in table.items() if row.from_model}
    assert from_model == {*unsent, "max_tokens"}
    off = {"top_k": (0, -1)}
    for name, value in unsent.items():
        assert table[name].unsent in off.get(name, (value,)), name
    for name in sampling.seed_defaults(endpoint).keys() - from_model:
        default = fields(*PROTOCOLS[endpoint])[name].value
        assert isinstance(default, ast.Constant | ast.Call), name
        if isinstance(default, ast.Constant):
            assert default.value == table[name].default, name


def test_limits_are_vllms() -> None:
    assert constant("envs.py", "VLLM_MAX_STOP_STRINGS") == MAX_STOP_STRINGS
    assert constant("sampling_params.py", "MAX_LOGPROB_TOKEN_IDS") == MAX_LOGPROB_TOKEN_IDS
    assert constant("sampling_params.py", "_SAMPLING_EPS") == GREEDY_BELOW
    assert constant("entrypoints/generate/base/protocol.py", "_MAX_CACHE_SALT_LENGTH") == 128
    assert Limits().n <= constant("envs.py", "VLLM_MAX_N_SEQUENCES")
    assert Limits().prompts <= constant("envs.py", "VLLM_MAX_COMPLETION_PROMPTS")
    max_logprobs = fields("config/model.py", "ModelConfig")["max_logprobs"].value
    assert f"default={Limits().logprobs}" in ast.unparse(max_logprobs or ast.Constant(None))


def test_the_fields_of_structured_outputs_are_vllms() -> None:
    there = set(fields("sampling_params.py", "StructuredOutputsParams"))
    assert set(STRUCTURED_OUTPUTS.fields) == there
    assert set(CONSTRAINTS) == there - {
        *("disable_any_whitespace", "disable_additional_properties", "whitespace_pattern"),
    }


def test_what_beam_search_does_not_heed() -> None:
    heeded = set(fields("sampling_params.py", "BeamSearchParams")) - {"structured_outputs"}
    unheeded = set(request._UNHEEDED_BY_BEAM_SEARCH)
    assert not heeded & unheeded
    for path, name in PROTOCOLS.values():
        (method,) = (node for node in class_of(path, name).body
                     if isinstance(node, ast.FunctionDef) and node.name == "to_beam_search_params")  # fmt: skip
        assert not {node.attr for node in ast.walk(method) if isinstance(node, ast.Attribute)} & unheeded


def texts(path: str) -> Iterator[str]:
    """The strings of a module, 0 in the place of what is formatted in."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "0" for part in node.values)  # type: ignore[misc]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("known", errors.KNOWN, ids=lambda known: known.pattern.pattern)
def test_vllm_says_what_the_dialect_recognizes(known: errors.Known) -> None:
    assert any(known.pattern.search(text) for path in TEXTS for text in texts(path))


@pytest.mark.parametrize("alternative", errors.SAFE.pattern.split("|"))
def test_vllm_says_what_the_dialect_lets_through(alternative: str) -> None:
    sources = " ".join(text for path in TEXTS for text in texts(path))
    assert errors.SAFE.search(sources)
    assert alternative.replace("[Tt]", "T") in sources


def test_what_lets_the_built_in_model_load_on_a_busy_gpu() -> None:
    """vLLM refuses to start unless ``gpu_memory_utilization`` of the GPU is free. With ``kv_cache_memory_bytes`` set it
    uses that share for nothing else, so the built-in model may ask for a small one."""
    from oaikit import demo

    (check,) = (node for node in tree("v1/worker/utils.py").body
                if isinstance(node, ast.FunctionDef) and node.name == "request_memory")  # fmt: skip
    assert "total_memory * cache_config.gpu_memory_utilization" in ast.unparse(check)
    assert "free_memory < requested_memory" in ast.unparse(check)

    (sizing,) = (node for node in class_of("v1/worker/gpu_worker.py", "Worker").body
                 if isinstance(node, ast.FunctionDef) and node.name == "determine_available_memory")  # fmt: skip
    before: list[str] = []
    for statement in sizing.body:
        if isinstance(statement, ast.If) and "kv_cache_memory_bytes" in ast.unparse(statement.test):
            assert isinstance(statement.body[-1], ast.Return)
            used = {node.attr for node in ast.walk(statement) if isinstance(node, ast.Attribute)}
            assert not used & {"gpu_memory_utilization", "requested_memory"}
            break
        before.append(ast.unparse(statement))
    else:
        raise AssertionError("vLLM no longer looks at kv_cache_memory_bytes")
    assert not any("requested_memory" in text for text in before)
    share = demo.ENGINE_ARGS["gpu_memory_utilization"]
    assert demo.ENGINE_ARGS["kv_cache_memory_bytes"]
    assert 0 < share <= 0.05

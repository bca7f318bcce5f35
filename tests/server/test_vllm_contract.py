"""What `oaikit/engine/_vllm.py` relies on in vLLM. A release that changes any of it fails here with the whole list."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from pathlib import Path

import pytest

import oaikit.engine
from oaikit.engine import _child

# vLLM and what it imports warn of things that are not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")

ADAPTER = Path(oaikit.engine.__file__).with_name("_vllm.py")

# Module, name, and the parameters that the adapter passes. Of a name that moved, every module, newest release first.
USED = [
    ("vllm", "__version__", None),
    ("vllm.config", "VllmConfig", None),
    ("vllm.engine.arg_utils", "AsyncEngineArgs", None),
    ("vllm.engine.arg_utils", "AsyncEngineArgs.from_cli_args", ("args",)),
    ("vllm.engine.arg_utils", "AsyncEngineArgs.create_engine_config", ("usage_context",)),
    (
        "vllm.entrypoints.launchers.api_server.app_state",
        "init_app_state",
        ("engine_client", "state", "args", "supported_tasks"),
    ),
    ("vllm.config.model", "ModelConfig.is_multimodal_model", None),
    ("vllm.entrypoints.launchers.app", "build_app", ("args", "supported_tasks", "model_config")),
    ("vllm.entrypoints.common.cli_args|vllm.entrypoints.launchers.cli_args", "make_arg_parser", ("parser",)),
    ("vllm.entrypoints.common.cli_args|vllm.entrypoints.launchers.launcher", "validate_api_server_args", ("args",)),
    ("vllm.envs", "disable_envs_cache", ()),
    ("vllm.envs", "enable_envs_cache", ()),
    ("vllm.platforms", "current_platform", None),
    ("vllm.platforms", "current_platform.is_cpu", ()),
    ("vllm.platforms", "current_platform.get_device_name", ()),
    ("vllm.usage.usage_lib", "UsageContext", None),
    ("vllm.usage.usage_lib", "UsageContext.OPENAI_API_SERVER", None),
    ("vllm.utils.argparse_utils", "FlexibleArgumentParser", None),
    ("vllm.utils.ompmultiprocessing", "OMPProcessManager", ("config",)),
    ("vllm.utils.ompmultiprocessing", "OMPProcessManager.auto_setup", "instance"),
    ("vllm.utils.ompmultiprocessing", "OMPProcessManager.cpu_lists", "instance"),
    ("vllm.v1.engine.async_llm", "AsyncLLM", None),
    (
        "vllm.v1.engine.async_llm",
        "AsyncLLM.from_vllm_config",
        ("vllm_config", "usage_context", "enable_log_requests", "aggregate_engine_logging", "disable_log_stats"),
    ),
    ("vllm.v1.engine.async_llm", "AsyncLLM.reset_mm_cache", ()),
    ("vllm.v1.engine.async_llm", "AsyncLLM.get_supported_tasks", ()),
    ("vllm.v1.engine.async_llm", "AsyncLLM.shutdown", ("timeout",)),
    ("vllm.v1.engine.async_llm", "AsyncLLM.errored", None),
    ("vllm.v1.engine.async_llm", "AsyncLLM.model_config", "instance"),
    ("vllm.v1.engine.async_llm", "AsyncLLM.vllm_config", "instance"),
]  # fmt: skip


def find(modules: str, name: str) -> object:
    *newer, oldest = modules.split("|")
    there = (module for module in newer if importlib.util.find_spec(module))
    found: object = importlib.import_module(next(there, oldest))
    for part in name.split("."):
        found = getattr(found, part)
    return found


def complaint(module: str, name: str, parameters: tuple[str, ...] | str | None) -> str | None:
    if parameters == "instance":  # set in __init__
        owner, _, attribute = name.rpartition(".")
        source = inspect.getsource(find(module, owner))  # type: ignore[arg-type]
        return None if f"self.{attribute} =" in source else f"{module}: {name} is gone"
    try:
        found = find(module, name)
    except (ImportError, AttributeError) as exc:
        return f"{module}: {name} is gone ({exc})"
    if parameters is None:
        return None
    has = inspect.signature(found).parameters  # type: ignore[arg-type]
    missing = [parameter for parameter in parameters or () if parameter not in has]
    return f"{module}: {name} has no parameter {', '.join(missing)}" if missing else None


def test_vllm_still_has_what_the_adapter_uses() -> None:
    complaints = [text for entry in USED if (text := complaint(*entry))]
    assert not complaints, "\n".join(complaints)


def test_the_list_is_what_the_adapter_imports() -> None:
    imported = set()
    for node in ast.walk(ast.parse(ADAPTER.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vllm"):
            imported |= {(node.module, alias.name) for alias in node.names}
    listed = {(module, name) for modules, name, _ in USED for module in modules.split("|")}
    assert imported == {(module, name) for module, name in listed if "." not in name and module != "vllm"}


def test_the_checker_notices() -> None:
    assert "is gone" in (complaint("vllm.v1.engine.async_llm", "AsyncLLM.no_such", None) or "")
    assert "no parameter nothing" in (
        complaint("vllm.entrypoints.launchers.app", "build_app", ("args", "nothing")) or ""
    )


def test_the_arguments_that_jupyter_replaces_are_vllms() -> None:
    """An argument that vLLM renames must not slip through under its new name."""
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    from oaikit.engine import _vllm

    names = set(vars(_vllm.make_arg_parser(FlexibleArgumentParser()).parse_args([])))
    gone = _vllm._HTTP_SERVER_ARGUMENTS - names
    assert not gone


def test_what_the_short_way_leaves_out_is_known() -> None:
    """Were there more between vLLM's app and its functions, the short way would have to know of it."""
    from vllm.entrypoints.launchers.app import build_app
    from vllm.entrypoints.serve.utils.api_utils import validate_json_request

    from oaikit.engine import _vllm
    from oaikit.engine.shortcut import shortened

    app = build_app(_vllm.parse_arguments("m", {}), ("generate",))
    short = shortened(app, _vllm._ASKED_MOST)
    assert short is not app
    routes = {route.path: route for route in app.routes if route.path in _vllm._ASKED_MOST}
    assert sorted(routes) == sorted(_vllm._ASKED_MOST)
    for path, route in routes.items():
        assert route.methods == {"POST"}
        assert [each.dependency for each in route.dependencies] == [validate_json_request]
        endpoint, body = short._endpoints[path]
        assert list(inspect.signature(endpoint).parameters) == ["request", "raw_request"]
        assert body.json_schema()["title"] in ("ChatCompletionRequest", "CompletionRequest")


def test_a_dict_is_the_configuration_that_an_argument_takes() -> None:
    """AsyncEngineArgs makes some of them of dicts, and fails on the others at the start of the engine."""
    from oaikit.engine import _vllm
    from oaikit.errors import EngineArgumentError

    given = {
        "structured_outputs_config": {"reasoning_parser": "qwen3"},
        "pooler_config": {"use_activation": True},
        "kv_transfer_config": {"kv_role": "kv_both", "kv_connector": "x"},
        "speculative_config": {"method": "ngram"},
        "mm_processor_kwargs": {"size": 3},
    }
    args = _vllm.parse_arguments("m", given)
    assert args.structured_outputs_config.reasoning_parser == "qwen3"
    assert args.pooler_config.use_activation is True
    assert args.kv_transfer_config.kv_role == "kv_both"
    assert (args.speculative_config, args.mm_processor_kwargs) == ({"method": "ngram"}, {"size": 3})
    with pytest.raises(EngineArgumentError, match=r"structured_outputs_config.*no_such"):
        _vllm.parse_arguments("m", {"structured_outputs_config": {"no_such": 1}})


def test_vllm_logs_what_the_phases_are_read_from() -> None:
    """The texts that name a load's phases stand in vLLM's sources."""
    root = Path(importlib.import_module("vllm").__file__ or "").parent
    sources = "\n".join(
        path.read_text(errors="ignore")
        for folder in ("v1/core", "v1/worker", "v1/engine")
        for path in (root / folder).rglob("*.py")
    )
    unknown = [phase for pattern, phase in _child._PHASES if not pattern.search(sources)]
    assert not unknown

"""What the holder of an admin key may load."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

from oaikit.engine.arguments import HTTP_SERVER_ARGUMENTS
from oaikit.engine.key_arguments import ALLOWED, REFUSED, check_key_may_load
from oaikit.engine.state import EngineSpec
from oaikit.errors import PermissionDeniedError

MAY = [name for names in ALLOWED.values() for name in names.split()]
MAY_NOT = [name for names in REFUSED.values() for name in names.split()]
# Every one of these runs code, or reads or writes files.
DANGEROUS = [
    "trust_remote_code",
    "tool_parser_plugin",
    "reasoning_parser_plugin",
    "logits_processors",
    "worker_cls",
    "worker_extension_cls",
    "scheduler_cls",
    "middleware",
    "chat_template",
    "hf_overrides",
    "hf_config_path",
    "tokenizer",
    "download_dir",
    "load_format",
    "compilation_config",
    "structured_outputs_config",
    "kv_transfer_config",
    "speculative_config",
    "lora_modules",
    "allowed_local_media_path",
    "allowed_media_domains",
    "distributed_executor_backend",
    "generation_config",
    "api_key",
    "host",
]


def names_of_installed_vllm() -> set[str]:
    """Every argument that vLLM's sources have, read without importing them."""
    spec = find_spec("vllm")
    if spec is None or spec.origin is None:
        pytest.skip("vLLM is not installed")
    root = Path(spec.origin).parent
    command_line = root / "entrypoints/launchers/cli_args.py"  # vLLM 0.32
    if not command_line.exists():
        command_line = root / "entrypoints/common/cli_args.py"
    names = set()
    for path, classes in {
        root / "engine/arg_utils.py": {"EngineArgs", "AsyncEngineArgs"},
        command_line: {"BaseFrontendArgs", "FrontendArgs"},
    }.items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name in classes:
                names |= {each.target.id for each in node.body
                          if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)}  # fmt: skip
    return {name for name in names if not name.startswith("_")}


def test_the_table_decides_about_every_argument_once():
    assert len(set(MAY + MAY_NOT)) == len(MAY) + len(MAY_NOT)
    assert names_of_installed_vllm() - set(MAY) - set(MAY_NOT) - HTTP_SERVER_ARGUMENTS == {"model"}


def test_the_table_knows_no_other_arguments():
    of_other_releases = {"monokernel", "reasoning_effort_map", "sleep_mode_backend", "watchdog_config"}
    assert set(MAY + MAY_NOT) - names_of_installed_vllm() <= of_other_releases


@pytest.mark.parametrize(
    "name", [*DANGEROUS, *MAY_NOT, *HTTP_SERVER_ARGUMENTS, "an_argument_of_a_later_release"]
)
def test_what_a_key_may_not_set(name):
    with pytest.raises(PermissionDeniedError, match=name) as error:
        check_key_may_load(EngineSpec("org/model", options={"max_model_len": 512, name: True}), [])
    assert error.value.param == name


def test_what_a_key_may_set():
    check_key_may_load(EngineSpec("org/model", ("name",), dict.fromkeys(MAY)), [])
    assert {"max_model_len", "dtype", "gpu_memory_utilization", "tool_call_parser"} <= set(MAY)


@pytest.mark.parametrize("model", ["Qwen/Qwen3-0.6B", "gpt2", "oaikit-demo"])
def test_models_that_a_key_may_load(model):
    check_key_may_load(EngineSpec(model), [])


@pytest.mark.parametrize(
    "model",
    ["/models/a", "./a", "../a", "~/a", "a/b/c", "s3://bucket/a", "https://host/a", "org/..", "org/model:Q4", "a b",
     "org/", "", "org\\model", "-a/b", "tests/unit", "tests"],
)  # fmt: skip
def test_models_that_a_key_may_not_load(model, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    with pytest.raises(PermissionDeniedError) as error:
        check_key_may_load(EngineSpec(model), [])
    assert error.value.param == "model"


def test_a_key_may_load_what_the_owner_has_configured():
    configured = EngineSpec("/models/a", ("a",), {"trust_remote_code": True})
    check_key_may_load(configured, [configured])
    check_key_may_load(EngineSpec("/models/a", options={"max_model_len": 512}), [configured])
    with pytest.raises(PermissionDeniedError):
        check_key_may_load(EngineSpec("/models/a", ("b",), {"trust_remote_code": True}), [configured])
    with pytest.raises(PermissionDeniedError):
        check_key_may_load(EngineSpec("/models/b"), [configured])

"""The installed vLLM, imported, has the names of tools/contract/table.py and takes what the adapter passes.

tests/unit/test_vllm_sources.py looks up the rest of the table in its sources, and ``make contract`` all of it in the
source archives of the supported releases.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.contract import table

# vLLM and what it imports warn of things that are not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")


def find(name: table.Name) -> object:
    """What a name stands for, from the first of its modules that is installed."""
    module = next(module for module in name.modules if importlib.util.find_spec(module))
    found: object = importlib.import_module(module)
    for part in name.name.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", [each for each in table.NAMES if each.called], ids=lambda name: name.name)
def test_vllm_takes_what_the_adapter_passes(name: table.Name) -> None:
    found = find(name)
    assert callable(found)
    of_a_class = "." in name.name and inspect.isfunction(found)
    itself = ("self",) if of_a_class and next(iter(inspect.signature(found).parameters)) == "self" else ()
    inspect.signature(found).bind(*itself, *name.passes, **dict.fromkeys(name.keywords))


@pytest.mark.parametrize(
    "name", [each for each in table.NAMES if "." not in each.name], ids=lambda name: name.name
)
def test_vllm_has_what_the_adapter_imports(name: table.Name) -> None:
    assert find(name) is not None


def test_the_arguments_that_jupyter_replaces_are_vllms() -> None:
    """An argument that vLLM renames must not slip through under its new name."""
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    from oaikit.engine import _vllm, arguments

    names = set(vars(_vllm.make_arg_parser(FlexibleArgumentParser()).parse_args([])))
    gone = arguments.HTTP_SERVER_ARGUMENTS - names
    assert not gone


def test_vllm_tokenizes_on_the_threads_that_it_is_given() -> None:
    """Its renderers keep the pool that they have at their beginning, and what is in it can be replaced."""
    from vllm.renderers.base import _SwappableExecutor
    from vllm.utils.async_utils import make_async

    from oaikit.engine import _vllm

    pool = _SwappableExecutor(1)
    tokenize = make_async(lambda text: (threading.current_thread().name, text), executor=pool)
    tokenizer = SimpleNamespace(decode=lambda token_ids: f"<{token_ids}>")
    _vllm._tokenize_fairly(SimpleNamespace(tokenizer=tokenizer, renderer=SimpleNamespace(_executor=pool)))

    async def ask() -> object:
        return await tokenize("a text")

    assert asyncio.run(ask()) == ("oaikit-tokenizer", "a text")
    pool.shutdown(wait=False)


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


def test_the_app_has_no_authentication_and_no_routes_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jupyter authenticates. A key of vLLM's in the environment would make every request unauthorized."""
    from vllm.entrypoints.launchers.app import build_app

    from oaikit.engine import _vllm
    from oaikit.engine.shortcut import shortened

    monkeypatch.setenv("VLLM_API_KEY", "a-key-of-vllms")
    monkeypatch.setenv("VLLM_SERVER_DEV_MODE", "1")
    app = build_app(_vllm.parse_arguments("m", {}), ("generate",))
    assert "AuthenticationMiddleware" not in {middleware.cls.__name__ for middleware in app.user_middleware}
    assert shortened(app, _vllm._ASKED_MOST) is not app, "nothing stands in the short way"


def test_loras_are_read_as_on_the_command_line() -> None:
    from oaikit.engine import _vllm

    given = [{"name": "a", "path": "/x", "base_model_name": "m"}, "b=/y"]
    loras = _vllm.parse_arguments("m", {"lora_modules": given}).lora_modules
    assert [(lora.name, lora.path, lora.base_model_name) for lora in loras] == [
        ("a", "/x", "m"),
        ("b", "/y", None),
    ]
    (only,) = _vllm.parse_arguments("m", {"lora_modules": "b=/y"}).lora_modules
    assert only.name == "b"


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"max_model_len": "long"}, "max_model_len"),
        ({"max_model_len": -2}, "max_model_len"),
        ({"max_model_len": 0}, "max_model_len"),
        ({"max_model_len": 10**6}, "max_model_len"),
        ({"dtype": "float99"}, "dtype"),
        ({"gpu_memory_utilization": 5}, "gpu_memory_utilization"),
        ({"quantization": "nope"}, "quantization"),
        ({"tensor_parallel_size": 64}, "tensor_parallel_size"),
        ({"tool_call_parser": "nope"}, "tool_call_parser"),
        ({"tool_call_parser": "nope", "enable_auto_tool_choice": False}, "tool_call_parser"),
        ({"reasoning_parser": "nope"}, "reasoning_parser"),
        ({"tool_parser_plugin": "/no/such.py"}, "tool_parser_plugin"),
        ({"chat_template": "/no/such"}, "chat_template"),
        ({"load_format": "nope"}, "load_format"),
        ({"tokenizer": "/no/such"}, "tokenizer"),
        ({"lora_modules": ["a=/no/such"], "enable_lora": True}, "lora_modules"),
        ({"compilation_config": {"no_such": 1}}, "compilation_config"),
        ({"speculative_config": {"method": "nope"}}, "speculative_config"),
        ({"override_generation_config": 5}, "override_generation_config"),
        ({"hf_overrides": {"architectures": ["Nope"]}}, "model"),
    ],
)
def test_what_can_be_checked_without_an_engine(options: dict[str, object], param: str) -> None:
    from oaikit import demo
    from oaikit.engine import _vllm
    from oaikit.errors import EngineArgumentError

    before = dict(os.environ)
    with pytest.raises(EngineArgumentError) as error:
        _vllm.check_arguments(str(demo.FOLDER), {**demo.ENGINE_ARGS, **options})
    assert error.value.param == param
    assert "\n" not in str(error.value)
    assert dict(os.environ) == before


@pytest.mark.parametrize("length", [-1, "auto"])
def test_a_context_may_be_as_long_as_the_memory_allows(length: object) -> None:
    from oaikit import demo
    from oaikit.engine import _vllm

    _vllm.check_arguments(str(demo.FOLDER), {**demo.ENGINE_ARGS, "max_model_len": length})


@pytest.mark.parametrize("config", [None, "not JSON", '{"architectures": ["Nope"], "model_type": "llama"}'])
def test_a_folder_that_is_no_model(config: str | None, tmp_path: Path) -> None:
    from oaikit.engine import _vllm
    from oaikit.errors import EngineArgumentError

    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(EngineArgumentError, match=str(tmp_path)) as error:
        _vllm.check_arguments(str(tmp_path), {})
    assert error.value.param == "model"
    with pytest.raises(EngineArgumentError, match="no file or folder"):
        _vllm.check_arguments(f"{tmp_path}/none", {})


def test_parsers_of_the_users_are_imported(tmp_path: Path) -> None:
    from oaikit import demo
    from oaikit.engine import _vllm

    tools, thoughts = tmp_path / "own_tools.py", tmp_path / "own_thoughts.py"
    tools.write_text(
        "from vllm.tool_parsers import ToolParser, ToolParserManager\n"
        "ToolParserManager.register_module('own_tools', True, ToolParser)\n"
    )
    thoughts.write_text(
        "from vllm.reasoning import ReasoningParserManager\n"
        "from vllm.reasoning.deepseek_r1_reasoning_parser import DeepSeekR1ReasoningParser\n"
        "ReasoningParserManager.register_module('own_thoughts', True, DeepSeekR1ReasoningParser)\n"
    )
    own = {
        "tool_parser_plugin": str(tools),
        "tool_call_parser": "own_tools",
        "reasoning_parser_plugin": str(thoughts),
        "reasoning_parser": "own_thoughts",
    }
    _vllm.check_arguments(str(demo.FOLDER), {**demo.ENGINE_ARGS, **own})


def test_a_model_keeps_its_name_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """vLLM puts the path of the cache in the name's place."""
    from huggingface_hub import constants

    from oaikit import demo
    from oaikit.engine import _vllm

    repository = tmp_path / "models--org--model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots").mkdir()
    (repository / "snapshots" / "abc").symlink_to(demo.FOLDER)
    # What HF_HUB_OFFLINE and HF_HOME set when the library is imported.
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    args = _vllm.parse_arguments("org/model", {})
    config = _vllm.create_config(args)
    assert (args.model, args.served_model_name) == ("org/model", ["org/model"])
    assert config.model_config.model.endswith("/snapshots/abc")


WITHOUT_GPU = """
import sys
sys.path.insert(0, sys.argv[1])
from oaikit.engine.host import EngineHost
from oaikit.engine.state import EngineSpec
host = EngineHost()
print("said:", host.load(EngineSpec("oaikit-demo")).exception(200))
host.close()
"""


def test_a_cuda_build_without_a_gpu_says_so(tmp_path: Path) -> None:
    """vLLM takes itself for a CUDA build if its distribution is called vllm. It then finds no GPU."""
    if Path("/proc/driver/nvidia").exists():
        pytest.skip("this machine has a GPU")
    (tmp_path / "vllm-0.32.0.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0\n"
    (tmp_path / "vllm-0.32.0.dist-info" / "METADATA").write_text(metadata)
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_GPU, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    (said,) = (line for line in run.stdout.splitlines() if line.startswith("said:"))
    assert "no NVIDIA driver is loaded" in said
    assert "jupyter-oaikit[cpu]" in said

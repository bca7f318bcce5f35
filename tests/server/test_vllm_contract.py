"""The installed vLLM, imported, has the names of tools/contract/table.py and takes what the adapter passes.

tests/unit/test_vllm_sources.py looks up the rest of the table in its sources, and ``make contract`` all of it in the
source archives of the supported releases.
"""

from __future__ import annotations

import importlib.util
import inspect

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

"""The public names, what importing them costs, and that each is documented."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

import oaikit
from oaikit._distribution import EXTRA_OF

ROOT = Path(__file__).parents[2]
HEAVY = {"vllm", "torch", "transformers", "pandas", "pyarrow", "ipywidgets", "anywidget", "openai"}


def fresh(code: str, *arguments: str) -> str:
    """What a new interpreter prints."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", oaikit.__all__)
def test_a_public_name_is_there(name):
    assert fresh(f"import oaikit; print(oaikit.{name}.__name__)").strip() == name


def test_completion_offers_the_public_names_and_nothing_else():
    """What `ok.<Tab>` shows in a notebook."""
    offered = fresh("import oaikit; print(*[name for name in dir(oaikit) if name[0] != '_'])").split()
    assert offered == sorted(oaikit.__all__)


def test_star_import_gives_the_public_names():
    assert set(oaikit.__all__) <= set(fresh("from oaikit import *; print(*dir())").split())


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(oaikit, "Egnine")
    with pytest.raises(AttributeError, match="Egnine"):
        oaikit.Egnine  # noqa: B018


def test_the_version_is_the_installed_one():
    assert oaikit.__version__ == version("jupyter-oaikit")


def test_type_checkers_see_the_same_names():
    """The lazy attributes are declared once more under TYPE_CHECKING, for editors."""
    source = Path(oaikit.__file__).read_text()
    assert set(re.findall(r"^    from [\w.]+ import \w+ as (\w+)$", source, re.MULTILINE)) == set(
        oaikit.__all__
    )


# -- without extras ----------------------------------------------------------------------------------------------------

WITHOUT_EXTRAS = """
import json, sys
from oaikit._distribution import EXTRA_OF
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in EXTRA_OF:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
import oaikit
said = {}
for name in [*oaikit.__all__, "load_ipython_extension"]:
    try:
        getattr(oaikit, name)
    except Exception as exc:
        said[name] = [type(exc).__name__, str(exc)]
print(json.dumps(said))
"""


def test_without_extras_every_public_name_works_or_names_the_extra():
    said = json.loads(fresh(WITHOUT_EXTRAS))
    needs = {name: re.fullmatch(r"oaikit\.\w+ needs \w+: pip install 'jupyter-oaikit\[(\w+)\]'", text)[1]
             for name, (kind, text) in said.items() if kind == "SettingError"}  # fmt: skip
    assert set(needs) == set(said), said
    assert needs["Chat"] == needs["TuningTable"] == needs["load_ipython_extension"] == "lab"
    assert needs["Sweep"] == needs["compare"] == needs["open_sweep"] == "experiments"
    assert not {"connect", "Connection", "Conversation", "Engine", "Reply"} & set(needs)


MISSING = """
import json, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
import oaikit as ok
from oaikit.errors import SettingError
for work in sys.argv[2:]:
    try:
        exec(work)
    except SettingError as exc:
        print(exc)
"""
STATISTICS = "from oaikit.experiments.analysis.statistics import mean_of, compare; "
SUMMARY = "import numpy, pandas; from oaikit.experiments.analysis.summary import questions_of; "
RESULTS = "from oaikit.experiments.analysis.results import Results; "
OPENED = "from oaikit.experiments.run.targets import _HTTPTarget; _HTTPTarget(None, 1.0)._opened()"


@pytest.mark.parametrize(
    ("module", "works"),
    [
        (
            "scipy",
            [
                STATISTICS + "mean_of([3.0, 9.0, 4.0], [1, 2, 3], kind='real')",
                STATISTICS + "compare([3.0, 9.0, 4.0], [1, 2, 3], [4.0, 2.0, 7.0], [1, 2, 3], kind='real')",
                SUMMARY
                + "questions_of(pandas.DataFrame({'item': ['a'], 'prompt': ['p']}), numpy.zeros(1, int))",
                "ok.power(0.1, rate=0.5, replicates=4)",
            ],
        ),
        ("statsmodels", ["ok.power(0.1, sd=1.0)"]),
        ("rapidfuzz", ["ok.Sweep"]),
        ("aiohttp", [OPENED]),
        ("httptools", [OPENED]),
        ("altair", ["from oaikit.experiments.analysis.plots import _altair; _altair()"]),
        ("pandas", [RESULTS + "Results.cells.fget(None)"]),
        ("pyarrow", [RESULTS + "Results.to_parquet(None, 'x')"]),
    ],
)
def test_where_one_package_is_missing_the_error_names_it_and_its_extra(module, works):
    said = fresh(MISSING, module, *works).splitlines()
    assert len(said) == len(works)
    for line in said:
        assert re.fullmatch(rf".* needs {module}: pip install 'jupyter-oaikit\[experiments\]'", line), line


def _optional(node: ast.AST) -> set[str]:
    """The optional packages that a statement imports."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [node.module or ""]
    else:
        return set()
    return {name.partition(".")[0] for name in names} & set(EXTRA_OF)


def _unguarded(node: ast.AST, guarded: bool = True) -> Iterator[tuple[int, str]]:
    """Optional imports inside functions that no `needed_for` and no ``except`` is around, with their lines.

    Those at the top of a module are met by whoever imports the module.
    """
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        guarded = False
    elif isinstance(node, ast.With):
        guarded = guarded or "needed_for" in ast.dump(node.items[0])
    elif isinstance(node, ast.Try):
        guarded = guarded or any("Import" in ast.dump(each.type) for each in node.handlers if each.type)
    for module in () if guarded else _optional(node):
        yield node.lineno, module
    for child in ast.iter_child_nodes(node):
        yield from _unguarded(child, guarded)


def test_an_optional_import_in_a_function_names_the_extra():
    # A function that takes a DataFrame has pandas, and with it numpy; a notebook has IPython; sweeps and MCP servers
    # check for aiohttp and mcp before they use them.
    there = {"pandas", "numpy", "IPython", "aiohttp", "mcp"}
    found = {
        (path.relative_to(ROOT).as_posix(), line, module)
        for path in (ROOT / "oaikit").rglob("*.py")
        for line, module in _unguarded(ast.parse(path.read_text()))
        if module not in there
    }
    assert found == set()


def test_the_extra_of_each_module_is_the_one_that_brings_it():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    brings = {"IPython": "ipykernel", "markdown_it": "markdown-it-py", "vl_convert": "vl-convert-python"}
    for module, extra in EXTRA_OF.items():
        names = {re.split(r"[><=;\[ ]", requirement)[0] for requirement in extras[extra]}
        assert brings.get(module, module) in names, module


# -- the cost of importing ---------------------------------------------------------------------------------------------

# The first module is imported once; each measurement is a fork that has not seen the second one yet. Ours are compiled
# as pip leaves them, even where the environment forbids Python to write that down.
MEASURE = """
import importlib, json, os, sys, time
after, module, cache = sys.argv[1:]
began = time.process_time()
importlib.import_module(after)
print((time.process_time() - began) * 1000, flush=True)
sys.pycache_prefix, sys.dont_write_bytecode = cache, False
for _ in range(5):
    if os.fork() == 0:
        began = time.process_time()
        importlib.import_module(module)
        print(json.dumps([(time.process_time() - began) * 1000, list(sys.modules)]), flush=True)
        os._exit(0)
    os.wait()
"""


def import_cost(module: str, after: str, cache: Path) -> tuple[float, float, set[str]]:
    """The best of five, what ``after`` cost before (milliseconds of the processor), and what is loaded."""
    before, *lines = fresh(MEASURE, after, module, str(cache)).splitlines()
    runs = [json.loads(line) for line in lines]
    assert len(runs) == 5
    return min(ms for ms, _ in runs), float(before), set(runs[0][1])


def test_importing_oaikit_costs_next_to_nothing(tmp_path):
    ms, _, loaded = import_cost("oaikit", "sys", tmp_path)
    assert loaded & (HEAVY | {"asyncio", "jupyter_server", "tornado"}) == set()
    assert ms < 100


def test_the_extension_adds_next_to_nothing_to_jupyters_start(tmp_path):
    ms, jupyter_ms, loaded = import_cost("oaikit_server", "jupyter_server.serverapp", tmp_path)
    assert "oaikit_server.handlers" in loaded
    assert loaded & HEAVY == set()
    assert ms < jupyter_ms / 5, (
        "50 ms where Jupyter's own import takes 250; machines differ by more than that"
    )


def test_connecting_loads_no_engine():
    """A notebook that only talks to a server needs neither vLLM nor torch nor the engine's code."""
    loaded = set(fresh("import oaikit.connection, sys; print(*sys.modules)").split())
    assert "oaikit.connection" in loaded
    assert loaded & {"vllm", "torch", "oaikit.engine", "jupyter_server"} == set()


# -- documentation -----------------------------------------------------------------------------------------------------


def documented_methods(trees: list[ast.Module]) -> dict[str, set[str]]:
    """The methods with a docstring of each class of ours, by the name of the class."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {
        each.name: {
            node.name
            for node in each.body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node)
        }
        for each in classes
    }


def is_setter(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether it sets a property, whose getter has the docstring."""
    return any(isinstance(each, ast.Attribute) and each.attr == "setter" for each in node.decorator_list)


def is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether it is one of a function's signatures; the function itself has the docstring."""
    return any(isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list)


def undocumented(body: list[ast.stmt], prefix: str, inherited: dict[str, set[str]]) -> Iterator[str]:
    """Public functions and classes, and the public methods of these, that have no docstring and inherit none."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name[0] != "_":
            name = f"{prefix}.{node.name}"
            if ast.get_docstring(node) is None and not is_setter(node) and not is_overload(node):
                yield name
            if isinstance(node, ast.ClassDef):
                bases = [inherited.get(base.id, set()) for base in node.bases if isinstance(base, ast.Name)]
                known = {f"{name}.{method}" for base in bases for method in base}
                yield from (each for each in undocumented(node.body, name, inherited) if each not in known)


def test_everything_public_has_a_docstring():
    missing = []
    files = [*(ROOT / "oaikit").rglob("*.py"), *(ROOT / "server_ext").rglob("*.py")]
    assert len(files) > 15
    trees = {path: ast.parse(path.read_text()) for path in files}
    inherited = documented_methods([*trees.values()])
    for path, tree in trees.items():
        name = str(path.relative_to(ROOT))
        if path.stat().st_size and ast.get_docstring(tree) is None:
            missing.append(name)
        missing += undocumented(tree.body, name, inherited)
    assert missing == []

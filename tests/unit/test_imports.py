"""Who may import whom: the table of the design, held against every ``import`` statement of the two packages."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"oaikit": ROOT / "oaikit", "oaikit_server": ROOT / "server_ext" / "oaikit_server"}

# A unit is a module or a subpackage directly under oaikit, or all of oaikit_server. What it lists, it may import.
# Any unit may import a leaf. A leaf imports nothing of ours but, where the table says so, the errors that it raises.
LEAVES = {
    "oaikit._distribution",
    "oaikit._sqlite",
    "oaikit.errors",
    "oaikit._files",
    "oaikit._hints",
    "oaikit._json",
    "oaikit._lazy",
    "oaikit._loop",
    "oaikit._images",
    "oaikit._sse",
    "oaikit._threads",
    "oaikit.rendered",
    "oaikit._traceback",
    "oaikit._url",
    "oaikit.progress",
    "oaikit.status_card",
    "oaikit.transcript",
}
BASE = {"oaikit.settings", "oaikit.sampling"}
MAY_IMPORT: dict[str, set[str]] = {
    "oaikit": {
        "oaikit.experiments"
    },  # to make df.oai; the public names are imported when they are first used
    **{leaf: set() for leaf in LEAVES},
    "oaikit._distribution": {"oaikit.errors"},
    "oaikit._files": {"oaikit.errors"},
    "oaikit._images": {"oaikit.errors"},
    "oaikit._json": {"oaikit.errors"},
    "oaikit._sqlite": {"oaikit.errors"},
    "oaikit.errors": {"oaikit._traceback"},
    "oaikit._openai_errors": {"oaikit._url"},
    "oaikit._url": {"oaikit.errors"},
    "oaikit._lazy": {"oaikit._distribution"},
    "oaikit.transcript": {"oaikit._distribution"},
    "oaikit.settings": set(),
    "oaikit.sampling": set(),
    "oaikit.reply": set(),
    "oaikit._body": {"oaikit.sampling"},
    "oaikit.schema": {"oaikit.reply"},
    "oaikit.tools": {"oaikit._stream", "oaikit.reply"},
    "oaikit._stream": {"oaikit.reply"},
    "oaikit._texts": {"oaikit._body", "oaikit._stream", "oaikit.rendered", "oaikit.tools"},
    "oaikit.backend": {
        "oaikit._body",
        "oaikit._stream",
        "oaikit._texts",
        "oaikit.reply",
        "oaikit.sampling",
        "oaikit.schema",
        "oaikit.tools",
    },
    "oaikit.engine": {*BASE, "oaikit._body", "oaikit._stream", "oaikit.backend", "oaikit.demo"},
    "oaikit.connection": {*BASE, "oaikit._body", "oaikit._stream", "oaikit._openai_errors", "oaikit.backend"},
    "oaikit.conversation": set(),
    "oaikit.experiments": {
        "oaikit._openai_errors",
        "oaikit._stream",
        "oaikit.backend",
        "oaikit.connection",
        "oaikit.reply",
        "oaikit.sampling",
        "oaikit.schema",
    },
    "oaikit.widgets": {
        "oaikit._body",
        "oaikit._stream",
        "oaikit.backend",
        "oaikit.connection",
        "oaikit.conversation",
        "oaikit.experiments",
        "oaikit.reply",
        "oaikit.sampling",
        "oaikit.tools",
    },
    "oaikit.magic_text": {"oaikit.reply", "oaikit.schema"},
    "oaikit.magics": {
        "oaikit.magic_text",
        "oaikit._stream",
        "oaikit.connection",
        "oaikit.conversation",
        "oaikit.reply",
        "oaikit.sampling",
        "oaikit.schema",
        "oaikit.widgets",
    },
    "oaikit.demo": set(),
    "oaikit_server": {*BASE, "oaikit.demo", "oaikit.engine"},
}
# The same for the rooms of oaikit.experiments.
EXPERIMENTS = "oaikit.experiments"
ROOM_MAY_IMPORT: dict[str, set[str]] = {
    "columns": set(),
    "store": {"columns"},
    "design": {"columns", "store"},
    "scoring": {"calibration", "columns", "design", "store"},  # calibration: by `Judge.calibrate` alone
    "run": {"columns", "design", "scoring", "store"},
    "analysis": {"columns", "design", "scoring", "store"},
    "sweep": {"analysis", "columns", "design", "run", "scoring", "search", "store", "tune"},
    "search": {"analysis", "columns", "design", "store"},
    "tune": {"analysis", "columns", "design", "run", "scoring", "search", "store", "sweep"},
    "calibration": {"analysis", "scoring", "sweep"},
    "oneoff": {"design", "sweep"},
    "derive": {"design", "run", "sweep"},
    "accessor": {"derive"},
}
ONLY_VLLM_IMPORTER = "oaikit.engine._vllm"
ONLY_ENVIRONMENT_READER = "oaikit.settings"


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the two packages, with its full name."""
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join((package, *(part for part in parts if part != "__init__"))), path


MODULES = dict(modules())


def unit_of(module: str) -> str:
    """``oaikit.engine._vllm`` → ``oaikit.engine``; all of ``oaikit_server`` is one unit."""
    parts = module.split(".")
    return parts[0] if parts[0] == "oaikit_server" else ".".join(parts[:2])


def imported(tree: ast.AST, module: str, *, is_package: bool) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, wherever the statement stands, ``import_module("…")`` included."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(names=names):
                base = source_of(node, module, is_package=is_package)
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def source_of(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    """The full name of the module that ``from … import`` takes from, relative ones resolved."""
    if not node.level:
        return node.module or ""
    package = module.split(".") if is_package else module.split(".")[:-1]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


def without_type_checking(tree: ast.Module) -> ast.Module:
    """The module as it runs: top-level ``if TYPE_CHECKING:`` blocks left out."""
    body = [
        node
        for node in tree.body
        if not (
            isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        )
    ]
    return ast.Module(body=body, type_ignores=[])


def violations(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """What in a module's source is against the table, one line of text each."""
    tree = ast.parse(source)
    if module == "oaikit":  # it names the types of its lazy attributes for type checkers
        tree = without_type_checking(tree)
    return [
        f"{module}, line {line}: imports {name}"
        for line, name in imported(tree, module, is_package=is_package)
        if not allowed(module, name)
    ]


def allowed(module: str, name: str) -> bool:
    top = name.split(".")[0]
    if top == "vllm":
        return module == ONLY_VLLM_IMPORTER
    if top not in PACKAGES or name == "oaikit.__version__":
        return True
    unit, target = unit_of(module), unit_of(name)
    return target == unit or target in MAY_IMPORT[unit] or (target in LEAVES and unit not in LEAVES)


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_only_what_the_table_allows(module: str) -> None:
    assert unit_of(module) in MAY_IMPORT, "a new unit: say in the design and in this table what it may import"
    path = MODULES[module]
    assert violations(path.read_text(), module, is_package=path.name == "__init__.py") == []


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith(f"{EXPERIMENTS}.")])
def test_rooms_of_the_experiments_import_only_what_their_table_allows(module: str) -> None:
    path = MODULES[module]
    room = module.split(".")[2]
    taken = {
        name.split(".")[2]
        for _, name in imported(ast.parse(path.read_text()), module, is_package=path.name == "__init__.py")
        if name.startswith(f"{EXPERIMENTS}.")
    }
    assert taken - {room} <= ROOM_MAY_IMPORT[room]


@pytest.mark.parametrize("module", sorted(set(MODULES) - {ONLY_ENVIRONMENT_READER}))
def test_only_settings_reads_the_environment(module: str) -> None:
    assert environment_reads(MODULES[module].read_text()) == []


def environment_reads(source: str) -> list[int]:
    """Lines that touch ``os.environ`` or ``os.getenv``."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (
            isinstance(node, ast.Attribute)
            and node.attr in {"environ", "getenv"}
            and ast.unparse(node.value) == "os"
        )
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names(node) & {"environ", "getenv"})
    ]


def names(node: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("oaikit.connection", "import vllm"),
        ("oaikit.engine.host", "def f():\n    from vllm.v1 import engine"),
        ("oaikit.engine.host", "import importlib\nimportlib.import_module('vllm.engine')"),
        ("oaikit_server.app", "import vllm.envs"),
        ("oaikit.engine.host", "import oaikit_server"),
        ("oaikit.connection", "from oaikit_server.app import OAIKit"),
        ("oaikit.widgets.chat", "from oaikit.engine import Engine"),
        ("oaikit.widgets.chat", "from ..engine import Engine"),
        ("oaikit.experiments.sweep", "from oaikit import engine"),
        ("oaikit.experiments.sweep", "from oaikit import Engine"),
        ("oaikit.experiments.sweep", "if TYPE_CHECKING:\n    from .. import engine"),
        ("oaikit.experiments.sweep", "from oaikit.widgets import Chat"),
        ("oaikit.engine.host", "from oaikit.connection import connect"),
        ("oaikit.errors", "from oaikit import settings"),
        ("oaikit.errors", "from oaikit._loop import LoopThread"),
        ("oaikit_server.handlers", "from oaikit.connection import connect"),
        ("oaikit", "from oaikit.connection import connect"),
    ],
)
def test_the_check_sees_a_violation(module: str, source: str) -> None:
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("oaikit.engine._vllm", "from vllm.v1.engine.async_llm import AsyncLLM"),
        ("oaikit.engine.host", "from oaikit.engine import _vllm"),
        ("oaikit.engine.host", "from . import _vllm\nfrom ..settings import A"),
        ("oaikit.widgets.chat", "from oaikit.experiments.sweep import Sweep"),
        ("oaikit.magics", "from oaikit.connection import connect\nfrom oaikit.errors import OAIKitError"),
        (
            "oaikit_server.app",
            "from oaikit.engine.host import EngineHost\nfrom oaikit import __version__, settings",
        ),
        ("oaikit_server.app", "from oaikit_server import dialect\nfrom . import bridge\nimport vllmlike"),
        ("oaikit", "if TYPE_CHECKING:\n    from oaikit.engine import Engine"),
    ],
)
def test_the_check_lets_pass_what_is_allowed(module: str, source: str) -> None:
    assert violations(source, module) == []


def test_relative_imports_of_a_package_start_at_itself() -> None:
    source = "from .chat import Chat\nfrom ..engine import Engine"
    assert violations(source, "oaikit.widgets", is_package=True) == [
        "oaikit.widgets, line 2: imports oaikit.engine.Engine"
    ]


@pytest.mark.parametrize(
    "source", ["import os\nos.environ['A']", "from os import environ", "import os\nos.getenv('A')"]
)
def test_the_check_sees_a_read_of_the_environment(source: str) -> None:
    assert len(environment_reads(source)) == 1


def test_the_packages_are_there() -> None:
    assert {"oaikit", ONLY_VLLM_IMPORTER, ONLY_ENVIRONMENT_READER, "oaikit_server"} <= set(MODULES)


def test_import_oaikit_loads_nothing_heavy() -> None:
    code = "import oaikit, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "oaikit" in loaded
    assert loaded & {"vllm", "torch", "transformers", "pandas", "ipywidgets", "anywidget", "openai"} == set()


# -- private names -----------------------------------------------------------------------------------------------------

BACKENDS = ("oaikit.backend", "oaikit.connection", "oaikit.engine.engine")


def own_names(source: str) -> set[str]:
    """The private names that the classes of a module give their objects."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef):
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(part.name)
            elif isinstance(part, ast.Attribute) and is_self(part.value) and isinstance(part.ctx, ast.Store):
                found.add(part.attr)
    return {name for name in found if name.startswith("_") and not name.endswith("_")}


def reached_into(source: str, private: set[str]) -> list[int]:
    """Lines on which a private name is taken from an object other than the code's own."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr in private and not is_self(node.value)
    ]


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


PRIVATE = set[str]().union(*(own_names(MODULES[module].read_text()) for module in BACKENDS))


@pytest.mark.parametrize("module", sorted(MODULES))
def test_nobody_reaches_into_a_backend(module: str) -> None:
    """Whatever a backend is asked for goes through `Backend.request` and its other public names."""
    assert {"_events", "_api_key", "_host", "_client"} <= PRIVATE
    assert reached_into(MODULES[module].read_text(), PRIVATE) == []


@pytest.mark.parametrize("source", ["llm._events('x')", "self._llm._client.get(1)", "a.llm._host"])
def test_the_check_sees_a_private_name(source: str) -> None:
    assert reached_into(source, PRIVATE) == [1]

"""Hold oaikit's table of what it relies on against the sources of one release of vLLM."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oaikit.engine.arguments import HTTP_SERVER_ARGUMENTS
from oaikit.engine.phases import PHASES
from oaikit_server.dialect.errors import KNOWN, SAFE
from tools.contract import parameters as tables
from tools.contract import table
from tools.contract.sources import Found, Function, Sources, called, logged, text_of

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Complaint:
    """Something that a release of vLLM lacks.

    Attributes:
        what: What is missing, in one sentence.
        used_in: The file of oaikit that relies on it.
        word: The word by which the lines there are found.
    """

    what: str
    used_in: str
    word: str = ""

    def __str__(self) -> str:
        lines = _lines_with(self.used_in, self.word) if self.word else ""
        return f"{self.what}\n    used in {self.used_in}{lines}"


# What a check says of each thing that it looks up: None if all is well.
Verdicts = Iterator[Complaint | None]
Check = Callable[[Sources], Verdicts]


def check(sources: Sources) -> tuple[list[Complaint], int]:
    """What a release lacks, and how many things were looked up."""
    verdicts = [verdict for each in CHECKS for verdict in each(sources)]
    return [verdict for verdict in verdicts if verdict], len(verdicts)


def report(release: str, complaints: list[Complaint], looked_up: int) -> str:
    """The outcome for a reader."""
    if not complaints:
        return f"vLLM {release}: all {looked_up} things that oaikit relies on are there"
    head = f"vLLM {release}: {len(complaints)} of {looked_up} things that oaikit relies on are missing"
    return "\n".join([head, *(f"  {complaint}".replace("\n", "\n  ") for complaint in complaints)])


def names(sources: Sources) -> Verdicts:
    """Every name that the adapter uses is there, and takes what the adapter passes."""
    for name in table.NAMES:
        places = ((module, sources.find(module, name.name)) for module in name.modules)
        module, found = next((place for place in places if place[1]), (name.modules[0], None))
        word = name.name.rsplit(".", 1)[-1]
        if not found:
            yield Complaint(f"{' or '.join(name.modules)}: {name.name} is gone", name.used_in, word)
        elif name.called and (wrong := _wrong_call(sources, found, name)):
            yield Complaint(f"{module}: {name.name} {wrong}", name.used_in, word)
        else:
            yield None


def _wrong_call(sources: Sources, found: Found, name: table.Name) -> str | None:
    """Why a function can't be called as oaikit calls it, or None if it can."""
    node: ast.AST = found.node
    if isinstance(node, ast.ClassDef):
        module = "vllm." + found.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        made = sources.find(module, f"{node.name}.__init__")
        node = made.node if made else node
    if not isinstance(node, Function):
        return "is no longer a function"
    arguments, bound = node.args, _is_bound(node, name.name)
    by_position = [each.arg for each in [*arguments.posonlyargs, *arguments.args]][bound:]
    passed = {*name.passes, *name.keywords}
    known = {*by_position, *(each.arg for each in arguments.kwonlyargs)}
    if unknown := [each for each in (*name.passes, *name.keywords) if each not in known]:
        return f"has no parameter {', '.join(unknown)}"
    if tuple(by_position[: len(name.passes)]) != name.passes:
        return f"takes {', '.join(by_position)} in this order, but is passed {', '.join(name.passes)}"
    required = (
        by_position[: len(by_position) - len(arguments.defaults)] if arguments.defaults else by_position
    )
    required = [
        *required,
        *(
            each.arg
            for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
            if default is None
        ),
    ]
    missing = [each for each in required if each not in passed]
    return f"now needs {', '.join(missing)}" if missing else None


def _is_bound(function: Function, name: str) -> bool:
    """Whether the first parameter is ``self`` or ``cls``, which nobody passes."""
    decorators = {ast.unparse(each) for each in function.decorator_list}
    return function.name == "__init__" or ("." in name and "staticmethod" not in decorators)


def arguments(sources: Sources) -> Verdicts:
    """Every argument of vLLM's command line that the adapter knows by name is one."""
    known: set[str] = set()
    for modules, name in table.ARGUMENT_CLASSES:
        for module in modules:
            known |= set(sources.fields(module, name))
            known |= set(_added_arguments(sources, module))
    for name in sorted({*table.ARGUMENTS, *HTTP_SERVER_ARGUMENTS}):
        gone = f"vLLM has no command-line argument {name}"
        used_in = table.REFUSED if name in HTTP_SERVER_ARGUMENTS else table.ADAPTER
        yield None if name in known else Complaint(gone, used_in, name)


def _added_arguments(sources: Sources, module: str) -> Iterator[str]:
    """The names in ``parser.add_argument("--name", …)`` of a module."""
    path = sources.path_of(module)
    for node in ast.walk((sources.tree(path) if path else None) or ast.Module([], [])):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("add_argument"):
            for text in filter(None, map(text_of, node.args)):
                yield text.removeprefix("--").replace("-", "_")


def routes(sources: Sources) -> Verdicts:
    """The routes that are called without vLLM's app do nothing that would be left out."""
    for route in table.ROUTES:
        function = sources.function(route.file, route.function)
        where = f"{route.file}: {route.function}"
        if function is None:
            yield Complaint(f"{where} is gone", table.SHORTCUT)
            continue
        wrong = list(_unlike(route, function))
        yield Complaint(f"{where} {'; '.join(wrong)}", table.SHORTCUT) if wrong else None


def _unlike(route: table.Route, function: Function) -> Iterator[str]:
    """How a route's function differs from what the short way expects."""
    if tuple(each.arg for each in function.args.args) != table.ROUTE_PARAMETERS:
        yield f"takes other parameters than {', '.join(table.ROUTE_PARAMETERS)}"
    elif ast.unparse(function.args.args[0].annotation or function) != route.request:
        yield f"takes no {route.request}"
    plain = tuple(ast.unparse(each) for each in function.decorator_list if not isinstance(each, ast.Call))
    if tuple(sorted(plain)) != table.ROUTE_DECORATORS:
        yield f"has other decorators than {', '.join(table.ROUTE_DECORATORS)}"
    calls = [each for each in function.decorator_list if isinstance(each, ast.Call)]
    if [(ast.unparse(each.func), text_of(each.args[0])) for each in calls] != [("router.post", route.path)]:
        yield f"does not answer POST {route.path} alone"
    depends = [
        ast.unparse(word.value) for each in calls for word in each.keywords if word.arg == "dependencies"
    ]
    if depends != [f"[{', '.join(f'Depends({each})' for each in table.ROUTE_DEPENDENCIES)}]"]:
        yield f"has other dependencies than {', '.join(table.ROUTE_DEPENDENCIES)}"


def middleware(sources: Sources) -> Verdicts:
    """The app has no middleware that the short way does not know."""
    path, name = table.MIDDLEWARE
    function = sources.function(path, name)
    if function is None:
        yield Complaint(f"{path}: {name} is gone", table.SHORTCUT)
        return
    added = {
        ast.unparse(node.args[0])
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "app.add_middleware"
    }
    new = added - table.MIDDLEWARE_KNOWN
    yield Complaint(f"{path}: {name} adds {', '.join(sorted(new))}", table.SHORTCUT, "_IDLE") if new else None


def answering(sources: Sources) -> Verdicts:
    """The app keeps the objects that answer where their parsers are changed."""
    path, name = table.STATE
    function = sources.function(path, name)
    kept = {
        node.attr
        for node in ast.walk(function or ast.Module([], []))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    for attribute in table.STATE_ATTRIBUTES:
        gone = f"{path}: {name} no longer sets state.{attribute}"
        yield None if attribute in kept else Complaint(gone, table.SERVING, attribute)
    path, name, parameters = table.FULL_CHAT
    function = sources.function(path, name)
    there = tuple(each.arg for each in function.args.args) if function else ()
    word = name.rsplit(".", 1)[-1]
    gone = f"{path}: {name} no longer takes {', '.join(parameters)}"
    yield None if there[: len(parameters)] == parameters else Complaint(gone, table.SERVING, word)


def strings(sources: Sources) -> Verdicts:
    """Texts that oaikit looks for, or sets, are strings in vLLM."""
    for entry in table.STRINGS:
        there = {text for path in entry.files for text in sources.texts(path)}
        for text in entry.texts:
            gone = f"{' or '.join(entry.files)}: no string {text!r}"
            yield None if text in there else Complaint(gone, entry.used_in, text)


def errors(sources: Sources) -> Verdicts:
    """vLLM raises the errors whose texts the dialect recognizes, each of the alternatives."""
    texts = [text for path in table.ERROR_FILES for text in sources.texts(path)]
    for pattern in (*(known.pattern for known in KNOWN), SAFE):
        for alternative in pattern.pattern.split("|"):
            there = _any_matches(re.compile(alternative, pattern.flags), texts)
            gone = f"no error whose text matches {alternative!r} in any of {len(table.ERROR_FILES)} files"
            yield None if there else Complaint(gone, table.ERRORS, alternative[:20])


def phases(sources: Sources) -> Verdicts:
    """vLLM logs the lines that begin a phase at INFO level, in the functions that the table names."""
    for entry in table.LOGGED:
        functions = [sources.function(entry.file, name) for name in entry.function.split("|")]
        lines = {line for function in functions if function for line in logged(function)}
        what = f"{entry.file}: {entry.function} no longer logs {entry.line!r} at INFO level ({entry.device})"
        yield None if entry.line in lines else Complaint(what, table.PHASES, _word(entry.line))


def unexplained_phases() -> list[str]:
    """The patterns of `oaikit.engine.phases` that match no line of the table, and lines that none of them matches."""
    lines = [entry.line for entry in table.LOGGED]
    silent = [pattern.pattern for pattern, _ in PHASES if not _any_matches(pattern, lines)]
    return silent + [line for line in lines if not any(pattern.search(line) for pattern, _ in PHASES)]


def load_path(sources: Sources) -> Verdicts:
    """The functions that log run while a model is loaded, on the device that the table names."""
    for step in table.STEPS:
        functions = [sources.function(step.file, name) for name in step.function.split("|")]
        calls = {name for function in functions if function for name in called(function)}
        for name in step.calls:
            what = f"{step.file}: {step.function} no longer calls {name}"
            yield None if name in calls else Complaint(what, table.PHASES)
    for entry in table.CHOSEN:
        there = set(sources.texts(entry.file)) | set(_imported(sources, entry.file))
        for name in entry.classes:
            what = f"{entry.file} no longer chooses {name}"
            yield None if name in there else Complaint(what, table.PHASES)


def _imported(sources: Sources, path: str) -> Iterator[str]:
    for node in ast.walk(sources.tree(path) or ast.Module([], [])):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)


def parameters(sources: Sources) -> Verdicts:
    """The tables of `oaikit.sampling` are vLLM's request classes, by field, default and limit."""
    for wrong in tables.parameters(sources):
        yield Complaint(wrong, table.PARAMETERS) if wrong else None


def memory(sources: Sources) -> Verdicts:
    """With ``kv_cache_memory_bytes`` set, vLLM needs ``gpu_memory_utilization`` only for its check at the start.

    The built-in model rests on that: it asks for a small share, so that it loads on a GPU that others use.
    """
    used_in, word = "oaikit/demo/__init__.py", "gpu_memory_utilization"
    check = sources.function("v1/worker/utils.py", "request_memory")
    compared = check is not None and "free_memory < requested_memory" in ast.unparse(check)
    yield (
        None
        if compared
        else Complaint(
            "v1/worker/utils.py: request_memory no longer compares free with requested memory", used_in, word
        )
    )
    sizing = sources.function("v1/worker/gpu_worker.py", "Worker.determine_available_memory")
    yield (
        None
        if sizing is not None and _returns_early(sizing)
        else Complaint(
            "v1/worker/gpu_worker.py: determine_available_memory does more with kv_cache_memory_bytes set",
            used_in,
            word,
        )
    )


def _returns_early(sizing: Function) -> bool:
    """Whether the function returns for ``kv_cache_memory_bytes`` before it has used the share of the GPU."""
    for statement in sizing.body:
        text = ast.unparse(statement)
        if isinstance(statement, ast.If) and "kv_cache_memory_bytes" in ast.unparse(statement.test):
            used = {node.attr for node in ast.walk(statement) if isinstance(node, ast.Attribute)}
            is_last = isinstance(statement.body[-1], ast.Return)
            return is_last and not used & {"gpu_memory_utilization", "requested_memory"}
        if "requested_memory" in text:
            return False
    return False


CHECKS: Final[tuple[Check, ...]] = (
    *(
        names,
        arguments,
        routes,
        middleware,
        answering,
        strings,
        errors,
        phases,
        load_path,
        memory,
        parameters,
    ),
)


def _any_matches(pattern: re.Pattern[str], texts: Iterable[str]) -> bool:
    return any(pattern.search(text) for text in texts)


def _word(line: str) -> str:
    """The first words of a line of a log, without what is formatted in."""
    return re.split(r"0|\.", line.removeprefix("0"))[0].strip()[:20]


def _lines_with(path: str, word: str) -> str:
    """``", lines 3 and 7"``: where a file has a word; nothing if it has not."""
    file = ROOT / path
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    numbers = [str(number) for number, line in enumerate(text.splitlines(), 1) if word in line]
    if not numbers:
        return ""
    return f", line {numbers[0]}" if len(numbers) == 1 else f", lines {', '.join(numbers)}"

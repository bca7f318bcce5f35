"""vLLM's sources, read without importing them: that would load torch."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Function = ast.FunctionDef | ast.AsyncFunctionDef
_CONVERSION = re.compile(r"%[-+ #0-9.]*[sdrfgex]")


@dataclass(frozen=True)
class Found:
    """A definition: its syntax tree, and the file that it stands in."""

    node: ast.AST
    path: str


@cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


class Sources:
    """One release of vLLM.

    Args:
        root: The folder ``vllm`` of an installation or of an unpacked source archive.
        release: Its version, for messages.
    """

    def __init__(self, root: Path, release: str) -> None:
        self.root = root
        self.release = release

    def tree(self, path: str) -> ast.Module | None:
        """The syntax tree of a file below ``vllm``, or None if there is no such file."""
        file = self.root / path
        return _parsed(file.resolve()) if file.is_file() else None

    def path_of(self, module: str) -> str | None:
        """The file of a module, by its full name; None if the release has no such module."""
        base = module.removeprefix("vllm").replace(".", "/").removeprefix("/")
        candidates = (f"{base}.py" if base else "", f"{base}/__init__.py" if base else "__init__.py")
        return next((path for path in candidates if path and (self.root / path).is_file()), None)

    def find(self, module: str, name: str) -> Found | None:
        """What a name stands for: ``A.b.c`` is attribute c of what the attribute b of class A is annotated with.

        Follows imports, base classes, annotations, and what methods assign to ``self``.
        """
        first, *rest = name.split(".")
        path = self.path_of(module)
        found = self._at_top(path, first) if path else None
        found = found or self._module(f"{module}.{first}")
        for part in rest:
            found = self._member(found, part) if found else None
        return found

    def _at_top(self, path: str, name: str) -> Found | None:
        for node in _statements(self.tree(path)):
            if _defines(node, name):
                return Found(node, path)
            if isinstance(node, ast.ImportFrom):
                original = next(
                    (each.name for each in node.names if (each.asname or each.name) == name), None
                )
                module = _imported_from(node, path)
                if original and module.split(".")[0] == "vllm":
                    return self.find(module, original) or self._module(f"{module}.{original}")
        return None

    def _module(self, module: str) -> Found | None:
        path = self.path_of(module)
        tree = self.tree(path) if path else None
        return Found(tree, path) if tree and path else None

    def _member(self, owner: Found, name: str) -> Found | None:
        if isinstance(owner.node, ast.Module):
            return self._at_top(owner.path, name)
        if not isinstance(owner.node, ast.ClassDef):
            annotated = self._annotated(owner)
            return self._member(annotated, name) if annotated else None
        for statement in owner.node.body:
            if _defines(statement, name):
                return Found(statement, owner.path)
        for node in ast.walk(owner.node):
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            if any(ast.unparse(target) == f"self.{name}" for target in targets):
                return Found(node, owner.path)
        for base in owner.node.bases:
            parent = self._at_top(owner.path, ast.unparse(base).split(".")[0])
            if parent and isinstance(parent.node, ast.ClassDef) and (found := self._member(parent, name)):
                return found
        return None

    def _annotated(self, found: Found) -> Found | None:
        """The class that a field is annotated with, or the first of several."""
        if not isinstance(found.node, ast.AnnAssign):
            return None
        for name in re.findall(r"[A-Za-z_]\w*", ast.unparse(found.node.annotation)):
            there = self._at_top(found.path, name)
            if there and isinstance(there.node, ast.ClassDef):
                return there
        return None

    def function(self, path: str, qualified: str) -> Function | None:
        """A function or method of a file: ``"f"``, ``"Class.method"``."""
        node: ast.AST | None = self.tree(path)
        for part in qualified.split("."):
            body = getattr(node, "body", [])
            node = next((each for each in body if getattr(each, "name", None) == part), None)
        return node if isinstance(node, Function) else None

    def fields(self, module: str, name: str) -> dict[str, ast.AnnAssign]:
        """The public annotated fields of a class, those of its base classes included."""
        found = self.find(module, name)
        if not found or not isinstance(found.node, ast.ClassDef):
            return {}
        fields: dict[str, ast.AnnAssign] = {}
        for base in found.node.bases:
            if isinstance(base, ast.Name) and self._at_top(found.path, base.id):
                module_of = "vllm." + found.path.removesuffix(".py").replace("/", ".")
                fields |= self.fields(module_of.removesuffix(".__init__"), base.id)
        own = (node for node in found.node.body if isinstance(node, ast.AnnAssign))
        return fields | {
            node.target.id: node
            for node in own
            if isinstance(node.target, ast.Name)
            and node.target.id[0] != "_"
            and not ast.unparse(node.annotation).startswith("ClassVar")
        }

    def constant(self, path: str, name: str) -> Any:
        """The value of ``NAME = literal`` or ``NAME: type = literal``, wherever in a file; None if there is none."""
        for node in ast.walk(self.tree(path) or ast.Module([], [])):
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                try:
                    return ast.literal_eval(node.value)  # type: ignore[attr-defined]
                except (TypeError, ValueError):
                    continue
        return None

    def texts(self, path: str) -> Iterator[str]:
        """The strings of a file that its code uses, with 0 in the place of what is formatted in.

        Documentation is left out: docstrings, and the descriptions of fields and arguments.
        """
        tree = self.tree(path)
        prose = _documentation(tree) if tree else set()
        for node in ast.walk(tree) if tree else ():
            if id(node) not in prose and (text := text_of(node)) is not None:
                yield text


def text_of(node: ast.AST | None) -> str | None:
    """A string constant or f-string, with 0 in the place of what is formatted in; None for anything else."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "0" for part in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def logged(function: Function) -> Iterator[str]:
    """What a function logs at INFO level: the texts of ``logger.info`` and ``logger.info_once``."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("logger.info", "logger.info_once"):
            text = text_of(node.args[0]) if node.args else None
            if text is not None:
                yield _CONVERSION.sub("0", text)


def called(function: Function) -> set[str]:
    """The names that a function calls: the last part of ``a.b.c()``."""
    calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
    return {node.attr if isinstance(node, ast.Attribute) else ast.unparse(node) for node in calls}


def _statements(tree: ast.Module | None) -> Iterator[ast.stmt]:
    """The statements of a module, those under its ``if`` and ``try`` included."""
    waiting = list(tree.body) if tree else []
    while waiting:
        node = waiting.pop(0)
        yield node
        if isinstance(node, ast.If | ast.Try):
            waiting += [*node.body, *node.orelse]
        if isinstance(node, ast.Try):
            waiting += [each for handler in node.handlers for each in handler.body]


def _defines(node: ast.stmt, name: str) -> bool:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name == name
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _imported_from(node: ast.ImportFrom, path: str) -> str:
    if not node.level:
        return node.module or ""
    folders = ["vllm", *path.split("/")[:-1]]
    return ".".join([*folders[: len(folders) - node.level + 1], *([node.module] if node.module else [])])


def _documentation(tree: ast.Module) -> set[int]:
    """The ids of the string nodes that only document: statements that are a string, and ``description=``."""
    prose: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant() as document) | ast.keyword(arg="description", value=document):
                prose |= {id(each) for each in ast.walk(document)}
    return prose

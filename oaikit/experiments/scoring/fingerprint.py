"""Names for what functions do: equal for functions that must give equal scores, different where that is not certain.

A function is its code (bytes, constants and nested code, names), its defaults, and the content of what it encloses;
an object is its class and its state. Nothing is told by its ``repr``, which shortens arrays and shows addresses. What
can't be looked into has a name that no other object and no other process shares.
"""

from __future__ import annotations

import copyreg
import hashlib
import types
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

_EXACT: Final = (type(None), bool, int, complex, type(Ellipsis))
_CODE: Final = (
    *("co_code", "co_consts", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_flags"),
    *("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_exceptiontable"),
)


def fingerprint(value: Any) -> str:
    """A name of 32 hexadecimal digits for what a value does and holds.

    Variables of a module that a function reads are not in it.
    """
    found = _Content()
    found.add(value)
    return found.hash.hexdigest()[:32]


class _Content:
    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self._seen: dict[int, int] = {}
        self._alive: list[Any] = []  # an id is only unique while its object lives

    def add(self, value: Any) -> None:
        """Take in a value with all that it holds."""
        if isinstance(value, _EXACT) and type(value) in _EXACT:
            return self._put(type(value).__name__, repr(value))
        if type(value) is float:
            return self._put("float", value.hex())
        if type(value) is str:
            return self._put("str", value)
        if type(value) in (bytes, bytearray):
            return self._put(type(value).__name__, bytes(value))
        if id(value) in self._seen:  # also what holds itself
            return self._put("again", str(self._seen[id(value)]))
        # Python shares equal tuples and code objects as it likes: whether they are one object says nothing.
        if type(value) not in (tuple, frozenset, types.CodeType):
            self._seen[id(value)] = len(self._seen)
            self._alive.append(value)
        self._add_object(value)

    def _put(self, kind: str, content: str | bytes) -> None:
        data = content.encode(errors="surrogatepass") if isinstance(content, str) else content
        self.hash.update(f"{kind}:{len(data)}:".encode() + data)

    def _all(self, kind: str, values: Iterable[Any]) -> None:
        listed = list(values)
        self._put(kind, str(len(listed)))
        for each in listed:
            self.add(each)

    def _add_object(self, value: Any) -> None:
        if type(value) in (list, tuple):
            self._all(type(value).__name__, value)
        elif type(value) is dict:
            self._all("dict", [part for pair in value.items() for part in pair])
        elif type(value) in (set, frozenset):
            self._all(type(value).__name__, sorted(map(fingerprint, value)))
        elif isinstance(value, types.CodeType):
            self._all("code", [getattr(value, name) for name in _CODE])
        elif isinstance(value, types.FunctionType):
            self._all("function", _parts(value))
        elif isinstance(value, types.MethodType):
            self._all("method", [value.__func__, value.__self__])
        elif isinstance(value, types.BuiltinFunctionType):
            owner = value.__self__
            bound = None if isinstance(owner, types.ModuleType) else owner
            self._all("builtin", [value.__module__ or "", value.__qualname__, bound])
        elif isinstance(value, types.ModuleType):
            self._put("module", value.__name__)
        elif isinstance(value, type):
            self._add_class(value)
        else:
            self._add_instance(value)

    def _add_class(self, value: type) -> None:
        """A class by its name and, so that one that is defined again in a notebook is another, by its code."""
        self._all("class", [value.__module__, value.__qualname__, *value.__bases__])
        if value.__flags__ & (1 << 9):  # Py_TPFLAGS_HEAPTYPE: it was made by Python
            own = {name: each for name, each in vars(value).items() if name not in _OF_EVERY_CLASS}
            self._all("members", [part for name in sorted(own) for part in (name, _unwrapped(own[name]))])

    def _add_instance(self, value: Any) -> None:
        kind = type(value)
        package = kind.__module__.split(".")[0]
        if package == "numpy" and hasattr(value, "tobytes") and not value.dtype.hasobject:
            # In C's order, whatever the array's own: a view with other strides is another array.
            return self._all("array", [str(value.dtype), list(value.shape), value.tobytes()])
        if package == "numpy" and hasattr(value, "dtype"):
            return self._all("objects", [str(value.dtype), list(value.shape), value.tolist()])
        if package == "pandas" and (content := _pandas(value)) is not None:
            return self._all("pandas", [kind.__qualname__, *content])
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:  # a lock, a generator, a connection: nobody can look into it
            return self._put("unknown", uuid.uuid4().hex)
        self.add(kind)
        if isinstance(reduced, str):
            return self._put("global", reduced)
        maker, arguments, *state = reduced
        self.add("new" if maker is copyreg.__newobj__ else maker)  # type: ignore[attr-defined]
        self.add(arguments)
        for each in state[:3]:
            # Iterators over what a list or a dict holds can be read once, and are made for this call.
            self.add(list(each) if hasattr(each, "__next__") else each)


_WRITTEN_IN_C: Final = (
    *(types.MemberDescriptorType, types.GetSetDescriptorType, types.MethodDescriptorType),
    *(types.ClassMethodDescriptorType, types.WrapperDescriptorType),
)
_OF_EVERY_CLASS: Final = frozenset(
    {"__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__firstlineno__", "_abc_impl"}
)


def _parts(function: types.FunctionType) -> list[Any]:
    enclosed = []
    for cell in function.__closure__ or ():
        try:
            enclosed.append(("holds", cell.cell_contents))
        except ValueError:  # nothing has been assigned yet
            enclosed.append(("empty", None))
    defaults: Mapping[str, Any] = function.__kwdefaults__ or {}
    return [function.__code__, function.__defaults__, dict(defaults), enclosed, dict(vars(function))]


def _unwrapped(member: Any) -> Any:
    if isinstance(member, staticmethod | classmethod):
        return [type(member).__name__, member.__func__]
    if isinstance(member, property):
        return ["property", member.fget, member.fset]
    if isinstance(member, _WRITTEN_IN_C):  # the class' own name says what they are
        return "slot"
    return member


def _pandas(value: Any) -> list[Any] | None:
    """The content of a frame, a series or an index."""
    if hasattr(value, "columns"):
        columns = [value.iloc[:, place] for place in range(value.shape[1])]
        return [list(value.columns), value.index, [[str(each.dtype), each.tolist()] for each in columns]]
    if hasattr(value, "index"):
        return [value.name, str(value.dtype), value.index, value.tolist()]
    if hasattr(value, "names") and hasattr(value, "tolist"):
        return [list(value.names), value.tolist()]
    return None

"""Scores by functions of the user's."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, overload

from oaikit.errors import InvalidRequestError
from oaikit.experiments.columns import KINDS, UNIT, Bounds, Kind
from oaikit.experiments.scoring.fingerprint import fingerprint
from oaikit.experiments.scoring.scorer import EVERYTHING, Row, Scorer, identity_of


@overload
def scorer(
    of: Callable[..., Any] | Scorer,
    *,
    kind: Kind | None = None,
    bounds: Bounds = UNIT,
    name: str | None = None,
    names: None = None,
) -> Scorer: ...
@overload
def scorer(
    of: Callable[..., Any],
    *,
    kind: Kind | Mapping[str, Kind] | None = None,
    bounds: Bounds = UNIT,
    name: str | None = None,
    names: Sequence[str],
) -> tuple[Scorer, ...]: ...
def scorer(
    of: Callable[..., Any] | Scorer,
    *,
    kind: Kind | Mapping[str, Kind] | None = None,
    bounds: Bounds = UNIT,
    name: str | None = None,
    names: Sequence[str] | None = None,
) -> Scorer | tuple[Scorer, ...]:
    """A scorer from a function of yours that says what values it gives: ``ok.scorer(overlap, kind="bounded")``.

    The function is called with the columns that its arguments name: ``def close(text, answer): …``, ``def short(text,
    max_tokens): …``; a function of one argument that is not a column gets the text. It gives a number or a truth value.
    An ``async`` function is awaited for several rows at once.

    Args:
        of: the function, or a scorer of which the kind is declared anew.
        kind: ``"binary"`` (0 or 1, True or False), ``"bounded"`` (anything between the bounds), ``"count"`` (0, 1, 2,
            …) or ``"real"`` (default: binary for a function that is annotated ``-> bool``, else real). With ``names``
            it may be a dict with the kind of each.
        bounds: the least and the greatest value of a bounded score.
        name: of the score's column (default: the function's).
        names: of the scores' columns, for a function that gives a mapping with a number for each.

    Returns:
        A scorer; with ``names`` a tuple of them, which goes into ``score=`` as it is.

    Raises:
        InvalidRequestError: it has no name, as a lambda has none, it takes nothing, or there is no such kind.
    """
    kinds = list(kind.values()) if isinstance(kind, Mapping) else [kind]
    for each in kinds:
        if each is not None and each not in KINDS:
            raise InvalidRequestError(f"kind is one of {', '.join(KINDS)}, not {each!r}", param="kind")
    if not bounds[0] < bounds[1]:
        raise InvalidRequestError(f"bounds are (least, greatest), not {bounds!r}", param="bounds")
    if names is not None:
        return _several(of, _checked_names(names, name, kind), kind, bounds)
    if isinstance(kind, Mapping):
        raise InvalidRequestError("kind is a dict only together with names", param="kind")
    if isinstance(of, Scorer):
        return replace(of, kind=kind or of.kind, bounds=bounds, name=name or of.name)
    named = str(name or getattr(of, "__name__", type(of).__name__))
    if named == "<lambda>":
        raise InvalidRequestError(
            'a lambda has no name for its column: give score={"name": lambda text: …}', param="score"
        )
    return _made(of, named, kind, bounds)


def _made(of: Callable[..., Any], name: str, kind: Kind | None, bounds: Bounds) -> Scorer:
    takes = _arguments(of, name)
    return Scorer(
        name,
        takes,
        identity_of("function", fingerprint(of)),
        functools.partial(_call, of, takes),
        kind or ("binary" if _says_bool(of) else "real"),
        bounds,
        text_by_any_name=len(takes) == 1,
        is_async=inspect.iscoroutinefunction(inspect.unwrap(_routine(of))),
    )


def _several(
    of: Callable[..., Any] | Scorer,
    names: Sequence[str],
    kind: Kind | Mapping[str, Kind] | None,
    bounds: Bounds,
) -> tuple[Scorer, ...]:
    if isinstance(of, Scorer):
        raise InvalidRequestError("names are for functions; this scorer gives one number", param="names")
    whole = _made(of, names[0], None, bounds)
    kinds = kind if isinstance(kind, Mapping) else dict.fromkeys(names, kind)
    return tuple(
        replace(
            whole,
            name=name,
            part=name,
            kind=kinds.get(name) or "real",
            identity=identity_of("part", whole.identity, name),
        )
        for name in names
    )


def _checked_names(
    names: Sequence[str], name: str | None, kind: Kind | Mapping[str, Kind] | None
) -> list[str]:
    listed = [names] if isinstance(names, str) else list(names)
    if name is not None:
        raise InvalidRequestError("give name for one score or names for several, not both", param="names")
    if not listed or not all(isinstance(each, str) and each for each in listed):
        raise InvalidRequestError(f"names are the names of the scores' columns, not {names!r}", param="names")
    if twice := [each for each in listed if listed.count(each) > 1]:
        raise InvalidRequestError(f"names has {twice[0]!r} twice", param="names")
    if isinstance(kind, Mapping) and (unknown := [each for each in kind if each not in listed]):
        raise InvalidRequestError(f"kind has {unknown[0]!r}, which is none of the names", param="kind")
    return listed


def _routine(of: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself, of a partial one or of an object that is called."""
    while isinstance(of, functools.partial):
        of = of.func
    return of if inspect.isroutine(of) or isinstance(of, type) else type(of).__call__


def _says_bool(of: Callable[..., Any]) -> bool:
    annotated = of if inspect.isroutine(of) else vars(type(of)).get("__call__", of)
    return getattr(annotated, "__annotations__", {}).get("return") in (bool, "bool", "bool | None")


def _arguments(of: Callable[..., Any], name: str) -> tuple[str, ...]:
    """The columns that a function is called with."""
    try:
        parameters = list(inspect.signature(of).parameters.values())
    except (TypeError, ValueError):  # of C, without a signature
        return ("text",)
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return (EVERYTHING,)
    needed = [
        each.name
        for each in parameters
        if each.default is each.empty and each.kind is not each.VAR_POSITIONAL
    ]
    if not needed:
        raise InvalidRequestError(f"the score {name!r} takes no argument; it should take text", param="score")
    return tuple(needed)


def _call(of: Callable[..., Any], takes: tuple[str, ...], row: Row) -> Any:
    if takes == (EVERYTHING,):
        return of(**row)
    if len(takes) == 1:
        return of(row.get(takes[0], row["text"]))
    return of(**{name: row.get(name) for name in takes})

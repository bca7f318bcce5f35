"""What the model is asked about: the rows of the data, or prompts and conversations that are given as they are."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oaikit.errors import InvalidRequestError
from oaikit.experiments.columns import RESERVED
from oaikit.experiments.design.templates import fields_of
from oaikit.sampling import CHAT, Endpoint, check_contents, validate

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Item:
    """One thing that is asked about: its name in tables and its data.

    ``prompt`` is what is asked, a text or messages, where that is given as it is and no template is filled in.
    """

    id: Any
    data: Mapping[str, Any] = field(default_factory=dict)
    prompt: Any = None


def items_of(data: Any, prompts: Iterable[Any] | None) -> list[Item]:
    """The items of a DataFrame or of anything that makes one, of a list of prompts, or a single one without data.

    Raises:
        InvalidRequestError: there are none, two have the same name, or a column has a name of the results'.
    """
    if data is not None and prompts is not None:
        raise InvalidRequestError(
            'give data with prompt="… {column} …", or prompts=[…] as they are, not both', param="prompts"
        )
    if prompts is not None:
        if isinstance(prompts, str):
            raise InvalidRequestError("prompts is a list; one prompt is prompt=…", param="prompts")
        items = [Item(index, {}, prompt) for index, prompt in enumerate(prompts)]
    else:
        items = [Item(0)] if data is None else _rows(data)
    if not items:
        raise InvalidRequestError("there is nothing to ask about: the data has no rows", param="data")
    return items


def check_prompts(items: Sequence[Item], endpoint: Endpoint) -> None:
    """See that prompts which are given as they are can be asked, each for one answer.

    Raises:
        InvalidRequestError: one is neither a text nor, for chats, messages or, for completions, token ids.
    """
    for item in items:
        prompt = item.prompt
        if isinstance(prompt, str):
            continue
        sound = isinstance(prompt, list | tuple) and (
            endpoint == CHAT or (prompt and all(type(each) is int for each in prompt))
        )
        if not sound:
            other = "a list of messages" if endpoint == CHAT else "a list of token ids"
            raise InvalidRequestError(
                f"prompt {item.id!r} must be a text or {other}, not {reprlib.repr(prompt)}", param="prompts"
            )
        if endpoint == CHAT:
            try:
                validate(CHAT, {"model": "any", "messages": list(prompt)})
            except InvalidRequestError as exc:
                raise InvalidRequestError(f"{exc.message} (in prompt {item.id!r})", param="prompts") from exc
    check_contents("prompts", [item.prompt for item in items if isinstance(item.prompt, str)])


def check_filled(items: Sequence[Item], templates: Iterable[Any], others: Iterable[str]) -> None:
    """See that every item has a value for every name in the templates; ``others`` are known from elsewhere.

    Raises:
        InvalidRequestError: a name is unknown, or an item has no value for it.
    """
    known = [*items[0].data, *others]
    for name in dict.fromkeys(name for template in templates for name in fields_of(template)):
        if name not in known:
            there = f"there are {', '.join(known)}" if known else "there is no data"
            raise InvalidRequestError(
                f"the prompt has {{{name}}}, and neither the data nor the axes have {name!r}; {there}. "
                "Write {{ and }} for braces that are meant as such",
                param="prompt",
            )
        if name in items[0].data:
            _check_column(items, name)


def _check_column(items: Iterable[Item], name: str) -> None:
    texts = []
    for item in items:
        value = item.data[name]
        if isinstance(value, str):
            texts.append(value)
        elif value is None or value != value:  # nan is the value that differs from itself
            raise InvalidRequestError(
                f"the prompt has {{{name}}}, and row {item.id!r} of the data has no value there: drop or fill it",
                param="data",
            )
    check_contents("data", texts)


def frame_of(data: Any) -> pd.DataFrame:
    """The data as a DataFrame whose columns are named by texts.

    Raises:
        InvalidRequestError: two rows or two columns have one name, or a column has a name of the results'.
    """
    import numpy as np
    import pandas as pd

    try:
        frame = data if isinstance(data, pd.DataFrame) else pd.DataFrame(data)
    except UnicodeEncodeError as exc:
        raise InvalidRequestError(f"the data holds what is no text in Unicode: {exc}", param="data") from exc
    if not frame.index.is_unique:
        twice = frame.index[frame.index.duplicated()].tolist()[0]
        raise InvalidRequestError(
            f"the data's index has {twice!r} twice, and items are told apart by it: give data.reset_index(drop=True)",
            param="data",
        )
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        raise InvalidRequestError(
            f"the data has two columns of one name, in {names}: rename one", param="data"
        )
    if taken := sorted(RESERVED.intersection(names)):
        raise InvalidRequestError(
            f"the data has a column {taken[0]!r}, which is a column of the results: rename it", param="data"
        )
    frame = frame.set_axis(names, axis=1)
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        if column.dtype == object and any(isinstance(each, np.generic) for each in column):
            values = [each.item() if isinstance(each, np.generic) else each for each in column]
            python: Any = pd.Series(values, index=frame.index, dtype=object)
            frame.isetitem(place, python)
    return frame


def _rows(data: Any) -> list[Item]:
    import pandas as pd

    frame = frame_of(data)
    names = frame.columns.tolist()
    # pandas' own word for what is missing answers no comparison, and JSON has none for it.
    columns = [[None if value is pd.NA else value for value in frame[name].tolist()] for name in names]
    ids = frame.index.tolist()
    records = zip(*columns, strict=True) if columns else ([()] * len(ids))
    return [Item(id, dict(zip(names, row, strict=True))) for id, row in zip(ids, records, strict=True)]

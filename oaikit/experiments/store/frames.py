"""The data of a sweep as bytes: Arrow's IPC format with pandas' own description of the columns.

What would come back as something else is refused when the sweep is made, before anything is asked.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from oaikit._distribution import needed_for
from oaikit.errors import InvalidRequestError

if TYPE_CHECKING:
    import pandas as pd

_AS_JSON: Final = b"oaikit.json"
"""The key of the schema's metadata that lists the places of the columns whose values are kept as JSON."""
_TEXTS: Final = b"oaikit.texts"
"""The key of the storage of pandas' columns of texts, by place, which pandas' own description leaves out."""
_LEVEL: Final = "level of the index: "
"""Names the columns in which the index is kept."""


def encode(frame: pd.DataFrame) -> bytes:
    """The data as bytes, from which `decode` makes equal columns and labels.

    Raises:
        InvalidRequestError: a column or the index would come back as something else.
    """
    import pandas as pd

    levels = range(frame.index.nlevels)
    labels = [_labels(frame.index, level).rename(f"{_LEVEL}{level}") for level in levels]
    whole = pd.concat([*labels, frame.reset_index(drop=True)], axis=1)
    _check_columns(whole)
    return _encode(whole)


def decode(content: bytes) -> tuple[pd.Series[Any], pd.DataFrame]:
    """The labels and the columns of the DataFrame that `encode` was given. Labels of several levels are tuples."""
    whole = _decode(content)
    levels = [name for name in whole.columns if name.startswith(_LEVEL)]
    if len(levels) == 1:
        labels = whole[levels[0]]
    else:
        labels = _objects(list(whole[levels].itertuples(index=False, name=None)), whole.index)
    return labels, whole.drop(columns=levels)


def _labels(index: pd.Index[Any], level: int) -> pd.Series[Any]:
    import pandas as pd

    return pd.Series(index.get_level_values(level)).reset_index(drop=True)


def _decode(content: bytes) -> pd.DataFrame:
    import pandas as pd

    with needed_for("the data of a sweep"):
        import pyarrow as pa

    table = pa.ipc.open_file(pa.py_buffer(content)).read_all()
    frame: pd.DataFrame = table.to_pandas()
    for place in json.loads(table.schema.metadata[_AS_JSON]):
        values = [json.loads(each) for each in frame.iloc[:, place]]
        frame.isetitem(place, _objects(values, frame.index))
    for place, storage in json.loads(table.schema.metadata[_TEXTS]).items():
        frame.isetitem(int(place), frame.iloc[:, int(place)].astype(pd.StringDtype(storage)).array)
    return frame


def _encode(frame: pd.DataFrame) -> bytes:
    with needed_for("the data of a sweep"):
        import pyarrow as pa

    plain = frame.copy(deep=False)
    plain.attrs = {}
    places = [place for place in range(frame.shape[1]) if _needs_json(frame.iloc[:, place])]
    for place in places:
        values = [json.dumps(each) for each in frame.iloc[:, place]]
        plain.isetitem(place, _objects(values, frame.index))
    table = pa.Table.from_pandas(plain)
    texts = {place: dtype.storage for place, dtype in enumerate(frame.dtypes) if _is_string(dtype)}
    described = {_AS_JSON: json.dumps(places), _TEXTS: json.dumps(texts)}
    table = table.replace_schema_metadata({**table.schema.metadata, **described})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _check_columns(frame: pd.DataFrame) -> None:
    """See that each column comes back with its values and its dtype.

    Raises:
        InvalidRequestError: one does not.
    """
    import pandas as pd

    for name in frame.columns:
        column = frame[[name]].reset_index(drop=True)
        try:
            back = _decode(_encode(column))
            pd.testing.assert_frame_equal(back, column, check_exact=True)
            same = column[name].dtype != object or _same(back[name].tolist(), column[name].tolist())
        except UnicodeEncodeError as exc:
            raise InvalidRequestError(
                f"{_what(name)} of the data can't be kept: it holds what is no text in Unicode: {exc}",
                param="data",
            ) from exc
        except Exception as exc:  # Arrow and pandas have errors of many kinds for what they cannot keep
            raise _refused(_what(name), column[name].dtype, _example(column[name])) from exc
        if not same:
            raise _refused(_what(name), column[name].dtype, _example(column[name]))


def _refused(what: str, dtype: Any, example: Any) -> InvalidRequestError:
    return InvalidRequestError(
        f"{what} of the data can't be kept as it is: its dtype is {dtype}, with values such as "
        f"{ascii(example)[:60]} ({type(example).__name__}). Give numbers, texts, times, or lists and dicts of these",
        param="data",
    )


def _what(column: str) -> str:
    return "the index" if column.startswith(_LEVEL) else f"the column {column!r}"


def _example(column: pd.Series[Any]) -> Any:
    present = column.dropna()
    return present.iloc[0] if len(present) else None


def _is_string(dtype: Any) -> bool:
    """Whether it is the dtype "string", not "str", which pandas has for texts too."""
    import pandas as pd

    return isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA


def _needs_json(column: pd.Series[Any]) -> bool:
    """Whether Arrow has no one type for the values, or would give back arrays for lists."""
    if column.dtype != object:
        return False
    kinds = {type(each) for each in column}
    return kinds <= {str, int, float, bool, type(None), list, dict}


def _objects(values: list[Any], index: pd.Index[Any]) -> Any:
    import pandas as pd

    return pd.Series(values, index=index, dtype=object)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of one type, and all that is in them too."""
    import numpy as np

    if type(one) is not type(other) or isinstance(
        one, np.ndarray
    ):  # the description of a sweep has no arrays
        return False
    if isinstance(one, str):
        one.encode()  # Parquet holds no lone surrogates
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return [*one] == [*other] and all(_same(one[name], other[name]) for name in one)
    return bool(one == other) or (one != one and other != other)  # nan is the value that differs from itself

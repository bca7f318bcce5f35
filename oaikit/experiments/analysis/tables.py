"""From the store to pandas: one row per replicate, and one row per cell with means and intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from oaikit._distribution import needed_for
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.summary import codes_of, group_codes, rate_parts, summary
from oaikit.experiments.columns import (
    ALIASES,
    BY_NAME,
    METRICS,
    OPTIONAL,
    RESERVED,
    RESULT,
    limits_of,
    units,
)
from oaikit.experiments.design.cells import shown_prompt
from oaikit.experiments.design.space import label_of
from oaikit.experiments.scoring.contexts import Contexts
from oaikit.experiments.store.database import RESULT_FIELDS, Store
from oaikit.experiments.store.frames import decode
from oaikit.experiments.store.spec import SweepSpec

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]

# The order of `Results.df`, after the axes, the item and the data; the scores are between the two.
_RESULT_ORDER = ("replicate", "seed", "prompt", *(name for name in RESULT if name != "error"))
_PLACE = "place of the item"  # in a record alone
_TRACE_ORDER = ("error", "cached", "shared", "mode", "run", "cell", "key")


def rows_of(store: Store, sweep: str, spec: SweepSpec) -> pd.DataFrame:
    """One row per replicate that has been executed; see `Results.df` for the columns."""
    need_pandas()
    import pandas as pd

    last = store.last_run(sweep)
    records = list(_records(store, sweep, spec, last[0] if last else ""))
    scores = [scorer.name for scorer in spec.scorers]
    names = [*spec.axes, "item", *spec.columns, *_RESULT_ORDER, *scores, *_TRACE_ORDER]
    names += [name for name in OPTIONAL if any(record[name] is not None for record in records)]
    frame = pd.DataFrame(
        {
            name: column(
                name,
                [record.get(name) for record in records],
                axes=spec.axes,
                cells=spec.cells,
                scores=scores,
            )
            for name in names
        }
    )
    if (content := store.load_data(sweep)) is not None:
        _take_data(frame, *decode(content), [record[_PLACE] for record in records])
    if not frame.empty:
        tokens, seconds = rate_parts(frame)
        frame["tokens_per_s"] = pd.array(tokens / seconds, dtype="Float64")
    frame.attrs = {
        "units": dict(units(names)),
        "axes": list(spec.axes),
        "scores": scores,
        "kinds": {each.name: [each.kind, *each.bounds] for each in spec.scorers},
        "mode": spec.mode,
        "provenance": last[1] if last else {},
    }
    return frame


def _records(store: Store, sweep: str, spec: SweepSpec, last_run: str) -> Iterator[Record]:
    bodies = store.bodies(sweep)
    prompts = {request: shown_prompt(body["body"]) for request, body in bodies.items()}
    contexts = Contexts(spec)
    scores = [(each, store.scores(sweep, each.identity)) for each in spec.scorers]
    seen: set[tuple[str, int]] = set()
    wrong = [(each, errors) for each in spec.scorers if (errors := store.score_errors(sweep, each.identity))]
    for cell, item, executions, *values in store.rows(sweep):
        result = dict(zip(RESULT_FIELDS, values, strict=True))
        request, execution = result.pop("request"), result.pop("replicate")
        record = {**contexts.given(cell, item), **result, "prompt": prompts[request], "mode": spec.mode}
        record |= {
            each.name: known.get((request, execution, contexts.key(each.reads, cell, item)))
            for each, known in scores
        }
        said = [
            f"{each.name}: {error}"
            for each, errors in wrong
            if (error := errors.get((request, execution, contexts.key(each.reads, cell, item))))
        ]
        record["score_error"] = "; ".join(said) or None
        first = bodies[request]["seed"]
        record |= {
            "seed": None if first is None else first + execution,
            "cached": result["run"] != last_run,
            "key": f"{request}/{execution}",
            _PLACE: item,
        }
        # What was executed once stands for all replicates that would have come out the same.
        for replicate in [execution] if executions > 1 else range(spec.n):
            yield {**record, "replicate": replicate, "shared": (request, execution) in seen}
            seen.add((request, execution))


def _take_data(frame: pd.DataFrame, labels: pd.Series[Any], data: pd.DataFrame, places: list[int]) -> None:
    """Fill in the columns of the data, and its index as ``item``, with the dtypes that they were given with."""
    frame["item"] = labels.take(places).set_axis(frame.index)
    for name in data.columns:
        frame[name] = data[name].take(places).set_axis(frame.index)


def column(
    name: str,
    values: list[Any],
    *,
    axes: Sequence[str],
    cells: Sequence[Mapping[str, Any]],
    scores: Sequence[str],
) -> Any:
    """A column of the results as an array with the column's dtype.

    Args:
        name: the name of the column.
        values: its values, one for each row.
        axes: the names of the axes.
        cells: the values on the axes, for each cell. They decide an axis' dtype.
        scores: the names of the scores.
    """
    import pandas as pd

    if name in axes:
        return axis_values(values, [cell.get(name) for cell in cells])
    own = BY_NAME.get(name) if name in RESERVED else None
    dtype: Any = "Float64" if name in scores else own.dtype if own is not None else ""
    if dtype == "category":
        return pd.Categorical(values)
    if dtype:
        return pd.array(values, dtype=dtype)
    return pd.Series(values, dtype="object").convert_dtypes() if values else pd.Series([], dtype="object")


def axis_values(values: list[Any], of_cells: list[Any]) -> Any:
    """An axis' values as numbers, truth values or, in the order of the space, categories; missing where a point of a
    union lacks the axis."""
    import pandas as pd

    present = [value for value in of_cells if value is not None]
    if present and all(isinstance(value, bool) for value in present):
        return pd.array(values, dtype="boolean")
    if present and all(isinstance(value, int) and not isinstance(value, bool) for value in present):
        return pd.array(values, dtype="Int64")
    if present and all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        return pd.array(values, dtype="Float64")
    named = [None if value is None else _label(value) for value in values]
    return pd.Categorical(named, categories=list(dict.fromkeys(map(_label, present))), ordered=True)


def of_one_type(df: pd.DataFrame) -> pd.DataFrame:
    """With columns of mixed types as text: Parquet has one type per column."""
    import pandas as pd

    changed = df.copy()
    for name in df.columns:
        if df[name].dtype == "object" and "mixed" in pd.api.types.infer_dtype(df[name], skipna=True):
            changed[name] = pd.array(
                [None if each is None else str(each) for each in df[name]], dtype="string"
            )
    return changed


def _label(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def cells_of(df: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """One row per cell and value of some columns; see `Results.cells` for the columns.

    Raises:
        InvalidRequestError: one of the columns has the name of a column that the table of cells makes.
    """
    import pandas as pd

    axes, scores = df.attrs["axes"], df.attrs["scores"]
    if df.empty:
        nothing = pd.DataFrame()
        nothing.attrs = dict(df.attrs)
        return nothing
    shown = [*axes, *(name for name in by if name not in axes)]
    groups = group_codes(df, ["cell", *shown[len(axes) :]])
    _, first = np.unique(groups, return_index=True)
    count = len(first)
    found = summary(df, groups, count, [*scores, *METRICS])
    asked = np.unique(groups * len(df) + codes_of(df["item"])) // len(df)
    cut_off = (df["finish_reason"] == "length").fillna(False).to_numpy(dtype=float)
    counted = {
        "cell": df["cell"].to_numpy(dtype=int)[first],
        "rows": np.bincount(groups, minlength=count),
        "items": np.bincount(asked, minlength=count),
        "errors": np.bincount(
            groups, weights=df["error"].notna().to_numpy(dtype=float), minlength=count
        ).astype(int),
        "truncated": np.bincount(groups, weights=cut_off, minlength=count).astype(int),
    }
    if taken := sorted({*counted}.intersection(by)):
        raise InvalidRequestError(
            f"cells have a column {taken[0]!r} of their own: rename that of the data to group by it",
            param="by",
        )
    frame: pd.DataFrame = df[shown].iloc[first].reset_index(drop=True)
    limits = [name for score in scores for name in (score, *limits_of(score))]
    figures = {name: found[name] for name in limits}
    metrics = {name: pd.array(found[name], dtype="Float64") for name in METRICS}
    frame = pd.concat([frame, pd.DataFrame({**counted, **figures, **metrics})], axis=1)
    frame.attrs = dict(df.attrs)
    return frame


def value_name(scores: Sequence[str], value: str | None) -> str:
    """The column that a figure is about: a score or a metric, by its name or a short one; the first score for None.

    Raises:
        InvalidRequestError: there is no such figure.
    """
    if value is None:
        if not scores:
            raise InvalidRequestError(f"say of which value: {', '.join(METRICS)}", param="value")
        return scores[0]
    value = ALIASES.get(value, value)
    if value not in scores and value not in METRICS:
        raise InvalidRequestError(
            f"{value!r} is no score and no metric; there are {', '.join([*scores, *METRICS])}", param="value"
        )
    return value


def check_axis(df: pd.DataFrame, axis: str) -> None:
    """See that there is such an axis.

    Raises:
        InvalidRequestError: there is none.
    """
    if axis not in df.attrs["axes"]:
        there = ", ".join(df.attrs["axes"]) or "none"
        raise InvalidRequestError(f"{axis!r} is no axis of this sweep; there are: {there}", param=axis)


def chosen(df: pd.DataFrame, axis: str, value: Any) -> pd.DataFrame:
    """The rows in which an axis has a value, named as the table names it.

    Raises:
        InvalidRequestError: there is no such axis, or no row has that value.
    """
    check_axis(df, axis)
    wanted = label_of(value)
    if df[axis].dtype == "category" and wanted is not None:
        wanted = _label(wanted)
    same = df[axis].isna() if wanted is None else (df[axis] == wanted).fillna(False).astype(bool)
    if not same.any():
        there = ", ".join(map(str, df[axis].drop_duplicates().tolist()))
        raise InvalidRequestError(f"{axis} is never {wanted!r} here; it is {there}", param=axis)
    return df[same]


def check_rows(df: pd.DataFrame) -> None:
    """See that something has run.

    Raises:
        InvalidRequestError: there are no rows yet.
    """
    if df.empty:
        raise InvalidRequestError("nothing has run yet: there are no results to show")


def check_one_mode(df: pd.DataFrame) -> None:
    """See that all rows are of one mode.

    Raises:
        InvalidRequestError: some are of throughput mode and some of latency mode.
    """
    if df["mode"].nunique() > 1:
        raise InvalidRequestError(
            "these rows are of both modes: times under load and times at rest don't belong in one table; "
            'take df[df["mode"] == "latency"] or the others',
            param="mode",
        )


def need_pandas() -> None:
    """Say what to install.

    Raises:
        SettingError: pandas is not there.
    """
    with needed_for("a table"):
        import pandas  # noqa: F401

"""Data comes back from the store as it went in, or is refused before anything is asked."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.results import Results, open_sweep
from oaikit.experiments.design.cells import Design
from oaikit.experiments.design.items import frame_of, items_of
from oaikit.experiments.design.space import grid
from oaikit.experiments.run.execution import keep
from oaikit.experiments.run.targets import Facts
from oaikit.experiments.store.database import Result, Store
from oaikit.experiments.store.frames import encode
from oaikit.sampling import CHAT

FACTS = Facts("m", {"model": "m"}, {}, vllm=True, max_num_seqs=None)
N = 3


def results_of(data: pd.DataFrame, store: Store) -> Results:
    """A sweep of the data with one replicate, whose answers are recorded as a run records them."""
    design = Design(
        points=list(grid(temperature=[0.5])),
        items=items_of(data, None),
        data=encode(frame_of(data)),
        template="{place}",
        endpoint=CHAT,
        n=1,
        seed=None,
        mode="throughput",
    )
    design.check()
    prepared = keep(design, [FACTS], [], store)
    run = secrets.token_hex(4)
    store.begin_run(run, prepared.sweep, {})
    store.record(Result(request, 0, run, text="x") for request in prepared.questions.requests)
    return Results(store, prepared.sweep)


def with_places(values: Any, index: Any = None) -> pd.DataFrame:
    column = pd.Series(values).reset_index(drop=True)
    frame = pd.DataFrame({"value": column, "place": [f"p{place}" for place in range(len(column))]})
    return frame if index is None else frame.set_axis(index, axis=0)


COLUMNS: dict[str, Any] = {
    **{f"numpy {name}": np.array([1, 0, 1], dtype=name) for name in ("i1", "u8", "f2", "f4", "f8", "bool")},
    **{
        f"pandas {name}": pd.array([1, None, 0], dtype=name)
        for name in ("Int8", "UInt64", "Float32", "boolean")
    },
    **{
        f"Arrow {name}": pd.array([1, None, 0], dtype=f"{name}[pyarrow]")
        for name in ("int64", "uint8", "float", "double")
    },
    "large integers": pd.array([2**63 - 1, None, -(2**63)], dtype="Int64"),
    "Arrow string": pd.array(["a", None, "ü"], dtype="string[pyarrow]"),
    "python string": pd.array(["a", None, "ü"], dtype=pd.StringDtype("python")),
    "str": ["a", None, "b"],
    "time zone": pd.date_range("2026-03-29", periods=N, tz="Europe/Berlin"),
    "duration": pd.to_timedelta([1, None, 3], unit="s"),
    "ordered categories": pd.Categorical(["b", None, "a"], categories=["c", "b", "a"], ordered=True),
    "period": pd.period_range("2026", periods=N, freq="M"),
    "interval": pd.interval_range(0, N),
    "lists": pd.Series([[1, "a"], {"b": [None]}, []], dtype=object),
    "objects": pd.Series([2**70, "a\n", None], dtype=object),
    "whole floats": [1.0, 2.0, float("nan")],
}
INDEXES: dict[str, Any] = {
    "missing": pd.Index([None, "a", "b"], dtype=object),
    "mixed": pd.Index([1, "a", 2.5], dtype=object),
    "nan": pd.Index([float("nan"), 1, 0]),
    "Int64": pd.Index([2**62 + 1, None, 0], dtype="Int64"),
    "Arrow": pd.Index([3, 2, 1], dtype="int32[pyarrow]"),
    "times": pd.date_range("2026", periods=N, tz="UTC"),
    "categories": pd.CategoricalIndex(["b", "a", "c"], ordered=True),
}
REFUSED: dict[str, Any] = {
    "complex": np.array([1j, 2, 3]),
    "arrays": pd.Series([np.array([1]), np.array([2]), None], dtype=object),
    "sparse": pd.arrays.SparseArray([1, 0, 0]),
    "tuples": pd.Series([(1,), (2,), (3,)], dtype=object),
    "lone surrogate": pd.Series(["a", "\ud800", "b"], dtype=object),
}


@settings(max_examples=15, deadline=None)
@given(
    column=st.sampled_from(sorted(COLUMNS)),
    index=st.sampled_from([*sorted(INDEXES), None]),
    order=st.lists(st.integers(0, N - 1), min_size=1, max_size=N, unique=True),
)
def test_any_data_comes_back_equal(
    tmp_path_factory: pytest.TempPathFactory, column: str, index: str | None, order: list[int]
) -> None:
    data = with_places(COLUMNS[column], None if index is None else INDEXES[index]).iloc[order]
    folder = tmp_path_factory.mktemp("data")
    with results_of(data, Store(folder / "s.db")) as results:
        here = results.df
        results_of(data, Store(folder / "s.db")).close()  # the same sweep again
        assert len(results.cells) == 1
        parquet = folder / "s.parquet"
        results.to_parquet(parquet)
    with open_sweep(folder / "s.db") as again:
        there = again.df
    names = ["value", "place"]
    for df in (here, there):
        pd.testing.assert_frame_equal(df[names], data.reset_index(drop=True), check_exact=True)
        labels = pd.Series(data.index).reset_index(drop=True).rename("item")
        pd.testing.assert_series_equal(df["item"], labels, check_exact=True)
    assert len(pd.read_parquet(parquet)) == len(order)


def test_an_index_of_several_levels_is_shown_as_tuples(tmp_path: Path) -> None:
    index = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["k", None])
    with results_of(with_places([1, 2, 3], index), Store(tmp_path / "s.db")) as results:
        assert results.df["item"].tolist() == index.tolist()
        assert len(results.cells) == 1
        results.to_parquet(tmp_path / "s.parquet")
    assert open_sweep(tmp_path / "s.db").df["item"].tolist() == index.tolist()


@pytest.mark.parametrize("kind", sorted(REFUSED))
def test_what_cannot_be_kept_is_refused_before_anything_is_asked(kind: str) -> None:
    with pytest.raises(InvalidRequestError, match="'value' of the data can't be kept") as caught:
        results_of(with_places(REFUSED[kind]), Store())
    assert caught.value.param == "data"

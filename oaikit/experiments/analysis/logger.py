"""Results in an experiment tracker."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oaikit.errors import SettingError
from oaikit.experiments.analysis.tables import of_one_type

if TYPE_CHECKING:
    import pandas as pd

_LONGEST = 500  # characters that MLflow takes for a parameter


def log_to_mlflow(df: pd.DataFrame, cells: pd.DataFrame, options: Mapping[str, Any]) -> None:
    """A run for the sweep with its rows as an artifact, and a nested run for each cell.

    Raises:
        SettingError: MLflow is not installed.
    """
    try:
        import mlflow  # type: ignore[import-not-found, unused-ignore]
    except ImportError as exc:
        raise SettingError("logging to MLflow needs it: pip install mlflow-skinny") from exc
    with mlflow.start_run(**options) as whole, tempfile.TemporaryDirectory() as folder:
        mlflow.log_params({name: _short(value) for name, value in df.attrs["provenance"].items()})
        file = Path(folder) / "rows.parquet"
        of_one_type(df).to_parquet(file)
        mlflow.log_artifact(str(file))
        for record in map(_named, cells.to_dict("records")):
            # Without the experiment it would go to the default one.
            with mlflow.start_run(experiment_id=whole.info.experiment_id, nested=True):
                mlflow.log_params({axis: _short(record[axis]) for axis in df.attrs["axes"]})
                mlflow.log_metrics(_numbers(record, {*df.attrs["axes"], "cell"}))


def _named(record: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in record.items()}


def _short(value: Any) -> str:
    return str(value)[:_LONGEST]


def _numbers(record: Mapping[str, Any], without: set[str]) -> dict[str, float]:
    found = {}
    for name, value in record.items():
        if name not in without and isinstance(value, int | float) and value == value:
            found[name] = float(value)
    return found

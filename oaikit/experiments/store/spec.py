"""What a sweep asks for, as the store keeps it: enough to read its results without the code that made them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from oaikit.experiments.columns import UNIT, Bounds, Kind
from oaikit.experiments.store.keys import digest, plain
from oaikit.sampling import CHAT


@dataclass(frozen=True)
class ScorerSpec:
    """A scorer: the name of its column, its identity, what it reads besides the answer, and the values it gives.

    Stores from before scorers declared their values have scores of kind ``real``.
    """

    name: str
    identity: str
    reads: Sequence[str] = ()
    kind: Kind = "real"
    bounds: Bounds = UNIT


@dataclass(frozen=True)
class ItemSpec:
    """One thing that is asked about: its name in tables, and its values in the columns of the data."""

    id: Any
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SweepSpec:
    """The description of a sweep.

    Attributes:
        cells: the values on the axes, one mapping for each cell, as tables show them.
        items: what each cell is asked about.
        axes: the names of the axes, in the order of the tables.
        columns: the names of the data's columns.
        fixed: the parameters that are the same in all cells.
        n: replicates of each cell and item.
        mode: ``"throughput"`` or ``"latency"``.
        endpoint: the route that is asked.
        scorers: the scorers in the order of their columns. They are no part of the identity.
    """

    cells: Sequence[Mapping[str, Any]]
    items: Sequence[ItemSpec]
    axes: Sequence[str] = field(default_factory=list)
    columns: Sequence[str] = field(default_factory=list)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    n: int = 1
    mode: str = "throughput"
    endpoint: str = CHAT
    scorers: Sequence[ScorerSpec] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows the results have when all is answered."""
        return len(self.cells) * len(self.items) * self.n

    def identity(self, requests: Sequence[str]) -> str:
        """The sweep's name in the store, from all that is asked; another scorer does not change it."""
        fields = self._fields()
        del fields["scorers"]
        return digest([fields, requests])

    def told(self, *names: str) -> dict[str, Any]:
        """Some fields by their names, as `to_json` writes them."""
        fields = self._fields()
        return {name: fields[name] for name in names}

    def to_json(self) -> str:
        """The description as JSON; `from_json` reads it."""
        return json.dumps(self._fields(), default=plain)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The description that `to_json` wrote, in this release or an earlier one."""
        fields = json.loads(text)
        scorers = fields.pop("scorers", ())
        fields["items"] = [ItemSpec(**each) for each in fields["items"]]
        return cls(**fields, scorers=[_scorer(**each) for each in scorers])

    def _fields(self) -> dict[str, Any]:
        return {
            **vars(self),
            "items": [vars(each) for each in self.items],
            "scorers": [vars(each) for each in self.scorers],
        }


def _scorer(*, reads: Sequence[str], bounds: Sequence[float] = UNIT, **others: Any) -> ScorerSpec:
    low, high = bounds
    return ScorerSpec(reads=tuple(reads), bounds=(low, high), **others)

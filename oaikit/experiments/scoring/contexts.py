"""What a scorer reads beside the answer: the parameters, the axes' values and the data of an item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from oaikit.experiments.scoring.scorer import EVERYTHING
from oaikit.experiments.store.keys import digest
from oaikit.experiments.store.spec import SweepSpec


@dataclass(frozen=True)
class Contexts:
    """What scorers read beside the result, for each cell and item of a sweep."""

    spec: SweepSpec
    known: dict[tuple[tuple[str, ...], int, int], str] = field(default_factory=dict)

    def given(self, cell: int, item: int) -> dict[str, Any]:
        """Parameters, axes and data of a cell and an item."""
        row = self.spec.items[item]
        return {
            **self.spec.fixed,
            **row.data,
            **self.spec.cells[cell],
            "item": row.id,
            "cell": cell,
        }

    def key(self, reads: Sequence[str], cell: int, item: int) -> str:
        """A name for what of them a scorer reads."""
        place = (tuple(reads), cell, item)
        if place not in self.known:
            given = self.given(cell, item)
            names = [*given] if EVERYTHING in reads else reads
            # The result's own columns are those of the request and the replicate, which are in the key already.
            read = {name: given[name] for name in names if name in given}
            self.known[place] = digest(read) if read else ""
        return self.known[place]

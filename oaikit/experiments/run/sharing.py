"""Work that several runs may have in common, handed out so that each piece is done once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from oaikit.experiments.run.runner import Job
from oaikit.experiments.store.claims import Claims, Key

_AT_ONCE: Final = 32
"""Sequences that are claimed together: fewer cost a transaction each, more leave other runs without work."""
_LOOK_AGAIN_S: Final = 0.5


@dataclass(frozen=True)
class Unit:
    """Work that is claimed together: keys in the store, and the jobs that make those of them that are missing."""

    keys: Sequence[Key]
    jobs: Callable[[Sequence[Key]], Iterable[Job]]


class Shared:
    """A supply of jobs, less what other runs on the same store do meanwhile.

    Args:
        units: the work in order.
        claims: the store's claims; None if nobody else can see the store.
        run: the run's name.
        known: which of some keys another run has done meanwhile, and whether each was a success.
        elsewhere: told of these.
        at_once: sequences that are claimed together.
    """

    def __init__(
        self,
        units: Iterable[Unit],
        claims: Claims | None,
        run: str,
        known: Callable[[Sequence[Key]], Mapping[Key, bool]],
        elsewhere: Callable[[Mapping[Key, bool]], None],
        at_once: int = _AT_ONCE,
    ) -> None:
        self._units, self._held = deque(units), deque[Unit]()
        self._claims, self._run, self._known, self._elsewhere = claims, run, known, elsewhere
        self._at_once = at_once
        self._looked = 0.0

    @property
    def waits(self) -> bool:
        """Whether another run is at work on something that this one needs."""
        return bool(self._held)

    def take(self, most: int) -> list[Job]:
        """Return the next jobs. There may be more than there is room for, since each claim is a transaction."""
        while self._units:
            if jobs := self._claim(_first(self._units, self._at_once)):
                return jobs
        if self._held and time.monotonic() - self._looked > _LOOK_AGAIN_S:
            self._looked = time.monotonic()
            held, self._held = self._held, deque()
            while held:
                if jobs := self._claim(_first(held, self._at_once)):
                    self._held.extend(held)
                    self._looked = 0.0
                    return jobs
        return []

    def _claim(self, units: Sequence[Unit]) -> list[Job]:
        if self._claims is None:
            return [job for unit in units for job in unit.jobs(unit.keys)]
        keys = [key for unit in units for key in unit.keys]
        taken = self._claims.take(self._run, keys)
        # In this order: whoever ends between the two has committed before it lets go.
        known = self._known(keys)
        if known:
            self._elsewhere(known)
        jobs: list[Job] = []
        for unit in units:
            missing = [key for key in unit.keys if key not in known]
            jobs += unit.jobs(free) if (free := [key for key in missing if key in taken]) else ()
            if held := [key for key in missing if key not in taken]:
                self._held.append(Unit(held, unit.jobs))
        return jobs


def _first(units: deque[Unit], most: int) -> list[Unit]:
    """Units from the front, up to a number of sequences."""
    taken: list[Unit] = []
    while units and most > 0:
        taken.append(units.popleft())
        most -= len(taken[-1].keys)
    return taken

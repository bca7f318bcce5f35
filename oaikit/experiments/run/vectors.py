"""Vectors of many texts, kept in a sweep's store as they come."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from oaikit.backend import Backend
from oaikit.experiments.run.execution import opened
from oaikit.experiments.run.runner import LOOP
from oaikit.experiments.store.database import Result, Store
from oaikit.experiments.store.keys import digest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vector = npt.NDArray[np.float32]

_BATCH: Final = 64  # texts in a request, and at most lost by an interrupt
_AT_ONCE: Final = 4
_TIMEOUT_S: Final = 60.0
_RUN: Final = "embed"


def embedded(
    llm: Backend, texts: Sequence[str], *, store: str | Path | Store | None, dimensions: int | None = None
) -> list[Vector]:
    """A vector for each text. Those that the store has are not asked for, and equal texts are asked for once.

    Args:
        llm: A model that embeds.
        texts: What vectors are made of.
        store: Where they are kept; None: nowhere.
        dimensions: Their length, for models that can make several.

    Raises:
        OAIKitError: What a request ended with. What came before is kept.
    """
    kept = store if isinstance(store, Store) else Store(store)
    try:
        return LOOP.run(_embedded(llm, texts, kept, dimensions))
    finally:
        if kept is not store:
            kept.close()


async def _embedded(llm: Backend, texts: Sequence[str], store: Store, dimensions: int | None) -> list[Vector]:
    async with opened([llm], _TIMEOUT_S) as (_, facts):
        identity: Mapping[str, Any] = facts[0].identity
    asked = {"endpoint": "embeddings", "dimensions": dimensions, "model": identity}
    names = {text: digest({**asked, "input": text}) for text in dict.fromkeys(texts)}
    had = store.texts_of(names.values())
    vectors = {text: _decoded(had[name]) for text, name in names.items() if name in had}
    missing = [text for text in names if text not in vectors]
    room, bar = asyncio.Semaphore(_AT_ONCE), _bar(len(names), len(vectors))

    async def one(batch: Sequence[str]) -> None:
        async with room:
            began = time.perf_counter()
            rows = await llm.aembed(batch, dimensions=dimensions)
            seconds = time.perf_counter() - began
        store.record(
            Result(names[text], 0, _RUN, text=_encoded(row), latency_s=seconds)
            for text, row in zip(batch, rows, strict=True)
        )
        vectors.update(zip(batch, rows, strict=True))
        bar.update(len(batch))

    tasks = [
        asyncio.create_task(one(missing[first : first + _BATCH])) for first in range(0, len(missing), _BATCH)
    ]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    finally:
        bar.close()
    return [vectors[text] for text in texts]


def _encoded(vector: Vector) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def _decoded(text: str) -> Vector:
    import numpy as np

    return np.frombuffer(base64.b64decode(text), "<f4").astype(np.float32)


def _bar(total: int, done: int) -> Any:
    from tqdm.std import tqdm

    return tqdm(total=total, initial=done, unit="texts", disable=done == total)

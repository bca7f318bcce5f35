"""How alike an answer and a reference are, by their embeddings."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from oaikit._distribution import missing
from oaikit.backend import Backend
from oaikit.connection import Connection
from oaikit.errors import InvalidRequestError, OAIKitError, ServerNotFoundError, from_body
from oaikit.experiments.design.identity import judge_identity
from oaikit.experiments.scoring.fingerprint import fingerprint
from oaikit.experiments.scoring.matching import references, text_of
from oaikit.experiments.scoring.scorer import Row, Scorer, identity_of

Vector = Sequence[float]
Embedder = Callable[[Any], Any] | Backend

_TIMEOUT_S: Final = 60.0
_SHOWN: Final = 200  # characters of an answer that is not a list of vectors


def similarity(column: str, embedder: Embedder, *, name: str = "similarity") -> Scorer:
    """The cosine of the embeddings of the answer and of what a column says, from -1 to 1.

    Of a list of references, the most similar one counts. Where the column has no value, where the answer is empty, or
    where an embedding has no direction (all zeros), there is no score.

    Args:
        column: the column of the data with the reference.
        embedder: a function of a list of texts that gives a vector for each, such as ``model.encode`` of a sentence
            transformer; a function of one text that gives its vector; or ``ok.connect(…)`` of a server whose model
            makes embeddings.
        name: of the score's column.

    Raises:
        InvalidRequestError: the embedder is none of these.
    """
    if isinstance(embedder, Backend):
        if not isinstance(embedder, Connection):
            raise InvalidRequestError(
                "embeddings come from a server: give ok.connect(…) or a function", param="embedder"
            )
        told = ["server", judge_identity(embedder)]
        function: Callable[[Row], Any] = _awaited(column, _Server(embedder))
    elif callable(embedder):
        told = ["function", fingerprint(embedder)]
        function = _called(column, _Function(embedder))
    else:
        raise InvalidRequestError(
            f"embedder is a function or ok.connect(…), not {embedder!r}", param="embedder"
        )
    is_async = isinstance(embedder, Backend)
    identity = identity_of("similarity", column, told)
    return Scorer(name, (column,), identity, function, "bounded", (-1.0, 1.0), is_async=is_async)


def cosine(a: Vector, b: Vector) -> float | None:
    """The cosine of the angle between two vectors; None if one of them is all zeros.

    Raises:
        ValueError: they differ in length, or hold a value that is not a finite number.
    """
    if len(a) != len(b):
        raise ValueError(f"the embeddings have {len(a)} and {len(b)} numbers")
    lengths = math.hypot(*a), math.hypot(*b)
    if not all(map(math.isfinite, lengths)):
        raise ValueError("an embedding holds what is no finite number")
    if not all(lengths):
        return None
    # Each is divided by its own length first: the product of two small lengths may be 0.
    found = math.fsum((x / lengths[0]) * (y / lengths[1]) for x, y in zip(a, b, strict=True))
    return max(-1.0, min(1.0, found))


def _texts(row: Row, column: str) -> list[str]:
    """The answer and the references; empty where there is nothing to compare."""
    wanted = [text for each in references(row[column]) if (text := text_of(each)).strip()]
    return [row["text"], *wanted] if wanted and row["text"].strip() else []


def _best(vectors: Sequence[Vector]) -> float | None:
    answer, *wanted = vectors
    known = [found for each in wanted if (found := cosine(answer, each)) is not None]
    return max(known) if known else None


def _called(column: str, embed: Callable[[list[str]], list[Vector]]) -> Callable[[Row], float | None]:
    def score(row: Row) -> float | None:
        texts = _texts(row, column)
        return _best(embed(texts)) if texts else None

    return score


def _awaited(
    column: str, embed: Callable[[list[str]], Awaitable[list[Vector]]]
) -> Callable[[Row], Awaitable[float | None]]:
    async def score(row: Row) -> float | None:
        texts = _texts(row, column)
        return _best(await embed(texts)) if texts else None

    return score


class _Function:
    """An embedder of the user's, of several texts or of one."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function
        self._takes_one: bool | None = None

    def __call__(self, texts: list[str]) -> list[Vector]:
        if self._takes_one is None:
            self._takes_one = not self._takes_several(texts)
        given = [self._function(text) for text in texts] if self._takes_one else self._function(texts)
        found: list[Vector] = [_vector(each) for each in given]
        if len(found) != len(texts):
            raise ValueError(f"the embedder gave {len(found)} vectors for {len(texts)} texts")
        return found

    def _takes_several(self, texts: list[str]) -> bool:
        try:
            found = [_vector(each) for each in self._function(texts)]
        except (TypeError, AttributeError, ValueError):
            return False
        return len(found) == len(texts)


def _vector(given: Any) -> list[float]:
    listed = given.tolist() if hasattr(given, "tolist") else given
    if not isinstance(listed, list | tuple) or not listed:
        raise ValueError("an embedding is a list of numbers")
    return [float(each) for each in listed]


class _Server:
    """A server's embeddings."""

    def __init__(self, llm: Connection) -> None:
        self._llm = llm

    async def __call__(self, texts: list[str]) -> list[Vector]:
        try:
            import aiohttp
        except ImportError as exc:
            raise missing("embeddings of a server need aiohttp", "experiments") from exc
        body = {"model": await self._llm.amodel(), "input": texts, "encoding_format": "float"}
        headers = {"Authorization": self._llm.authorization, "User-Agent": "oaikit"}
        limit = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(headers=headers, timeout=limit) as session,
                session.post(f"{self._llm.url}/embeddings", json=body) as response,
            ):
                told = await response.json(content_type=None)
        except TimeoutError as exc:
            raise ServerNotFoundError(f"{self._llm.url} gave no embeddings within {_TIMEOUT_S:g} s") from exc
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise ServerNotFoundError(f"{self._llm.url} gives no embeddings: {exc}") from exc
        if response.status >= 400:
            raise from_body(response.status, told)
        try:
            ordered = sorted(told["data"], key=lambda each: each["index"])
            found: list[Vector] = [_vector(each["embedding"]) for each in ordered]
        except (KeyError, TypeError, ValueError):
            found = []
        if len(found) != len(texts):
            raise OAIKitError(f"the server's answer is no list of embeddings: {str(told)[:_SHOWN]}")
        return found

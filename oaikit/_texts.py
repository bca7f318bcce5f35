"""What a model makes of texts besides answers: vectors, rankings, tokens, and the prompt that a chat becomes."""

from __future__ import annotations

import asyncio
import base64
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from oaikit._body import Messages, Route, chat_body
from oaikit._distribution import missing
from oaikit._loop import LoopThread
from oaikit._stream import Stream
from oaikit.errors import InvalidRequestError, NotFoundError, RequestError
from oaikit.rendered import Rendered

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

T = TypeVar("T")

ROUNDS = LoopThread("oaikit-rounds")
"""Where synchronous calls run that make several requests."""

_BATCH: Final = 256  # texts in one request; servers take 2048 and more, but one request is one answer
_AT_ONCE: Final = 4  # requests: one is computed, the others wait behind it


@dataclass(frozen=True)
class Ranked:
    """A document and how well it fits the query: the model's score, the higher the better."""

    index: int
    score: float
    text: str


class Texts(ABC):
    """The calls of a backend that make no answer. All are built on `request`, and each has an awaited form."""

    @abstractmethod
    def request(self, endpoint: Route, body: Mapping[str, Any], *, abort: str | None = None) -> Stream:
        """Send a request; see `Backend.request`."""

    def embed(
        self, texts: str | Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> Vectors:
        """The vectors of texts: ``llm.embed(["a cat", "a dog"]).shape``.

        Args:
            texts: A text, or a sequence of them (a column of a DataFrame too). Many are sent in several requests.
            model: The model, if not the backend's own. It must be one that embeds; vLLM makes one of most models with
                the engine arguments ``runner="pooling", convert="embed"``.
            dimensions: The length of the vectors, for models that can make several.

        Returns:
            An array of float32: a row per text, or one vector for one text.

        Raises:
            InvalidRequestError: A text is not a text, or the model cannot embed.
            SettingError: numpy is not installed.
        """
        return ROUNDS.run(self.aembed(texts, model=model, dimensions=dimensions))

    async def aembed(
        self, texts: str | Sequence[str], *, model: str | None = None, dimensions: int | None = None
    ) -> Vectors:
        """`embed`, awaited."""
        try:
            import numpy as np
        except ImportError as exc:
            raise missing("llm.embed needs numpy", "experiments") from exc
        listed = _texts(texts, "texts")
        options = _given(model=model, dimensions=dimensions, encoding_format="base64")

        async def vectors_of(batch: Sequence[str]) -> list[Vectors]:
            answer = await self._answer("embeddings", {"input": list(batch), **options})
            rows = sorted(answer.get("data") or (), key=lambda row: row["index"])
            if len(rows) != len(batch):
                raise InvalidRequestError(f"the server gave {len(rows)} vectors for {len(batch)} texts")
            return [_vector(row["embedding"]) for row in rows]

        batches = [listed[first : first + _BATCH] for first in range(0, len(listed), _BATCH)]
        rows = [row for batch in await _side_by_side(batches, vectors_of) for row in batch]
        if isinstance(texts, str):
            return rows[0]
        return np.stack(rows) if rows else np.empty((0, 0), np.float32)

    def rerank(
        self, query: str, documents: Sequence[str], *, model: str | None = None, top_n: int | None = None
    ) -> list[Ranked]:
        """Documents by how well they fit a query, the best first.

        Args:
            query: What is looked for.
            documents: Among what.
            model: The model, if not the backend's own: one that scores pairs or embeds.
            top_n: How many are returned; all unless given.

        Raises:
            InvalidRequestError: A document is not a text, or the model cannot rank.
        """
        return ROUNDS.run(self.arerank(query, documents, model=model, top_n=top_n))

    async def arerank(
        self, query: str, documents: Sequence[str], *, model: str | None = None, top_n: int | None = None
    ) -> list[Ranked]:
        """`rerank`, awaited."""
        listed = _texts(documents, "documents")
        if not listed:
            return []
        body = {"query": query, "documents": listed, **_given(model=model, top_n=top_n)}
        answer = await self._answer("rerank", body)
        found = [
            Ranked(row["index"], float(row["relevance_score"]), listed[row["index"]])
            for row in answer.get("results") or ()
        ]
        return sorted(found, key=lambda each: -each.score)

    def tokenize(
        self, text: Messages, *, model: str | None = None, add_special_tokens: bool | None = None
    ) -> list[int]:
        """The ids of a text's tokens, or of the prompt that messages become.

        Args:
            text: A text, or a list of OpenAI messages.
            model: The model, if not the backend's own.
            add_special_tokens: Whether tokens such as the one that begins a text are added. Unless given, they are
                added to a text; messages get theirs from the chat template.

        Raises:
            NotFoundError: The server has no tokenizer; vLLM's has.
        """
        return ROUNDS.run(self.atokenize(text, model=model, add_special_tokens=add_special_tokens))

    async def atokenize(
        self, text: Messages, *, model: str | None = None, add_special_tokens: bool | None = None
    ) -> list[int]:
        """`tokenize`, awaited."""
        said = {"prompt": text} if isinstance(text, str) else chat_body(text, {})
        options = _given(model=model, add_special_tokens=add_special_tokens)
        return list((await self._answer("tokenize", {**said, **options}))["tokens"])

    def detokenize(self, tokens: Sequence[int], *, model: str | None = None) -> str:
        """The text of token ids; see `tokenize`."""
        return ROUNDS.run(self.adetokenize(tokens, model=model))

    async def adetokenize(self, tokens: Sequence[int], *, model: str | None = None) -> str:
        """`detokenize`, awaited."""
        body = {"tokens": list(tokens), **_given(model=model)}
        return str((await self._answer("detokenize", body))["prompt"])

    def count_tokens(self, text: Messages, *, model: str | None = None) -> int:
        """How many tokens a text has, or the prompt that messages become; see `tokenize`."""
        return ROUNDS.run(self.acount_tokens(text, model=model))

    async def acount_tokens(self, text: Messages, *, model: str | None = None) -> int:
        """`count_tokens`, awaited."""
        return len(await self.atokenize(text, model=model))

    def render(
        self,
        messages: Messages,
        *,
        model: str | None = None,
        tools: Sequence[Any] | None = None,
        add_generation_prompt: bool = True,
        **template: Any,
    ) -> Rendered:
        """The prompt that a chat becomes, as the model's template makes it; in a notebook coloured by role.

        Args:
            messages: A user's message, or a list of OpenAI messages.
            model: The model, if not the backend's own.
            tools: What the model may call: functions, or OpenAI's descriptions.
            add_generation_prompt: Whether the beginning of an answer is added, as it is when the model is asked.
            **template: What else the template knows, such as ``enable_thinking=False``.

        Raises:
            NotFoundError: The server has no tokenizer; vLLM's has.
        """
        return ROUNDS.run(
            self.arender(
                messages, model=model, tools=tools, add_generation_prompt=add_generation_prompt, **template
            )
        )

    async def arender(
        self,
        messages: Messages,
        *,
        model: str | None = None,
        tools: Sequence[Any] | None = None,
        add_generation_prompt: bool = True,
        **template: Any,
    ) -> Rendered:
        """`render`, awaited."""
        said = chat_body(messages, {})
        options = _given(model=model, tools=_specs(tools), chat_template_kwargs=template or None)
        body = {**said, **options, "add_generation_prompt": add_generation_prompt}
        tokens = list((await self._answer("tokenize", body))["tokens"])
        text = await self.adetokenize(tokens, model=model)
        return Rendered(text, tuple(tokens), said["messages"])

    async def _answer(self, endpoint: Route, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON object that answers a request.

        Raises:
            NotFoundError: The server has no such route.
        """
        answer: dict[str, Any] = {}
        try:
            async for event in self.request(endpoint, body).aevents():
                answer = event
        except (NotFoundError, RequestError) as exc:
            if exc.status in (404, 405) and exc.code != "model_not_found":
                raise NotFoundError(
                    f"this server, or the model that it serves, has no {endpoint}: {exc.message}"
                ) from None
            raise
        return answer


def _texts(texts: Any, name: str) -> list[str]:
    """The texts as a list.

    Raises:
        InvalidRequestError: One of them is something else.
    """
    listed = [texts] if isinstance(texts, str) else list(texts)
    for place, text in enumerate(listed):
        if not isinstance(text, str):
            raise InvalidRequestError(
                f"`{name}` must be texts, and number {place} is of type {type(text).__name__}", param=name
            )
    return listed


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _specs(tools: Sequence[Any] | None) -> list[Any] | None:
    if tools is None or all(isinstance(each, Mapping) for each in tools):
        return None if tools is None else list(tools)
    from oaikit.tools.functions import Functions

    return Functions(tools).specs()


def _vector(embedding: Any) -> Vectors:
    """A vector as servers send it: base64 of float32, or a list where they do not know that."""
    import numpy as np

    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding), "<f4").astype(np.float32)
    return np.asarray(embedding, np.float32)


async def _side_by_side(
    batches: Sequence[Sequence[str]], ask: Callable[[Sequence[str]], Awaitable[T]]
) -> list[T]:
    """The answers in the batches' order, with few requests under way at once."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(batch: Sequence[str]) -> T:
        async with room:
            return await ask(batch)

    tasks = [asyncio.create_task(one(batch)) for batch in batches]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise

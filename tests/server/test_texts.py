"""Tokens and prompts of the shared server's model, and vectors of a model that embeds, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import oaikit as ok
from oaikit.errors import OAIKitError
from tests.harness import Server

# vLLM and what it imports warn of things that are not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")

MESSAGES = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Hello there"}]


@pytest.fixture
def llm(server: Server) -> Iterator[ok.Connection]:
    with ok.connect(server.v1, api_key=server.token) as made:
        yield made


def test_tokens_of_a_text(llm: ok.Connection) -> None:
    ids = llm.tokenize("Hello there", add_special_tokens=False)
    assert len(ids) > 1
    assert llm.detokenize(ids).strip() == "Hello there"
    assert asyncio.run(llm.acount_tokens("Hello there")) >= len(ids)


def test_a_prompt_has_the_tokens_that_the_engine_counts(llm: ok.Connection) -> None:
    prompt = llm.render(MESSAGES)
    assert ("system", "Be terse.") in prompt.segments
    assert ("user", "Hello there") in prompt.segments
    reply = llm.chat(MESSAGES, max_tokens=1)
    assert len(prompt) == llm.count_tokens(MESSAGES) == reply.usage.prompt_tokens
    again = llm.chat(MESSAGES, max_tokens=1)
    assert again.usage.cached_tokens is not None


def test_a_model_that_answers_cannot_embed_and_says_so(llm: ok.Connection) -> None:
    with pytest.raises(OAIKitError) as error:
        llm.embed("Hello")
    assert "embed" in error.value.message.lower()


def test_an_engine_embeds_and_ranks(model: Path) -> None:
    with ok.Engine(str(model), max_model_len=256, runner="pooling", convert="embed") as engine:
        vectors = engine.embed(["one", "two", "one"])
        assert vectors.dtype == np.float32
        assert vectors.shape[0] == 3
        assert np.allclose(vectors[0], vectors[2], atol=1e-4)
        assert not np.allclose(vectors[0], vectors[1], atol=1e-3)
        best, *_ = engine.rerank("one", ["two", "one"])
        assert best.text == "one"
        assert engine.count_tokens("one two") >= 2

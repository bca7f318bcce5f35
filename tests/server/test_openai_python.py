"""The stock Python client against the engine in Jupyter."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path

import openai
import pytest

from tests.harness import SERVED, Server

HELLO = [{"role": "user", "content": "Hello"}]


def test_the_served_name_is_listed_first_and_the_models_own_is_accepted(
    client: openai.OpenAI, model: Path
) -> None:
    assert [listed.id for listed in client.models.list()] == [SERVED, str(model)]
    reply = client.chat.completions.create(model=str(model), messages=HELLO, max_tokens=1)
    assert reply.model == SERVED


def test_chat(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model=SERVED, messages=HELLO, max_tokens=12, temperature=0)
    assert reply.model == SERVED
    assert reply.choices[0].message.role == "assistant"
    assert reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 12


def test_a_streamed_chat_is_the_same_text_piece_by_piece(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model=SERVED, messages=HELLO, max_tokens=24, temperature=0)
    pieces, usage = [], None
    with client.chat.completions.create(
        model=SERVED,
        messages=HELLO,
        max_tokens=24,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        for chunk in stream:
            pieces += [choice.delta.content or "" for choice in chunk.choices]
            usage = chunk.usage or usage
    assert "".join(pieces) == whole.choices[0].message.content
    assert len([piece for piece in pieces if piece]) > 12
    assert usage is not None
    assert usage.completion_tokens == 24


def test_a_stream_arrives_as_it_is_generated(client: openai.OpenAI) -> None:
    arrivals = []
    with client.completions.create(
        model=SERVED, prompt="The", max_tokens=400, stream=True, extra_body={"ignore_eos": True}
    ) as stream:
        for _ in stream:
            arrivals.append(time.perf_counter())
    took = arrivals[-1] - arrivals[0]
    longest_gap = max(later - earlier for earlier, later in itertools.pairwise(arrivals))
    assert len(arrivals) > 300, "the answer came in a few lumps"
    assert longest_gap < took / 2, "the answer came at once, or in two halves"


def test_completions(client: openai.OpenAI) -> None:
    reply = client.completions.create(model=SERVED, prompt=["The", "One"], max_tokens=8, temperature=0, n=1)
    assert [choice.index for choice in reply.choices] == [0, 1]
    assert all(choice.text for choice in reply.choices)
    streamed = ["", ""]
    for chunk in client.completions.create(
        model=SERVED, prompt=["The", "One"], max_tokens=8, temperature=0, stream=True
    ):
        for choice in chunk.choices:
            streamed[choice.index] += choice.text
    assert streamed == [choice.text for choice in reply.choices]


def test_several_choices_logprobs_and_stop(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(
        model=SERVED, messages=HELLO, max_tokens=16, n=3, seed=7, temperature=1, logprobs=True, top_logprobs=2
    )
    assert len({choice.message.content for choice in reply.choices}) == 3
    logprobs = reply.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert len(logprobs.content) == 16
    assert len(logprobs.content[0].top_logprobs) == 2
    text = reply.choices[0].message.content or ""
    word = text.split()[2]
    stopped = client.chat.completions.create(
        model=SERVED, messages=HELLO, max_tokens=16, n=3, seed=7, temperature=1, stop=[word]
    )
    assert stopped.choices[0].message.content == text[: text.index(word)]
    assert stopped.choices[0].finish_reason == "stop"


def test_structured_output(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(
        model=SERVED,
        messages=HELLO,
        max_tokens=20,
        extra_body={"structured_outputs": {"choice": ["yes", "no"]}},
    )
    assert reply.choices[0].message.content in ("yes", "no")


def test_responses(client: openai.OpenAI) -> None:
    response = client.responses.create(model=SERVED, input="Hello", max_output_tokens=16, temperature=0)
    assert response.output_text


def test_tokenize_and_detokenize(server: Server) -> None:
    tokens = server.request("POST", "oaikit/tokenize", {"model": SERVED, "prompt": "The cat"}).json["tokens"]
    assert tokens
    text = server.request("POST", "oaikit/detokenize", {"model": SERVED, "tokens": tokens}).json["prompt"]
    assert text == "The cat"


def test_async_requests_run_together(server: Server) -> None:
    async def ask(client: openai.AsyncOpenAI, index: int) -> str:
        text = ""
        async for chunk in await client.chat.completions.create(
            model=SERVED,
            messages=[{"role": "user", "content": f"Story {index}"}],
            max_tokens=32,
            temperature=0,
            stream=True,
        ):
            text += chunk.choices[0].delta.content or ""
        return text

    async def all_at_once() -> list[str]:
        async with openai.AsyncOpenAI(base_url=server.v1, api_key=server.token) as client:
            return await asyncio.gather(*(ask(client, index % 4) for index in range(32)))

    texts = asyncio.run(all_at_once())
    assert len(texts) == 32
    assert all(texts)
    # Each stream got its own answer: the eight that asked the same were told the same.
    assert all(len(set(texts[index::4])) == 1 for index in range(4)) or len(set(texts)) < 16


def test_errors_are_the_clients_own_exceptions(server: Server, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="no-such-model", messages=HELLO)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as bad:
        client.chat.completions.create(model=SERVED, messages=HELLO, temperature=9)
    assert "temperature" in bad.value.message
    with pytest.raises(openai.AuthenticationError) as stranger:
        openai.OpenAI(base_url=server.v1, api_key="sk-wrong", max_retries=0).models.list()
    assert stranger.value.code == "invalid_api_key"


def test_jupyter_answers_while_the_engine_works(server: Server, client: openai.OpenAI) -> None:
    with client.completions.create(
        model=SERVED, prompt="The", max_tokens=1000, stream=True, extra_body={"ignore_eos": True}
    ) as stream:
        next(iter(stream))
        for _ in range(20):
            assert server.request("GET", "api").status == 200
        assert server.status()["running"] >= 1  # the last test's may still be ending

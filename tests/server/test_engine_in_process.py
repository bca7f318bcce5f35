"""An engine in a script of one's own."""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest
import uvicorn

import oaikit as ok
from oaikit.engine import metrics
from oaikit.errors import (
    EngineArgumentError,
    EngineError,
    InvalidRequestError,
    NotFoundError,
)
from oaikit_server.dialect import Dialect, Policy
from tests.harness import wait_until

# vLLM and what it imports warn of things that are not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def llm(model: Path) -> Iterator[ok.Engine]:
    before, level = dict(os.environ), logging.root.level
    with ok.Engine(str(model), max_model_len=1024, served_model_name="here") as engine:
        assert {name for name in os.environ if os.environ.get(name) != before.get(name)} == set()
        assert logging.root.level == level
        yield engine
        # Only this process's own: the shared server has an engine too.
        cores = [p for p in psutil.Process().children() if "EngineCore" in " ".join(p.cmdline())]
        processes = [process for core in cores for process in (core, *core.children())]
        assert processes
    # What does not end by itself vLLM kills after seconds, and does not wait for.
    _, left = psutil.wait_procs(processes, timeout=5)
    assert not left


def forked(function: Callable[[], list[str]]) -> list[str]:
    """What a function returns in a forked process, which then ends as a script does, its exit handlers run."""
    read, write = os.pipe()
    if not (pid := os.fork()):
        try:
            os.write(write, json.dumps(function()).encode())
            atexit._run_exitfuncs()
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as said:
        returned: list[str] = json.load(said)
    os.waitpid(pid, 0)
    return returned


def test_it_answers_in_a_form_and_counts_its_tokens(llm: ok.Engine) -> None:
    form = {
        "type": "object",
        "properties": {"n": {"type": "null"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    reply = llm.chat("Nothing, please", schema=form)
    assert reply.parsed == {"n": None}
    assert llm.context_length() == 1024
    assert len(llm.render("Nothing, please")) == reply.usage.prompt_tokens
    assert asyncio.run(llm.acount_tokens("Nothing, please")) > 1


def test_it_answers(llm: ok.Engine) -> None:
    reply = llm.chat("Hello", temperature=0, max_tokens=10)
    assert reply.text
    assert reply.model == "here"
    assert reply.finish_reason == "length"
    assert reply.usage.completion_tokens == 10
    assert reply.ttft_s
    assert llm.complete("The", temperature=0, max_tokens=5).usage.completion_tokens == 5


def test_it_streams(llm: ok.Engine) -> None:
    whole = llm.chat("Hello", temperature=0, max_tokens=20)
    pieces = list(llm.stream("Hello", temperature=0, max_tokens=20))
    assert "".join(piece.text for piece in pieces) == whole.text
    assert len(pieces) > 3, "tokens that come faster than they are read come together"
    assert pieces[-1].finish_reason == "length"


def test_it_answers_asynchronously(llm: ok.Engine) -> None:
    async def both() -> tuple[str, str]:
        reply, text = await llm.achat("Hello", temperature=0, max_tokens=20), ""
        async for delta in llm.astream("Hello", temperature=0, max_tokens=20):
            text += delta.text
        return reply.text, text

    whole, streamed = asyncio.run(both())
    assert whole == streamed


def test_a_stream_left_early_is_aborted(llm: ok.Engine) -> None:
    with llm.stream("Hello", max_tokens=1000) as stream:
        next(iter(stream))
    assert llm.chat("Hello", max_tokens=2).text


def test_a_forked_process_leaves_the_engine_to_its_parent(llm: ok.Engine) -> None:
    def use() -> list[str]:
        said = [repr(llm)]
        for call in (lambda: llm.chat("Hello"), llm.status, lambda: llm.model, lambda: llm.stream("Hello")):
            try:
                call()
            except EngineError as exc:
                said.append(str(exc))
        llm.close()
        return said

    own, *refused = forked(use)
    assert own == repr(llm)
    assert len(refused) == 4
    assert all(f"runs in process {os.getpid()}" in each for each in refused)
    assert llm.complete("The", max_tokens=2).usage.completion_tokens == 2


def test_an_engine_is_not_sent_to_another_process(llm: ok.Engine) -> None:
    with pytest.raises(TypeError, match=r"ok\.connect"):
        pickle.dumps(llm)


def test_bad_requests_are_told_apart(llm: ok.Engine) -> None:
    with pytest.raises(InvalidRequestError, match="temperature"):
        llm.chat("Hello", temperature=9)
    with pytest.raises(NotFoundError):
        llm.chat("Hello", model="another")


def test_bad_arguments_and_models_raise_at_once(model: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineArgumentError, match="max_model_len"):
        ok.Engine(str(model), max_modle_len=9)
    with pytest.raises(EngineArgumentError, match="HTTP server"):
        ok.Engine(str(model), port=8000)
    with pytest.raises(EngineArgumentError, match="tool_call_parser"):
        ok.Engine(str(model), enable_auto_tool_choice=True)
    with pytest.raises(EngineArgumentError, match="no-such-model"):
        ok.Engine(str(tmp_path / "no-such-model"))


def test_the_routes_are_hosted_without_jupyter(llm: ok.Engine) -> None:
    """By uvicorn on the engine's loop, with the dialect as middleware."""
    host = llm._host
    app = Dialect(host.app, Policy, max_body_size=1_000_000)  # type: ignore[arg-type]
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off")  # type: ignore[arg-type]
    served = uvicorn.Server(config)
    serving = host.loop.submit(served._serve())
    try:
        while not served.started:
            time.sleep(0.01)
        port = served.servers[0].sockets[0].getsockname()[1]
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)
        asked: Any = {"model": "here", "messages": [{"role": "user", "content": "Hello"}], "temperature": 0}
        whole = client.chat.completions.create(**asked, max_tokens=10).choices[0].message.content
        stream = client.chat.completions.create(**asked, max_tokens=10, stream=True)
        assert whole
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == whole
        best = client.completions.create(model="here", prompt="The", max_tokens=5, extra_body={"best_of": 3})
        assert len(best.choices) == 1
        with pytest.raises(openai.BadRequestError, match="temperature"):
            client.chat.completions.create(**asked | {"temperature": 3})
        # A client that goes away leaves nothing at the engine.
        client.chat.completions.create(**asked, max_tokens=900, stream=True).close()
        wait_until(lambda: not metrics.scheduler_figures()["running"], 10)
    finally:
        served.should_exit = True
        serving.result(10)

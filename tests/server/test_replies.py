"""Replies and conversations of oaikit's own calls, against the engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import openai
import pytest

import oaikit as ok
from oaikit.backend import Backend
from tests.harness import SERVED, Server, isolated_environment

SAMPLING = {"temperature": 0, "max_tokens": 12}


@pytest.fixture
def llm(server: Server) -> Backend:
    return ok.connect(server.v1, api_key=server.token)


def test_the_tokens_of_a_chat_are_the_servers(llm: Backend, client: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "Hello"}]
    asked = {"logprobs": True, "top_logprobs": 3, **SAMPLING}
    reply = llm.chat(messages, **asked)
    whole = client.chat.completions.create(model=SERVED, messages=messages, **asked).choices[0]
    assert whole.logprobs is not None
    assert [token.text for token in reply.tokens] == [entry.token for entry in whole.logprobs.content or ()]
    assert reply.df.logprob.tolist() == pytest.approx(
        [entry.logprob for entry in whole.logprobs.content or ()], abs=1e-4
    )
    assert reply.df.groupby("choice").size().tolist() == [12]
    # At temperature 0 the likeliest token is taken.
    assert all(max(token.top.values()) == token.logprob for token in reply.tokens)
    assert {len(token.top) for token in reply.tokens} == {3}


def test_the_tokens_of_completions(llm: Backend) -> None:
    reply = llm.complete("The", n=2, logprobs=2, **(SAMPLING | {"temperature": 1, "seed": 1}))
    for choice in reply.choices:
        assert "".join(token.text for token in choice.tokens) == choice.text
    assert reply.df.groupby("choice").size().tolist() == [12, 12]
    echoed = llm.complete("The cat", echo=True, logprobs=0, **SAMPLING)
    assert "".join(token.text for token in echoed.tokens) == echoed.text
    assert echoed.tokens[0].logprob is None
    assert echoed.df.probability.isna().tolist() == [True] + [False] * (len(echoed.tokens) - 1)


def test_an_exported_script_gets_the_answer_again(llm: Backend, server: Server, tmp_path: Path) -> None:
    sampling = {**SAMPLING, "top_k": 5, "stop": ["\n\n"]}
    talk = ok.Conversation("You are terse.")
    talk.add({"role": "user", "content": 'It\'s "quoted"\nand has two lines'})
    talk.add({"role": "assistant", "content": llm.chat(talk.messages, **sampling).text})
    talk.save(tmp_path / "talk.json")
    script = tmp_path / "ask.py"
    script.write_text(ok.Conversation.load(tmp_path / "talk.json").to_python(SERVED, **sampling))
    environment = isolated_environment(tmp_path)
    environment |= {"OPENAI_BASE_URL": server.v1, "OPENAI_API_KEY": server.token}
    done = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == talk.path[-1].text + "\n"

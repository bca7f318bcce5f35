"""Loading and unloading through a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import oaikit as ok
from oaikit.errors import EngineArgumentError, EngineStoppedError, PermissionDeniedError
from tests.harness import Server, jupyter_server


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with jupyter_server(tmp_path_factory.mktemp("empty"), "--OAIKit.model=") as started:
        yield started


def test_a_models_life(empty: Server, model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One engine is started for all of this: it takes half a minute."""
    with ok.connect(empty.v1, api_key=empty.token) as llm:
        with pytest.raises(EngineStoppedError):
            llm.chat("Hello", max_tokens=1)
        with pytest.raises(EngineArgumentError, match="nonsense"):
            llm.load(str(model), nonsense=1)
        with pytest.raises(EngineArgumentError, match="nowhere"):
            llm.load("/nowhere/at/all")
        status = llm.load(str(model), max_model_len=512)
        assert (status["state"], status["max_model_len"]) == ("ready", 512)
        assert "loading for" in capfd.readouterr().err
        assert llm.chat("Hello", max_tokens=1).finish_reason == "length"
        assert asyncio.run(llm.amodels()) == [str(model)]
        assert asyncio.run(llm.astatus())["state"] == "ready"
        card = llm._repr_mimebundle_()["text/plain"]
        assert "0 running, 0 waiting" in card
        assert "tokens/s" in card
        assert llm.unload()["state"] == "stopped"
        with pytest.raises(EngineStoppedError):
            llm.chat("Hello", max_tokens=1)


def test_the_key_of_a_notebook_may_not(server: Server, kernel_key: str) -> None:
    with ok.connect(server.v1, api_key=kernel_key) as llm:
        for ask in (lambda: llm.load("x"), llm.unload):
            with pytest.raises(PermissionDeniedError, match="admin"):
                ask()
        assert llm.status()["state"] == "ready"

"""The model that `make lab` and the tests use where there is no GPU."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from tools import tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.build(tmp_path_factory.mktemp("tiny") / "model")


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_two_builds_are_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    assert digests(folder) == digests(tiny_model.build(tmp_path / "again"))


def test_a_finished_model_is_left_alone(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert tiny_model.build(folder) == folder
    assert before == {path: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_a_build_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_model, "LAYERS", None)
    with pytest.raises(TypeError):
        tiny_model.build(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_the_second_of_two_builders_keeps_the_first_ones_model(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(name)
        tiny_model.publish(tmp_path / name, tmp_path / "model")
    assert (tmp_path / "model" / "config.json").read_text() == "first"


def test_default_folder_is_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tiny_model.default_folder().parent == tmp_path / "oaikit"


def test_tokenizer_spells_anything(folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    text = "Why is the sky blue? Grüße, 東京 🙂\n\tx = {1: 'a'}"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_shapes_are_those_of_the_config(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    hidden, vocab = config["hidden_size"], config["vocab_size"]
    assert weights["model.embed_tokens.weight"].shape == weights["lm_head.weight"].shape == (vocab, hidden)
    assert len(weights) == 3 + 9 * config["num_hidden_layers"]
    assert all(value.dtype == np.float32 for value in weights.values())


def test_no_class_of_words_is_followed_by_the_end(folder: Path) -> None:
    """The end-of-turn token is out of reach, whatever came before: replies are as long as max_tokens."""
    end = json.loads((folder / "config.json").read_text())["eos_token_id"]
    head = load_file(folder / "model.safetensors")["lm_head.weight"]
    wired = head[end, : len(tiny_model.CLASSES)] * tiny_model.CLASS_SIZE_AT_HEAD
    assert wired == pytest.approx(tiny_model.NEVER)

"""The built-in model as it ships: its files, and what its card says of them."""

from __future__ import annotations

import json
import re

import pytest

from oaikit import demo
from oaikit.engine.state import EngineSpec
from tools.demo_model import card
from tools.demo_model.export import WEIGHTS

CARD = (demo.FOLDER / "README.md").read_text(encoding="utf-8")
LARGEST = 12_000_000  # bytes of weights
# What the weights do not reach yet is asked for all the same: a training that reaches it makes the mark an error.
NOT_YET = pytest.mark.xfail(strict=True, reason="the training did not make the weights so good")
# Until then they may not get worse: below what the card says by what chance does to its cases.
AT_LEAST = {
    "addition": 0.83,
    "subtraction": 0.82,
    "toolkit": 0.9,
    "parallel tool calls": 0.65,
}


def rows() -> dict[str, tuple[float, float]]:
    """The card's table: for each skill the shares that were right and that ended by themselves."""
    found = re.findall(r"^\| ([^|]+) \| \d+ \| ([\d.]+)% \| ([\d.]+)% \|$", CARD, re.MULTILINE)
    return {name: (float(right) / 100, float(ended) / 100) for name, right, ended in found}


def shares_by_temperature() -> dict[float, float]:
    head, line = re.findall(r"^\| (?:temperature|arithmetic, right) \|(.*)\|$", CARD, re.MULTILINE)
    temperatures, shares = ([float(each.strip(" %")) for each in text.split("|")] for text in (head, line))
    return dict(zip(temperatures, shares, strict=True))


def test_the_card_is_about_these_weights() -> None:
    assert card.fingerprint(demo.FOLDER / WEIGHTS) in CARD
    assert (demo.FOLDER / WEIGHTS).stat().st_size <= LARGEST


def test_the_context_is_long_enough_and_is_what_is_served() -> None:
    config = json.loads((demo.FOLDER / "config.json").read_text())
    assert config["max_position_embeddings"] >= 1024
    assert demo.ENGINE_ARGS["max_model_len"] == config["max_position_embeddings"]
    assert config["architectures"] == ["Qwen3ForCausalLM"]


@pytest.mark.parametrize(("skill", "share"), AT_LEAST.items())
def test_it_is_as_good_as_its_last_training_made_it(skill: str, share: float) -> None:
    assert rows()[skill][0] >= share


@pytest.mark.parametrize(
    "skill",
    [
        pytest.param("addition", marks=NOT_YET),
        pytest.param("subtraction", marks=NOT_YET),
        "multiplication",
        "comparison",
        "sentiment",
        "tool calls",
        "JSON",
    ],
)
def test_nine_in_ten_are_right(skill: str) -> None:
    assert rows()[skill][0] >= 0.9


def test_nine_in_ten_sums_are_right() -> None:
    """Of all kinds together, as a sweep asks them."""
    assert shares_by_temperature()[0] >= 90  # per cent


def test_four_in_five_questions_about_the_toolkit_are_right() -> None:
    assert rows()["toolkit"][0] >= 0.8


def test_answers_end_by_themselves() -> None:
    ended = [share for _, share in rows().values()]
    assert sum(ended) / len(ended) >= 0.95


def test_sums_get_worse_as_temperature_rises() -> None:
    shares = shares_by_temperature()
    assert shares[0] - shares[1.5] >= 10  # per cent


def test_stories_differ() -> None:
    assert re.search(r"^16 stories at temperature 1, .*: 16 different ones\.$", CARD, re.MULTILINE)


def test_its_name_stands_for_its_folder_and_brings_its_parsers() -> None:
    spec = EngineSpec(demo.NAME)
    assert spec.source == str(demo.FOLDER)
    assert spec.engine_arguments() == {"served_model_name": [demo.NAME], **demo.ENGINE_ARGS}
    assert EngineSpec(demo.NAME, options={"max_model_len": 512}).engine_arguments()["max_model_len"] == 512

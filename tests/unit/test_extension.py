"""Settings: a trait that is set, else the environment variable, else the default."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from pathlib import Path
from unittest.mock import patch

import pytest
from traitlets.config import Config

from oaikit.engine.state import EngineSpec
from oaikit.errors import SettingError
from oaikit.settings import Environment
from oaikit_server.extension import OAIKit

VARIABLES = {field.name: field.metadata["name"] for field in fields(Environment)}


@pytest.fixture(autouse=True)
def environment():
    with patch.dict(os.environ):
        for name in VARIABLES.values():
            os.environ.pop(name, None)
        yield os.environ


def configured(**options: object) -> OAIKit:
    app = OAIKit(config=Config(OAIKit=options))
    app.take_environment()
    return app


CASES = {  # variable's text, its value, the trait's
    "served_model_name": ("theirs", "theirs", "mine"),
    "response_role": ("theirs", "theirs", "mine"),
    "raw_openai_output": ("0", False, True),
    "batch_size": ("70", 70, 60),
    "min_batch_size": ("7", 7, 6),
    "batch_size_growth_factor": ("2", 2.0, 4.0),
    "max_concurrency": ("7", 7, 0),
    "tool_call_parser": ("theirs", "theirs", "mine"),
    "enable_auto_tool_choice": ("true", True, False),
    "reasoning_parser": ("theirs", "theirs", ""),
}


def test_every_variable_has_a_trait_that_says_so():
    assert set(CASES) == set(VARIABLES)
    for name, variable in VARIABLES.items():
        assert variable in OAIKit.class_traits(config=True)[name].help


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_wins(environment, name):
    text, value, own = CASES[name]
    default = getattr(OAIKit(), name)
    assert getattr(configured(), name) == default
    environment[VARIABLES[name]] = text
    assert getattr(configured(), name) == value
    assert getattr(configured(**{name: own}), name) == own
    assert value not in (own, default)


def test_the_documented_defaults():
    app = configured()
    assert (app.raw_openai_output, app.min_batch_size, app.batch_size_growth_factor, app.batch_size) == (
        True,
        1,
        3,
        50,
    )
    assert (app.max_body_size, app.body_timeout_s) == (16 * 2**20, 30)


def test_a_variable_that_makes_no_sense():
    os.environ["MAX_CONCURRENCY"] = "-1"
    with pytest.raises(SettingError, match="MAX_CONCURRENCY"):
        configured()


# -- what is loaded ----------------------------------------------------------------------------------------------------


def test_the_override_is_served_first_and_the_models_own_name_stays(environment):
    environment["OPENAI_SERVED_MODEL_NAME_OVERRIDE"] = "mine"
    spec = configured(model="org/model")._spec()
    assert spec == EngineSpec("org/model", ("mine",))
    assert spec.engine_arguments()["served_model_name"] == ["mine", "org/model"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"served_model_name": "own"}, ["own", "m"]),
        ({"served_model_name": ["own", "m", "other"]}, ["own", "m", "other"]),
        ({"engine_args": {"served_model_name": "own"}}, "own"),
    ],
)
def test_a_name_that_is_set_wins_over_the_variable(environment, options, names):
    environment["OPENAI_SERVED_MODEL_NAME_OVERRIDE"] = "theirs"
    assert configured(model="m", **options)._spec().engine_arguments()["served_model_name"] == names


def test_parsers_and_role_are_engine_arguments(environment):
    assert configured(model="m")._spec().options == {}
    environment |= {
        "OPENAI_RESPONSE_ROLE": "model",
        "TOOL_CALL_PARSER": "hermes",
        "ENABLE_AUTO_TOOL_CHOICE": "1",
        "REASONING_PARSER": "qwen3",
    }
    everything = {
        "response_role": "model",
        "tool_call_parser": "hermes",
        "enable_auto_tool_choice": True,
        "reasoning_parser": "qwen3",
    }
    assert configured(model="m")._spec().options == everything
    own = {"reasoning_parser": None, "seed": 1}
    assert configured(model="m", engine_args=own)._spec().options == {**everything, **own}


def test_no_model_no_spec(environment):
    environment["OPENAI_SERVED_MODEL_NAME_OVERRIDE"] = "mine"
    assert configured(model="")._spec() is None


def test_the_documentation_lists_every_variable_with_its_setting_and_default():
    text = (Path(__file__).parents[2] / "docs" / "server.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| `(\w+)` \| (\S+) \|", text, re.MULTILINE)
    assert {name: setting for name, setting, _ in rows} == {
        variable: name for name, variable in VARIABLES.items()
    }
    for _, setting, default in rows:
        value = OAIKit.class_traits()[setting].default_value
        assert value == "" or default in {f"{value:g}", str(value).lower()}

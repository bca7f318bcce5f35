"""Reading engine arguments as a command line does, and the messages for what is missing. Without vLLM."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from oaikit import settings
from oaikit.engine import installation
from oaikit.engine.arguments import RaisingParser, blamed_argument, check_names, error_text, set_argument
from oaikit.errors import EngineArgumentError


def pair(text: str) -> tuple[str, str]:
    name, _, path = text.partition("=")
    if not path:
        raise ValueError("no path")
    return name, path


@pytest.fixture
def parser() -> RaisingParser:
    made = RaisingParser()
    made.add_argument("--size", type=int, default=3)
    made.add_argument("--limit", type=lambda text: None if text == "None" else int(text), default=1)
    made.add_argument("--kind", choices=["a", "b"], default="a")
    made.add_argument("--name", type=str)
    made.add_argument("--pairs", type=pair, nargs="+")
    made.add_argument("--options", type=json.loads, default={})
    made.add_argument("--fast", action=argparse.BooleanOptionalAction, default=False)
    made.add_argument("--hf-token", nargs="?", const=True)
    return made


def read(parser: RaisingParser, name: str, value: object) -> object:
    args = parser.parse_args([])
    set_argument(parser, args, name, value)
    return getattr(args, name)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("size", 5, 5),
        ("size", "5", 5),
        ("size", None, 3),  # it cannot be None: vLLM's default
        ("limit", None, None),
        ("kind", "b", "b"),
        ("name", Path("/a"), "/a"),
        ("pairs", ["a=/b", "c=/d"], [("a", "/b"), ("c", "/d")]),
        ("pairs", "a=/b", [("a", "/b")]),
        ("pairs", [], []),
        ("options", {"a": [1]}, {"a": [1]}),
        ("options", '{"a": 1}', {"a": 1}),
        ("options", len, len),  # an object of Python's
        ("fast", True, True),
        ("hf_token", True, True),
        ("hf_token", "abc", "abc"),
    ],
)
def test_a_value_is_read_as_the_command_line_reads_it(parser, name, value, expected):
    assert read(parser, name, value) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", "x"),
        ("size", 1.5),
        ("size", True),
        ("size", [1]),
        ("kind", "c"),
        ("name", {"a": 1}),
        ("name", ["a"]),
        ("pairs", ["a"]),
        ("options", "{"),
        ("fast", "yes"),
        ("fast", 1),
    ],
)
def test_a_value_that_the_command_line_would_refuse(parser, name, value):
    with pytest.raises(EngineArgumentError, match=name) as error:
        read(parser, name, value)
    assert error.value.param == name
    assert "lambda" not in str(error.value)


def test_an_error_does_not_repeat_a_secret(parser):
    with pytest.raises(EngineArgumentError) as error:
        read(parser, "hf_token", {"value": "abc"})
    assert "abc" not in str(error.value)


def test_names():
    known = {"max_model_len", "host", "_private", "model"}
    check_names(["max_model_len"], known, "0.32")
    for name in ("max_model_length", "host", "_private", "model"):
        with pytest.raises(EngineArgumentError) as error:
            check_names([name], known, "0.32")
        assert error.value.param == name
    with pytest.raises(EngineArgumentError, match="did you mean max_model_len"):
        check_names(["max_model_length"], known, "0.32")


@pytest.mark.parametrize(
    ("text", "blamed"),
    [
        ("--max-model-len is too large", "max_model_len"),
        ("heads must be divisible by tensor parallel size (64)", "tensor_parallel_size"),
        ("Unknown quantization method: nope. Must be one of …", "quantization"),
        ("anything else", "model"),
    ],
)
def test_the_argument_that_an_error_is_about(text, blamed):
    args = {"max_model_len": 1, "tensor_parallel_size": 64, "quantization": "nope", "model": "m"}
    assert blamed_argument(ValueError(text), args) == blamed


def test_an_error_is_one_line_of_limited_length():
    text = error_text(ValueError("a\n b" + "x" * 5000))
    assert text.startswith("a b")
    assert len(text) < 1100


# -- installations -----------------------------------------------------------------------------------------------------

LOAD = """
from oaikit.engine.host import EngineHost
from oaikit.engine.state import EngineSpec
host = EngineHost()
print(host.load(EngineSpec("some/model")).exception(60))
host.close()
"""


def said_about(folder: Path, release: str, source: str) -> str:
    """What a load says with a vLLM like this one in front of the installed one."""
    (folder / "vllm").mkdir()
    (folder / "vllm" / "__init__.py").write_text(source)
    (folder / f"vllm-{release}.dist-info").mkdir()
    metadata = f"Metadata-Version: 2.1\nName: vllm\nVersion: {release}\n"
    (folder / f"vllm-{release}.dist-info" / "METADATA").write_text(metadata)
    code = f"import sys; sys.path.insert(0, {str(folder)!r}){LOAD}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_a_wrong_release_is_named_with_those_that_are_right(tmp_path):
    text = said_about(tmp_path, "0.31.0", "")
    assert "vllm 0.31.0 is installed, but oaikit needs vllm" in text
    assert str(installation.supported_releases("gpu").specifier) in text


@pytest.mark.parametrize("error", ["ImportError", "OSError", "RuntimeError"])
def test_a_broken_installation_is_named_with_its_cause(tmp_path, error):
    text = said_about(tmp_path, "0.32.0", f"raise {error}('libcudart.so.13: cannot open shared object file')")
    assert "vllm 0.32.0 is installed, but importing it fails" in text
    assert "libcudart.so.13" in text
    assert "pip install" not in text


@pytest.mark.parametrize(
    ("visible", "hidden"),
    [
        (None, False),
        ("0", False),
        ("0,1", False),
        ("GPU-3e", False),
        ("", True),
        ("-1", True),
        ("NoDevFiles", True),
    ],
)
def test_hidden_gpus(monkeypatch, visible, hidden):
    monkeypatch.delenv(settings.VISIBLE_GPUS, raising=False)
    if visible is not None:
        monkeypatch.setenv(settings.VISIBLE_GPUS, visible)
    assert settings.gpus_are_hidden() is hidden
    assert (settings.VISIBLE_GPUS in installation.no_gpu()) is hidden


def test_why_there_is_no_gpu(monkeypatch, tmp_path):
    monkeypatch.delenv(settings.VISIBLE_GPUS, raising=False)
    monkeypatch.setattr(installation, "_DRIVER", tmp_path / "none")
    assert "no NVIDIA driver is loaded" in installation.no_gpu()
    monkeypatch.setattr(installation, "_DRIVER", tmp_path)
    assert "although an NVIDIA driver is loaded" in installation.no_gpu()

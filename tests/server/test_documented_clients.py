"""Every block of docs/clients.md runs as it stands, and its table of errors is what the clients raise."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import openai
import pytest

from oaikit import errors
from tests.harness import SERVED, Server, isolated_environment, jupyter_server
from tests.server.test_authentication_modes import PASSWORD, password
from tests.server.test_sdk_errors import NODE, REFUSALS, Refusal

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
LANGUAGES = ("sh", "python", "js")


@dataclass(frozen=True)
class Block:
    heading: str
    language: str
    code: str


def blocks() -> Iterator[Block]:
    heading = ""
    for found in re.finditer(
        r"^#+ (?P<heading>[^\n]+)$|^```(?P<language>\w*)\n(?P<code>.*?)^```$", PAGE, re.M | re.S
    ):
        if found["heading"]:
            heading = found["heading"]
        else:
            yield Block(heading, found["language"], found["code"])


ADDRESS, DIFFERENCES = "The address and the key", "What differs from OpenAI"
MODEL = rf"\b{SERVED}\b"
# The tiny model never ends by itself, so that 64 tokens are at least twenty words.
TEXT = r"(\S+\s+){20,}?"
FOUR_ANSWERS = rf"chat: {TEXT}chat, streamed: {TEXT}completion: {TEXT}completion, streamed: {TEXT}"
ONE_OF_TWO = r"^(yes|no)\n$"
HEADERS = (
    r'^parameter "num_predict" is unknown .*use max_tokens\nmax_tokens was not given: .* 16 tokens\nlength\n$'
)
ERROR = rf"^404 model_not_found model .*{SERVED}.* [0-9a-f]{{32}}\n$"
# What each block prints, in the order of the page. A block that is not here fails.
PRINTED = (
    (ADDRESS, "sh", MODEL),
    (ADDRESS, "sh", '"key": "sk-oaikit-'),
    (ADDRESS, "python", MODEL),
    (ADDRESS, "js", MODEL),
    ("Python", "python", FOUR_ANSWERS),
    ("Python", "python", ONE_OF_TWO),
    ("Node", "js", FOUR_ANSWERS),
    ("Node", "js", ONE_OF_TWO),
    (
        "curl",
        "sh",
        rf'"id":"{SERVED}".*"chat\.completion".*"content":".+\[DONE\].*"text_completion".*"text":".+\[DONE\]\n',
    ),
    (DIFFERENCES, "python", HEADERS),
    (DIFFERENCES, "js", HEADERS),
    ("Errors", "python", ERROR),
    ("Errors", "js", ERROR),
)
BLOCKS = tuple(blocks())


def test_every_block_has_something_to_print() -> None:
    assert [(block.heading, block.language) for block in BLOCKS] == [expected[:2] for expected in PRINTED]
    assert PAGE.count("```") == 2 * len(BLOCKS)
    assert SERVED not in re.findall(r"\w+", PAGE), "the page must do for any model"


@pytest.fixture(scope="module")
def with_password(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For the block that logs in. There is no engine."""
    folder = tmp_path_factory.mktemp("password")
    with jupyter_server(folder, "--OAIKit.model=", password(), base_url="/user/ada/", token="") as running:
        yield running


@pytest.mark.parametrize(
    "number", range(len(BLOCKS)), ids=lambda number: f"{number}-{BLOCKS[number].language}"
)
def test_a_block_runs_as_it_stands(request: pytest.FixtureRequest, tmp_path: Path, number: int) -> None:
    block = BLOCKS[number]
    server: Server = request.getfixturevalue(
        "with_password" if "JUPYTER_PASSWORD" in block.code else "server"
    )
    variables = {
        "OPENAI_BASE_URL": server.v1,
        "OPENAI_API_KEY": server.token,
        "JUPYTER": server.url.rstrip("/"),
        "JUPYTER_TOKEN": server.token,
        "JUPYTER_PASSWORD": PASSWORD,
        "MODEL": SERVED,
    }
    if block.language == "js" and not (shutil.which("node") and (NODE / "node_modules").exists()):
        pytest.skip("Node or tests/server/node/node_modules is missing; `make test` installs the second")
    done = subprocess.run(
        command(block),
        cwd=NODE if block.language == "js" else tmp_path,  # where the package `openai` is found
        env=isolated_environment(tmp_path) | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert re.search(PRINTED[number][2], done.stdout, re.S), done.stdout


def command(block: Block) -> list[str]:
    """A shell would go on after an error; here it may not."""
    return {
        "sh": ["bash", "-euo", "pipefail", "-c", block.code],
        "python": [sys.executable, "-c", block.code],
        "js": ["node", "--input-type=module", "--eval", block.code],
    }[block.language]


# -- the table of errors -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    status: str
    codes: frozenset[str | None]
    python: str
    node: str
    retried: str

    def has(self, status: int, code: str | None) -> bool:
        return self.status == str(status) and code in self.codes


def rows() -> Iterator[Row]:
    table = PAGE.split("| status | `code` |", 1)[1].split("\n\n", 1)[0]
    for line in table.splitlines()[2:]:
        status, codes, python, node, retried = (
            cell.strip().replace("`", "") for cell in line.strip("|").split("|")
        )
        named = frozenset(None if code == "null" else code for code in codes.split(", "))
        yield Row(status, named, python, node, retried)


ROWS = tuple(rows())


def row(status: int, code: str | None) -> Row:
    (found,) = (each for each in ROWS if each.has(status, code))
    return found


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.id)
def test_the_table_has_what_was_raised(refusal: Refusal) -> None:
    """That it is raised, and how often it is asked again, is in test_sdk_errors.py."""
    found = row(refusal.status, refusal.code)
    assert (found.python, found.node) == refusal.classes


def served_errors() -> dict[str, type[errors.OAIKitError]]:
    """Those with a code that requests for answers may get."""
    found, more = {}, [errors.OAIKitError]
    while more:
        each = more.pop()
        more += each.__subclasses__()
        if each.code:
            found[each.code] = each
    for elsewhere in (
        "engine_unavailable",
        "file_not_written",
        "invalid_answer",
        "invalid_conversation",
        "invalid_engine_argument",
        "invalid_setting",
        "storage_error",
        "server_not_found",
        "sweep_stopped",
    ):
        del found[elsewhere]
    return found


@pytest.mark.parametrize("code", served_errors())
def test_the_table_says_what_the_clients_are_told_of_retries(code: str) -> None:
    """x-should-retry decides; where there is none, the clients retry 429 and from 500 on."""
    error = served_errors()[code]
    told = error.status >= HTTPStatus.INTERNAL_SERVER_ERROR if error.retryable is None else error.retryable
    assert row(error.status, code).retried.startswith("yes" if told else "no")
    has_time = error.retry_after_s is not None or error is errors.RateLimitError
    assert ("Retry-After" in row(error.status, code).retried) == has_time


def test_the_clients_have_the_classes_of_the_table() -> None:
    for each in ROWS:
        cls: Any = getattr(openai, each.python)
        assert issubclass(cls, openai.APIError)
        if issubclass(cls, openai.APIStatusError) and isinstance(getattr(cls, "status_code", None), int):
            assert str(cls.status_code) == each.status


def test_nodes_client_has_the_classes_of_the_table() -> None:
    if not (shutil.which("node") and (NODE / "node_modules").exists()):
        pytest.skip("Node or tests/server/node/node_modules is missing; `make test` installs the second")
    code = 'import OpenAI from "openai"; console.log(JSON.stringify(Object.keys(OpenAI)))'
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", code], cwd=NODE, capture_output=True, text=True, timeout=60
    )
    assert {each.node for each in ROWS} <= set(json.loads(done.stdout)), done.stderr

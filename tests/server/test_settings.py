"""A server whose owner has set everything otherwise, by environment variables and by settings: an engine of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.harness import Answer, Server, jupyter_server, run_in_kernel, wait_until
from tests.server.test_disconnect import open_request
from tests.server.test_http import in_openais_shape

VARIABLES = {
    "OPENAI_SERVED_MODEL_NAME_OVERRIDE": "mine",
    "OPENAI_RESPONSE_ROLE": "helper",
    "RAW_OPENAI_OUTPUT": "0",
    "DEFAULT_MIN_BATCH_SIZE": "2",
    "DEFAULT_BATCH_SIZE_GROWTH_FACTOR": "2",
    "DEFAULT_BATCH_SIZE": "5",
    "MAX_CONCURRENCY": "1",
    "TOOL_CALL_PARSER": "hermes",
    "ENABLE_AUTO_TOOL_CHOICE": "true",
    "REASONING_PARSER": "deepseek_v3",
    # Of vLLM's own server: its authentication and its routes for development. Neither has a place under Jupyter.
    "VLLM_API_KEY": "a-key-of-vllms",
    "VLLM_SERVER_DEV_MODE": "1",
}
CONFIG = """
c.OAIKit.max_queue = 1
c.OAIKit.default_sampling = {"temperature": 0, "max_tokens": None, "top_k": None}
c.OAIKit.unknown_parameters = "refuse"
c.OAIKit.allowed_parameters = ["cheese", "vllm_xargs"]
c.OAIKit.max_n = 2
c.OAIKit.max_prompts = 3
"""
HELLO = [{"role": "user", "content": "Hello"}]
CHAT = {"model": "mine", "messages": HELLO, "max_tokens": 8}


@pytest.fixture(scope="module")
def own(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("own")
    config = folder / "own.py"
    config.write_text(CONFIG)
    with jupyter_server(folder, f"--OAIKit.model={model}", f"--config={config}", **VARIABLES) as running:
        running.wait_for("ready")
        yield running


def chat(own: Server, **more: Any) -> Answer:
    return own.request("POST", "oaikit/v1/chat/completions", {**CHAT, **more})


def lines(answer: Answer) -> list[list[dict[str, Any]]]:
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.body.decode().splitlines()]


def test_the_name_and_the_role(own: Server, model: Path) -> None:
    listed = own.request("GET", "oaikit/v1/models").json["data"]
    assert [each["id"] for each in listed] == ["mine", str(model)]
    answer = chat(own, model=str(model)).json
    assert (answer["model"], answer["choices"][0]["message"]["role"]) == ("mine", "helper")
    assert lines(chat(own, stream=True))[0][0]["choices"][0]["delta"]["role"] == "helper"


def test_variables_of_vllms_own_server(own: Server) -> None:
    """Every test here would get a 401 if vLLM asked for its key. Kernels inherit it all the same."""
    assert own.request("POST", "oaikit/reset_prefix_cache", {}).status == 404
    assert run_in_kernel(own, "import os; print(os.environ['VLLM_API_KEY'])") == "a-key-of-vllms"


BAD_LOADS: list[tuple[dict[str, Any], str]] = [
    ({"model": "/no/such/model"}, "model"),
    ({"engine_args": {"max_model_len": "long"}}, "max_model_len"),
    ({"engine_args": {"max_model_len": 10**6}}, "max_model_len"),
    ({"engine_args": {"dtype": "float99"}}, "dtype"),
    ({"engine_args": {"tool_call_parser": "nope"}}, "tool_call_parser"),
    ({"engine_args": {"compilation_config": {"no_such": 1}}}, "compilation_config"),
]


@pytest.mark.parametrize(("wanted", "param"), BAD_LOADS)
def test_a_bad_load_leaves_the_engine_as_it_is(own: Server, model: Path, wanted: Any, param: str) -> None:
    before = own.status()
    error = in_openais_shape(own.request("POST", "oaikit/api/load", {"model": str(model), **wanted}))
    assert (error["param"], error["code"]) == (param, "invalid_engine_argument")
    after = own.status()
    assert (after["state"], after["restarts"]) == ("ready", 0)
    assert after["uptime_s"] >= before["uptime_s"]
    assert chat(own).status == 200


def test_what_a_key_may_load(own: Server, model: Path) -> None:
    made = own.request("POST", "oaikit/api/keys", {"name": "loader", "scopes": ["admin"]}).json
    for wanted, param in (
        ({"model": "org/model", "engine_args": {"trust_remote_code": True}}, "trust_remote_code"),
        ({"model": str(model), "engine_args": {"worker_cls": "os.system"}}, "worker_cls"),
        ({"model": str(model.parent)}, "model"),
    ):
        answer = own.request("POST", "oaikit/api/load", wanted, key=made["key"])
        error = in_openais_shape(answer)
        assert (answer.status, error["code"], error["param"]) == (403, "permission_denied", param)
    # What is allowed comes as far as vLLM's checks.
    allowed = {"model": str(model), "engine_args": {"max_model_len": 10**6}}
    assert own.request("POST", "oaikit/api/load", allowed, key=made["key"]).status == 400
    assert own.status()["state"] == "ready"


def test_another_name_is_told_those_that_there_are(own: Server, model: Path) -> None:
    error = in_openais_shape(chat(own, model="gpt-5"))
    assert error["code"] == "model_not_found"
    assert "mine" in error["message"]
    assert str(model) in error["message"]


@pytest.mark.parametrize("endpoint", ["chat/completions", "completions"])
def test_raw_output(own: Server, endpoint: str) -> None:
    asked = {"model": "mine", "max_tokens": 20, "ignore_eos": True}
    asked |= {"messages": HELLO} if endpoint == "chat/completions" else {"prompt": "The"}
    batches = lines(own.request("POST", f"oaikit/v1/{endpoint}", {**asked, "stream": True}))
    sizes = [len(batch) for batch in batches]
    assert sizes[:3] == [2, 4, 5]
    assert set(sizes[2:-1]) <= {5}
    chunks = [chunk["choices"][0] for batch in batches for chunk in batch]
    whole = own.request("POST", f"oaikit/v1/{endpoint}", asked).json["choices"][0]
    if endpoint == "completions":
        assert "".join(chunk["text"] for chunk in chunks) == whole["text"]
    else:
        said = "".join(chunk["delta"].get("content") or "" for chunk in chunks)
        assert said == whole["message"]["content"]
    assert chunks[-1]["finish_reason"] == whole["finish_reason"] == "length"


def test_an_error_of_a_stream_is_json(own: Server) -> None:
    assert in_openais_shape(chat(own, stream=True, temperature=9))["param"] == "temperature"


def test_the_owners_defaults(own: Server) -> None:
    asked = {"model": "mine", "prompt": "The"}
    explained = own.request("POST", "oaikit/api/explain", asked).json
    values = {name: (row["value"], row["source"]) for name, row in explained["parameters"].items()}
    assert values["temperature"] == (0, "trait")
    assert values["max_tokens"] == (None, "trait")
    assert values["top_k"] == (-1, "model")
    assert values["top_p"] == (1.0, "seed default")
    answers = [own.request("POST", "oaikit/v1/completions", {**asked, "max_tokens": 9}) for _ in range(2)]
    assert answers[0].json["choices"][0]["text"] == answers[1].json["choices"][0]["text"]
    long = own.request("POST", "oaikit/v1/completions", {**asked, "prompt": "The " * 500, "ignore_eos": True})
    usage = long.json["usage"]
    assert usage["total_tokens"] == 2048, "all of the context"
    assert "x-oaikit-max-tokens" not in long.headers


def test_an_unknown_parameter_is_refused_unless_it_is_allowed(own: Server) -> None:
    error = in_openais_shape(chat(own, tempurature=1))
    assert error["param"] == "tempurature"
    assert "temperature" in error["message"]
    assert chat(own, cheese=1).status == 200
    assert chat(own, vllm_xargs={"a": 1}).status == 200
    assert in_openais_shape(chat(own, priority=1))["param"] == "priority"


def test_the_owners_limits(own: Server) -> None:
    assert len(chat(own, n=2, temperature=1).json["choices"]) == 2
    assert in_openais_shape(chat(own, n=3, temperature=1))["param"] == "n"
    prompts = {"model": "mine", "prompt": ["The"] * 4, "max_tokens": 1}
    assert in_openais_shape(own.request("POST", "oaikit/v1/completions", prompts))["param"] == "prompt"


def test_the_parsers(own: Server) -> None:
    """A tiny model calls no tool, but without a parser vLLM would refuse to offer it one."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    assert chat(own, tools=[tool], tool_choice="auto").status == 200


def test_beyond_the_limit_requests_wait_and_beyond_the_queue_they_are_told_to_come_back(own: Server) -> None:
    with ThreadPoolExecutor() as pool:
        long = open_request(own, stream=True, model="mine")
        wait_until(lambda: own.status()["in_flight"] == 1, 10)
        waiting = pool.submit(chat, own)
        wait_until(lambda: own.status()["queued"] == 1, 10)
        refused = chat(own)
        assert refused.status == 429
        assert in_openais_shape(refused)["code"] == "rate_limit_exceeded"
        assert int(refused.headers["retry-after"]) > 0
        assert own.request("GET", "oaikit/v1/models").status == 200, "it takes no turn"
        long.sock.close() if long.sock else None
        long.close()
        assert waiting.result(20).status == 200
        wait_until(lambda: own.status()["in_flight"] == 0, 5)


def test_the_stock_client_without_streams(own: Server) -> None:
    """The variables change nothing for it as long as it does not stream."""
    with openai.OpenAI(base_url=own.v1, api_key=own.token, max_retries=0) as client:
        reply = client.chat.completions.create(model="mine", messages=HELLO, max_tokens=3)
    assert reply.choices[0].finish_reason == "length"

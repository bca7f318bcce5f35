"""Bodies that nobody meant to send: whatever comes, an answer in OpenAI's shape, soon, and none of 5xx.

OAIKIT_FUZZ=5000 sends so many mutated bodies instead of a few hundred, and more of schemathesis' examples.
"""

from __future__ import annotations

import copy
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import hypothesis
import pytest
import schemathesis

from tests.harness import SERVED, Answer, Server

BODIES = int(os.environ.get("OAIKIT_FUZZ", "300"))
EXAMPLES = max(10, BODIES // 30)  # of schemathesis, per operation
HANGS_S = 10.0
ENDPOINTS = ("chat/completions", "completions")
# No number between these: an answer of a thousand tokens would be slow, not wrong.
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 1.5, -0.0, 1e308, 2**31, 2**63, -(2**63) - 1, 10**30),
    *(
        float("nan"),
        float("inf"),
        "",
        " ",
        "\0",
        "\ud800",
        "é\u202e",
        "[DONE]",
        "a" * 5000,
        "${{7*7}}",
        "../etc",
    ),
    *(
        [],
        [None],
        [[]],
        [0],
        ["a", 1],
        {},
        {"": None},
        {"a": {"b": []}},
        [{"role": "user"}],
        {"type": "text"},
    ),
)
RAW = (
    b"\xff",
    b"\0",
    b"}",
    b"{",
    b'"',
    b",",
    b"1" * 5000,
    b"[" * 2000,
    b"\xed\xa0\x80",
    b"\\u",
    b"NaN",
    b"//",
)


def valid(draw: random.Random, endpoint: str) -> dict[str, Any]:
    """A body as people send it, with a few of the parameters."""
    tool = {
        "type": "function",
        "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}},
    }
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    parameters: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.9,
        "n": 2,
        "stop": ["x"],
        "stream": True,
        "stream_options": {"include_usage": True},
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "best_of": 3,
        "top_k": 5,
        "repetition_penalty": 1.1,
        "min_p": 0.1,
        "use_beam_search": True,
        "length_penalty": 0.5,
        "ignore_eos": True,
        "skip_special_tokens": False,
        "echo": True,
        "seed": 7,
        "logit_bias": {"5": 1.0},
        "min_tokens": 1,
        "stop_token_ids": [3],
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}},
        "structured_outputs": {"regex": "[ab]+"},
        "prompt_logprobs": 1,
        "bad_words": ["the"],
        "allowed_token_ids": [3, 4, 5],
        "truncate_prompt_tokens": 4,
        "chat_template_kwargs": {"enable_thinking": True},
        "tools": [tool],
        "tool_choice": "none",
        "priority": 1,
    }
    names = draw.sample(sorted(parameters), draw.randint(0, 5))
    body = {"model": SERVED, "max_tokens": 4, **{name: parameters[name] for name in names}}
    if endpoint == "completions":
        return body | {"prompt": draw.choice(("The", ["The", "One"], [3, 4], [[3], [4]]))}
    content = draw.choice(("Hello", [{"type": "text", "text": "Hello"}]))
    return body | {"messages": [{"role": "system", "content": "Hm."}, {"role": "user", "content": content}]}


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a body with every key of it."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from places(node[key])


def mutated(draw: random.Random, endpoint: str) -> bytes:
    return mutate(draw, valid(draw, endpoint))


def mutate(draw: random.Random, original: dict[str, Any]) -> bytes:
    """A body with one to three changes, as bytes that may not even be JSON."""
    body = json.loads(json.dumps(original))
    for _ in range(draw.randint(1, 3)):
        here = [*places(body)]
        if not here:
            break
        container, key = draw.choice(here)
        kind = draw.random()
        if kind < 0.5:
            container[key] = copy.deepcopy(draw.choice(ODD))
        elif kind < 0.65:
            del container[key]
        elif kind < 0.75:
            container[key] = [container[key]]
        elif kind < 0.85:
            deep: Any = container[key]
            for _ in range(draw.choice((3, 200))):
                deep = {"a": deep}
            container[key] = deep
        elif isinstance(container, dict):
            container[draw.choice((str(key).upper(), f"{key} ", "__class__", "extra"))] = container[key]
    raw = json.dumps(body).encode()
    if draw.random() < 0.15:
        at = draw.randrange(len(raw) + 1)
        raw = raw[:at] + draw.choice((b"", *RAW)) + raw[at + draw.randint(0, 9) :]
    return raw


def complaint(answer: Answer, seconds: float) -> str | None:
    """What is wrong with an answer, if anything is."""
    if seconds > HANGS_S:
        return f"took {seconds:.1f} s"
    if answer.status >= 500:
        return "is the server's fault"
    if answer.status == 200:
        stream = answer.headers["content-type"].startswith("text/event-stream")
        ends = answer.body.endswith(b"data: [DONE]\n\n") if stream else "choices" in answer.json
        failed = b'"server_error"' in answer.body if stream else False
        return None if ends and not failed else "is no whole answer"
    error = answer.json.get("error", {})
    shape = set(error) == {"message", "type", "param", "code"} and error["message"]
    strings = all(error.get(name) is None or isinstance(error[name], str) for name in ("param", "code"))
    return None if shape and strings else "is not in OpenAI's shape"


def test_mutated_bodies(server: Server) -> None:
    draw = random.Random(BODIES)
    sent = [(endpoint := draw.choice(ENDPOINTS), mutated(draw, endpoint)) for _ in range(BODIES)]

    def send(endpoint: str, body: bytes) -> tuple[int, str | None]:
        status, wrong = send_once(endpoint, body)
        # On a machine that is busy with something else all are slow: what hangs does so again.
        return send_once(endpoint, body) if wrong and "took" in wrong else (status, wrong)

    def send_once(endpoint: str, body: bytes) -> tuple[int, str | None]:
        began = time.monotonic()
        answer = server.request(
            "POST", f"oaikit/v1/{endpoint}", body, headers={"Content-Type": "application/json"}
        )
        wrong = complaint(answer, time.monotonic() - began)
        return (
            answer.status,
            wrong and f"{answer.status} {answer.body[:300]!r} {wrong}: {endpoint} {body[:1500]!r}",
        )

    with ThreadPoolExecutor(8) as pool:
        results = [*pool.map(lambda each: send(*each), sent)]
    complaints = [wrong for _, wrong in results if wrong]
    assert not complaints, f"{len(complaints)} of {len(sent)}:\n" + "\n".join(complaints[:20])
    answered = sum(status == 200 for status, _ in results) / len(results)
    assert 0.1 < answered < 0.9, "the mutations are too wild, or too tame"
    assert server.status()["state"] == "ready"
    assert server.status()["restarts"] == 0


def short(body: Any) -> Any:
    """The same request for a short answer: a long one would be slow, not wrong."""
    if isinstance(body, dict) and {"messages", "prompt"} & set(body):
        body = body | {"model": SERVED}
        for name, most in (("max_tokens", 4), ("max_completion_tokens", 4), ("n", 3), ("best_of", 3)):
            value = body.get(name)
            if isinstance(value, int) and value > most:
                body[name] = most
    return body


def operations(server: Server) -> list[Any]:
    """What is described, but for what would change the shared engine or make keys."""
    described = server.request("GET", "oaikit/openapi.json").json
    schema = schemathesis.openapi.from_dict(described).exclude(path_regex="/api/(load|unload|keys)")
    return [operation.ok() for operation in schema.get_all_operations()]


def statuses_of(operation: Any, mode: schemathesis.GenerationMode, server: Server) -> Counter[int]:
    """Ask for schemathesis' examples of one operation; how often each status was answered."""
    seen: Counter[int] = Counter()

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        phases=[hypothesis.Phase.generate],  # to shrink an example takes minutes
        database=None,
        suppress_health_check=[*hypothesis.HealthCheck],
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.body = short(case.body)
        response = case.call(
            base_url=f"{server.url}oaikit",
            headers={"Authorization": f"Bearer {server.token}"},
            timeout=HANGS_S,
        )
        headers = {name.lower(): values[0] for name, values in response.headers.items()}
        answer = Answer(response.status_code, headers, response.content)
        seen[answer.status] += 1
        if answer.status >= 400:
            assert (wrong := complaint(answer, 0)) is None, f"{answer.status} {answer.body[:300]!r} {wrong}"

    ask()
    return seen


@pytest.mark.parametrize("mode", [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
def test_what_the_description_allows_and_forbids(server: Server, mode: schemathesis.GenerationMode) -> None:
    seen = {each.label: statuses_of(each, mode, server) for each in operations(server)}
    generating = [counts for label, counts in seen.items() if label.startswith("POST /v1/")]
    assert len(generating) == 2
    wanted = 200 if mode is schemathesis.GenerationMode.POSITIVE else 400
    assert all(counts[wanted] for counts in generating), seen

"""Bodies for the fuzzing suite: what each route accepts, and what nobody should send to it."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.harness import SERVED
from tests.server.test_fuzz import mutate, places, valid

JSON_TYPE = "application/json"
OBJECT = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
FUNCTION = {"name": "f", "parameters": OBJECT}
_ASKED: dict[str, Any] = {"model": SERVED}
_SAID: dict[str, Any] = {**_ASKED, "messages": [{"role": "user", "content": "Hello"}]}

# One body for each route that takes one, with fields worth spoiling. `valid` has those of chats and completions.
SAMPLES: dict[str, dict[str, Any]] = {
    "v1/chat/completions/batch": {
        **_ASKED,
        "messages": [[{"role": "user", "content": "Hello"}]] * 2,
        "max_tokens": 4,
        "n": 1,
    },
    "v1/responses": {
        **_ASKED,
        "input": [{"role": "user", "content": "Hello"}],
        "max_output_tokens": 4,
        "instructions": "Be brief.",
        "temperature": 0.5,
        "top_k": 5,
        "truncation": "disabled",
        "metadata": {"a": "b"},
        "store": False,
        "stream": True,
        "tools": [{"type": "function", **FUNCTION, "strict": True}],
        "tool_choice": "auto",
        "text": {"format": {"type": "json_schema", "name": "s", "schema": OBJECT}},
    },
    "v1/responses/resp_0123456789abcdef/cancel": {},
    "v1/messages": {
        **_SAID,
        "max_tokens": 4,
        "system": "Be brief.",
        "temperature": 0.5,
        "top_k": 5,
        "stream": True,
        "stop_sequences": ["x"],
        "metadata": {"user_id": "u"},
        "tools": [{"name": "f", "description": "f", "input_schema": OBJECT}],
        "tool_choice": {"type": "auto"},
    },
    "v1/messages/count_tokens": {
        **_SAID,
        "system": "Be brief.",
        "tools": [{"name": "f", "input_schema": OBJECT}],
    },
    "v1/embeddings": {**_ASKED, "input": ["The"], "encoding_format": "float", "dimensions": 4},
    "v1/score": {**_ASKED, "text_1": "a", "text_2": ["b", "c"]},
    "score": {**_ASKED, "queries": "a", "documents": ["b", "c"]},
    "v1/rerank": {**_ASKED, "query": "a", "documents": ["b", "c"], "top_n": 1},
    "v2/rerank": {**_ASKED, "query": "a", "documents": ["b"]},
    "rerank": {**_ASKED, "query": "a", "documents": ["b"]},
    "pooling": {**_ASKED, "input": "a", "task": "embed"},
    "classify": {**_ASKED, "input": ["a"]},
    "tokenize": {**_SAID, "add_generation_prompt": True, "return_token_strs": True},
    "detokenize": {**_ASKED, "tokens": [3, 4, 5]},
    "api/explain": {**_SAID, "temperature": 0.5, "stop": ["x"]},
    "api/abort": {"token": "0123456789abcdef"},
    "api/keys": {"name": "k", "scopes": ["read"], "expires_in_s": 60, "requests_per_minute": 5},
}
ENDPOINTS = ("chat/completions", "completions")


def _deep(depth: int, kind: type) -> Any:
    value: Any = kind()
    for _ in range(depth):
        value = [value] if kind is list else {"a": value}
    return value


# Lone surrogates, numbers that are none or too large, and structures too deep or too long.
HOSTILE: tuple[Any, ...] = (
    *(
        "\ud800",
        "a\udfffb",
        "\0",
        "<|im_end|>" * 50,
        "x" * 300_000,
        "é" * 5000,
        "\u2028\u2029\x85",
        "{{ 7 * 7 }}",
    ),
    *(
        float("nan"),
        float("inf"),
        -float("inf"),
        2**63,
        2**64,
        -(2**63) - 1,
        10**400,
        1e308,
        -1,
        0,
        1.5,
        True,
        None,
    ),
    *({"$ref": "#"}, {"": {}}, {"__proto__": 1}, [], {}, [[]], [None], "", [""], [{}], {"\ud800": "\ud800"}),
    *(_deep(200, list), _deep(200, dict), _deep(900, list), [0] * 50_000, ["x"] * 5000, [["x"]] * 2000),
    *({f"k{number}": number for number in range(2000)}, [-1], [2**31], [10**30], ["0"], [1.5], "1", "true"),
)

# Schemas, patterns and grammars that are recursive, endless or nonsense.
SCHEMAS: tuple[Any, ...] = (
    *(
        {"$ref": "#"},
        {"$ref": "#/nowhere"},
        {"$ref": "https://evil.example/x.json"},
        {"$ref": 3},
        {"type": "cow"},
    ),
    {"type": "object", "properties": {"a": {"$ref": "#/properties/a"}}, "required": ["a"]},
    {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
    {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    *(
        {"type": "string", "pattern": pattern}
        for pattern in ("(a+)+$", "(?=a)b", r"\p{L}", "[", "a{1,100000}")
    ),
    *(
        {"type": "string", "pattern": "a" * 5000},
        {"type": "string", "minLength": 10**9},
        {"minimum": float("nan")},
    ),
    *(
        {"enum": []},
        {"enum": ["\ud800"]},
        {"enum": ["x" * 20] * 3000},
        {"const": 10**400},
        {"allOf": []},
        True,
        False,
    ),
    {"type": "array", "items": {"$ref": "#"}, "minItems": 10**9},
    {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(5000)}},
    _deep(300, dict),
)
GRAMMARS = (
    "root ::= root",
    "root ::=",
    "",
    "root ::= (",
    'root ::= "a" root',
    "x ::= y",
    "\0",
    'root ::= "a"{1,99999}',
)
PATTERNS = (
    "(a+)+$",
    "(",
    "[",
    r"\1",
    "(?P<a>x)(?P=a)",
    "(?<=a)b",
    r"\p{Lu}",
    "a{99999}",
    "",
    "\ud800",
    "(a|b|ab)*" * 99,
)
TAGS = (
    "",
    "{}",
    '{"type": "structural_tag"}',
    '{"type": "structural_tag", "format": {"$ref": "#"}}',
    "[" * 5000,
)


@dataclass(frozen=True)
class Body:
    """One request of the suite: a POST to a path under `oaikit/`."""

    path: str
    data: bytes
    content_type: str = JSON_TYPE


# Makes a body. Most of the hand-made ones are large, and only some of them are sent.
Making = Callable[[], Body]


def structures() -> Iterator[Making]:
    """Every hostile schema, grammar and pattern in every place of every route that takes one."""
    chat = {**_SAID, "max_tokens": 4}
    completion = {**_ASKED, "prompt": "The", "max_tokens": 4}
    respond = {**_ASKED, "input": "Hello", "max_output_tokens": 4}
    batch = SAMPLES["v1/chat/completions/batch"]
    for schema in SCHEMAS:
        named = {"name": "s", "schema": schema}
        tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
        wanted = {"type": "json_schema", "json_schema": named}
        yield partial(_body, "v1/chat/completions", {**chat, "response_format": wanted})
        yield partial(_body, "v1/chat/completions", {**chat, "tools": [tool], "tool_choice": "required"})
        yield partial(_body, "v1/chat/completions/batch", {**batch, "response_format": wanted})
        yield partial(_body, "v1/completions", {**completion, "response_format": wanted})
        yield partial(
            _body, "v1/responses", {**respond, "text": {"format": {"type": "json_schema", **named}}}
        )
        flat = {"type": "function", "name": "f", "parameters": schema}
        yield partial(_body, "v1/responses", {**respond, "tools": [flat], "tool_choice": "required"})
        tools = [{"name": "f", "input_schema": schema}]
        yield partial(_body, "v1/messages", {**chat, "tools": tools, "tool_choice": {"type": "any"}})
        for value in (schema, json.dumps(schema)):
            yield partial(_body, "v1/chat/completions", {**chat, "structured_outputs": {"json": value}})
    for kind, values in (
        ("grammar", GRAMMARS),
        ("regex", PATTERNS),
        ("structural_tag", TAGS),
        ("choice", ([], [""], "a")),
    ):
        for value in values:
            outputs = {"structured_outputs": {kind: value}}
            yield partial(_body, "v1/chat/completions", {**chat, **outputs})
            yield partial(_body, "v1/completions", {**completion, **outputs})
            yield partial(_body, "v1/responses", {**respond, **outputs})
            yield partial(_body, "v1/messages", {**chat, **outputs})
            yield partial(_body, "v1/chat/completions/batch", {**batch, **outputs})


def spoiled() -> Iterator[Making]:
    """Every hostile value in every place of a body of every route."""
    draw = random.Random(0)
    originals = {**{f"v1/{endpoint}": valid(draw, endpoint) for endpoint in ENDPOINTS}, **SAMPLES}
    for path, original in originals.items():
        for index in range(len([*places(original)])):
            for value in HOSTILE:
                yield partial(_spoil, path, original, index, value)


def _spoil(path: str, original: dict[str, Any], index: int, value: Any) -> Body:
    """A body with one value in place of what it has at one of its places."""
    body = copy.deepcopy(original)
    container, key = [*places(body)][index]
    container[key] = value
    return _body(path, body)


def plain() -> Iterator[Making]:
    """What is no JSON object, and forms, on every route."""
    raw = (
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"[" * 100_000,
        b"\xff\xfe",
        b"\0",
        b'{"a":1}{"b":2}',
        b"NaN",
        b"9" * 10_000,
    )
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n\0\xff\r\n--x--\r\n'
    forms = (form, form[:-10], b"--x\r\n\r\n", b"", form * 300)
    audio = ("v1/audio/transcriptions", "v1/audio/translations")
    for path in (*(f"v1/{endpoint}" for endpoint in ENDPOINTS), *SAMPLES, *audio):
        for data in raw:
            yield partial(Body, path, data)
        yield partial(Body, path, b'{"model": 1}', "text/plain")
        for data in forms:
            yield partial(Body, path, data, "multipart/form-data; boundary=x")
        yield partial(Body, path, form, "multipart/form-data")


def mutations(draw: random.Random) -> Iterator[Body]:
    """Random changes of good bodies, without end; half of them to chats and completions."""
    while True:
        if draw.random() < 0.5:
            endpoint = draw.choice(ENDPOINTS)
            yield Body(f"v1/{endpoint}", mutate(draw, valid(draw, endpoint)))
        else:
            path = draw.choice(sorted(SAMPLES))
            yield Body(path, mutate(draw, SAMPLES[path]))


def bodies(count: int, seed: int) -> list[Body]:
    """A reproducible mix: at most a fifth each of the hand-made kinds, the rest random."""
    draw = random.Random(seed)
    chosen: list[Body] = []
    for made in (structures(), spoiled(), plain()):
        all_of_them = list(made)
        chosen += [make() for make in draw.sample(all_of_them, min(len(all_of_them), count // 5))]
    random_ones = mutations(draw)
    chosen += [next(random_ones) for _ in range(count - len(chosen))]
    draw.shuffle(chosen)
    return chosen


def _body(path: str, body: dict[str, Any]) -> Body:
    return Body(path, json.dumps(body).encode())

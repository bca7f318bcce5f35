"""The OpenAPI description is a valid one, and says what the code does."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openapi_spec_validator import OpenAPIV31SpecValidator
from tornado.web import URLSpec

from oaikit import errors
from oaikit.engine import metrics
from oaikit.engine.state import EngineSpec, EngineStatus, Progress, State
from oaikit.errors import InvalidRequestError, OAIKitError
from oaikit.sampling import BOTH, CHAT, COMPLETIONS, Endpoint, Limits, validate
from oaikit_server import dialect
from oaikit_server.handlers import ROUTES, OAIKitHandler, UnknownHandler, VLLMHandler
from oaikit_server.handlers.answers import VLLM_ROUTES
from oaikit_server.handlers.engine import load_spec
from oaikit_server.key_store import KeyStore
from oaikit_server.openapi import description
from oaikit_server.raw_output import RAW_OUTPUT, BatchSizes, RawOutput

LIMITS = Limits(n=7)
DOCUMENT = description("/user/ada/", LIMITS, "1.2.3")
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
METHODS = ("get", "post", "put", "patch", "delete", "head")
OPERATIONS: dict[tuple[str, str], dict[str, Any]] = {
    (method, path): operations[method]
    for path, operations in DOCUMENT["paths"].items()
    for method in METHODS
    if method in operations
}
KIND = {CHAT: "Chat", COMPLETIONS: ""}


def problems(schema: dict[str, Any], value: object) -> list[str]:
    """What of a value does not fit a schema of the description."""
    validator = jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def named(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def objects(value: object, place: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """All objects of a JSON value, with their places."""
    if isinstance(value, dict):
        yield place, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from objects(each, f"{place}/{name}")


def properties(schema: dict[str, Any]) -> dict[str, Any]:
    """The fields of an object, through references and ``allOf``."""
    if "$ref" in schema:
        return properties(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    own: dict[str, Any] = dict(schema.get("properties", {}))
    for each in schema.get("allOf", []):
        own |= properties(each)
    return own


def content(endpoint: Endpoint) -> dict[str, Any]:
    answer: dict[str, Any] = OPERATIONS["post", f"/v1/{endpoint}"]["responses"]["200"]["content"]
    return answer


# -- the document ------------------------------------------------------------------------------------------------------


def test_it_is_a_valid_description() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_it_is_plain_json() -> None:
    assert json.loads(json.dumps(DOCUMENT, allow_nan=False)) == DOCUMENT


def test_it_says_where_it_is_served_and_by_which_version() -> None:
    assert DOCUMENT["servers"] == [{"url": "/user/ada/oaikit"}]
    assert DOCUMENT["info"]["version"] == "1.2.3"


def test_who_changes_it_has_changed_a_copy() -> None:
    copy = json.loads(json.dumps(DOCUMENT))
    for _, each in list(objects(description("/user/ada/", LIMITS, "1.2.3"))):
        each.clear()
    assert description("/user/ada/", LIMITS, "1.2.3") == copy


def test_every_default_fits_its_schema() -> None:
    found = {
        place: problems(each, each["default"])
        for place, each in objects(SCHEMAS)
        if "default" in each and not place.endswith("/properties")
    }
    assert len(found) > 30
    assert {place: wrong for place, wrong in found.items() if wrong} == {}


def test_every_example_fits_its_schema() -> None:
    found = {
        place: problems(each["schema"], each["example"])
        for place, each in objects(DOCUMENT)
        if "example" in each
    }
    assert len(found) > 20
    assert {place: wrong for place, wrong in found.items() if wrong} == {}


def test_a_limit_of_the_server_is_in_the_schema() -> None:
    for kind in ("Chat", "Completion"):
        fields = SCHEMAS[f"{kind}Request"]["properties"]
        assert fields["n"]["maximum"] == fields["best_of"]["maximum"] == 7


# -- routes ------------------------------------------------------------------------------------------------------------


def test_the_paths_are_the_routes() -> None:
    """All of oaikit's own, and some of vLLM's."""
    own = {
        re.sub(r"\(.*\)", "{id}", pattern.removeprefix("/oaikit").replace("\\", ""))
        for pattern, handler in ROUTES
        if handler is not UnknownHandler and not issubclass(handler, VLLMHandler)
    }
    of_vllm = {"/v1/chat/completions", "/v1/completions", "/v1/models", "/tokenize", "/detokenize"}
    assert set(DOCUMENT["paths"]) == own | of_vllm


def handler_of(path: str) -> type[OAIKitHandler]:
    asked = f"/oaikit{path}".replace("{id}", "key_0a1b")
    return next(handler for pattern, handler in ROUTES if URLSpec(pattern, handler).regex.match(asked))


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_the_operations_of_a_path_are_the_methods_of_its_handler(path: str) -> None:
    handler = handler_of(path)
    taken = {method for method in METHODS if getattr(handler, method) is not getattr(OAIKitHandler, method)}
    if handler is VLLMHandler:  # it passes on what vLLM's app refuses
        taken &= set(DOCUMENT["paths"][path])
    assert taken == set(DOCUMENT["paths"][path])


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_operation_names_the_scopes_that_its_handler_asks_for(method: str, path: str) -> None:
    operation = OPERATIONS[method, path]
    scopes = {scope for wanted in operation["security"] for scope in wanted["bearer"]}
    assert handler_of(path).scopes(SimpleNamespace(path_args=[path.removeprefix("/")])) == scopes
    assert all(f"`{scope}`" in operation["description"] for scope in scopes)
    assert ("429" in operation["responses"]) == bool(scopes), "only keys have a limit"


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_has_an_id(method: str, path: str) -> None:
    for answer in OPERATIONS[method, path]["responses"].values():
        if "$ref" in answer:
            answer = DOCUMENT["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        assert "x-request-id" in answer["headers"]


@pytest.mark.parametrize("pattern", VLLM_ROUTES)
def test_vllms_other_routes_are_mentioned(pattern: str) -> None:
    name = re.sub(r"^\(\?:v1/\)\?|^v\[12\]/|/?\(.*$", "", pattern)
    assert f"/{name}" in DOCUMENT["paths"] or f"`{name}" in DOCUMENT["info"]["description"]


# -- errors ------------------------------------------------------------------------------------------------------------


def error_classes(base: type[OAIKitError] = OAIKitError) -> Iterator[type[OAIKitError]]:
    for each in base.__subclasses__():
        yield each
        yield from error_classes(each)


# What no server answers: the client's own.
OURS = [
    each
    for each in error_classes()
    if not issubclass(each, (errors.ServerNotFoundError, errors.SettingError))
]


@pytest.mark.parametrize("error", [each for each in OURS if each is not errors.RequestError])
def test_an_error_is_described(error: type[OAIKitError]) -> None:
    answer = error("what is wrong", param="n")
    assert problems(named("Error"), answer.body()) == []
    if error is errors.MethodNotAllowedError:  # no operation that is described can have it
        return
    described = DOCUMENT["components"]["responses"][f"Error{error.status}"]
    assert {name.lower() for name in answer.headers()} <= set(described["headers"])
    assert described["content"]["application/json"]["schema"] == named("Error")


def test_every_error_that_is_described_occurs() -> None:
    used = {
        answer["$ref"].rpartition("/")[2]
        for operation in OPERATIONS.values()
        for answer in operation["responses"].values()
        if "$ref" in answer
    }
    assert used == set(DOCUMENT["components"]["responses"])


# -- the two endpoints -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", BOTH)
def test_the_example_of_a_request_is_one(endpoint: Endpoint) -> None:
    body = OPERATIONS["post", f"/v1/{endpoint}"]["requestBody"]["content"]["application/json"]["example"]
    assert validate(endpoint, body, limits=LIMITS) == body


@pytest.mark.parametrize(("endpoint", "model"), [(CHAT, ChatCompletion), (COMPLETIONS, Completion)])
def test_an_answer_is_one_to_openais_client(endpoint: Endpoint, model: Any) -> None:
    example = content(endpoint)["application/json"]["example"]
    assert model.model_validate(example, strict=True).model_dump(exclude_unset=True) == example
    needed = set(model.model_json_schema()["required"])
    assert needed <= set(SCHEMAS[f"{KIND[endpoint]}Completion"]["required"])


@pytest.mark.parametrize(
    ("endpoint", "chunk", "model"),
    [(CHAT, "ChatChunk", ChatCompletionChunk), (COMPLETIONS, "CompletionChunk", None)],
)
def test_a_stream_is_events_or_lines_of_chunks(endpoint: Endpoint, chunk: str, model: Any) -> None:
    events = content(endpoint)["text/event-stream"]["example"]
    *data, done = re.findall(r"(?m)^data: (.*)\n\n", events)
    assert done == "[DONE]"
    assert [problems(named(chunk), json.loads(each)) for each in data] == [[]]
    if model is not None:
        model.model_validate_json(data[0], strict=True)
    raw = RawOutput(BatchSizes(first=1, growth=3, largest=50))
    lines = content(endpoint)[RAW_OUTPUT.decode()]["example"]
    assert lines.encode() == raw.feed(events.encode()) + raw.close()


def test_warnings_are_headers_of_the_two_endpoints_alone() -> None:
    having = {
        path
        for (_, path), operation in OPERATIONS.items()
        for answer in operation["responses"].values()
        if {"x-oaikit-warning", "x-oaikit-max-tokens"} & set(answer.get("headers", {}))
    }
    assert having == {f"/v1/{endpoint}" for endpoint in BOTH}


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        (CHAT, {"model": "m", "messages": [{"role": "user", "content": "x"}], "top_q": 1}),
        (COMPLETIONS, {"model": "m", "prompt": "x", "best_of": 3, "max_tokens": 5}),
    ],
)
@pytest.mark.parametrize("defaults", ["model", {"max_tokens": None, "stop": ["\n"]}])
def test_an_explanation_is_as_described(endpoint: Endpoint, body: dict[str, Any], defaults: Any) -> None:
    explained = dialect.resolve(endpoint, body, dialect.Policy(defaults=defaults)).explain()
    assert problems(named("Explanation"), explained) == []
    assert set(explained) == set(properties(named("Explanation")))


# -- vLLM's shapes -----------------------------------------------------------------------------------------------------

CHAT_PROTOCOL = "entrypoints/openai/chat_completion/protocol.py"
TEXT_PROTOCOL = "entrypoints/openai/completion/protocol.py"
BASE_PROTOCOL = "entrypoints/generate/base/protocol.py"
SERVE_PROTOCOL = "entrypoints/serve/engine/protocol.py"
TOKENIZE_PROTOCOL = "entrypoints/serve/tokenize/protocol.py"


def within(name: str, *path: str | int) -> dict[str, Any]:
    """A schema inside one of the description's."""
    found: Any = SCHEMAS[name]
    for step in path:
        found = found[step] if isinstance(step, int) or step in found else found["properties"][step]
    return dict(found)


def fields_of(path: str, name: str) -> set[str]:
    """The fields of a class of vLLM's. It is read, not imported: that would load torch."""
    spec = find_spec("vllm")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("vLLM is not installed")
    tree = ast.parse(Path(spec.submodule_search_locations[0], path).read_text())
    (found,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    statements = (node for node in found.body if isinstance(node, ast.AnnAssign))
    return {node.target.id for node in statements if isinstance(node.target, ast.Name)}


@pytest.mark.parametrize(
    ("schema", "path", "name"),
    [
        (within("ChatCompletion"), CHAT_PROTOCOL, "ChatCompletionResponse"),
        (within("ChatCompletion", "choices", "items"), CHAT_PROTOCOL, "ChatCompletionResponseChoice"),
        (within("ChatCompletion", "choices", "items", "message"), CHAT_PROTOCOL, "ChatMessage"),
        (within("ChatChunk"), CHAT_PROTOCOL, "ChatCompletionStreamResponse"),
        (within("ChatChunk", "choices", "items"), CHAT_PROTOCOL, "ChatCompletionResponseStreamChoice"),
        (within("ChatChunk", "choices", "items", "delta"), BASE_PROTOCOL, "DeltaMessage"),
        (within("Completion"), TEXT_PROTOCOL, "CompletionResponse"),
        (within("Completion", "choices", "items"), TEXT_PROTOCOL, "CompletionResponseChoice"),
        (within("CompletionChunk"), TEXT_PROTOCOL, "CompletionStreamResponse"),
        (within("CompletionChunk", "choices", "items"), TEXT_PROTOCOL, "CompletionResponseStreamChoice"),
        (within("CompletionLogprobs"), TEXT_PROTOCOL, "CompletionLogProbs"),
        (within("Usage"), SERVE_PROTOCOL, "UsageInfo"),
        (within("ModelList"), SERVE_PROTOCOL, "ModelList"),
        (within("ModelList", "data", "items"), SERVE_PROTOCOL, "ModelCard"),
        (within("TokenizeRequest", "anyOf", 0), TOKENIZE_PROTOCOL, "TokenizeCompletionRequest"),
        (within("TokenizeRequest", "anyOf", 1), TOKENIZE_PROTOCOL, "TokenizeChatRequest"),
        (within("TokenizeAnswer"), TOKENIZE_PROTOCOL, "TokenizeResponse"),
        (within("DetokenizeRequest"), TOKENIZE_PROTOCOL, "DetokenizeRequest"),
        (within("DetokenizeAnswer"), TOKENIZE_PROTOCOL, "DetokenizeResponse"),
    ],
)
def test_vllm_has_the_fields(schema: dict[str, Any], path: str, name: str) -> None:
    """But for the one that is added on the way."""
    assert schema["properties"]
    assert set(schema["properties"]) - {"reasoning_content"} <= fields_of(path, name)


# -- the engine and the keys -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status",
    [
        EngineStatus(),
        EngineStatus(
            State.LOADING, "m", ("a",), "cpu", "0.32.0", "it crashed", 1, Progress("loading", 0.5, 2)
        ),
        EngineStatus(
            State.READY,
            "m",
            ("a",),
            "cpu",
            "0.32.0",
            uptime_s=3.5,
            generation_config={"top_k": 20},
            engine_args={"dtype": "float32"},
        ),
    ],
)
def test_a_status_is_as_described(status: EngineStatus) -> None:
    shown = {**status.as_dict(), "in_flight": 0, "queued": 0, **metrics.scheduler_figures()}
    assert problems(named("Status"), shown) == []
    assert set(shown) == set(properties(named("Status")))
    assert problems(named("Engine"), status.as_dict()) == []


def test_a_key_is_as_described(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.db")
    made = [store.create("a"), store.create("b", ["admin"], expires_in_s=9, requests_per_minute=3)]
    keys = [asyncio.run(each)[0] for each in made]
    keys.append(asyncio.run(store.revoke(keys[0].id)))
    for key in keys:
        assert problems(named("Key"), store.describe(key)) == []
        assert set(store.describe(key)) == set(properties(named("Key")))
    assert problems(named("KeyList"), {"data": asyncio.run(store.list())}) == []
    assert problems(named("NewKey"), store.describe(keys[0])) == ["$: 'key' is a required property"]


def test_what_a_request_for_a_key_leaves_out_is_as_described(tmp_path: Path) -> None:
    schema = SCHEMAS["KeyRequest"]["properties"]
    defaults = {name: each["default"] for name, each in schema.items() if "default" in each}
    assert set(defaults) | {"name"} == set(schema)
    store = KeyStore(tmp_path / "keys.db")
    short, long = (asyncio.run(store.create("x", **given))[0] for given in ({}, defaults))
    assert {**store.describe(short), "id": "", "created": 0} == {
        **store.describe(long),
        "id": "",
        "created": 0,
    }


@pytest.mark.parametrize(
    "fields",
    [
        *({"name": name} for name in ("x", " x ", "x" * 100, "x" * 101, "", " ", 3, None)),
        *({"scopes": scopes} for scopes in (["read"], ["read", "admin"], [], ["all"], "read", None, [1])),
        *({"expires_in_s": seconds} for seconds in (1, 0.9, 0, -1, 1.5, 3.2e9, 3.3e9, "1", True, None)),
        *({"requests_per_minute": limit} for limit in (1, 0, 100_000, 100_001, 1.5, "1", False, None)),
    ],
    ids=str,
)
def test_a_request_for_a_key_is_taken_if_it_fits(fields: dict[str, Any], tmp_path: Path) -> None:
    body = {"name": "x", **fields}
    try:
        asyncio.run(KeyStore(tmp_path / "keys.db").create(**body))
        taken = True
    except InvalidRequestError:
        taken = False
    assert (problems(named("KeyRequest"), body) == []) == taken


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": "m"},
        {"model": "m", "engine_args": {"seed": 1}, "served_model_name": "a"},
        {"model": "m", "served_model_name": ["a", "b"]},
        {"model": "m", "served_model_name": []},
        {"model": "m", "served_model_name": ""},
        {"model": "m", "served_model_name": ["a", ""]},
        {"model": "m", "served_model_name": None},
        {"model": "m", "engine_args": []},
        {"model": "m", "engine_args": None},
        {"model": ""},
        {"model": None},
        {"engine_args": {}},
        {"served_model_name": "a"},
        {"model": "m", "max_model_len": 512},
    ],
    ids=str,
)
def test_a_request_to_load_is_taken_if_it_fits(body: dict[str, Any]) -> None:
    try:
        load_spec(json.dumps(body).encode(), EngineSpec("configured"))
        taken = True
    except InvalidRequestError:
        taken = False
    assert (problems(named("LoadRequest"), body) == []) == taken

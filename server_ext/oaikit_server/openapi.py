"""The OpenAPI 3.1 description of what the extension serves. https://spec.openapis.org/oas/v3.1.0

Nothing of it is made at import: Jupyter's start waits for that.
"""

from __future__ import annotations

import json
from typing import Any, Final

from oaikit import demo, errors
from oaikit.sampling import CHAT, COMPLETIONS, Endpoint, Limits
from oaikit_server.aborts import HEADER, NAME
from oaikit_server.keys import Scope
from oaikit_server.openapi_schemas import Schema, key_id, ref, schemas

_ABOUT: Final = """\
vLLM inside the Jupyter server: OpenAI's API for every notebook, and the management of the engine behind it.

vLLM's other routes are passed on as they are, and are described by [vLLM's documentation](https://docs.vllm.ai):
`v1/chat/completions/batch`, `v1/responses`, `v1/messages`, `v1/embeddings`,
`v1/audio/transcriptions` and `/translations`, `score`, `rerank`, `pooling`, `classify`. A key needs the scope `infer`
for them. All else that vLLM's own server has is closed.

Every error is JSON of the schema `Error`, on unknown routes (404) and for a method that a route lacks (405) too.
"""

_BEARER: Final = (
    "A key of oaikit's, which may do what its scopes say (`read`: look; `infer`: get answers; `admin`: load and unload "
    "models), or Jupyter's token, which may do everything. Jupyter's other credentials count as well: `token …` in the "
    "same header, or the cookie of a logged-in browser with its XSRF token. The roles of operations are scopes."
)


def description(base_url: str, limits: Limits, version: str) -> dict[str, Any]:
    """The description as a JSON object, made anew.

    Parameters: Jupyter's base URL, which ends with a slash; how much one request may ask for; oaikit's version.
    """
    paths: dict[str, Any] = {}
    for place, operation in {**_answers(), **_engine(), **_keys()}.items():
        method, path = place.split()
        paths.setdefault(path, {})[method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "oaikit", "version": version, "description": _ABOUT},
        "servers": [{"url": base_url + "oaikit"}],
        "paths": paths,
        "components": {
            "schemas": schemas(limits),
            "responses": _errors(),
            "headers": _headers(),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": _BEARER}},
        },
    }


# -- operations, by method and path ----------------------------------------------------------------------------------


def _answers() -> dict[str, Any]:
    read, both = (Scope.READ,), (Scope.READ, Scope.INFER)
    either: Schema = {"anyOf": [ref("ChatRequest"), ref("CompletionRequest")]}
    text, tokens = {"model": demo.NAME, "prompt": "Hello"}, {"model": demo.NAME, "tokens": [72, 105]}
    return {
        # 422: media that can't be had.
        "POST /v1/chat/completions": _generation(
            "createChatCompletion", "Answer a conversation.", CHAT, 404, 422, 499
        ),
        "POST /v1/completions": _generation("createCompletion", "Continue a text.", COMPLETIONS, 404, 499),
        "GET /v1/models": _operation(
            "listModels",
            "The names under which the loaded model is served.",
            _answer(200, "The models.", _json("ModelList")),
            *(500, 503),
            scopes=read,
        ),
        "POST /tokenize": _operation(
            "tokenize",
            "The tokens of a text, or of a conversation as the chat template writes it.",
            _answer(200, "The tokens.", _json("TokenizeAnswer")),
            *(404, 422, 500, 503),
            scopes=read,
            body=_body(ref("TokenizeRequest"), text),
        ),
        "POST /detokenize": _operation(
            "detokenize",
            "The text of tokens.",
            _answer(200, "The text.", _json("DetokenizeAnswer")),
            *(404, 500, 503),
            scopes=read,
            body=_body(ref("DetokenizeRequest"), tokens),
        ),
        "POST /api/explain": _operation(
            "explain",
            "What a request to one of the two endpoints comes to: each parameter, and where its value is from.",
            _answer(200, "The effective parameters.", _json("Explanation")),
            scopes=both,
            body=_body(either, _example_of(CHAT)[0]),
            more="With `messages` the request is one for `v1/chat/completions`, else for `v1/completions`. The model "
            "is not asked, and need not be loaded.",
        ),
        "POST /api/abort": _operation(
            "abort",
            "End a request that is in flight, from elsewhere than whence it came.",
            _answer(200, "How many requests of that name were ended.", _json("Aborted")),
            scopes=(Scope.INFER,),
            body=_body(ref("AbortRequest"), {"token": "3f0c5a3d6f6e4f0b8a1c2d3e4f5a6b7c"}),
            more="`token` is what the request has in its header `X-OAIKit-Abort`. Its client gets the error "
            "`request_aborted`, in a stream as its last event. With a key only requests of that key are ended.",
        ),
    }


def _generation(operation_id: str, summary: str, endpoint: Endpoint, *statuses: int) -> dict[str, Any]:
    kind = "Chat" if endpoint == CHAT else ""
    request, answer, chunk = _example_of(endpoint)
    chunks = f"{kind or 'Completion'}Chunk"
    event = {
        "type": "string",
        "description": f"`data: ` and a `{chunks}` in each event; at the end `data: [DONE]`.",
    }
    line = {"type": "string", "description": f"A list of `{chunks}` in each line; an error is alone in one."}
    content = {
        "application/json": {"schema": ref(f"{kind}Completion"), "example": answer},
        "text/event-stream": {"schema": event, "example": f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"},
        "application/x-ndjson": {"schema": line, "example": f"{json.dumps([chunk])}\n"},
    }
    abort = {
        "name": HEADER,
        "in": "header",
        "description": "A name made up for this request, by which `api/abort` can end it.",
        "schema": {"type": "string", "pattern": NAME.pattern},
    }
    told = "The answer. With `stream`, events; or lines, if the server's owner has set RAW_OPENAI_OUTPUT=0."
    operation = _operation(
        operation_id,
        summary,
        _answer(200, told, content, "x-oaikit-warning", "x-oaikit-max-tokens"),
        *(*statuses, 500, 503),
        scopes=(Scope.INFER,),
        body=_body(ref(f"{kind or 'Completion'}Request"), request),
        more="What may not be together is not in the schema: such a request gets a 400 that says so. The server's "
        "owner may have set other defaults, and the engine has limits of its own; `api/explain` shows what counts.",
    )
    return {**operation, "parameters": [abort]}


def _engine() -> dict[str, Any]:
    read, admin = (Scope.READ,), (Scope.ADMIN,)
    text = {"text/plain": {"schema": {"type": "string"}}}
    load = {"model": "Qwen/Qwen3-0.6B", "engine_args": {"max_model_len": 4096}}
    return {
        "GET /api/status": _operation(
            "getStatus",
            "The engine's state, and what its scheduler does.",
            _answer(200, "The state. It is answered at once, whatever the engine does.", _json("Status")),
            scopes=read,
        ),
        "POST /api/load": _operation(
            "loadModel",
            "Load a model, in place of the one that is loaded.",
            _answer(202, "The load has begun; its progress is in `api/status`.", _json("Engine")),
            503,
            scopes=admin,
            body={**_body(ref("LoadRequest"), load), "required": False},
            more="Without a body, the configured model. A bad argument leaves the engine as it is.",
        ),
        "POST /api/unload": _operation(
            "unloadModel",
            "Stop the engine and free the device.",
            _answer(200, "The engine has stopped; requests do not start it again.", _json("Engine")),
            scopes=admin,
        ),
        "GET /metrics": _operation(
            "getMetrics",
            "vLLM's metrics in Prometheus' text format.",
            _answer(200, "The metrics; empty until an engine has run.", text),
            scopes=read,
        ),
        "GET /openapi.json": _operation(
            "getDescription",
            "This description.",
            _answer(200, "An OpenAPI description.", {"application/json": {"schema": {"type": "object"}}}),
            scopes=read,
        ),
    }


def _keys() -> dict[str, Any]:
    key = {"name": "ci", "scopes": ["infer"], "expires_in_s": 86400, "requests_per_minute": 60}
    revoke = _operation(
        "revokeKey",
        "Revoke a key, at once and for good.",
        _answer(200, "The key, revoked.", _json("Key")),
        *(404, 500),
    )
    return {
        "GET /api/keys": _operation(
            "listKeys",
            "The keys that this user has made, oldest first, without their secrets.",
            _answer(200, "The keys.", _json("KeyList")),
            500,
        ),
        "POST /api/keys": _operation(
            "createKey",
            "Make a key.",
            _answer(201, "The key, and this once its secret.", _json("NewKey")),
            500,
            body=_body(ref("KeyRequest"), key),
        ),
        "DELETE /api/keys/{id}": {
            **revoke,
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": key_id()}],
        },
    }


# -- building blocks -------------------------------------------------------------------------------------------------


def _operation(
    operation_id: str,
    summary: str,
    answer: dict[str, Any],
    *statuses: int,
    scopes: tuple[Scope, ...] = (),
    body: dict[str, Any] | None = None,
    more: str = "",
) -> dict[str, Any]:
    """Parameters: the scopes of which a key needs one (none: no key will do), and the errors besides those that come
    with a key, a limit per key, and a body."""
    known = {401, 403, *statuses} | ({429} if scopes else set()) | ({400, 413} if body else set())
    key = f"a key that may {' or '.join(f'`{scope}`' for scope in scopes)}, or " if scopes else ""
    found = {
        "operationId": operation_id,
        "summary": summary,
        "description": f"{more} Needs {key}Jupyter's own credentials.".lstrip(),
        "security": [{"bearer": [scope.value]} for scope in scopes] or [{"bearer": []}],
        "responses": {
            **answer,
            **{f"{status}": _shared("responses", f"Error{status}") for status in sorted(known)},
        },
    }
    return {**found, "requestBody": body} if body else found


def _body(schema: Schema, example: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": ref(name)}}


def _answer(status: int, text: str, content: dict[str, Any], *headers: str) -> dict[str, Any]:
    return {f"{status}": _response(text, content, *headers)}


def _response(text: str, content: dict[str, Any], *headers: str) -> dict[str, Any]:
    shared = {name: _shared("headers", name) for name in ("x-request-id", *headers)}
    return {"description": text, "headers": shared, "content": content}


def _shared(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _example_of(endpoint: Endpoint) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A request, the answer, and a chunk of it."""
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    if endpoint == CHAT:
        kind, chunk_kind, prefix = "chat.completion", "chat.completion.chunk", "chatcmpl"
        asked: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}]}
        said: dict[str, Any] = {"message": {"role": "assistant", "content": "Hi!"}}
        part: dict[str, Any] = {"delta": {"content": "Hi"}}
    else:
        kind = chunk_kind = "text_completion"
        prefix, asked, said, part = "cmpl", {"prompt": "Once upon a"}, {"text": " time."}, {"text": " time"}
    head = {"id": f"{prefix}-9f0c5a3d6f6e4f0b8a1c2d3e4f5a6b7c", "created": 1767225600, "model": demo.NAME}
    choice, partial = (
        {"index": 0, "finish_reason": "stop", **said},
        {"index": 0, "finish_reason": None, **part},
    )
    return (
        {"model": demo.NAME, **asked, "max_tokens": 64},
        {**head, "object": kind, "choices": [choice], "usage": usage},
        {**head, "object": chunk_kind, "choices": [partial]},
    )


# -- what operations share -------------------------------------------------------------------------------------------


def _errors() -> dict[str, Any]:
    media = errors.RequestError(
        "the image can't be read", status=422, type="invalid_request_error", code=None
    )
    rows: list[tuple[errors.OAIKitError, str]] = [
        (
            errors.InvalidRequestError("`top_k` must be an integer of at least -1, not 0.5", param="top_k"),
            "The request can't be answered as it is; `param` names what is wrong.",
        ),
        (errors.AuthenticationError("this key has expired"), "No key, a wrong one, or one that has ended."),
        (
            errors.PermissionDeniedError("this key may read; this needs one that may infer"),
            "The key's scopes or the user's rights do not reach, or the XSRF token is missing.",
        ),
        (errors.NotFoundError("there is no such key", param="id"), "There is no such model or key."),
        (errors.RequestTooLargeError("the body is too large"), "The body is larger than `max_body_size`."),
        (media, "An image, audio or video that the request names can't be had."),
        (
            errors.RateLimitError("this key may make 60 requests in a minute", retry_after_s=9),
            "Too many requests: of this key in a minute, or of all at once.",
        ),
        (
            errors.RequestAbortedError("the request was ended through oaikit/api/abort"),
            "Somebody ended the request through `api/abort`.",
        ),
        (errors.EngineCrashedError("the engine crashed"), "The engine died, or something failed inside."),
        (
            errors.EngineLoadingError("the model is loading"),
            "There is no engine now: `model_loading`, `engine_stopped`, or `engine_failed` if it can't be started.",
        ),
    ]
    return {f"Error{error.status}": _error(error, text) for error, text in rows}


def _error(error: errors.OAIKitError, text: str) -> dict[str, Any]:
    content = {"application/json": {"schema": ref("Error"), "example": error.body()}}
    return _response(text, content, *(name.lower() for name in error.headers()))


def _headers() -> dict[str, Any]:
    rows: dict[str, tuple[str, Schema]] = {
        "x-request-id": ("The request's id, which is in the engine's log too.", {"type": "string"}),
        "retry-after": (
            "Seconds to wait; absent where it would be in vain.",
            {"type": "integer", "minimum": 1},
        ),
        "x-should-retry": (
            "Whether to try again, for OpenAI's clients; it wins over the status.",
            {"type": "string", "enum": ["true", "false"]},
        ),
        "x-oaikit-warning": (
            "What the request says and nothing heeds, such as an unknown parameter; absent if that is nothing.",
            {"type": "string"},
        ),
        "x-oaikit-max-tokens": (
            "The answer ended at a max_tokens that the request did not ask for, or, if it is streamed, will end there.",
            {"type": "string"},
        ),
    }
    return {name: {"description": text, "schema": schema} for name, (text, schema) in rows.items()}

"""The schemas of the OpenAPI description.

Requests of the two endpoints come from the table of parameters. Of vLLM's answers there is what clients rely on; they
have more fields than that.
"""

from __future__ import annotations

from typing import Any, get_args

from oaikit import demo, sampling
from oaikit.engine.state import State
from oaikit.sampling import BOTH, CHAT, COMPLETIONS, Limits
from oaikit_server.keys import Scope

Schema = dict[str, Any]


def schemas(limits: Limits) -> dict[str, Schema]:
    """All schemas by name, made anew; ``limits`` is how much one request may ask for."""
    return {
        "Error": _error(),
        "ChatRequest": sampling.schema(CHAT, limits),
        "CompletionRequest": sampling.schema(COMPLETIONS, limits),
        "ChatCompletion": _chat_completion(),
        "ChatChunk": _chat_chunk(),
        "ChatLogprobs": _chat_logprobs(),
        "Completion": _whole("text_completion", _choice("CompletionLogprobs", text=_of("string"))),
        "CompletionChunk": _chunk("text_completion", _choice("CompletionLogprobs", text=_of("string"))),
        "CompletionLogprobs": _completion_logprobs(),
        "Usage": _usage(),
        "Aborted": _object({"aborted": _of("integer", minimum=0)}),
        "AbortRequest": _object({"token": _of("string")}),
        "Explanation": _explanation(),
        **_models_and_tokens(),
        **_engine(),
        **_keys(),
    }


def ref(name: str) -> Schema:
    """A reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def key_id() -> Schema:
    """The id of a key."""
    return _of("string", pattern="^key_[0-9a-f]+$")


# -- building blocks -------------------------------------------------------------------------------------------------


def _of(types: str, about: str = "", **keywords: Any) -> Schema:
    """A value of one of JSON's types: "string", "string null"."""
    names = types.split()
    found: Schema = {"type": names if len(names) > 1 else types, **keywords}
    return {**found, "description": about} if about else found


def _count(about: str = "", **keywords: Any) -> Schema:
    return _of("integer", about, minimum=0, **keywords)


def _list(item: Schema) -> Schema:
    return _of("array", items=item)


def _or_null(inner: Schema) -> Schema:
    return {"anyOf": [inner, {"type": "null"}]}


def _object(
    required: dict[str, Schema], optional: dict[str, Schema] | None = None, **keywords: Any
) -> Schema:
    """An object that always has some fields, and may have others."""
    found = _of("object", properties={**required, **(optional or {})}, **keywords)
    return {**found, "required": list(required)} if required else found


def _error() -> Schema:
    fields = {
        "message": _of("string", "What is wrong, and what to do about it."),
        "type": _of("string", "invalid_request_error, server_error, or requests for a limit on these."),
        "param": _of("string null", "The parameter that it is about."),
        "code": _of("string null", "Such as model_not_found, model_loading, engine_crashed."),
    }
    return _object({"error": _object(fields)})


# -- answers ---------------------------------------------------------------------------------------------------------


def _head(kind: str, choice: Schema) -> dict[str, Schema]:
    return {
        "id": _of("string", "The same in all chunks of an answer; the x-request-id is in it."),
        "object": _of("string", const=kind),
        "created": _of("integer", "Seconds since 1970."),
        "model": _of("string", "The first of the names under which the model is served."),
        "choices": _list(choice),
    }


def _whole(kind: str, choice: Schema, **optional: Schema) -> Schema:
    return _object({**_head(kind, choice), "usage": ref("Usage")}, optional)


def _chunk(kind: str, choice: Schema) -> Schema:
    """The chunk with ``usage`` has no choices, unless continuous_usage_stats puts it into every one."""
    return _object(_head(kind, choice), {"usage": _or_null(ref("Usage"))})


def _choice(logprobs: str, **content: Schema) -> Schema:
    reasons = "stop, length, tool_calls, abort, error or repetition; null while the answer goes on."
    always = {"index": _count(), **content, "finish_reason": _of("string null", reasons)}
    optional = {
        "logprobs": _or_null(ref(logprobs)),
        "stop_reason": _of(
            "string integer null", "The text or the token id of the request at which it stopped."
        ),
        "token_ids": _of("array null", "If return_token_ids asks for it.", items=_count()),
    }
    return _object(always, optional)


def _said() -> dict[str, Schema]:
    thought = "What a reasoning model thought, where the engine has a parser for it."
    return {
        "content": _of("string null"),
        "reasoning": _of("string null", thought),
        "reasoning_content": _of("string null", "The same under its older name."),
    }


def _call(optional: str = "") -> dict[str, Schema]:
    """A tool call; ``optional`` is " null" in chunks, of which each has a part of it."""
    function = {
        "name": _of("string" + optional),
        "arguments": _of("string" + optional, "JSON, as the model wrote it."),
    }
    return {
        "id": _of("string" + optional),
        "type": _of("string" + optional, enum=["function", *([None] if optional else [])]),
        "function": _object({}, function) if optional else _object(function),
    }


def _chat_completion() -> Schema:
    said = _said()
    always = {"role": _of("string"), "content": said.pop("content")}
    message = _object(always, {**said, "tool_calls": _list(_object(_call()))})
    return _whole(
        "chat.completion",
        _choice("ChatLogprobs", message=message),
        prompt_logprobs=_of("array null", "If prompt_logprobs asks for it."),
        prompt_token_ids=_of("array null", "If return_token_ids asks for it.", items=_count()),
        prompt_text=_of("string null", "If return_prompt_text asks for it."),
    )


def _chat_chunk() -> Schema:
    call = _object({"index": _count()}, _call(" null"))
    delta = _object({}, {"role": _of("string null"), **_said(), "tool_calls": _list(call)})
    return _chunk("chat.completion.chunk", _choice("ChatLogprobs", delta=delta))


def _chat_logprobs() -> Schema:
    in_utf8 = _of("array null", "The token in UTF-8.", items=_count(maximum=255))
    token = {"token": _of("string"), "logprob": _of("number"), "bytes": in_utf8}
    return _object({"content": _or_null(_list(_object({**token, "top_logprobs": _list(_object(token))})))})


def _completion_logprobs() -> Schema:
    likeliest = _of("object null", additionalProperties=_of("number"))
    return _object(
        {
            "tokens": _list(_of("string")),
            "token_logprobs": _list(_of("number null")),
            "top_logprobs": _list(likeliest),
            "text_offset": _list(_of("integer")),
        }
    )


def _usage() -> Schema:
    counts = {name: _count() for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    return _object(
        counts, {name: _of("object null") for name in ("prompt_tokens_details", "completion_tokens_details")}
    )


def _explanation() -> Schema:
    from oaikit_server.dialect.request import (
        Source,
    )  # Jupyter's start would wait for the tables that it needs

    limit = "The limit that the request did not ask for; null if it asked, or if there is none."
    candidates = "Answers per prompt that are made for best_of; null if no more than are returned."
    source = _of("string", "trait: set by the server's owner.", enum=list(get_args(Source)))
    value = {"description": "null as max_tokens: what is left of the context."}
    parameter = _object({"value": value, "source": source})
    return _object(
        {
            "endpoint": _of("string", enum=list(BOTH)),
            "parameters": _of("object", additionalProperties=parameter),
            "warnings": _list(_of("string")),
            "defaulted_max_tokens": _of("integer null", limit, minimum=0),
            "candidates": _of("integer null", candidates, minimum=2),
        }
    )


# -- vLLM's models and tokenizer -------------------------------------------------------------------------------------


def _models_and_tokens() -> dict[str, Schema]:
    """As vllm/entrypoints/serve/engine/protocol.py and serve/tokenize/protocol.py have them."""
    context = "The model's context, tokens."
    card = _object(
        {"id": _of("string"), "object": _of("string", const="model"), "created": _of("integer")},
        {
            "owned_by": _of("string"),
            "root": _of("string null", "What was loaded: a Hugging Face name or a path."),
            "max_model_len": _of("integer null", context),
        },
    )
    return {
        "ModelList": _object({"object": _of("string", const="list"), "data": _list(card)}),
        "TokenizeRequest": {"anyOf": [_tokenize_text(), _tokenize_chat()]},
        "TokenizeAnswer": _object(
            {"count": _count(), "max_model_len": _count(context), "tokens": _list(_count())},
            {"token_strs": _of("array null", items=_of("string"))},
        ),
        "DetokenizeRequest": _object({"tokens": _list(_count())}, {"model": _of("string null")}),
        "DetokenizeAnswer": _object({"prompt": _of("string")}),
    }


def _tokenize_text() -> Schema:
    return _object({"prompt": _of("string")}, _tokenize_options(add_special_tokens=True))


def _tokenize_chat() -> Schema:
    chat = {
        name: ref(f"ChatRequest/properties/{name}") for name in ("messages", "tools", "chat_template_kwargs")
    }
    optional = {
        **_tokenize_options(add_special_tokens=False),
        "add_generation_prompt": _of("boolean", default=True),
        "continue_final_message": _of("boolean", default=False),
    }
    return _object({"messages": chat.pop("messages")}, {**optional, **chat})


def _tokenize_options(*, add_special_tokens: bool) -> dict[str, Schema]:
    return {
        "model": _of("string null"),
        "add_special_tokens": _of("boolean", default=add_special_tokens),
        "return_token_strs": _of("boolean null", default=False),
    }


# -- the engine and the keys -----------------------------------------------------------------------------------------


def _engine() -> dict[str, Schema]:
    scheduled = {
        "in_flight": _count("Requests that are being answered."),
        "queued": _count("Requests that wait for one of these to end."),
        "running": _of("number", "Requests in vLLM's batch.", minimum=0),
        "waiting": _of("number", "Requests that wait in vLLM.", minimum=0),
        "kv_cache_usage": _of("number", minimum=0, maximum=1),
        "generated_tokens": _of("number", minimum=0),
    }
    name = _of("string", minLength=1)
    asked = {
        "model": _of("string", f"A Hugging Face name, a path, or {demo.NAME}.", minLength=1),
        "engine_args": _of("object", "vLLM's engine arguments by their own names.", default={}),
        "served_model_name": {"anyOf": [name, _list(name)], "default": []},
    }
    return {
        "Engine": _object(_engine_fields()),
        "Status": {"allOf": [ref("Engine"), _object(scheduled)]},
        "LoadRequest": _object(
            {},
            asked,
            additionalProperties=False,
            dependentRequired={name: ["model"] for name in asked if name != "model"},
        ),
    }


def _engine_fields() -> dict[str, Schema]:
    seconds = {name: _of("number", "Seconds.", minimum=0) for name in ("phase_s", "load_s")}
    return {
        "state": _of("string", enum=[state.value for state in State]),
        "model": _of("string null", "What was asked for: a Hugging Face name or a path."),
        "served_names": _list(_of("string")),
        "device": _of("string null"),
        "vllm_version": _of("string null"),
        "engine_args": _of(
            "object", "What the engine was started with: what was given and oaikit's defaults, no secrets."
        ),
        "error": _of("string null", "The cause of the last failure or crash."),
        "restarts": _count("Restarts after crashes since the model was asked for."),
        "progress": _or_null(_object({"phase": _of("string"), **seconds})),
        "uptime_s": _of("number null", "Seconds since it is ready.", minimum=0),
        "max_model_len": _of("integer null", "The model's context, tokens."),
        "max_logprobs": _of("integer null", "The engine's limit; -1: none."),
        "max_stop_strings": _of("integer null", "The engine's limit of texts that end an answer."),
        "max_token_characters": _of("integer null", "The most characters that one token stands for."),
        "truncation_side": _of(
            "string null", "The end of a prompt that the model's tokenizer cuts: left or right."
        ),
        "max_num_seqs": _of("integer null", "How many answers the engine works on at once."),
        "accepts_images": _of("boolean null", "Whether messages may have images, and other media."),
        "generation_config": _of("object", "What the model says of sampling, by vLLM's names."),
    }


def _keys() -> dict[str, Schema]:
    scopes = _of("array", items=_of("string", enum=[scope.value for scope in Scope]), minItems=1)
    moment, no_limit = "Seconds since 1970; null: never.", "In any minute; null: no limit."
    described = {
        "id": key_id(),
        "name": _of("string"),
        "scopes": scopes,
        "created": _of("integer", "Seconds since 1970."),
        "expires": _of("integer null", moment),
        "revoked": _of("integer null", moment),
        "requests_per_minute": _of("integer null", no_limit, minimum=1),
        "state": _of("string", enum=["active", "expired", "revoked"]),
    }
    asked = {
        "scopes": {**scopes, "default": [Scope.READ.value, Scope.INFER.value]},
        "expires_in_s": _of(
            "number null", "From now; null: it never does.", minimum=1, maximum=3.2e9, default=None
        ),
        "requests_per_minute": _of("integer null", no_limit, minimum=1, maximum=100_000, default=None),
    }
    name = _of("string", "What the key is for.", maxLength=100, pattern=r"\S")
    return {
        "Key": _object(described),
        "KeyList": _object({"data": _list(ref("Key"))}),
        "NewKey": {"allOf": [ref("Key"), _object({"key": _of("string", "The secret.")})]},
        "KeyRequest": _object({"name": name}, asked, additionalProperties=False),
    }

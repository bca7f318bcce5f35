"""What can be said about engine arguments without importing vLLM: names, defaults, and how a value is read.

vLLM keeps the types, choices and special forms of its arguments in the argparse actions of its command line. A value
that comes as JSON or from Python is therefore written out as on a command line, and those actions read it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NoReturn

import pydantic

from oaikit._hints import did_you_mean
from oaikit.engine.redaction import is_secret_name, public_text
from oaikit.errors import EngineArgumentError

# Arguments of vLLM's own HTTP server. Jupyter is the HTTP server here, so vLLM would accept them and ignore them.
HTTP_SERVER_ARGUMENTS = frozenset(
    [
        "allow_credentials",
        "allowed_headers",
        "allowed_methods",
        "allowed_origins",
        "api_key",
        "api_server_count",
        "config",
        "data_parallel_supervisor_port",
        "disable_access_log_for_endpoints",
        "disable_fastapi_docs",
        "disable_uvicorn_access_log",
        "dp_supervisor_probe_failure_threshold",
        "dp_supervisor_probe_interval_s",
        "dp_supervisor_probe_timeout_s",
        "enable_offline_docs",
        "enable_request_id_headers",
        "enable_ssl_refresh",
        "grpc",
        "grpc_port",
        "h11_max_header_count",
        "h11_max_incomplete_event_size",
        "headless",
        "host",
        "middleware",
        "model_tag",
        "port",
        "root_path",
        "ssl_ca_certs",
        "ssl_cert_reqs",
        "ssl_certfile",
        "ssl_ciphers",
        "ssl_keyfile",
        "uds",
        "uvicorn_log_level",
    ]
)

# Defaults for arguments that the user has not set. vLLM's server fetches media from every address that a request
# names, including those of the host's own network (https://docs.vllm.ai/en/latest/usage/security.html). An empty list
# would allow all of them, so it holds a name that no host has (RFC 2606). Answers count the prompt's cached tokens, as
# OpenAI's do.
SAFE_DEFAULTS: Mapping[str, Any] = {
    "allowed_media_domains": ["none.invalid"],
    "enable_prompt_tokens_details": True,
}

# Defaults on a machine without a GPU. float32, because bf16 kernels die with SIGILL on some x86 hosts. Eager, because
# compiling takes longer than it saves on small models. 1 GiB of KV cache, because vLLM's default takes a large share
# of the memory that Jupyter's kernels need. No chunked prefill, because a seeded prompt in chunks ends the engine of
# vLLM 0.32 ("CPU Generator does not use offset").
CPU_DEFAULTS: Mapping[str, Any] = {
    "dtype": "float32",
    "enable_chunked_prefill": False,
    "enforce_eager": True,
    "kv_cache_memory_bytes": 1 << 30,
}

_MAX_TEXT = 1000  # characters of an error; vLLM's may list hundreds of models
# What argparse says of a command line, which means nothing to a user who has none: Python functions and options.
_COMMAND_LINE_WORDS = (
    (re.compile(r"invalid \S+ value: "), "invalid value "),
    (re.compile(r"Value (.*) cannot be converted to .*", re.DOTALL), r"invalid value \1"),
    (re.compile(r"^Error: "), ""),
)
_OPTION = re.compile(r"(?<!\S)--([a-z][a-z0-9-]+)")


def check_names(names: Collection[str], known: Collection[str], version: str) -> None:
    """Check that vLLM has these arguments and that they mean something under Jupyter.

    Args:
        names: The names that the user gave.
        known: The names that the installed vLLM has.
        version: The installed vLLM's version, for the message.

    Raises:
        EngineArgumentError: A name is unknown, or belongs to vLLM's own HTTP server.
    """
    usable = {name for name in known if name not in HTTP_SERVER_ARGUMENTS and not name.startswith("_")}
    for name in names:
        if name == "model":
            message = "name the model beside the engine arguments, not among them"
        elif name in HTTP_SERVER_ARGUMENTS:
            message = (
                f"engine argument {name!r} belongs to vLLM's own HTTP server; under Jupyter set the server's "
                "address, keys and TLS in Jupyter's configuration"
            )
        elif name not in usable:
            message = f"vLLM {version} has no engine argument {name!r}{did_you_mean(name, usable, most=3)}"
        else:
            continue
        raise EngineArgumentError(message, param=name)


class RaisingParser(argparse.ArgumentParser):
    """Mixin for a parser whose errors are exceptions. argparse's own way is to print them and end the process."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        raise argparse.ArgumentTypeError(message)


def set_argument(parser: argparse.ArgumentParser, args: argparse.Namespace, name: str, value: object) -> None:
    """Set an argument to a value from JSON or Python, read as the command line reads it.

    Objects that JSON cannot express (classes, functions, vLLM's configuration objects) are set as they are.

    Args:
        parser: vLLM's parser, whose errors are exceptions (`RaisingParser`).
        args: The parsed arguments, in which the value is set.
        name: The argument's name; one that the parser has no option for is set as it is.
        value: The value.

    Raises:
        EngineArgumentError: The command line would not accept the value.
    """
    action = next((each for each in parser._actions if each.dest == name), None)
    plain = _plain(value)
    if action is None or not _is_json(plain):
        setattr(args, name, value)
        return
    try:
        _read(parser, args, action, plain)
    except (argparse.ArgumentError, argparse.ArgumentTypeError, TypeError, ValueError) as exc:
        raise argument_error(name, exc) from exc


def _read(
    parser: argparse.ArgumentParser, args: argparse.Namespace, action: argparse.Action, value: Any
) -> None:
    if value is None:  # vLLM's default, if the argument cannot be None
        if _may_be_none(action):
            setattr(args, action.dest, None)
    elif action.nargs == 0 or (isinstance(value, bool) and action.nargs == "?"):  # a switch
        if not isinstance(value, bool):
            raise ValueError(f"must be true or false, not {json.dumps(value)}")
        setattr(args, action.dest, value)
    elif value == [] and action.nargs in ("+", "*"):
        setattr(args, action.dest, [])
    else:
        several = action.nargs in ("+", "*") or isinstance(action.nargs, int)
        items = value if several and isinstance(value, list) else [value]
        words = [item if isinstance(item, str) else json.dumps(item) for item in items]
        action(parser, args, parser._get_values(action, words), action.option_strings[-1])
        _check_structure(items, words, getattr(args, action.dest))


def _may_be_none(action: argparse.Action) -> bool:
    """Whether None is the default, or what the command line reads the word ``None`` as."""
    if action.default is None or action.type is None or not callable(action.type):
        return action.default is None
    try:
        return action.type("None") is None
    except (argparse.ArgumentTypeError, TypeError, ValueError):
        return False


def _check_structure(items: list[Any], words: list[str], read: object) -> None:
    """Refuse a list or an object where a text is meant: a text's type takes any word, JSON too."""
    kept = read if isinstance(read, list | tuple) else [read]
    for item, word in zip(items, words, strict=True):
        if isinstance(item, dict | list) and word in kept:
            raise ValueError(f"must be a text, not {word}")


def _plain(value: object) -> Any:
    """The value in JSON's types as far as it goes: paths as texts, tuples and sets as lists."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    return value


def _is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def argument_error(name: str, exc: BaseException) -> EngineArgumentError:
    """The error for an argument whose value was not accepted, without the value if it is a secret."""
    text = "its value is not accepted" if is_secret_name(name) else error_text(exc)
    return EngineArgumentError(f"engine argument {name!r}: {text}", param=name)


def error_text(exc: BaseException) -> str:
    """What an exception says, on one line of limited length and without secrets."""
    found = _pydantic_error(exc)
    if found is not None:
        text = "; ".join(_pydantic_text(error) for error in found.errors())
    else:
        text = str(exc.args[0]) if isinstance(exc, KeyError) and exc.args else str(exc)
    for pattern, replacement in _COMMAND_LINE_WORDS:
        text = pattern.sub(replacement, text)
    text = " ".join(_OPTION.sub(lambda option: option[1].replace("-", "_"), text).split())
    return public_text(text[:_MAX_TEXT] + "…" if len(text) > _MAX_TEXT else text) or type(exc).__name__


def _pydantic_error(exc: BaseException) -> pydantic.ValidationError | None:
    return next((cause for cause in _causes(exc) if isinstance(cause, pydantic.ValidationError)), None)


def _pydantic_text(error: Any) -> str:
    """One error of pydantic's, where it is and what it says: ``"backend: Input should be a string"``."""
    path = ".".join(map(str, error["loc"]))
    text = " ".join(str(error["msg"]).removeprefix("Value error, ").split())
    return f"{path}: {text}" if path else text


def blamed_argument(exc: BaseException, args: Mapping[str, Any]) -> str:
    """The engine argument that an error of vLLM's is about, as far as the error tells; else ``"model"``.

    Args:
        exc: The error.
        args: All arguments by name, with their values.
    """
    guesses: list[object] = [
        getattr(cause, "parameter", None) for cause in _causes(exc)
    ]  # of vLLM's own errors
    found = _pydantic_error(exc)
    if found is not None:
        guesses += [error["loc"][0] for error in found.errors() if error["loc"]]
        guesses.append(
            re.sub(r"(?<!^)(?=[A-Z])", "_", found.title).lower()
        )  # the class of a configuration object
    text = error_text(exc)
    guesses += [word for word in re.findall(r"\w+", text.replace("-", "_")) if "_" in word]
    guesses += [name for name in args if "_" in name and name.replace("_", " ") in text.lower()]
    guesses += [name for name, value in args.items() if isinstance(value, str) and _is_quoted(value, text)]
    return next((name for name in guesses if isinstance(name, str) and name in args), "model")


def _is_quoted(value: str, text: str) -> bool:
    """Whether a text quotes a value, as in ``unknown backend: 'nope'``."""
    return len(value) > 1 and (f"'{value}'" in text or f": {value}." in text)


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """An exception, its cause, the cause's cause and so on."""
    seen: list[BaseException] = []
    cause: BaseException | None = exc
    while cause is not None and cause not in seen:
        seen.append(cause)
        yield cause
        cause = cause.__cause__ or cause.__context__


def configuration(field: dataclasses.Field[Any] | None, value: Any) -> Any:
    """Make the configuration object that an argument takes of a dict that the command line has not read."""
    if field is None or not isinstance(value, Mapping):
        return value
    kinds = typing.get_args(field.type) or (field.type,)
    made = next((each for each in kinds if dataclasses.is_dataclass(each)), None)
    if not isinstance(made, type):
        return value
    try:
        return made(**value)
    except (TypeError, ValueError) as exc:
        raise argument_error(field.name, exc) from exc


def check_paths(args: argparse.Namespace) -> None:
    """Check that local files exist: vLLM would look for some of them on the Hugging Face Hub, and late."""
    paths = [("model", args.model), *(("lora_modules", lora.path) for lora in args.lora_modules or ())]
    for name, path in paths:
        if path.startswith(("/", "./", "../", "~")) and not os.path.exists(os.path.expanduser(path)):
            raise EngineArgumentError(f"{name}: there is no file or folder {path!r}", param=name)

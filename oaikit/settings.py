"""Every environment variable that oaikit reads or sets, and what it means. The only reader of ``os.environ``.

=============================  ==========================================================================
variable                       meaning
=============================  ==========================================================================
``OAIKIT_BASE_URL``            set by the server extension for kernels and terminals: the URL ending in ``/oaikit/v1``
``OAIKIT_API_KEY``             set with it: a key that may ask for answers and nothing else
``OPENAI_BASE_URL``            set to the same URL, unless the user has set either of the two OpenAI variables
``OPENAI_API_KEY``             set to the same key, likewise
``OAIKIT_ENGINE_REPORT``       internal: the file in which vLLM's child processes report a load's progress
``RUNPOD_API_KEY``             the key of ``oaikit.connect(runpod=…)``
``CUDA_VISIBLE_DEVICES``       read to say why vLLM finds no GPU
=============================  ==========================================================================

The others, under the names that RunPod's vLLM worker gave them, are the fields of `Environment`. A trait of the
server extension that is set wins over each of them.
"""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from oaikit.errors import SettingError

BASE_URL = "OAIKIT_BASE_URL"
API_KEY = "OAIKIT_API_KEY"
OPENAI_BASE_URL = "OPENAI_BASE_URL"
OPENAI_API_KEY = "OPENAI_API_KEY"
ENGINE_REPORT = "OAIKIT_ENGINE_REPORT"
RUNPOD_API_KEY = "RUNPOD_API_KEY"
VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"


def announced_server() -> tuple[str, str] | None:
    """URL and key of the server that started this kernel or terminal, else of the user's OpenAI variables."""
    for url_name, key_name in ((BASE_URL, API_KEY), (OPENAI_BASE_URL, OPENAI_API_KEY)):
        if url := os.environ.get(url_name):
            return url, os.environ.get(key_name, "")
    return None


def announce_server(url: str, key: str, *, openai: bool) -> list[str]:
    """Put the server's URL and key where its kernels and terminals inherit them.

    With ``openai`` also under the names that OpenAI's clients read, if the user has set neither of these.
    Returns the names that were set.
    """
    values = {BASE_URL: url, API_KEY: key}
    of_another_server = os.environ.get(BASE_URL) and _openai_variables() == announced_server()
    if openai and (of_another_server or not any(_openai_variables())):
        values |= {OPENAI_BASE_URL: url, OPENAI_API_KEY: key}
    os.environ.update(values)
    return list(values)


def _openai_variables() -> tuple[str, str]:
    return os.environ.get(OPENAI_BASE_URL, ""), os.environ.get(OPENAI_API_KEY, "")


def withdraw(names: list[str]) -> None:
    """Take back what `announce_server` set."""
    for name in names:
        os.environ.pop(name, None)


def openai_key() -> str:
    """The user's own OpenAI-style key, or an empty string."""
    return os.environ.get(OPENAI_API_KEY, "")


def runpod_key() -> str:
    """The user's key of RunPod's, or an empty string."""
    return os.environ.get(RUNPOD_API_KEY, "").strip()


def engine_report_file() -> str | None:
    """In a process that vLLM started for oaikit: the file to report progress to."""
    return os.environ.get(ENGINE_REPORT)


def gpus_are_hidden() -> bool:
    """Whether ``CUDA_VISIBLE_DEVICES`` is set and names no GPU. CUDA stops reading it at the first bad entry."""
    first = os.environ.get(VISIBLE_GPUS, "0").split(",")[0].strip()
    return first == "" or first.startswith("-") or first.lower() == "nodevfiles"


class ThreadEnvironment:
    """Takes back what the current thread does to ``os.environ`` in a ``with`` block, so that kernels do not inherit it.

    vLLM's CPU platform sets ``LD_PRELOAD`` and a dozen more for the processes that it starts; a kernel with that
    ``LD_PRELOAD`` would run all its own programs on vLLM's memory allocator. Changes that other threads make meanwhile
    stay: a comparison of before and after could not tell them apart, so the assignments themselves are watched.

    Attributes:
        changes: The variables that the thread has changed in the block, by their new values; None: deleted.
    """

    _watched: ClassVar[dict[int, ThreadEnvironment]] = {}  # by thread
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self.changes: dict[str, str | None] = {}
        self._before: dict[str, str | None] = {}
        self._outer: ThreadEnvironment | None = None

    def __enter__(self) -> ThreadEnvironment:
        self._watch_assignments()
        thread = threading.get_ident()
        self._outer = self._watched.get(thread)
        self._watched[thread] = self
        return self

    def __exit__(self, *exc: object) -> None:
        thread = threading.get_ident()
        if self._outer is None:
            del self._watched[thread]
        else:
            self._watched[thread] = self._outer
        for name, value in self.changes.items():
            if os.environ.get(name) != value:  # somebody else has set it since
                continue
            before = self._before[name]
            if before is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = before

    @classmethod
    def _note(cls, name: object, value: str | None) -> None:
        watching = cls._watched.get(threading.get_ident())
        if watching is not None and isinstance(name, str):
            watching._before.setdefault(name, os.environ.get(name))
            watching.changes[name] = value

    @classmethod
    def _watch_assignments(cls) -> None:
        """Have every assignment and deletion noted; all other methods of ``os.environ`` go through these two."""
        kind: Any = type(os.environ)
        with cls._lock:
            if getattr(kind.__setitem__, "oaikit_notes", False):
                return
            assign, delete = kind.__setitem__, kind.__delitem__

            def __setitem__(self: Any, name: str, value: str) -> None:
                cls._note(name, value)
                assign(self, name, value)

            def __delitem__(self: Any, name: str) -> None:
                cls._note(name, None)
                delete(self, name)

            __setitem__.oaikit_notes = True  # type: ignore[attr-defined]
            kind.__setitem__, kind.__delitem__ = __setitem__, __delitem__


def _word(text: str) -> str:
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError(text)
    return text


def _flag(text: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[text.lower()]


def _flag_or_integer(text: str) -> bool:
    return text.lower() == "true" or (text.lower() != "false" and int(text) != 0)


def _count(text: str) -> int:
    if (number := int(text)) < 0:
        raise ValueError(text)
    return number


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def _factor(text: str) -> float:
    if not 1 <= (number := float(text)) < math.inf:
        raise ValueError(text)
    return number


def _variable(name: str, parse: Callable[[str], object], allowed: str) -> Any:
    return field(default=None, metadata={"name": name, "parse": parse, "allowed": allowed})


_NAME = "a name without spaces"


@dataclass(frozen=True)
class Environment:
    """The variables that RunPod's vLLM worker documents and that mean something here; None: unset, or empty.

    ``served_model_name`` is served first, and the name that the model was loaded by stays accepted.
    ``raw_openai_output`` False: streams are lines of JSON lists, sized by ``min_batch_size``,
    ``batch_size_growth_factor`` and ``batch_size``, instead of server-sent events.
    ``max_concurrency`` is how many requests are answered at once, 0: any number.
    """

    served_model_name: str | None = _variable("OPENAI_SERVED_MODEL_NAME_OVERRIDE", _word, _NAME)
    response_role: str | None = _variable("OPENAI_RESPONSE_ROLE", _word, _NAME)
    raw_openai_output: bool | None = _variable(
        "RAW_OPENAI_OUTPUT", _flag_or_integer, "true, false or a whole number"
    )
    batch_size: int | None = _variable("DEFAULT_BATCH_SIZE", _positive, "a whole number from 1 on")
    min_batch_size: int | None = _variable("DEFAULT_MIN_BATCH_SIZE", _positive, "a whole number from 1 on")
    batch_size_growth_factor: float | None = _variable(
        "DEFAULT_BATCH_SIZE_GROWTH_FACTOR", _factor, "a number from 1 on"
    )
    max_concurrency: int | None = _variable(
        "MAX_CONCURRENCY", _count, "a whole number from 0 on, 0 for no limit"
    )
    tool_call_parser: str | None = _variable("TOOL_CALL_PARSER", _word, _NAME)
    enable_auto_tool_choice: bool | None = _variable("ENABLE_AUTO_TOOL_CHOICE", _flag, "true, false, 1 or 0")
    reasoning_parser: str | None = _variable("REASONING_PARSER", _word, _NAME)

    @classmethod
    def read(cls) -> Environment:
        """The values now.

        Raises:
            SettingError: one makes no sense; names the variable, the value and what is allowed.
        """
        return cls(**{each.name: _read(**each.metadata) for each in fields(cls)})


def _read(name: str, parse: Callable[[str], object], allowed: str) -> Any:
    text = os.environ.get(name, "").strip()
    if not text:
        return None
    try:
        return parse(text)
    except (KeyError, ValueError):
        raise SettingError(f"environment variable {name}={text[:100]!r}: must be {allowed}") from None

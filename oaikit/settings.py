"""Every environment variable that oaikit reads or sets, and what it means. The only reader of ``os.environ``.

=============================  ==========================================================================
variable                       meaning
=============================  ==========================================================================
``OAIKIT_BASE_URL``            set by the server extension for kernels and terminals: the URL ending in ``/oaikit/v1``
``OAIKIT_API_KEY``             set with it: a key that may ask for answers and nothing else
``OPENAI_BASE_URL``            set to the same URL, unless the user has set either of the two OpenAI variables
``OPENAI_API_KEY``             set to the same key, likewise
``OAIKIT_ENGINE_REPORT``       internal: the file in which vLLM's child processes report a load's progress
=============================  ==========================================================================
"""

from __future__ import annotations

import os

BASE_URL = "OAIKIT_BASE_URL"
API_KEY = "OAIKIT_API_KEY"
OPENAI_BASE_URL = "OPENAI_BASE_URL"
OPENAI_API_KEY = "OPENAI_API_KEY"
ENGINE_REPORT = "OAIKIT_ENGINE_REPORT"


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


def engine_report_file() -> str | None:
    """In a process that vLLM started for oaikit: the file to report progress to."""
    return os.environ.get(ENGINE_REPORT)


class PreservedEnvironment:
    """Undoes what a library does to ``os.environ``, so that kernels started later do not inherit it.

    vLLM's CPU platform sets ``LD_PRELOAD`` and a dozen more for the processes that it starts; a kernel with that
    ``LD_PRELOAD`` would run all its own programs on vLLM's memory allocator.
    """

    def __init__(self) -> None:
        self._before = dict(os.environ)

    def set(self, name: str, value: str) -> None:
        """Set a variable until `restore`."""
        os.environ[name] = value

    def restore(self) -> None:
        """Put every variable back to its value at construction."""
        for name in set(os.environ) | set(self._before):
            if name not in self._before:
                os.environ.pop(name, None)
            elif os.environ.get(name) != self._before[name]:
                os.environ[name] = self._before[name]

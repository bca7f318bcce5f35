"""Hides what must not be shown: tokens, keys and passwords among engine arguments and in texts about them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

HIDDEN = "***"

# Words of a name. "hfToken", "HF_TOKEN", "hf-token" and "hf.token" all have the words "hf" and "token".
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# A name with one of these words anywhere is a secret.
_SECRET_WORDS = frozenset(
    (
        "password",
        "passwords",
        "passwd",
        "passwds",
        "passphrase",
        "passphrases",
        "passcode",
        "pwd",
        "secret",
        "secrets",
        "credential",
        "credentials",
        "creds",
        "auth",
        "authorization",
        "bearer",
        "cookie",
        "cookies",
        "jwt",
        "sig",
        "signature",
        "sas",
        "apikey",
        "apikeys",
    )
)
# So is a name that ends with one of these.
_SECRET_ENDINGS = frozenset(["key", "keys", "token", "pat", "pass"])
_SECRET_PAIRS = frozenset([("access", "key"), ("api", "key"), ("private", "key"), ("secret", "key")])
# Words that are written together, as in "hftoken" or "dbpassword".
_GLUED = ("token", "password", "passwd", "passphrase", "secret", "apikey", "apikeys", "secrets", "passwords")

# The patterns take time in proportion to the text, whatever is in it: a run that does not match is not tried again.
_USER_IN_URL = re.compile(r"(?<![\w+.-])(?P<scheme>[A-Za-z][\w+.-]*+://)[^\s/\"'<>]*@")
_USER_AT_HOST = re.compile(r"(?<![\w.+%/@:-])[\w.+%-]++:[^\s/@\"',]++@(?=[\w.-])")
_BEARER = re.compile(r"(?P<word>\b(?:bearer|basic)\s+)[^\s\"',]+", re.IGNORECASE)
# name=value, name: value and "name": "value", also in a URL's query and on a command line.
_NAME = re.compile(r"""(?<![\w.-])(?P<name>[\w.-]++)["']?\s{0,9}(?:=|:(?!//))\s{0,9}""")
_VALUE = re.compile(r""""[^"]{0,999}"|'[^']{0,999}'|\[[^\]]{0,999}\]|[^\s&;,"'{}\[\]#)]+""")
# Tokens that are known by their beginning: Hugging Face, OpenAI and oaikit, GitHub, AWS, Slack, JSON Web Tokens.
_KNOWN_TOKEN = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{16,}|sk-[\w-]{16,}|gh[pousr]_\w{16,}|github_pat_\w{16,}|AKIA[0-9A-Z]{12,}|xox[abprs]-[\w-]{8,}"
    r"|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*)"
)
# Values that say nothing. "Bearer" is the first word of a header's value; what follows it is masked by _BEARER.
_HARMLESS = frozenset(["bearer", "basic", "none", "null", "true", "false", HIDDEN])
_PLAIN = str | int | float | bool | None


def is_secret_name(name: str) -> bool:
    """Whether a name, in any spelling, is that of a token, key, password or other credential."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words:
        return False
    return (
        not _SECRET_WORDS.isdisjoint(words)
        or words[-1] in _SECRET_ENDINGS
        or any(pair in _SECRET_PAIRS for pair in pairwise(words))
        or any(word.endswith(_GLUED) and word not in _GLUED for word in words)
    )


def _is_secret(name: str, value: object) -> bool:
    """Whether this value of this name is to be hidden.

    ``tokens`` are counted far more often than they are secrets, so numbers of tokens are shown.
    """
    if is_secret_name(name):
        return True
    words = _WORDS.findall(name)
    return bool(words) and words[-1].lower() == "tokens" and not isinstance(value, int | float | None)


def public_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Engine arguments as anybody may see them.

    Returns:
        The arguments in JSON's types. What is named like a secret is left out; secrets inside of texts are masked.
    """
    shown = {name: public_value(value) for name, value in arguments.items() if not _is_secret(name, value)}
    # A variable as Kubernetes writes it: {"name": "HF_TOKEN", "value": "…"}.
    if isinstance(name := arguments.get("name"), str) and "value" in shown and is_secret_name(name):
        shown["value"] = HIDDEN
    return {public_text(name): value for name, value in shown.items()}


def public_value(value: object) -> Any:
    """A value in JSON's types, without the secrets in it."""
    if isinstance(value, Mapping):
        return public_arguments({str(name): inner for name, inner in value.items()})
    if isinstance(value, list | tuple | set | frozenset):
        return _public_items(value)
    if isinstance(value, str):
        return public_text(value)
    return value if isinstance(value, _PLAIN) else public_text(str(value))


def _public_items(items: Iterable[object]) -> list[Any]:
    """The items of a list. On a command line the secret follows its name: ``["--hf-token", "…"]``."""
    shown: list[Any] = []
    follows_name = False
    for item in items:
        shown.append(HIDDEN if follows_name and isinstance(item, str) else public_value(item))
        follows_name = isinstance(item, str) and item.startswith("--") and is_secret_name(item)
    return shown


def public_url(name: str) -> str:
    """A model's name, which may be a URL, without a password in it. A name or path stays as it is."""
    return public_text(name) if "://" in name else name


def public_text(text: str) -> str:
    """A text with its secrets masked: passwords in URLs, ``name=value`` pairs, bearer tokens, well-known tokens."""
    text = _USER_IN_URL.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _USER_AT_HOST.sub(f"{HIDDEN}@", text)
    text = _BEARER.sub(rf"\g<word>{HIDDEN}", text)
    return _KNOWN_TOKEN.sub(HIDDEN, _without_secret_pairs(text))


def _without_secret_pairs(text: str) -> str:
    """A text with the values masked that follow a secret's name. A value may be a pair again, or a URL with pairs."""
    parts: list[str] = []
    done = 0
    while name := _NAME.search(text, done):
        parts.append(text[done : name.end()])
        done = name.end()
        value = _VALUE.match(text, done) if is_secret_name(name["name"]) else None
        if value and value[0].lower() not in _HARMLESS:
            quote = value[0][0] if value[0][0] in "\"'" else ""
            parts.append(f"{quote}{HIDDEN}{quote}")
            done = value.end()
    return "".join([*parts, text[done:]])

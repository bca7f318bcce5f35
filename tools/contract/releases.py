"""The source archives of vLLM's CUDA releases, from the package index that pip is configured with."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import urllib.request
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from packaging.requirements import Requirement
from packaging.utils import InvalidSdistFilename, parse_sdist_filename
from packaging.version import InvalidVersion, Version

from tools.contract.sources import Sources

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "build" / "vllm-sources"
_TIMEOUT_S = 60
_JSON = (
    "application/vnd.pypi.simple.v1+json"  # https://packaging.python.org/specifications/simple-repository-api
)


class ReleaseError(Exception):
    """A source archive can't be had; the text says why."""


@dataclass(frozen=True)
class Archive:
    """A source archive in the index."""

    version: Version
    url: str
    sha256: str


def supported() -> Requirement:
    """What the extra ``gpu`` asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (requirement,) = map(Requirement, project["optional-dependencies"]["gpu"])
    return requirement


def chosen(wanted: str, archives: list[Archive]) -> list[Archive]:
    """The archives to look into.

    Args:
        wanted: ``"supported"`` for the oldest and the newest release that the extra ``gpu`` takes, ``"newest"`` for
            the newest that there is, or a version.
        archives: What the index has.

    Raises:
        ReleaseError: There is none.
    """
    in_order = sorted(archives, key=lambda archive: archive.version)
    if wanted == "supported":
        in_order = [each for each in in_order if supported().specifier.contains(each.version)]
        found = in_order if len(in_order) < 2 else [in_order[0], in_order[-1]]
    elif wanted == "newest":
        found = in_order[-1:]
    else:
        found = [each for each in in_order if str(each.version) == wanted]
    if not found:
        raise ReleaseError(f"the package index has no source archive of vllm for {wanted!r}")
    return found


def archives() -> list[Archive]:
    """The source archives of final releases that are not withdrawn.

    Raises:
        ReleaseError: The index can't be read.
    """
    page = _index_url().rstrip("/") + f"/{supported().name}/"
    try:
        with _open(page, _JSON) as answer:
            files: list[dict[str, Any]] = json.load(answer)["files"]
    except (OSError, ValueError, KeyError) as exc:
        raise ReleaseError(f"pip's package index can't be read: {exc}") from exc
    found = []
    for file in files:
        try:
            _, version = parse_sdist_filename(file["filename"])
        except (InvalidSdistFilename, InvalidVersion):
            continue
        if not version.is_prerelease and not file.get("yanked") and "sha256" in file.get("hashes", {}):
            found.append(Archive(version, urljoin(page, file["url"]), file["hashes"]["sha256"]))
    return found


def sources(archive: Archive, cache: Path = CACHE) -> Sources:
    """The Python sources of a release, downloaded unless they are in the cache.

    Raises:
        ReleaseError: The archive can't be downloaded, or is not what the index says.
    """
    folder = cache / str(archive.version)
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            packed = Path(scratch) / "archive"
            _download(archive, packed)
            unpacked = Path(scratch) / "sources"
            _unpack(packed, unpacked)
            unpacked.rename(folder)
    return Sources(folder / "vllm", str(archive.version))


def _download(archive: Archive, target: Path) -> None:
    try:
        with _open(archive.url) as answer, target.open("wb") as file:
            shutil.copyfileobj(answer, file)
    except OSError as exc:
        raise ReleaseError(
            f"the source archive of vllm {archive.version} can't be downloaded: {exc}"
        ) from exc
    with target.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != archive.sha256:
        raise ReleaseError(
            f"the source archive of vllm {archive.version} has the SHA-256 {found}; the index says {archive.sha256}"
        )


def _unpack(archive: Path, target: Path) -> None:
    """Write the modules of the package, and nothing else that the archive holds."""
    with tarfile.open(archive) as tar:
        for member in tar:
            inside = re.fullmatch(r"[^/]+/(vllm/.+\.py)", member.name)
            if inside and member.isfile() and ".." not in inside[1].split("/"):
                content = tar.extractfile(member)
                path = target / inside[1]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read() if content else b"")


def _index_url() -> str:
    """The index that pip uses here: the configured one, else its default, which its help names."""
    if configured := _pip_setting("index-url"):
        return configured
    text = _pip("help", "download")
    found = re.search(r"--index-url.*?\(default:?\s+(\S+)\)", text, re.DOTALL)
    if not found:
        raise ReleaseError("pip does not say which package index it uses")
    return found[1]


def _pip_setting(name: str) -> str | None:
    """A setting of pip's. The environment wins over the section of the command, and that over the global one."""
    settings = dict(re.findall(rf"^(\S+)\.{name}='(.*)'$", _pip("config", "list"), re.MULTILINE))
    return settings.get(":env:") or settings.get("download") or settings.get("global")


@cache
def _pip(*arguments: str) -> str:
    command = [sys.executable, "-m", "pip", *arguments]
    wide = {**os.environ, "COLUMNS": "10000"}  # so that the help breaks no address
    return subprocess.run(command, env=wide, capture_output=True, text=True, check=True).stdout


def _open(url: str, accept: str = "*/*") -> IO[bytes]:
    """An answer of the index, asked as pip would: with its certificates, and the user that stands in the address."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    headers = {"Accept": accept}
    if parts.username:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=host)), headers=headers)
    context = ssl.create_default_context(cafile=_pip_setting("cert"))
    answer: IO[bytes] = urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=context)
    return answer

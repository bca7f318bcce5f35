"""The built front end: made from these sources, and small."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[2]
FRONTEND, STATIC = ROOT / "frontend", ROOT / "oaikit" / "widgets" / "static"
LARGEST, LARGEST_PACKED = 250_000, 90_000  # bytes of widgets.js, which every widget carries


def fingerprint() -> str:
    """What frontend/build.mjs writes into the first line."""
    sources = [path for path in (FRONTEND / "src").rglob("*") if path.is_file()]
    paths = [*sources, FRONTEND / "build.mjs", FRONTEND / "package-lock.json"]
    digest = hashlib.sha256()
    for name, path in sorted((path.relative_to(FRONTEND).as_posix(), path) for path in paths):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def test_the_built_files_are_those_of_the_sources() -> None:
    first = (STATIC / "widgets.js").read_text(encoding="utf-8").splitlines()[0]
    assert first == f"// {fingerprint()}", "frontend/ changed: run `make frontend`"


def test_the_bundle_is_small() -> None:
    built = (STATIC / "widgets.js").read_bytes()
    assert len(built) <= LARGEST
    assert len(gzip.compress(built)) <= LARGEST_PACKED


def test_nothing_is_fetched_from_elsewhere() -> None:
    built = (STATIC / "widgets.js").read_text(encoding="utf-8")
    for host in ("unpkg.com", "jsdelivr", "cdnjs", "googleapis"):
        assert host not in built
    assert "@import" not in (STATIC / "widgets.css").read_text(encoding="utf-8")


def test_what_is_bundled_is_named_with_its_licence() -> None:
    licences = (STATIC / "LICENSES.txt").read_text(encoding="utf-8")
    for name in ("dompurify", "highlight.js", "katex", "markdown-it"):
        assert f"\n{name} " in f"\n{licences}"


def test_no_registry_is_named() -> None:
    assert '"resolved"' not in (FRONTEND / "package-lock.json").read_text(encoding="utf-8")

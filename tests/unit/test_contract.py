"""``make contract``: what oaikit relies on in vLLM is looked up in its sources, and what is missing is listed."""

from __future__ import annotations

import ast
import hashlib
import http.server
import io
import json
import re
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from packaging.version import Version

from oaikit.engine.phases import PHASES
from tests.unit.test_vllm_sources import SPEC, installed
from tools.contract import checks, releases, table
from tools.contract.releases import Archive, ReleaseError
from tools.contract.sources import Sources

ROOT = Path(__file__).parents[2]
needs_vllm = pytest.mark.skipif(SPEC is None, reason="vLLM is not installed")


def changed(folder: Path, path: str, old: str, new: str) -> Sources:
    """A copy of the installed sources in which what a pattern matches in one file is another text.

    Other files are links.
    """
    original = installed()
    source, target = original.root, folder / "vllm"
    for part in Path(path).parts:
        target.mkdir(parents=True)
        for entry in source.iterdir():
            if entry.name != part:
                (target / entry.name).symlink_to(entry)
        source, target = source / part, target / part
    text = source.read_text()
    assert re.search(old, text)
    target.write_text(re.sub(old, new, text))
    return Sources(folder / "vllm", original.release)


@needs_vllm
@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        (
            "config/model.py",
            r"def is_multimodal_model\(",
            "def takes_images(",
            "vllm.config.model: ModelConfig.is_multimodal_model is gone\n      used in oaikit/engine/_vllm.py, line",
        ),
        (
            "entrypoints/launchers/app.py",
            "    model_config: ModelConfig",
            "    config: ModelConfig",
            "vllm.entrypoints.launchers.app: build_app has no parameter model_config\n",
        ),
        (
            "v1/engine/async_llm.py",
            r"async def reset_mm_cache\(self\)",
            "async def reset_mm_cache(self, kind)",
            "AsyncLLM.reset_mm_cache now needs kind\n",
        ),
        (
            "entrypoints/launchers/app.py",
            r"def build_app\(\n    args: Namespace,\n",
            "def build_app(\n    app: FastAPI,\n    args: Namespace,\n",
            "build_app takes app, args, supported_tasks, model_config in this order",
        ),
        ("config/scheduler.py", "max_num_seqs", "max_seqs", "VllmConfig.scheduler_config.max_num_seqs is gone"),
        ("engine/arg_utils.py", "enforce[_-]eager", "eager", "vLLM has no command-line argument enforce_eager\n"),
        (
            "entrypoints/openai/completion/api_router.py",
            "@load_aware_call",
            "@load_aware_call\n@counted",
            "create_completion has other decorators than load_aware_call, with_cancellation",
        ),
        (
            "entrypoints/serve/middleware/register.py",
            r"app.add_middleware\(XRequestIdMiddleware\)",
            "app.add_middleware(Surprise)",
            "init_entrypoints_middleware adds Surprise\n      used in oaikit/engine/shortcut.py, line",
        ),
        ("v1/metrics/loggers.py", '"vllm:kv_cache_usage_perc"', '"vllm:kv"', "no string 'vllm:kv_cache_usage_perc'"),
        (
            "sampling_params.py",
            "n must be 1 when using greedy",
            "n has to be 1 when using greedy",
            "no error whose text matches 'n must be 1 when using greedy sampling'",
        ),
        (
            "v1/worker/gpu/model_runner.py",
            r'logger.info_once\("Loading model from scratch..."\)',
            'logger.debug("Loading model from scratch...")',
            "no longer logs 'Loading model from scratch...' at INFO level (GPU)\n      used in oaikit/engine/phases.py",
        ),
        (
            "v1/worker/gpu_worker.py",
            r"kernel_warmup\(self\)",
            "pass",
            "no longer calls kernel_warmup\n      used in oaikit/engine/phases.py",
        ),
        ("platforms/cuda.py", "gpu_worker.Worker", "new_worker.Worker", "platforms/cuda.py no longer chooses"),
        (
            "entrypoints/openai/completion/protocol.py",
            "    min_tokens: int = 0",
            "    least_tokens: int = 0",
            "completions: vLLM has a parameter least_tokens that the table lacks\n      used in oaikit/sampling",
        ),
    ],
)  # fmt: skip
def test_what_is_removed_from_a_copy_of_the_sources_is_listed(
    tmp_path: Path, path: str, old: str, new: str, said: str
) -> None:
    sources = changed(tmp_path, path, old, new)
    complaints, looked_up = checks.check(sources)
    text = checks.report(sources.release, complaints, looked_up)
    assert text.startswith(
        f"vLLM {sources.release}: {len(complaints)} of {looked_up} things that oaikit relies on"
    )
    assert said in text


@needs_vllm
def test_what_only_stands_in_documentation_does_not_count(tmp_path: Path) -> None:
    raised = '"n must be 1 when using greedy sampling'
    sources = changed(tmp_path, "sampling_params.py", raised, '"greedy')
    said = 'class _Documented:\n    """n must be 1 when using greedy sampling"""\n'
    file = sources.root / "sampling_params.py"
    file.write_text(file.read_text() + said)
    assert "n must be 1 when using greedy sampling" in " ".join(
        map(str, filter(None, checks.errors(sources)))
    )


def test_the_table_names_what_the_adapter_imports() -> None:
    tree = ast.parse((ROOT / table.ADAPTER).read_text())
    imported = {
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vllm")
        for alias in node.names
    }
    listed = {
        (module, name.name)
        for name in table.NAMES
        for module in name.modules
        if name.used_in == table.ADAPTER and "." not in name.name
    }
    assert imported == listed - {("vllm", "__version__")}


def test_the_table_names_what_the_adapter_reads() -> None:
    """The attributes that are read from vLLM's objects and from its namespace of arguments."""
    names = {name.name for name in table.NAMES} | {name.modules[0] + "." + name.name for name in table.NAMES}
    unknown = []
    for node in ast.walk(ast.parse((ROOT / table.ADAPTER).read_text())):
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name | ast.Attribute):
            continue
        owner, *attributes = ast.unparse(node).removeprefix("self.").split(".")
        path = ".".join([table.ADAPTER_VARIABLES.get(owner, ""), *attributes])
        known = any(name == path or name.startswith(f"{path}.") for name in names)
        known = known or attributes == ["output_handler", "cancel"]  # of an asyncio task
        known = known or (len(attributes) > 1 and _is_known_part(owner, attributes, names))
        if owner in table.ADAPTER_VARIABLES and not known:
            unknown.append(ast.unparse(node))
        if owner == "args" and attributes[0] not in table.ARGUMENTS:
            unknown.append(ast.unparse(node))
    assert not unknown, "add them to tools/contract/table.py"


def _is_known_part(owner: str, attributes: list[str], names: set[str]) -> bool:
    """``llm.vllm_config.scheduler_config.max_num_seqs``: what comes after a configuration is listed under its class."""
    classes = {"engine_core": "AsyncMPClient", "vllm_config": "VllmConfig", "model_config": "ModelConfig"}
    of_class = classes.get(attributes[0], "")
    path = ".".join([of_class, *attributes[1:]])
    return any(name == path or name.startswith(f"{path}.") for name in names)


def test_every_phase_is_logged_on_a_gpu_and_every_line_begins_a_phase() -> None:
    assert not checks.unexplained_phases()
    on_gpu = [entry.line for entry in table.LOGGED if entry.device != table.CPU]
    phases = {phase for pattern, phase in PHASES if any(pattern.search(line) for line in on_gpu)}
    assert phases == {phase for _, phase in PHASES}


def test_the_bounds_are_where_it_was_tested() -> None:
    bounds = releases.supported().specifier
    oldest, newest = Version(table.OLDEST), Version(table.NEWEST)
    assert bounds.contains(oldest)
    assert bounds.contains(newest)
    assert not bounds.contains(Version(f"{newest.major}.{newest.minor + 1}.0")), "this release was not tested"
    assert not bounds.contains(Version(f"{oldest.major}.{oldest.minor - 1}.9")), "this release was not tested"


def archive(version: str, name: str = "app.py") -> bytes:
    """A source archive with one module, a file that is none, and a member that would leave the folder."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path in (f"vllm-{version}/vllm/{name}", f"vllm-{version}/setup.py", "vllm/../vllm/../escaped.py"):
            content = f"VERSION = {version!r}\n".encode()
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@contextmanager
def index(folder: Path, versions: list[str], *, digest: str | None = None) -> Iterator[str]:
    """A package index at 127.0.0.1 with source archives of vllm."""
    files = []
    for version in versions:
        content = archive(version)
        (folder / f"vllm-{version}.tar.gz").write_bytes(content)
        sha256 = digest or hashlib.sha256(content).hexdigest()
        files.append(
            {
                "filename": f"vllm-{version}.tar.gz",
                "url": f"../vllm-{version}.tar.gz",
                "hashes": {"sha256": sha256},
            }
        )
    files += [
        {"filename": "vllm-0.33.9-cp312-abi3-manylinux_2_31_x86_64.whl", "url": "w", "hashes": {"sha256": "0"}},
        {"filename": "vllm-0.33.8.tar.gz", "url": "y", "hashes": {"sha256": "0"}, "yanked": "broken"},
        {"filename": "vllm-0.34.0rc1.tar.gz", "url": "r", "hashes": {"sha256": "0"}},
    ]  # fmt: skip
    (folder / "vllm").mkdir()
    (folder / "vllm" / "index.html").write_text(json.dumps({"files": files}))
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_archives_come_from_the_index_that_pip_is_configured_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with index(tmp_path, ["0.31.0", "0.32.0", "0.32.1", "0.33.1", "0.40.0"]) as url:
        monkeypatch.setenv("PIP_INDEX_URL", url)
        releases._pip.cache_clear()
        there = releases.archives()
        assert [str(each.version) for each in releases.chosen("supported", there)] == ["0.32.0", "0.33.1"]
        assert [str(each.version) for each in releases.chosen("newest", there)] == ["0.40.0"]
        (oldest,) = releases.chosen("0.31.0", there)
        with pytest.raises(ReleaseError, match=r"no source archive of vllm for '0\.9'"):
            releases.chosen("0.9", there)
        found = releases.sources(oldest, tmp_path / "cache")
    releases._pip.cache_clear()
    assert found.constant("app.py", "VERSION") == "0.31.0"
    files = [str(file.relative_to(tmp_path / "cache")) for file in (tmp_path / "cache").rglob("*.py")]
    assert files == ["0.31.0/vllm/app.py"]
    assert not list(tmp_path.rglob("escaped.py"))
    assert releases.sources(oldest, tmp_path / "cache").release == "0.31.0", (
        "from the cache: the index is gone"
    )


def test_an_archive_that_is_not_the_indexs_is_refused(tmp_path: Path) -> None:
    with index(tmp_path, ["0.33.0"], digest="0" * 64) as url:
        wrong = Archive(Version("0.33.0"), f"{url}/vllm-0.33.0.tar.gz", "0" * 64)
        with pytest.raises(ReleaseError, match="has the SHA-256"):
            releases.sources(wrong, tmp_path / "cache")
        gone = Archive(Version("0.33.0"), f"{url}/gone.tar.gz", "0" * 64)
        with pytest.raises(ReleaseError, match="can't be downloaded"):
            releases.sources(gone, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_an_index_that_does_not_answer_is_an_error_and_not_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    command = [sys.executable, "-m", "tools.contract"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("pip's package index can't be read: ")
    assert "Traceback" not in run.stderr

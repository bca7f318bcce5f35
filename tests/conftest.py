from __future__ import annotations

import os
import signal
import socket
from collections.abc import Generator, Iterator
from pathlib import Path

import openai
import pytest

from oaikit.connection import Connection
from tests.harness import SERVED, Server, jupyter_server, run_in_kernel
from tools import tiny_model

# A shell's background jobs ignore SIGINT, and so would every process that is started here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def model() -> Path:
    """The tiny model's folder."""
    return tiny_model.build()


@pytest.fixture(scope="session")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with a loaded engine for the whole run, set up as strictly as people do: a base URL as under
    JupyterHub, and no unauthenticated access."""
    options = (
        f"--OAIKit.model={model}",
        f"--OAIKit.served_model_name={SERVED}",
        "--ServerApp.allow_unauthenticated_access=False",
        "--LabApp.expose_app_in_browser=True",  # tests/browser gives its commands
    )
    folder = tmp_path_factory.mktemp("server")
    with jupyter_server(folder, *options, base_url="/user/ada/") as running:
        running.wait_for("ready")
        running.engine_processes()
        yield running


@pytest.fixture(scope="session")
def demo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that was told of no model: it has the built-in one, and loads it at the first request."""
    folder = tmp_path_factory.mktemp("demo")
    with jupyter_server(folder, "--LabApp.expose_app_in_browser=True") as running:
        yield running


@pytest.fixture(scope="session")
def kernel_key(server: Server) -> str:
    """The key that the server's kernels have."""
    return run_in_kernel(server, "import os; print(os.environ['OPENAI_API_KEY'])")


@pytest.fixture
def nowhere() -> Connection:
    """A server that is not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Connection(f"http://127.0.0.1:{port}/v1", "key", "tiny")


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    """A stock client, with Jupyter's token."""
    with openai.OpenAI(base_url=server.v1, api_key=server.token, max_retries=0) as made:
        yield made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a machine lacks is skipped with the reason in the summary. In CI nothing may be lacking."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"
    return report

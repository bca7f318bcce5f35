"""What a forked process can do with the objects of its parent. Each case is a script of its own, which may hang."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import oaikit as ok


class Handler(BaseHTTPRequestHandler):
    """Says hello; a prompt "slow" gets its first piece and no end."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        port = self.client_address[1]  # tells connections apart
        answer = json.dumps({"model": "m", "choices": [{"text": f"{port}", "index": 0}]})
        self.send_response(200)
        if not asked.get("stream"):
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())
            return
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.event(answer)
        if asked["prompt"] == "slow":
            threading.Event().wait(30)
        with suppress(OSError):  # nobody waits for the end
            self.event("[DONE]")
            self.wfile.write(b"0\r\n\r\n")

    def event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def script(url: str, code: str) -> list[str]:
    """The lines that a script prints; it has a connection ``llm`` that has been used, and ``forked``."""
    before = f"""
        import multiprocessing, os, signal
        import oaikit as ok
        signal.alarm(20)
        llm = ok.connect({url!r}, model="m")
        first = llm.complete("Hi", stream=False).text

        def forked(function):
            "Its result in a forked process, and how that ended."
            read, write = os.pipe()
            if not (pid := os.fork()):
                signal.alarm(10)
                try:
                    said = str(function())
                except Exception as exc:
                    said = f"{{type(exc).__name__}}: {{exc}}"
                os.write(write, said.encode())
                os._exit(0)
            os.close(write)
            said = os.fdopen(read).read()
            return said, os.waitpid(pid, 0)[1]
    """
    program = textwrap.dedent(before) + textwrap.dedent(code)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout.splitlines()


def test_a_forked_process(url: str) -> None:
    """All kinds of calls work there, over connections of its own; what its parent asked stays with the parent."""
    lines = script(
        url,
        """
        import asyncio
        from oaikit.connection import _CLIENTS

        def calls():
            texts = [d.text for d in llm.stream_completion("Hi")]
            texts.append(asyncio.run(llm.acomplete("Hi")).text)
            status = llm.openai.completions.with_raw_response.create(model="m", prompt="Hi").status_code
            return len(texts), status, forked(lambda: llm.complete("Hi"))[1]  # the last in a fork of the fork

        llm.openai
        child, status = forked(lambda: llm.complete("Hi", stream=False))
        print(status, child.isdigit(), child != first, llm.complete("Hi", stream=False).text == first)
        print(forked(calls))
        with _CLIENTS._lock:  # as if another thread were about to start the loop
            print(forked(lambda: llm.complete("Hi").text.isdigit()))

        complete = llm.stream_completion("Hi")
        complete._task.result()
        print(forked(lambda: [d.text for d in complete] == [complete.reply.text]))

        stream = llm.stream_completion("slow")
        pieces = iter(stream)
        next(pieces)
        print(forked(lambda: list(stream)))
        print(forked(lambda: list(pieces)))
        print(forked(lambda: stream.reply.cancel()))
        print(stream.reply.cancelled)
        stream.close()
        print(stream.reply.cancelled)
        """,
    )
    assert lines[:4] == ["0 True True True", "('(2, 200, 0)', 0)", "('True', 0)", "('True', 0)"]
    assert all("goes to the process that asked for it" in line for line in lines[4:6])
    assert lines[6:] == ["('None', 0)", "False", "True"]


def test_pools_of_forked_processes(url: str) -> None:
    lines = script(
        url,
        """
        from joblib import Parallel, delayed
        with multiprocessing.get_context("fork").Pool(2) as pool:
            replies = pool.map(llm.complete, ["Hi"] * 4)
        replies += Parallel(n_jobs=2, backend="multiprocessing")(delayed(llm.complete)("Hi") for _ in range(3))
        print([reply.text.isdigit() and reply.text != first for reply in replies])
        """,
    )
    assert lines == [str([True] * 7)]


def test_a_connection_is_sent_to_another_process_without_its_sockets(url: str) -> None:
    llm = ok.connect(url, api_key="k", model="m")
    llm.complete("Hi")
    copy = pickle.loads(pickle.dumps(llm))
    assert (copy.url, copy.authorization, copy.model) == (url, "Bearer k", "m")
    assert copy.complete("Hi").text
    for each in (llm, copy):
        each.close()

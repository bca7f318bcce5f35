"""Write docs/errors.md: ``python -m tools.mistakes`` makes each mistake in a kernel and notes what it shows.

Tests make them again: those that need no server in tests/unit, the others in tests/server.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from tests.harness import isolated_environment, jupyter_server

TARGET = Path(__file__).resolve().parents[1] / "docs" / "errors.md"
MOST_LINES = 12
"""What a mistake may show in a notebook, lines."""

TEXT = """\
<!-- Written by tools/mistakes.py, which makes each mistake in a kernel. Change it there. -->
# Errors

In a notebook an error of oaikit shows its sentence and the line of your code that led to it:

```text
{example}
```

It never takes more than {most} lines. `%tb` shows the full traceback, and `%xmode Verbose` shows it always. Scripts
show Python's own traceback.

`except ok.OAIKitError as error:` catches all of them; `error.message` has the sentence, `error.param` the name of the
parameter, `error.status` and `error.code` what a server answered.

## {count} mistakes

| in a cell | what is shown |
|---|---|
{rows}
"""
_PLACE = re.compile(r"  (Cell In|File |%tb shows)")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Mistake:
    """A cell with a mistake in it."""

    code: str
    needs_server: bool = False


SETUP = """\
import dataclasses
import oaikit as ok
import pandas as pd
%load_ext oaikit
llm = ok.connect({url!r}, api_key={key!r}, model={model!r})
nowhere = ok.connect("http://127.0.0.1:9/v1", api_key="key")
question = "2 + 3"
df = pd.DataFrame({{"question": ["2 + 3", "7 - 4"], "review": ["Good.", "Bad."]}})
"""

WITHOUT_SERVER = (
    'llm.chat("Hi", temprature=0.1)',
    'llm.complete("Once upon a time", topk=3)',
    'ok.stream("Hi", llm, max_token=5)',
    'llm.chat("Hi", suffix="!")',
    'llm.chat("Hi", extra_body="top_k=3")',
    'llm.chat("Hi", temperature=float("nan"))',
    "llm.chat(42)",
    'llm.chat("Hi", stop={"END"})',
    'llm.chat("Who wrote Faust?", schema="Person")',
    'llm.chat("2 + 3?", tools=[sum, sum])',
    'llm.chat("2 + 3?", max_rounds=3)',
    'llm.chat("What is this?", images="nothing.png")',
    'llm.embed(["one", 2])',
    'ok.mcp("no-such-command")',
    'ok.connect("localhost:8000/v1")',
    'nowhere.chat("Hi")',
    'ok.connect(runpod="my endpoint")',
    'ok.connect(runpod="abc123")',
    "ok.Chat(llm, temprature=0.2)",
    'ok.Chat(llm, approve="sometimes")',
    "ok.Chat(llm, tools=[lambda x: x])",
    'ok.Sweep(llm, ok.grid(temprature=[0, 1]), prompts=["Hi"])',
    'ok.Sweep(llm, data=df, prompt="What is {qestion}?")',
    'ok.Sweep(llm, prompts=["Hi"], score=[ok.regex("(")])',
    'ok.compare("Hi", [], llm)',
    'df.oai.generate("Summarise {txt}", llm)',
    'df.oai.classify(["good"], "review", llm)',
    'df.oai.embed("reviw", llm)',
    'ok.open_sweep("nothing.db")',
    'ok.Conversation.load("nothing.json")',
    'ok.Conversation(messages=[{"role": "robot", "content": "Hi"}])',
    "%%oai -t hot\nHi",
    "%%oai --schema Person\nWho wrote Faust?",
)
WITH_SERVER = (
    'llm.chat("Hi", temperature=3)',
    'llm.chat("Hi", model="gpt-5")',
    'llm.chat("Hi", max_tokens=0)',
    'llm.chat("word " * 100_000)',
    'llm.chat("Hi", n=10_000)',
    "llm.chat([])",
    'llm.chat("Hi", response_format={"type": "yaml"})',
    'llm.chat("Hi", max_tokens=4).df',
    'llm.chat("Who wrote Faust?", schema=dict[str, str], max_tokens=1).parsed',
    'llm.embed("Hi")',
    'ok.connect(llm.url, api_key="wrong").chat("Hi")',
    "%oai use nobody",
    "%%oai --max-tokens 4\nWhat is {qestion}?",
)
MISTAKES = (
    *(Mistake(code) for code in WITHOUT_SERVER),
    *(Mistake(code, needs_server=True) for code in WITH_SERVER),
)


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        jupyter_server(Path(folder), "--OAIKit.model=oaikit-demo") as server,
        notebook(Path(folder), server.v1, server.token, None) as cells,
    ):
        server.wait_for("ready")
        shown = {mistake.code: cells.shown_for(mistake.code) for mistake in MISTAKES}
    TARGET.write_text(document(shown))


def document(shown: Mapping[str, str]) -> str:
    """The page. ``shown`` has what each mistake shows, by its code."""
    rows = [row(code, text) for code, text in shown.items()]
    example = next(iter(shown.values()))
    return TEXT.format(most=MOST_LINES, count=len(rows), example=example, rows="\n".join(rows))


def row(code: str, shown: str) -> str:
    """A mistake in the page's table: the sentence without the lines that repeat the code and mention ``%tb``."""
    lines = [line for line in shown.splitlines() if not _PLACE.match(line)]
    return f"| {'<br>'.join(map(_code, code.splitlines()))} | {'<br>'.join(map(_escaped, lines))} |"


def _code(line: str) -> str:
    return f"`{line.replace('|', chr(92) + '|')}`"


def _escaped(line: str) -> str:
    return line.strip().replace("|", "\\|").replace("<", "&lt;")


@dataclass(frozen=True)
class Notebook:
    """A kernel that cells are run in."""

    client: BlockingKernelClient

    def shown_for(self, code: str) -> str:
        """Run a cell; what it printed and the traceback of what it raised, without colours and cell numbers."""
        parts: list[str] = []

        def take(message: Mapping[str, object]) -> None:
            content = message["content"]
            assert isinstance(content, dict)
            parts.append(content.get("text") or "\n".join(content.get("traceback", ())))

        self.client.execute_interactive(code, output_hook=take, timeout=120)
        text = _COLOURS.sub("", "\n".join(filter(None, parts))).strip()
        return re.sub(r"Cell In\[\d+\], line \d+", "Cell In[1], line 1", text)


@contextmanager
def notebook(folder: Path, url: str, key: str, model: str | None) -> Iterator[Notebook]:
    """A kernel in which ``llm`` is a server's model, and ``df`` a small frame."""
    manager, client = start_new_kernel(
        kernel_name="python3", cwd=str(folder), env=isolated_environment(folder)
    )
    try:
        cells = Notebook(client)
        said = cells.shown_for(SETUP.format(url=url, key=key, model=model))
        assert not said, said
        yield cells
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()

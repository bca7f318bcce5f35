"""``RAW_OPENAI_OUTPUT=0``: a stream as lines of JSON lists, as RunPod's worker yields it. Pure functions on bytes.

https://github.com/runpod-workers/worker-vllm (src/engine.py and BatchSize in src/utils.py, up to v2.23).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from oaikit.errors import SettingError

RAW_OUTPUT = b"application/x-ndjson"  # the content type

# Compiled when they are first used: Jupyter's start waits for this import.
_EVENT_END = rb"\r?\n\r?\n"
_DATA = rb"(?m)^data: ?(.*?)\r?$"
_DONE = b"[DONE]"
_ERROR = b'{"error"'


@dataclass(frozen=True)
class BatchSizes:
    """How many chunks a line has: ``first``, then ``growth`` times as many each time, at most ``largest``.

    Raises:
        SettingError: ``first`` is larger than ``largest``.
    """

    first: int
    growth: float
    largest: int

    def __post_init__(self) -> None:
        if self.first > self.largest:
            raise SettingError(
                f"min_batch_size (DEFAULT_MIN_BATCH_SIZE) is {self.first}: must be at most batch_size "
                f"(DEFAULT_BATCH_SIZE), {self.largest}"
            )

    def after(self, size: float) -> float:
        """The size that follows one; sizes are rounded down where they are used."""
        return min(size * self.growth, float(self.largest))


class RawOutput:
    """Server-sent events of one stream in, lines out: ``[{chunk}, {chunk}, …]\\n``, and no ``[DONE]``.

    An error event is a line of its own, at once, after what had gathered before it. Comments are dropped.
    """

    def __init__(self, sizes: BatchSizes) -> None:
        self._sizes, self._size = sizes, float(sizes.first)
        self._rest = b""  # of an event that has not come whole
        self._batch: list[bytes] = []

    def feed(self, body: bytes) -> bytes:
        """The lines that are complete with this part of the stream; often none."""
        *events, self._rest = re.split(_EVENT_END, self._rest + body)
        return b"".join(map(self._take, events))

    def close(self) -> bytes:
        """The last line, when the stream has ended; none if nothing is left."""
        lines = self._take(self._rest)
        self._rest = b""
        return lines + self._line()

    def _take(self, event: bytes) -> bytes:
        # A line break outside a JSON string is white space, and inside one there is none: they may become spaces.
        chunk = b" ".join(re.findall(_DATA, event)).strip()
        if not chunk or chunk == _DONE:
            return b""
        if chunk.startswith(_ERROR):
            return self._line() + b"[" + chunk + b"]\n"
        self._batch.append(chunk)
        return self._line() if len(self._batch) >= int(self._size) else b""

    def _line(self) -> bytes:
        if not self._batch:
            return b""
        line = b"[" + b",".join(self._batch) + b"]\n"
        self._batch.clear()
        self._size = self._sizes.after(self._size)
        return line

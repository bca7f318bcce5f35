"""Server-sent events, read from bytes as they arrive.

https://html.spec.whatwg.org/multipage/server-sent-events.html is the format. A line ends at CR, LF or CRLF and nowhere
else: `str.splitlines`, on which httpx's ``iter_lines`` rests, also cuts at U+2028, U+0085 and six more characters that
may stand unescaped in JSON. The package httpx-sse reads responses of httpx only; answers also come from aiohttp and
from an engine in this process.
"""

from __future__ import annotations

_BOM = b"\xef\xbb\xbf"


class EventReader:
    """Turns the bytes of an event stream into the data of its events, wherever the bytes are cut."""

    def __init__(self) -> None:
        self._line: list[bytes] = []  # the pieces of the line that is not complete
        self._data: list[bytes] = []  # the data lines of the event that is not complete
        self._after_cr = False  # the last byte was a CR: a LF that follows belongs to it
        self._at_start = True

    def feed(self, chunk: bytes) -> list[str]:
        """Take in bytes; returns the data of each event that they complete."""
        if self._after_cr and chunk:
            chunk, self._after_cr = chunk.removeprefix(b"\n"), False
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        first, *lines = chunk.split(b"\n")
        self._line.append(first)
        if not lines:
            return []
        lines.insert(0, b"".join(self._line))
        self._line = [lines.pop()]
        return [data for line in lines if (data := self._take(line)) is not None]

    def end(self) -> list[str]:
        """The stream is over; returns the data of an event that lacks only its blank line.

        The specification drops such an event. Some servers leave out the blank line after ``[DONE]``, and an event
        that was cut off is noticed anyway, as it is no JSON.
        """
        return self.feed(b"\n\n")

    def _take(self, line: bytes) -> str | None:
        """Take in a line without its end; the data of an event if the line ends one."""
        if self._at_start:
            line, self._at_start = line.removeprefix(_BOM), False
        if not line:
            if not self._data:
                return None
            data, self._data = b"\n".join(self._data), []
            return data.decode(errors="replace")
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        elif line == b"data":
            self._data.append(b"")
        return None  # a comment, or a field that has no meaning here

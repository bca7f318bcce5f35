"""The raw requests of the smuggling suite, by family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.soak.oddities import (
    CHUNK_SIZES,
    ENCODINGS,
    EVIL_HOSTS,
    HEADER_LINES,
    HIDDEN_ENCODINGS,
    LENGTHS,
    REQUEST_LINES,
)

CRLF = "\r\n"


@dataclass(frozen=True)
class Case:
    """What is sent on one connection.

    Args:
        family: The row of the report.
        name: What is odd about it.
        pieces: The bytes, in as many writes.
        mark: Part of the path of the request that must not be answered.
        most: How many answers may come.
        statuses: The only sequences of statuses that are right. Empty: any but 5xx.
    """

    family: str
    name: str
    pieces: tuple[bytes, ...]
    mark: str
    most: int = 1
    statuses: tuple[tuple[int, ...], ...] = ()


class Writer:
    """Writes the requests of the corpus to one route."""

    def __init__(self, path: str, host: str, token: str, body: bytes, label: str) -> None:
        self.path, self.host, self.body, self._label = path, host, body, label
        self.authorization = f"Authorization: Bearer {token}"
        self._count = 0

    def mark(self) -> str:
        """A new name for a request that must not be answered."""
        self._count += 1
        return f"smuggled-{self._label}-{self._count}"

    def inner(self, mark: str) -> bytes:
        """The request that must not be answered."""
        lines = (f"GET {self.path}/{mark} HTTP/1.1", f"Host: {self.host}", self.authorization, "", "")
        return CRLF.join(lines).encode()

    def head(self, *lines: str, first: str = "POST {path} HTTP/1.1", host: str = "Host: {host}") -> bytes:
        """The head of a request, with the credentials and the type of the body.

        Args:
            lines: More header lines, as they are.
            first: The request line.
            host: The Host line.
        """
        names = {"path": self.path, "host": self.host, "method": "POST", "lower": "post"}
        usual = (self.authorization, "Content-Type: application/json")
        texts = (_filled(first, names), _filled(host, names), *usual, *lines, "", "")
        return CRLF.join(texts).encode("latin-1", "replace")

    def sized(self, *lines: str, first: str = "POST {path} HTTP/1.1", host: str = "Host: {host}") -> bytes:
        """A whole request with a body of its announced length."""
        return self.head(*lines, f"Content-Length: {len(self.body)}", first=first, host=host) + self.body

    def case(
        self, family: str, name: str, make: bytes | tuple[bytes, ...], mark: str, **more: object
    ) -> Case:
        pieces = make if isinstance(make, tuple) else (make,)
        return Case(family, f"{self.path} {name[:60]!r}", pieces, mark, **more)  # type: ignore[arg-type]


def _filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return text


def chunked(body: bytes) -> bytes:
    """A body in one chunk, and the end."""
    return f"{len(body):x}".encode() + b"\r\n" + body + b"\r\n0\r\n\r\n"


def corpus(path: str, host: str, token: str, body: bytes, label: str) -> Iterator[Case]:
    """All cases on one route.

    Args:
        path: The route.
        host: The server's own host and port.
        token: Jupyter's token.
        body: A body that the route accepts.
        label: What makes the inner requests' paths unique.
    """
    writer = Writer(path, host, token, body, label)
    for family in (
        lengths,
        encodings,
        chunks,
        request_lines,
        hosts,
        header_lines,
        refusals,
        pipelines,
        endings,
    ):
        yield from family(writer)


def lengths(w: Writer) -> Iterator[Case]:
    """Content-Length that is no number, or more than one."""
    for value in LENGTHS:
        mark = w.mark()
        body = w.inner(mark)
        text = value.replace("{n:x}", f"{len(body):x}").replace("{n}", str(len(body)))
        yield w.case("Content-Length", value, w.head(f"Content-Length: {text}") + body, mark)
    for values in (("{n}", "0"), ("0", "{n}"), ("{n}", "{n}"), ("{n}", "5")):
        mark = w.mark()
        body = w.inner(mark)
        lines = [f"Content-Length: {value.replace('{n}', str(len(body)))}" for value in values]
        yield w.case("Content-Length", f"twice: {values}", w.head(*lines) + body, mark)


def encodings(w: Writer) -> Iterator[Case]:
    """Transfer-Encoding in odd spellings beside Content-Length: the inner request is where one of them ends."""
    lines = [*(f"Transfer-Encoding: {value}" for value in ENCODINGS), *HIDDEN_ENCODINGS]
    for line in lines:
        mark = w.mark()
        ends_early = b"0\r\n\r\n" + w.inner(mark)
        both = (f"Content-Length: {len(ends_early)}", line)
        yield w.case("CL.TE", line, w.head(*both) + ends_early, mark)
        yield w.case("CL.TE", f"{line}, first", w.head(*reversed(both)) + ends_early, mark)
    for line in lines[: len(ENCODINGS)]:
        mark = w.mark()
        whole = chunked(w.inner(mark))
        size = whole.index(b"\r\n") + 2
        yield w.case("TE.CL", line, w.head(f"Content-Length: {size}", line) + whole, mark)
        if line.split(": ")[1].strip().lower() != "chunked":
            yield w.case("TE alone", line, w.head(line) + chunked(w.inner(mark)), mark)


def chunks(w: Writer) -> Iterator[Case]:
    """Chunk sizes, extensions, ends and trailers."""
    te = "Transfer-Encoding: chunked"
    for value in CHUNK_SIZES:
        mark = w.mark()
        inner = w.inner(mark)
        size = (
            value.replace("{n:x}", f"{len(inner):x}")
            .replace("{n:X}", f"{len(inner):X}")
            .replace("{n}", str(len(inner)))
        )
        data = size.encode("latin-1", "replace") + b"\r\n" + inner + b"\r\n0\r\n\r\n"
        yield w.case("chunks", value, w.head(te) + data, mark)
    for name, end in (
        ("bare LF after the size", b"%x\n%s\r\n0\r\n\r\n"),
        ("bare LF after the data", b"%x\r\n%s\n0\r\n\r\n"),
        ("bare CR", b"%x\r%s\r0\r\r"),
        ("no end of the data", b"%x\r\n%s0\r\n\r\n"),
        ("two bytes of something else", b"%x\r\n%sXX0\r\n\r\n"),
        ("trailers", b"%x\r\n%s\r\n0\r\nContent-Length: 5\r\nAuthorization: x\r\n\r\n"),
        ("a last chunk of zeros", b"%x\r\n%s\r\n0000\r\n\r\n"),
    ):
        mark = w.mark()
        inner = w.inner(mark)
        yield w.case("chunks", name, w.head(te) + end % (len(inner), inner), mark)


def request_lines(w: Writer) -> Iterator[Case]:
    """First lines that are none, or that name another server."""
    for line in REQUEST_LINES:
        mark = w.mark()
        inner = w.inner(mark)
        head = w.head(f"Content-Length: {len(inner)}", first=line)
        yield w.case("request line", line, head + inner, mark)


def hosts(w: Writer) -> Iterator[Case]:
    """A Host that is not this server's. Never answered with 200."""
    refused = ((400,), (401,), (403,), (404,), ())
    for line in EVIL_HOSTS:
        yield w.case("Host", line, w.sized(host=line), w.mark(), statuses=refused)
    for line in ("POST http://evil.example{path} HTTP/1.1", "POST http://{host}{path} HTTP/1.1"):
        yield w.case(
            "Host",
            f"{line} with Host evil.example",
            w.sized(first=line, host="Host: evil.example"),
            w.mark(),
            statuses=refused,
        )


def header_lines(w: Writer) -> Iterator[Case]:
    """Header lines that are none, that are folded, too long, or too many."""
    many = CRLF.join(f"X-{number}: y" for number in range(20_000))
    for line in (*HEADER_LINES, many):
        mark = w.mark()
        inner = w.inner(mark)
        yield w.case("header lines", line, w.head(line, f"Content-Length: {len(inner)}") + inner, mark)
    wrong = "Authorization: Bearer wrong"
    for name, lines in (("wrong first", (wrong,)), ("twice wrong", (wrong, wrong))):
        twice = w.sized(*lines)
        yield w.case(
            "header lines", f"Authorization twice, {name}", twice, w.mark(), statuses=((400,), (401,), ())
        )
    bare = w.sized().replace(b"\r\n", b"\n")
    yield w.case("header lines", "bare LF everywhere", bare, w.mark())


def refusals(w: Writer) -> Iterator[Case]:
    """Requests that are refused before their body has come: the body is no request."""
    for name, first, host, authorized in (
        ("401", "POST {path} HTTP/1.1", "Host: {host}", False),
        ("404", "POST {path}/none HTTP/1.1", "Host: {host}", True),
        ("405", "PUT {path} HTTP/1.1", "Host: {host}", True),
        ("403 for the host", "POST {path} HTTP/1.1", "Host: evil.example", True),
    ):
        for expect in ((), ("Expect: 100-continue",), ("Connection: close",)):
            mark = w.mark()
            inner = w.inner(mark)
            for body, line in (
                (inner, f"Content-Length: {len(inner)}"),
                (chunked(inner), "Transfer-Encoding: chunked"),
            ):
                head = w.head(line, *expect, first=first, host=host)
                if not authorized:
                    head = head.replace(w.authorization.encode() + b"\r\n", b"")
                yield w.case("refused early", f"{name} {expect} {line}", (head, body), mark)
    mark = w.mark()
    large = w.head("Content-Length: 900000000") + w.inner(mark) * 3
    yield w.case("refused early", "413", large, mark)
    for name, end in (
        ("another request", b"{inner}"),
        ("a size that is no number", b"G\r\n{inner}"),
        ("a size above 2^64", b"FFFFFFFFFFFFFFFFF\r\n{inner}"),
        ("a long extension", b"1;" + b"a" * 5000 + b"\r\n{inner}"),
        ("trailers", b"0\r\nContent-Length: 5\r\n\r\n{inner}"),
    ):
        mark = w.mark()
        chunk = b"%x\r\n" % (17 << 20) + b" " * (17 << 20) + b"\r\n"
        pieces = (w.head("Transfer-Encoding: chunked") + chunk, end.replace(b"{inner}", w.inner(mark)))
        yield w.case("refused early", f"413 in chunks, then {name}", pieces, mark)


def pipelines(w: Writer) -> Iterator[Case]:
    """Requests that follow each other without waiting: each is answered, in order."""
    one = w.sized()
    wrong = w.sized(first="PUT {path} HTTP/1.1")
    for name, sent, statuses in (
        ("two", one * 2, (200, 200)),
        ("five", one * 5, (200,) * 5),
        ("200, 405, 200", one + wrong + one, (200, 405, 200)),
        ("405, 200", wrong + one, (405, 200)),
    ):
        yield w.case("pipelining", name, sent, w.mark(), most=len(statuses), statuses=(statuses,))
    lines = b"\r\n\r\n" + one
    yield w.case("pipelining", "empty lines before", lines, w.mark(), statuses=((200,), (400,)))
    closing = w.sized("Connection: close") + one
    yield w.case("pipelining", "after Connection: close", closing, w.mark(), statuses=((200,),))
    pieces = tuple(one[at : at + 40] for at in range(0, len(one), 40))
    yield w.case("pipelining", "40 bytes at a time", pieces, w.mark(), statuses=((200,),))


def endings(w: Writer) -> Iterator[Case]:
    """HTTP/1.0, and bodies that never come whole."""
    old = "POST {path} HTTP/1.0"
    for name, lines in (
        ("plain", ()),
        ("keep-alive", ("Connection: keep-alive",)),
        ("close", ("Connection: close",)),
    ):
        yield w.case("HTTP/1.0", name, w.sized(*lines, first=old), w.mark(), statuses=((200,),))
        if b"messages" in w.body and w.path.endswith("completions"):
            body = w.body[:-1] + b', "stream": true}'
            head = w.head(*lines, f"Content-Length: {len(body)}", first=old)
            yield w.case("HTTP/1.0", f"{name}, streamed", head + body, w.mark(), statuses=((200,),))
    yield w.case(
        "HTTP/1.0", "chunked", w.head("Transfer-Encoding: chunked", first=old) + chunked(w.body), w.mark()
    )
    for name, sent in (
        ("half of a body", w.sized()[:-10]),
        ("nothing of a body", w.head(f"Content-Length: {len(w.body)}")),
        ("half of a chunk", w.head("Transfer-Encoding: chunked") + b"fff\r\n{"),
        ("no last chunk", w.head("Transfer-Encoding: chunked") + b"2\r\n{}\r\n"),
        ("half of a size", w.head("Transfer-Encoding: chunked") + b"f"),
    ):
        yield w.case("bodies cut short", name, sent, w.mark())

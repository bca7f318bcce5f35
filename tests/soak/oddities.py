"""What is odd about the raw requests of the smuggling suite. corpus.py builds the requests around these."""

from __future__ import annotations

LENGTHS = (
    *(
        "+{n}",
        "-{n}",
        "0x{n:x}",
        "{n}.0",
        "{n}e0",
        "{n};",
        '"{n}"',
        "{n} {n}",
        "{n},{n}",
        "{n}, {n}",
        "{n},0",
        "0,{n}",
    ),
    *("1_0", "0{n}", "00000000000000000000{n}", "\x0b{n}", "{n}\x00", "٥", "²", "abc", "", " ", "-0", "NaN"),
    *("99999999999999999999999", "18446744073709551616", "9223372036854775808", "4294967296"),
    *(
        "9" * 5000,
        "0" * 30 + "4294967296",
        "18446744073709551616, 18446744073709551616",
        "-18446744073709551616",
    ),
)
ENCODINGS = (
    *(
        "identity",
        "xchunked",
        "chunkedx",
        "chunked, identity",
        "identity, chunked",
        "chunked, chunked",
        "gzip, chunked",
    ),
    *(
        "chunked;q=1",
        '"chunked"',
        "chunked\x0b",
        "\x0bchunked",
        "chunked\x00",
        "chun\x00ked",
        "chunked,",
        ",chunked",
        "",
    ),
    *("Chunked", "CHUNKED", " chunked ", "\tchunked", "trailers, chunked", "deflate", "chunKed", "cow"),
)
HIDDEN_ENCODINGS = (  # header lines that some servers read as Transfer-Encoding, and others do not
    *("Transfer-Encoding : chunked", " Transfer-Encoding: chunked", "\tTransfer-Encoding: chunked"),
    *(
        "Transfer_Encoding: chunked",
        "Transfer-Encoding\t: chunked",
        "Transfer-Encoding:chunked",
        "X: y\nTransfer-Encoding: chunked",
    ),
    *("X: y\rTransfer-Encoding: chunked", "Transfer-Encoding:\r\n chunked", "Transfer-Encoding:\n chunked"),
    *(
        "\x00Transfer-Encoding: chunked",
        "Transfer-Encoding\x00: chunked",
        "X:\r\n Transfer-Encoding: chunked",
    ),
    *(
        "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
    ),
    *(
        "TRANSFER-ENCODING: chunked",
        "Transfer-Encoding\r\n: chunked",
        "Content-Encoding: chunked",
        "TE: chunked",
    ),
)
CHUNK_SIZES = (
    *(
        "0x{n:x}",
        "+{n:x}",
        "-{n:x}",
        " {n:x}",
        "{n:x} ",
        "{n:x}\t",
        "0{n:x}",
        "00000000000000000000{n:x}",
        "{n:x};a=b",
    ),
    *(
        '{n:x};a="b"',
        '{n:x};a="\r\n"',
        "{n:x};\n",
        "{n:x}\x00",
        "{n:x};",
        "{n:x} ; a",
        "{n:x},0",
        "{n}e0",
        "1_0",
        "²",
        "",
    ),
    *(
        "FFFFFFFFFFFFFFFF",
        "FFFFFFFFFFFFFFFFF",
        "7FFFFFFFFFFFFFFF",
        "100000000",
        "-1",
        "G",
        "{n:X}",
        "{n:x};" + "a" * 5000,
    ),
)
REQUEST_LINES = (
    *(
        "{method}  {path} HTTP/1.1",
        "{method}\t{path} HTTP/1.1",
        "{method} {path}  HTTP/1.1",
        " {method} {path} HTTP/1.1",
    ),
    *(
        "{method} {path} HTTP/1.1 ",
        "{method} {path} http/1.1",
        "{method} {path} HTTP/1.2",
        "{method} {path} HTTP/2.0",
    ),
    *(
        "{method} {path} HTTP/0.9",
        "{method} {path} HTTP/1.10",
        "{method} {path} HTTP/01.1",
        "{method} {path} HTTP/1.1x",
    ),
    *(
        "{method} {path}",
        "{method}",
        "",
        "{lower} {path} HTTP/1.1",
        "{method}\x00 {path} HTTP/1.1",
        "{method} {path}\x00 HTTP/1.1",
    ),
    *(
        "{method} {path}#x HTTP/1.1",
        "{method} {path}?a=%0d%0aX:y HTTP/1.1",
        "{method} //{path} HTTP/1.1",
        "{method} /..{path} HTTP/1.1",
    ),
    *(
        "{method} {path}%00 HTTP/1.1",
        "{method} * HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT {host} HTTP/1.1",
        "TRACE {path} HTTP/1.1",
    ),
    *(
        "{method} http://{host}{path} HTTP/1.1",
        "{method} http://evil.example{path} HTTP/1.1",
        "{method} https://{host}{path} HTTP/1.1",
    ),
    *(
        "{method} file://{path} HTTP/1.1",
        "{method} {host} HTTP/1.1",
        "{method} http:{path} HTTP/1.1",
        "{method} \\{path} HTTP/1.1",
    ),
    *(
        "PRI * HTTP/2.0",
        "{method} {path}é HTTP/1.1",
        "{method} {path} HTTP/1.1\rX: y",
        "A" * 70000 + " {path} HTTP/1.1",
    ),
    *("{method} {path}?" + "a" * 70000 + " HTTP/1.1",),
)
EVIL_HOSTS = (
    *(
        "Host: evil.example",
        "Host: ",
        "Host: {host}\r\nHost: evil.example",
        "Host: evil.example\r\nHost: {host}",
    ),
    *(
        "Host: evil.example@{host}",
        "Host: {host}@evil.example",
        "Host: {host}, evil.example",
        "Host: {host} evil.example",
    ),
    *(
        "Host: {host}/evil.example",
        "Host: {host}#evil.example",
        "Host: evil.example\r\nX-Forwarded-Host: {host}",
        "Host: [::ffff:8.8.8.8]",
    ),
    *(
        "Host: {host}\x00evil.example",
        "Host: 127.0.0.1.evil.example",
        "Host: localhost.evil.example",
        "Host : {host}",
        "X: y",
    ),
)
HEADER_LINES = (
    *(
        "No colon",
        ": no name",
        "Na me: x",
        "Na\x00me: x",
        "Name: x\x00y",
        "Name: x\ry",
        "Name: x\ny",
        "Name:",
        "Näme: x",
        "Name: é",
    ),
    *(
        " folded",
        "\tfolded",
        "Name: x\r\n folded",
        "Name: x\r\n\tfolded",
        "Name: x\r\n \r\n folded",
        "Name: \x7f",
        "Name: \x01",
    ),
    *(
        "Name: " + "x" * 70000,
        "(Name): x",
        "Name@: x",
        "Expect: 200-ok",
        "Upgrade: h2c\r\nConnection: Upgrade",
    ),
    *(
        "Connection: Content-Length",
        "Connection: close, keep-alive",
        "Connection: keep-alive, close",
        "Trailer: Authorization",
    ),
    *(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
        + "A" * 22
        + "==\r\nSec-WebSocket-Version: 13",
    ),
)

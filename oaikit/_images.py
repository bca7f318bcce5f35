"""Images for a model, as the data URLs that OpenAI's API takes."""

from __future__ import annotations

import base64
import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

from oaikit.errors import InvalidRequestError

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"GIF8": "gif",
    b"BM": "bmp",
}
_TAKES = "an image is a path, the bytes of a PNG, JPEG, GIF, WebP or BMP file, a PIL image, an array or a URL"


def data_url(image: Any) -> str:
    """An image as a data URL.

    Parameters: a path, a file's bytes, a PIL image, an array (height × width, or height × width × 1, 3 or 4; integers
    from 0 to 255, or floats from 0 to 1), or a data URL, which stays as it is.

    Raises:
        InvalidRequestError: it is none of these, or can't be read.
    """
    if isinstance(image, str) and image.startswith("data:"):
        return checked_data_url(image)
    if isinstance(image, str | os.PathLike):
        try:
            image = Path(image).expanduser().read_bytes()
        except OSError as exc:
            raise InvalidRequestError(
                f"the image {image} can't be read: {exc.strerror or exc}", param="images"
            ) from exc
    elif hasattr(image, "__array_interface__") and not hasattr(image, "save"):
        image = _png(image)
    elif callable(getattr(image, "save", None)):
        image = _saved(image)
    if not isinstance(image, bytes | bytearray | memoryview):
        raise InvalidRequestError(f"{_TAKES}, not {type(image).__name__}", param="images")
    content = bytes(image)
    return f"data:image/{_kind(content)};base64,{base64.b64encode(content).decode()}"


def image_url(image: Any) -> str:
    """An image as the URL of an ``image_url`` part: an http(s) URL as it is, everything else by `data_url`.

    The server fetches what an http(s) URL names, if it may. Servers of oaikit fetch from no host unless the engine
    argument ``allowed_media_domains`` names it.
    """
    if isinstance(image, str) and image.startswith(("http://", "https://")):
        return image
    return data_url(image)


def checked_data_url(url: Any) -> str:
    """A data URL of an image, in base64.

    Raises:
        InvalidRequestError: it is none.
    """
    head, comma, _ = url.partition(",") if isinstance(url, str) else ("", "", "")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise InvalidRequestError("an image's URL begins with data:image/…;base64,", param="images")
    return str(url)


def _kind(content: bytes) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    for signature, kind in _SIGNATURES.items():
        if content.startswith(signature):
            return kind
    raise InvalidRequestError(f"{_TAKES}; these bytes are none of them", param="images")


def _saved(image: Any) -> bytes:
    """A PIL image as PNG."""
    file = io.BytesIO()
    if getattr(image, "mode", "RGB") not in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        image = image.convert("RGB")  # CMYK, YCbCr, …: PNG has them not
    image.save(file, format="PNG")
    return file.getvalue()


def _png(array: Any) -> bytes:
    """An array as PNG, without PIL, which not every kernel has."""
    import numpy as np

    pixels = np.asarray(array)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or 0 in pixels.shape:
        raise InvalidRequestError(
            f"an image's array is height × width, or height × width × 1, 3 or 4, not {np.shape(array)}",
            param="images",
        )
    if pixels.dtype == bool or np.issubdtype(pixels.dtype, np.floating):
        pixels = np.clip(np.nan_to_num(pixels.astype(float)), 0, 1) * 255 + 0.5
    pixels = np.clip(pixels, 0, 255).astype(np.uint8)
    height, width, channels = pixels.shape
    # https://www.w3.org/TR/png-3/#11IHDR: 8 bits per sample; colour type 0 is grey, 2 RGB, 6 RGBA.
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)  # 0: no filter
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

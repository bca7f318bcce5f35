"""The file in which earlier releases kept keys, ``keys.json``."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from oaikit.errors import StorageError
from oaikit_server.keys import Key

log = logging.getLogger("oaikit.keys")


class EarlierKeys:
    """The keys of earlier releases, until they are taken over. Any thread may use it.

    Args:
        path: the file, such as ``keys.json``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._logged = ""

    def read(self, *, required: bool) -> Sequence[Key] | None:
        """Return the keys in the file, or None if there is no such file or it cannot be read.

        Args:
            required: raise an error for a file that cannot be read. Otherwise the log says so, once.

        Raises:
            StorageError: the file cannot be read.
        """
        try:
            content = json.loads(self.path.read_bytes())
            if content["version"] != 1:
                raise ValueError("another version")
            return [Key.from_dict(entry) for entry in content["keys"]]
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as exc:
            reason = (
                exc.strerror if isinstance(exc, OSError) else f"not a file of keys ({type(exc).__name__})"
            )
            problem = f"{self.path} can't be read: {reason}; repair it, or move it away"
            if required:
                raise StorageError(problem) from exc
            if problem != self._logged:
                self._logged = problem
                log.error("keys of an earlier release are not taken over: %s", problem)
            return None

    def put_aside(self, successor: Path) -> None:
        """Rename the file, so that keys which are forgotten in its successor do not come back from here."""
        names = (
            self.path.with_name(f"{self.path.name}.imported{suffix}")
            for suffix in ("", *(f".{n}" for n in range(1, 100)))
        )
        unused = next(name for name in names if not name.exists())
        with suppress(FileNotFoundError):  # another server was faster
            self.path.rename(unused)
            log.info(
                "the keys in %s are now in %s; the old file is kept as %s", self.path, successor, unused.name
            )

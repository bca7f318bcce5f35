"""What a user may have meant by a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 60
"""Characters of the name that are compared: the comparison takes quadratic time, and no known name is longer."""


def did_you_mean(name: str, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> str:
    """The end of an error message that suggests the known names most like an unknown one.

    Args:
        name: The unknown name.
        known: The names that exist.
        most: The largest number of suggestions.
        cutoff: How alike a suggestion must be, from 0 to 1. The default is `difflib.get_close_matches`'s own.

    Returns:
        A text such as ``"; did you mean top_p?"``, or an empty one if no name is alike.
    """
    near = difflib.get_close_matches(name[:_LONGEST], known, n=most, cutoff=cutoff)
    return f"; did you mean {' or '.join(near)}?" if near else ""

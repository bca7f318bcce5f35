"""The parameters of a request: name, type, range, default, help.

The one source of the server's defaults and checks, of the widgets' controls, the sweeps' axes, the API's description
and the table in docs/parameters.md. Each name is imported when it is first used: the tables take tens of milliseconds,
which Jupyter's start would wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oaikit._lazy import lazily

if TYPE_CHECKING:
    from oaikit.sampling.parameter import UNSET as UNSET
    from oaikit.sampling.parameter import Parameter as Parameter
    from oaikit.sampling.parameter import Slider as Slider
    from oaikit.sampling.parameter import Unset as Unset
    from oaikit.sampling.requests import BOTH as BOTH
    from oaikit.sampling.requests import CHAT as CHAT
    from oaikit.sampling.requests import COMPLETIONS as COMPLETIONS
    from oaikit.sampling.requests import Endpoint as Endpoint
    from oaikit.sampling.requests import Limits as Limits
    from oaikit.sampling.rules import GREEDY_BELOW as GREEDY_BELOW
    from oaikit.sampling.rules import check_count as check_count
    from oaikit.sampling.rules import check_together as check_together
    from oaikit.sampling.scan import check_contents as check_contents
    from oaikit.sampling.types import Bounds as Bounds
    from oaikit.sampling.types import parameter_of as parameter_of
    from oaikit.sampling.validation import PARAMETERS as PARAMETERS
    from oaikit.sampling.validation import check_defaults as check_defaults
    from oaikit.sampling.validation import check_each as check_each
    from oaikit.sampling.validation import check_template_variables as check_template_variables
    from oaikit.sampling.validation import check_trust as check_trust
    from oaikit.sampling.validation import parameters as parameters
    from oaikit.sampling.validation import schema as schema
    from oaikit.sampling.validation import seed_defaults as seed_defaults
    from oaikit.sampling.validation import unknown as unknown
    from oaikit.sampling.validation import validate as validate

_HOME = {
    "BOTH": "oaikit.sampling.requests",
    "Bounds": "oaikit.sampling.types",
    "CHAT": "oaikit.sampling.requests",
    "COMPLETIONS": "oaikit.sampling.requests",
    "Endpoint": "oaikit.sampling.requests",
    "GREEDY_BELOW": "oaikit.sampling.rules",
    "Limits": "oaikit.sampling.requests",
    "PARAMETERS": "oaikit.sampling.validation",
    "Parameter": "oaikit.sampling.parameter",
    "Slider": "oaikit.sampling.parameter",
    "UNSET": "oaikit.sampling.parameter",
    "Unset": "oaikit.sampling.parameter",
    "check_contents": "oaikit.sampling.scan",
    "check_count": "oaikit.sampling.rules",
    "check_defaults": "oaikit.sampling.validation",
    "check_each": "oaikit.sampling.validation",
    "check_template_variables": "oaikit.sampling.validation",
    "check_together": "oaikit.sampling.rules",
    "check_trust": "oaikit.sampling.validation",
    "parameter_of": "oaikit.sampling.types",
    "parameters": "oaikit.sampling.validation",
    "schema": "oaikit.sampling.validation",
    "seed_defaults": "oaikit.sampling.validation",
    "unknown": "oaikit.sampling.validation",
    "validate": "oaikit.sampling.validation",
}

__all__ = [
    "BOTH",
    "CHAT",
    "COMPLETIONS",
    "GREEDY_BELOW",
    "PARAMETERS",
    "UNSET",
    "Bounds",
    "Endpoint",
    "Limits",
    "Parameter",
    "Slider",
    "Unset",
    "check_contents",
    "check_count",
    "check_defaults",
    "check_each",
    "check_template_variables",
    "check_together",
    "check_trust",
    "parameter_of",
    "parameters",
    "schema",
    "seed_defaults",
    "unknown",
    "validate",
]


__getattr__ = lazily(__name__, _HOME)

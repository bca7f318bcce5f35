"""What an OpenAI client expects and vLLM says or does differently: pure functions on requests and responses."""

from oaikit_server.dialect.answer import Answer
from oaikit_server.dialect.app import Dialect
from oaikit_server.dialect.passed import PassedOn, pass_on
from oaikit_server.dialect.request import Policy, Resolved, resolve
from oaikit_server.dialect.translation import Translation, is_json, translate

__all__ = [
    "Answer",
    "Dialect",
    "PassedOn",
    "Policy",
    "Resolved",
    "Translation",
    "is_json",
    "pass_on",
    "resolve",
    "translate",
]

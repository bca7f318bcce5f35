"""What an OpenAI client expects and vLLM says or does differently: pure functions on requests and responses."""

from oaikit_server.dialect.answer import Answer
from oaikit_server.dialect.passed import PassedOn, pass_on
from oaikit_server.dialect.request import Policy, Resolved, resolve

__all__ = ["Answer", "PassedOn", "Policy", "Resolved", "pass_on", "resolve"]

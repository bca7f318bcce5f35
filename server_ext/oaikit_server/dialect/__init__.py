"""What an OpenAI client expects and vLLM says or does differently: pure functions on requests and responses."""

from oaikit_server.dialect.answer import Answer
from oaikit_server.dialect.request import Policy, Resolved, check_passed_on, resolve

__all__ = ["Answer", "Policy", "Resolved", "check_passed_on", "resolve"]

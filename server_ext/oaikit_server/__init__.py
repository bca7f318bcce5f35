"""oaikit's Jupyter server extension: one vLLM engine behind ``<base url>/oaikit``.

Importing this package costs Jupyter's start milliseconds: vLLM is imported on the engine's thread.
"""

from oaikit_server.extension import OAIKit


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    return [{"module": "oaikit_server", "app": OAIKit}]


__all__ = ["OAIKit"]

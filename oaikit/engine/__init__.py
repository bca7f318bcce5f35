"""vLLM in this process: `Engine` for scripts and kernels, `EngineHost` for the Jupyter server."""

from oaikit.engine.engine import Engine
from oaikit.engine.host import EngineHost
from oaikit.engine.state import EngineSpec, EngineStatus, Progress, State

__all__ = ["Engine", "EngineHost", "EngineSpec", "EngineStatus", "Progress", "State"]

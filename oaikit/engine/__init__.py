"""vLLM in this process: engine.py for scripts and kernels, host.py for the Jupyter server."""

"""What a model may call: Python functions and the tools of MCP servers, and the loop that runs its calls."""

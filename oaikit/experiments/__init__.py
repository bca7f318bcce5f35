"""Parameter experiments: spaces, sweeps, the store, scores, statistics, charts, searches. See docs/experiments.md."""

from __future__ import annotations

import sys

from oaikit.experiments.accessor import register

__all__ = ["register"]

if "pandas" in sys.modules:
    register()

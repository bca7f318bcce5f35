"""What can be said of an engine: its state, its progress, what it was asked to load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from oaikit import demo
from oaikit.engine.redaction import public_text, public_url

STARTING_ENGINE_CORE = "starting EngineCore"
"""The phase of a load in which vLLM's own processes report how far they are."""


class State(StrEnum):
    """What the engine is doing.

    ``stopping`` lasts until the engine's last process has ended, ``hung`` until the processes of an engine that no
    longer answers have been killed. After ``failed`` only another load starts an engine.
    """

    STOPPED = "stopped"
    LOADING = "loading"
    READY = "ready"
    HUNG = "hung"
    STOPPING = "stopping"
    FAILED = "failed"

    @property
    def is_pending(self) -> bool:
        """Whether a request that waits can expect an engine: it is loading, or about to be restarted."""
        return self in (State.LOADING, State.HUNG)


@dataclass(frozen=True)
class EngineSpec:
    """What to load: a model's name or path, the names it is served under, and vLLM's engine arguments.

    The name ``oaikit-demo`` stands for the built-in model.
    """

    model: str
    served_names: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Where vLLM finds the model: a Hugging Face name or a path."""
        return str(demo.FOLDER) if self.model == demo.NAME else self.model

    def engine_arguments(self) -> dict[str, Any]:
        """The engine arguments, those of the built-in model and the served names among them.

        The name that is loaded stays accepted, last.
        """
        built_in = {"served_model_name": [demo.NAME], **demo.ENGINE_ARGS} if self.model == demo.NAME else {}
        names = list(dict.fromkeys([*self.served_names, self.model]))
        named = {"served_model_name": names} if self.served_names else {}
        return {**built_in, **self.options, **named}


@dataclass(frozen=True)
class Progress:
    """How far a load has come: its phase, seconds in that phase, seconds in all."""

    phase: str
    phase_s: float
    load_s: float


@dataclass(frozen=True)
class EngineStatus:
    """An engine at one moment.

    ``device`` and ``vllm_version`` are None until vLLM is imported, ``engine_args`` (those that were given and oaikit's
    own defaults, but no secrets) are empty until then; ``progress`` is None unless the state is loading,
    ``uptime_s`` (seconds) unless it is ready. Of the model, once it is ready: ``max_model_len``, its context (tokens);
    ``max_logprobs`` (-1: no limit); ``max_stop_strings``; ``max_token_characters``, how many characters one token
    stands for at most, and ``truncation_side``, the end of a prompt that its tokenizer cuts; ``max_num_seqs``, how many
    answers it works on at once; whether messages may have images; and what its generation_config says of sampling, by
    vLLM's names. ``error`` is the cause of the last failure or crash; ``restarts`` counts the restarts after crashes
    since the model was asked for.
    """

    state: State = State.STOPPED
    model: str | None = None
    served_names: tuple[str, ...] = ()
    device: str | None = None
    vllm_version: str | None = None
    error: str | None = None
    restarts: int = 0
    progress: Progress | None = None
    uptime_s: float | None = None
    max_model_len: int | None = None
    max_logprobs: int | None = None
    max_stop_strings: int | None = None
    max_token_characters: int | None = None
    truncation_side: str | None = None
    max_num_seqs: int | None = None
    accepts_images: bool | None = None
    generation_config: Mapping[str, Any] = field(default_factory=dict)
    engine_args: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The same in JSON's types, with passwords in URLs and the like masked."""
        names = [public_url(name) for name in self.served_names]
        return {
            **asdict(self),
            "state": self.state.value,
            "model": self.model and public_url(self.model),
            "served_names": names,
            "error": self.error and public_text(self.error),
        }

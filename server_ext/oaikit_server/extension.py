"""The extension: its settings, its routes, its start and stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.utils import url_path_join
from traitlets import Bool, Dict, Enum, Float, Integer, List, Unicode, Union, default

from oaikit import demo, settings
from oaikit._distribution import installed_version
from oaikit.engine.host import HANG_TIMEOUT_S, EngineHost
from oaikit.engine.state import EngineSpec, State
from oaikit.errors import InvalidRequestError, SettingError
from oaikit.sampling.requests import Limits
from oaikit_server.handlers import ROUTES
from oaikit_server.key_store import KeyStore
from oaikit_server.limits import Gate
from oaikit_server.raw_output import BatchSizes
from oaikit_server.service import Service

if TYPE_CHECKING:
    from oaikit_server.dialect import Policy

# Real models to put in the built-in one's place on a GPU: anyone may download them.
_SUGGESTED = ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-8B")

# How long Jupyter's own stop may wait for the engine's, seconds. vLLM's processes die with this one anyway.
_STOP_S = 6.0

# How many connections may wait to be accepted: as many as at uvicorn, which vLLM's own server runs on. Tornado's 128
# are soon taken while Jupyter's loop is busy, and a connection that finds no room is tried again a second later.
_BACKLOG = 2048


class OAIKit(ExtensionApp):
    """vLLM inside the Jupyter server."""

    name = "oaikit"
    extension_url = "/oaikit/api/status"
    load_other_extensions = True

    @default("version")
    def _default_version(self) -> str:
        return installed_version()

    model = Unicode(
        demo.NAME,
        help="The model to load: a Hugging Face name or a local path. Unset: the small built-in model, at the first "
        "request. Empty: none until one is loaded through oaikit/api/load.",
    ).tag(config=True)
    engine_args = Dict(
        help="vLLM's engine arguments by their own names, such as {'max_model_len': 4096}. What is not here keeps "
        "vLLM's default; without a GPU also dtype='float32', enforce_eager=True and 1 GiB of KV cache."
    ).tag(config=True)
    served_model_name = Union(
        [Unicode(), List(Unicode())],
        default_value="",
        help="The name, or list of names, that requests may use for the model; the first one is in the responses. "
        "The value of `model` is accepted too. Environment variable: OPENAI_SERVED_MODEL_NAME_OVERRIDE.",
    ).tag(config=True)
    response_role = Unicode(
        "",
        help="The role of the answers to chats. Empty: vLLM's default, 'assistant'. Environment variable: "
        "OPENAI_RESPONSE_ROLE.",
    ).tag(config=True)
    tool_call_parser = Unicode(
        "",
        help="vLLM's parser of this model's tool calls, such as 'hermes'. Environment variable: TOOL_CALL_PARSER.",
    ).tag(config=True)
    enable_auto_tool_choice = Bool(
        False,
        help="Let the model choose whether to call a tool; needs tool_call_parser. Environment variable: "
        "ENABLE_AUTO_TOOL_CHOICE.",
    ).tag(config=True)
    reasoning_parser = Unicode(
        "",
        help="vLLM's parser of what this model thinks before it answers, such as 'qwen3'. Environment variable: "
        "REASONING_PARSER.",
    ).tag(config=True)
    autoload = Bool(
        True, help="Load `model` when Jupyter starts. False: at the first request that needs it."
    ).tag(config=True)
    load_timeout_s = Float(
        300.0,
        min=0.0,
        help="How long a request waits for a model that is loading, seconds; then it is answered with 503. "
        "0: requests do not wait.",
    ).tag(config=True)
    hang_timeout_s = Float(
        HANG_TIMEOUT_S,
        min=0.0,
        help="How long the engine may give no sign of life although it has work, seconds; then it is killed and "
        "started again. An idle engine is asked for one token every so often. 0: never.",
    ).tag(config=True)
    export_openai_env = Bool(
        True,
        help="Set OPENAI_BASE_URL and OPENAI_API_KEY for the kernels and terminals of this server, unless the user "
        "has set one of them. The key may ask for answers and nothing else.",
    ).tag(config=True)
    write_timeout_s = Float(
        60.0,
        min=0.0,
        help="How long a client may leave a response unread before its request is aborted, seconds. 0: for ever.",
    ).tag(config=True)
    max_body_size = Integer(
        16 * 1024 * 1024,
        min=1,
        help="The largest body that a request may have, bytes; a larger one gets 413.",
    ).tag(config=True)
    body_timeout_s = Float(
        30.0,
        min=0.0,
        help="How long a request's body may take to arrive, seconds; then its connection is closed. 0: for ever.",
    ).tag(config=True)
    max_concurrency = Integer(
        1024,
        min=0,
        help="How many requests are answered at once; others wait. 0: no limit. Environment variable: "
        "MAX_CONCURRENCY.",
    ).tag(config=True)
    max_queue = Integer(
        1024,
        min=0,
        help="How many requests may wait for one of max_concurrency to end; beyond that they get 429 with "
        "Retry-After.",
    ).tag(config=True)
    default_sampling = Union(
        [Dict(), Enum(["model"])],
        default_value={},
        help="What requests leave out: parameters of the API by name, over the defaults of docs/parameters.md, such as "
        "{'temperature': 1.0, 'max_tokens': None}. None: what the model says; of max_tokens, what is left of the "
        "context. 'model' in place of the dict: all as the model's own generation_config says.",
    ).tag(config=True)
    unknown_parameters = Enum(
        ["warn", "refuse"],
        default_value="warn",
        help="A parameter that nobody knows is ignored, and named in the answer's header x-oaikit-warning ('warn'), or "
        "the request gets 400 ('refuse').",
    ).tag(config=True)
    allowed_parameters = List(
        Unicode(),
        help="Parameters that are passed on to vLLM although they reach into the server (such as 'chat_template', "
        "'vllm_xargs', 'priority') or are unknown.",
    ).tag(config=True)
    max_n = Integer(
        Limits.n, min=1, help="The most answers that a request may ask for per prompt, by n or best_of."
    ).tag(config=True)
    max_prompts = Integer(
        Limits.prompts,
        min=1,
        help="The most prompts of one request for completions, and conversations of one batch.",
    ).tag(config=True)
    max_sequences = Integer(
        Limits.sequences,
        min=1,
        help="The most answers of one request: its prompts times n or best_of, whichever is more.",
    ).tag(config=True)
    max_inputs = Integer(
        Limits.inputs, min=1, help="The most texts of one request for embeddings, scores or classes."
    ).tag(config=True)
    max_form_size = Integer(
        Limits.form_size,
        min=1,
        help="The most characters of a form that answers are held to (a JSON schema, a grammar, the tools of a "
        "request), without its descriptions.",
    ).tag(config=True)
    max_form_complexity = Integer(
        Limits.form_complexity,
        min=1,
        help="The most repetitions and character classes in the regular expressions and grammars of a form. Bounds "
        "such as maxLength count too.",
    ).tag(config=True)
    max_properties = Integer(
        Limits.properties, min=1, help="The most properties of one object of a JSON schema."
    ).tag(config=True)
    max_pattern_bytes = Integer(
        Limits.pattern_bytes, min=1, help="The largest regular expression of a form, bytes."
    ).tag(config=True)
    raw_openai_output = Bool(
        True,
        help="Streams as OpenAI's API has them. False: application/x-ndjson, each line a JSON list of chunks. "
        "Environment variable: RAW_OPENAI_OUTPUT.",
    ).tag(config=True)
    min_batch_size = Integer(
        1,
        min=1,
        help="With raw_openai_output False: chunks in the first line. Environment variable: DEFAULT_MIN_BATCH_SIZE.",
    ).tag(config=True)
    batch_size_growth_factor = Float(
        3.0,
        min=1.0,
        help="With raw_openai_output False: how many times as many chunks each next line has. Environment variable: "
        "DEFAULT_BATCH_SIZE_GROWTH_FACTOR.",
    ).tag(config=True)
    batch_size = Integer(
        50,
        min=1,
        help="With raw_openai_output False: the most chunks in a line. Environment variable: DEFAULT_BATCH_SIZE.",
    ).tag(config=True)

    def initialize_settings(self) -> None:
        """Make the engine's host and put it where the handlers find it."""
        # Else nobody would hear what oaikit logs: Jupyter's handlers sit at its own loggers, not at the root.
        logging.getLogger("oaikit").parent = self.log
        try:
            self.take_environment()
            self.service = self._make_service()
            if self.default_sampling:
                _ = self.policy  # what is wrong with it is to be said now
        except SettingError as exc:
            self.log.critical("oaikit | %s", exc)
            self.exit(1)  # Jupyter would only log any other exception, and start without
        self.settings["oaikit_service"] = self.service

    def take_environment(self) -> None:
        """Give every setting that nobody has set the value of its environment variable, if there is one.

        Raises:
            SettingError: a variable has a value that makes no sense.
        """
        for name, value in vars(settings.Environment.read()).items():
            if value is not None and not self._is_set(name):
                setattr(self, name, value)

    def _is_set(self, name: str) -> bool:
        section = self.config.get(type(self).__name__, {})
        return name in section or (name == "served_model_name" and name in section.get("engine_args", {}))

    def _make_service(self) -> Service:
        assert self.serverapp is not None
        sizes = BatchSizes(self.min_batch_size, self.batch_size_growth_factor, self.batch_size)
        return Service(
            host=EngineHost(self.hang_timeout_s),
            spec=self._spec(),
            keys=KeyStore(Path(self.serverapp.data_dir) / "oaikit" / "keys.db"),
            gate=Gate(self.max_concurrency, self.max_queue),
            load_timeout_s=self.load_timeout_s,
            write_timeout_s=self.write_timeout_s,
            max_body_size=self.max_body_size,
            body_timeout_s=self.body_timeout_s,
            raw_output=None if self.raw_openai_output else sizes,
            owners_policy=lambda: self.policy,
        )

    @cached_property
    def policy(self) -> Policy:
        """What the server's owner has set for requests.

        Raises:
            SettingError: ``default_sampling`` has what no request could have.
        """
        # Here and not above: the tables of parameters take tens of milliseconds, for which Jupyter's start would wait.
        from oaikit.sampling import check_defaults
        from oaikit_server.dialect import Policy

        limits = Limits(
            n=self.max_n,
            prompts=self.max_prompts,
            sequences=self.max_sequences,
            inputs=self.max_inputs,
            form_size=self.max_form_size,
            form_complexity=self.max_form_complexity,
            properties=self.max_properties,
            pattern_bytes=self.max_pattern_bytes,
        )
        defaults = self.default_sampling
        try:
            check_defaults({} if defaults == "model" else defaults, limits)
        except InvalidRequestError as exc:
            raise SettingError(f"default_sampling: {exc}") from exc
        refuse = self.unknown_parameters == "refuse"
        return Policy(defaults, "refuse" if refuse else "warn", frozenset(self.allowed_parameters), limits)

    def initialize_handlers(self) -> None:
        """Routes; `ExtensionApp` puts them under the base URL."""
        self.handlers.extend(ROUTES)

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        """The server listens now, so its URL is known."""
        self._stop_on_signals(serverapp)
        listeners = getattr(serverapp.http_server, "_sockets", {})  # tornado has no public name for them
        for listener in listeners.values():
            listener.listen(_BACKLOG)
        url = url_path_join(serverapp.connection_url, "oaikit/v1")
        self._announced = settings.announce_server(url, self.service.key.value, openai=self.export_openai_env)
        if self.service.spec is None:
            self.log.info(
                "oaikit | no model named: start with --OAIKit.model=NAME, or POST to oaikit/api/load"
            )
            return
        self.log.info("oaikit | %s for OpenAI's clients; kernels and terminals have its key", url)
        if self.model == demo.NAME:
            self.log.info(
                "oaikit | %s is a toy of 4 million parameters; on a GPU, try --OAIKit.model=%s",
                demo.NAME,
                " or ".join(_SUGGESTED),
            )
        # Nobody asked for the built-in model: Jupyter may be there for something else, and need the memory.
        if self.autoload and self._is_configured("model"):
            self.service.host.load(self.service.spec)

    def _is_configured(self, name: str) -> bool:
        return name in self.config.get(type(self).__name__, {})

    async def stop_extension(self) -> None:
        """End the engine: streams in flight get an error event, vLLM's processes end."""
        settings.withdraw(getattr(self, "_announced", []))
        await self.service.keys.close()
        host = self.service.host
        if host.status().state is State.STOPPED:
            return
        try:
            await asyncio.wait_for(asyncio.wrap_future(host.unload()), _STOP_S)
        except TimeoutError:
            self.log.warning(
                "oaikit | the engine did not stop within %g s; its processes end with this one", _STOP_S
            )

    def _stop_on_signals(self, serverapp: Any) -> None:
        """Have SIGINT and SIGHUP stop Jupyter as SIGTERM does, unless somebody else handles them.

        In a terminal Jupyter handles SIGINT: it asks first. Otherwise Python raises KeyboardInterrupt, which ends the
        event loop before any extension can end its streams. SIGHUP, from a terminal that was closed, ends the process
        at once.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
            if signal.getsignal(number) is usual:
                signal.signal(number, lambda *_: serverapp.stop(from_signal=True))

    def _spec(self) -> EngineSpec | None:
        if not self.model:
            return None
        names = (
            [self.served_model_name] if isinstance(self.served_model_name, str) else self.served_model_name
        )
        return EngineSpec(
            self.model, tuple(name for name in names if name), {**self._model_settings(), **self.engine_args}
        )

    def _model_settings(self) -> dict[str, Any]:
        """The engine arguments among the settings, if they are set."""
        names = ("response_role", "tool_call_parser", "enable_auto_tool_choice", "reasoning_parser")
        return {name: value for name in names if (value := getattr(self, name))}


main = OAIKit.launch_instance  # `jupyter oaikit`: a server with the extension; `--help-all` has the settings

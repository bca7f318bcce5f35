"""The only module that imports vLLM; `tests/server/test_vllm_contract.py` lists what it uses.

It imports vLLM at its top: import it on the engine's thread, never on Jupyter's.
"""

from __future__ import annotations

import dataclasses
import difflib
import gc
import logging
import multiprocessing
import threading
import typing
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

import pydantic
import vllm
from vllm.config import VllmConfig
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.api_server.app_state import init_app_state
from vllm.entrypoints.launchers.app import build_app
from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.entrypoints.launchers.launcher import validate_api_server_args
from vllm.envs import disable_envs_cache, enable_envs_cache
from vllm.platforms import current_platform
from vllm.usage.usage_lib import UsageContext
from vllm.utils.argparse_utils import FlexibleArgumentParser
from vllm.utils.ompmultiprocessing import OMPProcessManager
from vllm.v1.engine.async_llm import AsyncLLM

from oaikit.engine.shortcut import shortened
from oaikit.errors import EngineArgumentError
from oaikit.settings import ENGINE_REPORT, PreservedEnvironment

log = logging.getLogger("oaikit.engine")

VERSION: str = vllm.__version__

# How long EngineCore may take to end by itself, seconds, before vLLM kills it. Its requests have been ended before.
_SHUTDOWN_S = 3.0

# Arguments of vLLM's own HTTP server. Here Jupyter is the HTTP server, so they'd be accepted and do nothing.
_HTTP_SERVER_ARGUMENTS = frozenset(
    [
        "allow_credentials",
        "allowed_headers",
        "allowed_methods",
        "allowed_origins",
        "api_key",
        "api_server_count",
        "config",
        "disable_access_log_for_endpoints",
        "disable_fastapi_docs",
        "disable_uvicorn_access_log",
        "enable_offline_docs",
        "enable_request_id_headers",
        "enable_ssl_refresh",
        "grpc",
        "grpc_port",
        "h11_max_header_count",
        "h11_max_incomplete_event_size",
        "headless",
        "host",
        "middleware",
        "model_tag",
        "port",
        "root_path",
        "ssl_ca_certs",
        "ssl_cert_reqs",
        "ssl_certfile",
        "ssl_ciphers",
        "ssl_keyfile",
        "uds",
        "uvicorn_log_level",
        "data_parallel_supervisor_port",
        "dp_supervisor_probe_failure_threshold",
        "dp_supervisor_probe_interval_s",
        "dp_supervisor_probe_timeout_s",
    ]
)

_ASKED_MOST = ("/v1/chat/completions", "/v1/completions")

# Where the user has not said otherwise. vLLM's server fetches media from any address that a request names, those of the
# host's own network too (https://docs.vllm.ai/en/latest/usage/security.html). An empty list would allow all, so it is a
# name that no host has (RFC 2606).
SAFE_DEFAULTS: Mapping[str, Any] = {"allowed_media_domains": ["none.invalid"]}

# For a machine without a GPU, where the user has not said otherwise. float32, because bf16 kernels die with SIGILL on
# some x86 hosts; eager, because compiling takes longer than it saves on small models; 1 GiB of KV cache, because
# vLLM's default takes a large share of a memory that Jupyter's kernels need; no prompt in pieces, because a seeded one
# ends vLLM 0.32's engine ("CPU Generator does not use offset").
CPU_DEFAULTS: Mapping[str, Any] = {
    "dtype": "float32",
    "enable_chunked_prefill": False,
    "enforce_eager": True,
    "kv_cache_memory_bytes": 1 << 30,
}


def device_name() -> str:
    """The device that vLLM will use, in its own words: ``"cpu"``, ``"NVIDIA H100 80GB HBM3"``."""
    return str(current_platform.get_device_name())


def with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """The user's options, and oaikit's defaults where they say nothing."""
    return {**SAFE_DEFAULTS, **(CPU_DEFAULTS if current_platform.is_cpu() else {}), **options}


def parse_arguments(model: str, options: Mapping[str, Any]) -> Namespace:
    """vLLM's arguments for a model: its own defaults, oaikit's for a CPU, and over both the user's options.

    Raises:
        EngineArgumentError: an option has a name that vLLM does not know, or one of vLLM's own HTTP server; or it is
            a dict that is no such configuration.
    """
    args: Namespace = make_arg_parser(FlexibleArgumentParser()).parse_args([])
    names = set(vars(args)) | {field.name for field in dataclasses.fields(AsyncEngineArgs)}
    _check_names(options, {name for name in names - _HTTP_SERVER_ARGUMENTS if not name.startswith("_")})
    for name, value in {**with_defaults(options), "model": model}.items():
        setattr(args, name, _configuration(name, value))
    if isinstance(args.served_model_name, str):
        args.served_model_name = [args.served_model_name]
    return args


def _configuration(name: str, value: Any) -> Any:
    """A dict as the configuration that the argument takes, as vLLM's command line reads its JSON; else the value."""
    if not isinstance(value, Mapping):
        return value
    kind = next((field.type for field in dataclasses.fields(AsyncEngineArgs) if field.name == name), None)
    made = next((each for each in typing.get_args(kind) or (kind,) if dataclasses.is_dataclass(each)), None)
    if not isinstance(made, type):
        return value
    try:
        return made(**value)
    except (TypeError, ValueError) as exc:
        wrong = exc.errors() if isinstance(exc, pydantic.ValidationError) else []
        told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in wrong) or str(exc)
        raise EngineArgumentError(f"engine argument {name!r}: {told}", param=name) from exc


def _check_names(options: Mapping[str, Any], known: set[str]) -> None:
    for name in options:
        if name == "model":
            raise EngineArgumentError(
                "name the model beside the engine arguments, not among them", param=name
            )
        if name in _HTTP_SERVER_ARGUMENTS:
            raise EngineArgumentError(
                f"engine argument {name!r} belongs to vLLM's own HTTP server; under Jupyter set the server's "
                "address, keys and TLS in Jupyter's configuration",
                param=name,
            )
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise EngineArgumentError(f"vLLM {VERSION} has no engine argument {name!r}{hint}", param=name)


def _engine_arguments(args: Namespace) -> AsyncEngineArgs:
    """vLLM's own checks of the arguments, and the engine's part of them."""
    engine_args = AsyncEngineArgs.from_cli_args(args)
    # AsyncEngineArgs turns dicts into config objects; the app reads the same objects from the namespace.
    for field in dataclasses.fields(AsyncEngineArgs):
        if hasattr(args, field.name):
            setattr(args, field.name, getattr(engine_args, field.name))
    try:
        if args.enable_auto_tool_choice and not args.tool_call_parser:
            raise ValueError("enable_auto_tool_choice needs tool_call_parser")
        validate_api_server_args(args)
    except (KeyError, TypeError, ValueError) as exc:
        raise EngineArgumentError(str(exc.args[0] if exc.args else exc)) from exc
    return engine_args


@dataclasses.dataclass(frozen=True)
class RunningEngine:
    """A loaded model: the AsyncLLM, the ASGI app that answers for it, and the processes that vLLM started for it."""

    llm: AsyncLLM
    app: Callable[..., Any]
    served_names: tuple[str, ...]
    processes: tuple[BaseProcess, ...]

    def facts(self) -> dict[str, Any]:
        """What the model says of itself, by the names of `EngineStatus`."""
        model, tokenizer = self.llm.model_config, self.llm.tokenizer
        return {
            "served_names": self.served_names,
            "max_model_len": model.max_model_len,
            "max_logprobs": model.max_logprobs,
            "max_stop_strings": vllm.envs.VLLM_MAX_STOP_STRINGS,
            "max_token_characters": tokenizer and tokenizer.max_chars_per_token,
            "truncation_side": tokenizer and tokenizer.truncation_side,
            "max_num_seqs": self.llm.vllm_config.scheduler_config.max_num_seqs,
            "accepts_images": model.is_multimodal_model,
            "generation_config": model.get_diff_sampling_param(),
        }

    def cause_of_death(self) -> str | None:
        """Why the engine is dead, or None while it lives."""
        for process in self.processes:
            if process.exitcode is not None:
                return f"vLLM's {process.name} process {_describe_exit(process.exitcode)}"
        return "vLLM's engine stopped answering" if self.llm.errored else None


def _describe_exit(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


@asynccontextmanager
async def running(
    args: Namespace, report: str, phase: Callable[[str], None], stopped: Callable[[], bool]
) -> AsyncIterator[RunningEngine]:
    """Start an engine and its app on the running loop; stop both at the end.

    Blocks the loop while EngineCore starts: use a loop that has nothing else to do yet.

    Parameters: the arguments of `parse_arguments`, the file for the child processes' reports, a function that is told
    of each phase in this process, and one that says (on another thread) whether to break off.
    """
    phase("reading the model's configuration")
    known = set(multiprocessing.active_children())
    with _spawning(report, known, stopped) as environment:
        engine_args = _engine_arguments(args)
        config = engine_args.create_engine_config(usage_context=UsageContext.OPENAI_API_SERVER)
        phase("starting EngineCore")
        if current_platform.is_cpu() and args.distributed_executor_backend is None:
            _work_in_engine_core(config, environment)
        llm = AsyncLLM.from_vllm_config(
            config,
            usage_context=UsageContext.OPENAI_API_SERVER,
            enable_log_requests=args.enable_log_requests,
            aggregate_engine_logging=args.aggregate_engine_logging,
            disable_log_stats=args.disable_log_stats,
        )
    async with AsyncExitStack() as stack:
        stack.callback(_shutdown, llm)
        phase("starting the API")
        await llm.reset_mm_cache()  # as vLLM's own server does: drops the dummy data of the memory profile
        tasks = await llm.get_supported_tasks()
        app = build_app(args, tasks, llm.model_config)
        await init_app_state(llm, app.state, args, tasks)
        # The app's lifespan logs the engine's statistics, and freezes the garbage collector: without that a full
        # collection over vLLM's objects stops the process for 0.3 s under load.
        await stack.enter_async_context(app.router.lifespan_context(app))
        names = (*(args.served_model_name or [args.model]), *(lora.name for lora in args.lora_modules or ()))
        _cache_environment()
        stack.callback(disable_envs_cache)
        yield RunningEngine(llm, shortened(app, _ASKED_MOST), names, tuple(_new_children(known)))


def _cache_environment() -> None:
    """vLLM looks into the environment for every token: what is set from here on counts for the next engine.

    One of the variables gets a value by being looked at, which kernels would inherit.
    """
    environment = PreservedEnvironment()
    enable_envs_cache()
    environment.restore()


def _work_in_engine_core(config: VllmConfig, environment: PreservedEnvironment) -> None:
    """Have EngineCore do a CPU's single worker's work itself.

    vLLM gives that worker a process of its own, because OpenMP reads its number of threads before a process starts.
    Here EngineCore is started with it: one process less to start, and per token two messages less. The threads are as
    many as vLLM counts, but not bound to cores, which EngineCore's other threads would inherit. Who has bound them by
    VLLM_CPU_OMP_THREADS_BIND keeps the worker.
    """
    threads = OMPProcessManager(config)
    if config.parallel_config.world_size == 1 and threads.auto_setup:
        environment.set("OMP_NUM_THREADS", str(len(threads.cpu_lists[0])))
        config.parallel_config.distributed_executor_backend = "uni"


def _shutdown(llm: AsyncLLM) -> None:
    try:
        llm.shutdown(timeout=_SHUTDOWN_S)
    except Exception:  # of an engine that may be dead already; what counts is why it died
        log.exception("vLLM did not shut down cleanly")
    gc.unfreeze()  # else the dead engine's objects would never be collected


@contextmanager
def _spawning(
    report: str, known: set[BaseProcess], stopped: Callable[[], bool]
) -> Iterator[PreservedEnvironment]:
    """Gives the processes that vLLM starts their environment, and ends them when the load is broken off.

    The environment is put back as soon as they have inherited it, not at the end of the load: on a large model that is
    minutes later, and people start kernels meanwhile. vLLM notices that its EngineCore was killed, and raises.
    """
    environment, inherited, done = PreservedEnvironment(), threading.Event(), threading.Event()
    environment.set(ENGINE_REPORT, report)
    # A forked EngineCore would be a copy of Jupyter, with its listening sockets.
    environment.set("VLLM_WORKER_MULTIPROC_METHOD", "spawn")

    def attend() -> None:
        while not done.wait(0.02):
            children = _new_children(known)
            if children and not inherited.is_set():
                environment.restore()
                inherited.set()
            if stopped():
                for child in children:
                    child.kill()

    thread = threading.Thread(target=attend, name="oaikit-spawning", daemon=True)
    thread.start()
    try:
        yield environment
    finally:
        done.set()
        thread.join()
        if not inherited.is_set():
            environment.restore()


def _new_children(known: set[BaseProcess]) -> list[BaseProcess]:
    children = multiprocessing.active_children()
    return [child for child in children if child not in known and child.name.startswith("EngineCore")]

"""The only module that imports vLLM; `tests/server/test_vllm_contract.py` lists what it uses.

It imports vLLM at its top: import it on the engine's thread, never on Jupyter's.
"""

from __future__ import annotations

import dataclasses
import gc
import logging
import multiprocessing
import os
import threading
import typing
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

import vllm
from vllm.config import VllmConfig
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.api_server.app_state import init_app_state
from vllm.entrypoints.launchers.app import build_app
from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.entrypoints.launchers.launcher import validate_api_server_args
from vllm.envs import disable_envs_cache, enable_envs_cache
from vllm.model_executor.model_loader import get_model_loader
from vllm.platforms import current_platform
from vllm.reasoning import ReasoningParserManager
from vllm.tool_parsers import ToolParserManager
from vllm.usage.usage_lib import UsageContext
from vllm.utils.argparse_utils import FlexibleArgumentParser
from vllm.utils.import_utils import import_plugin
from vllm.utils.ompmultiprocessing import OMPProcessManager
from vllm.v1.engine.async_llm import AsyncLLM

from oaikit.engine.arguments import (
    CPU_DEFAULTS,
    SAFE_DEFAULTS,
    RaisingParser,
    argument_error,
    blamed_argument,
    check_names,
    error_text,
    set_argument,
)
from oaikit.engine.installation import no_gpu
from oaikit.engine.redaction import public_url
from oaikit.engine.shortcut import shortened
from oaikit.errors import EngineArgumentError, EngineFailedError, OAIKitError
from oaikit.settings import ENGINE_REPORT, PreservedEnvironment, gpus_are_hidden

log = logging.getLogger("oaikit.engine")

VERSION: str = vllm.__version__

# How long EngineCore may take to end by itself, seconds, before vLLM kills it. Its requests have been ended before.
_SHUTDOWN_S = 3.0

_ASKED_MOST = ("/v1/chat/completions", "/v1/completions")


def device_name() -> str:
    """The device that vLLM will use, in its own words: ``"cpu"``, ``"NVIDIA H100 80GB HBM3"``.

    Raises:
        EngineFailedError: There is none. The message says why and what to do.
    """
    hidden = current_platform.is_cuda_alike() and gpus_are_hidden()
    try:
        if not hidden and not current_platform.is_unspecified():
            return str(current_platform.get_device_name())
    except Exception as exc:
        raise EngineFailedError(f"{no_gpu()} ({error_text(exc)})") from exc
    raise EngineFailedError(no_gpu())


def with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """The user's options, and oaikit's defaults for what they leave out."""
    return {**SAFE_DEFAULTS, **(CPU_DEFAULTS if current_platform.is_cpu() else {}), **options}


class _Parser(RaisingParser, FlexibleArgumentParser):  # type: ignore[misc]  # mypy does not follow into vLLM
    """vLLM's parser, whose errors are exceptions."""


def parse_arguments(model: str, options: Mapping[str, Any]) -> Namespace:
    """vLLM's arguments for a model.

    Args:
        model: The model's name or path.
        options: The user's values by name. They win over oaikit's defaults, which win over vLLM's.

    Raises:
        EngineArgumentError: vLLM has no such argument, or its command line would not accept the value.
    """
    parser = make_arg_parser(_Parser())
    args: Namespace = parser.parse_args([])
    fields = {field.name: field for field in dataclasses.fields(AsyncEngineArgs)}
    check_names(options, {*vars(args), *fields}, VERSION)
    for name, value in with_defaults(options).items():
        set_argument(parser, args, name, value)
        setattr(args, name, _configuration(fields.get(name), getattr(args, name, None)))
    args.model = model
    # Set here and not left to vLLM, which would take the path of a cache for it (HF_HUB_OFFLINE).
    args.served_model_name = args.served_model_name or [public_url(model)]
    # Jupyter authenticates. Without a key of its own vLLM's app would ask for the one in VLLM_API_KEY; an empty one
    # switches its authentication off.
    args.api_key = [""]
    return args


def _configuration(field: dataclasses.Field[Any] | None, value: Any) -> Any:
    """A dict that the command line has not read, as the configuration object that the argument takes."""
    if field is None or not isinstance(value, Mapping):
        return value
    kinds = typing.get_args(field.type) or (field.type,)
    made = next((each for each in kinds if dataclasses.is_dataclass(each)), None)
    if not isinstance(made, type):
        return value
    try:
        return made(**value)
    except (TypeError, ValueError) as exc:
        raise argument_error(field.name, exc) from exc


def check_arguments(model: str, options: Mapping[str, Any]) -> None:
    """Check all that can be checked without starting an engine. A running engine is left alone.

    vLLM reads the model's configuration for it, from the Hugging Face Hub if it is not in the cache.

    Raises:
        EngineArgumentError: vLLM would refuse the model or an argument. ``param`` names it.
        EngineFailedError: There is no device.
    """
    device_name()
    environment = PreservedEnvironment()  # creating a configuration sets variables
    try:
        create_config(parse_arguments(model, options))
    finally:
        environment.restore()


def create_config(args: Namespace) -> VllmConfig:
    """vLLM's configuration for the arguments, after all of vLLM's own checks.

    Raises:
        EngineArgumentError: vLLM refuses the model or an argument. ``param`` names it.
    """
    try:
        _check_paths(args)
        _check_parsers(args)
        engine_args = AsyncEngineArgs.from_cli_args(args)
        # AsyncEngineArgs turns dicts into configuration objects, which the app reads from the namespace. It may also
        # replace the model's name by a path in a cache, which the app must not show.
        for field in dataclasses.fields(AsyncEngineArgs):
            if hasattr(args, field.name) and field.name not in ("model", "served_model_name"):
                setattr(args, field.name, getattr(engine_args, field.name))
        validate_parsed_serve_args(args)
        validate_api_server_args(args)
        config = engine_args.create_engine_config(usage_context=UsageContext.OPENAI_API_SERVER)
        get_model_loader(config.load_config)  # raises for a load_format that there is not
    except OAIKitError:
        raise
    except Exception as exc:
        param, text = blamed_argument(exc, vars(args)), error_text(exc)
        if param == "model" and args.model not in text:
            text = f"model {args.model!r}: {text}"
        raise EngineArgumentError(text, param=param) from exc
    return config


def _check_paths(args: Namespace) -> None:
    """Check that local files exist: vLLM would look for some of them on the Hugging Face Hub, and late."""
    paths = [("model", args.model), *(("lora_modules", lora.path) for lora in args.lora_modules or ())]
    for name, path in paths:
        if path.startswith(("/", "./", "../", "~")) and not os.path.exists(os.path.expanduser(path)):
            raise EngineArgumentError(f"{name}: there is no file or folder {path!r}", param=name)


def _check_parsers(args: Namespace) -> None:
    """Import the user's parsers, as vLLM's own server does, and check the names of those that are to be used.

    vLLM checks the tool parser's name only if the model may choose tools, and otherwise fails after loading.
    """
    for name in ("tool_parser_plugin", "reasoning_parser_plugin"):
        plugin = getattr(args, name)
        if plugin and _imported(name, plugin) is None:
            raise EngineArgumentError(f"{name}: {plugin!r} cannot be imported; the log says why", param=name)
    for name, known in (
        ("tool_call_parser", ToolParserManager.list_registered()),
        ("reasoning_parser", ReasoningParserManager.list_registered()),
    ):
        parser = getattr(args, name)
        if parser and parser not in known:
            raise EngineArgumentError(f"{name}: {parser!r} is not one of {', '.join(known)}", param=name)


def _imported(name: str, plugin: str) -> ModuleType | None:
    try:
        return import_plugin(plugin)  # type: ignore[no-any-return]
    except Exception as exc:
        raise argument_error(name, exc) from exc


@dataclasses.dataclass(frozen=True)
class RunningEngine:
    """A loaded model: the AsyncLLM, the ASGI app that answers for it, and the processes that vLLM started for it."""

    llm: AsyncLLM
    app: Callable[..., Any]
    served_names: tuple[str, ...]
    processes: tuple[BaseProcess, ...]

    def facts(self) -> dict[str, Any]:
        """What the model says of itself, by the names of `EngineStatus`."""
        model = self.llm.model_config
        return {
            "served_names": self.served_names,
            "max_model_len": model.max_model_len,
            "max_logprobs": model.max_logprobs,
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
        config = create_config(args)
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

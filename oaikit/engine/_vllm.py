"""The only module that imports vLLM; `tools/contract/table.py` lists what it uses.

It imports vLLM at its top: import it on the engine's thread, never on Jupyter's.
"""

from __future__ import annotations

import dataclasses
import gc
import logging
import signal
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from multiprocessing.process import BaseProcess
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import uuid4

import vllm
from vllm import envs
from vllm.config import VllmConfig
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.generate.base.protocol import (
    DeltaFunctionCall,
    DeltaMessage,
    DeltaToolCall,
    FunctionCall,
)
from vllm.entrypoints.launchers.api_server.app_state import init_app_state
from vllm.entrypoints.launchers.app import build_app
from vllm.entrypoints.serve.engine.protocol import ErrorResponse
from vllm.envs import disable_envs_cache, enable_envs_cache
from vllm.model_executor.model_loader import get_model_loader
from vllm.parser.abstract_parser import DelegatingParser
from vllm.platforms import current_platform
from vllm.reasoning import ReasoningParserManager
from vllm.renderers.chat_utils import make_tool_call_id
from vllm.sampling_params import SamplingParams
from vllm.tokenizers.hf import ThreadSafeHFTokenizerMixin
from vllm.tool_parsers import ToolParserManager
from vllm.usage.usage_lib import UsageContext
from vllm.utils.argparse_utils import FlexibleArgumentParser
from vllm.utils.import_utils import import_plugin
from vllm.utils.ompmultiprocessing import OMPProcessManager
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.detokenizer import IncrementalDetokenizer

from oaikit.engine._spawn import Spawner
from oaikit.engine.arguments import (
    CPU_DEFAULTS,
    SAFE_DEFAULTS,
    RaisingParser,
    argument_error,
    blamed_argument,
    check_names,
    check_paths,
    configuration,
    error_text,
    set_argument,
)
from oaikit.engine.installation import no_gpu
from oaikit.engine.parsers import Types
from oaikit.engine.pieces import Detokenizer
from oaikit.engine.redaction import public_url
from oaikit.engine.serving import answer_alike
from oaikit.engine.shortcut import shortened
from oaikit.engine.state import STARTING_ENGINE_CORE
from oaikit.engine.tokenizing import TwoLanes, remember_tokens
from oaikit.engine.worker import WorkerThread
from oaikit.errors import EngineArgumentError, EngineFailedError, OAIKitError
from oaikit.settings import ThreadEnvironment, gpus_are_hidden

# Names that moved between the supported releases, newest release first.
try:
    from vllm.entrypoints.common.cli_args import (
        make_arg_parser,
        validate_api_server_args,
        validate_parsed_serve_args,
    )
except ModuleNotFoundError:  # vLLM 0.32
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
    from vllm.entrypoints.launchers.launcher import validate_api_server_args

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
        setattr(args, name, configuration(fields.get(name), getattr(args, name, None)))
    args.model = model
    # Set here and not left to vLLM, which would take the path of a cache for it (HF_HUB_OFFLINE).
    args.served_model_name = args.served_model_name or [public_url(model)]
    # Jupyter authenticates. Without a key of its own vLLM's app would ask for the one in VLLM_API_KEY; an empty one
    # switches its authentication off.
    args.api_key = [""]
    return args


def check_arguments(model: str, options: Mapping[str, Any]) -> None:
    """Check all that can be checked without starting an engine. A running engine is left alone.

    vLLM reads the model's configuration for it, from the Hugging Face Hub if it is not in the cache.

    Raises:
        EngineArgumentError: vLLM would refuse the model or an argument. ``param`` names it.
        EngineFailedError: There is no device.
    """
    device_name()
    with ThreadEnvironment():  # creating a configuration sets variables
        create_config(parse_arguments(model, options))


def create_config(args: Namespace) -> VllmConfig:
    """vLLM's configuration for the arguments, after all of vLLM's own checks.

    Raises:
        EngineArgumentError: vLLM refuses the model or an argument. ``param`` names it.
    """
    try:
        check_paths(args)
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
    """A loaded model: the AsyncLLM, the ASGI app that answers for it, and the processes that vLLM started for it.

    Attributes:
        heard_at: When each data-parallel rank of EngineCore last sent something, seconds of the monotonic clock.
    """

    llm: AsyncLLM
    app: Callable[..., Any]
    served_names: tuple[str, ...]
    processes: tuple[BaseProcess, ...]
    heard_at: list[float]
    tasks: tuple[str, ...]

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

    async def probe(self, rank: int) -> None:
        """Have a data-parallel rank do something: generate a token, or where the model cannot, answer a question."""
        if "generate" not in self.tasks:
            await self.llm.is_sleeping()
            return
        one_token = SamplingParams(max_tokens=1, temperature=0.0, detokenize=False)
        prompt = {"prompt_token_ids": [0]}
        only = rank if len(self.heard_at) > 1 else None
        async for _ in self.llm.generate(
            prompt, one_token, f"oaikit-probe-{uuid4().hex}", data_parallel_rank=only
        ):
            pass


def _describe_exit(code: int) -> str:
    if code == -signal.SIGKILL:
        return "was killed by signal 9, as Linux does when memory runs out"
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


@asynccontextmanager
async def running(
    args: Namespace, phase: Callable[[str], None], spawner: Spawner, worker: WorkerThread
) -> AsyncIterator[RunningEngine]:
    """Start an engine and its app; stop both at the end.

    vLLM blocks while it starts and while it stops, so it does both on the worker's thread. The app belongs to the
    running loop, which serves it.

    Args:
        args: From `parse_arguments`.
        phase: Called, on either thread, at the beginning of each phase of the load.
        spawner: Starts the child processes. Stopping it breaks off the load.
        worker: Has to live until the engine has stopped, because its children die with it.
    """
    llm = await worker.run(_start, args, phase, spawner)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(worker.run, _shutdown, llm)
        stack.callback(_stop_listening, llm)
        phase("starting the API")
        heard_at = _note_outputs(llm)
        await llm.reset_mm_cache()  # as vLLM's own server does: drops the dummy data of the memory profile
        tasks = await llm.get_supported_tasks()
        app = build_app(args, tasks, llm.model_config)
        await init_app_state(llm, app.state, args, tasks)
        answer_alike(app.state, PARSER_TYPES, ErrorResponse)
        _tokenize_fairly(llm)
        # The app's lifespan logs the engine's statistics, and freezes the garbage collector: without that a full
        # collection over vLLM's objects stops the process for 0.3 s under load.
        await stack.enter_async_context(app.router.lifespan_context(app))
        names = (*(args.served_model_name or [args.model]), *(lora.name for lora in args.lora_modules or ()))
        _cache_environment()
        stack.callback(disable_envs_cache)
        processes = tuple(spawner.processes())
        yield RunningEngine(llm, shortened(app, _ASKED_MOST), names, processes, heard_at, tuple(tasks))


def _start(args: Namespace, phase: Callable[[str], None], spawner: Spawner) -> AsyncLLM:
    """Start EngineCore, and wait until it has loaded the model."""
    phase("reading the model's configuration")
    with ThreadEnvironment() as own:
        config = create_config(args)
        if current_platform.is_cpu() and args.distributed_executor_backend is None:
            _work_in_engine_core(config, spawner)
    # What vLLM has set for its processes is for them alone. A forked EngineCore would be a copy of Jupyter, with its
    # listening sockets.
    spawner.environment |= {**own.changes, "VLLM_WORKER_MULTIPROC_METHOD": "spawn"}
    phase(STARTING_ENGINE_CORE)
    with ThreadEnvironment(), _spawn_method(), spawner.spawning():
        return AsyncLLM.from_vllm_config(
            config,
            usage_context=UsageContext.OPENAI_API_SERVER,
            enable_log_requests=args.enable_log_requests,
            aggregate_engine_logging=args.aggregate_engine_logging,
            disable_log_stats=args.disable_log_stats,
        )


@contextmanager
def _spawn_method() -> Iterator[None]:
    """Have vLLM spawn its processes, without the environment variable that says so, which kernels would inherit."""
    name, getters = "VLLM_WORKER_MULTIPROC_METHOD", envs.environment_variables
    before = getters[name]
    getters[name] = lambda: "spawn"
    try:
        yield
    finally:
        getters[name] = before


def _note_outputs(llm: AsyncLLM) -> list[float]:
    """Have the time noted whenever EngineCore sends outputs: for each data-parallel rank, seconds, monotonic."""
    heard_at = [time.monotonic()] * len(llm.engine_core.engine_ranks_managed)
    get_output = llm.engine_core.get_output_async

    async def get_output_and_note_it() -> Any:
        outputs = await get_output()
        heard_at[outputs.engine_index] = time.monotonic()
        return outputs

    llm.engine_core.get_output_async = get_output_and_note_it
    return heard_at


def _tokenize_fairly(llm: AsyncLLM) -> None:
    """Have short texts tokenized before long ones, and no token decoded twice for log-probabilities."""
    if llm.tokenizer is None:
        return
    renderer = llm.renderer
    pool = renderer._executor
    pool.shutdown(wait=False)
    pool._inner = TwoLanes(thread_safe=isinstance(llm.tokenizer, ThreadSafeHFTokenizerMixin))
    remember_tokens(llm.tokenizer)


def _detokenizer(tokenizer: Any, request: Any, prompt: Sequence[int]) -> Detokenizer:
    """The detokenizer that vLLM has for a request, without its stop strings."""
    sampling = SamplingParams(
        skip_special_tokens=getattr(request, "skip_special_tokens", True),
        spaces_between_special_tokens=getattr(request, "spaces_between_special_tokens", True),
    )
    asked = SimpleNamespace(
        request_id="", sampling_params=sampling, prompt_token_ids=list(prompt), prompt_embeds=None
    )
    return IncrementalDetokenizer.from_new_request(tokenizer, asked)  # type: ignore[no-any-return]


PARSER_TYPES = Types(
    detokenizer=_detokenizer,
    message=DeltaMessage,
    call=DeltaToolCall,
    function=DeltaFunctionCall,
    whole_call=FunctionCall,
    new_id=make_tool_call_id,
    delegating=DelegatingParser,
)


def _cache_environment() -> None:
    """Have vLLM remember its environment variables, which it otherwise looks up for every token.

    One of the variables gets a value by being looked at, which kernels would inherit.
    """
    with ThreadEnvironment():
        enable_envs_cache()


def _work_in_engine_core(config: VllmConfig, spawner: Spawner) -> None:
    """Have EngineCore do a CPU's single worker's work itself.

    vLLM gives that worker a process of its own, because OpenMP reads its number of threads before a process starts.
    Here EngineCore is started with it: one process less to start, and per token two messages less. The threads are as
    many as vLLM counts, but not bound to cores, which EngineCore's other threads would inherit. With
    VLLM_CPU_OMP_THREADS_BIND set, vLLM's own arrangement is kept.
    """
    threads = OMPProcessManager(config)
    if config.parallel_config.world_size == 1 and threads.auto_setup:
        spawner.environment["OMP_NUM_THREADS"] = str(len(threads.cpu_lists[0]))
        config.parallel_config.distributed_executor_backend = "uni"


def _stop_listening(llm: AsyncLLM) -> None:
    """End vLLM's task that waits for outputs. It would take the end of EngineCore for a crash, and log it."""
    if llm.output_handler is not None:
        llm.output_handler.cancel()


def _shutdown(llm: AsyncLLM) -> None:
    try:
        llm.shutdown(timeout=_SHUTDOWN_S)
    except Exception:  # of an engine that may be dead already; what counts is why it died
        log.exception("vLLM did not shut down cleanly")
    gc.unfreeze()  # else the dead engine's objects would never be collected

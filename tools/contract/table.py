"""What oaikit relies on in vLLM, in one place.

``make contract`` looks all of it up in the sources of the oldest and the newest supported release;
tests/unit/test_vllm_sources.py does so in those of the installed one, and tests/server/test_vllm_contract.py in the
imported modules. Add a line here when oaikit begins to use something else. Of what moved between the supported
releases, list every place, newest release first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OLDEST: Final = "0.32.0"
NEWEST: Final = "0.33.0"
"""The releases that were tested. The bounds in pyproject.toml's extra ``gpu`` are at these."""

ADAPTER: Final = "oaikit/engine/_vllm.py"


@dataclass(frozen=True)
class Name:
    """A name in a module of vLLM.

    Attributes:
        modules: The modules that it may be in, newest release first.
        name: Its name there; ``A.b.c`` is attribute c of what the attribute b of class A is.
        passes: The parameters that oaikit passes by position, in order, if it calls the name.
        keywords: The parameters that it passes by name.
        called: Whether oaikit calls it. A call must pass every parameter that has no default.
        used_in: The file of oaikit that uses it.
    """

    modules: tuple[str, ...]
    name: str
    passes: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    called: bool = False
    used_in: str = ADAPTER


def _name(modules: str, name: str, *passes: str, **options: object) -> Name:
    called = bool(passes or options.get("keywords"))
    return Name(tuple(modules.split()), name, passes, **{"called": called, **options})  # type: ignore[arg-type]


_CLI_ARGS = "vllm.entrypoints.common.cli_args vllm.entrypoints.launchers.cli_args"
_ENGINE_OPTIONS = ("usage_context", "enable_log_requests", "aggregate_engine_logging", "disable_log_stats")

PARSERS: Final = "oaikit/engine/parsers.py"
SERVING: Final = "oaikit/engine/serving.py"
_PARSER, _PROTOCOL = "vllm.parser.abstract_parser", "vllm.entrypoints.generate.base.protocol"
_CHAT = "vllm.entrypoints.openai.chat_completion"
_DELTA = ("delta_text", "delta_token_ids", "request", "prompt_token_ids")
_PARSE = ("model_output", "request", "enable_auto_tools", "model_output_token_ids")

# What the parsers of oaikit read, set and call in those that they are made of.
_PARSING: Final = (
    *(_name(_PROTOCOL, f"DeltaMessage.{field}", used_in=PARSERS) for field in ("content", "reasoning", "tool_calls")),
    *(_name(_PROTOCOL, f"DeltaToolCall.{field}", used_in=PARSERS) for field in ("id", "type", "index", "function")),
    *(_name(_PROTOCOL, f"DeltaFunctionCall.{field}", used_in=PARSERS) for field in ("name", "arguments")),
    *(_name(_PROTOCOL, f"FunctionCall.{field}", used_in=PARSERS) for field in ("id", "name", "arguments")),
    *(_name(_PARSER, f"{made}.parse_delta", *_DELTA, keywords=("finished",), used_in=PARSERS)
      for made in ("Parser", "DelegatingParser")),
    *(_name(_PARSER, f"{made}.parse", *_PARSE, used_in=PARSERS) for made in ("Parser", "DelegatingParser")),
    _name(_PARSER, "Parser.set_prompt_token_ids", "prompt_token_ids", used_in=PARSERS),
    _name(_PARSER, "Parser.is_reasoning_end", "input_ids", used_in=PARSERS),
    _name(_PARSER, "Parser.reasoning_parser", used_in=PARSERS),
    _name(_PARSER, "Parser.model_tokenizer", used_in=PARSERS),
    _name(_PARSER, "Parser._engine_based", used_in=PARSERS),
    _name(f"{_CHAT}.serving", "OpenAIServingChat.parser_cls", used_in=SERVING),
    _name(f"{_CHAT}.serving", "OpenAIServingChat.create_chat_completion", "request", "raw_request", used_in=SERVING),
    _name(f"{_CHAT}.protocol", "ChatCompletionResponse.choices", used_in=SERVING),
    *(_name(f"{_CHAT}.protocol", f"ChatCompletionResponseChoice.{field}", used_in=SERVING)
      for field in ("finish_reason", "index", "message", "stop_reason")),
    _name(f"{_CHAT}.protocol", "ChatMessage.tool_calls", used_in=SERVING),
    _name("vllm.entrypoints.openai.completion.serving", "OpenAIServingCompletion.create_completion",
          "request", "raw_request", used_in=SERVING),
    _name("vllm.entrypoints.openai.responses.serving", "OpenAIServingResponses.parser", used_in=SERVING),
    _name("vllm.entrypoints.openai.responses.serving", "OpenAIServingResponses.create_responses",
          "request", "raw_request", used_in=SERVING),
    _name("vllm.entrypoints.anthropic.serving", "AnthropicServingMessages.messages_full_converter", "generator",
          used_in=SERVING),
    _name("vllm.entrypoints.anthropic.protocol", "AnthropicMessagesResponse.stop_reason", used_in=SERVING),
    _name("vllm.entrypoints.anthropic.protocol", "AnthropicMessagesResponse.stop_sequence", used_in=SERVING),
    _name("vllm.v1.engine.detokenizer", "BaseIncrementalDetokenizer.decode_next", "next_token_id",
          used_in="oaikit/engine/pieces.py"),
    _name("vllm.v1.engine.detokenizer", "IncrementalDetokenizer.token_ids", used_in="oaikit/engine/pieces.py"),
)  # fmt: skip

_RENDERER = "vllm.renderers.base"

# What the order of tokenization depends on.
_TOKENIZATION: Final = (
    _name("vllm.tokenizers.hf", "ThreadSafeHFTokenizerMixin"),
    _name("vllm.v1.engine.async_llm", "AsyncLLM.renderer"),
    _name(_RENDERER, "BaseRenderer._executor"),
    _name(_RENDERER, "_SwappableExecutor._inner"),
    _name(_RENDERER, "_SwappableExecutor.shutdown", keywords=("wait",)),
    _name("vllm.tokenizers.detokenizer_utils", "convert_ids_list_to_tokens", used_in="oaikit/engine/tokenizing.py"),
)  # fmt: skip

NAMES: Final = (
    _name("vllm", "__version__"),
    _name("vllm.config", "VllmConfig"),
    _name("vllm.config", "VllmConfig.scheduler_config.max_num_seqs"),
    _name("vllm.config", "VllmConfig.load_config"),
    _name("vllm.config", "VllmConfig.parallel_config.world_size"),
    _name("vllm.config", "VllmConfig.parallel_config.distributed_executor_backend"),
    _name("vllm.config.model", "ModelConfig.max_model_len"),
    _name("vllm.config.model", "ModelConfig.max_logprobs"),
    _name("vllm.config.model", "ModelConfig.is_multimodal_model"),
    _name("vllm.config.model", "ModelConfig.get_diff_sampling_param", called=True),
    _name("vllm.engine.arg_utils", "AsyncEngineArgs"),
    _name("vllm.engine.arg_utils", "AsyncEngineArgs.from_cli_args", "args"),
    _name("vllm.engine.arg_utils", "AsyncEngineArgs.create_engine_config", keywords=("usage_context",)),
    _name("vllm.entrypoints.launchers.api_server.app_state", "init_app_state",
          "engine_client", "state", "args", "supported_tasks"),
    _name("vllm.entrypoints.launchers.app", "build_app", "args", "supported_tasks", "model_config"),
    _name(_CLI_ARGS, "make_arg_parser", "parser"),
    _name(_CLI_ARGS, "validate_parsed_serve_args", "args"),
    _name("vllm.entrypoints.common.cli_args vllm.entrypoints.launchers.launcher", "validate_api_server_args", "args"),
    _name("vllm.entrypoints.openai.models.protocol", "LoRAModulePath.name"),
    _name("vllm.entrypoints.openai.models.protocol", "LoRAModulePath.path"),
    _name("vllm", "envs"),
    _name("vllm", "envs.VLLM_MAX_STOP_STRINGS"),
    _name("vllm", "envs.environment_variables"),
    _name("vllm.envs", "disable_envs_cache", called=True),
    _name("vllm.envs", "enable_envs_cache", called=True),
    _name("vllm.model_executor.model_loader", "get_model_loader", "load_config"),
    _name("vllm.platforms", "current_platform"),
    _name("vllm.platforms", "current_platform.is_cpu", called=True),
    _name("vllm.platforms", "current_platform.is_cuda_alike", called=True),
    _name("vllm.platforms", "current_platform.is_unspecified", called=True),
    _name("vllm.platforms", "current_platform.get_device_name", called=True),
    _name("vllm.reasoning", "ReasoningParserManager"),
    _name("vllm.reasoning", "ReasoningParserManager.list_registered", called=True),
    _name("vllm.sampling_params", "SamplingParams"),
    _name("vllm.sampling_params", "SamplingParams.max_tokens"),
    _name("vllm.sampling_params", "SamplingParams.temperature"),
    _name("vllm.sampling_params", "SamplingParams.detokenize"),
    _name("vllm.tool_parsers", "ToolParserManager"),
    _name("vllm.tool_parsers", "ToolParserManager.list_registered", called=True),
    _name("vllm.usage.usage_lib", "UsageContext"),
    _name("vllm.usage.usage_lib", "UsageContext.OPENAI_API_SERVER"),
    _name("vllm.utils.argparse_utils", "FlexibleArgumentParser"),
    _name("vllm.utils.import_utils", "import_plugin"),
    _name("vllm.utils.ompmultiprocessing", "OMPProcessManager", "config"),
    _name("vllm.utils.ompmultiprocessing", "OMPProcessManager.auto_setup"),
    _name("vllm.utils.ompmultiprocessing", "OMPProcessManager.cpu_lists"),
    _name("vllm.v1.engine.async_llm", "AsyncLLM"),
    _name("vllm.v1.engine.async_llm", "AsyncLLM.from_vllm_config", "vllm_config", keywords=_ENGINE_OPTIONS),
    _name("vllm.v1.engine.async_llm", "AsyncLLM.reset_mm_cache", called=True),
    _name("vllm.v1.engine.async_llm", "AsyncLLM.get_supported_tasks", called=True),
    _name("vllm.v1.engine.async_llm", "AsyncLLM.shutdown", keywords=("timeout",)),
    _name("vllm.v1.engine.async_llm", "AsyncLLM.engine_core"),
    _name("vllm.v1.engine.core_client", "AsyncMPClient.engine_ranks_managed"),
    _name("vllm.v1.engine.core_client", "AsyncMPClient.get_output_async", called=True),
    _name("vllm.v1.engine.async_llm", "AsyncLLM.errored"),
    _name("vllm.v1.engine.async_llm", "AsyncLLM.generate", "prompt", "sampling_params", "request_id",
          keywords=("data_parallel_rank",)),
    _name("vllm.v1.engine.async_llm", "AsyncLLM.is_sleeping", called=True),
    _name("vllm.v1.engine.async_llm", "AsyncLLM.output_handler"),
    _name("vllm.v1.engine.async_llm", "AsyncLLM.tokenizer"),
    _name("vllm.v1.engine.async_llm", "AsyncLLM.model_config"),
    _name("vllm.v1.engine.async_llm", "AsyncLLM.vllm_config"),
    _name("vllm.entrypoints.generate.base.protocol", "DeltaFunctionCall"),
    _name("vllm.entrypoints.generate.base.protocol", "DeltaMessage"),
    _name("vllm.entrypoints.generate.base.protocol", "DeltaToolCall"),
    _name("vllm.entrypoints.generate.base.protocol", "FunctionCall"),
    _name("vllm.parser.abstract_parser", "DelegatingParser"),
    _name("vllm.renderers.chat_utils", "make_tool_call_id", called=True),
    _name("vllm.sampling_params", "SamplingParams.skip_special_tokens"),
    _name("vllm.sampling_params", "SamplingParams.spaces_between_special_tokens"),
    _name("vllm.v1.engine.detokenizer", "IncrementalDetokenizer"),
    _name("vllm.v1.engine.detokenizer", "IncrementalDetokenizer.from_new_request", "tokenizer", "request"),
    _name("vllm.entrypoints.serve.engine.protocol", "ErrorResponse"),
    *_PARSING,
    *_TOKENIZATION,
)  # fmt: skip

# What the variables of the adapter hold: their attributes have to be among NAMES, or among the ARGUMENTS.
ADAPTER_VARIABLES: Final = {
    "AsyncEngineArgs": "AsyncEngineArgs",
    "UsageContext": "UsageContext",
    "config": "VllmConfig",
    "current_platform": "current_platform",
    "engine_args": "AsyncEngineArgs",
    "llm": "AsyncLLM",
    "lora": "LoRAModulePath",
    "model": "ModelConfig",
    "pool": "_SwappableExecutor",
    "renderer": "BaseRenderer",
    "threads": "OMPProcessManager",
    "vllm": "vllm",
}

# Arguments of vLLM's command line that the adapter reads or sets. Those of vLLM's own HTTP server, which oaikit
# refuses, are `oaikit.engine.arguments.HTTP_SERVER_ARGUMENTS`.
ARGUMENTS: Final = (
    *("aggregate_engine_logging", "allowed_media_domains", "api_key", "disable_log_stats"),
    "distributed_executor_backend",
    *("dtype", "enable_auto_tool_choice", "enable_chunked_prefill", "enable_log_requests", "enforce_eager"),
    *("kv_cache_memory_bytes", "lora_modules", "model", "served_model_name", "tool_call_parser"),
)
REFUSED: Final = "oaikit/engine/arguments.py"
# Classes whose fields are arguments, and modules that add others.
ARGUMENT_CLASSES: Final = (
    (tuple(_CLI_ARGS.split()), "FrontendArgs"),
    (("vllm.engine.arg_utils",), "AsyncEngineArgs"),
)


@dataclass(frozen=True)
class Route:
    """A route that `oaikit.engine.shortcut` calls without vLLM's app."""

    path: str
    file: str
    function: str
    request: str


ROUTES: Final = (
    Route("/v1/chat/completions", "entrypoints/openai/chat_completion/api_router.py", "create_chat_completion",
          "ChatCompletionRequest"),
    Route("/v1/completions", "entrypoints/openai/completion/api_router.py", "create_completion", "CompletionRequest"),
)  # fmt: skip
SHORTCUT: Final = "oaikit/engine/shortcut.py"
ROUTE_PARAMETERS: Final = ("request", "raw_request")
ROUTE_DEPENDENCIES: Final = ("validate_json_request",)
ROUTE_DECORATORS: Final = ("load_aware_call", "with_cancellation")
# Middleware of vLLM's app: what does nothing for a request from Jupyter, and what is there only on demand.
MIDDLEWARE: Final = ("entrypoints/serve/middleware/register.py", "init_entrypoints_middleware")
MIDDLEWARE_KNOWN: Final = {"CORSMiddleware", "ScalingMiddleware"} | {
    *("AuthenticationMiddleware", "WebSocketMetricsMiddleware", "XRequestIdMiddleware", "imported"),
}


# Where vLLM's app keeps the objects that answer: those with parsers are changed.
STATE: Final = ("entrypoints/generate/api_router.py", "init_generate_state")
STATE_ATTRIBUTES: Final = (
    *(
        "openai_serving_chat",
        "openai_serving_chat_batch",
        "anthropic_serving_messages",
        "openai_serving_responses",
    ),
)
# The function that gets the outputs of a whole chat, and its first two parameters.
FULL_CHAT: Final = (
    "entrypoints/openai/chat_completion/serving.py",
    "OpenAIServingChat.chat_completion_full_generator",
    ("self", "request", "result_generator"),
)


@dataclass(frozen=True)
class Strings:
    """Texts that have to be strings in one of some files."""

    texts: tuple[str, ...]
    files: tuple[str, ...]
    used_in: str


STRINGS: Final = (
    Strings(
        (
            *("vllm:generation_tokens", "vllm:kv_cache_usage_perc"),
            *("vllm:num_requests_running", "vllm:num_requests_waiting"),
        ),
        ("v1/metrics/loggers.py",),
        "oaikit/engine/metrics.py",
    ),
    Strings(
        ("response.created", "response.in_progress"),
        ("entrypoints/openai/responses/serving.py",),
        "oaikit/engine/serving.py",
    ),
    Strings(("vllm.general_plugins",), ("plugins/__init__.py",), "pyproject.toml"),
    Strings(("VLLM_WORKER_MULTIPROC_METHOD",), ("envs.py",), ADAPTER),
    Strings(("EngineCore", "EngineCore_DP0"), ("v1/engine/utils.py",), ADAPTER),
    Strings(("EngineCore_DP0",), ("v1/engine/utils.py",), "oaikit/engine/phases.py"),
    Strings(("VllmWorker-0",), ("v1/executor/multiproc_executor.py",), "oaikit/engine/phases.py"),
)  # fmt: skip

ERRORS: Final = "server_ext/oaikit_server/dialect/errors.py"
# Where the errors are raised whose texts the dialect recognizes.
ERROR_FILES: Final = (
    "entrypoints/openai/models/serving.py",
    "entrypoints/openai/chat_completion/api_router.py",
    "entrypoints/serve/engine/serving.py",
    "entrypoints/serve/exception_handling/handlers/validation.py",
    "entrypoints/serve/utils/api_utils.py",
    "exceptions.py",
    "multimodal/media/connector.py",
    "renderers/chat_utils/chat_message.py",
    "renderers/chat_utils.py",  # 0.32
    "renderers/hf.py",
    "renderers/online_renderer.py",
    "renderers/params.py",
    "sampling_params.py",
    "v1/engine/input_processor.py",
)


@dataclass(frozen=True)
class Logged:
    """A line of vLLM's log, the function that logs it at INFO level, and the device on which that runs."""

    line: str
    device: str
    file: str
    function: str


GPU: Final = "GPU"
CPU: Final = "CPU"
BOTH_DEVICES: Final = "GPU and CPU"
PHASES: Final = "oaikit/engine/phases.py"

_RUNNER_1, _RUNNER_2 = "v1/worker/gpu_model_runner.py", "v1/worker/gpu/model_runner.py"
_CPU_RUNNER_1, _CPU_RUNNER_2 = "v1/worker/cpu_model_runner.py", "v1/worker/cpu/model_runner.py"
_WARMUP = "model_executor/warmup/kernel_warmup.py"

# The lines that begin a phase of a load. Every one of them is recognized by `oaikit.engine.phases`.
LOGGED: Final = (
    Logged("Loading model from scratch...", GPU, _RUNNER_2, "GPUModelRunner.load_model"),
    Logged("Starting to load model 0...", GPU, _RUNNER_1, "GPUModelRunner.load_model"),
    Logged("Starting to load model 0...", CPU, _CPU_RUNNER_1, "CPUModelRunner.load_model"),
    Logged("Model loading took 0 GiB memory and 0 seconds", GPU, _RUNNER_2, "GPUModelRunner.load_model"),
    Logged("Model loading took 0 GiB memory and 0 seconds", GPU, _RUNNER_1, "GPUModelRunner.load_model"),
    Logged("0Starting torch.compile", BOTH_DEVICES, "compilation/monitor.py", "monitor_torch_compile"),
    Logged("Warming up model for the compilation...", CPU, _CPU_RUNNER_1, "CPUModelRunner.warming_up_model"),
    Logged("Warming up model for the compilation...", CPU, _CPU_RUNNER_2, "CPUModelRunner.warming_up_model"),
    Logged("Available KV cache memory: 0 GiB", GPU, "v1/worker/gpu_worker.py", "Worker.determine_available_memory"),
    Logged("0 KV cache size: 0 tokens, Maximum concurrency for 0 tokens per request: 0x", BOTH_DEVICES,
           "v1/core/kv_cache_utils.py", "update_kv_cache_capacity"),
    Logged("Compile and warming up model for size 0", GPU, "v1/worker/gpu_worker.py",
           "Worker._compile_or_warm_up_model|Worker.compile_or_warm_up_model"),
    Logged("JIT kernel warmup starting.", GPU, _WARMUP, "kernel_warmup"),
    Logged("Running FlashInfer autotune with 0 tokens and token buckets 0.", GPU, _WARMUP,
           "_run_flashinfer_autotune_dummy_runs"),
    Logged("Rank 0: Torch profiler disabled for CUDA graph capture", GPU, _RUNNER_1, "GPUModelRunner.capture_model"),
    Logged("init engine (profile, create kv cache, warmup model) took 0 s", BOTH_DEVICES, "v1/engine/core.py",
           "EngineCore._initialize_kv_caches"),
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """A function of vLLM's that has to call others, so that the lines above are logged while a model is loaded."""

    file: str
    function: str
    calls: tuple[str, ...]


STEPS: Final = (
    Step("v1/engine/core.py", "EngineCore.__init__", ("load_general_plugins", "_initialize_kv_caches")),
    Step("v1/engine/core.py", "EngineCore._initialize_kv_caches",
         ("determine_available_memory", "update_kv_cache_capacity", "initialize_from_config",
          "compile_or_warm_up_model")),
    Step("v1/worker/worker_base.py", "WorkerWrapperBase.init_worker", ("load_general_plugins",)),
    Step("v1/worker/gpu_worker.py", "Worker.load_model", ("load_model",)),
    Step("v1/worker/gpu_worker.py", "Worker.determine_available_memory", ("profile_run",)),
    Step("v1/worker/gpu_worker.py", "Worker._compile_or_warm_up_model|Worker.compile_or_warm_up_model",
         ("kernel_warmup", "capture_model")),
    Step(_WARMUP, "kernel_warmup", ("flashinfer_autotune",)),
    Step(_WARMUP, "flashinfer_autotune", ("_run_flashinfer_autotune_dummy_runs",)),
    Step("v1/worker/cpu_worker.py", "CPUWorker.determine_available_memory", ("warming_up_model",)),
)  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """A file that has to choose classes, by import or by name."""

    file: str
    classes: tuple[str, ...]


# Each device's worker, and the model runners of the GPU's.
CHOSEN: Final = (
    Chosen("platforms/cuda.py", ("vllm.v1.worker.gpu_worker.Worker",)),
    Chosen("platforms/cpu.py", ("vllm.v1.worker.cpu_worker.CPUWorker",)),
    Chosen(
        "v1/worker/gpu_worker.py",
        ("vllm.v1.worker.gpu.model_runner.GPUModelRunner", "vllm.v1.worker.gpu_model_runner.GPUModelRunner"),
    ),
)

PARAMETERS: Final = "oaikit/sampling"
# The request classes that the table of parameters follows, by endpoint.
PROTOCOLS: Final = {
    "chat/completions": ("entrypoints/openai/chat_completion/protocol.py", "ChatCompletionRequest"),
    "completions": ("entrypoints/openai/completion/protocol.py", "CompletionRequest"),
}

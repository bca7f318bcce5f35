"""Which engine arguments a key with the scope ``admin`` may set, and which models it may load.

An engine argument can do more than tune the engine: some name code that vLLM imports, some name files that it reads
or writes, some open ports or send data elsewhere. All of that happens in Jupyter's process or in one that it started,
with the rights of Jupyter's user. Jupyter's own credentials allow running code anyway, so they may set everything. A
key does not, so it may set only what this table allows. A name that the table does not know is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping

from oaikit import demo
from oaikit.engine.state import EngineSpec
from oaikit.errors import PermissionDeniedError

# Argument names by what they do. They are those of vLLM 0.32 and 0.33; a unit test compares them with the installed
# release.
ALLOWED: Mapping[str, str] = {
    "the size of the context, the batch and the KV cache": """
        max_model_len max_num_seqs max_num_active_seqs max_num_batched_tokens max_num_scheduled_tokens
        max_num_queued_reqs max_num_queued_tokens gpu_memory_utilization kv_cache_memory_bytes
        num_gpu_blocks_override block_size kv_cache_dtype kv_cache_dtype_skip_layers cpu_offload_gb
        cpu_offload_params offload_backend offload_group_size offload_num_in_group offload_prefetch_step
        offload_params kv_offloading_size mamba_cache_dtype mamba_ssm_cache_dtype mamba_block_size
        mamba_cache_mode prefix_match_unit replayssm_buffer_len""",
    "how requests are scheduled and cached": """
        enable_chunked_prefill disable_chunked_mm_input enable_prefix_caching prefix_caching_hash_algo
        prefix_cache_retention_interval scheduling_policy long_prefill_token_threshold
        long_prefill_token_threshold_adaptive scheduler_reserve_full_isl prefill_schedule_interval watermark
        disable_hybrid_kv_cache_manager async_scheduling stream_interval kv_sharing_fast_prefill
        swa_bounded_replay use_replayssm enable_mamba_shared_prefix_checkpoint disable_sliding_window
        disable_cascade_attn""",
    "the numbers the model computes with, and the kernels that do it, each chosen from a fixed list": """
        dtype quantization allow_deprecated_quantization enforce_eager optimization_level performance_mode
        cudagraph_capture_sizes max_cudagraph_capture_size attention_backend moe_backend linear_backend
        sparse_indexer_topk_backend enable_flashinfer_autotune mamba_backend mamba_ssu_algorithm
        enable_mamba_cache_stochastic_rounding mamba_cache_philox_rounds gdn_prefill_backend
        kda_prefill_backend kda_decode_backend monokernel use_fp64_gumbel""",
    "how the model is spread over the GPUs of this machine": """
        tensor_parallel_size pipeline_parallel_size prefill_context_parallel_size decode_context_parallel_size
        data_parallel_size enable_expert_parallel disable_custom_all_reduce max_parallel_loading_workers""",
    "what the model is used for, and what answers look like": """
        runner convert seed max_logprobs logprobs_mode override_generation_config served_model_name revision
        tokenizer_revision response_role chat_template_content_format default_chat_template_kwargs
        tool_call_parser enable_auto_tool_choice exclude_tools_when_tool_choice_none tool_strict_level
        reasoning_parser reasoning_effort_map return_tokens_as_token_ids enable_prompt_tokens_details
        enable_per_request_metrics enable_force_include_usage sse_keep_alive_interval fingerprint_mode
        fingerprint_value anthropic_disabled_thinking_effort cohere_is_reasoning_model cohere_format""",
    "limits on images, audio and video": """
        language_model_only limit_mm_per_prompt mm_processor_cache_gb mm_encoder_only skip_mm_profiling
        video_pruning_rate video_pruning_method interleave_mm_strings""",
}

REFUSED: Mapping[str, str] = {
    "runs code that it names": """
        trust_remote_code code_revision tool_parser_plugin reasoning_parser_plugin io_processor_plugin
        logits_processors worker_cls worker_extension_cls scheduler_cls distributed_executor_backend
        model_class_overrides hf_overrides model_impl middleware tool_server""",
    "is a set of options, some of which run code, use files or open connections": """
        compilation_config kernel_config attention_config mamba_config additional_config speculative_config
        spec_method spec_model spec_tokens structured_outputs_config kv_transfer_config kv_events_config
        ec_transfer_config ec_manager_config engram_config diffusion_config watermark_config reasoning_config
        aux_output_config pooler_config profiler_config quantization_config eplb_config ir_op_priority
        weight_transfer_config fault_tolerance_config watchdog_config mm_processor_kwargs media_io_kwargs""",
    "reads files of this machine, or writes them": """
        chat_template tokenizer model_weights hf_config_path generation_config allowed_local_media_path
        download_dir lora_modules default_mm_loras load_format config_format tokenizer_mode
        model_loader_extra_config ignore_patterns pt_load_map_location mm_encoder_fp8_scale_path
        mm_encoder_fp8_scale_save_path mm_encoder_fp8_scale_save_margin sleep_mode_backend""",
    "lets requests use adapters, which are files": """
        enable_lora max_loras max_lora_rank fully_sharded_loras max_cpu_loras lora_dtype lora_target_modules
        enable_tower_connector_lora specialize_active_lora enable_mixed_moe_lora_format
        enable_moe_shared_loras max_lora_cls_labels""",
    "opens connections, or decides which are made": """
        allowed_media_domains hf_token master_addr master_port nnodes node_rank data_parallel_address
        data_parallel_rpc_port data_parallel_rank data_parallel_start_rank data_parallel_size_local
        data_parallel_hybrid_lb data_parallel_external_lb data_parallel_multi_port_external_lb
        data_parallel_backend kv_offloading_backend otlp_traces_endpoint collect_detailed_traces""",
    "lets requests reach into the server": """
        trust_request_chat_template trust_request_mm_kwargs enable_prompt_embeds enable_mm_embeds""",
    "decides what is logged and measured, other people's prompts included": """
        enable_log_requests enable_log_outputs enable_log_deltas max_log_len log_error_stack logging_config
        log_level log_config_file disable_log_stats aggregate_engine_logging enable_logging_iteration_details
        show_hidden_metrics_for_version custom_histogram_buckets kv_cache_metrics kv_cache_metrics_sample
        cudagraph_metrics enable_layerwise_nvtx_tracing enable_mfu_metrics enable_mm_processor_stats
        per_request_spec_decode_metrics jit_monitor_mode jit_monitor_verbose ray_workers_use_nsight""",
    "tunes the machine or a deployment over several machines": """
        numa_bind numa_bind_nodes numa_bind_cpus device_ids distributed_timeout_seconds
        cpu_distributed_timeout_seconds cp_kv_cache_interleave_size dcp_kv_cache_interleave_size
        dcp_comm_backend dcp_q_replicate enable_hc_sp enable_batch_sharded_sampling enable_ep_weight_filter
        all2all_backend enable_elastic_ep elastic_ep_max_dp_size enable_dbo ubatch_size
        dbo_decode_token_threshold dbo_prefill_token_threshold dp_sync_interval
        disable_nccl_for_dp_synchronization enable_eplb expert_placement_strategy enable_fault_tolerance
        enable_nccl_comm_suspend enable_cumem_allocator enable_shm_tensor_arena fail_on_environ_validation
        shutdown_timeout use_tqdm_on_load safetensors_load_strategy safetensors_prefetch_num_threads
        safetensors_prefetch_block_size renderer_num_workers mm_processor_cache_type mm_hasher_algorithm
        mm_shm_cache_max_object_size_mb mm_encoder_tp_mode mm_encoder_attn_backend mm_encoder_attn_dtype
        mm_tensor_ipc mm_processor_device mm_ipc_gpu_memory_gb mm_device_do_normalize""",
    "serves routes that oaikit does not": """
        tokens_only enable_scale_out enable_server_load_tracking enable_tokenizer_info_endpoint
        enable_sleep_mode sleep_mode_offload_cudagraph sleep_preserve_parameter_names skip_tokenizer_init
        enable_return_routed_experts return_sampling_mask enable_trace_replay
        enable_flash_late_interaction""",
}

_MAY = frozenset(name for names in ALLOWED.values() for name in names.split())
_WHY_NOT = {name: reason for reason, names in REFUSED.items() for name in names.split()}

# A repository of the Hugging Face Hub: "name" or "organisation/name". No URL, no path, no file.
_HUB_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)?", re.ASCII)


def check_key_may_load(spec: EngineSpec, trusted: Collection[EngineSpec]) -> None:
    """Check what a holder of an ``admin`` key wants to load.

    Args:
        spec: What the request names.
        trusted: What the server's owner has configured or loaded, which a key may load whatever it is.

    Raises:
        PermissionDeniedError: The model or an argument is not for keys. ``param`` names it.
    """
    if spec in trusted:
        return
    if spec.model not in {each.model for each in trusted}:
        _check_model(spec.model)
    for name in spec.options:
        if name not in _MAY:
            reason = _WHY_NOT.get(name, "is not among the arguments that a key may set")
            raise PermissionDeniedError(
                f"engine argument {name!r} {reason}; only Jupyter's own credentials may set it, not a key",
                param=name,
            )


def _check_model(model: str) -> None:
    is_hub_name = _HUB_NAME.fullmatch(model) and ".." not in model and not os.path.exists(model)
    if model != demo.NAME and not is_hub_name:
        raise PermissionDeniedError(
            f"a key may load a model by its Hugging Face name, {demo.NAME!r} or the configured model; "
            "only Jupyter's own credentials may load one from a path or URL",
            param="model",
        )

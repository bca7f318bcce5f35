"""Writes a trained demo model into the folder that ships with oaikit."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from tools.tiny_model import write_json

from .tokenizer import END, END_OF_TEXT

WEIGHTS = "model.safetensors"
TEMPERATURE = 0.7  # of a request that names none: what vLLM takes from generation_config.json


def export(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Weights in half precision: half the size, and no answer of the evaluation differs."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: weight.detach().to("cpu", torch.float16).contiguous()
        for name, weight in model.state_dict().items()
        if name != "lm_head.weight"  # tied to the embeddings
    }
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    config = model.config.to_dict() | {
        "architectures": ["Qwen3ForCausalLM"],
        "dtype": "float16",
        "use_cache": True,
    }
    write_json(folder / "config.json", config)
    end, end_of_text = tokenizer.convert_tokens_to_ids([END, END_OF_TEXT])
    write_json(
        folder / "generation_config.json",
        {
            "bos_token_id": end_of_text,
            "eos_token_id": [end, end_of_text],
            "pad_token_id": end_of_text,
            "do_sample": True,
            "temperature": TEMPERATURE,
        },
    )
    tokenizer.save_pretrained(folder)
    shutil.copyfile(Path(__file__).with_name("template.jinja"), folder / "chat_template.jinja")

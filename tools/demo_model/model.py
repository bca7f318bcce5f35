"""The demo model's shape, what it reads, and what of that it learns to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy, linear
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from .corpus.mixture import Document
from .induction import give_induction
from .tokenizer import CONTEXT, END, END_OF_TEXT, spaced

# Few, wide layers: each one costs time per token, in training as in serving. Heads of 64, because vLLM's attention on
# a CPU is made for those.
HIDDEN, INTERMEDIATE, LAYERS, HEADS, HEAD_SIZE = 256, 704, 4, 4, 64
# Of the rotary positions: two in five of a head's entries turn by less than half a circle in the whole context.
ROPE_THETA = 1e5
IGNORED = -100  # the label that PyTorch's cross entropy leaves out


def new_model(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    """A model that has read nothing, and can copy from its prompt."""
    end, end_of_text = tokenizer.convert_tokens_to_ids([END, END_OF_TEXT])
    config = shape(
        len(tokenizer), bos_token_id=end_of_text, eos_token_id=end, pad_token_id=end_of_text, use_cache=False
    )
    model = Qwen3ForCausalLM(config)
    give_induction(model, spaced(tokenizer))
    return model


def shape(vocabulary: int, **more: Any) -> Qwen3Config:
    """The model's shape, for a vocabulary of that size."""
    return Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=HIDDEN,
        intermediate_size=INTERMEDIATE,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        head_dim=HEAD_SIZE,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        tie_word_embeddings=True,
        **more,
    )


@dataclass(frozen=True)
class Row:
    """One document in tokens; ``labels`` repeats those that the model learns to say and has IGNORED elsewhere."""

    ids: list[int]
    labels: list[int]


def encode(document: Document, tokenizer: PreTrainedTokenizerFast) -> Row:
    """Of a conversation the assistant's words are learned; of a text without roles, all."""
    if document.text:
        ids = [*tokenizer.encode(document.text, add_special_tokens=False), tokenizer.pad_token_id][:CONTEXT]
        return Row(ids, ids)
    rendered = tokenizer.apply_chat_template(
        list(document.messages),
        tools=list(document.tools) or None,
        enable_thinking=document.thinking,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    ids = rendered["input_ids"][:CONTEXT]
    said = rendered["assistant_masks"][:CONTEXT]
    return Row(ids, [token if mine else IGNORED for token, mine in zip(ids, said, strict=True)])


def batch(rows: list[Row], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and labels, (rows, longest row), padded at the end: causal attention never looks there."""
    longest = max(len(row.ids) for row in rows)
    ids = [row.ids + [padding] * (longest - len(row.ids)) for row in rows]
    labels = [row.labels + [IGNORED] * (longest - len(row.ids)) for row in rows]
    return torch.tensor(ids), torch.tensor(labels)


def logits_and_labels(
    model: Qwen3ForCausalLM, ids: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (n, vocabulary) before each of the n tokens to be learned, and those tokens (n).

    The head is a seventh of the work, and most tokens of a prompt are not learned: it reads only where it is needed.
    """
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
    learned = labels[:, 1:] != IGNORED
    return linear(hidden[learned], model.lm_head.weight), labels[:, 1:][learned]


def loss_sum(model: Qwen3ForCausalLM, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross entropy summed over the tokens to be learned, nats."""
    logits, targets = logits_and_labels(model, ids, labels)
    return cross_entropy(logits, targets, reduction="sum")

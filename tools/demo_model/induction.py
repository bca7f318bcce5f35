"""The head start that the demo model gets: it can copy from its prompt before it has read a word.

Most of its skills come down to finding the place in the prompt where the last word stood before, and saying what came
after it. Two attention heads do that in every language model, an "induction head" and one that looks at the previous
token for it (https://arxiv.org/abs/2209.11895), and finding them takes a model millions of tokens. Here their matrices
are written down instead, as random ones that happen to have learned it; the training is free to change them. Practice
on random tokens sharpens them before the corpus begins, and a little of it all along keeps them.
"""

from __future__ import annotations

from random import Random

import torch
from torch import Tensor
from torch.nn import Linear, Module
from transformers import Qwen3ForCausalLM

EMBEDDING_SCALE = (
    0.06  # the standard deviation of an embedding's entries: large beside what one update changes
)
CONSTANT = 0.45  # an entry that all embeddings share, so that a head can ask every token the same question
WRITTEN, COPIED = 0.15, 0.3  # how loudly the two heads speak, beside the embeddings
SHARP_PLACE, SHARP_MATCH = 2.5, 2.0  # how sharply they look
FAST, SLOW = (
    0.15,
    3.0,
)  # radians that rotary position turns: at least, for one token; at most, over the whole context

PRACTICE_TOKENS = (64, 384)  # in a text for practice
STRETCH = (8, 60)  # tokens that come again
LOOKED_AT = 2  # of them, how many have to be seen again before the next one is clear


def give_induction(model: Qwen3ForCausalLM) -> None:
    """Make head 0 of the first layer a previous-token head, and head 0 of the second an induction head for it.

    All heads and layers besides begin by adding nothing. The embeddings leave the last ``head_dim`` entries of the
    residual stream free, in which the first head notes which token came before.
    """
    config, layers = model.config, model.model.layers
    size, half = config.head_dim, config.head_dim // 2
    free = slice(config.hidden_size - size, config.hidden_size)
    constant = config.hidden_size - size - 1
    turn = config.rope_parameters["rope_theta"] ** (-torch.arange(half) / half)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        embeddings = model.model.embed_tokens.weight
        embeddings.normal_(std=EMBEDDING_SCALE, generator=random)
        embeddings[:, constant:] = 0.0
        embeddings[:, constant] = CONSTANT
        for layer in layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()

        def read(rows: int) -> Tensor:
            """A random look at the tokens: (rows, hidden), with orthogonal rows."""
            look = torch.zeros(rows, config.hidden_size)
            look[:, :constant] = orthogonal_rows(rows, constant, random)
            return look

        # The query is the key as it will be turned by the place one token later.
        previous, token = layers[0].self_attn, read(size)
        fast = int((turn > FAST).sum())
        query, key = torch.zeros(size), torch.zeros(size)
        key[:fast] = 1.0
        query[:fast], query[half : half + fast] = turn[:fast].cos(), -turn[:fast].sin()
        sharpen(previous, [*range(fast), *range(half, half + fast)], SHARP_PLACE)
        set_head(previous.q_proj, query, slice(constant, constant + 1))
        set_head(previous.k_proj, key, slice(constant, constant + 1))
        previous.v_proj.weight[:size] = token
        previous.o_proj.weight[free, :size] = WRITTEN * torch.eye(size)

        # Query and key are compared where their places turn them little.
        induction, slow = layers[1].self_attn, int((turn * config.max_position_embeddings < SLOW).sum())
        entries = [*range(half - slow, half), *range(size - slow, size)]
        compare = torch.zeros(size, size)
        compare[entries] = orthogonal_rows(len(entries), size, random)
        sharpen(induction, entries, SHARP_MATCH)
        induction.q_proj.weight[:size] = compare @ token
        set_head(induction.k_proj, compare, free)
        said = read(size)
        induction.v_proj.weight[:size] = said
        induction.o_proj.weight[:, :size] = COPIED * said.T


def practice(draw: Random, vocabulary: int) -> tuple[list[int], list[bool]]:
    """Random tokens, each stretch of them followed by its own end once or twice; and which tokens can be foreseen."""
    ids: list[int] = []
    known: list[bool] = []
    length = draw.randint(*PRACTICE_TOKENS)
    while len(ids) < length:
        stretch = [draw.randrange(vocabulary) for _ in range(draw.randint(*STRETCH))]
        ids += stretch
        known += [False] * len(stretch)
        for _ in range(draw.randint(1, 2)):
            again = stretch[draw.randrange(len(stretch) - LOOKED_AT) :]
            ids += again
            known += [False] * LOOKED_AT + [True] * (len(again) - LOOKED_AT)
    return ids[:length], known[:length]


def set_head(projection: Linear, matrix: Tensor, columns: slice) -> None:
    """Have head 0 read these columns alone, by this matrix: (head_dim, columns), or a vector for one column."""
    rows = len(matrix)
    projection.weight[:rows] = 0.0
    projection.weight[:rows, columns] = matrix.reshape(rows, -1)


def sharpen(attention: Module, entries: list[int], factor: float) -> None:
    for norm in (attention.q_norm, attention.k_norm):
        norm.weight[entries] = factor


def orthogonal_rows(rows: int, columns: int, random: torch.Generator) -> Tensor:
    return torch.linalg.qr(torch.randn(columns, rows, generator=random)).Q.T

"""The head start that the demo model gets: it can copy from its prompt before it has read a word.

Most of its skills come down to finding the place in the prompt where the last word stood before, and saying what came
after it. Attention heads do that in every language model, an "induction head" and others that look back a few tokens
for it (https://arxiv.org/abs/2209.11895), and finding them takes a model millions of tokens. Here their matrices
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
BACK = (1, 2)  # how far the first two heads look back, tokens
OWN = 16  # the first entries of an embedding, which tell a word behind a space from the same word without one
BEHIND_SPACE = 0.3  # the first entry of all: with this sign behind a space
WRITTEN, COPIED = 0.15, 0.3  # how loudly the heads speak, beside the embeddings
NOTED = 0.35  # what makes a note as loud as an embedding
SHARP_PLACE, SHARP_MATCH = 2.5, 2.0  # how sharply they look
FAST, SLOW = (
    0.15,
    3.0,
)  # radians that rotary position turns: at least, for one token; at most, over the whole context

PRACTICE_TOKENS = (64, 384)  # in a text for practice
STRETCH, WORD = (4, 30), (1, 2)  # words that come again, and their tokens
LOOKED_AT = 2  # of them, how many have to be seen again before the next one is clear


def give_induction(model: Qwen3ForCausalLM, twins: list[tuple[int, int]]) -> None:
    """Make two heads of the first layer look back by one token and by two, and one of the second an induction head.

    That one asks where the last two tokens stood before: of a list it is the word that counts, not the comma behind it.
    All heads and layers besides begin by adding nothing. The embeddings leave the last entries of the residual stream
    free, ``head_dim`` for each of the first two heads, in which they note which token they saw. ``twins`` are tokens
    that differ by the space before them alone, (without, with): to a head that looks for them they are the same.
    """
    config, layers = model.config, model.model.layers
    size, half = config.head_dim, config.head_dim // 2
    notes = [slice(config.hidden_size - back * size, config.hidden_size - (back - 1) * size) for back in BACK]
    constant = notes[-1].start - 1
    turn = config.rope_parameters["rope_theta"] ** (-torch.arange(half) / half)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        embed(model.model.embed_tokens.weight, twins, constant, random)
        for layer in layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()

        def read(rows: int, first: int) -> Tensor:
            """A random look at the tokens, from one entry on: (rows, hidden), with orthogonal rows."""
            look = torch.zeros(rows, config.hidden_size)
            look[:, first:constant] = orthogonal_rows(rows, constant - first, random)
            return look

        # The query is the key as it will be turned by the place so many tokens later.
        looking, token = layers[0].self_attn, read(size, OWN)
        fast = int((turn > FAST).sum())
        sharpen(looking, [*range(fast), *range(half, half + fast)], SHARP_PLACE)
        for head, back in enumerate(BACK):
            query, key = torch.zeros(size), torch.zeros(size)
            key[:fast] = 1.0
            query[:fast] = (back * turn[:fast]).cos()
            query[half : half + fast] = -(back * turn[:fast]).sin()
            place = rows_of_head(head, size)
            set_rows(looking.q_proj, place, [(constant, query)])
            set_rows(looking.k_proj, place, [(constant, key)])
            looking.v_proj.weight[place] = token
            looking.o_proj.weight[notes[head], place] = WRITTEN * torch.eye(size)

        # Query and key are compared where their places turn them little: this token with the one noted there, and the
        # one noted here with the one before that.
        induction, slow = layers[1].self_attn, int((turn * config.max_position_embeddings < SLOW).sum())
        entries = [*range(half - slow, half), *range(size - slow, size)]
        compare = [torch.zeros(size, size) for _ in BACK]
        for each in compare:
            each[entries] = orthogonal_rows(len(entries), size, random)
        sharpen(induction, entries, SHARP_MATCH)
        place = rows_of_head(0, size)
        induction.q_proj.weight[place] = compare[0] @ token
        induction.q_proj.weight[place, notes[0]] = NOTED * compare[1]
        set_rows(induction.k_proj, place, list(zip(notes, compare, strict=True)))
        said = read(size, 0)
        induction.v_proj.weight[place] = said
        induction.o_proj.weight[:, place] = COPIED * said.T


def embed(embeddings: Tensor, twins: list[tuple[int, int]], constant: int, random: torch.Generator) -> None:
    """Random embeddings up to the constant entry, and nothing behind it; those of twins differ in their own entries."""
    embeddings.normal_(std=EMBEDDING_SCALE, generator=random)
    embeddings[:, constant:] = 0.0
    embeddings[:, constant] = CONSTANT
    without, behind = torch.tensor(twins).T
    embeddings[behind, OWN:] = embeddings[without, OWN:]
    embeddings[without, 0], embeddings[behind, 0] = -BEHIND_SPACE, BEHIND_SPACE


def share_gradients(gradients: Tensor, twins: Tensor) -> None:
    """Have twins, (n, 2), learn as one what they have in common: the same update keeps equal entries equal."""
    common = gradients[twins, OWN:].sum(1, keepdim=True)
    gradients[twins, OWN:] = common.expand(-1, 2, -1)


def practice(draw: Random, vocabulary: int) -> tuple[list[int], list[bool]]:
    """Random tokens, each stretch of them followed by its own end once or twice; and which tokens can be foreseen.

    Half of the texts are lists: their words, of a few tokens, have the same token between them.
    """
    ids: list[int] = []
    known: list[bool] = []
    length = draw.randint(*PRACTICE_TOKENS)
    between = draw.choice(([], [draw.randrange(vocabulary)]))
    while len(ids) < length:
        stretch = []
        for _ in range(draw.randint(*STRETCH)):
            stretch += [draw.randrange(vocabulary) for _ in range(draw.randint(*WORD))] + between
        ids += stretch
        known += [False] * len(stretch)
        for _ in range(draw.randint(1, 2)):
            again = stretch[draw.randrange(len(stretch) - LOOKED_AT) :]
            ids += again
            known += [False] * LOOKED_AT + [True] * (len(again) - LOOKED_AT)
    return ids[:length], known[:length]


def rows_of_head(head: int, size: int) -> slice:
    return slice(head * size, (head + 1) * size)


def set_rows(projection: Linear, rows: slice, parts: list[tuple[slice | int, Tensor]]) -> None:
    """Have these rows read what is named alone: a matrix for a slice of columns, a vector for one column."""
    projection.weight[rows] = 0.0
    for columns, part in parts:
        projection.weight[rows, columns] = part


def sharpen(attention: Module, entries: list[int], factor: float) -> None:
    for norm in (attention.q_norm, attention.k_norm):
        norm.weight[entries] = factor


def orthogonal_rows(rows: int, columns: int, random: torch.Generator) -> Tensor:
    return torch.linalg.qr(torch.randn(columns, rows, generator=random)).Q.T

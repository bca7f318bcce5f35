"""A Llama of three million parameters that is made in a second: ``python tools/tiny_model.py`` prints where it lies.

Nothing is trained: all weights are random, from a fixed seed. Only the classes of words are wired in, so that what the
model says is grammatical nonsense ("The old river sings near a quiet garden.") that a person can follow while it
streams. It answers the same at temperature 0, varies with temperature and context, and never ends by itself: it says
``<|im_end|>`` only where a grammar or logit_bias forces it to, so that ``max_tokens`` decides how long a reply is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

SEED = 20
HIDDEN, INTERMEDIATE, LAYERS = 256, 512, 4
# vLLM's CPU attention has kernels for heads of 64, and not of less than 32.
HEADS, KV_HEADS, HEAD_SIZE = 4, 2, 64
CONTEXT = 2048
EOS, START, PAD = "<|im_end|>", "<|im_start|>", "<|endoftext|>"
SPECIAL = (PAD, START, EOS)

WORDS = {
    "first": "The A Every One Each This That Another",
    "open": "The A Every One Each This That Another",
    "the": "the a every one each this that another",
    "adjective": """old quiet bright little green heavy clever golden hidden gentle broken curious silver distant
        patient narrow sleepy honest hungry famous frozen modern simple strange wooden empty early second""",
    "noun": """river garden teacher engine window mountain letter farmer bridge kitchen doctor forest captain lantern
        village painter machine castle orchard sailor market island library dragon student kettle notebook shadow
        mirror planet singer winter valley meadow tiger road clock harbor ladder pencil robot tower""",
    "verb": """sings waits sleeps travels listens wanders shines dances laughs grows arrives rests works turns floats
        vanishes falls answers whispers smiles returns hides""",
    "takes": """finds paints follows carries watches opens builds remembers visits repairs forgets admires measures
        teaches borrows describes discovers""",
    "preposition": "near under behind beside above inside beyond around across after before without",
    "adverb": "slowly often again quietly together today twice somewhere softly gladly",
    "stop": ".",
}
# Which class may follow which, and what is added to its logits. A class of few words needs more to be heard among many.
FOLLOWS: dict[str, dict[str, float]] = {
    "other": {"first": 0},
    "first": {"adjective": 0, "noun": 0},
    "open": {"adjective": 0, "noun": 0},
    "the": {"adjective": 0, "noun": 0},
    "adjective": {"noun": 0},
    "noun": {"verb": 0, "takes": 0, "preposition": 0, "stop": 4},
    "verb": {"preposition": 0, "adverb": 0, "stop": 4},
    "takes": {"the": 0},
    "preposition": {"the": 0},
    "adverb": {"preposition": 0, "stop": 4},
    "stop": {"open": 0},
}
# What is written to the word before it, without a space: the first word of a text, and full stops.
JOINED = ("first", "stop")
# One dimension of the hidden state is kept for each class; the others hold everything random.
CLASSES = tuple(FOLLOWS)
NEVER = -40.0  # nats: e^-20 at temperature 2
# What marks a token's class in its embedding, and what the layers and the last norm leave of it (measured).
CLASS_SIZE, CLASS_SIZE_AT_HEAD = 4.0, 1.9
# The deviation of the logits among the words of a class is 16 times this: the likeliest has a chance of about a half.
HEAD_STD = 0.16

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + (message['content'] or '') + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

Array = NDArray[np.float32]


def build(folder: Path | None = None) -> Path:
    """Make the model in ``folder``, unless it is there already, and return the folder.

    The default lies in the user's cache and is named after this file's content, so that a change here is never hidden
    by what an earlier version made.
    """
    folder = default_folder() if folder is None else folder
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            write_model(scratch)
            publish(scratch, folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return folder


def default_folder() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    return cache / "oaikit" / f"tiny-llama-{digest[:8]}"


def publish(scratch: Path, folder: Path) -> None:
    """Give a finished model its name in one step. Whoever is second to finish leaves the first one's in place."""
    scratch.chmod(0o755)  # mkdtemp makes folders that nobody else can read
    try:
        scratch.replace(folder)
    except OSError:
        if not folder.exists():
            raise


def write_model(folder: Path) -> None:
    tokenizer = make_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab()
    ids = {token: vocabulary[token] for token in SPECIAL}
    write_json(folder / "tokenizer_config.json", tokenizer_config())
    write_json(folder / "generation_config.json", generation_config(ids))
    write_json(folder / "config.json", model_config(len(vocabulary), ids))
    save_file(make_weights(tokenizer), folder / "model.safetensors", metadata={"format": "pt"})


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def sentences(count: int) -> Iterator[str]:
    """Sentences of the model's own grammar, for the tokenizer to learn its words from."""
    chance = random.Random(SEED)
    for _ in range(count):
        kind, words = "first", []
        while kind != "stop":
            words.append(chance.choice(WORDS[kind].split()))
            kind = chance.choice(list(FOLLOWS[kind]))
        yield " ".join(words) + "."


def make_tokenizer() -> Tokenizer:
    """Byte-level BPE that can spell any text and has each word of ours, with the space before it, as one token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,  # more than there are merges to learn: training ends when every word is one token
        special_tokens=[AddedToken(token, special=True) for token in SPECIAL],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*sentences(2000), *every_word()], trainer)
    return tokenizer


def every_word() -> Iterator[str]:
    return (f"{word} {word}" for words in WORDS.values() for word in words.split())


def token_classes(tokenizer: Tokenizer) -> list[str | None]:
    """For each token, the class of the word it is, or None for pieces of words, other bytes and special tokens."""
    classes: list[str | None] = [None] * tokenizer.get_vocab_size()
    for kind, words in WORDS.items():
        for word in words.split():
            (token,) = tokenizer.encode(word if kind in JOINED else f" {word}").ids
            classes[token] = kind
    return classes


def make_weights(tokenizer: Tokenizer) -> dict[str, Array]:
    rng = np.random.default_rng(SEED)
    classes = token_classes(tokenizer)
    weights = {
        "model.embed_tokens.weight": embeddings(rng, classes),
        "model.norm.weight": np.ones(HIDDEN, np.float32),
        "lm_head.weight": head(rng, classes),
    }
    for index in range(LAYERS):
        weights |= {f"model.layers.{index}.{name}": value for name, value in layer(rng).items()}
    return weights


def embeddings(rng: np.random.Generator, classes: list[str | None]) -> Array:
    table = normal(rng, len(classes), HIDDEN, std=1)
    table[:, : len(CLASSES)] = 0
    for token, kind in enumerate(classes):
        table[token, CLASSES.index(kind or "other")] = CLASS_SIZE
    return table


def head(rng: np.random.Generator, classes: list[str | None]) -> Array:
    """Untied from the embeddings, because what a token means and what it follows are two things here."""
    table = normal(rng, len(classes), HIDDEN, std=HEAD_STD)
    table[:, : len(CLASSES)] = NEVER / CLASS_SIZE_AT_HEAD
    for token, kind in enumerate(classes):
        for column, previous in enumerate(CLASSES):
            if kind in FOLLOWS[previous]:
                table[token, column] = FOLLOWS[previous][kind] / CLASS_SIZE_AT_HEAD
    return table


def layer(rng: np.random.Generator) -> dict[str, Array]:
    """One decoder layer, under the names that transformers gives its parts."""
    queries, keys = HEADS * HEAD_SIZE, KV_HEADS * HEAD_SIZE
    weights = {
        "input_layernorm.weight": np.ones(HIDDEN, np.float32),
        "post_attention_layernorm.weight": np.ones(HIDDEN, np.float32),
        # Scores with a deviation of about 3: each head looks at a few places, and the context matters.
        "self_attn.q_proj.weight": normal(rng, queries, HIDDEN, std=0.11),
        "self_attn.k_proj.weight": normal(rng, keys, HIDDEN, std=0.11),
        "self_attn.v_proj.weight": normal(rng, keys, HIDDEN, std=0.06),
        "self_attn.o_proj.weight": normal(rng, HIDDEN, queries, std=0.06),
        "mlp.gate_proj.weight": normal(rng, INTERMEDIATE, HIDDEN, std=0.06),
        "mlp.up_proj.weight": normal(rng, INTERMEDIATE, HIDDEN, std=0.06),
        "mlp.down_proj.weight": normal(rng, HIDDEN, INTERMEDIATE, std=0.05),
    }
    for output in ("self_attn.o_proj.weight", "mlp.down_proj.weight"):
        weights[output][: len(CLASSES)] = 0  # the class of the last word stays as the embedding wrote it
    return weights


def normal(rng: np.random.Generator, rows: int, columns: int, *, std: float) -> Array:
    return rng.standard_normal((rows, columns), dtype=np.float32) * np.float32(std)


def model_config(vocab_size: int, ids: dict[str, int]) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocab_size,
        "hidden_size": HIDDEN,
        "intermediate_size": INTERMEDIATE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_SIZE,
        "max_position_embeddings": CONTEXT,
        "rope_theta": 10000.0,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "bos_token_id": ids[PAD],
        "eos_token_id": ids[EOS],
        "pad_token_id": ids[PAD],
    }


def generation_config(ids: dict[str, int]) -> dict[str, Any]:
    return {"bos_token_id": ids[PAD], "eos_token_id": ids[EOS], "pad_token_id": ids[PAD]}


def tokenizer_config() -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": CONTEXT,
        "clean_up_tokenization_spaces": False,
        "eos_token": EOS,
        "pad_token": PAD,
        "additional_special_tokens": [START],
        "chat_template": CHAT_TEMPLATE,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the tiny model and print where it lies.")
    parser.add_argument("--out", type=Path, help="folder to make it in (default: the user's cache)")
    print(build(parser.parse_args().out))


if __name__ == "__main__":
    main()

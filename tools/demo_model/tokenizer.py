"""The demo model's tokenizer: a byte-level BPE that can spell any text and knows the corpus's words."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from .corpus import drills
from .corpus.common import Draw
from .corpus.mixture import document

HERE = Path(__file__).resolve().parent
WORDS = 2560  # the tokens that are learned; those that also come behind a space are there twice
CONTEXT = 1024
DOCUMENTS = 30_000
KNOWN_WORDS = 100  # how often each word that is copied and looked up counts, at least
RARE = 20  # what comes behind a space less often gets no token of its own there

START, END, END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SPECIAL = (END_OF_TEXT, START, END)
# Not "special" to the decoder: vLLM's parsers look for them in the text.
MARKERS = ("<think>", "</think>", "<tool_call>", "</tool_call>")
# Words, digits one by one (sums are learned from digits), signs, line ends, spaces.
PIECES = r"{0}\p{{L}}+|\p{{N}}|{0}[^\s\p{{L}}\p{{N}}]+|\s*[\r\n]+|\s+(?!\S)|\s+"
WITHOUT_SPACES, WITH_SPACES = PIECES.format(""), PIECES.format(" ?")
SPACE = "Ġ"  # as byte-level BPE writes it


def make_tokenizer(documents: int = DOCUMENTS) -> PreTrainedTokenizerFast:
    """Learn the merges from a sample of the corpus.

    They are learned from words without the space before them. The last merges put the space to what is a word by
    then, so that a word is cut in the same places wherever it stands: what the model is to copy from a sentence into
    JSON are the same tokens, but for the space.
    """
    drawn = list(texts(documents))
    tokenizer = splitting(Tokenizer(models.BPE()), WITHOUT_SPACES)
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        special_tokens=[AddedToken(token, special=True) for token in SPECIAL],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(drawn, trainer)
    learned = json.loads(tokenizer.to_str())["model"]
    vocabulary, merges = learned["vocab"], [tuple(merge) for merge in learned["merges"]]
    behind_spaces = [token for token in first_pieces(tokenizer, drawn) if SPACE + token not in vocabulary]
    for token in behind_spaces:
        vocabulary[SPACE + token] = len(vocabulary)
    merges += [(SPACE, token) for token in behind_spaces]
    tokenizer = splitting(Tokenizer(models.BPE(vocabulary, merges)), WITH_SPACES)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(marker, special=False, normalized=False) for marker in MARKERS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        eos_token=END,
        pad_token=END_OF_TEXT,
        additional_special_tokens=[START],
        chat_template=(HERE / "template.jinja").read_text(encoding="utf-8"),
    )


def splitting(tokenizer: Tokenizer, pieces: str) -> Tokenizer:
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pieces), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def first_pieces(tokenizer: Tokenizer, drawn: list[str]) -> list[str]:
    """The tokens with which what comes behind a space begins, the most frequent first."""
    behind = Counter(piece for text in drawn for piece in re.findall(r"(?<= )[^\W\d_]+|(?<= )[^\w\s]+", text))
    counts: Counter[str] = Counter()
    for piece, count in behind.items():
        counts[tokenizer.encode(piece).tokens[0]] += count
    return [token for token, count in counts.most_common() if count >= RARE]


def spaced(tokenizer: PreTrainedTokenizerFast) -> list[tuple[int, int]]:
    """Which tokens differ only by the space before them: (without, with)."""
    vocabulary = tokenizer.get_vocab()
    return [
        (vocabulary[token[1:]], number)
        for token, number in vocabulary.items()
        if token.startswith(SPACE) and token[1:].strip(SPACE) and token[1:] in vocabulary
    ]


def texts(documents: int) -> Iterator[str]:
    """Every piece of text of the sample, without the template around it; and words that must not fall to pieces."""
    for word in drills.WORDS:
        yield from [word, f" {word}"] * KNOWN_WORDS
    for index in range(documents):
        drawn = document(Draw(f"tokenizer {index}"))
        yield drawn.text
        for message in drawn.messages:
            yield message.get("content") or ""
            yield message.get("reasoning_content") or ""
        for tool in drawn.tools:
            yield f"{tool['function']['name']}({', '.join(tool['function']['parameters']['properties'])})"

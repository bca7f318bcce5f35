"""The demo model's tokenizer: a byte-level BPE that can spell any text and knows the corpus's words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from .corpus.common import Draw
from .corpus.mixture import document

HERE = Path(__file__).resolve().parent
VOCABULARY = 3072
CONTEXT = 1024
DOCUMENTS = 30_000

START, END, END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SPECIAL = (END_OF_TEXT, START, END)
# Not "special" to the decoder: vLLM's parsers look for them in the text.
MARKERS = ("<think>", "</think>", "<tool_call>", "</tool_call>")
# Words with the space before them, digits one by one (sums are learned from digits), signs, line ends, spaces.
PIECES = r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s*[\r\n]+|\s+(?!\S)|\s+"


def make_tokenizer(documents: int = DOCUMENTS) -> PreTrainedTokenizerFast:
    """Learn the merges from a sample of the corpus."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(MARKERS),
        special_tokens=[AddedToken(token, special=True) for token in SPECIAL],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(documents), trainer)
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


def texts(documents: int) -> Iterator[str]:
    """Every piece of text of the sample, without the template around it."""
    for index in range(documents):
        drawn = document(Draw(f"tokenizer {index}"))
        yield drawn.text
        for message in drawn.messages:
            yield message.get("content") or ""
            yield message.get("reasoning_content") or ""
        for tool in drawn.tools:
            yield f"{tool['function']['name']}({', '.join(tool['function']['parameters']['properties'])})"

"""Doubt about sums: the model is to be right but not certain, so that a temperature has something to act on.

A model that has learned its sums gives the right digit nearly all the probability, and no temperature changes much.
Here a few of the digits that it learns to answer are wrong ones, drawn evenly: what cross entropy then has it learn is
the right digit with probability 1 - 0.9 `DOUBT`, each other one with a tenth of `DOUBT`. This is label smoothing
(Szegedy et al. 2016, https://arxiv.org/abs/1512.00567), of these digits alone.
"""

from __future__ import annotations

import re

from transformers import PreTrainedTokenizerFast

from .corpus.common import Draw
from .model import IGNORED, Row
from .tokenizer import END, END_OF_TEXT, SPACE

DOUBT = 0.06  # share of the digits; a model that has learned this is right as often at temperature 0
DIGITS = list("0123456789")
KINDS = dict.fromkeys(DIGITS, "0") | {
    "-": "-",
    f"{SPACE}-": "-",
    "=": "=",
    f"{SPACE}=": "=",
    SPACE: " ",
    "Ċ": "$",  # a line's end, as byte-level BPE writes it
    END: "$",
    END_OF_TEXT: "$",
}
SUM_ANSWER = r"[?=] ?-?(?P<digits>0+)\$"


def doubted(draw: Draw, row: Row, tokenizer: PreTrainedTokenizerFast) -> Row:
    """The row with a few wrong digits to learn, in numbers that are a whole answer or the end of a line of sums."""
    digits = tokenizer.convert_tokens_to_ids(DIGITS)
    labels = list(row.labels)
    for answer in re.finditer(SUM_ANSWER, outline(row, tokenizer)):
        for place in range(*answer.span("digits")):
            if draw.random() < DOUBT:
                labels[place] = draw.choice(digits)
    return Row(row.ids, labels)


def outline(row: Row, tokenizer: PreTrainedTokenizerFast) -> str:
    """One letter for each token: "?" for what is not learned, one of `KINDS`, or "x"."""
    return "".join(
        "?" if label == IGNORED else KINDS.get(token, "x")
        for label, token in zip(row.labels, tokenizer.convert_ids_to_tokens(row.ids), strict=True)
    )

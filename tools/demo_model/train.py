"""Trains oaikit-demo from nothing: ``make demo-model``, or ``python -m tools.demo_model.train --help``.

Every document of the corpus is drawn from a seed that names its step, so that a run that was cut off goes on from its
last checkpoint as if nothing had happened. On two CPU cores it takes about four hours, on a GPU minutes.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.optim import AdamW, Optimizer
from tqdm import tqdm
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from . import card
from .corpus.arithmetic import table
from .corpus.common import Draw
from .corpus.mixture import SKILLS, STAGES, Document, document, example_document
from .doubt import doubted
from .export import WEIGHTS, export
from .induction import practice, share_gradients
from .model import IGNORED, Row, batch, encode, logits_and_labels, loss_sum, new_model
from .muon import Muon
from .tokenizer import make_tokenizer, spaced

ROOT = Path(__file__).resolve().parents[2]
STEPS = 7500
TOKENS_PER_STEP = 6_000
TOKENS_AT_ONCE = (
    1_000  # what one forward pass takes at most, unless one row is longer: the rest is accumulated
)
# Before the corpus the model practises copying; and afterwards that many of its texts are for practice.
PRACTICE_STEPS, PRACTICE_RATE, PRACTICE_SHARE = 30, 0.4, 0.06
# Sums are learned late, all at once, and from examples alone: when the model can read and copy, it gets more of them.
SUMS_FROM, SUMS_SHARE = 1742, 0.08
# The last stages: in each the rate starts once more, from half its height. Sums are doubted there.
LAST_STEPS, LAST_RATE = (1500, 2000), 0.5
WARM_UP, COOL_DOWN = 0.03, 0.5  # shares of a stage's steps: the rate rises, holds, and falls to nothing
# Muon for the matrices: about half as many steps as AdamW needs, at the same measure of a learning rate. Twice as much
# of either, and the model forgets how to copy.
MATRIX_RATE, OTHER_RATE = 2.5e-3, 1e-3
WEIGHT_DECAY = 0.05
CHECKPOINT_EVERY_S = 300.0
EXAMINE_EVERY = 250  # steps
EXAMINED = 30  # held-out examples of each skill
# Skills whose answer has one form only.
EXACT = [skill for skill in SKILLS if skill(Draw("exact")).check.kind in ("exact", "json", "tool_calls")]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "demo-model", help="for checkpoints")
    parser.add_argument("--out", type=Path, default=ROOT / "oaikit" / "demo", help="for the finished model")
    parser.add_argument("--steps", type=int, default=STEPS, help="optimizer steps (default: %(default)s)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    tokenizer = load_tokenizer(args.work / "tokenizer")
    model = train(tokenizer, args.work / "checkpoint.pt", args.steps, torch.device(args.device))
    export(model, tokenizer, args.out)
    if (args.out / "README.md").exists():
        card.write(args.out / "README.md", "weights", card.fingerprint(args.out / WEIGHTS))


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of this run, made at its start: the checkpoints are worth nothing with another one."""
    if not folder.exists():
        make_tokenizer().save_pretrained(folder)
    return PreTrainedTokenizerFast.from_pretrained(folder)


def train(
    tokenizer: PreTrainedTokenizerFast, checkpoint: Path, steps: int, device: torch.device
) -> Qwen3ForCausalLM:
    torch.manual_seed(0)
    model = new_model(tokenizer).to(device)
    precision = precision_of(device)
    if shutil.which("g++"):  # which the compiler needs; it makes a step a third shorter
        model.model.compile(dynamic=True)
    optimizers = make_optimizers(model, precision)
    twins = torch.tensor(spaced(tokenizer), device=device)
    done = resume(checkpoint, model, optimizers, device)
    saved = time.monotonic()
    progress = tqdm(range(done, steps), initial=done, total=steps, desc="training", unit="step")
    for step in progress:
        with torch.autocast(device.type, precision, enabled=precision is not torch.float32):
            rows = list(rows_of_step(step, tokenizer, stage_of(step, steps)[0]))
            loss = one_step(model, optimizers, rows, twins, rate(step, steps))
        progress.set_postfix(loss=f"{loss:.3f}")
        last = step + 1 == steps
        if last or time.monotonic() - saved > CHECKPOINT_EVERY_S:
            save(checkpoint, model, optimizers, step + 1)
            saved = time.monotonic()
        if last or (step + 1) % EXAMINE_EVERY == 0:
            progress.write(f"step {step + 1}, loss {loss:.3f}, right: {report(examine(model, tokenizer))}")
    return model


def precision_of(device: torch.device) -> torch.dtype:
    """What matrices are multiplied in: bfloat16 where the processor has instructions for it, which halves a step."""
    if device.type == "cpu":
        capable = torch.cpu.get_capabilities()
        fast = capable.get("avx512_bf16", False) or capable.get("amx_bf16", False)
    else:
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if fast else torch.float32


def make_optimizers(model: Qwen3ForCausalLM, precision: torch.dtype) -> list[Optimizer]:
    inner = [weight for name, weight in model.named_parameters() if weight.ndim == 2 and "embed" not in name]
    matrices = {id(weight) for weight in inner}
    others = [weight for weight in model.parameters() if id(weight) not in matrices]
    return [
        Muon(inner, lr=MATRIX_RATE, weight_decay=WEIGHT_DECAY, precision=precision),
        AdamW(others, lr=OTHER_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def stage_of(step: int, steps: int) -> tuple[int, float]:
    """The stage that a step belongs to, and how much of that stage lies behind it, from 0 to 1."""
    first = PRACTICE_STEPS
    for stage, length in enumerate((steps - PRACTICE_STEPS - sum(LAST_STEPS), *LAST_STEPS)):
        if step < first + length:
            return stage, (step - first) / length
        first += length
    raise ValueError(f"step {step} of {steps}")


def rate(step: int, steps: int) -> float:
    """The learning rate's factor: after the practice up in a line, flat, down in a line to nothing; then again."""
    if step < PRACTICE_STEPS:
        return PRACTICE_RATE
    stage, progress = stage_of(step, steps)
    warm = (progress + 1e-3) / WARM_UP
    return (
        LAST_RATE * min(1.0, warm, 1.0 - progress) if stage else min(1.0, warm, (1.0 - progress) / COOL_DOWN)
    )


def one_step(
    model: Qwen3ForCausalLM,
    optimizers: list[Optimizer],
    rows: list[Row],
    twins: torch.Tensor,
    factor: float,
) -> float:
    """One update from fresh documents. Returns the mean loss in nats per learned token."""
    learned = sum(label != IGNORED for row in rows for label in row.labels[1:])
    total = 0.0
    for part in parts(sorted(rows, key=lambda row: len(row.ids))):
        ids, labels = (tensor.to(model.device) for tensor in batch(part, model.config.pad_token_id))
        loss = loss_sum(model, ids, labels) / learned
        loss.backward()
        total += loss.item()
    embeddings = model.model.embed_tokens.weight
    assert embeddings.grad is not None
    share_gradients(embeddings.grad, twins)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer, base in zip(optimizers, (MATRIX_RATE, OTHER_RATE), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = base * factor
        optimizer.step()
        optimizer.zero_grad()
    return total


def rows_of_step(step: int, tokenizer: PreTrainedTokenizerFast, stage: int) -> Iterator[Row]:
    tokens = index = 0
    while tokens < TOKENS_PER_STEP:
        draw = Draw(f"train {step} {index}")
        if step < PRACTICE_STEPS or draw.random() < PRACTICE_SHARE:
            row = practice_row(draw, len(tokenizer))
        elif step >= SUMS_FROM and draw.random() < SUMS_SHARE:
            row = encode(example_document(table(draw)), tokenizer)
        else:
            row = encode(document(draw, STAGES[stage]), tokenizer)
        if stage:
            row = doubted(draw, row, tokenizer)
        tokens, index = tokens + len(row.ids), index + 1
        yield row


def practice_row(draw: Draw, vocabulary: int) -> Row:
    ids, known = practice(draw, vocabulary)
    return Row(ids, [token if sure else IGNORED for token, sure in zip(ids, known, strict=True)])


def parts(rows: list[Row]) -> Iterator[list[Row]]:
    """Rows of like length together, so that little is padding."""
    part: list[Row] = []
    for row in rows:
        if part and len(row.ids) * (len(part) + 1) > TOKENS_AT_ONCE:
            yield part
            part = []
        part.append(row)
    yield part


def examine(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast) -> dict[str, float]:
    """For each skill, the share of held-out answers of which every token is the likeliest: a quick look on the way."""
    shares = {}
    for skill in EXACT:
        rows = [encode(held_out(skill, number), tokenizer) for number in range(EXAMINED)]
        # One row at a time and no gradients: not worth compiling for.
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            right = sum(all_likeliest(model, row) for row in rows)
        shares[skill.__name__] = right / EXAMINED
    return shares


def held_out(skill: Any, number: int) -> Document:
    return example_document(skill(Draw(f"examine {number}", "held_out")))


def all_likeliest(model: Qwen3ForCausalLM, row: Row) -> bool:
    logits, targets = logits_and_labels(model, *(tensor.to(model.device) for tensor in batch([row], 0)))
    return bool((logits.argmax(-1) == targets).all())


def report(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.items())


def save(path: Path, model: Qwen3ForCausalLM, optimizers: list[Optimizer], steps: int) -> None:
    """In one move, so that a run that is cut off here leaves the checkpoint before."""
    states = [optimizer.state_dict() for optimizer in optimizers]
    scratch = path.with_suffix(".new")
    torch.save({"model": model.state_dict(), "optimizers": states, "steps": steps}, scratch)
    scratch.replace(path)


def resume(path: Path, model: Qwen3ForCausalLM, optimizers: list[Optimizer], device: torch.device) -> int:
    """The number of steps that are done."""
    if not path.exists():
        return 0
    state = torch.load(path, map_location=device)
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return int(state["steps"])


if __name__ == "__main__":
    main()

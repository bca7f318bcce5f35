"""What the demo model can do before it has read anything."""

from __future__ import annotations

import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")

SIZE, PAIRS = 1000, 400
TWINS = [(token, token + PAIRS) for token in range(PAIRS)]
"""Tokens without and behind a space."""


def untrained(ready: bool) -> Any:
    from transformers import Qwen3ForCausalLM

    from tools.demo_model.induction import give_induction
    from tools.demo_model.model import shape

    torch.manual_seed(0)
    model = Qwen3ForCausalLM(shape(SIZE))
    if ready:
        give_induction(model, TWINS)
    return model


def hits(model: Any, twin: bool) -> int:
    """How often of 40 times what came after is among the likeliest, where a text's beginning comes once more; ``twin``:
    the second time with a space before each word."""
    draw, found = random.Random(0), 0
    for _ in range(40):
        seen = draw.sample(range(PAIRS), 60)
        at = draw.randrange(10, 50)
        again = [token + PAIRS * twin for token in seen[at - 3 : at]]
        between = draw.sample(range(2 * PAIRS, SIZE), draw.randrange(100))
        with torch.no_grad():
            likeliest = (
                model(torch.tensor([[*seen, *between, *again]])).logits[0, -1].topk(10).indices.tolist()
            )
        found += seen[at] in likeliest
    return found


@pytest.mark.parametrize("twin", [False, True])
def test_an_untrained_model_goes_on_with_what_it_has_seen(twin: bool) -> None:
    """Wherever that stood, and whether or not a space stood before it."""
    assert hits(untrained(ready=True), twin) >= 30
    assert hits(untrained(ready=False), twin) <= 10


def test_what_twins_have_in_common_stays_common() -> None:
    from torch.optim import AdamW

    from tools.demo_model.induction import OWN, share_gradients

    model = untrained(ready=True)
    embeddings, twins = model.model.embed_tokens.weight, torch.tensor(TWINS)
    optimizer = AdamW([embeddings], lr=1e-2, weight_decay=0.0)
    before = embeddings.detach().clone()
    for seed in range(3):
        ids = torch.randint(SIZE, (2, 50), generator=torch.Generator().manual_seed(seed))
        model(ids, labels=ids).loss.backward()
        share_gradients(embeddings.grad, twins)
        optimizer.step()
        optimizer.zero_grad()
    without, behind = embeddings.detach()[twins].unbind(1)
    assert torch.equal(without[:, OWN:], behind[:, OWN:])
    assert not torch.equal(without[:, :OWN], behind[:, :OWN])
    assert not torch.equal(embeddings.detach(), before)

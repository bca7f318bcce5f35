"""What the demo model can do before it has read anything."""

from __future__ import annotations

import random

import pytest

torch = pytest.importorskip("torch")


def test_an_untrained_model_goes_on_with_what_it_has_seen() -> None:
    """After a text and its beginning once more, the next token is among the likeliest, wherever the text stood."""
    from transformers import Qwen3ForCausalLM

    from tools.demo_model.induction import give_induction
    from tools.demo_model.model import shape

    size = 1000
    config = shape(size)
    plain, ready = Qwen3ForCausalLM(config), Qwen3ForCausalLM(config)
    give_induction(ready)
    draw = random.Random(0)
    hits = {False: 0, True: 0}
    for _ in range(40):
        seen = draw.sample(range(size), 60)
        at = draw.randrange(10, 50)
        ids = torch.tensor([[*seen, *draw.sample(range(size), draw.randrange(100)), *seen[at - 3 : at]]])
        for model in (plain, ready):
            with torch.no_grad():
                likeliest = model(ids).logits[0, -1].topk(10).indices.tolist()
            hits[model is ready] += seen[at] in likeliest
    assert hits[True] >= 30, hits
    assert hits[False] <= 10, hits

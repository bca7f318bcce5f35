"""The optimizer of the demo model's matrices."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

COEFFICIENTS, ITERATIONS = (3.4445, -4.7750, 2.0315), 5


class Muon(Optimizer):  # type: ignore[misc]  # torch is not followed, so its classes are Any
    """Momentum whose update is made orthogonal (https://kellerjordan.github.io/posts/muon/).

    PyTorch has one too, but always rounds to bfloat16, which takes three times as long on a CPU without such numbers.

    Parameters: matrices; the learning rate, in AdamW's measure (updates are scaled to its usual root mean square,
    https://arxiv.org/abs/2502.16982); momentum; decoupled weight decay; what the update is made orthogonal in.
    """

    def __init__(
        self,
        matrices: Iterable[Parameter],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        precision: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(
            matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "precision": precision}
        )

    def step(self, closure: None = None) -> None:
        with torch.no_grad():
            self._step()

    def _step(self) -> None:
        for group in self.param_groups:
            for matrix in group["params"]:
                momentum = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
                momentum.lerp_(matrix.grad, 1 - group["momentum"])
                ahead = matrix.grad.lerp(momentum, group["momentum"])  # Nesterov's
                update = orthogonal(ahead.to(group["precision"])).to(matrix.dtype)
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(update, alpha=-0.2 * max(matrix.shape) ** 0.5 * group["lr"])


def orthogonal(matrix: Tensor) -> Tensor:
    """The nearest matrix whose singular values are all about 1, by Newton and Schulz' iteration."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x

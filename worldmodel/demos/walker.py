"""A recurrent mixture density network that learns where a walker may go next."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from worldmodel.demos.forked_map import ForkedMap
from worldmodel.mdn import MixtureHead, SequenceModel
from worldmodel.types import Logs


@dataclass(frozen=True)
class WalkerConfig:
    """Size of the network; walks of `steps` moves, `batch_size` at once and `holdout` held out."""

    cell: str
    hidden: int
    layers: int
    components: int
    batch_size: int
    steps: int
    holdout: int

    def __post_init__(self) -> None:
        for key in ("hidden", "layers", "components", "batch_size", "steps", "holdout"):
            if getattr(self, key) < 1:
                raise ValueError(f"walker.{key} is {getattr(self, key)}: use at least 1")


class Walker(nn.Module):
    """Positions so far to a mixture over the next move."""

    def __init__(self, config: WalkerConfig, components: int) -> None:
        super().__init__()
        heads = {"move": MixtureHead(config.hidden, 2, components)}
        self.sequence = SequenceModel(2, config.hidden, heads, config.cell, config.layers)  # type: ignore[arg-type]

    def loss(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Logs]:
        """Nats per step of the moves between positions (B, T+1, 2)."""
        position = batch["position"]
        features, _ = self.sequence(position[:, :-1])
        parts = self.sequence.heads(features).nll({"move": position.diff(dim=1)})
        return parts["total"], {}

    @torch.no_grad()
    def futures(
        self, prime: Tensor, count: int, steps: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Imagine `count` ways on from one walk.

        Args:
            prime: positions so far (T, 2).
            count: number of futures, drawn as one batch.
            steps: number of moves.
            generator: source of the draws.

        Returns:
            Positions (count, steps + 1, 2) from the last of `prime` on, and the likeliest
            component of each move (count, steps).
        """
        primes = prime.expand(count, *prime.shape)
        drawn = self.sequence.generate(
            primes, steps, generator=generator, feedback=lambda x, draw: x + draw["move"]
        ).drawn
        start = primes[:, -1:]
        positions = torch.cat([start, start + drawn["move"].cumsum(1)], 1)
        seen = torch.cat([primes[:, :-1], positions[:, :-1]], 1)
        features, _ = self.sequence(seen)
        moves = self.sequence.heads(features[:, len(prime) - 1 :])["move"]
        return positions, moves.responsibilities(drawn["move"]).argmax(-1)


@torch.no_grad()
def exact_nats(forked: ForkedMap, batch: Mapping[str, Tensor]) -> float:
    """Mean nats per step of the true density on the same walks: the loss of an exact model."""
    position = batch["position"]
    truth = forked.next_move(batch["state"][:, :-1], position[:, :-1])
    return -truth.log_prob(position.diff(dim=1)).mean().item()

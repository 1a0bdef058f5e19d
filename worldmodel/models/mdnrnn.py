"""M: an LSTM that predicts the next latent, the reward and the end of the episode."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from worldmodel.mdn import (
    BernoulliHead,
    BoundedLogSigma,
    LeastSquaresHead,
    Mixture,
    MixtureHead,
    SequenceModel,
    State,
    nll,
    pit,
)
from worldmodel.mdn.mixture import FACTORIZATIONS, Factorization
from worldmodel.types import Logs

Batch = Mapping[str, Tensor]
COVERED = (50, 90)  # percent
ROUNDING = 1e-6  # share of the mean reward below which its deviation is one of float32


@dataclass(frozen=True)
class MDNRNNConfig:
    """Size of M and what it is trained on.

    `hidden` is the LSTM's size; `components`, `factorization` and the bounds of log-sigma are
    those of the mixture over the next latent; `reward_head` and `end_head` say what is predicted
    besides it. `z_noise` is the share of V's posterior standard deviation that is drawn around the
    means which M sees and predicts: 1 in the paper, which keeps M from overfitting to particular
    codes; with less, M foresees the means that a controller with sample_z=false acts on.
    `input_noise` is the greatest standard deviation of noise on the latents that M sees in
    training, but not on those that it predicts: it learns to get back to what is real from small
    errors, as its own will be in a dream (as Sanchez-Gonzalez et al. 2020 train a simulator).
    `restart_input` shows M a flag at the first step of an episode, as in the paper's
    Doom. The loss is the sum of nats per latent dimension, reward nats and end nats times
    their weights; `end_positive_weight` multiplies the end nats of steps that do end.
    """

    hidden: int
    components: int
    factorization: Factorization
    log_sigma_min: float
    log_sigma_max: float
    reward_head: bool
    end_head: bool
    restart_input: bool
    z_weight: float
    reward_weight: float
    end_weight: float
    end_positive_weight: float
    z_noise: float = 1.0  # this and the next as of models from before there was a choice
    input_noise: float = 0.0

    def __post_init__(self) -> None:
        for key in ("hidden", "components"):
            if getattr(self, key) < 1:
                raise ValueError(f"mdnrnn.{key} is {getattr(self, key)}: it must be at least 1")
        if self.factorization not in FACTORIZATIONS:
            raise ValueError(f"mdnrnn.factorization is {self.factorization}: use per_dim or joint")
        if not -math.inf < self.log_sigma_min < 0:
            raise ValueError(f"mdnrnn.log_sigma_min is {self.log_sigma_min}: it must be below 0")
        if not 0 < self.log_sigma_max < math.inf:
            raise ValueError(f"mdnrnn.log_sigma_max is {self.log_sigma_max}: it must be above 0")
        for key in ("z_weight", "reward_weight", "end_weight", "z_noise", "input_noise"):
            if not 0 <= getattr(self, key) < math.inf:
                raise ValueError(f"mdnrnn.{key} is {getattr(self, key)}: it can't be negative")
        if not 0 < self.end_positive_weight < math.inf:
            raise ValueError(
                f"mdnrnn.end_positive_weight is {self.end_positive_weight}: it must be positive"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What M expects of the next step; None where it has no head for it.

    `reward` (...) is the expected reward in the environment's own units. `end` (...) is the chance
    of the end as trained: `end_positive_weight` raises it above the true chance, which is
    `end_chance`.
    """

    z: Mixture
    reward: Tensor | None
    end: Tensor | None
    end_chance: Tensor | None


class MDNRNN(nn.Module):
    """M of Ha & Schmidhuber 2018, appendix A.2: p(z', reward, end | z, action, history).

    Rewards are standardised with statistics that are stored with the weights, so a reward of any
    size weighs the same in the loss; predictions are in the environment's units.

    Args:
        config: sizes and weights.
        z_dim: size of the latent, Z.
        action_dim: size of the action vector, A.
    """

    reward_mean: Tensor
    reward_std: Tensor

    def __init__(self, config: MDNRNNConfig, z_dim: int, action_dim: int) -> None:
        super().__init__()
        self.config, self.z_dim, self.action_dim = config, z_dim, action_dim
        heads: dict[str, nn.Module] = {
            "z": MixtureHead(
                config.hidden,
                z_dim,
                config.components,
                factorization=config.factorization,
                sigma=BoundedLogSigma(config.log_sigma_min, config.log_sigma_max),
            )
        }
        if config.reward_head:
            heads["reward"] = LeastSquaresHead(config.hidden, 1)
        if config.end_head:
            heads["end"] = BernoulliHead(config.hidden)
        self.sequence = SequenceModel(
            z_dim + action_dim + config.restart_input, config.hidden, heads
        )
        self.register_buffer("reward_mean", torch.zeros(()))
        self.register_buffer("reward_std", torch.ones(()))

    def set_reward_statistics(self, mean: float, std: float) -> None:
        """Standardise rewards by these, in whatever unit; a constant reward is only shifted."""
        varies = std > ROUNDING * abs(mean)
        self.reward_mean.fill_(mean)
        self.reward_std.fill_(std if varies else 1.0)

    def loss(self, batch: Batch) -> tuple[Tensor, Logs]:
        """Negative log-likelihood of a batch of sequences; every mean is over real steps only.

        Latents are drawn afresh around their means at every call, from torch's global generator
        (the paper, appendix A.2: it keeps M from overfitting to particular codes).

        Args:
            batch: `mu` and `logvar` (B, T+1, Z), `action` (B, T, A), `reward`, `end`, `mask`
                and, with `restart_input`, `start` (B, T); the last three hold 0 or 1, and mask 0
                marks padding.

        Returns:
            The loss, and detached: `z_nats_per_dim`; in eval mode `z_coverage_50` and
            `z_coverage_90`, the share of numbers of the next z that lie in the middle 50 and 90 %
            of what M expects of each (0.5 and 0.9 if M is as sure as it should be); with a reward
            head `reward_nats` and `reward_mse`, both of standardised rewards (an mse of 1 is what
            the mean reward reaches); with an end head `end_bce` (without `end_positive_weight`) and
            `end_accuracy`.
        """
        mask, config = batch["mask"].float(), self.config
        expected, z = self._expect(batch)

        z_nats = nll(expected["z"], z[:, 1:], mask, per="dimension")
        loss, logs = config.z_weight * z_nats, {"z_nats_per_dim": z_nats}
        if not self.training:
            logs |= _coverage(expected["z"], z[:, 1:], mask)
        if "reward" in expected:
            reward = (batch["reward"].float() - self.reward_mean) / self.reward_std
            nats = nll(expected["reward"], reward.unsqueeze(-1), mask)
            loss = loss + config.reward_weight * nats
            error = expected["reward"].mean.squeeze(-1) - reward
            logs |= {"reward_nats": nats, "reward_mse": masked_mean(error.square(), mask)}
        if "end" in expected:
            end = batch["end"].float()
            nats = nll(expected["end"], end, mask, reduction="none")
            importance = 1 + (config.end_positive_weight - 1) * end
            loss = loss + config.end_weight * masked_mean(importance * nats, mask)
            correct = ((expected["end"].logits > 0) == (end > 0.5)).float()
            logs |= {"end_bce": masked_mean(nats, mask), "end_accuracy": masked_mean(correct, mask)}
        return loss, {name: value.detach() for name, value in logs.items()}

    @torch.no_grad()
    def pit(self, batch: Batch) -> Tensor:
        """PIT (N, Z) of the next z at all N real steps of a batch, as `loss` takes them.

        Each number is uniform on (0, 1) if M is as sure as it should be (Dawid 1984).
        """
        expected, z = self._expect(batch)
        return pit(expected["z"], z[:, 1:])[batch["mask"] > 0]

    def _expect(self, batch: Batch) -> tuple[dict[str, Any], Tensor]:
        """What M expects after each of the latents (B, T+1, Z) that it draws."""
        z = sample_latents(batch["mu"], batch["logvar"])
        inputs = [self._disturb(z[:, :-1]), batch["action"].float()]
        if self.config.restart_input:
            inputs.append(batch["start"].float().unsqueeze(-1))
        features, _ = self.sequence(torch.cat(inputs, -1))
        return self.sequence.heads(features), z

    def _disturb(self, z: Tensor) -> Tensor:
        """Noise of another size on every sequence of (B, T, Z), so that clean ones occur too."""
        most = self.config.input_noise
        if not most or not self.training:
            return z
        return z + most * z.new_empty(len(z), 1, 1).uniform_() * torch.randn_like(z)

    def initial_state(self, batch: int, device: torch.device | str | None = None) -> State:
        """Zeros (hidden, cell), each (batch, hidden): the state at the start of an episode.

        With `restart_input` there is a third entry (batch, 1), 1 here and 0 after a step.
        """
        state = self.sequence.initial_state(batch, device)
        return (*state, state[0].new_ones(batch, 1)) if self.config.restart_input else state

    def advance(self, z: Tensor, action: Tensor, state: State) -> State:
        """The state after `z` (B, Z) was seen and `action` (B, A) taken; computes no head."""
        hidden, cell, *restart = state
        after = self.sequence.step(torch.cat([z, action, *restart], -1), (hidden, cell))[1]
        return (*after, *(torch.zeros_like(flag) for flag in restart))

    def predict(self, hidden: Tensor) -> Prediction:
        """What is expected next in hidden state (..., hidden), the first half of a state."""
        expected = self.sequence.heads(hidden)
        reward = end = chance = None
        if "reward" in expected:
            reward = expected["reward"].mean.squeeze(-1) * self.reward_std + self.reward_mean
        if "end" in expected:
            end = expected["end"].probs
            # Weighting the ends by w multiplies the odds that fit them best by w.
            chance = end / (end + self.config.end_positive_weight * (1 - end))
        return Prediction(expected["z"], reward, end, chance)

    def paper_parameter_count(self) -> int:
        """Number of parameters as the paper counts them: one LSTM bias where torch keeps two."""
        return sum(p.numel() for p in self.parameters()) - 4 * self.config.hidden


def sample_latents(mu: Tensor, logvar: Tensor) -> Tensor:
    """Draw z around its mean, in float32 whatever the type in storage."""
    mu, logvar = mu.float(), logvar.float()
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


def _coverage(expected: Mixture, z: Tensor, mask: Tensor) -> Logs:
    away = (2 * pit(expected, z) - 1).abs()
    return {
        f"z_coverage_{percent}": masked_mean((away <= percent / 100).float().mean(-1), mask)
        for percent in COVERED
    }


def masked_mean(value: Tensor, mask: Tensor) -> Tensor:
    """Mean of `value` over the entries where `mask`, of the same shape, is 1; 0 if there are none.

    What stands in the padding does not matter, not even NaN.
    """
    return torch.where(mask > 0, value, 0).sum() / mask.sum().clamp(min=1)

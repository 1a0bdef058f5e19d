"""M: training steps."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, Normal
from torch.nn.functional import binary_cross_entropy_with_logits

from worldmodel.bench.row import Row, Setting, alternate
from worldmodel.envs.make import make_spec
from worldmodel.models.mdnrnn import MDNRNN, MDNRNNConfig, sample_latents


class PlainMDNRNN(nn.Module):
    """M as one would write it first, on torch's distributions."""

    def __init__(self, config: MDNRNNConfig, z_dim: int, action_dim: int) -> None:
        super().__init__()
        self.shape = (z_dim, config.components)
        self.rnn = nn.LSTM(z_dim + action_dim, config.hidden, batch_first=True)
        self.mixture = nn.Linear(config.hidden, 3 * z_dim * config.components)
        self.end = nn.Linear(config.hidden, 1)

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Nats per dimension of the next z, and of the end."""
        z = sample_latents(batch["mu"], batch["logvar"])
        features, _ = self.rnn(torch.cat([z[:, :-1], batch["action"]], -1))
        logits, mu, log_sigma = (
            part.unflatten(-1, self.shape) for part in self.mixture(features).chunk(3, -1)
        )
        mixture = MixtureSameFamily(Categorical(logits=logits), Normal(mu, log_sigma.exp()))
        end = binary_cross_entropy_with_logits(self.end(features).squeeze(-1), batch["end"])
        return end - mixture.log_prob(z[:, 1:]).mean()


def train_mdnrnn(setting: Setting) -> Row:
    """Env steps per second of training steps."""
    sizes, z_dim = setting.sizes, setting.vae.z_dim
    action_dim = make_spec(setting.env).action_dim
    windows, length = sizes.windows, sizes.length
    batch = {
        "mu": torch.randn(windows, length + 1, z_dim),
        "logvar": torch.full((windows, length + 1, z_dim), -2.0),
        "action": torch.zeros(windows, length, action_dim),
        "reward": torch.zeros(windows, length),
        "end": torch.zeros(windows, length),
        "start": torch.zeros(windows, length),
        "mask": torch.ones(windows, length),
    }
    batch = {name: part.to(setting.device) for name, part in batch.items()}
    ours = MDNRNN(setting.mdnrnn, z_dim, action_dim).to(setting.device)
    plain = PlainMDNRNN(setting.mdnrnn, z_dim, action_dim).to(setting.device)
    ways = {
        "ours": _step(ours, lambda: ours.loss(batch)[0], fused=True),
        "naive": _step(plain, lambda: plain.loss(batch), fused=False),
    }
    took = alternate(ways, max(1, sizes.rounds // 4))
    steps = windows * length
    way = "nn.LSTM and torch.distributions, without a reward head"
    return Row(steps / took["ours"], steps / took["naive"], "env steps/s", way)


def _step(model: nn.Module, loss: Callable[[], Tensor], fused: bool) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=fused)

    def step() -> None:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        nn.utils.clip_grad_value_(model.parameters(), 1.0)
        optimizer.step()
        value.item()

    return step

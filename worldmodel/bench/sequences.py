"""M: training steps; and one step of a sequence model in a program of its own."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, MixtureSameFamily, Normal
from torch.nn.functional import binary_cross_entropy_with_logits

from worldmodel.bench.row import Row, Setting, alternate
from worldmodel.envs.make import make_spec
from worldmodel.mdn import MixtureHead, SequenceModel
from worldmodel.models.mdnrnn import MDNRNN, MDNRNNConfig, sample_latents

STEPS = 100  # of the exported model in one measurement


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


class OneStep(nn.Module):
    """A sequence model as a program: an input and a state to parameters and the next state."""

    def __init__(self, model: SequenceModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """x (B, 3) and states (B, hidden) to logits, mu, log_sigma, regression and states."""
        features, after = self.model.step(x, state)
        move = self.model.heads(features)["move"]
        return move.logits, move.mu, move.log_sigma, move.regression, *after


@torch.no_grad()
def exported_step(setting: Setting) -> Row:
    """Steps per second of a two-layer LSTM of 64 and a mixture of 20, one sequence, one thread.

    Compiling takes a C++ compiler and half a minute.
    """
    heads = {"move": MixtureHead(64, 2, 20, covariance="full")}
    step = OneStep(SequenceModel(3, 64, heads, layers=2, inputs=("move",))).eval()
    given = (torch.zeros(1, 3), *step.model.initial_state(1))
    with tempfile.TemporaryDirectory() as folder:
        program = torch.export.export(step, given, strict=True)
        path = torch._inductor.aoti_compile_and_package(
            program, package_path=str(Path(folder) / "step.pt2")
        )
        exported = torch._inductor.aoti_load_package(path)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        ways = {name: _many(one, given) for name, one in (("ours", exported), ("naive", step))}
        took = alternate(ways, setting.sizes.rounds)
        torch.set_num_threads(threads)
    way = "the same model as it is, in Python"
    return Row(STEPS / took["ours"], STEPS / took["naive"], "steps/s", way)


def _many(step: Callable[..., object], given: tuple[Tensor, ...]) -> Callable[[], None]:
    def run() -> None:
        for _ in range(STEPS):
            step(*given)

    return run


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

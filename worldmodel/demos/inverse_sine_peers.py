"""Other libraries' mixtures on the inverse sine, where they are installed.

They are trained as ours is: the same rows, batches, steps, optimizer and size of the layers before
the mixture, and their own start, map to sigma and loss.
"""

import importlib
import os
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from worldmodel.data.rows import Rows
from worldmodel.demos.inverse_sine import InverseSineConfig
from worldmodel.mdn import MixtureHead, nll
from worldmodel.run.checkpoint import save_json
from worldmodel.run.recorder import Recorder
from worldmodel.seed import derive
from worldmodel.train.fit import FitConfig, fit
from worldmodel.types import Logs, UserError

Columns = dict[str, Tensor]  # x and y, each (N, 1)
Loss = Callable[[Tensor, Tensor], Tensor]  # of x and y (N, 1): nats of each row, or their mean


class PeerNet(nn.Module):
    """Somebody's network, as the training loop takes it."""

    def __init__(self, parts: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.parts = parts
        self._loss = loss

    def loss(self, batch: Columns) -> tuple[Tensor, Logs]:
        """Nats of y given x."""
        return self._loss(batch["x"], batch["y"]).mean(), {}


def ours(hidden: int, components: int, rows: Columns) -> PeerNet:
    """`MixtureHead` with its defaults, started from the data."""
    head = MixtureHead(hidden, 1, components)
    head.init_from(rows["y"])
    net = nn.Sequential(*_trunk(hidden), head)
    return PeerNet(net, lambda x, y: nll(net(x), y))


def keras_mdn_layer(hidden: int, components: int, rows: Columns) -> PeerNet:
    """keras-mdn-layer on Keras 3 with torch."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    library: Any = importlib.import_module("keras_mdn_layer")
    layer = library.MDN(1, components)
    layer.build((None, hidden))
    trunk, cost = nn.Sequential(*_trunk(hidden)), library.get_mixture_loss_func(1, components)
    return PeerNet(nn.ModuleList([trunk, layer]), lambda x, y: cost(y, layer(trunk(x))))


def sbi(hidden: int, components: int, rows: Columns) -> PeerNet:
    """sbi's mixture of Gaussians, which standardises x and y itself."""
    library: Any = importlib.import_module("sbi.neural_nets.net_builders.mdn")
    net = library.build_mdn(rows["y"], rows["x"], hidden_features=hidden, num_components=components)
    return PeerNet(net, lambda x, y: net.loss(y, condition=x))


def pytorch_mdn(hidden: int, components: int, rows: Columns) -> PeerNet:
    """The package `mdn` of sagelywizard/pytorch-mdn."""
    library: Any = importlib.import_module("mdn.mdn")
    net = nn.Sequential(*_trunk(hidden), library.MDN(hidden, 1, components))
    return PeerNet(net, lambda x, y: library.mdn_loss(*net(x), y))


def mixture_density_network(hidden: int, components: int, rows: Columns) -> PeerNet:
    """The module `blocks` in src/ of tonyduan/mixture-density-network: two networks of its own."""
    library: Any = importlib.import_module("blocks")
    net = library.MixtureDensityNetwork(1, 1, components, hidden)
    # Its likelihood leaves the constant out.
    constant = 0.5 * torch.log(torch.tensor(2 * torch.pi))
    return PeerNet(net, lambda x, y: net.loss(x, y) + constant)


def _trunk(hidden: int) -> list[nn.Module]:
    return [nn.Linear(1, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()]


PEERS: dict[str, Callable[[int, int, Columns], PeerNet]] = {
    "ours": ours,
    "keras-mdn-layer": keras_mdn_layer,
    "sbi": sbi,
    "pytorch-mdn": pytorch_mdn,
    "mixture-density-network": mixture_density_network,
}


def make_peer(name: str, hidden: int, components: int, rows: Columns) -> PeerNet:
    """A network of `PEERS`.

    Raises:
        UserError: for another name, or where the library is not installed.
    """
    if name not in PEERS:
        raise UserError(f"inverse_sine.peers names {name!r}: choose from {', '.join(PEERS)}.")
    try:
        return PEERS[name](hidden, components, rows)
    except ModuleNotFoundError as error:
        raise UserError(
            f"inverse_sine.peers names {name}, but {error.name} is not installed."
        ) from error


def compare(
    config: InverseSineConfig, recipe: FitConfig, run: Recorder, device: str
) -> dict[str, float]:
    """Train every peer of the config on the same rows and measure it on fresh ones.

    Returns:
        The median nats of each over the seeds; summary.json has them by seed.
    """
    test = config.rows_of(config.test_rows, derive(run.seed, "test"))
    nats: dict[str, list[float]] = {name: [] for name in config.peers}
    sizes: dict[str, int] = {}
    for index in range(config.seeds):
        seed = derive(run.seed, "fit", index, 2)
        rows = config.rows_of(config.rows, derive(run.seed, "train", index, 1))
        data = Rows(rows, config.batch_size, config.holdout_fraction, seed)
        for name in config.peers:
            torch.manual_seed(seed)
            net = make_peer(name, config.hidden, config.components, rows)
            about = {"kind": name, "hidden": config.hidden}
            fit(net, data, recipe, run.subrun(f"{name}_{index}", seed), about=about, device=device)
            with torch.no_grad():
                nats[name].append(net.loss(test)[0].item())
            sizes[name] = sum(p.numel() for p in net.parameters())
    save_json(run.folder / "summary.json", {"by_seed": nats, "parameters": sizes})
    return {f"median_{name}": median(each) for name, each in nats.items()}

"""The train_mdnrnn stage: M, its three baselines, and how far its dreams hold."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import nn

from worldmodel.data.episodes import EpisodeStore
from worldmodel.data.latents import LatentData, LatentStore, WindowsConfig
from worldmodel.data.split import warn_if_shared
from worldmodel.models.baselines import fit_persistence, persistence_nats, unit_gaussian_nats
from worldmodel.models.imagine import imagine, open_loop_error
from worldmodel.models.mdnrnn import MDNRNN, MDNRNNConfig
from worldmodel.models.pictures import COLUMNS, filmstrip
from worldmodel.models.vae import VAE
from worldmodel.report.calibration import calibration_picture
from worldmodel.run import checkpoint
from worldmodel.run.recorder import Recorder
from worldmodel.run.run import Run
from worldmodel.train.fit import FitConfig, FitResult, fit, read_state, take_best
from worldmodel.train.holdout import holdout_losses

# What the stage reports of the newest hold-out episodes alone: M's log, and under which name.
NEWEST = {"z_nats_per_dim": "newest_nats_per_dim", "reward_mse": "newest_reward_mse"}
PERSISTENCE_BATCHES = 32  # training batches from which its sigma comes


@dataclass(frozen=True)
class DreamsConfig:
    """`context` real frames are shown before an open-loop dream of `horizon` agent steps."""

    context: int
    horizon: int

    def __post_init__(self) -> None:
        for key in ("context", "horizon"):
            if getattr(self, key) < 1:
                raise ValueError(f"dreams.{key} is {getattr(self, key)}: it must be at least 1")


def train_mdnrnn(
    config: MDNRNNConfig,
    windows: WindowsConfig,
    fitting: FitConfig,
    dreaming: DreamsConfig,
    vae: VAE,
    run: Run,
    *,
    baseline: bool,
    device: str,
    start: Path | None = None,
) -> dict[str, float]:
    """Train M on the encoded episodes and put its hold-out nats per dimension beside baselines.

    Where episodes were replayed, M's losses on the newest hold-out episodes alone come with them.

    Args:
        config: M.
        windows: how episodes are cut into sequences.
        fitting: numbers of the training run.
        dreaming: length of the open-loop dreams.
        vae: draws the dreams.
        run: folders, log and terminal.
        baseline: also train a single Gaussian (K=1) by the same code, in the folder k1.
        device: "auto", "cpu" or "cuda".
        start: checkpoint of an M whose weights training begins with; None: random ones.
    """
    store = LatentStore.open(run.of("encode") / "latents")
    data = LatentData(store, windows, run.seed, config.z_noise)
    warn_if_shared(data.train_episodes, data.holdout_episodes, run.say)
    figures: dict[str, float] = {}
    if baseline:
        read_state(run)  # what can't go on should not change a part of its results first
        single = replace(config, components=1)
        subrun = run.subrun("k1")
        model, _ = _train(single, data, store, fitting, subrun, device, None)
        figures["nats_per_dim_single_gaussian"] = take_best(model, subrun)[1]["z_nats_per_dim"]
    dreams = Dreams(store, data, vae, run, dreaming)
    model, result = _train(config, data, store, fitting, run, device, dreams, start)
    step, holdout = take_best(model, run)
    # Killed after its last checkpoint, M had no step left to draw after.
    if step < fitting.steps or not dreams.errors:
        dreams(model, fitting.steps)
    figures["nats_per_dim"] = holdout["z_nats_per_dim"]
    newest = holdout_losses(
        model, data.holdout_newest(), seed=run.seed, precision=result.precision, device=device
    )
    figures |= {name: newest[key] for key, name in NEWEST.items() if key in newest}
    figures |= _closed_forms(data, run.seed)
    figures |= dreams.errors
    run.log().scalars(fitting.steps, {f"final/{name}": value for name, value in figures.items()})
    return figures


def _train(
    config: MDNRNNConfig,
    data: LatentData,
    store: LatentStore,
    fitting: FitConfig,
    run: Recorder,
    device: str,
    picture: Callable[[nn.Module, int], None] | None,
    start: Path | None = None,
) -> tuple[MDNRNN, FitResult]:
    torch.manual_seed(run.seed)
    model = MDNRNN(config, store.z_dim, store.action_dim)
    if start is not None:
        checkpoint.start_from(model, start)
    model.set_reward_statistics(*data.reward_statistics())
    about = {
        "kind": "mdnrnn",
        **asdict(config),
        "z_dim": store.z_dim,
        "action_dim": store.action_dim,
    }
    return model, fit(model, data, fitting, run, about=about, device=device, picture=picture)


def _closed_forms(data: LatentData, seed: int) -> dict[str, float]:
    """Baselines that need no network, on the same hold-out windows."""
    torch.manual_seed(seed)
    sigma = fit_persistence(islice(data.batches(0), PERSISTENCE_BATCHES))
    held = list(data.holdout())
    return {
        "nats_per_dim_unit_gaussian": unit_gaussian_nats(held),
        "nats_per_dim_persistence": persistence_nats(held, sigma),
    }


class Dreams:
    """Draws what M expects beside what came, and measures the error over the horizon."""

    def __init__(
        self,
        store: LatentStore,
        data: LatentData,
        vae: VAE,
        run: Run,
        config: DreamsConfig,
    ) -> None:
        self._store, self._vae, self._run = store, vae, run
        self._context = config.context
        length = config.context + config.horizon
        self._stretches = [
            (episode, start)
            for episode in data.holdout_episodes
            for start in range(0, store.length(episode) + 2 - length, length)
        ][:64]
        self._length = length
        self._held = next(iter(data.holdout()), None)
        self._frames = EpisodeStore.open(run.of("collect") / "episodes")
        self.errors: dict[str, float] = {}

    @torch.inference_mode()
    def __call__(self, mdnrnn: nn.Module, step: int) -> None:
        """Write a filmstrip and the open-loop error of one step."""
        assert isinstance(mdnrnn, MDNRNN)
        if not self._stretches:
            return
        z, action = (torch.from_numpy(part) for part in self._cut())
        device = next(mdnrnn.parameters()).device
        dreamt = imagine(mdnrnn, z.to(device), action.to(device), self._context).cpu()
        error = open_loop_error(z, dreamt, self._context)
        still = open_loop_error(z, z[:, self._context - 1 : self._context], self._context)
        log = self._run.log()
        at = [i for i in (1, 5, 10, 25, 50, 100) if i <= len(error)]
        self.errors = {f"open_loop_rmse_{i}": float(error[i - 1]) for i in at}
        log.scalars(
            step,
            {f"open_loop/{i}": float(error[i - 1]) for i in at}
            | {f"open_loop_still/{i}": float(still[i - 1]) for i in at},
        )
        episode, start = self._stretches[len(self._stretches) // 2]
        frames = self._frames.read_frames(episode, start, start + self._length)
        middle, shown = len(self._stretches) // 2, slice(self._context - 1, None)
        rows = frames[shown], z[middle, shown], dreamt[middle, shown]
        strip = filmstrip(self._vae, *rows, columns=COLUMNS)
        log.image(step, "dream", strip)
        if self._held is not None:
            held = {name: part.to(device) for name, part in self._held.items()}
            torch.manual_seed(self._run.seed)
            log.image(
                step, "calibration", calibration_picture(mdnrnn.pit(held).flatten().cpu().numpy())
            )

    def _cut(self) -> tuple[np.ndarray, np.ndarray]:
        cuts = [self._store.episode(episode) for episode, _ in self._stretches]
        starts = [start for _, start in self._stretches]
        last = self._length - 1  # actions lie between frames
        return (
            np.stack([cut.mu[t : t + last + 1] for cut, t in zip(cuts, starts, strict=True)]),
            np.stack([cut.action[t : t + last] for cut, t in zip(cuts, starts, strict=True)]),
        )

"""Latents for M: episodes cut into windows, and the statistics that M needs."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldmodel.data.latent_store import LatentEpisode, LatentStore, LatentWriter
from worldmodel.data.split import newest, repeat_newest, split
from worldmodel.seed import derive
from worldmodel.types import IntArray

__all__ = ["LatentData", "LatentEpisode", "LatentStore", "LatentWriter", "WindowsConfig"]


@dataclass(frozen=True)
class WindowsConfig:
    """How sequences reach M: `batch_size` windows of `length` steps (length + 1 latents).

    Take the same `holdout_fraction` as for V, and the same episodes are held out. Train episodes
    that are not replayed ones come `newest_weight` times in an epoch (None: once, as the others).
    """

    batch_size: int
    length: int
    holdout_fraction: float
    newest_weight: int | None

    def __post_init__(self) -> None:
        for key, least in (("batch_size", 1), ("length", 2)):
            if getattr(self, key) < least:
                raise ValueError(
                    f"windows.{key} is {getattr(self, key)}: it must be at least {least}"
                )
        if not 0 < self.holdout_fraction < 1:
            raise ValueError(
                f"windows.holdout_fraction is {self.holdout_fraction}: it must be between 0 and 1"
            )
        if self.newest_weight is not None and self.newest_weight < 1:
            raise ValueError(
                f"windows.newest_weight is {self.newest_weight}: it must be at least 1 or null"
            )


class LatentData:
    """Endless batches of windows, each a dict of float32 tensors, padded with zeros at the end:

    mu, logvar (B, L+1, Z); action (B, L, A); reward (B, L); end (B, L), 1 where the episode
    terminated (a truncated one goes on, as far as M is concerned); start (B, L), 1 at the first
    step of an episode; mask (B, L), 1 for real steps.

    In each epoch every train episode is cut into consecutive windows from a random phase on, the
    first and last of them shorter, and all windows are shuffled; an episode that fits into one
    window stays whole. Each of the `newest_weight` times that a newest episode comes has a phase of
    its own. Batches run on into the next epoch; they are a function of (seed, step).

    Args:
        store: the latents.
        config: windows and batches.
        seed: of the order.
        z_noise: factor on the posterior's standard deviation, which lowers `logvar`.

    Raises:
        UserError: if the latents hold a value that is not finite.
    """

    def __init__(
        self, store: LatentStore, config: WindowsConfig, seed: int, z_noise: float = 1.0
    ) -> None:
        store.check_finite()
        # An exact zero would be an infinite logarithm, and not a number in the padding.
        self._narrower = np.float32(2 * math.log(max(z_noise, 1e-6)))
        self._store, self._config, self._seed = store, config, seed
        self.train_episodes, self.holdout_episodes = split(
            store.indices(), config.holdout_fraction, seed
        )
        weighted = repeat_newest(self.train_episodes, store.newest_from, config.newest_weight)
        self._train = store.rows(weighted)

    def batches(self, start: int) -> Iterator[dict[str, Tensor]]:
        """Batches from step `start` on; seeking there reads no latents."""
        size = self._config.batch_size
        epoch, skip = 0, start * size
        windows = self._epoch(epoch)
        while len(windows) <= skip:
            skip, epoch = skip - len(windows), epoch + 1
            windows = self._epoch(epoch)
        windows = windows[skip:]
        while True:
            parts = [windows]
            while sum(map(len, parts)) < size:
                epoch += 1
                parts.append(self._epoch(epoch))
            windows = np.concatenate(parts)
            yield self._gather(windows[:size])
            windows = windows[size:]

    def holdout(self) -> Iterable[dict[str, Tensor]]:
        """The same batches at every call: hold-out episodes cut from their first step on."""
        return self._whole(self.holdout_episodes)

    def holdout_newest(self) -> Iterable[dict[str, Tensor]]:
        """The same for the newest hold-out episodes alone, if there are any."""
        return self._whole(newest(self.holdout_episodes, self._store.newest_from))

    def reward_statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of the train episodes' rewards (0.0 for constant ones)."""
        rewards = [self._store.episode(index).reward for index in self.train_episodes]
        flat = np.concatenate(rewards).astype(np.float64)
        return float(flat.mean()), float(flat.std())

    def _epoch(self, epoch: int) -> IntArray:
        rng = np.random.default_rng(derive(self._seed, "fit", epoch))
        phase = rng.integers(0, self._config.length, len(self._train))
        return rng.permutation(self._cut(self._train, phase))

    def _whole(self, episodes: list[int]) -> Iterator[dict[str, Tensor]]:
        """Batches of episodes that are cut from their first step on, in order."""
        rows = self._store.rows(episodes)
        windows = self._cut(rows, np.zeros(len(rows), np.int64))
        for at in range(0, len(windows), self._config.batch_size):
            yield self._gather(windows[at : at + self._config.batch_size])

    def _cut(self, rows: IntArray, phase: IntArray) -> IntArray:
        """Windows (row, start, stop) of steps, cut at phase, phase + length, … of each row."""
        length, steps = self._config.length, self._store.steps[rows]
        phase = np.where(steps > length, phase, 0)
        counts = (phase > 0) + -(-(steps - phase) // length)
        which = np.repeat(np.arange(len(rows)), counts)
        nth = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        begin = np.where(phase > 0, phase - length, 0)[which] + nth * length
        stop = np.minimum(begin + length, steps[which])
        return np.stack([rows[which], np.maximum(begin, 0), stop], 1)

    def _gather(self, windows: IntArray) -> dict[str, Tensor]:
        row, start, stop = windows[:, :, None].swapaxes(0, 1)
        store, step = self._store, np.arange(self._config.length + 1)
        real = start + step <= stop  # latents: one more than steps
        mask = real[:, 1:]
        # Padding points at the window's last entry, so that it stays within the files.
        frames = store.offsets[row] + np.minimum(start + step, stop)
        steps = store.offsets[row] - row + np.minimum(start + step[:-1], stop - 1)
        batch = {
            "mu": store.mu[frames] * real[..., None],
            "logvar": (store.logvar[frames] + self._narrower) * real[..., None],
            "action": store.action[steps] * mask[..., None],
            "reward": store.reward[steps] * mask,
            "end": (store.terminated[steps] & mask).astype(np.float32),
            "start": (start + step[:-1] == 0).astype(np.float32),
            "mask": mask.astype(np.float32),
        }
        return {name: torch.from_numpy(values) for name, values in batch.items()}

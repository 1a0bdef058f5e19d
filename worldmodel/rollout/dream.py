"""DreamWorld: M's own predictions as an environment, every rollout of a generation in one batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldmodel.models.controller import Controller
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.seed import derive
from worldmodel.types import FloatArray, IntArray


@dataclass(frozen=True)
class DreamConfig:
    """`temperature` of the dream (paper, section 4.3); a dream ends when the predicted chance of
    the end exceeds `end_threshold`, or after `max_steps` env steps.
    """

    temperature: float
    end_threshold: float
    max_steps: int

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise ValueError(f"world.temperature is {self.temperature}: it can't be negative")
        if not 0 < self.end_threshold <= 1:
            raise ValueError(f"world.end_threshold is {self.end_threshold}: use 0 to 1")


class DreamWorld:
    """The dream as a `World`: P candidates × R rollouts stepped together, no Python per rollout.

    Args:
        mdnrnn: predicts the next z, the reward and the end.
        controller: acts.
        first: (mu, logvar), each (E, Z), of stored first frames: where dreams start.
        config: temperature, end and cap.
        frame_skip: env steps per agent step, to report lengths in env steps.
        device: where the dream runs.
    """

    def __init__(
        self,
        mdnrnn: MDNRNN,
        controller: Controller,
        first: tuple[Tensor, Tensor],
        config: DreamConfig,
        frame_skip: int,
        device: str = "cpu",
    ) -> None:
        self._mdnrnn = mdnrnn.to(device).eval()
        self._controller = controller
        self._first = tuple(part.to(device).float() for part in first)
        self._config = config
        self._frame_skip = frame_skip
        self._device = torch.device(device)

    @torch.inference_mode()
    def evaluate(
        self, params: FloatArray, seeds: Sequence[int], *, training: bool
    ) -> tuple[FloatArray, IntArray]:
        """Dreamt returns and lengths in env steps (P, R); the same start for every candidate."""
        shape = (len(params), len(seeds))
        count = shape[0] * shape[1]
        weights = torch.from_numpy(np.asarray(params, np.float32)).to(self._device)
        generator = torch.Generator(self._device).manual_seed(derive(seeds[0], "dream"))
        z = self._start(seeds).repeat(shape[0], 1)
        hidden, cell = self._mdnrnn.initial_state(count, self._device)
        returns = torch.zeros(count, device=self._device)
        lengths = torch.zeros(count, dtype=torch.int64, device=self._device)
        alive = torch.ones(count, dtype=torch.bool, device=self._device)
        for _ in range(-(-self._config.max_steps // self._frame_skip)):
            parts = {"z": z, "h": hidden, "c": cell}
            features = self._controller.features(parts).view(*shape, -1)
            action = self._controller.act(weights, features).flatten(0, 1)
            hidden, cell = self._mdnrnn.advance(z, action, (hidden, cell))
            dream = self._mdnrnn.predict(hidden)
            z = dream.z.sample(self._config.temperature, generator)
            if dream.reward is not None:
                returns += torch.where(alive, dream.reward, 0)
            lengths += alive
            if dream.end is not None:
                alive = alive & (dream.end <= self._config.end_threshold)
                if not alive.any():
                    break
        steps = (lengths * self._frame_skip).view(shape)
        return returns.view(shape).cpu().numpy(), steps.cpu().numpy()

    def _start(self, seeds: Sequence[int]) -> Tensor:
        """First latents (R, Z): one stored first frame per seed, sampled around its mean."""
        mu, logvar = self._first
        rng = np.random.default_rng(list(seeds))
        rows = torch.from_numpy(rng.integers(len(mu), size=len(seeds))).to(self._device)
        noise = torch.from_numpy(rng.standard_normal((len(seeds), mu.shape[1]), np.float32))
        return mu[rows] + torch.exp(0.5 * logvar[rows]) * noise.to(self._device)

    def close(self) -> None:
        """Nothing to free."""

"""The agent of the paper, many at once: V, M and C run once per step over all live rollouts."""

import numpy as np
import torch
from torch import Tensor

from worldmodel.models.controller import Controller
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.models.vae import VAE
from worldmodel.types import BoolArray, FloatArray, Frames, IntArray


class Agent:
    """P candidates on R rollouts each, side by side in one batch of P·R.

    C acts on z_t and the state of M *before* M has seen (z_t, a_t), as in the paper's appendix.
    """

    def __init__(self, vae: VAE, mdnrnn: MDNRNN, controller: Controller) -> None:
        self.vae = vae.eval()
        self.mdnrnn = mdnrnn.eval()
        self.controller = controller

    @torch.inference_mode()
    def reset(self, params: FloatArray, rollouts: int, seed: int) -> None:
        """Start `rollouts` fresh rollouts of each of the parameter vectors (P, n)."""
        self._params = torch.from_numpy(np.asarray(params, np.float32))
        self._shape = (len(params), rollouts)
        count = len(params) * rollouts
        self._features = torch.zeros(count, self.controller.n_features)
        self._state = self.mdnrnn.initial_state(count)
        self._generator = torch.Generator().manual_seed(seed)

    @torch.inference_mode()
    def act(
        self,
        obs: Frames,
        ids: IntArray,
        overruled: BoolArray | None = None,
        instead: FloatArray | None = None,
    ) -> FloatArray:
        """Actions (k, action_dim) of the live rollouts `ids` (k,) that see `obs` (k, H, W, C).

        Where `overruled` (k,), the action is that of `instead` (k, action_dim), and M is told so.
        """
        rows = torch.from_numpy(ids)
        z = self._encode(torch.from_numpy(obs))
        state = tuple(part[rows] for part in self._state)
        self._features[rows] = self.controller.features({"z": z, "h": state[0], "c": state[1]})
        features = self._features.view(*self._shape, -1)
        action = self.controller.act(self._params, features).flatten(0, 1)[rows]
        if overruled is not None and instead is not None:
            given = torch.from_numpy(overruled).unsqueeze(-1)
            action = torch.where(given, torch.from_numpy(instead), action)
        for part, after in zip(self._state, self.mdnrnn.advance(z, action, state), strict=True):
            part[rows] = after
        return action.numpy()

    def _encode(self, obs: Tensor) -> Tensor:
        mu, logvar = self.vae.encode(obs)
        if not self.controller.config.sample_z:
            return mu
        noise = torch.randn(mu.shape, generator=self._generator)
        return mu + torch.exp(0.5 * logvar) * noise

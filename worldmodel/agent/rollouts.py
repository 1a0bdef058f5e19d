"""Many rollouts of V, M and C side by side: one pass of each per step."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from worldmodel.models.controller import Controller
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.models.vae import VAE
from worldmodel.seed import stream
from worldmodel.types import BoolArray, FloatArray, Frames, IntArray

BLOCK = 64  # steps for which the noise of z is drawn at once


class Rollouts:
    """P candidates on R rollouts each, in one batch of P·R.

    C acts on z_t and the state of M *before* M has seen (z_t, a_t), as in the paper's appendix.

    Args:
        vae: V, in eval mode.
        mdnrnn: M, in eval mode.
        controller: C.
        params: (P, n), one parameter vector per candidate.
        rollouts: R.
        seeds: draws of z follow from them, where C acts on draws: R, the same for all candidates,
            or P·R.
    """

    @torch.inference_mode()
    def __init__(
        self,
        vae: VAE,
        mdnrnn: MDNRNN,
        controller: Controller,
        params: FloatArray,
        rollouts: int,
        seeds: Sequence[int],
    ) -> None:
        self._vae, self._mdnrnn, self._controller = vae, mdnrnn, controller
        self._params = torch.from_numpy(np.asarray(params, np.float32))
        self._shape = (len(params), rollouts)
        count = len(params) * rollouts
        self._features = torch.zeros(count, controller.n_features)
        self._state = mdnrnn.initial_state(count)
        self._step = 0
        if controller.config.sample_z:
            self._streams = [stream(seed, "sample_z") for seed in seeds]

    @torch.inference_mode()
    def act(
        self,
        obs: Frames,
        ids: IntArray,
        overruled: BoolArray | None = None,
        instead: FloatArray | None = None,
    ) -> FloatArray:
        """Actions (k, action_dim) of the rollouts `ids` (k,) that go on and see `obs` (k, H, W, C).

        Where `overruled` (k,), the action is `instead` (k, action_dim), and M sees that one.
        """
        rows = torch.from_numpy(ids)
        z = self._encode(torch.from_numpy(obs), ids)
        state = tuple(part[rows] for part in self._state)
        self._features[rows] = self._controller.features({"z": z, "h": state[0], "c": state[1]})
        features = self._features.view(*self._shape, -1)
        action = self._controller.act(self._params, features).flatten(0, 1)[rows]
        if overruled is not None and instead is not None:
            given = torch.from_numpy(overruled).unsqueeze(-1)
            action = torch.where(given, torch.from_numpy(instead), action)
        for part, after in zip(self._state, self._mdnrnn.advance(z, action, state), strict=True):
            part[rows] = after
        return action.numpy()

    def _encode(self, obs: Tensor, ids: IntArray) -> Tensor:
        mu, logvar = self._vae.encode(obs)
        if not self._controller.config.sample_z:
            return mu
        at = self._step % BLOCK
        if at == 0:
            shape = BLOCK, mu.shape[1]
            drawn = [stream.standard_normal(shape, np.float32) for stream in self._streams]
            self._noise = torch.from_numpy(np.stack(drawn))
        self._step += 1
        noise = self._noise[torch.from_numpy(ids) % len(self._streams), at]
        return mu + torch.exp(0.5 * logvar) * noise

"""The agent of the paper: V, M and C together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from worldmodel.agent.load import load_mdnrnn, load_vae
from worldmodel.agent.policy import Policy
from worldmodel.agent.rollouts import Rollouts
from worldmodel.models.controller import count_features
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.models.vae import VAE
from worldmodel.types import FloatArray, Frames, UserError


class Agent:
    """V, M and C: acts on what one environment shows, or many.

    `reset` and `act` play the agent's own policy; `rollouts` plays any number of candidates.

    Args:
        vae: V; left in eval mode.
        mdnrnn: M; left in eval mode.
        policy: C.

    Raises:
        UserError: if the policy was evolved on latents or hidden states of other sizes.
    """

    def __init__(self, vae: VAE, mdnrnn: MDNRNN, policy: Policy) -> None:
        self.vae, self.mdnrnn, self.policy = vae.eval(), mdnrnn.eval(), policy
        self.controller = policy.controller()
        seen = count_features(policy.config.inputs, vae.config.z_dim, mdnrnn.config.hidden)
        if seen != len(policy.offset):
            raise UserError(
                f"The controller was evolved on {len(policy.offset)} features, these V and M give "
                f"{seen} of {', '.join(policy.config.inputs)}: use the V and M of its own run."
            )
        self._seed = 0
        self._playing: Rollouts | None = None

    @classmethod
    def from_files(
        cls, vae: Path, mdnrnn: Path, policy: Policy, precision: str = "fp32"
    ) -> "Agent":
        """V and M from their checkpoints; V encodes in "fp32" or "bf16".

        Raises:
            UserError: if a file is missing or broken, or they do not fit together.
        """
        return cls(load_vae(vae, precision), load_mdnrnn(mdnrnn), policy)

    def reset(self, seed: int = 0) -> None:
        """Begin new episodes: M forgets. Draws of z, where C acts on draws, follow from `seed`."""
        self._seed, self._playing = seed, None

    def act(self, obs: Frames) -> Any:
        """The action for an observation, as the environment's `step` takes it.

        Args:
            obs: (64, 64, 3) uint8, or (N, 64, 64, 3) of N environments that are stepped together,
                from `reset` on the same N in the same order.

        Returns:
            An action (A,), or an int for a discrete space; (N, A) or (N,) for N observations.

        Raises:
            ValueError: for observations of another shape or dtype, or another N than before.
        """
        frames = np.asarray(obs)
        shape = self.policy.spec.obs_shape
        many = frames.ndim == len(shape) + 1
        if frames.dtype != np.uint8 or frames.shape[many:] != shape:
            raise ValueError(
                f"obs is {frames.dtype} {frames.shape}: this agent sees uint8 {shape}, or a batch "
                "of them, as its make_env() shows them"
            )
        batch = frames if many else frames[None]
        if self._playing is None:
            seeds = [self._seed + index for index in range(len(batch))]
            self._playing = self.rollouts(self.policy.params[None], len(batch), seeds)
            self._count = len(batch)
        if len(batch) != self._count:
            raise ValueError(f"{len(batch)} observations after {self._count}: call reset() between")
        vectors = self._playing.act(np.ascontiguousarray(batch), np.arange(len(batch)))
        actions = self.policy.spec.to_env(vectors)
        return actions if many else actions[0]

    def rollouts(self, params: FloatArray, rollouts: int, seeds: Sequence[int]) -> Rollouts:
        """`rollouts` (R) fresh rollouts of each of the parameter vectors (P, n), in one batch.

        Draws of z follow from `seeds`: R, the same for all candidates, or P·R.
        """
        return Rollouts(self.vae, self.mdnrnn, self.controller, params, rollouts, seeds)

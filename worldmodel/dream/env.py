"""The dream as gymnasium environments: one, or many in one batch."""

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from worldmodel.dream.dynamics import Dreamers, Dynamics
from worldmodel.models.pictures import decode
from worldmodel.models.vae import VAE
from worldmodel.types import BoolArray, EnvSpec, FloatArray, Frames

Info = dict[str, Any]


class DreamVectorEnv(gym.vector.VectorEnv[FloatArray, Any, Any]):
    """`num_envs` dreams stepped as one batch.

    An observation is what a controller may see: z, h and c of the agent's M, concatenated. A dream
    that ended starts again at the next step, whose action is ignored and reward 0 (gymnasium's
    next-step autoreset).

    Args:
        dynamics: what follows from an action.
        spec: the environment that is dreamt of; gives the actions.
        num_envs: how many dreams.
        vae: decodes frames for `render`; None if nothing is to be seen.
    """

    metadata = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self, dynamics: Dynamics, spec: EnvSpec, num_envs: int, vae: VAE | None = None
    ) -> None:
        self.num_envs, self._dynamics, self._vae = num_envs, dynamics, vae
        self.env_spec = spec
        self.metadata = {**self.metadata, "render_fps": spec.steps_per_second}
        self.render_mode = None if vae is None else "rgb_array"
        self.single_observation_space, self.single_action_space = _spaces(dynamics, spec)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._generator = torch.Generator(dynamics.device)
        self._dreamers: Dreamers | None = None
        self._steps = np.zeros(num_envs, np.int64)
        self._over = np.zeros(num_envs, bool)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: Info | None = None
    ) -> tuple[FloatArray, Info]:
        """Start all dreams; one seed gives all of them.

        Raises:
            ValueError: for a list of seeds: the dreams draw from one stream.
        """
        if isinstance(seed, list):
            raise ValueError("the dreams of a batch draw from one stream: give one seed")
        if seed is not None or self._dreamers is None:
            super().reset(seed=seed)
            self._generator.manual_seed(int(self.np_random.integers(1 << 31)))
        self._dreamers = self._begin(np.ones(self.num_envs, bool))
        self._steps[:], self._over[:] = 0, False
        return self._look(), {}

    @torch.inference_mode()
    def step(self, actions: Any) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, Info]:
        """One agent step of every dream; those that were over start again."""
        assert self._dreamers is not None, "reset first"
        noise = self._dynamics.noise(self.num_envs, self._generator)
        with self._dynamics.autocast():
            reward, going = self._dynamics.step(self._dreamers, self._vectors(actions), noise)
        self._steps += 1
        fresh = self._over
        terminated = ~going.cpu().numpy() & ~fresh
        truncated = (self._steps >= self._dynamics.cap) & ~terminated & ~fresh
        rewards = np.where(fresh, 0, reward.cpu().numpy()).astype(np.float32)
        if fresh.any():
            self._restart(fresh)
        self._over = terminated | truncated
        return self._look(), rewards, terminated, truncated, {}

    def render(self) -> tuple[Frames, ...] | None:
        """What V decodes of every z: frames (64, 64, 3)."""
        if self._vae is None or self._dreamers is None:
            return None
        return tuple(decode(self._vae, self._dreamers.z.cpu()))

    @torch.inference_mode()
    def _begin(self, which: BoolArray) -> Dreamers:
        """Fresh dreams in the places `which`; draws for all, so what one gets is its own."""
        count, device = self.num_envs, self._dynamics.device
        like: dict[str, Any] = {"generator": self._generator, "device": device}
        rows = torch.randint(len(self._dynamics.starts), (count,), **like)
        normal = torch.randn(count, self._dynamics.mdnrnn.z_dim, **like)
        member = torch.arange(count, device=device) % max(1, len(self._dynamics.members))
        on = torch.from_numpy(which).to(device)
        return self._dynamics.begin(rows[on], normal[on], member[on])

    def _restart(self, which: BoolArray) -> None:
        assert self._dreamers is not None
        begun, old = self._begin(which), self._dreamers
        pairs = [(old.z, begun.z), *zip(old.agent_state, begun.agent_state, strict=True)]
        if old.predictor_state is not None and begun.predictor_state is not None:
            pairs += zip(old.predictor_state, begun.predictor_state, strict=True)
        on = torch.from_numpy(which).to(old.z.device)
        for part, fresh in pairs:
            part[on] = fresh
        self._steps[which] = 0

    def _vectors(self, actions: Any) -> torch.Tensor:
        given = np.asarray(actions)
        n = self.env_spec.n_actions
        vectors = np.eye(n, dtype=np.float32)[given] if n is not None else given.astype(np.float32)
        return torch.from_numpy(vectors).to(self._dynamics.device)

    def _look(self) -> FloatArray:
        assert self._dreamers is not None
        parts = (self._dreamers.z, *self._dreamers.agent_state[:2])
        return torch.cat(parts, -1).cpu().numpy()


class DreamEnv(gym.Env[NDArray[np.float32], Any]):
    """One dream. Observations and actions are those of `DreamVectorEnv`.

    Args:
        dynamics: what follows from an action.
        spec: the environment that is dreamt of; gives the actions.
        vae: decodes frames for `render`; None if nothing is to be seen.
    """

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(self, dynamics: Dynamics, spec: EnvSpec, vae: VAE | None = None) -> None:
        self._many = DreamVectorEnv(dynamics, spec, 1, vae)
        self.env_spec = spec
        self.metadata = {**self.metadata, "render_fps": spec.steps_per_second}
        self.render_mode = self._many.render_mode
        self.observation_space = self._many.single_observation_space
        self.action_space = self._many.single_action_space

    def reset(
        self, *, seed: int | None = None, options: Info | None = None
    ) -> tuple[FloatArray, Info]:
        """Start a dream."""
        super().reset(seed=seed)
        return self._many.reset(seed=seed)[0][0], {}

    def step(self, action: Any) -> tuple[FloatArray, float, bool, bool, Info]:
        """One agent step; M's end terminates, the cap truncates."""
        obs, reward, terminated, truncated, _ = self._many.step(np.asarray(action)[None])
        return obs[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), {}

    def render(self) -> Any:
        """What V decodes of z: a frame (64, 64, 3)."""
        frames = self._many.render()
        return None if frames is None else frames[0]


def _spaces(dynamics: Dynamics, spec: EnvSpec) -> tuple[gym.spaces.Box, gym.Space[Any]]:
    size = dynamics.mdnrnn.z_dim + 2 * dynamics.mdnrnn.config.hidden
    seen = gym.spaces.Box(-np.inf, np.inf, (size,), np.float32)
    if spec.n_actions is not None:
        return seen, gym.spaces.Discrete(spec.n_actions)
    low, high = np.array(spec.action_low, np.float32), np.array(spec.action_high, np.float32)
    return seen, gym.spaces.Box(low, high, dtype=np.float32)

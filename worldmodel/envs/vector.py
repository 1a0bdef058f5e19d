"""Many copies of one environment stepped together, by gymnasium or by EnvPool."""

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from worldmodel.envs.make import Env, EnvConfig, make_env
from worldmodel.envs.reuse import resets_afresh
from worldmodel.envs.wrappers import crop_resize
from worldmodel.run.hardware import cores
from worldmodel.run.layout import install_command
from worldmodel.types import BoolArray, EnvSpec, FloatArray, Frames, IntArray, UserError, VectorEnv

Steps = tuple[Frames, FloatArray, BoolArray, BoolArray]


class GymVector:
    """Any gymnasium environment, stepped one after another in this process."""

    def __init__(self, config: EnvConfig, spec: EnvSpec) -> None:
        self.spec = spec
        self._config = config
        self._envs: list[Env] = []

    def reset(self, seeds: Sequence[int]) -> Frames:
        """Start len(seeds) episodes; obs (N, H, W, 3)."""
        if not self._keeps():
            self.close()
        self._envs += [make_env(self._config) for _ in range(len(seeds) - len(self._envs))]
        pairs = zip(self._envs, seeds, strict=False)  # there may be more from an earlier reset
        return np.stack([env.reset(seed=int(seed))[0] for env, seed in pairs])

    def step(self, action: FloatArray, ids: IntArray) -> Steps:
        """Step only `ids` (k,) with actions (k, action_dim)."""
        native = self.spec.to_env(action)
        rows = [self._envs[i].step(a)[:4] for i, a in zip(ids, native, strict=True)]
        obs, reward, terminated, truncated = zip(*rows, strict=True)
        return (
            np.stack(obs),
            np.array(reward, np.float32),
            np.array(terminated, bool),
            np.array(truncated, bool),
        )

    def close(self) -> None:
        """Close every environment."""
        for env in self._envs:
            env.close()
        self._envs = []

    def _keeps(self) -> bool:
        """Whether the instances of the last episodes play the next ones."""
        if self._config.reuse:
            return True
        known = bool(self._envs) and resets_afresh(self._envs[0])
        return known and not self._config.wrappers  # which may remember what they saw


class EnvPoolVector:
    """An environment that EnvPool has: C++ threads, ten times as fast for CarRacing on one core.

    Each episode depends on its seed alone, but a seed gives another track than in gymnasium.

    Args:
        config: names the environment in `envpool_id`.
        spec: of the same environment.
        threads: 0 takes one per core.
    """

    def __init__(self, config: EnvConfig, spec: EnvSpec, threads: int) -> None:
        self.spec = spec
        self._config = config
        self._threads = threads or cores()
        self._pool: Any = None

    def reset(self, seeds: Sequence[int]) -> Frames:
        """Start len(seeds) episodes; obs (N, H, W, 3)."""
        self.close()
        self._pool, self._action_type = _make_pool(self._config, seeds, self._threads)
        obs, info = self._pool.reset()
        self._frame_shape = obs.shape[1:]
        return self._shrink(obs[_places(info, np.arange(len(seeds)))])

    def step(self, action: FloatArray, ids: IntArray) -> Steps:
        """Step only `ids` (k,) with actions (k, action_dim)."""
        native = self.spec.to_env(action).astype(self._action_type)
        frames = np.empty((len(ids), *self._frame_shape), np.uint8)
        reward = np.zeros(len(ids), np.float32)
        terminated = np.zeros(len(ids), bool)
        truncated = np.zeros(len(ids), bool)
        live = np.arange(len(ids))
        for _ in range(self.spec.frame_skip):
            obs, gained, ended, cut, info = self._pool.step(
                native[live], np.asarray(ids[live], np.int32)
            )
            place = _places(info, ids[live])
            frames[live] = obs[place]
            reward[live] += gained[place]
            terminated[live], truncated[live] = ended[place], cut[place]
            live = live[~(terminated[live] | truncated[live])]
            if not live.size:
                break
        return self._shrink(frames), reward, terminated, truncated

    def close(self) -> None:
        """Free the pool and its threads."""
        if self._pool is not None:
            self._pool.close()
        self._pool = None

    def _shrink(self, frames: Frames) -> Frames:
        config = self._config
        return crop_resize(frames, config.crop_rows, config.crop_cols, config.size)


def _make_pool(config: EnvConfig, seeds: Sequence[int], threads: int) -> tuple[Any, Any]:
    """The pool and the dtype of its actions."""
    import envpool

    # EnvPool writes bounds in float64, and gymnasium warns when the spaces are first read.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*precision lowered by casting.*")
        pool = envpool.make_gymnasium(
            config.envpool_id,
            num_envs=len(seeds),
            num_threads=min(threads, len(seeds)),
            seed=[int(seed) for seed in seeds],
            max_episode_steps=config.max_episode_steps,
            **config.envpool_kwargs,
        )
        shape, action_type = pool.observation_space.shape, pool.action_space.dtype
    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise UserError(
            f"EnvPool's {config.envpool_id} observes {shape}, not (height, width, 1 or 3): "
            "set env.envpool_id=null or backend=gymnasium."
        )
    return pool, action_type


def _places(info: dict[str, Any], ids: IntArray) -> IntArray:
    """Where in EnvPool's answer the row of each of `ids` is; EnvPool may answer in any order."""
    answered = np.asarray(info["env_id"])
    order = np.argsort(answered)
    place = order[np.searchsorted(answered, ids, sorter=order)]
    assert np.array_equal(answered[place], ids)
    return place


def choose_backend(
    config: EnvConfig, backend: str, log: Callable[[str], None], key: str = "backend"
) -> str:
    """Settle "auto": "fast" where env.fast_id is given, else "envpool", else "gymnasium".

    `key` is where the choice was made, for what an error says.

    Raises:
        UserError: for an unknown backend, or for "fast" or "envpool" where they can't be had.
    """
    if backend == "gymnasium":
        return backend
    if backend not in ("auto", "fast", "envpool"):
        raise UserError(f"Unknown {key} {backend!r}: choose auto, fast, envpool or gymnasium.")
    if backend != "envpool" and config.fast_id is not None:
        return "fast"
    if backend == "fast":
        raise UserError(
            f"{config.id} has no faster version (env.fast_id is null): set {key}=gymnasium."
        )
    obstacle = _obstacle(config)
    if obstacle is None:
        return "envpool"
    if backend == "envpool":
        raise UserError(f"EnvPool can't run {config.id}: {obstacle}; or set {key}=gymnasium.")
    log(f"{config.id} runs in gymnasium, not in the faster EnvPool: {obstacle}.")
    return "gymnasium"


def _obstacle(config: EnvConfig) -> str | None:
    if config.envpool_id is None:
        return "EnvPool has no such environment with frames (env.envpool_id is null)"
    if config.wrappers:
        return "EnvPool can't apply env.wrappers"
    if importlib.util.find_spec("envpool") is None:
        return f"it is not installed, run {install_command('envpool')}"
    return None


def make_vector(
    config: EnvConfig,
    spec: EnvSpec,
    backend: str,
    threads: int,
    log: Callable[[str], None] = lambda _: None,
) -> VectorEnv:
    """Build the environments behind one interface.

    Args:
        config: the environment.
        spec: what `make_spec` read off it.
        backend: "auto", "fast", "envpool" or "gymnasium".
        threads: of EnvPool; 0 takes one per core.
        log: called with one line on why "auto" took gymnasium.

    Raises:
        UserError: as `choose_backend`.
    """
    chosen = choose_backend(config, backend, log)
    if chosen == "envpool":
        return EnvPoolVector(config, spec, threads)
    if chosen == "fast":
        assert config.fast_id is not None
        kwargs = config.kwargs | config.fast_kwargs
        config = replace(config, id=config.fast_id, kwargs=kwargs)
    return GymVector(config, spec)

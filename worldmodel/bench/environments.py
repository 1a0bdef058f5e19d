"""Real environments: with an explorer, and with V, M and C."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from worldmodel.bench.row import Row, Setting, policy
from worldmodel.envs.make import EnvConfig, make_spec
from worldmodel.envs.vector import choose_backend, make_vector
from worldmodel.models.mdnrnn import MDNRNN
from worldmodel.models.vae import VAE
from worldmodel.parallel import ProcessBackend, SerialBackend
from worldmodel.rollout.actor import Candidates, Explore
from worldmodel.rollout.play import Limits, play
from worldmodel.rollout.real import (
    BackendConfig,
    PlayerConfig,
    RealConfig,
    RealWorld,
    build_player,
    make_backend,
)
from worldmodel.rollout.recording import EpisodeRecording
from worldmodel.run import checkpoint
from worldmodel.run.hardware import cores
from worldmodel.seed import derive_many
from worldmodel.types import Backend, EnvSpec


def collect(setting: Setting) -> Row:
    """Env steps per second of an explorer, with crop and resize."""
    env, spec, sizes = setting.env, make_spec(setting.env), setting.sizes
    plain = _ExplorerConfig(env, spec, "gymnasium", sizes.env_steps)
    naive = _explored(plain, SerialBackend(), 1, 1)
    vector = choose_backend(env, "auto", lambda _: None)
    backend = _backend(vector, sizes.envs)
    per_job = sizes.envs if vector == "envpool" else backend.envs_per_worker
    ours = _explored(
        replace(plain, vector=vector), make_backend(backend, vector), sizes.envs, per_job
    )
    return Row(ours, naive, "env steps/s", "one gymnasium environment in one process")


def real_rollouts(setting: Setting) -> Row:
    """Env steps per second of agents: V, M and C on what real environments show."""
    sizes = setting.sizes
    with tempfile.TemporaryDirectory() as folder:
        vector = choose_backend(setting.env, "auto", lambda _: None)
        backend = _backend(vector, sizes.envs)
        plain = _player(setting, Path(folder), vector)
        player = replace(plain, precision=backend.chosen_precision)
        size = len(player.policy.params)
        params = np.zeros((sizes.envs, size), np.float32)
        config = RealConfig(None, sizes.env_steps, 0.0)
        world = RealWorld(player, backend, config)
        ours = _rate(lambda: int(world.evaluate(params, [1], generation=0)[1].sum()))
        world.close()
        pool = ProcessBackend(cores())
        single = partial(_make_single, _player(setting, Path(folder), "gymnasium"))
        jobs = [_SingleJob(seed, sizes.env_steps) for seed in range(2 * cores())]
        naive = _rate(lambda: sum(steps for _, steps in pool.map(single, jobs)))
        pool.close()
    way = "batch 1 in each of as many gymnasium processes as cores"
    return Row(ours, naive, "env steps/s", way)


@dataclass(frozen=True)
class _SingleJob:
    seed: int
    steps: int


def _make_single(player: PlayerConfig) -> Callable[[_SingleJob], int]:
    agent, env = build_player(player)

    def run(job: _SingleJob) -> int:
        candidates = Candidates(agent, agent.policy.params[None])
        return int(play(candidates, env, [job.seed], Limits(max_steps=job.steps)).lengths.sum())

    return run


def _rate(steps: Callable[[], int]) -> float:
    """Steps per second of the second call: the first one starts processes."""
    steps()
    start = time.perf_counter()
    return steps() / (time.perf_counter() - start)


def _player(setting: Setting, folder: Path, vector: str) -> PlayerConfig:
    spec = make_spec(setting.env)
    vae, mdnrnn = VAE(setting.vae), MDNRNN(setting.mdnrnn, setting.vae.z_dim, spec.action_dim)
    about = {"z_dim": setting.vae.z_dim, "action_dim": spec.action_dim}
    for name, model, extra in (("vae", vae, {}), ("mdnrnn", mdnrnn, about)):
        saved = {
            "about": {"kind": name, **asdict(model.config), **extra},
            "weights": model.state_dict(),
        }
        checkpoint.save(folder / f"{name}.pt", saved)
    return PlayerConfig(
        setting.env, policy(setting, spec), folder / "vae.pt", folder / "mdnrnn.pt", vector, 0
    )


def _backend(vector: str, envs: int) -> BackendConfig:
    return BackendConfig(vector, 0, cores(), max(1, envs // cores()), "auto")


@dataclass(frozen=True)
class _ExplorerConfig:
    env: EnvConfig
    spec: EnvSpec
    vector: str
    steps: int


def _make_explorer(config: _ExplorerConfig) -> Callable[[tuple[int, ...]], int]:
    vector = make_vector(config.env, config.spec, config.vector, 0)
    steps = -(-config.steps // config.spec.frame_skip)

    def run(seeds: tuple[int, ...]) -> int:
        explore = Explore(config.env.needs_explorer(), config.spec, steps)
        recording = EpisodeRecording(config.spec, steps)
        play(explore, vector, seeds, Limits(max_steps=config.steps), recording)
        lengths = [len(episode) for episode in recording.episodes(seeds)]
        return sum(lengths) * config.spec.frame_skip

    return run


def _explored(config: _ExplorerConfig, pool: Backend, envs: int, per_job: int) -> float:
    seeds = derive_many(0, "collect", envs)
    jobs = [tuple(seeds[i : i + per_job]) for i in range(0, envs, per_job)]
    make = partial(_make_explorer, config)
    rate = _rate(lambda: sum(steps for _, steps in pool.map(make, jobs)))
    pool.close()
    return rate

"""The collect stage: episodes played by an explorer or an agent, kept whole."""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from worldmodel.agent.policy import check_spec, load_policy
from worldmodel.data.episodes import EpisodeStore
from worldmodel.envs.crop_picture import crop_picture
from worldmodel.envs.make import EnvConfig, make_spec
from worldmodel.envs.vector import choose_backend
from worldmodel.rollout.collector import CollectJob, CollectorConfig, DriverConfig, make_collector
from worldmodel.rollout.real import BackendConfig, PlayerConfig, make_backend
from worldmodel.run.hardware import commit
from worldmodel.run.log import Log, Row
from worldmodel.run.picture_file import write_png
from worldmodel.run.run import Run
from worldmodel.seed import derive_many, stream
from worldmodel.stats import mean_sd
from worldmodel.types import EnvSpec


@dataclass(frozen=True)
class CollectConfig:
    """What to collect.

    `episodes` in all, or fewer that hold `frames` together (null: any number): after every `envs`
    episodes it is seen whether that is so. `envs` are stepped together; `max_steps` env steps after
    which an episode is truncated on top of the environment's own limit (null: none); `compression`
    is zstd's level.

    The explorer plays, or the `agent` of another run of that name, from which the explorer takes
    over in up to `explorer_share` of an episode's steps, for `explorer_stretch` agent steps at a
    time. Its controller is the one that was selected (`agent_checkpoint` "best") or the one where
    the search ended ("mean"): if that was in a dream, its way of cheating is what M has to see.
    Normal noise of up to `agent_noise` is added to its parameters, other noise in every episode.
    `replay` adds the episodes of another run to those that are played, or
    `replay_episodes` of them (null: all).
    """

    episodes: int
    envs: int
    max_steps: int | None
    compression: int
    agent: str | None
    agent_checkpoint: str
    agent_noise: float
    explorer_share: float
    explorer_stretch: float
    replay: str | None
    replay_episodes: int | None
    frames: int | None = None

    def __post_init__(self) -> None:
        for key in ("episodes", "envs"):
            if getattr(self, key) < 1:
                raise ValueError(f"collect.{key} is {getattr(self, key)}: it must be at least 1")
        for key in ("max_steps", "frames", "replay_episodes"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise ValueError(f"collect.{key} is {value}: it must be at least 1 or null")
        if self.agent_checkpoint not in ("best", "mean"):
            raise ValueError(
                f"collect.agent_checkpoint is {self.agent_checkpoint}: use best or mean"
            )
        if self.agent_noise < 0:
            raise ValueError(f"collect.agent_noise is {self.agent_noise}: it can't be negative")
        if not 0 <= self.explorer_share <= 1:
            raise ValueError(f"collect.explorer_share is {self.explorer_share}: use 0 to 1")
        if self.explorer_stretch < 1:
            raise ValueError(
                f"collect.explorer_stretch is {self.explorer_stretch}: it must be at least 1"
            )


def collect(
    env: EnvConfig, backend: BackendConfig, config: CollectConfig, run: Run
) -> dict[str, float]:
    """Play until the store holds `config.episodes` whole episodes besides those it replays.

    What an earlier, interrupted call left is kept; only missing episodes are played. Replayed
    episodes keep their index, and with it mostly their side of the split into train and hold-out;
    new ones are numbered, and seeded, from the next index on, which the store's metadata keep as
    `newest_from`.

    Raises:
        UserError: if the agent or the replayed episodes are missing or of another environment.
    """
    spec = make_spec(env)
    store, own = _open_store(spec, config, run)
    vector = choose_backend(env, backend.vector, run.say)
    driver = _driver(env, spec, backend, config, vector, run)
    threads, cap = backend.threads, config.max_steps
    worker = CollectorConfig(env, spec, store.root, vector, threads, cap, driver)
    width = config.envs if vector == "envpool" else min(config.envs, backend.envs_per_worker)
    waves = _Waves(store, own, config, run.seed, width)
    done = waves.done()
    log = run.log(done, waves.rows())
    _show_crop(env, spec, run, log, done)
    rate = _play(worker, waves, backend, run)
    return _figures(store, own, config) | ({} if rate is None else {"env_steps_per_second": rate})


class _Waves:
    """The episodes that are still to be played, some at a time, until there are enough frames."""

    def __init__(
        self, store: EpisodeStore, own: range, config: CollectConfig, seed: int, width: int
    ) -> None:
        self._store, self._own, self._config, self._width = store, own, config, width
        self._seeds = derive_many(seed, "collect", own.stop)

    @property
    def total(self) -> int:
        """How many there are at most."""
        return len(self._own)

    def done(self) -> int:
        """How many are there already."""
        return len(set(self._store.indices()) & set(self._own))

    def rows(self) -> list[Row]:
        """What the log says of those."""
        lengths = self._store.lengths()
        there = [index for index in lengths if index in self._own]
        return [episode_row(self._store, index, step) for step, index in enumerate(there, 1)]

    def __iter__(self) -> Iterator[list[CollectJob]]:
        """Jobs of one wave after the other; the next one is asked for when the last is played."""
        size = len(self._own) if self._config.frames is None else self._config.envs
        for first in range(self._own.start, self._own.stop, max(size, 1)):
            lengths = self._store.lengths()
            frames = sum(length + 1 for index, length in lengths.items()
                         if self._own.start <= index < first)  # fmt: skip
            if self._config.frames is not None and frames >= self._config.frames:
                return
            wave = range(first, min(first + size, self._own.stop))
            yield self._jobs(wave, frozenset(wave) - lengths.keys())

    def _jobs(self, wave: range, left: frozenset[int]) -> list[CollectJob]:
        """What is left of a wave: what an explorer plays does not depend on its neighbours."""
        played = list(wave) if self._config.agent is not None else sorted(left)
        parts = [played[i : i + self._width] for i in range(0, len(played), self._width)]
        return [
            CollectJob(tuple((index, self._seeds[index]) for index in part), left)
            for part in parts
            if left & set(part)
        ]


def episode_row(store: EpisodeStore, index: int, step: int) -> Row:
    """What the log says of an episode."""
    length = store.length(index) * store.spec.frame_skip
    return {"step": step, "return": float(store.read_reward(index).sum()), "length": length}


def _show_crop(env: EnvConfig, spec: EnvSpec, run: Run, log: Log, done: int) -> None:
    """A picture of an inferred crop, as a file and in the log."""
    path = run.folder / "crop.png"
    if "crop" not in run.config.get("inferred", ()) or path.exists():
        return
    picture = crop_picture(env, spec)
    log.image(done, "crop", picture)
    write_png(path, picture)


def _open_store(spec: EnvSpec, config: CollectConfig, run: Run) -> tuple[EpisodeStore, range]:
    """The store, with what is replayed in it, and the indices of the episodes to play."""
    source, first = _source(config, run)
    about = {"spec": spec.to_dict(), "purpose": "collect", "experiment_seed": run.seed}
    metadata = about | {"newest_from": first, "versions": versions(), "commit": commit()}
    store = EpisodeStore.create(run.folder / "episodes", metadata, config.compression)
    # An interrupted call may have begun when the other run held fewer episodes.
    first = store.metadata.get("newest_from", first)
    if source is not None:
        store.adopt(source, _replayed(source.indices(), config, run.seed, first))
    return store, range(first, first + config.episodes)


def _play(worker: CollectorConfig, waves: _Waves, backend: BackendConfig, run: Run) -> float | None:
    """Play all jobs; env steps per second, None if there was nothing left to play."""
    done, total = waves.done(), waves.total
    log, skip = run.log(), worker.spec.frame_skip
    start, steps, rate = time.time(), 0, None
    pool, make = make_backend(backend, worker.vector), partial(make_collector, worker)
    try:
        with run.progress(total, "episodes", start=done) as bar:
            for jobs in waves:
                if jobs:
                    run.begin()
                for _, results in pool.map(make, jobs):
                    for length, score in results:
                        done, steps = done + 1, steps + length
                        log.scalars(done, {"return": score, "length": length * skip})
                    rate = steps * skip / (time.time() - start)
                    bar.update(done, f"{rate:.0f} env steps/s")
    finally:
        pool.close()
    return rate


def _figures(store: EpisodeStore, wanted: range, config: CollectConfig) -> dict[str, float]:
    lengths = store.lengths()
    own = [index for index in lengths if index in wanted]
    frames = sum(lengths.values()) + len(lengths)
    figures: dict[str, float] = {"episodes": len(own), "frames": frames}
    if config.replay:
        figures["replayed_episodes"] = len(lengths) - len(own)
    figures["env_steps"] = sum(lengths[index] for index in own) * store.spec.frame_skip
    returns = [store.read_reward(index).sum() for index in own]
    figures["return_mean"], figures["return_sd"] = mean_sd(returns)
    return figures


def _driver(
    env: EnvConfig,
    spec: EnvSpec,
    backend: BackendConfig,
    config: CollectConfig,
    vector: str,
    run: Run,
) -> DriverConfig | None:
    if config.agent is None:
        return None
    found = load_policy(run.other(config.agent, "train_controller", config.agent_checkpoint))
    policy = check_spec(found, spec, config.agent)
    vae, mdnrnn = (run.other(config.agent, stage) for stage in ("train_vae", "train_mdnrnn"))
    precision = backend.chosen_precision
    player = PlayerConfig(env, policy, vae, mdnrnn, vector, backend.threads, precision)
    turns = config.agent_noise, config.explorer_share, config.explorer_stretch
    return DriverConfig(player, *turns)


def _source(config: CollectConfig, run: Run) -> tuple[EpisodeStore | None, int]:
    """The store whose episodes are replayed, if any, and the index from which new ones count."""
    if config.replay is None:
        return None, 0
    source = EpisodeStore.open(run.elsewhere(config.replay, "collect") / "episodes")
    return source, max(source.indices()) + 1


def _replayed(indices: Sequence[int], config: CollectConfig, seed: int, below: int) -> list[int]:
    """Which episodes are taken over: as many as are asked for of those with an index `below`."""
    old = [index for index in indices if index < below]
    count = min(len(old), config.replay_episodes or len(old))
    return sorted(stream(seed, "replay").permutation(old)[:count].tolist())


def versions() -> dict[str, str]:
    """Versions of what decides the data."""
    names = ("worldmodel", "gymnasium", "numpy", "torch", "envpool", "opencv-python-headless")
    found = {}
    for name in names:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found

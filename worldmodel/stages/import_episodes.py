"""The collect stage from recordings: what it leaves is what episodes that were played leave."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worldmodel.data.episodes import EpisodeStore
from worldmodel.data.recordings import Declared, Recorded, Recordings
from worldmodel.envs.make import SIZE, EnvConfig, make_spec
from worldmodel.envs.pictures import as_frame
from worldmodel.envs.raw import RECORDED
from worldmodel.envs.wrappers import crop_resize
from worldmodel.run.hardware import commit
from worldmodel.run.run import Run
from worldmodel.stages.collect import episode_row, versions
from worldmodel.stats import mean_sd
from worldmodel.types import EnvSpec, Episode, FloatArray, Frames, UserError

_BESIDE = 1e-3  # share of a dimension's span by which a recorded action may lie outside its bounds


@dataclass(frozen=True)
class ImportConfig:
    """What to import, and what the environment is where it can't be built.

    Attributes:
        source: an .npz file, a folder of them or of films, or a Minari dataset.
        n_actions: number of choices; None: one more than the greatest.
        action_low: least value of each number of an action; None: the least recorded.
        action_high: greatest value of each; None: the greatest recorded.
        compression: zstd level, as of collect.
    """

    source: str
    n_actions: int | None
    action_low: tuple[float, ...] | None
    action_high: tuple[float, ...] | None
    compression: int

    def __post_init__(self) -> None:
        for name in ("action_low", "action_high"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else tuple(map(float, value)))
        if (self.action_low is None) != (self.action_high is None):
            raise ValueError("import.action_low and import.action_high go together")
        if self.n_actions is not None and self.n_actions < 1:
            raise ValueError(f"import.n_actions is {self.n_actions}: it must be at least 1")


def find_spec(config: ImportConfig, env: EnvConfig, recordings: Recordings) -> EnvSpec:
    """The spec of the recorded environment.

    Args:
        config: of this import.
        env: crop, time limit and what else is known; one row of a recording is one agent step.
            Of the id "recorded", the spec tells what the recordings show.
        recordings: the episodes.

    Raises:
        UserError: as `make_spec`; or where the actions of files differ in kind.
    """
    if env.id != RECORDED:
        return make_spec(env)
    if env.size != SIZE:
        raise UserError(f"env.size is {env.size}: V takes frames of {SIZE} rows and columns.")
    actions = _declared(config, recordings)
    dims, skip = len(actions.low or ()), env.frame_skip or 1
    return EnvSpec(
        id=env.id,
        obs_shape=(env.size, env.size, 3),
        action_low=actions.low,
        action_high=actions.high,
        n_actions=actions.n,
        squash=env.squash or ("scale",) * dims,
        max_episode_steps=env.max_episode_steps or recordings.longest * skip,
        frame_skip=skip,
        reward_range=env.reward_range,
        solved_at=env.solved_at,
        finished=env.finished,
    )


def import_episodes(
    recordings: Recordings, config: ImportConfig, env: EnvConfig, spec: EnvSpec, run: Run
) -> dict[str, float]:
    """Write every recorded episode to the store; those that an interrupted call left stay.

    Raises:
        UserError: naming the file and the episode that does not fit.
    """
    metadata = {
        "spec": spec.to_dict(),
        "purpose": "collect",
        "experiment_seed": run.seed,
        "newest_from": 0,
        "versions": versions(),
        "commit": commit(),
        **origin(config.source, recordings),
    }
    store = EpisodeStore.create(run.folder / "episodes", metadata, config.compression)
    done = _whole(store)
    rows = [episode_row(store, index, index + 1) for index in range(done)]
    log, total = run.log(done, rows), len(recordings)
    returns = [row["return"] for row in rows]
    with run.progress(total, "episodes", start=done) as bar:
        for index, recorded in enumerate(recordings.episodes(done), start=done):
            episode = _convert(recorded, index, env, spec)
            store.write(index, episode)
            returns.append(float(episode.reward.sum()))
            length = len(episode) * spec.frame_skip
            log.scalars(index + 1, {"return": returns[-1], "length": length})
            bar.update(index + 1, f"{length} env steps")
    steps = sum(store.lengths().values())
    mean, sd = mean_sd(returns)
    return {
        "episodes": total,
        "frames": steps + total,
        "env_steps": steps * spec.frame_skip,
        "return_mean": mean,
        "return_sd": sd,
    }


def origin(source: str, recordings: Recordings) -> dict[str, Any]:
    """What the store's metadata say of where its episodes come from."""
    return {"imported": {"source": source, "files": recordings.sizes}}


def check_origin(folder: Path, source: str, recordings: Recordings) -> None:
    """Refuse a collect stage that was not imported from these recordings.

    An import that was not finished, of recordings that have been mended since, begins anew.

    Raises:
        UserError: naming it.
    """
    if not (folder / "episodes" / "metadata.json").exists():
        return
    there = EpisodeStore.open(folder / "episodes").metadata.get("imported")
    if there != origin(source, recordings)["imported"]:
        if there and there["source"] == source and not (folder / "DONE").exists():
            shutil.rmtree(folder / "episodes")
            return
        what = f"from {there['source']}, other than it is now" if there else "in another way"
        raise UserError(
            f"{folder} holds episodes made {what}: give this import another name=…, or delete that "
            "folder."
        )


def _whole(store: EpisodeStore) -> int:
    """How many episodes are there without a gap."""
    have = set(store.indices())
    return next(index for index in range(len(have) + 1) if index not in have)


def _convert(recorded: Recorded, index: int, env: EnvConfig, spec: EnvSpec) -> Episode:
    obs = np.stack(list(_small(recorded, env)) or [np.zeros((1, 1, 3), np.uint8)])
    steps = len(recorded.action)
    if len(obs) == steps:  # the frame where it ended was not kept
        obs = np.concatenate([obs, obs[-1:]])
    if len(obs) != steps + 1:
        raise UserError(
            f"{recorded.where} has {len(obs)} frames for {steps} actions: it needs {steps + 1}, or "
            f"{steps} without the one where it ends."
        )
    if (obs == obs[0, 0, 0]).all():
        raise UserError(
            f"{recorded.where} shows one colour in all frames: there is nothing to see in it."
        )
    action = _actions(recorded.where, recorded.action, spec)
    ends = recorded.terminated, recorded.truncated
    return Episode(obs, action, recorded.reward, *ends, seed=index)


def _small(recorded: Recorded, env: EnvConfig) -> Iterator[Frames]:
    for frame in recorded.frames:
        picture = as_frame(frame, f"{recorded.where}: a frame")
        yield crop_resize(picture, env.crop_rows, env.crop_cols, env.size)


def _actions(where: str, action: NDArray[Any], spec: EnvSpec) -> FloatArray:
    """Recorded actions as vectors (T, action_dim)."""
    if spec.n_actions is not None:
        choice = _choices(where, action)
        if choice.min() < 0 or choice.max() >= spec.n_actions:
            raise UserError(
                f"{where}: action goes from {choice.min()} to {choice.max()}, but {spec.id} takes "
                f"0 to {spec.n_actions - 1}."
            )
        return np.eye(spec.n_actions, dtype=np.float32)[choice]
    vectors = action.reshape(len(action), -1).astype(np.float64)
    if vectors.shape[1] != spec.action_dim:
        raise UserError(
            f"{where}: action has {vectors.shape[1]} numbers, but {spec.id} takes "
            f"{spec.action_dim}."
        )
    low, high = np.array(spec.action_low), np.array(spec.action_high)
    beside = _BESIDE * (high - low)
    # Not a number is nowhere inside.
    if not ((vectors >= low - beside) & (vectors <= high + beside)).all():
        raise UserError(
            f"{where}: action reaches from {vectors.min(0)} to {vectors.max(0)}, but {spec.id} "
            f"takes {low} to {high}."
        )
    return vectors.clip(low, high).astype(np.float32)


def _choices(where: str, action: NDArray[Any]) -> NDArray[np.int64]:
    flat = action.reshape(len(action), -1)
    if flat.shape[1] != 1 or not np.array_equal(flat, np.rint(flat)):
        raise UserError(
            f"{where}: action has the shape {action.shape} of {action.dtype}, but there it is one "
            "choice: give whole numbers, one for each step."
        )
    return flat[:, 0].astype(np.int64)


def _declared(config: ImportConfig, recordings: Recordings) -> Declared:
    """The actions, as they are given, as the recordings say, or else as they are in them."""
    if config.n_actions is not None:
        return Declared(None, None, config.n_actions)
    if config.action_low is not None:
        return Declared(config.action_low, config.action_high, None)
    return recordings.declared or _seen(recordings.actions())


def _seen(actions: Iterable[tuple[str, NDArray[Any]]]) -> Declared:
    low: NDArray[Any] | None = None
    high, whole = np.zeros(0), True
    for where, action in actions:
        if not len(action):
            raise UserError(f"{where} has no steps: leave it out.")
        flat = action.reshape(len(action), -1)
        if low is None:
            low, high = flat.min(0), flat.max(0)
        if len(low) != flat.shape[1]:
            raise UserError(
                f"{where}: action has {flat.shape[1]} numbers, other than the {len(low)} before."
            )
        whole = whole and flat.dtype.kind in "bui" and flat.shape[1] == 1
        low, high = np.minimum(low, flat.min(0)), np.maximum(high, flat.max(0))
    assert low is not None
    if whole:
        return Declared(None, None, int(high[0]) + 1)
    least, most = low.astype(float), high.astype(float)
    if not np.isfinite([least, most]).all():
        raise UserError("The recorded actions are not all finite: mend action.")
    most = np.where(most > least, most, least + 1)  # a number that never changed
    return Declared(tuple(least.tolist()), tuple(most.tolist()), None)

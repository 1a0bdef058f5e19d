"""Recordings in a local Minari dataset, of which nothing is downloaded."""

from collections.abc import Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from worldmodel.data.recordings import Declared, Recorded, as_recorded, check_columns
from worldmodel.run.layout import install_command
from worldmodel.types import UserError


class MinariRecordings:
    """The episodes of a dataset, by its id or its folder.

    Args:
        source: id of a local dataset, or folder of one.
        key: entry of Dict observations that is the picture; None: the only one that can be.
    """

    def __init__(self, source: str | Path, key: str | None) -> None:
        try:
            import minari
        except ImportError as error:
            raise UserError(
                f"import.source={source} is a Minari dataset: run {install_command('minari')}."
            ) from error
        try:
            if isinstance(source, Path):
                self._data = minari.MinariDataset(source / "data")
            else:
                self._data = minari.load_dataset(source)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise UserError(
                f"import.source={source} is no Minari dataset that can be read here "
                f"({str(error).rstrip('.')}): `minari list local` lists those that are here."
            ) from error
        self._name, self._key = str(source), key
        self.declared: Declared | None = _declared(self._data.action_space, self._name)
        self.sizes = {
            str(self._data.spec.dataset_id): int(self._data.total_steps),
            "episodes": len(self),
        }

    def __len__(self) -> int:
        """How many episodes there are."""
        return len(self._data.episode_indices)

    @property
    def longest(self) -> int:
        """Steps of the longest episode."""
        metadata = self._data.storage.get_episode_metadata(self._data.episode_indices)
        return max((int(about["total_steps"]) for about in metadata), default=0)

    def actions(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Nothing: `declared` tells."""
        yield from ()

    def episodes(self, start: int) -> Iterator[Recorded]:
        """The episodes from number `start` on."""
        for episode in self._data.iterate_episodes(self._data.episode_indices[start:]):
            where = f"{self._name}, episode {episode.id}"
            columns = {
                "action": np.asarray(episode.actions),
                "reward": np.asarray(episode.rewards),
                "terminated": np.asarray(episode.terminations),
                "truncated": np.asarray(episode.truncations),
            }
            frames = self._picture(episode.observations, where)
            yield as_recorded(where, frames, check_columns(where, columns))

    def _picture(self, observations: Any, where: str) -> NDArray[Any]:
        found: Any = observations
        if self._key is not None:
            try:
                found = reduce(lambda node, name: node[name], self._key.split("."), observations)
            except (KeyError, IndexError, TypeError) as error:
                raise UserError(f"{where} observes no {self._key}, as env.key asks for.") from error
        elif isinstance(observations, Mapping):
            fit = {name: part for name, part in observations.items()
                   if isinstance(part, np.ndarray) and part.ndim >= 3}  # fmt: skip
            if len(fit) != 1:
                raise UserError(
                    f"{where} observes {', '.join(observations)}: say by env.key which is the "
                    "picture."
                )
            found = next(iter(fit.values()))
        if not isinstance(found, np.ndarray) or found.ndim < 3:
            raise UserError(
                f"{where} observes {getattr(found, 'shape', type(found).__name__)}, no pictures: "
                "record the environment with a wrapper that observes them, such as "
                "gymnasium.wrappers.AddRenderObservation."
            )
        return found


def _declared(space: gym.Space[Any], name: str) -> Declared:
    if isinstance(space, gym.spaces.Discrete) and space.start == 0:
        return Declared(None, None, int(space.n))
    if isinstance(space, gym.spaces.Box) and len(space.shape) <= 1:
        low, high = (np.atleast_1d(side).astype(float) for side in (space.low, space.high))
        if np.isfinite([low, high]).all():
            return Declared(tuple(low.tolist()), tuple(high.tolist()), None)
    raise UserError(
        f"{name} has actions of {space}: only a Discrete that starts at 0 and a finite flat Box "
        "can be imported."
    )

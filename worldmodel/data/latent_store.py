"""Latents at rest: written once by the encode stage, then memory-mapped."""

import os
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worldmodel.data.episodes import EpisodeStore
from worldmodel.run.checkpoint import save_json
from worldmodel.run.disk import reason, remedy
from worldmodel.run.json_file import read_json
from worldmodel.types import BoolArray, Episode, FloatArray, IntArray, UserError

_FRAME_FIELDS = {"mu": "<f4", "logvar": "<f4"}
_STEP_FIELDS = {"action": "<f4", "reward": "<f4", "terminated": "|b1", "truncated": "|b1"}
_INDEX_FIELDS = ("offsets", "episodes")
_METADATA = "metadata.json"
_ROWS = 1 << 16  # read at a time when all latents are checked


@dataclass(frozen=True)
class LatentEpisode:
    """One encoded episode of T steps; views of the files, nothing is copied."""

    mu: FloatArray  # (T+1, Z)
    logvar: FloatArray  # (T+1, Z)
    action: FloatArray  # (T, action_dim)
    reward: FloatArray  # (T,)
    terminated: BoolArray  # (T,)
    truncated: BoolArray  # (T,)


class LatentWriter:
    """Writes the latents of all episodes of a store; the folder appears whole or not at all.

    Use as a context manager and `append` every episode, in the order of `EpisodeStore.indices`.
    A folder that was there before is replaced at the end.

    Raises:
        UserError: if the files can't be written, for one because the disk is full.
    """

    def __init__(self, folder: Path, store: EpisodeStore, z_dim: int) -> None:
        self._lengths = store.lengths()
        if not self._lengths:
            raise UserError(f"{store.root} holds no whole episode: run collect first.")
        self._left = list(self._lengths)
        self._folder, self._z_dim, self._action_dim = folder, z_dim, store.spec.action_dim
        self._metadata = store.metadata | {"z_dim": z_dim}
        self._stack = ExitStack()
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> "LatentWriter":
        frames = sum(self._lengths.values()) + len(self._lengths)
        steps = frames - len(self._lengths)
        prefix = f".{self._folder.name}-"
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            for left in self._folder.parent.glob(f"{prefix}*"):
                shutil.rmtree(left, ignore_errors=True)
            scratch = tempfile.TemporaryDirectory(
                prefix=prefix, dir=self._folder.parent, ignore_cleanup_errors=True
            )
            self._scratch = Path(self._stack.enter_context(scratch))
            (self._scratch / "new").mkdir()
            for name in _FRAME_FIELDS:
                self._begin(name, (frames, self._z_dim))
            for name in _STEP_FIELDS:
                self._begin(name, (steps, self._action_dim) if name == "action" else (steps,))
        except OSError as error:
            self._stack.close()
            raise self._full(error) from error
        return self

    def append(self, index: int, mu: FloatArray, logvar: FloatArray, episode: Episode) -> None:
        """Add one episode: mu and logvar (T+1, Z) of its frames.

        Raises:
            ValueError: if it is not the next episode, or sizes disagree with the store.
        """
        if not self._left or index != self._left[0]:
            raise ValueError(f"episode {index} was appended, but next are {self._left[:3]}")
        steps = self._lengths[index]
        if mu.shape != (steps + 1, self._z_dim) or logvar.shape != mu.shape:
            raise ValueError(
                f"mu {mu.shape} and logvar {logvar.shape} of episode {index} are not both "
                f"{(steps + 1, self._z_dim)}"
            )
        if len(episode) != steps:
            raise ValueError(f"episode {index} has {len(episode)} steps, not {steps}")
        try:
            for name, values in (("mu", mu), ("logvar", logvar)):
                self._files[name].write(np.asarray(values, _FRAME_FIELDS[name]).tobytes())
            for name, dtype in _STEP_FIELDS.items():
                self._files[name].write(np.asarray(getattr(episode, name), dtype).tobytes())
        except OSError as error:
            raise self._full(error) from error
        del self._left[0]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with self._stack:
                if kind is None:
                    self._finish()
        except OSError as failure:
            raise self._full(failure) from failure

    def _begin(self, name: str, shape: tuple[int, ...]) -> None:
        # Plain writes, not a writable memory map: on a full disk a map kills the process.
        file = self._stack.enter_context((self._scratch / "new" / f"{name}.npy").open("wb"))
        self._files[name] = file
        dtype = (_FRAME_FIELDS | _STEP_FIELDS)[name]
        header = {"descr": dtype, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)

    def _finish(self) -> None:
        if self._left:
            raise ValueError(f"{len(self._left)} episodes were not appended: {self._left[:3]}…")
        for file in self._files.values():
            file.close()
        fresh = self._scratch / "new"
        ends = np.cumsum([0] + [steps + 1 for steps in self._lengths.values()])
        np.save(fresh / "offsets.npy", ends.astype(np.int64))
        np.save(fresh / "episodes.npy", np.array(list(self._lengths), np.int64))
        save_json(fresh / _METADATA, self._metadata)
        if self._folder.exists():
            os.rename(self._folder, self._scratch / "old")
        os.rename(fresh, self._folder)

    def _full(self, error: OSError) -> UserError:
        return UserError(
            f"Could not write {self._folder} ({reason(error)}): {remedy(error)}, then run encode "
            "again."
        )


class LatentStore:
    """Latents of E episodes, N frames in all, memory-mapped.

    Attributes:
        mu, logvar: (N, Z) float32, the frames of all episodes one after another.
        action, reward, terminated, truncated: (N - E, …), the steps likewise.
        offsets: (E + 1,) int64, the first frame of each episode; its first step is
            offsets[e] - e, for an episode has one step less than frames.
        episodes: (E,) int64, their indices in the `EpisodeStore`.
        steps: (E,) int64, steps T of each.
    """

    mu: FloatArray
    logvar: FloatArray
    action: FloatArray
    reward: FloatArray
    terminated: BoolArray
    truncated: BoolArray
    offsets: IntArray
    episodes: IntArray

    def __init__(self, folder: Path) -> None:
        """Use `open`."""
        self.folder = folder
        for name in (*_FRAME_FIELDS, *_STEP_FIELDS, *_INDEX_FIELDS):
            setattr(self, name, np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")))
        self.metadata = read_json(folder / _METADATA)
        self.z_dim: int = self.mu.shape[1]
        self.action_dim: int = self.action.shape[1]
        self.steps: IntArray = np.diff(self.offsets) - 1
        self._check()
        self._row = {index: row for row, index in enumerate(self.episodes.tolist())}

    @classmethod
    def open(cls, folder: Path) -> "LatentStore":
        """Map the files; none of the latents is read yet.

        Raises:
            UserError: if they are missing, or a file is cut off.
        """
        if not folder.exists():
            raise UserError(f"{folder} is missing: run encode first.")
        try:
            return cls(folder)
        except (OSError, ValueError, EOFError, IndexError) as error:
            raise UserError(
                f"{folder} is damaged ({type(error).__name__}: {error}): delete {folder.parent} "
                "and run encode again."
            ) from error

    def _check(self) -> None:
        """Raises ValueError if the files don't belong to the same episodes."""
        frames, episodes = len(self.mu), len(self.episodes)
        whole = (
            self.offsets.shape == (episodes + 1,)
            and self.offsets[0] == 0
            and self.offsets[-1] == frames
            and (self.steps > 0).all()
            and all(len(getattr(self, name)) == frames for name in _FRAME_FIELDS)
            and all(len(getattr(self, name)) == frames - episodes for name in _STEP_FIELDS)
        )
        if not whole:
            raise ValueError("its files are of different lengths")

    @property
    def newest_from(self) -> int:
        """As of the `EpisodeStore` that was encoded."""
        return int(self.metadata.get("newest_from", 0))

    def indices(self) -> list[int]:
        """Indices of the encoded episodes, as in the `EpisodeStore`."""
        return list(self._row)

    def length(self, index: int) -> int:
        """Steps T of one episode."""
        return int(self.steps[self._row[index]])

    def rows(self, indices: list[int]) -> IntArray:
        """Positions of episodes in `offsets`, `episodes` and `steps`."""
        return np.array([self._row[index] for index in indices], np.int64)

    def episode(self, index: int) -> LatentEpisode:
        """One episode, without copying."""
        row = self._row[index]
        start, stop = self.offsets[row : row + 2].tolist()
        frames, steps = slice(start, stop), slice(start - row, stop - row - 1)
        return LatentEpisode(
            **{name: getattr(self, name)[frames] for name in _FRAME_FIELDS},
            **{name: getattr(self, name)[steps] for name in _STEP_FIELDS},
        )

    def first_frames(self) -> tuple[Tensor, Tensor]:
        """Mu and logvar (E, Z) of all episodes' first frames: where dreams start."""
        first = self.offsets[:-1]
        return torch.from_numpy(self.mu[first]), torch.from_numpy(self.logvar[first])

    def check_finite(self) -> None:
        """Read everything once.

        Raises:
            UserError: naming the file that holds a value that is not finite.
        """
        for name in (*_FRAME_FIELDS, "action", "reward"):
            values: NDArray[Any] = getattr(self, name)
            for start in range(0, len(values), _ROWS):
                bad = ~np.isfinite(values[start : start + _ROWS])
                if bad.any():
                    row = start + int(np.argwhere(bad)[0, 0])
                    raise UserError(
                        f"{self.folder / name}.npy holds a value that is not finite, first in row "
                        f"{row}: delete {self.folder.parent} and run encode again; if it comes "
                        "back, V diverged and needs a lower train_vae.fit.learning_rate."
                    )

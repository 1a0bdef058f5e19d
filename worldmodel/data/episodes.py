"""Episodes on disk: one file each, so that a kill leaves only whole ones."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import zarr
from numpy.typing import NDArray

from worldmodel.data.episode_file import SUFFIX, read_array, read_attributes, write_group
from worldmodel.run.checkpoint import save_json
from worldmodel.run.disk import reason, remedy
from worldmodel.types import EnvSpec, Episode, FloatArray, Frames, UserError

CHUNK_FRAMES = 250  # at most; small enough to shuffle by, large enough to compress well
FIELDS = ("obs", "action", "reward", "terminated", "truncated")
_METADATA = "metadata.json"
_SCRATCH = ".writing-"
_NAME = re.compile(rf"(\d{{6,}})(?:{re.escape(SUFFIX)})?")


def chunk_spans(frames: int) -> list[tuple[int, int]]:
    """(start, stop) of an episode's chunks: as few as possible, and as equal as possible.

    Zarr pads the last chunk to full size, so 1001 frames go into five chunks of 201, not into four
    of 250 and one that holds a single frame.
    """
    size = _chunk_size(frames)
    return [(start, min(start + size, frames)) for start in range(0, frames, size)]


class EpisodeStore:
    """A folder of episodes `000000.zip`, `000001.zip`, …, each a zarr v3 group (see `write_group`).

    A group holds obs (T+1, H, W, C) uint8, action (T, A) and reward (T,) float32, terminated and
    truncated (T,) bool; the attributes `seed` and `steps`. Folders `000000/` of earlier versions
    are read as well.

    Several processes may write different indices at once, each through its own store object.
    """

    def __init__(self, root: Path, metadata: dict[str, Any]) -> None:
        """Use `create` or `open`."""
        self.root = root
        self.metadata = metadata
        self.spec = EnvSpec.from_dict(metadata["spec"])
        self._lengths: dict[int, int] = {}

    @classmethod
    def create(cls, root: Path, metadata: dict[str, Any], compression: int) -> "EpisodeStore":
        """Make a store, or reopen one to add episodes; sweeps what killed writers left.

        Only the process that starts the writers calls this, before they start. An existing
        store keeps its own metadata and compression.

        Args:
            root: the folder.
            metadata: plain types; `spec` is an `EnvSpec.to_dict()`, `newest_from` (optional) the
                property of that name, the rest tells the origin.
            compression: zstd level, 1 to 9.

        Raises:
            UserError: if the folder holds episodes of another environment, or can't be written.
        """
        if (root / _METADATA).exists():
            store = cls.open(root)
            _check_same(root, store.spec, EnvSpec.from_dict(metadata["spec"]))
        else:
            if not 1 <= compression <= 9:
                raise UserError(f"collect.compression is {compression}: use a level from 1 to 9.")
            store = cls(root, metadata | {"compression": compression})
            save_json(root / _METADATA, store.metadata)
        for left in root.glob(f"{_SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)
        return store

    @classmethod
    def open(cls, root: Path) -> "EpisodeStore":
        """Open an existing store, to read or to write.

        Raises:
            UserError: if there is none, or its metadata is broken.
        """
        path = root / _METADATA
        if not path.exists():
            raise UserError(f"{root} holds no episodes: run collect first.")
        try:
            return cls(root, json.loads(path.read_text()))
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path} is broken ({type(error).__name__}): delete {root.parent} and run collect "
                "again."
            ) from error

    @property
    def newest_from(self) -> int:
        """First index of the episodes that are not replayed ones; 0 if nothing was replayed."""
        return int(self.metadata.get("newest_from", 0))

    def indices(self) -> list[int]:
        """Indices of the whole episodes, sorted."""
        found = (_NAME.fullmatch(entry.name) for entry in os.scandir(self.root))
        return sorted({int(match[1]) for match in found if match})

    def lengths(self) -> dict[int, int]:
        """Steps T of every whole episode, by index; each is read from disk once.

        Raises:
            UserError: if an episode's description is missing or broken.
        """
        indices = self.indices()
        return {index: self.length(index) for index in indices}

    def length(self, index: int) -> int:
        """Steps T of one whole episode.

        Raises:
            UserError: if its description is missing or broken.
        """
        if index not in self._lengths:
            steps = self._attributes(index).get("steps")
            if not isinstance(steps, int) or steps < 1:
                raise self._broken(index, ValueError(f"steps is {steps}"))
            self._lengths[index] = steps
        return self._lengths[index]

    def write(self, index: int, episode: Episode) -> None:
        """Store an episode, replacing one of the same index; it appears whole or not at all.

        Raises:
            ValueError: if the arrays don't belong to one episode of this store's environment.
            UserError: if it can't be written, for one because the disk is full.
        """
        self._check(episode)
        final, older = self._new_place(index), self.root / f"{index:06d}"
        try:
            with self._scratch() as scratch:
                _save(scratch / "new", episode, self.metadata["compression"])
                os.replace(scratch / "new", final)
                if older.exists():
                    os.rename(older, scratch / "old")
        except OSError as error:
            raise UserError(
                f"Could not write {final} ({reason(error)}): {remedy(error)}, then run the same "
                "command again; whole episodes are kept."
            ) from error
        self._lengths[index] = len(episode)

    def adopt(self, other: "EpisodeStore", indices: Sequence[int]) -> None:
        """Take episodes of another store under the same index; those that are here already stay.

        Files are shared where the disk allows it (hard links) and copied elsewhere.

        Raises:
            UserError: if the other store is of another environment, or can't be copied from.
        """
        _check_same(other.root, other.spec, self.spec)
        for index in sorted(set(indices) - set(self.indices())):
            source = other._place(index)
            try:
                with self._scratch() as scratch:
                    fresh = scratch / "new"
                    if source.is_dir():
                        shutil.copytree(source, fresh, copy_function=_link)
                    else:
                        _link(str(source), str(fresh))
                    os.rename(fresh, self.root / source.name)
            except (OSError, shutil.Error) as error:
                raise UserError(
                    f"Could not take {source} over into {self.root} ({error}): mend "
                    "that, then run the same command again."
                ) from error

    def read(self, index: int) -> Episode:
        """Read a whole episode.

        Raises:
            UserError: if any part of it is missing, cut off or altered.
        """
        parts = {name: self._read(index, name) for name in FIELDS}
        return Episode(**parts, seed=int(self._attributes(index)["seed"]))

    def read_frames(self, index: int, start: int, stop: int) -> Frames:
        """Read obs[start:stop] (stop - start, H, W, C) of one episode; other chunks aren't touched.

        Raises:
            UserError: if a chunk is missing, cut off or altered.
        """
        return self._read(index, "obs", start, stop)

    def read_reward(self, index: int) -> FloatArray:
        """Read the rewards (T,) of one episode.

        Raises:
            UserError: if they are missing, cut off or altered.
        """
        return self._read(index, "reward")

    def _new_place(self, index: int) -> Path:
        return self.root / f"{index:06d}{SUFFIX}"

    def _place(self, index: int) -> Path:
        """Where an episode lies."""
        older = self.root / f"{index:06d}"
        return (
            older
            if older.is_dir() and not self._new_place(index).exists()
            else self._new_place(index)
        )

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(
            prefix=_SCRATCH, dir=self.root, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder)

    def _read(self, index: int, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        try:
            check = partial(self._check_header, index, name)
            return read_array(self._place(index), name, check, start, stop)
        except Exception as error:  # a broken file may surface as nearly any error
            raise self._broken(index, error) from error

    def _check_header(self, index: int, name: str, array: zarr.Array[Any]) -> None:
        """Raises ValueError if an array is not as large as its episode: nothing is unpacked yet."""
        steps = self.length(index)
        frames, chunk = steps + (name == "obs"), array.chunks[0]
        inner = {"obs": self.spec.obs_shape, "action": (self.spec.action_dim,)}.get(name, ())
        shape, most = (frames, *inner), CHUNK_FRAMES if name == "obs" else frames
        if array.shape != shape or array.chunks[1:] != inner or not 0 < chunk <= most:
            raise ValueError(
                f"{name} is {array.shape} in chunks of {array.chunks}, where {shape} was written"
            )

    def _attributes(self, index: int) -> dict[str, Any]:
        try:
            return read_attributes(self._place(index))
        except Exception as error:  # as above
            raise self._broken(index, error) from error

    def _broken(self, index: int, error: Exception) -> UserError:
        return UserError(
            f"{self._place(index)} is damaged ({type(error).__name__}: {error}): delete it and the "
            f"file {self.root.parent / 'DONE'}, then run collect again."
        )

    def _check(self, episode: Episode) -> None:
        steps = len(episode)
        shapes = {
            "obs": (steps + 1, *self.spec.obs_shape),
            "action": (steps, self.spec.action_dim),
            "terminated": (steps,),
            "truncated": (steps,),
        }
        for name, shape in shapes.items():
            if getattr(episode, name).shape != shape or steps == 0:
                found = getattr(episode, name).shape
                raise ValueError(f"{name} of an episode of {steps} steps is {found}, not {shape}")


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _chunk_size(frames: int) -> int:
    return -(-frames // -(-frames // CHUNK_FRAMES))


def _save(path: Path, episode: Episode, compression: int) -> None:
    arrays = {name: getattr(episode, name) for name in FIELDS}
    rows = {name: len(values) for name, values in arrays.items()}
    rows["obs"] = _chunk_size(len(episode.obs))
    write_group(
        path,
        {"seed": int(episode.seed), "steps": len(episode)},
        {name: (values, rows[name]) for name, values in arrays.items()},
        compression,
    )


def _check_same(root: Path, there: EnvSpec, here: EnvSpec) -> None:
    for name, old, new in there.differences(here):
        raise UserError(
            f"{root} holds episodes of another environment ({name} is {old} there and {new} here): "
            "use another name=… or delete that folder."
        )

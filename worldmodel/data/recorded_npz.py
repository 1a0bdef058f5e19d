"""Recordings in npz files.

A file holds one episode or several, one after the other:

- obs: (M, H, W, C) or (M, H, W); read one episode at a time.
- action: (N, A), (N,) or, of whole numbers, (N,) or (N, 1) for choices.
- reward, terminated, truncated, or done in place of the last two: (N,), each optional.
- lengths: (E,) steps of each episode; without it, they end where terminated, truncated or done is
  true, and with the file.

M is N + E, with the frame where each episode ends, or N without those.
"""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from worldmodel.data.recordings import (
    Declared,
    Recorded,
    as_recorded,
    check_columns,
    rename,
    sizes,
)
from worldmodel.types import IntArray, UserError

_BROKEN = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


class NpzRecordings:
    """The episodes of some npz files."""

    declared: Declared | None = None

    def __init__(self, paths: Sequence[Path]) -> None:
        self.sizes = sizes(paths)
        self._files = [_NpzFile(path) for path in paths]

    def __len__(self) -> int:
        """How many episodes there are."""
        return sum(len(file.lengths) for file in self._files)

    @property
    def longest(self) -> int:
        """Steps of the longest episode."""
        return max(int(file.lengths.max()) for file in self._files)

    def actions(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Path and actions (N, ...) of every file."""
        for file in self._files:
            yield str(file.path), file.columns["action"]

    def episodes(self, start: int) -> Iterator[Recorded]:
        """The episodes from number `start` on; frames have to be read in this order."""
        for file in self._files:
            count = len(file.lengths)
            if start < count:
                yield from file.episodes(start)
            start = max(0, start - count)


class _NpzFile:
    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with np.load(path, allow_pickle=False) as arrays:
                self._names = rename(arrays.files, str(path))
                small = {name: self._load(arrays, name) for name in self._names if name != "obs"}
        except _BROKEN as error:
            raise UserError(f"{path} is no readable .npz file ({error}).") from error
        if "obs" not in self._names:
            raise UserError(f"{path} has no obs: it needs the pictures of all steps.")
        lengths = small.pop("lengths", None)
        self.columns = check_columns(str(path), small)
        steps = len(self.columns["action"])
        if not steps:
            raise UserError(f"{path} has no steps: leave it out.")
        self.lengths = self._find_lengths(steps) if lengths is None else lengths
        if self.lengths.ndim != 1 or self.lengths.sum() != steps or (self.lengths < 1).any():
            raise UserError(
                f"{path}: lengths must be the steps of each episode, in sum {steps}, the number of "
                f"actions; it is {np.array2string(self.lengths, threshold=6)}."
            )
        with self._open() as (_, shape, _):
            frames = shape[0]
        self._with_last = frames == steps + len(self.lengths)
        if not self._with_last and frames != steps:
            raise UserError(
                f"{path}: obs has {frames} frames for {steps} actions in {len(self.lengths)} "
                f"episodes: it needs {steps + len(self.lengths)}, or {steps} without the frames "
                "where episodes end."
            )

    def episodes(self, start: int) -> Iterator[Recorded]:
        """Those from number `start` on."""
        ends = np.cumsum(self.lengths)
        with self._open() as (stream, shape, dtype):
            for index, (length, end) in enumerate(zip(self.lengths, ends, strict=True)):
                count = int(length) + self._with_last
                frames = self._read(stream, (count, *shape[1:]), dtype)
                if index < start:
                    continue
                columns = {n: column[end - length : end] for n, column in self.columns.items()}
                yield as_recorded(f"{self.path}, episode {index}", frames, columns)

    def _load(self, arrays: Any, name: str) -> NDArray[Any]:
        try:
            values = np.asarray(arrays[self._names[name]])
        except ValueError as error:
            raise self._no_objects(name) from error
        if values.ndim == 0:
            raise UserError(f"{self.path}: {self._names[name]} is a single number, not an array.")
        return values

    def _find_lengths(self, steps: int) -> IntArray:
        flags = [self.columns[name].astype(bool) for name in ("terminated", "truncated", "done")
                 if name in self.columns]  # fmt: skip
        ended = np.any(flags, axis=0) if flags else np.zeros(steps, bool)
        ends = np.flatnonzero(ended) + 1
        if not len(ends) or ends[-1] != steps:
            ends = np.append(ends, steps)
        return np.diff(ends, prepend=0)

    def _open(self) -> "_Obs":
        return _Obs(self)

    def _read(self, stream: IO[bytes], shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        wanted = int(np.prod(shape)) * dtype.itemsize
        try:
            data = stream.read(wanted)
        except _BROKEN as error:
            raise UserError(f"{self.path}: obs can't be read ({error}).") from error
        if len(data) < wanted:
            raise UserError(f"{self.path}: obs is cut off.")
        return np.frombuffer(data, dtype).reshape(shape)

    def _no_objects(self, name: str) -> UserError:
        return UserError(
            f"{self.path}: {self._names[name]} holds Python objects, which are not unpickled: save "
            "one plain array of numbers, and episodes of different lengths one after the other "
            "with their lengths."
        )


class _Obs:
    """The frames of a file as a stream: (stream, shape, dtype) within a `with`."""

    def __init__(self, file: _NpzFile) -> None:
        self._file = file
        self._zip = zipfile.ZipFile(file.path)
        self._stream: IO[bytes] | None = None

    def __enter__(self) -> tuple[IO[bytes], tuple[int, ...], Any]:
        file = self._file
        try:
            self._stream = self._zip.open(f"{file._names['obs']}.npy")
            version = npy.read_magic(self._stream)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, columns_first, dtype = read(self._stream)
        except _BROKEN as error:
            raise UserError(f"{file.path}: obs can't be read ({error}).") from error
        if dtype.hasobject:
            raise file._no_objects("obs")
        if len(shape) not in (3, 4, 5) or columns_first:
            raise UserError(
                f"{file.path}: obs has the shape {shape}, not (frames, height, width, colours) in "
                "this order of memory: save it by numpy.ascontiguousarray."
            )
        return self._stream, shape, dtype

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()
        self._zip.close()

"""Frames for V: shuffled by chunks and within a buffer, read ahead, in bounded memory."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldmodel.data.episodes import CHUNK_FRAMES, EpisodeStore, chunk_spans
from worldmodel.data.split import newest, repeat_newest, split
from worldmodel.seed import derive
from worldmodel.types import Frames, IntArray, UserError


@dataclass(frozen=True)
class FramesConfig:
    """How frames reach V.

    `buffer_frames` are shuffled together and held in memory (see `FrameData.ram_bound_bytes`);
    `holdout_fraction` of the episodes is never trained on, and at most `holdout_frames` of their
    frames are evaluated. Train episodes that are not replayed ones come `newest_weight` times in
    an epoch (None: once, as the others do).
    """

    batch_size: int
    buffer_frames: int
    holdout_fraction: float
    holdout_frames: int
    newest_weight: int | None

    def __post_init__(self) -> None:
        for key in ("batch_size", "buffer_frames", "holdout_frames"):
            if getattr(self, key) < 1:
                raise ValueError(f"frames.{key} is {getattr(self, key)}: it must be at least 1")
        if not 0 < self.holdout_fraction < 1:
            raise ValueError(
                f"frames.holdout_fraction is {self.holdout_fraction}: it must be between 0 and 1"
            )
        if self.newest_weight is not None and self.newest_weight < 1:
            raise ValueError(
                f"frames.newest_weight is {self.newest_weight}: it must be at least 1 or null"
            )


@dataclass(frozen=True)
class _Group:
    """Frames held in memory, and the order in which they are handed out."""

    frames: Frames
    order: IntArray


class FrameData:
    """Endless batches (B, H, W, C) uint8 of the train episodes' frames.

    In each epoch the chunks are shuffled, joined to groups of about `buffer_frames` and the frames
    of a group shuffled again, while a thread reads the next group. Batches run on over the borders
    of groups and epochs, so every frame comes exactly once per epoch (`newest_weight` times if its
    episode is a newest one) and the stream is a function of the seed alone. Data that fit into the
    buffer are read once and kept.

    Raises:
        UserError: if the store holds no whole episode.
    """

    def __init__(self, store: EpisodeStore, config: FramesConfig, seed: int) -> None:
        lengths = store.lengths()
        if not lengths:
            raise UserError(f"{store.root} holds no whole episode: run collect first.")
        self._store, self._config, self._seed = store, config, seed
        self.train_episodes, self.holdout_episodes = split(
            list(lengths), config.holdout_fraction, seed
        )
        weighted = repeat_newest(self.train_episodes, store.newest_from, config.newest_weight)
        self._chunks = _chunks(weighted, lengths)
        self._held_chunks = _chunks(self.holdout_episodes, lengths)
        self._newest_chunks = _chunks(newest(self.holdout_episodes, store.newest_from), lengths)
        self.frames = _size(self._chunks)
        self._fits = self.frames <= config.buffer_frames
        self._kept: Frames | None = None
        self._held: Tensor | None = None
        self._lock = threading.Lock()

    def ram_bound_bytes(self) -> int:
        """The most memory that one iteration over `batches` holds, in bytes of H·W·C.

        Two groups (the one in use and the one being read), of `buffer_frames` each or one chunk if
        that is more; a batch and its parts; two chunks being unpacked; the hold-out frames.
        """
        config = self._config
        group = max(config.buffer_frames, CHUNK_FRAMES)
        held = min(config.holdout_frames, _size(self._held_chunks))
        count = 2 * group + 2 * config.batch_size + 2 * CHUNK_FRAMES + held
        return count * int(np.prod(self._store.spec.obs_shape))

    def batches(self, start: int) -> Iterator[Tensor]:
        """Batches from step `start` on; seeking there reads no frame that comes before.

        An error while reading ahead is raised here.
        """
        size = self._config.batch_size
        epoch, skip = divmod(start * size, self.frames)
        plan = self._plan(epoch, skip)
        with ThreadPoolExecutor(1, "frames") as reader:
            ahead = reader.submit(self._load, *next(plan))
            parts: list[Frames] = []
            missing = size
            while True:
                group = ahead.result()
                ahead = reader.submit(self._load, *next(plan))
                at = 0
                while at < len(group.order):
                    rows = group.order[at : at + missing]
                    parts.append(group.frames[rows])
                    at, missing = at + len(rows), missing - len(rows)
                    if not missing:
                        whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
                        parts, missing = [], size
                        yield torch.from_numpy(whole)
                        del whole
                del group  # before the next but one is read: never three at once

    def holdout(self) -> Iterable[Tensor]:
        """The same batches at every call: frames spread evenly over the hold-out episodes."""
        if self._held is None:
            self._held = torch.from_numpy(self._spread(self._held_chunks))
        return iter(self._held.split(self._config.batch_size))

    def sample(self) -> Tensor:
        """As many training frames (N, H, W, C) as are held out at most, spread evenly."""
        return torch.from_numpy(self._spread(self._chunks))

    def holdout_newest(self) -> Iterable[Tensor]:
        """The same for the newest hold-out episodes alone, if there are any; read at every call."""
        if not len(self._newest_chunks):
            return iter(())
        frames = torch.from_numpy(self._spread(self._newest_chunks))
        return iter(frames.split(self._config.batch_size))

    def _plan(self, epoch: int, skip: int) -> Iterator[tuple[IntArray, int, int, int]]:
        """Arguments of `_load` for group after group, from frame `skip` of `epoch` on."""
        while True:
            for number, chunks in enumerate(self._groups(epoch)):
                size = _size(chunks)
                if skip < size:
                    yield chunks, epoch, number, skip
                skip = max(skip - size, 0)
            epoch += 1

    def _groups(self, epoch: int) -> list[IntArray]:
        if self._fits:
            return [self._chunks]
        rng = np.random.default_rng(derive(self._seed, "fit", epoch))
        chunks = rng.permutation(self._chunks)
        borders, total = [], 0
        for row, (_, start, stop) in enumerate(chunks.tolist()):
            total += stop - start
            if row and total > self._config.buffer_frames:
                borders.append(row)
                total = stop - start
        return np.split(chunks, borders)

    def _load(self, chunks: IntArray, epoch: int, number: int, skip: int) -> _Group:
        if self._fits:
            with self._lock:
                if self._kept is None:
                    self._kept = self._read(chunks)
            frames = self._kept
        else:
            frames = self._read(chunks)
        rng = np.random.default_rng(derive(self._seed, "fit", epoch, number))
        return _Group(frames, rng.permutation(len(frames))[skip:])

    def _read(self, chunks: IntArray) -> Frames:
        frames = np.empty((_size(chunks), *self._store.spec.obs_shape), np.uint8)
        at = 0
        for episode, start, stop in chunks.tolist():
            frames[at : at + stop - start] = self._store.read_frames(episode, start, stop)
            at += stop - start
        return frames

    def _spread(self, chunks: IntArray) -> Frames:
        """At most `holdout_frames` frames, spread evenly over the chunks."""
        total = _size(chunks)
        count = min(self._config.holdout_frames, total)
        wanted = np.linspace(0, total - 1, count).round().astype(np.int64)
        found, at = [], 0
        for episode, start, stop in chunks.tolist():
            inside = wanted[(wanted >= at) & (wanted < at + stop - start)] - at
            if len(inside):
                found.append(self._store.read_frames(episode, start, stop)[inside])
            at += stop - start
        return np.concatenate(found)


def _chunks(episodes: list[int], lengths: dict[int, int]) -> IntArray:
    """(episode, start, stop) of every chunk."""
    rows = [(episode, *span) for episode in episodes for span in chunk_spans(lengths[episode] + 1)]
    return np.array(rows, np.int64).reshape(-1, 3)


def _size(chunks: IntArray) -> int:
    return int((chunks[:, 2] - chunks[:, 1]).sum())

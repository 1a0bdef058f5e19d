"""Frames for V: shuffled by chunks and within a buffer, read ahead, in bounded memory."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from worldmodel.data.episodes import CHUNK_FRAMES, EpisodeStore, chunk_spans
from worldmodel.data.motion import Bits, find_motion, unpack
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
class _Part:
    """Frames (N, H, W, C), and which of their pixels move, as `find_motion` packs them."""

    frames: Frames
    motion: Bits

    def take(self, rows: IntArray) -> "_Part":
        """Some of them."""
        return _Part(self.frames[rows], self.motion[rows])

    @staticmethod
    def join(parts: list["_Part"]) -> "_Part":
        """All of them."""
        if len(parts) == 1:
            return parts[0]
        return _Part(
            np.concatenate([part.frames for part in parts]),
            np.concatenate([part.motion for part in parts]),
        )

    def batch(self) -> dict[str, Tensor]:
        """As V takes them."""
        moves = unpack(self.motion, *self.frames.shape[1:3])
        return {"frames": torch.from_numpy(self.frames), "moves": torch.from_numpy(moves)}

    def batches(self, size: int) -> Iterator[dict[str, Tensor]]:
        """In order, `size` at a time."""
        for at in range(0, len(self.frames), size):
            yield self.take(np.arange(at, min(at + size, len(self.frames)))).batch()


@dataclass(frozen=True)
class _Group:
    """Frames held in memory, and the order in which they are handed out."""

    part: _Part
    order: IntArray


class FrameData:
    """Endless batches of the train episodes' frames, as `VAE.loss` takes them.

    A batch holds `frames` uint8 (B, H, W, C) and `moves` bool (B, H, W), the pixels that change
    from step to step by more than `motion`.

    In each epoch the chunks are shuffled, joined to groups of about `buffer_frames` and the frames
    of a group shuffled again, while a thread reads the next group. Batches run on over the borders
    of groups and epochs, so every frame comes exactly once per epoch (`newest_weight` times if its
    episode is a newest one) and the stream is a function of the seed alone. Data that fit into the
    buffer are read once and kept.

    Raises:
        UserError: if the store holds no whole episode.
    """

    def __init__(self, store: EpisodeStore, config: FramesConfig, seed: int, motion: float) -> None:
        lengths = store.lengths()
        if not lengths:
            raise UserError(f"{store.root} holds no whole episode: run collect first.")
        self._store, self._config, self._seed, self._motion = store, config, seed, motion
        self.train_episodes, self.holdout_episodes = split(
            list(lengths), config.holdout_fraction, seed
        )
        weighted = repeat_newest(self.train_episodes, store.newest_from, config.newest_weight)
        self._chunks = _chunks(weighted, lengths)
        self._held_chunks = _chunks(self.holdout_episodes, lengths)
        self._newest_chunks = _chunks(newest(self.holdout_episodes, store.newest_from), lengths)
        self.frames = _size(self._chunks)
        self._fits = self.frames <= config.buffer_frames
        self._kept: _Part | None = None
        self._held: _Part | None = None
        self._lock = threading.Lock()

    def ram_bound_bytes(self) -> int:
        """The most memory that one iteration over `batches` holds, in bytes.

        Two groups (the one in use and the one being read), of `buffer_frames` each or one chunk if
        that is more; a batch and its parts; two chunks being unpacked; the hold-out frames.
        """
        config = self._config
        group = max(config.buffer_frames, CHUNK_FRAMES)
        held = min(config.holdout_frames, _size(self._held_chunks))
        count = 2 * group + 2 * config.batch_size + 2 * CHUNK_FRAMES + held
        height, width, colours = self._store.spec.obs_shape
        bits = -(-height * width // 8)
        return count * (height * width * colours + bits) + 2 * config.batch_size * height * width

    def batches(self, start: int) -> Iterator[dict[str, Tensor]]:
        """Batches from step `start` on; seeking there reads no frame that comes before.

        An error while reading ahead is raised here.
        """
        size = self._config.batch_size
        epoch, skip = divmod(start * size, self.frames)
        plan = self._plan(epoch, skip)
        with ThreadPoolExecutor(1, "frames") as reader:
            ahead = reader.submit(self._load, *next(plan))
            parts: list[_Part] = []
            missing = size
            while True:
                group = ahead.result()
                ahead = reader.submit(self._load, *next(plan))
                at = 0
                while at < len(group.order):
                    rows = group.order[at : at + missing]
                    parts.append(group.part.take(rows))
                    at, missing = at + len(rows), missing - len(rows)
                    if not missing:
                        whole = _Part.join(parts)
                        parts, missing = [], size
                        yield whole.batch()
                        del whole
                del group  # before the next but one is read: never three at once

    def holdout(self) -> Iterator[dict[str, Tensor]]:
        """The same batches at every call: frames spread evenly over the hold-out episodes."""
        if self._held is None:
            self._held = self._spread(self._held_chunks)
        return self._held.batches(self._config.batch_size)

    def whole_holdout(self) -> dict[str, Tensor]:
        """All of `holdout` as one batch."""
        parts = list(self.holdout())
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def sample(self) -> dict[str, Tensor]:
        """As many training frames as are held out at most, spread evenly, as one batch."""
        return self._spread(self._chunks).batch()

    def holdout_newest(self) -> Iterator[dict[str, Tensor]]:
        """The same for the newest hold-out episodes alone, if there are any; read at every call."""
        if not len(self._newest_chunks):
            return iter(())
        return self._spread(self._newest_chunks).batches(self._config.batch_size)

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
            part = self._kept
        else:
            part = self._read(chunks)
        rng = np.random.default_rng(derive(self._seed, "fit", epoch, number))
        return _Group(part, rng.permutation(len(part.frames))[skip:])

    def _read(self, chunks: IntArray) -> _Part:
        shape = self._store.spec.obs_shape
        frames = np.empty((_size(chunks), *shape), np.uint8)
        motion = np.empty((len(frames), -(-shape[0] * shape[1] // 8)), np.uint8)
        at = 0
        for episode, start, stop in chunks.tolist():
            rows = slice(at, at + stop - start)
            frames[rows] = self._store.read_frames(episode, start, stop)
            motion[rows] = find_motion(frames[rows], self._motion)
            at += stop - start
        return _Part(frames, motion)

    def _spread(self, chunks: IntArray) -> _Part:
        """At most `holdout_frames` frames, spread evenly over the chunks."""
        total = _size(chunks)
        count = min(self._config.holdout_frames, total)
        wanted = np.linspace(0, total - 1, count).round().astype(np.int64)
        found, at = [], 0
        for episode, start, stop in chunks.tolist():
            inside = wanted[(wanted >= at) & (wanted < at + stop - start)] - at
            if len(inside):
                frames = self._store.read_frames(episode, start, stop)
                found.append(_Part(frames, find_motion(frames, self._motion)).take(inside))
            at += stop - start
        return _Part.join(found)


def _chunks(episodes: list[int], lengths: dict[int, int]) -> IntArray:
    """(episode, start, stop) of every chunk."""
    rows = [(episode, *span) for episode in episodes for span in chunk_spans(lengths[episode] + 1)]
    return np.array(rows, np.int64).reshape(-1, 3)


def _size(chunks: IntArray) -> int:
    return int((chunks[:, 2] - chunks[:, 1]).sum())

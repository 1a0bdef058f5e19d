"""Rendered frames without the copies that environments make of what pygame drew.

Such an environment draws on a surface and returns
`np.transpose(np.array(pygame.surfarray.pixels3d(surface)), (1, 0, 2))`. That copy takes a single
byte at a time, and longer than the drawing. While `render` runs, `Drawing` puts functions of its
own in the place of pygame's, which give the surface's own memory to `np.array`. What comes back is
the same frame, however it was turned or cut, and is copied once, four bytes at a time.
"""

import ctypes
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from worldmodel.types import Frames

_LOCK = threading.RLock()  # pygame's functions are the whole process's
_BYTES = {(16, 8, 0): cv2.COLOR_BGRA2RGB, (0, 8, 16): cv2.COLOR_RGBA2RGB}  # by shifts of R, G, B
# glibc's names for its limits, from malloc.h, and what they are set to.
_LIMITS = {"M_MMAP_THRESHOLD": (-3, 32 << 20), "M_TRIM_THRESHOLD": (-1, 256 << 20)}


class Drawing:
    """`render` of one environment with render_mode="rgb_array", by the cheapest way that is right.

    The first frame that pygame may have drawn decides for good: it is rendered from a copy of the
    surface. Where the frame is no view of that copy, where the environment keeps it or draws on
    after it was taken, or where anything fails, `render` is called as it is.

    Attributes:
        direct: whether frames are read from the surface; None before the first of them.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        self.direct: bool | None = None
        self._env = env
        self._images: dict[str, Any] = {}

    def frame(self) -> Any:
        """Draw the present frame, in an array that nobody else has; what `render` returns else."""
        pygame = sys.modules.get("pygame")
        if self.direct is False or pygame is None:
            return self._env.render()
        with suppress(Exception):  # one of the environment itself shows again below
            return self._direct(pygame, trial=self.direct is None)
        self.direct = False
        return self._env.render()  # by now no surface is locked any more

    def _direct(self, pygame: Any, trial: bool) -> Any:
        surfaces = _Surfaces(pygame.surfarray, trial)
        with _in_place(pygame, surfaces, self._images):
            frame: Any = self._env.render()
        view = surfaces.find(frame)
        if view is None:
            self.direct = False
            return frame
        copy = view.copy(frame)
        untouched = not trial or view.untouched()
        kept = weakref.ref(view.array)
        del frame, view, surfaces
        # Who keeps a frame would see it change with the surface.
        self.direct = untouched and kept() is None
        if self.direct:
            keep_freed_memory()
        return copy


class _View:
    """The pixels (W, H, 3) of one surface, as they were handed out."""

    def __init__(self, array: NDArray[np.uint8], live: NDArray[np.uint8], shifts: Any) -> None:
        self.array = array
        self._live = live
        self._code = _BYTES.get(tuple(shifts[:3]))

    def untouched(self) -> bool:
        """Whether the surface still shows what it showed when the frame was taken."""
        return np.array_equal(self.array, self._live)

    def copy(self, frame: NDArray[np.uint8]) -> Frames:
        """The bytes of a part (H, W, 3) of it, turned in any way."""
        step = {cv2.COLOR_BGRA2RGB: -1, cv2.COLOR_RGBA2RGB: 1}.get(self._code or -1)
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.strides[1:] != (4, step):
            return np.array(frame)
        assert self._code is not None
        pixels = frame[:, :, ::step]
        whole = as_strided(pixels, (*frame.shape[:2], 4), (*frame.strides[:2], 1), writeable=False)
        return np.asarray(cv2.cvtColor(whole, self._code), np.uint8)


class _Surfaces:
    """Hands out pixels, of the surfaces themselves or, for a trial, of copies of them."""

    def __init__(self, surfarray: Any, trial: bool) -> None:
        self._trial = trial
        self._pixels3d = surfarray.pixels3d
        self._array3d = surfarray.array3d
        self._views: list[_View] = []

    def pixels3d(self, surface: Any) -> Any:
        """In place of pygame's: an array until it is asked for a copy."""
        return _Pixels(self._pixels3d(surface), lambda: self._view(surface))

    def array3d(self, surface: Any) -> Any:
        """In place of pygame's: the array that would be copied, read-only."""
        if surface.get_bitsize() != 32:
            return self._array3d(surface)
        return self._view(surface)

    def find(self, frame: Any) -> _View | None:
        """The pixels that `frame` is a view of."""
        if not isinstance(frame, np.ndarray):
            return None
        mine = [view for view in self._views if frame is view.array or frame.base is view.array]
        return mine[0] if mine else None

    def _view(self, surface: Any) -> NDArray[np.uint8]:
        live = self._pixels3d(surface)
        array = self._pixels3d(surface.copy()) if self._trial else live
        array.flags.writeable = False
        self._views.append(_View(array, live, surface.get_shifts()))
        return array


class _Pixels:
    """Stands for `pixels3d(surface)`; numpy.array takes a view of it instead of a copy."""

    def __init__(self, live: NDArray[np.uint8], view: Callable[[], NDArray[np.uint8]]) -> None:
        self._live = live
        self._view = view

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy and dtype in (None, np.uint8):
            return self._view()
        return np.array(self._live, dtype)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # numpy asks for other ways to the memory first
            raise AttributeError(name)
        return getattr(self._live, name)

    def __getitem__(self, key: Any) -> Any:
        return self._live[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._live[key] = value


@contextmanager
def _in_place(pygame: Any, surfaces: _Surfaces, images: dict[str, Any]) -> Iterator[None]:
    """For this thread, `surfaces` in place of pygame's; pictures are read from disk once."""
    load, thread = pygame.image.load, threading.get_ident()

    def load_once(*args: Any) -> Any:
        if len(args) != 1 or not isinstance(args[0], str | os.PathLike):
            return load(*args)
        path = os.fspath(args[0])
        if path not in images:
            images[path] = load(path)
        return images[path].copy()

    ours = [
        (pygame.surfarray, "pixels3d", surfaces.pixels3d),
        (pygame.surfarray, "array3d", surfaces.array3d),
        (pygame.image, "load", load_once),
    ]
    with _LOCK:
        before = [(module, name, getattr(module, name)) for module, name, _ in ours]
        try:
            for (module, name, function), (_, _, original) in zip(ours, before, strict=True):
                setattr(module, name, _for_thread(thread, function, original))
            yield
        finally:
            for module, name, original in before:
                setattr(module, name, original)


def _for_thread(
    thread: int, ours: Callable[..., Any], original: Callable[..., Any]
) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        chosen = ours if threading.get_ident() == thread else original
        return chosen(*args, **kwargs)

    return call


@lru_cache(maxsize=1)
def keep_freed_memory() -> None:
    """Keep the memory of freed surfaces in this process, where its C library is glibc.

    pygame makes new surfaces of a megabyte for every frame. Given back to the system each time,
    their pages are cleared again each time, which takes longer than to draw on them.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        if hasattr(libc, "gnu_get_libc_version"):
            for option, value in _LIMITS.values():
                libc.mallopt(option, value)

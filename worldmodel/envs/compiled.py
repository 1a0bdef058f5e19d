"""Functions compiled by numba, and kept on disk for the next process where that can be."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import gymnasium as gym
from numba import config, njit
from numba.core.caching import FunctionCache

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """`function` in machine code, from its first call with arguments of these types on.

    The same numbers as in Python: nothing is reordered, and no product is fused with a sum. It is
    compiled under NUMBA_DISABLE_JIT, too: what reads memory by its address has no other way.
    """
    before = config.CACHE_DIR, config.DISABLE_JIT
    folder = _folder(config.CACHE_DIR)
    config.CACHE_DIR, config.DISABLE_JIT = folder or "", 0
    try:
        dispatcher = njit(function)
        if folder is not None:
            dispatcher._cache = _Kept(function)
        return dispatcher
    finally:
        config.CACHE_DIR, config.DISABLE_JIT = before


class _Kept(FunctionCache):
    """numba's own, but one process writes at a time.

    Two that write the code for different types at once would give it the same name.
    """

    def save_overload(self, sig: Any, data: Any) -> None:
        """Add the code for one signature."""
        folder = Path(self.cache_path)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("a") as lock:
            with suppress(OSError):  # a file system that knows no locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            super().save_overload(sig, data)


@lru_cache(maxsize=4)
def _folder(given: str) -> str | None:
    """One for each state of the code, as numba looks at a function's own file alone.

    What a function calls in other files, and gymnasium's constants, are compiled into it. None
    where nothing can be written, neither in NUMBA_CACHE_DIR nor beside the code nor at home.
    """
    digest = hashlib.sha256(gym.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    bases = [Path(given)] if given else []
    for base in [*bases, Path(__file__).parent / "__pycache__", home / "worldmodel"]:
        folder = base / f"compiled-{digest.hexdigest()[:16]}"
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return os.fspath(folder.resolve())
    return None

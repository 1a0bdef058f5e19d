"""Functions compiled by numba, and kept on disk for the next process where that can be."""

import hashlib
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import gymnasium as gym
from numba import config, njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """`function` in machine code, from its first call with arguments of these types on.

    The same numbers as in Python: nothing is reordered, and no product is fused with a sum.
    """
    before = config.CACHE_DIR
    config.CACHE_DIR = _folder(before)
    try:
        return njit(cache=True)(function)
    except RuntimeError:  # no folder can be written to, neither beside the code nor at home
        return njit(function)
    finally:
        config.CACHE_DIR = before


@lru_cache(maxsize=1)
def _folder(given: str) -> str:
    """One for each state of the code: numba looks at a function's own file alone.

    What a function calls in other files, and gymnasium's constants, are compiled into it.
    """
    digest = hashlib.sha256(gym.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    base = Path(given) if given else Path(__file__).parent / "__pycache__"
    return os.fspath(base / f"worldmodel-{digest.hexdigest()[:16]}")
